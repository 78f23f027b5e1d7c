"""All SQL of table `history_windows`: which days of which accounts were read on demand."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime

import duckdb

from rules.transactions import AccountKey


def read_whole(con: duckdb.DuckDBPyConnection, first: date, last: date) -> set[str]:
    """The accounts of which one window holds all these days."""
    rows = con.execute(
        "SELECT DISTINCT account_id FROM history_windows WHERE first_day <= $first AND last_day >= $last",
        {"first": first, "last": last},
    ).fetchall()
    return {account_id for (account_id,) in rows}


def note(
    con: duckdb.DuckDBPyConnection, accounts: Sequence[AccountKey], first: date, last: date, read_at: datetime
) -> None:
    """Note that these days of accounts were read."""
    for key in accounts:
        con.execute(
            "DELETE FROM history_windows WHERE account_id = $account AND first_day >= $first AND last_day <= $last",
            {"account": key.account_id, "first": first, "last": last},
        )
        con.execute(
            "INSERT INTO history_windows VALUES ($organization, $environment, $account, $first, $last, $at)",
            {
                "organization": key.organization_id,
                "environment": key.environment,
                "account": key.account_id,
                "first": first,
                "last": last,
                "at": read_at,
            },
        )
