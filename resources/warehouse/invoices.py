"""Table `invoices`: what the tenants are owed, as they said it (interfaces section 7)."""

from __future__ import annotations

import duckdb
import polars as pl

from resources.warehouse.frames import frame_of
from rules import books
from rules.invoices import INVOICES

_NAMES = ", ".join(INVOICES)

_KNOWN_BESIDE = f"""
SELECT {_NAMES} FROM invoices
WHERE (organization_id, environment) IN (SELECT (organization_id, environment) FROM read_invoices)
    OR invoice_id IN (SELECT invoice_id FROM read_invoices)
ORDER BY imported_at, invoice_id
"""  # noqa: S608 - column names of ours


def known_beside(con: duckdb.DuckDBPyConnection, read: pl.DataFrame) -> pl.DataFrame:
    """The invoices of the tenants that were read, and any of an id that was read: the columns of `INVOICES`."""
    con.register("read_invoices", read.select("organization_id", "environment", "invoice_id").unique().to_arrow())
    known = con.execute(_KNOWN_BESIDE).pl()
    con.unregister("read_invoices")
    return known.cast(INVOICES)


def upsert(con: duckdb.DuckDBPyConnection, invoices: pl.DataFrame) -> None:
    """Merge invoices by `invoice_id`; the frame has the columns of the table."""
    if invoices.is_empty():
        return
    con.register("new_invoices", invoices.to_arrow())
    con.execute("DELETE FROM invoices WHERE invoice_id IN (SELECT invoice_id FROM new_invoices)")
    con.execute("INSERT INTO invoices BY NAME SELECT * FROM new_invoices")
    con.unregister("new_invoices")


def numbers(con: duckdb.DuckDBPyConnection) -> pl.DataFrame:
    """Every invoice number with its tenant: `organization_id`, `environment`, `number`."""
    return frame_of(con, "SELECT organization_id, environment, number FROM invoices")


def currencies(con: duckdb.DuckDBPyConnection) -> pl.DataFrame:
    """Every invoice's currency by its tenant and id."""
    return con.execute("SELECT organization_id, environment, invoice_id, currency FROM invoices").pl()


def of_batch(con: duckdb.DuckDBPyConnection) -> pl.DataFrame:
    """The invoices of the tenants of `batch_tenants`, in the columns of `rules.books.INVOICES`."""
    names = ", ".join(f"i.{name}" for name in books.INVOICES)
    return con.execute(
        f"SELECT {names} FROM invoices AS i SEMI JOIN batch_tenants USING (organization_id, environment)"  # noqa: S608
    ).pl()


def listed(
    con: duckdb.DuckDBPyConnection,
    *,
    organization_id: str | None,
    environment: str | None,
    status: str | None,
    limit: int,
) -> pl.DataFrame:
    """Invoices of one tenant or all, of one status or all: all columns, the newest first, at most so many."""
    return con.execute(
        """
        SELECT * FROM invoices
        WHERE organization_id = coalesce($organization_id, organization_id)
            AND environment = coalesce($environment, environment)
            AND status = coalesce($status, status)
        ORDER BY issue_date DESC, organization_id, environment, number
        LIMIT $limit
        """,
        {"organization_id": organization_id, "environment": environment, "status": status, "limit": limit},
    ).pl()
