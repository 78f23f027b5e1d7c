"""The `audit` views as people take them away: exports, and a stranger's SQL that can only read.

Holds no view (the migrations do) and no rule. A file is written beside its place and renamed, so that it is there whole
or not at all; in CSV and XLSX no cell can be taken for a formula.
"""

from __future__ import annotations

import os
from pathlib import Path

import duckdb
import polars as pl

from resources.errors import ConfigurationError, WarehouseError
from resources.warehouse.connection import Warehouse
from resources.warehouse.engine import quoted

_ORDERS = {
    "outcomes": "booked_at, account_id, transaction_id",
    "rejections": "booked_at, account_id, transaction_id",
    "drafts": "created_at, draft_id",
}
_SHEET_ROWS = 1_048_575
_READING = {
    duckdb.StatementType.SELECT,
    duckdb.StatementType.EXPLAIN,
    duckdb.StatementType.RELATION,
}


def export(con: duckdb.DuckDBPyConnection, what: str, form: str, out: Path) -> None:
    """Write a view to a file, its rows always in the same order.

    Args:
        con: an open connection.
        what: outcomes, drafts or rejections.
        form: parquet, csv or xlsx.
        out: the file; one that is there is replaced.

    Raises:
        ConfigurationError: an unknown view or form, or a file that cannot be written there.
    """
    if what not in _ORDERS or form not in ("parquet", "csv", "xlsx"):
        raise ConfigurationError(
            f"outcomes, drafts or rejections can be exported as parquet, csv or xlsx, not {what} as {form}."
        )
    beside = out.with_name(f".{out.name}.{os.getpid()}.part")
    try:
        if not out.parent.is_dir() or out.is_dir():
            raise ConfigurationError(f"{out} cannot be written: name a file in a folder that exists.")
        _WRITERS[form](con, what, beside)
        beside.replace(out)
    except OSError as error:
        raise ConfigurationError(f"{out} cannot be written ({error.strerror or error}); name another file.") from error
    finally:
        beside.unlink(missing_ok=True)


def _parquet(con: duckdb.DuckDBPyConnection, what: str, out: Path) -> None:
    con.execute(f"COPY ({_select(con, what, plain=False)}) TO {quoted(str(out))} (FORMAT parquet)")


def _csv(con: duckdb.DuckDBPyConnection, what: str, out: Path) -> None:
    con.execute(f"COPY ({_select(con, what, plain=True)}) TO {quoted(str(out))} (FORMAT csv, HEADER)")


def _xlsx(con: duckdb.DuckDBPyConnection, what: str, out: Path) -> None:
    frame = con.execute(_select(con, what, plain=True)).pl()
    if len(frame) > _SHEET_ROWS:
        raise WarehouseError(f"a sheet holds {_SHEET_ROWS:,} rows and there are {len(frame):,}; export csv or parquet.")
    times = pl.selectors.datetime().dt.strftime("%Y-%m-%dT%H:%M:%S%.3fZ")
    frame.with_columns(times).write_excel(out, worksheet=what)


_WRITERS = {"parquet": _parquet, "csv": _csv, "xlsx": _xlsx}


def _select(con: duckdb.DuckDBPyConnection, what: str, *, plain: bool) -> str:
    """The statement that reads a view; plain: lists as text, and an apostrophe before what could be a formula."""
    columns = []
    for name, kind in con.execute(f"SELECT column_name, column_type FROM (DESCRIBE audit.{what})").fetchall():  # noqa: S608
        text = f"array_to_string({name}, ', ')" if kind.endswith("[]") else name
        if plain and (kind == "VARCHAR" or kind.endswith("[]")):
            text = rf"CASE WHEN regexp_matches({text}, '^[=+\-@\t\r\n]') THEN '''' || {text} ELSE {text} END"
        columns.append(f"{text if plain else name} AS {name}")
    return f"SELECT {', '.join(columns)} FROM audit.{what} ORDER BY {_ORDERS[what]}"  # noqa: S608 - names of ours


def run_sql(warehouse: Warehouse, statement: str) -> tuple[list[str], list[tuple[object, ...]]]:
    """Answer one statement that only reads: its column names and its rows.

    Raises:
        ConfigurationError: it is not one statement, does more than read, or cannot be understood.
        WarehouseError: the warehouse cannot be read.
    """
    with warehouse.sealed() as con:
        try:
            statements = con.extract_statements(statement)
            if len(statements) != 1 or statements[0].type not in _READING:
                raise ConfigurationError(
                    "only one statement that reads is answered here: SELECT, FROM, DESCRIBE or EXPLAIN."
                )
            answer = con.execute(statements[0])
            return [column[0] for column in answer.description or []], answer.fetchall()
        except duckdb.IOException:
            raise
        except duckdb.Error as error:
            told = " ".join(str(error).split("\n\n")[0].split())
            raise ConfigurationError(f"the statement cannot be answered: {told}") from error
