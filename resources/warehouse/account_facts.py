"""What upstream says of accounts beside their lines: `balances`, `identities`, `income_records`, `income_streams`.

Functions take an open connection within a transaction. Of a holder no more is kept than the name and the last four
digits of the BVN. The same report of income is kept once, whichever way it came; the streams are those of the report
that reaches furthest.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import duckdb

from resources.mono.income import Income
from resources.warehouse.accounts import Account
from rules.transactions import AccountKey

_STREAMS = (
    "income_type",
    "frequency",
    "monthly_average",
    "average_income_amount",
    "currency",
    "stability",
    "first_income_date",
    "last_income_date",
    "last_income_amount",
    "last_income_description",
    "periods_with_income",
    "number_of_incomes",
    "number_of_months",
)


@dataclass(frozen=True)
class Identity:
    """Who holds an account."""

    full_name: str | None
    bvn_last_four: str | None
    verified: bool | None


def add_balance(
    con: duckdb.DuckDBPyConnection, key: AccountKey, balance: int, currency: str | None, observed_at: datetime
) -> None:
    """Keep a balance, in minor units, as it was at a moment."""
    _insert(con, "balances", key, {"balance": balance, "currency": currency, "observed_at": observed_at})


def put_identity(con: duckdb.DuckDBPyConnection, key: AccountKey, identity: Identity, received_at: datetime) -> None:
    """Keep who holds the account, in place of who was kept before."""
    con.execute("DELETE FROM identities WHERE account_id = ?", [key.account_id])
    _insert(con, "identities", key, {**vars(identity), "received_at": received_at})


def add_income(
    con: duckdb.DuckDBPyConnection, account: Account, reports: Sequence[Income], source: str, received_at: datetime
) -> int:
    """Keep the reports that are not there yet, and the streams of the one that reaches furthest; how many were new."""
    key, new = account.key, 0
    for income in sorted(reports, key=lambda each: each.last_day):
        known = con.execute(
            """SELECT count(*) FILTER (WHERE record_hash = $hash), max(last_transaction_date)
            FROM income_records WHERE account_id = $account""",
            {"hash": income.record["record_hash"], "account": key.account_id},
        ).fetchone()
        if known is None or known[0]:
            continue
        _insert(con, "income_records", key, {**income.record, "source": source, "received_at": received_at})
        if known[1] is None or income.last_day >= known[1]:
            _replace_streams(con, account, income, received_at)
        new += 1
    return new


def _replace_streams(con: duckdb.DuckDBPyConnection, account: Account, income: Income, received_at: datetime) -> None:
    con.execute("DELETE FROM income_streams WHERE account_id = ?", [account.account_id])
    for stream in income.streams:
        row = {name: stream[name] for name in _STREAMS} | {"currency": stream["currency"] or account.currency}
        _insert(con, "income_streams", account.key, {**row, "received_at": received_at})


def _insert(con: duckdb.DuckDBPyConnection, table: str, key: AccountKey, row: Mapping[str, object]) -> None:
    whole = {**vars(key), **row}
    names = ", ".join(whole)
    values = ", ".join(f"${name}" for name in whole)
    con.execute(f"INSERT INTO {table} ({names}) VALUES ({values})", whole)  # noqa: S608 - names of ours
