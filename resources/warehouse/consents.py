"""Table `consents`: each consent that an account's holder gave through the widget, and who exchanged its code."""

from __future__ import annotations

from datetime import datetime

import duckdb

from rules.transactions import AccountKey


def add(con: duckdb.DuckDBPyConnection, account: AccountKey, *, by: str, now: datetime) -> None:
    """Keep a consent."""
    con.execute(
        "INSERT INTO consents VALUES (?, ?, ?, ?, ?)",
        [account.organization_id, account.environment, account.account_id, now, by],
    )
