"""P1: decide bank lines to full decisions with evidence, beside the ways one might do it otherwise.

Every contestant reads the same Parquet file in a process of its own, hands its decisions over in memory, and says how
long that took and how much memory the process used. Starting the process, its imports and a thousand lines to warm up
are left out for all alike, and so is writing the decisions to a file. The slow ones work on the first lines only; rates
compare. The SQL and plain Python decide the same and are held against the rules, line by line. business-rules has every
term and entry as a condition, but no rails and no evidence, which flatters it. The floor is Polars doing the text scans
that a decision needs, and nothing else.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import polars as pl

from bench import data

_SQL = Path(__file__).with_suffix(".sql")
_BARS = {"sql": 1.2, "floor": 0.5, "python": 30.0, "business_rules": 200.0}
_SAMPLES = {"python": 40_000, "business_rules": 2_000}
_WARM_UP = 1_000
_COMPARED = 50_000
_BATCH = 500_000  # lines at a time, as the product decides days in batches of lines, of half as many


def measure(folder: Path, lines: int, runs: int) -> dict[str, object]:
    """Write the data, let each contestant work, and say how fast each was and whether the bars are met."""
    table, few, many = folder / "lines.parquet", folder / "entries-250.parquet", folder / "entries-10000.parquet"
    data.write_lines(table, lines)
    data.write_lines(folder / "warm-up.parquet", _WARM_UP)
    data.write_entries(few, 250)
    data.write_entries(many, 10_000)
    best = {name: _best_of(runs, name, table, few) for name in CONTESTANTS}
    longer = _best_of(runs, "ours", table, many)
    rates = {name: run["lines"] / run["seconds"] for name, run in best.items()}
    ratios = {name: rates["ours"] / rates[name] for name in _BARS}
    return {
        "workload": "p1",
        "lines": lines,
        "lines_per_second": rates,
        "memory_mib": {name: run["mebibytes"] for name, run in best.items()},
        "ours_to": ratios,
        "met": {name: ratios[name] >= bar for name, bar in _BARS.items()},
        "bars": _BARS,
        "ten_thousand_entries_to_250": longer["seconds"] / best["ours"]["seconds"],
        **_alike(folder, min(lines, _COMPARED), few),
    }


def _best_of(runs: int, name: str, table: Path, entries: Path) -> dict[str, float]:
    """The quickest run of a contestant, and the most memory that any of them took."""
    command = [sys.executable, "-m", "bench.p1_decide", name, str(table), str(entries)]
    told = [json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout) for _ in range(runs)]
    return min(told, key=lambda run: float(run["seconds"])) | {"mebibytes": max(run["mebibytes"] for run in told)}


def _alike(folder: Path, lines: int, entries: Path) -> dict[str, float]:
    """The shares of lines that the SQL and plain Python decide as we do, evidence and all."""
    table, key = folder / "compared.parquet", ["account_id", "transaction_id"]
    data.write_lines(table, lines)
    ours(table, entries, folder / "ours")
    rules = pl.read_parquet(folder / "ours")
    told: dict[str, float] = {}
    for name, contestant in (("sql", sql), ("python", python)):
        contestant(table, entries, folder / f"{name}.parquet")
        theirs = pl.read_parquet(folder / f"{name}.parquet")
        both = rules.join(theirs, on=key, suffix="_theirs")
        shared = [column for column in ALIKE if column in theirs.columns]
        same = pl.all_horizontal(pl.col(column).eq_missing(pl.col(f"{column}_theirs")) for column in shared)
        told[f"alike_with_{name}"] = float(both.select(same.sum()).item()) / lines
    return told


ALIKE = ("detail", "score", "counterparty", "reference", "deny_entry", "allow_entry", "rail")
"""What of a decision is compared, where the other tells it."""


def ours(table: Path, entries: Path, out: Path | None = None) -> int:
    """The rules as they are, in batches of lines; `out` is a folder with a file of each."""
    from rules.lists import Lists
    from rules.overrules import OVERRULES, decide_lifted

    no_invoices = pl.DataFrame(schema=dict.fromkeys(("organization_id", "environment", "number"), pl.String))
    lists = Lists.in_force(pl.read_parquet(entries), data.NOW)
    beside = {"lists": lists, "invoices": no_invoices, "overrules": OVERRULES.to_frame()}
    lines, policy = pl.scan_parquet(table), data.policy()

    def decided(start: int) -> int:
        batch = decide_lifted(lines.slice(start, _BATCH).collect(), policy=policy, now=data.NOW, **beside)
        if out is not None:
            batch.write_parquet(out / f"{start}.parquet")
        return len(batch)

    if out is not None:
        out.mkdir(exist_ok=True)
    return sum(map(decided, range(0, lines.select(pl.len()).collect().item(), _BATCH)))


def _handed_over(frame: pl.LazyFrame) -> int:
    """The number of rows of a frame whose every column was made, batch by batch."""
    rows = 0

    def count(batch: pl.DataFrame) -> None:
        nonlocal rows
        rows += batch.height

    frame.sink_batches(count, engine="streaming")
    return rows


def sql(table: Path, entries: Path, out: Path | None = None) -> int:
    """Hand-written DuckDB SQL over the same file, on two threads."""
    import duckdb

    con = duckdb.connect(config={"threads": 2})
    con.execute("SET TimeZone = 'UTC'")
    statement = _statement(table, entries)
    if out is not None:
        con.execute(f"COPY ({statement}) TO '{out}' (FORMAT parquet)")
        return int(con.execute("SELECT count(*) FROM read_parquet(?)", [str(out)]).fetchall()[0][0])
    # A hash over the row makes every column, and costs less than taking the rows out.
    return int(con.sql(statement).set_alias("d").aggregate("count(*), bit_xor(hash(d))").fetchall()[0][0])


def _statement(table: Path, entries: Path) -> str:
    """The SQL with its values written in."""
    prepared = entries.with_suffix(".forms.parquet")
    forms = _forms(entries, prepared)
    values = {"lines": str(table), "entries": str(prepared), "now": data.NOW, **_patterns(), **forms}
    statement = _SQL.read_text("utf-8")
    used = {name: value for name, value in values.items() if f"${name}" in statement}
    for name, value in sorted(used.items(), key=lambda item: -len(item[0])):
        text = str(value).replace("'", "''")
        literal = f"TIMESTAMPTZ '{text}'" if name == "now" else f"'{text}'"
        statement = statement.replace(f"${name}", literal)
    return statement


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
    by_name = {rail.name: data.rail_pattern(rail) for rail in rails.RAILS}
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


def floor(table: Path, entries: Path) -> int:
    """Polars doing only the text scans: normal and word form, one search a list of terms, one for all list entries."""
    from rules.lists import Lists
    from rules.rails import RAILS
    from rules.text import normalised, word_form

    policy = data.policy()
    beginnings = "|".join(re.escape(start) for rail in RAILS for start in rail.starts)
    kinds = ("business", "personal", "refund", "reversal", "company")
    looked_for = Lists.in_force(pl.read_parquet(entries), data.NOW).entries["needle"].drop_nulls().unique().to_list()
    scanned = (
        pl.scan_parquet(table)
        .select(narration=normalised(pl.col("narration")))
        .select(
            rail=pl.col("narration").str.contains(f"(?i)^(?:{beginnings})"),
            reference=pl.col("narration").str.contains(r"INV-\d+"),
            entry=pl.col("narration").str.to_lowercase().str.contains_any(looked_for),
            words=word_form(pl.col("narration")),
        )
        .select(
            "rail",
            "reference",
            "entry",
            *(pl.col("words").str.contains(policy.terms(kind).pattern).alias(kind) for kind in kinds),
        )
    )
    return _handed_over(scanned)


def python(table: Path, entries: Path, out: Path | None = None) -> int:
    """Plain Python with compiled expressions, a line at a time."""
    from bench.p1_python import Decider
    from rules.lists import Lists

    decider = Decider(data.policy(), Lists.in_force(pl.read_parquet(entries), data.NOW), data.NOW)
    key = ("account_id", "transaction_id")
    limit = None if out is not None else _SAMPLES["python"]
    told = [{name: line[name] for name in key} | decider.decide(line) for line in _lines(table, limit)]
    if out is not None:
        pl.DataFrame(told, infer_schema_length=None).write_parquet(out)
    return len(told)


def _lines(table: Path, limit: int | None) -> Iterator[dict[str, Any]]:
    return pl.read_parquet(table, n_rows=limit).iter_rows(named=True)


def business_rules(table: Path, entries: Path) -> int:
    """The library business-rules with a condition for each term and each list entry, a line at a time."""
    from business_rules import run_all
    from business_rules.actions import BaseActions, rule_action
    from business_rules.variables import (
        BaseVariables,
        boolean_rule_variable,
        numeric_rule_variable,
        string_rule_variable,
    )

    class Line(BaseVariables):
        def __init__(self, line: dict[str, Any]) -> None:
            self.line, self.text = line, line["narration"].lower()

        @string_rule_variable
        def narration(self) -> str:
            return str(self.text)

        @string_rule_variable
        def organization(self) -> str:
            return str(self.line["organization_id"])

        @numeric_rule_variable
        def amount(self) -> int:
            return int(self.line["amount"])

        @boolean_rule_variable
        def credit(self) -> bool:
            return bool(self.line["direction"] == "credit")

    class Told(BaseActions):
        outcome = None

        @rule_action()
        def take(self) -> None:
            self.outcome = "eligible"

        @rule_action()
        def refuse(self) -> None:
            self.outcome = "rejected"

    debit = {"name": "credit", "operator": "is_false", "value": True}
    above = {"name": "amount", "operator": "greater_than_or_equal_to", "value": 100_000}
    refused = {"any": [debit, *_contains("personal"), *_contains("reversal")]}
    taken = {"all": [above, {"any": [*_contains("business"), *_contains("company")]}]}
    rules = [
        {"conditions": {"any": _listed(entries, "deny")}, "actions": [{"name": "refuse"}]},
        {"conditions": {"any": _listed(entries, "allow")}, "actions": [{"name": "take"}]},
        {"conditions": refused, "actions": [{"name": "refuse"}]},
        {"conditions": taken, "actions": [{"name": "take"}]},
    ]
    done = 0
    for line in _lines(table, _SAMPLES["business_rules"]):
        told = Told()
        run_all(rule_list=rules, defined_variables=Line(line), defined_actions=told, stop_on_first_trigger=True)
        done += 1
    return done


def _contains(kind: str) -> list[dict[str, Any]]:
    """A condition for each term of a kind."""
    words = [term.text.strip("*") for term in data.policy().terms(kind).terms]
    return [{"name": "narration", "operator": "contains", "value": word} for word in words]


def _listed(entries: Path, list_: str) -> list[dict[str, Any]]:
    """A condition for each entry of a list."""
    held = pl.read_parquet(entries).filter(list=list_).select("organization_id", "match", "value")
    operators = {"regex": "matches_regex"}
    return [
        {
            "all": [
                {"name": "organization", "operator": "equal_to", "value": organization},
                {"name": "narration", "operator": operators.get(match, "contains"), "value": value.lower()},
            ]
        }
        for organization, match, value in held.iter_rows()
    ]


CONTESTANTS: dict[str, Callable[[Path, Path], int]] = {
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
    parser.add_argument("table", type=Path)
    parser.add_argument("entries", type=Path)
    given = parser.parse_args()
    contestant = CONTESTANTS[given.name]
    contestant(given.table.with_name("warm-up.parquet"), given.entries)
    began = time.perf_counter()
    lines = contestant(given.table, given.entries)
    seconds = time.perf_counter() - began
    # The process's own high-water mark: that of getrusage begins with the parent's.
    status = Path("/proc/self/status").read_text("utf-8")
    peak = int(re.findall(r"VmHWM:\s+(\d+)", status)[0]) / 1024
    print(json.dumps({"lines": lines, "seconds": seconds, "mebibytes": peak}))


if __name__ == "__main__":
    main()
