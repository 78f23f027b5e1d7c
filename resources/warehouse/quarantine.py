"""All SQL of table `quarantine`: the rows that could not be read, each payload of an account once."""

from __future__ import annotations

import duckdb
import polars as pl

from rules.transactions import QUARANTINE_SCHEMA

_NAMES = ", ".join(QUARANTINE_SCHEMA)


def unknown(con: duckdb.DuckDBPyConnection, rows: pl.DataFrame) -> pl.DataFrame:
    """Return those of the rows (columns of `QUARANTINE_SCHEMA`) whose payload is not there yet, each once."""
    if rows.is_empty():
        return rows
    con.register("unreadable", rows.unique(["account_id", "payload_hash"], keep="first", maintain_order=True))
    found = con.execute("SELECT u.* FROM unreadable AS u ANTI JOIN quarantine USING (account_id, payload_hash)").pl()
    con.unregister("unreadable")
    return found


def insert(con: duckdb.DuckDBPyConnection, rows: pl.DataFrame) -> dict[str, int]:
    """Write the rows whose payload is not there yet; return how many, by account."""
    fresh = unknown(con, rows)
    if fresh.is_empty():
        return {}
    con.register("unreadable", fresh)
    con.execute(f"INSERT INTO quarantine ({_NAMES}) SELECT {_NAMES} FROM unreadable")  # noqa: S608 - column names of ours
    con.unregister("unreadable")
    return dict(fresh.group_by("account_id").len().iter_rows())
