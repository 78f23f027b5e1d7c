"""Invoices in, from whoever hands them in: a file's rows are checked whole, and merged in one commit or not at all.

The command and the gateway both come through here. What rows mean is in `rules/invoices.py`, how files are read in
`resources/invoice_files.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import duckdb
import polars as pl

from resources.invoice_files import Rows
from resources.warehouse import accounts, invoices
from resources.warehouse.connection import Warehouse
from rules.invoices import Owner, changes, read_invoices


@dataclass(frozen=True)
class Imported:
    """What an import did, counted by invoice."""

    imported: int
    updated: int
    unchanged: int
    ignored_columns: list[str]


def says_whose(found: Rows) -> bool:
    """Whether every row names its organisation itself."""
    named = pl.col("organization_id").str.strip_chars().fill_null("") != ""
    return bool(found.rows.select(named.all()).item())


def import_invoices(warehouse: Warehouse, found: Rows, owner: Owner, *, now: datetime, run_id: str) -> Imported:
    """Merge the invoices of a file: new ones, and those that say something else than before.

    Args:
        warehouse: where they go.
        found: what the file holds.
        owner: whose they are.
        now: when they are imported.
        run_id: kept in the commit.

    Raises:
        InvoiceRowsError: with every mistake of every row; nothing is imported.
        WarehouseError: the warehouse cannot be written.

    """
    read = read_invoices(found.rows, owner)

    def work(con: duckdb.DuckDBPyConnection) -> Imported:
        change = changes(read, invoices.known_beside(con, read))
        written = pl.concat([change.imported, change.updated])
        invoices.upsert(con, written.with_columns(imported_at=pl.lit(now, pl.Datetime("us", "UTC"))))
        return Imported(len(change.imported), len(change.updated), change.unchanged, found.ignored)

    return warehouse.write(work, run_id=run_id, note="import invoices")


def owners_without_accounts(warehouse: Warehouse, found: Rows, owner: Owner) -> list[str]:
    """The organisations of a file whose invoices no bank line can pay yet: no account of theirs is linked.

    Args:
        warehouse: only read.
        found: what the file holds, found right by `import_invoices`.
        owner: whose they are.

    Raises:
        WarehouseError: the warehouse cannot be read.

    """
    named = read_invoices(found.rows, owner).select("organization_id", "environment").unique().sort(pl.all()).rows()
    with warehouse.read() as con:
        linked = {(each.organization_id, each.environment) for each in accounts.listed(con, linked_only=True)}
    return [
        f"{organization} ({environment})"
        for organization, environment in named
        if (organization, environment) not in linked
    ]
