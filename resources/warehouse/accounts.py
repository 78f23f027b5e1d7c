"""All SQL of table `accounts`: who is linked, what upstream says of them, how far each one's stream was read.

Functions take an open connection and change nothing but this table. An account belongs to one tenant for as long as
lines of it are kept. Whatever writes lines of an account updates its row here in the same transaction: that is what
makes two writers of the same lines conflict, since DuckLake lets two inserts pass side by side.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime

import duckdb
import polars as pl

from resources.errors import ConfigurationError
from resources.ids import check_account_id, check_organization
from rules.transactions import AccountKey

LINKED, UNLINKED = "linked", "unlinked"
_UTC = pl.Datetime("us", "UTC")


@dataclass(frozen=True)
class Account:
    """A row of `accounts`; times are in UTC."""

    account_id: str
    organization_id: str
    environment: str
    status: str
    holder: str | None = None
    currency: str | None = None
    account_type: str | None = None
    institution: str | None = None
    institution_type: str | None = None
    bank_code: str | None = None
    data_status: str | None = None
    reauthorisation_required: bool | None = None
    cursor: str | None = None
    linked_at: datetime | None = None
    unlinked_at: datetime | None = None
    synced_at: datetime | None = None
    sync_error: str | None = None

    @property
    def key(self) -> AccountKey:
        """The account with its tenant."""
        return AccountKey(self.organization_id, self.environment, self.account_id)


@dataclass(frozen=True)
class AccountDetails:
    """What upstream says of an account; what it leaves out is null, and what is known of it stays."""

    holder: str | None = None
    currency: str | None = None
    account_type: str | None = None
    institution: str | None = None
    institution_type: str | None = None
    bank_code: str | None = None
    data_status: str | None = None


@dataclass(frozen=True)
class AccountState:
    """How far the reading of an account has come: what a commit writes of it, next to the lines it stands for.

    A null `cursor`, `details` or `synced_at` leaves what is there. `sync_error` and `reauthorisation_required` count
    where the reading has `ended`.
    """

    account_id: str
    cursor: str | None = None
    details: AccountDetails | None = None
    ended: bool = False
    synced_at: datetime | None = None
    sync_error: str | None = None
    reauthorisation_required: bool = False


_NAMES = tuple(field.name for field in fields(Account))
_DETAILS = tuple(field.name for field in fields(AccountDetails))
_SELECT = f"SELECT {', '.join(_NAMES)} FROM accounts"  # noqa: S608 - column names of ours
_STATES: dict[str, pl.DataType] = {
    "account_id": pl.String(),
    "cursor": pl.String(),
    "ended": pl.Boolean(),
    "synced_at": _UTC,
    "sync_error": pl.String(),
    "reauthorisation_required": pl.Boolean(),
    **dict.fromkeys(_DETAILS, pl.String()),
}


def find(con: duckdb.DuckDBPyConnection, account_id: str) -> Account | None:
    """Return the account, linked or not."""
    row = con.execute(f"{_SELECT} WHERE account_id = ?", [account_id]).fetchone()
    return None if row is None else Account(*row)


def of_tenant(
    con: duckdb.DuckDBPyConnection, account_id: str, organization_id: str, environment: str
) -> Account | None:
    """Return the account, linked or not, if it is that tenant's."""
    account = find(con, account_id)
    mine = account is not None and (account.organization_id, account.environment) == (organization_id, environment)
    return account if mine else None


def listed(
    con: duckdb.DuckDBPyConnection,
    *,
    organization_id: str | None = None,
    environment: str | None = None,
    linked_only: bool = False,
) -> list[Account]:
    """Return the accounts of a tenant, of an organisation or of all, in the order of their ids."""
    rows = con.execute(
        f"""{_SELECT}
        WHERE ($organization IS NULL OR organization_id = $organization)
            AND ($environment IS NULL OR environment = $environment)
            AND (NOT $linked_only OR status = 'linked')
        ORDER BY account_id""",
        {"organization": organization_id, "environment": environment, "linked_only": linked_only},
    ).fetchall()
    return [Account(*row) for row in rows]


