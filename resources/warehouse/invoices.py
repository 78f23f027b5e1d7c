"""Table `invoices`: what the tenants are owed, as they said it (interfaces section 7)."""

from __future__ import annotations

import duckdb
import polars as pl

from rules.reconciliation import INVOICES


def upsert(con: duckdb.DuckDBPyConnection, invoices: pl.DataFrame) -> None:
    """Merge invoices by `invoice_id`; the frame has the columns of the table."""
    con.register("new_invoices", invoices.to_arrow())
    con.execute("DELETE FROM invoices WHERE invoice_id IN (SELECT invoice_id FROM new_invoices)")
    con.execute("INSERT INTO invoices BY NAME SELECT * FROM new_invoices")
    con.unregister("new_invoices")


def numbers(con: duckdb.DuckDBPyConnection) -> pl.DataFrame:
    """Every invoice number with its tenant: `organization_id`, `environment`, `number`."""
    return con.execute("SELECT organization_id, environment, number FROM invoices").pl()


def of_batch(con: duckdb.DuckDBPyConnection) -> pl.DataFrame:
    """The invoices of the tenants of `batch_tenants`, in the columns of `rules.reconciliation.INVOICES`."""
    names = ", ".join(f"i.{name}" for name in INVOICES)
    return con.execute(
        f"SELECT {names} FROM invoices AS i SEMI JOIN batch_tenants USING (organization_id, environment)"  # noqa: S608
    ).pl()
