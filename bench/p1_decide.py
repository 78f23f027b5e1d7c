"""P1: decide bank lines to full decisions with evidence, beside the ways one might do it otherwise.

Every contestant reads the same Parquet file in a process of its own and says how long its work took and how much memory
the process used. The SQL decides the same and is held against ours, line by line; plain Python and business-rules do a
part of the work on a part of the lines, so their rates flatter them; the floor is Polars doing the text scans and
nothing else.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import polars as pl

from bench import data

_SQL = Path(__file__).with_suffix(".sql")
_SAMPLE = 50_000
_BARS = {"sql": 1.2, "floor": 0.5, "python": 30.0, "business_rules": 200.0}


def measure(folder: Path, lines: int, runs: int) -> dict[str, object]:
    """Write the data, let each contestant work, and say how fast each was and whether the bars are met."""
    table, few, many = folder / "lines.parquet", folder / "entries-250.parquet", folder / "entries-10000.parquet"
    data.write_lines(table, lines)
    data.write_entries(few, 250)
    data.write_entries(many, 10_000)
    rates: dict[str, float] = {}
    memory: dict[str, float] = {}
    for name in ("ours", "sql", "floor", "python", "business_rules"):
        told = [_contest(name, table, few, folder / f"{name}.parquet") for _ in range(runs)]
        rates[name] = max(run["lines"] / run["seconds"] for run in told)
        memory[name] = max(run["mebibytes"] for run in told)
    longer = min(_contest("ours", table, many, folder / "many.parquet")["seconds"] for _ in range(runs))
    ratios = {name: rates["ours"] / rates[name] for name in _BARS}
    return {
        "workload": "p1",
        "lines": lines,
        "lines_per_second": rates,
        "memory_mib": memory,
        "ours_to": ratios,
        "met": {name: ratios[name] >= bar for name, bar in _BARS.items()},
        "bars": _BARS,
        "ten_thousand_entries_to_250": longer / (lines / rates["ours"]),
        "alike_with_sql": _alike(folder / "ours.parquet", folder / "sql.parquet"),
    }


def _contest(name: str, table: Path, entries: Path, out: Path) -> dict[str, float]:
    command = [sys.executable, "-m", "bench.p1_decide", name, str(table), str(entries), str(out)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return dict(json.loads(done.stdout))


def _alike(ours: Path, sql: Path) -> float:
    """The share of lines that the SQL decides as we do: detail, score and counterparty."""
    key, told = ["account_id", "transaction_id"], ["detail", "score", "counterparty"]
    both = pl.read_parquet(ours).join(pl.read_parquet(sql), on=key, suffix="_sql")
    same = pl.all_horizontal(pl.col(name).eq_missing(pl.col(f"{name}_sql")) for name in told)
    return float(both.select(same.mean()).item())


def ours(table: Path, entries: Path, out: Path) -> int:
    """The rules as they are."""
    from rules.eligibility import decide

    no_invoices = pl.DataFrame(schema=dict.fromkeys(("organization_id", "environment", "number"), pl.String))
    decide(
        pl.scan_parquet(table),
        policy=data.policy(),
        entries=pl.read_parquet(entries),
        invoices=no_invoices,
        now=data.NOW,
    ).sink_parquet(out, engine="streaming")
    return pl.scan_parquet(table).select(pl.len()).collect().item()


def sql(table: Path, entries: Path, out: Path) -> int:
    """Hand-written DuckDB SQL over the same file, on two threads."""
    import duckdb

    forms = _forms(entries, out.with_suffix(".entries.parquet"))
    con = duckdb.connect(config={"threads": 2})
    con.execute("SET TimeZone = 'UTC'")
    values = {
        "lines": str(table),
        "entries": str(out.with_suffix(".entries.parquet")),
        "now": data.NOW,
        **_patterns(),
        **forms,
    }
    statement = _SQL.read_text("utf-8")
    used = {name: value for name, value in values.items() if f"${name}" in statement}
    for name, value in sorted(used.items(), key=lambda item: -len(item[0])):
        text = str(value).replace("'", "''")
        literal = f"TIMESTAMPTZ '{text}'" if name == "now" else f"'{text}'"
        statement = statement.replace(f"${name}", literal)
    con.execute(f"COPY ({statement}) TO '{out}' (FORMAT parquet)")
    return int(con.execute("SELECT count(*) FROM read_parquet(?)", [str(out)]).fetchall()[0][0])


def _forms(entries: Path, out: Path) -> dict[str, str]:
    """Write the entries in the form that each match compares; patterns that tell which lines any may match."""
    from rules.lists import Lists

    held = Lists.in_force(pl.read_parquet(entries), data.NOW).entries
    held.rename({"compared": "form", "order": "place"}).write_parquet(out)

    def either(field: str, match: str, before: str = "", escaped: bool = True) -> str:
        values = held.filter(pl.col("field") == field, pl.col("match") == match)["compared"].unique().sort()
        return before + "(?:" + "|".join(re.escape(value) if escaped else f"(?:{value})" for value in values) + ")"

    firsts = held.filter(pl.col("field") == "narration", pl.col("match") == "contains")["compared"]
    words = sorted({value.replace("\\", "").split()[0] for value in firsts})
    regexes = either("narration", "regex", escaped=False)
    return {
        "exact_parties": either("counterparty", "exact", "^") + "$",
        "party_starts": either("counterparty", "prefix", "^"),
        "narration_starts": either("narration", "prefix", "^"),
        "narration_any": "(?:" + "|".join(map(re.escape, words)) + ")|" + regexes,
    }


def _patterns() -> dict[str, str]:
    from rules import rails

    policy = data.policy()
    by_name = {rail.name: rail.pattern for rail in rails.RAILS}
    plain = {
        name: f"(?is){by_name[rail]}".replace("?P<name>", "").replace("?P<after>", "").replace("?P<before>", "?:")
        for name, rail in (("between", "between_customers"), ("outward", "outward"))
    }
    kinds = ("business", "personal", "refund", "reversal", "company")
    return {
        **plain,
        **{kind: f"(?:{policy.terms(kind).pattern})" for kind in kinds},
        "boilerplate_words": "|".join(term.whole_words for term in policy.terms("boilerplate").terms),
        "boilerplate": policy.terms("boilerplate").pattern,
        "pattern": str(policy.reference_pattern),
    }


def floor(table: Path, entries: Path, out: Path) -> int:
    """Polars doing only the text scans: normal form, word form, and one search a list of terms."""
    from rules.rails import RAILS
    from rules.text import normalised, word_form

    policy = data.policy()
    beginnings = "|".join(re.escape(start) for rail in RAILS for start in rail.starts)
    words = pl.col("words")
    scans = {
        kind: words.str.contains(policy.terms(kind).pattern)
        for kind in ("business", "personal", "refund", "reversal", "company")
    }
    lines = pl.scan_parquet(table)
    lines.select(
        "account_id",
        "transaction_id",
        words=word_form(normalised(pl.col("narration"))),
        rail=pl.col("narration").str.contains(f"(?i)^(?:{beginnings})"),
        reference=pl.col("narration").str.contains(r"INV-\d+"),
    ).with_columns(**scans).drop("words").sink_parquet(out, engine="streaming")
    return int(lines.select(pl.len()).collect().item())


def python(table: Path, entries: Path, out: Path) -> int:
    """Plain Python with compiled expressions, a line at a time: words, terms and the floor, without rails or lists."""
    policy = data.policy()
    terms = {
        kind: re.compile(policy.terms(kind).pattern)
        for kind in ("business", "personal", "refund", "reversal", "company")
    }
    letters, told = re.compile(r"[\W\d_]+"), []
    for narration, direction, amount in _sample(table):
        words = f" {'  '.join(letters.sub(' ', narration.lower()).split())} "
        found = {kind: (match.group() if (match := pattern.search(words)) else None) for kind, pattern in terms.items()}
        score = 60 * bool(found["business"]) + 30 * bool(found["company"]) + 20 * (amount >= 100_000)
        rejected = (
            (direction == "debit" and not found["refund"]) or found["reversal"] or found["personal"] or score < 50
        )
        told.append(("rejected" if rejected else "eligible", score, found))
    return len(told)


def business_rules(table: Path, entries: Path, out: Path) -> int:
    """The library business-rules with one condition a term, a line at a time."""
    from business_rules import run_all
    from business_rules.actions import BaseActions, rule_action
    from business_rules.variables import (
        BaseVariables,
        boolean_rule_variable,
        numeric_rule_variable,
        string_rule_variable,
    )

    class Line(BaseVariables):
        def __init__(self, narration: str, direction: str, amount: int) -> None:
            self.text, self.way, self.sum = narration.lower(), direction, amount

        @string_rule_variable
        def narration(self) -> str:
            return self.text

        @numeric_rule_variable
        def amount(self) -> int:
            return self.sum

        @boolean_rule_variable
        def credit(self) -> bool:
            return self.way == "credit"

    class Told(BaseActions):
        outcome = None

        @rule_action()
        def take(self) -> None:
            self.outcome = "eligible"

        @rule_action()
        def refuse(self) -> None:
            self.outcome = "rejected"

    def contains(kind: str) -> list[dict[str, str]]:
        words = [term.text.strip("*") for term in data.policy().terms(kind).terms]
        return [{"name": "narration", "operator": "contains", "value": word} for word in words]

    rules = [
        {
            "conditions": {
                "any": [
                    {"name": "credit", "operator": "is_false", "value": True},
                    *contains("personal"),
                    *contains("reversal"),
                ]
            },
            "actions": [{"name": "refuse"}],
        },
        {
            "conditions": {
                "all": [
                    {"name": "amount", "operator": "greater_than_or_equal_to", "value": 100_000},
                    {"any": [*contains("business"), *contains("company")]},
                ]
            },
            "actions": [{"name": "take"}],
        },
    ]
    done = 0
    for narration, direction, amount in _sample(table):
        run_all(
            rule_list=rules,
            defined_variables=Line(narration, direction, amount),
            defined_actions=Told(),
            stop_on_first_trigger=True,
        )
        done += 1
    return done


def _sample(table: Path) -> list[tuple[str, str, int]]:
    return pl.read_parquet(table, columns=["narration", "direction", "amount"], n_rows=_SAMPLE).rows()


CONTESTANTS: dict[str, Callable[[Path, Path, Path], int]] = {
    "ours": ours,
    "sql": sql,
    "floor": floor,
    "python": python,
    "business_rules": business_rules,
}


def main() -> None:
    """One contestant's run, in a process of its own."""
    parser = argparse.ArgumentParser()
    parser.add_argument("name", choices=CONTESTANTS)
    parser.add_argument("paths", nargs=3, type=Path)
    given = parser.parse_args()
    began = time.perf_counter()
    lines = CONTESTANTS[given.name](*given.paths)
    seconds = time.perf_counter() - began
    # The process's own high-water mark: that of getrusage begins with the parent's.
    status = Path("/proc/self/status").read_text("utf-8")
    peak = int(re.findall(r"VmHWM:\s+(\d+)", status)[0]) / 1024
    print(json.dumps({"lines": lines, "seconds": seconds, "mebibytes": peak}))


if __name__ == "__main__":
    main()
