"""The cost of erasing one account from a year of lines: `python -m bench.erase_account --lines 10000000`.

A warehouse of a year is made of 200 accounts, each line with its payload and its decision, in the files that syncs and
upkeep make of it (a month and an eighth of the accounts a file). Then one account goes, as `kobosift erase` does it.
Each step is timed; told besides are the rows erased and the bytes of the files that were written anew.
"""

from __future__ import annotations

import argparse
import json
import resource
import shutil
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from unittest.mock import patch

from pipelines import look, retention
from resources.clock import FixedClock
from resources.settings import Settings
from resources.warehouse import compaction, erasures
from resources.warehouse.connection import Warehouse, open_warehouse

NOW = datetime(2026, 1, 2, tzinfo=UTC)
ACCOUNTS = 200
GOING = "64779d900000000000000007"


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--lines", type=int, default=1_000_000)
    lines = arguments.parse_args().lines
    folder = Path(tempfile.mkdtemp(prefix="kobosift-bench-"))
    try:
        settings = Settings(kobosift_home=folder / "home")
        warehouse = open_warehouse(settings)
        made = _timed(lambda: fill(warehouse, lines))
        size = _bytes(settings)
        print(f"{lines:,} lines made in {made:.0f} s: {size >> 20:,} MiB of data files")
        print(json.dumps(erase(warehouse, settings), indent=2))
        warehouse.close()
    finally:
        shutil.rmtree(folder)


def fill(warehouse: Warehouse, lines: int) -> None:
    """A year of lines, a month at a time, with a decision each."""
    warehouse.write(lambda con: con.execute(_LINKS, [ACCOUNTS]), run_id="bench", note="")
    for month in range(12):
        values = {"accounts": ACCOUNTS, "first": month * lines // 12, "last": (month + 1) * lines // 12, "month": month}
        for statement in (_LINES, _DECISIONS):
            used = {name: value for name, value in values.items() if f"${name}" in statement}
            warehouse.write(lambda con, s=statement, u=used: con.execute(s, u), run_id="bench", note="")


def erase(warehouse: Warehouse, settings: Settings) -> dict[str, object]:
    """Erase one account; what it took, by step in CPU seconds."""
    before = set(settings.kobosift_home.joinpath("data").rglob("*.parquet"))
    steps: dict[str, float] = {}

    def timed(name: str, work):
        def run(*arguments, **named):
            began = _cpu()
            try:
                return work(*arguments, **named)
            finally:
                steps[name] = round(steps.get(name, 0) + _cpu() - began, 2)

        return run

    with (
        patch.object(erasures, "erase", timed("delete", erasures.erase)),
        patch.object(compaction, "make_physical", timed("make physical", compaction.make_physical)),
        patch.object(look.Look, "clear_and_look", timed("look", look.Look.clear_and_look)),
    ):
        began, worked = time.perf_counter(), _cpu()
        (done,) = retention.erase_account(warehouse, settings, FixedClock(NOW), GOING, run_id="bench")
        whole, worked = time.perf_counter() - began, _cpu() - worked
    written = [path for path in settings.kobosift_home.joinpath("data").rglob("*.parquet") if path not in before]
    return {
        "seconds": round(whole, 1),
        "CPU seconds": round(worked, 1),
        "steps": steps,
        "rows": done.counts,
        "proved": done.proved,
        "remnants": done.remnants,
        "written MiB": sum(path.stat().st_size for path in written) >> 20,
        "files written": len(written),
        "files before": len(before),
    }


def _cpu() -> float:
    """What this process and those it waited for have worked, in seconds."""
    used = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(each.ru_utime + each.ru_stime for each in used)


def _timed(work) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _bytes(settings: Settings) -> int:
    return sum(path.stat().st_size for path in settings.kobosift_home.joinpath("data").rglob("*.parquet"))


_LINKS = """
INSERT INTO accounts (account_id, organization_id, environment, status, holder, currency, linked_at)
SELECT format('64779d90000000000000{:04d}', i), 'org', 'sandbox', 'linked', 'HOLDER ' || i, 'NGN',
    TIMESTAMPTZ '2024-12-01'
FROM range(?) t(i)
"""
_LINES = """
INSERT INTO transactions BY NAME
SELECT 'org' AS organization_id, 'sandbox' AS environment, account_id, transaction_id, 1 AS version,
    CAST(day AS TIMESTAMPTZ) AS booked_at, CAST(day AS DATE) AS day, 'credit' AS direction, 100000 + i % 977 AS amount,
    'NGN' AS currency, narration, 'settled' AS status, [] :: VARCHAR[] AS tags,
    format('{{"_id":"{}","narration":"{}","amount":{},"type":"credit","date":"{}"}}', transaction_id, narration,
        100000 + i % 977, day) AS payload, md5(transaction_id) AS payload_hash, now() AS received_at, 'bench' AS run_id
FROM (
    SELECT i, format('64779d90000000000000{:04d}', i % $accounts) AS account_id,
        md5(CAST(i AS VARCHAR))[:24] AS transaction_id,
        format('NIP/GTB/PAYER {} {}/payment {}', hash(i) % 90000, hash(i + 1) % 3000, i) AS narration,
        DATE '2025-01-01' + to_months($month) + to_days(CAST(i % 28 AS INTEGER)) AS day
    FROM range($first, $last) t(i)
)
ORDER BY account_id, day
"""
_DECISIONS = """
INSERT INTO decisions BY NAME
SELECT organization_id, environment, account_id, transaction_id, day, version, 'rejected' AS outcome,
    'personal_or_low_confidence' AS reason, 'low_confidence' AS detail, 12 AS rule, 20 AS score,
    split_part(narration, '/', 3) AS counterparty, 'nip' AS rail, now() AS decided_at, 'bench' AS trace_id
FROM transactions
WHERE day >= DATE '2025-01-01' + to_months($month) AND day < DATE '2025-01-01' + to_months($month + 1)
"""


if __name__ == "__main__":
    main()
