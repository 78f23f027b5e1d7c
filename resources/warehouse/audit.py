"""The views of schema `audit`: what anyone may read of the warehouse (interfaces section 6), asked for and written out.

Holds exports to files, SQL that a person typed, the funnel and single outcomes. The views themselves are made by the
migrations. It writes nothing into the warehouse.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pyarrow as pa

from resources.errors import ConfigurationError
from resources.warehouse.connection import Warehouse
from resources.warehouse.engine import quoted
from resources.warehouse.failures import environmental
from resources.warehouse.file_formats import WRITERS, written_whole
from resources.warehouse.stranger_sql import check_reads_only, told

ORDERS = {
    "outcomes": "booked_at, account_id, transaction_id",
    "rejections": "booked_at, account_id, transaction_id",
    "drafts": "created_at, account_id, transaction_id, draft_id",
}
"""What can be exported, and in which order: one and the same for the same rows."""

_FORMULA = r"^[=+\-@\t\r]"
_ROWS_A_BATCH = 50_000
_LINES_A_SPAN = 200_000

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
    if what not in ORDERS or fmt not in WRITERS:
        raise ConfigurationError(f"there are {', '.join(ORDERS)} to export, as {', '.join(WRITERS)}.")
    con.begin()  # one snapshot, whatever others commit meanwhile
    try:
        with written_whole(out) as path:
            return WRITERS[fmt](_schema(con, what, fmt), _batches(con, what, fmt), path)
    finally:
        con.rollback()


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


def newest(
    con: duckdb.DuckDBPyConnection,
    what: str,
    limit: int,
    *,
    organization_id: str | None = None,
    environment: str | None = None,
    account_id: str | None = None,
) -> pl.DataFrame:
    """Read the newest rows of a view, at most `limit`, with all its columns.

    Args:
        con: an open connection.
        what: one of `ORDERS`.
        limit: how many rows.
        organization_id: only those of this organisation.
        environment: only those of this environment.
        account_id: only those of this account.

    """
    order = ", ".join(f"{name} DESC" for name in ORDERS[what].split(", "))
    wanted = f"""FROM audit.{what}
        WHERE organization_id = coalesce($organization_id, organization_id)
            AND environment = coalesce($environment, environment)
            AND account_id = coalesce($account_id, account_id)"""
    values = {"organization_id": organization_id, "environment": environment, "account_id": account_id, "limit": limit}
    if "booked_at" in order:  # which days these are is soon known, and evidence is then told of no others
        newest_days = f"SELECT min(day) FROM (SELECT day {wanted} ORDER BY booked_at DESC LIMIT $limit)"  # noqa: S608
        row = con.execute(newest_days, values).fetchone()
        wanted, values = f"{wanted} AND day >= $first", values | {"first": row[0] if row else None}
    return con.execute(f"SELECT * {wanted} ORDER BY {order} LIMIT $limit", values).pl()


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


def _batches(con: duckdb.DuckDBPyConnection, what: str, fmt: str) -> Iterator[pa.RecordBatch]:
    """Read a view in its order, some days at a time, so that neither sorting nor writing needs much memory."""
    query = _in_order(con, what, fmt)
    if what == "drafts":
        yield from con.execute(query).to_arrow_reader(_ROWS_A_BATCH)
        return
    days = con.execute("SELECT day, count(*) FROM transactions GROUP BY day ORDER BY day").fetchall()
    for first, last in _spans(days):
        yield from con.execute(query, [first, last]).to_arrow_reader(_ROWS_A_BATCH)


def _spans(days: list[tuple[date, int]]) -> Iterator[tuple[date, date]]:
    """Group days, in their order, into spans of about `_LINES_A_SPAN` lines."""
    first, lines = None, 0
    for day, count in days:
        first, lines = first or day, lines + count
        if lines >= _LINES_A_SPAN or day == days[-1][0]:
            yield first, day
            first, lines = None, 0


def _schema(con: duckdb.DuckDBPyConnection, what: str, fmt: str) -> pa.Schema:
    values = [] if what == "drafts" else [date.max, date.min]
    return con.execute(_in_order(con, what, fmt), values).to_arrow_reader().schema


def _in_order(con: duckdb.DuckDBPyConnection, what: str, fmt: str) -> str:
    """Write the query of a view's rows in the form that a file of that format can hold."""
    columns = con.execute(f"DESCRIBE audit.{what}").fetchall()
    cells = (
        "*" if fmt == "parquet" else ", ".join(f"{_as_cell(name, kind, fmt)} AS {name}" for name, kind, *_ in columns)
    )
    order = ", ".join(f"{what}.{name}" for name in ORDERS[what].split(", "))
    days = "" if what == "drafts" else f" WHERE {what}.day BETWEEN ? AND ?"
    return f"SELECT {cells} FROM audit.{what}{days} ORDER BY {order}"  # noqa: S608 - names of our own


def _as_cell(name: str, kind: str, fmt: str) -> str:
    if kind == "TIMESTAMP WITH TIME ZONE" and fmt == "xlsx":
        return f"{name} AT TIME ZONE 'UTC'"  # a sheet knows no zones
    if kind.endswith("[]"):
        return f"CAST(to_json({name}) AS VARCHAR)"
    if kind == "VARCHAR":
        return f"CASE WHEN regexp_matches({name}, {quoted(_FORMULA)}) THEN '''' || {name} ELSE {name} END"
    return name
