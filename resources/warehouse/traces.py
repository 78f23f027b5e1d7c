"""What is looked for once rows are erased, and what explains finding it.

Holds the gathering of ids, and of the words and numbers that stood in erased rows (`rules/telling.py` says which parts
of a text tell of somebody), before the rows go; and the question, once one of them is found, whether a row in force
says the same: another account's equal narration, the tenant's own invoice for that customer, a signed invoice. Which
columns count is said by the data map. It neither deletes nor searches files.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import duckdb
import polars as pl

from resources.warehouse.data_map import TABLES, Table
from rules.telling import telling_parts

SHORTEST_ID = 8
"""A shorter id is no evidence: it is found by chance. Its rows are looked for in SQL all the same."""
MOST_SOUGHT = 20_000
"""So many lines' ids, and so many parts of texts, are looked for byte by byte; in the tables, all lines are."""


@dataclass(frozen=True)
class Traces:
    """What erased rows can be known by."""

    lines: list[str] = field(default_factory=list)
    """The ids of all lines."""
    texts: list[str] = field(default_factory=list)
    """Parts of what stood in the rows: at most `MOST_SOUGHT`."""

    def and_those(self, others: Traces) -> Traces:
        """These and others, each once."""
        return Traces(sorted({*self.lines, *others.lines}), sorted({*self.texts, *others.texts}))

    def ids(self) -> list[str]:
        """The ids of lines to look for byte by byte: evenly taken from all of them."""
        return _evenly(sorted(line for line in self.lines if len(line) >= SHORTEST_ID))


def gather(con: duckdb.DuckDBPyConnection, going: Iterable[tuple[Table, str]], values: Mapping[str, object]) -> Traces:
    """Gather what is known of rows before they go; answers only repeat what other rows say.

    Args:
        con: with the lines in scope in `erasing_lines`.
        going: tables, each with the condition of the rows that go.
        values: of the parameters in those conditions.
    """
    lines = con.execute("SELECT DISTINCT transaction_id FROM erasing_lines ORDER BY ALL").fetchall()
    con.execute(_SOME_LINES.format(step=_step(len(lines))))
    telling = [(table, where) for table, where in going if table.texts and not table.mentions]
    statement = " UNION ALL ".join(_texts_of(table, where) for table, where in telling)
    rows = con.execute(statement, used_in(statement, values)).fetchall() if telling else []
    parts: set[str] = set().union(*(telling_parts(text) for (text,) in rows))
    return Traces([line for (line,) in lines], _evenly(sorted(parts)))


def used_in(statement: str, values: Mapping[str, object]) -> dict[str, object]:
    """Those of some values that a statement has parameters for."""
    return {name: value for name, value in values.items() if f"${name}" in statement}


def stays(con: duckdb.DuckDBPyConnection, account_id: str) -> bool:
    """Whether something of an account stays once it is erased: its link, or what was signed."""
    return con.execute(_STAYS, {"account": account_id}).fetchone() is not None


def explained(con: duckdb.DuckDBPyConnection, sought: Sequence[str]) -> set[str]:
    """Those of some ids and texts that a row in force has, or has as part of an id or a text of its own."""
    known: set[str] = set()
    for question in (_EQUAL, _WITHIN_TEXT, _WITHIN_DOCUMENT):
        known |= _asked(con, [each for each in sought if each not in known], question)
    return known


def _asked(con: duckdb.DuckDBPyConnection, sought: Sequence[str], question: str) -> set[str]:
    """Which of some names a question says are known; documents write signs with escapes."""
    if not sought:
        return set()
    forms = [(each, form) for each in sought for form in {each, *(_written(each, ascii_only=a) for a in (True, False))}]
    con.register("sought_names", pl.DataFrame(forms, {"sought": pl.String(), "form": pl.String()}, orient="row"))
    rows = con.execute(question).fetchall()
    con.unregister("sought_names")
    return {name for (name,) in rows}


def _written(text: str, *, ascii_only: bool) -> str:
    return json.dumps(text, ensure_ascii=ascii_only)[1:-1]


def _evenly(names: list[str]) -> list[str]:
    return names[:: _step(len(names))]


def _step(count: int) -> int:
    """Each how manieth of so many is looked for."""
    return -(-count // MOST_SOUGHT) or 1


def _texts_of(table: Table, where: str) -> str:
    """The query for what stood in the rows of a table that go; of big tables, in those of some lines."""
    some = f" AND {_OF_SOME_LINES}" if "transaction_id" in table.personal and table.day else ""
    texts = _said_in(table.texts, table.name)
    return _TEXTS.format(texts=texts, table=table.name, where=where + some, most=MOST_SOUGHT)


def _said_in(columns: Iterable[str], table: str) -> str:
    """SQL for the list of what some columns of a row say."""
    parts = (f"{table}.{column}" if column in _LISTS else f"[{table}.{column}]" for column in columns)
    return f"flatten([{', '.join(parts)}])"


def _all_said(columns: Callable[[Table], list[str]]) -> str:
    """SQL for everything that some columns of the rows in force say: streamed past what is sought, which is few."""
    told = {table.name: columns(table) for table in TABLES if table.explains}
    return " UNION ALL ".join(
        _EACH_SAID.format(texts=_said_in(names, table), table=table) for table, names in told.items() if names
    )


def _short(table: Table) -> list[str]:
    ids = [column for column in table.personal if column in _IDS and table.account]
    return list(dict.fromkeys([*ids, *(column for column in table.texts if column not in _DOCUMENTS)]))


def _long(table: Table) -> list[str]:
    return [column for column in table.texts if column in _DOCUMENTS]


_LISTS = ("tags",)
_DOCUMENTS = ("payload", "document", "fields", "content", "qr", "body")
_IDS = ("account_id", "transaction_id", "draft_id")
_EACH_SAID = "SELECT unnest({texts}) AS said FROM {table}"
_EQUAL = f"SELECT DISTINCT sought FROM ({_all_said(_short)}) JOIN sought_names ON said = form"  # noqa: S608 - the map's
_PART = "SELECT DISTINCT sought FROM ({said}) JOIN sought_names ON contains(said, form)"
_WITHIN_TEXT = _PART.format(said=_all_said(_short))
_WITHIN_DOCUMENT = _PART.format(said=_all_said(_long))
_STAYS = """
SELECT 1 FROM accounts WHERE account_id = $account
UNION ALL SELECT 1 FROM drafts WHERE account_id = $account
UNION ALL SELECT 1 FROM signatures WHERE account_id = $account
"""
_SOME_LINES = """
CREATE OR REPLACE TEMP TABLE traced_lines AS
SELECT transaction_id FROM (SELECT DISTINCT transaction_id FROM erasing_lines)
QUALIFY (row_number() OVER (ORDER BY transaction_id) - 1) % {step} = 0
"""
_OF_SOME_LINES = "transaction_id IN (SELECT transaction_id FROM traced_lines)"
_TEXTS = """(
    SELECT DISTINCT said FROM (SELECT unnest({texts}) AS said FROM {table} WHERE {where})
    WHERE said IS NOT NULL LIMIT {most}
)"""
