"""The views of schema `audit`: what anyone may read of the warehouse (interfaces section 6), asked for and written out.

Holds exports to files, SQL that a person typed, the funnel and single outcomes. The views themselves are made by the
migrations. It writes nothing into the warehouse.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import date, datetime
from pathlib import Path
from typing import Any

import duckdb
import polars as pl

from resources.errors import ConfigurationError, KobosiftError
from resources.warehouse.connection import Warehouse
from resources.warehouse.engine import quoted
from resources.warehouse.failures import environmental
from resources.warehouse.stranger_sql import check_reads_only, told

ORDERS = {
    "outcomes": "booked_at, account_id, transaction_id",
    "rejections": "booked_at, account_id, transaction_id",
    "drafts": "created_at, account_id, transaction_id, draft_id",
}
"""What can be exported, and in which order: one and the same for the same rows."""
SHEET_ROWS = 1_048_575
"""How many rows a sheet holds below its headings."""

_SHEET_TEXT = 32_767
_EXACT_IN_A_SHEET = 10**15
_FORMULA = r"^[=+\-@\t\r]"
_AT_ONCE = 10_000

_AS_IT_STOOD = """
WITH lines AS (
    SELECT * FROM transactions WHERE transaction_id = $transaction_id
    UNION ALL BY NAME
    SELECT * FROM transaction_versions WHERE transaction_id = $transaction_id
)
SELECT
    d.organization_id, d.environment, d.account_id, d.transaction_id, t.booked_at, d.day, t.direction, t.amount,
    coalesce(t.currency, a.currency) AS currency, t.narration, coalesce(d.counterparty, t.counterparty) AS counterparty,
    coalesce(d.reference, t.reference) AS reference, t.status, d.outcome,
    CASE WHEN d.outcome IN ('rejected', 'held') THEN d.outcome END AS disposition,
    d.reason, d.detail, d.score, d.evidence, CAST(NULL AS VARCHAR) AS invoice_id, CAST(NULL AS VARCHAR) AS draft_id,
    d.policy_hash, d.decided_at, d.trace_id
FROM audit.decision_log AS d
LEFT JOIN lines AS t USING (account_id, transaction_id, version)
LEFT JOIN accounts AS a USING (account_id)
WHERE d.transaction_id = $transaction_id
    AND d.account_id = coalesce($account_id, d.account_id)
    AND d.decided_at <= $as_of
    AND coalesce(d.superseded_at > $as_of, TRUE)