def link(
    con: duckdb.DuckDBPyConnection, account_id: str, organization_id: str, environment: str, *, now: datetime
) -> bool:
    """Link the account to the tenant; false where it already is.

    A consent given anew starts anew: the cursor and the marks of the old one are cleared.

    Raises:
        ConfigurationError: it is another tenant's, or lines of it are still kept as another tenant's; or an id is none.

    """
    check_account_id(account_id)
    check_organization(organization_id)
    known = find(con, account_id)
    if known is None:
        con.execute(
            "INSERT INTO accounts (account_id, organization_id, environment, status, linked_at) VALUES (?, ?, ?, ?, ?)",
            [account_id, organization_id, environment, LINKED, now],
        )
        return True
    if (known.organization_id, known.environment) != (organization_id, environment):
        _refuse_another_tenants(con, known)
    elif known.status == LINKED:
        return False
    con.execute(
        """UPDATE accounts SET organization_id = $organization, environment = $environment, status = 'linked',
            linked_at = $now, unlinked_at = NULL, cursor = NULL, sync_error = NULL, reauthorisation_required = FALSE
        WHERE account_id = $account""",
        {"organization": organization_id, "environment": environment, "now": now, "account": account_id},
    )
    return True


def unlink(con: duckdb.DuckDBPyConnection, account_id: str, *, now: datetime) -> bool:
    """Unlink the account; false where it is not linked. Its lines stay, and no more are written."""
    known = find(con, account_id)
    if known is None or known.status != LINKED:
        return False
    con.execute(
        "UPDATE accounts SET status = 'unlinked', unlinked_at = ? WHERE account_id = ?",
        [now, account_id],
    )
    return True


def update(con: duckdb.DuckDBPyConnection, states: Sequence[AccountState]) -> None:
    """Write how far linked accounts have been read and what upstream says of them; others are left alone."""
    if not states:
        return
    con.register("account_states", _frame(states))
    con.execute(
        f"""UPDATE accounts SET
            {", ".join(f"{name} = coalesce(s.{name}, accounts.{name})" for name in (*_DETAILS, "cursor", "synced_at"))},
            sync_error = CASE WHEN s.ended THEN s.sync_error ELSE accounts.sync_error END,
            reauthorisation_required =
                CASE WHEN s.ended THEN s.reauthorisation_required ELSE accounts.reauthorisation_required END
        FROM account_states AS s
        WHERE accounts.account_id = s.account_id AND accounts.status = 'linked'"""  # noqa: S608 - column names of ours
    )
    con.unregister("account_states")


def decided_otherwise(con: duckdb.DuckDBPyConnection, states: Sequence[AccountState]) -> list[str]:
    """Return the accounts whose holder or currency these states change: their lines may be decided otherwise then."""
    if not any(state.details for state in states):
        return []
    con.register("account_states", _frame(states))
    rows = con.execute(
        """SELECT a.account_id FROM accounts AS a JOIN account_states AS s USING (account_id)
        WHERE a.status = 'linked' AND (coalesce(s.holder, a.holder) IS DISTINCT FROM a.holder
            OR coalesce(s.currency, a.currency) IS DISTINCT FROM a.currency)"""
    ).fetchall()
    con.unregister("account_states")
    return [account for (account,) in rows]


def mark_reauthorisation(con: duckdb.DuckDBPyConnection, account_id: str, *, required: bool) -> None:
    """Note that the account's holder has, or no longer has, to log in at the bank again."""
    con.execute(
        "UPDATE accounts SET reauthorisation_required = ? WHERE account_id = ?",
        [required, account_id],
    )


def mark_failed(con: duckdb.DuckDBPyConnection, account_id: str, why: str) -> None:
    """Note why upstream could not read the account's bank, until a sync reaches its end."""
    con.execute("UPDATE accounts SET sync_error = ? WHERE account_id = ?", [why, account_id])


def _refuse_another_tenants(con: duckdb.DuckDBPyConnection, known: Account) -> None:
    """Raise unless the account is free to go to another tenant: unlinked, and no line of it kept."""
    if known.status == LINKED:
        raise ConfigurationError(
            f"Account {known.account_id} is linked to another tenant: unlink it there first "
            f"(kobosift accounts unlink {known.account_id})."
        )
    kept = con.execute("SELECT 1 FROM transactions WHERE account_id = ? LIMIT 1", [known.account_id]).fetchone()
    if kept is not None:
        raise ConfigurationError(
            f"Account {known.account_id} was another tenant's, and its lines are still kept there: "
            f"erase them first (kobosift accounts unlink {known.account_id} --purge)."
        )


def _frame(states: Sequence[AccountState]) -> pl.DataFrame:
    """One row an account; of several states of one account the later counts, over what the earlier said."""
    rows: dict[str, dict[str, object]] = {}
    for state in states:
        told = {name: getattr(state, name) for name in _STATES if name not in _DETAILS}
        told |= {name: getattr(state.details, name, None) for name in _DETAILS}
        before = rows.get(state.account_id, {})
        rows[state.account_id] = before | {name: value for name, value in told.items() if value is not None}
    return pl.DataFrame(list(rows.values()), schema=_STATES)
