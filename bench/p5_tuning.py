"""P5: replay a changed policy over stored lines, and sweep its numbers, beside one decide of the same lines (P1).

The lines are those of P1, stored and decided in a warehouse. Each contestant works in a process of its own and says how
long its work took and how much memory it used; the decide reads the same lines from Parquet and writes its decisions.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import duckdb

from assets.decisions import decide_days
from assets.replays import Scope
from assets.replays import replay as replayed
from assets.sweeps import sweep as swept
from bench import data
from bench.p1_decide import ours
from resources.clock import FixedClock
from resources.warehouse.connection import Warehouse
from rules.knobs import parse_knob

_BARS = {"replay_all_words": 1.3, "replay_a_word": 1.3, "replay_numbers": 1.3, "sweep": 2.0}
_NUMBERS = {"points.minimum": 70, "floor.NGN": "5000"}
_WORDS = {
    "terms.business": ["invoice*", "payment*", "supply", "contract*"],
    "terms.boilerplate": ["nibss instant payment*", "nip transfer"],
    **_NUMBERS,
}
_KNOBS = ("points.minimum=0:199:1", "floor.NGN=0:19900:100")


def measure(folder: Path, lines: int, runs: int) -> dict[str, object]:
    """Store and decide the lines, let each contestant work, and say how they compare and whether the bars are met."""
    table, entries = folder / "lines.parquet", folder / "entries-250.parquet"
    data.write_lines(table, lines)
    data.write_entries(entries, 250)
    store(folder / "home", table, entries)
    told = {name: [_contest(name, folder) for _ in range(runs)] for name in CONTESTANTS}
    seconds = {name: min(run["seconds"] for run in each) for name, each in told.items()}
    ratios = {name: seconds[name] / seconds["decide"] for name in _BARS}
    return {
        "workload": "p5",
        "lines": lines,
        "lines_per_second": {name: lines / each for name, each in seconds.items()},
        "memory_mib": {name: max(run["mebibytes"] for run in each) for name, each in told.items()},
        "to_decide": ratios,
        "bars": _BARS,
        "met": {name: ratios[name] <= bar for name, bar in _BARS.items()},
    }


def store(home: Path, table: Path, entries: Path) -> None:
    """A warehouse with the lines, the entries and some labels, decided under the bench's policy."""

    home.mkdir()
    warehouse = _warehouse(home)
    warehouse.migrate()
    values = {"table": str(table), "entries": str(entries)}

    def fill(con: duckdb.DuckDBPyConnection) -> None:
        for statement in _FILL:
            con.execute(statement, {name: value for name, value in values.items() if f"${name}" in statement})

    warehouse.write(fill, run_id="bench", note="bench")
    clock = FixedClock(data.NOW)
    decide_days(warehouse, policy=data.policy(), clock=clock, trace_id="bench", run_id="bench", only_stale=False)
    warehouse.close()


_FILL = (
    """INSERT INTO transactions BY NAME
    SELECT * EXCLUDE (holder, account_currency), '{}' AS payload, transaction_id AS payload_hash
    FROM read_parquet($table) ORDER BY day""",
    """INSERT INTO accounts BY NAME
    SELECT account_id, any_value(organization_id) AS organization_id, any_value(environment) AS environment,
        'linked' AS status, any_value(holder) AS holder, any_value(account_currency) AS currency
    FROM read_parquet($table) GROUP BY account_id""",
    "INSERT INTO list_entries BY NAME SELECT * FROM read_parquet($entries)",
    """INSERT INTO labels BY NAME
    SELECT organization_id, environment, account_id, transaction_id,
        CASE WHEN hash(transaction_id) % 2 = 0 THEN 'business' ELSE 'personal' END AS label,
        'bench' AS labelled_by, now() AS labelled_at
    FROM read_parquet($table) LIMIT 20000""",
)


def _warehouse(home: Path) -> Warehouse:
    return Warehouse(f"sqlite:{home / 'catalog.sqlite'}", str(home / "data"), home)


def _contest(name: str, folder: Path) -> dict[str, float]:
    command = [sys.executable, "-m", "bench.p5_tuning", name, str(folder)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return dict(json.loads(done.stdout))


def decide(folder: Path) -> None:
    """P1's decide."""
    ours(folder / "lines.parquet", folder / "entries-250.parquet", folder / "decided")


def replay_all_words(folder: Path) -> None:
    """A policy with other boilerplate and business words over all stored lines: every text is read again."""
    _replay(folder, _WORDS)


def replay_a_word(folder: Path) -> None:
    """A policy with a word more and a word less, as one tunes words: texts that may hold either are read again."""
    _replay(folder, {"terms.personal": [*data.policy().file.terms.personal[:-1], "printing"]})


def replay_numbers(folder: Path) -> None:
    """A policy with other numbers over all stored lines."""
    _replay(folder, _NUMBERS)


def _replay(folder: Path, changes: Mapping[str, object]) -> None:
    found = replayed(
        _warehouse(folder / "home"),
        policy=data.policy().changed(changes),
        clock=FixedClock(data.NOW),
        scope=Scope(),
        out=folder / "flips.parquet",
    )
    assert found.summary.flipped > 0
    assert found.summary.undecided == 0


def sweep(folder: Path) -> None:
    """200 minimum scores by 200 floors over all stored lines."""
    found = swept(
        _warehouse(folder / "home"),
        policy=data.policy(),
        knobs=[parse_knob(text) for text in _KNOBS],
        clock=FixedClock(data.NOW),
        scope=Scope(),
    )
    assert len(found.points) == 40_000


CONTESTANTS = {each.__name__: each for each in (decide, replay_all_words, replay_a_word, replay_numbers, sweep)}


def main() -> None:
    """One contestant's run, in a process of its own."""
    parser = argparse.ArgumentParser()
    parser.add_argument("name", choices=CONTESTANTS)
    parser.add_argument("folder", type=Path)
    given = parser.parse_args()
    began = time.perf_counter()
    CONTESTANTS[given.name](given.folder)
    seconds = time.perf_counter() - began
    status = Path("/proc/self/status").read_text("utf-8")
    peak = int(re.findall(r"VmHWM:\s+(\d+)", status)[0]) / 1024
    print(json.dumps({"seconds": seconds, "mebibytes": peak}))


if __name__ == "__main__":
    main()