ORDER BY d.account_id
"""


def export(con: duckdb.DuckDBPyConnection, what: str, fmt: str, out: Path) -> int:
    """Write a view of schema `audit` to a file, whole or not at all, and return the number of its rows.

    Parquet keeps the types. Times are in UTC. In CSV and XLSX a text that a spreadsheet would take for a formula has an
    apostrophe before it, and lists are JSON.

    Args:
        con: an open connection.
        what: one of `ORDERS`.
        fmt: `parquet`, `csv` or `xlsx`.
        out: the file; one that is there is replaced.

    Raises:
        ConfigurationError: there is no such view or form, or the file cannot be written there.
        KobosiftError: it cannot be written whole.

    """
    writers: dict[str, Callable[[duckdb.DuckDBPyConnection, str, Path], int]] = {
        "parquet": _write_parquet,
        "csv": _write_csv,
        "xlsx": _write_xlsx,
    }
    if what not in ORDERS or fmt not in writers:
        raise ConfigurationError(f"there are {', '.join(ORDERS)} to export, as {', '.join(writers)}.")
    with _beside(out) as path:
        return writers[fmt](con, what, path)


def run_sql(warehouse: Warehouse, sql: str) -> tuple[list[str], list[tuple[Any, ...]]]:
    """Answer one statement that only reads: the names of the columns, and the rows.

    Raises:
        ConfigurationError: the statement does anything else, or is not right; one sentence says what.
        WarehouseError: the warehouse cannot be read.

    """
    with warehouse.sealed() as con:
        check_reads_only(con, sql)
        try:
            found = con.execute(sql)
            return [column[0] for column in found.description or ()], found.fetchall()
        except duckdb.PermissionException:
            raise ConfigurationError("the statement reaches for a file: only the warehouse can be read.") from None
        except duckdb.Error as error:
            if environmental(error):
                raise
            raise ConfigurationError(f"the statement cannot be answered: {told(error)}") from None


def funnel(con: duckdb.DuckDBPyConnection) -> pl.DataFrame:
    """Read `audit.funnel`, by tenant, day and currency; amounts in minor units."""
    return con.execute("""
        SELECT * REPLACE (CAST(amount AS BIGINT) AS amount, CAST(amount_drafted AS BIGINT) AS amount_drafted)
        FROM audit.funnel ORDER BY organization_id, environment, day, currency
    """).pl()


def find_outcome(
    con: duckdb.DuckDBPyConnection,
    transaction_id: str,
    account_id: str | None = None,
    as_of: datetime | None = None,
) -> list[dict[str, Any]]:
    """Find the outcomes of a transaction, one an account that knows its id, with the columns of `audit.outcomes`.

    Args:
        con: an open connection.
        transaction_id: the bank's id of the line.
        account_id: only that of this account.
        as_of: the decision that was in force then, on the version of the line that it was made of; what became of it
            afterwards (invoice, draft) is left empty.

    """
    values: dict[str, object] = {"transaction_id": transaction_id, "account_id": account_id}
    if as_of is not None:
        return con.execute(_AS_IT_STOOD, {**values, "as_of": as_of}).pl().to_dicts()
    return (
        con.execute(
            "SELECT * FROM audit.outcomes WHERE transaction_id = $transaction_id"
            " AND account_id = coalesce($account_id, account_id) ORDER BY account_id",
            values,
        )
        .pl()
        .to_dicts()
    )


@contextmanager
def _beside(out: Path) -> Iterator[Path]:
    """Give a path beside the wanted one to write to; it takes the wanted name once it is whole and on disk."""
    path = out.with_name(f".{out.name}.{secrets.token_hex(4)}.part")
    try:
        if out.is_dir() or not out.parent.is_dir():
            raise ConfigurationError(f"{out} cannot be written: name a file in a folder that exists.")
        yield path
        with path.open("rb") as file:
            os.fsync(file.fileno())
        path.replace(out)
    except OSError as error:
        raise KobosiftError(f"{out} cannot be written: {error.strerror or type(error).__name__}.") from error
    finally:
        with suppress(OSError):
            path.unlink(missing_ok=True)


def _write_parquet(con: duckdb.DuckDBPyConnection, what: str, path: Path) -> int:
    query = f"SELECT * FROM audit.{what} ORDER BY {ORDERS[what]}"  # noqa: S608 - names of our own
    return _copy(con, query, path, "FORMAT parquet, COMPRESSION zstd")


def _write_csv(con: duckdb.DuckDBPyConnection, what: str, path: Path) -> int:
    return _copy(con, _cells(con, what), path, "FORMAT csv, HEADER")


def _write_xlsx(con: duckdb.DuckDBPyConnection, what: str, path: Path) -> int:
    import xlsxwriter  # type: ignore[import-untyped]  # for sheets only

    row = con.execute(f"SELECT count(*) FROM audit.{what}").fetchone()  # noqa: S608 - names of our own
    if row and row[0] > SHEET_ROWS:
        raise KobosiftError(f"{row[0]:,} rows do not fit a sheet, which holds {SHEET_ROWS:,}: export parquet or csv.")
    found = con.execute(_cells(con, what, zone=" AT TIME ZONE 'UTC'"))  # a sheet knows no zones
    written = 0
    with xlsxwriter.Workbook(path, {"constant_memory": True, "tmpdir": str(path.parent)}) as book:
        sheet = book.add_worksheet(what)
        forms = {"datetime": "yyyy-mm-dd hh:mm:ss", "date": "yyyy-mm-dd"}
        formats = {kind: book.add_format({"num_format": form}) for kind, form in forms.items()}
        sheet.write_row(0, 0, [column[0] for column in found.description or ()], book.add_format({"bold": True}))
        sheet.freeze_panes(1, 0)
        while rows := found.fetchmany(_AT_ONCE):
            for values in rows:
                written += 1
                for column, value in enumerate(values):
                    _write_cell(sheet, written, column, value, formats)
    return written


def _write_cell(sheet: Any, row: int, column: int, value: object, formats: dict[str, Any]) -> None:
    if value is None:
        return
    if isinstance(value, bool):
        sheet.write_boolean(row, column, value)
    elif isinstance(value, int) and abs(value) < _EXACT_IN_A_SHEET:
        sheet.write_number(row, column, value)
    elif isinstance(value, (datetime, date)):
        sheet.write_datetime(row, column, value, formats[type(value).__name__])
    else:
        sheet.write_string(row, column, str(value)[:_SHEET_TEXT])


def _cells(con: duckdb.DuckDBPyConnection, what: str, zone: str = "") -> str:
    """Write the query of a view's rows as what cells can hold, in the view's order."""
    columns = con.execute(f"DESCRIBE audit.{what}").fetchall()
    cells = ", ".join(f"{_as_cell(name, kind, zone)} AS {name}" for name, kind, *_ in columns)
    order = ", ".join(f"{what}.{name}" for name in ORDERS[what].split(", "))
    return f"SELECT {cells} FROM audit.{what} ORDER BY {order}"  # noqa: S608 - names of our own


def _as_cell(name: str, kind: str, zone: str) -> str:
    if kind == "TIMESTAMP WITH TIME ZONE":
        return f"{name}{zone}"
    if kind.endswith("[]"):
        return f"CAST(to_json({name}) AS VARCHAR)"
    if kind == "VARCHAR":
        return f"CASE WHEN regexp_matches({name}, {quoted(_FORMULA)}) THEN '''' || {name} ELSE {name} END"
    return name


def _copy(con: duckdb.DuckDBPyConnection, query: str, path: Path, options: str) -> int:
    row = con.execute(f"COPY ({query}) TO {quoted(str(path))} ({options})").fetchone()
    return int(row[0]) if row else 0
