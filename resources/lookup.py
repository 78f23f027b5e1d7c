"""The look-up: what upstream says of accounts beside their lines, as it is now: details, balance, holder, income.

Holds what is asked of an account and how several are asked at once. Must not hold how Mono is asked
(`resources/mono/client.py`) or how rows are written (`resources/warehouse/account_facts.py`). What fails of one account
stops neither its other questions nor the other accounts.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal

import duckdb
import polars as pl

from resources.clock import Clock
from resources.erasure_home import admission
from resources.errors import (
    AccountNotFound,
    BadResponse,
    NotReady,
    ReauthorisationRequired,
    Unauthorised,
    UpstreamError,
)
from resources.mono.bodies import PROCESSING, AccountReading
from resources.mono.client import MonoClient
from resources.mono.income import Income, more_pages, records_of
from resources.sync import READINESS_WAITS, Sleep
from resources.warehouse import account_facts, accounts
from resources.warehouse.account_facts import Identity
from resources.warehouse.accounts import Account, AccountState
from resources.warehouse.connection import Warehouse
from resources.warehouse.erasures import Admission
from resources.warehouse.transactions import merge_batch
from rules.money import GREATEST, SPELLINGS
from rules.transactions import QUARANTINE_SCHEMA, TRANSACTION_SCHEMA

PAGES_OF_INCOME = 20
"""Of the list of records so many pages are read, the newest first."""


@dataclass
class _Found:
    """What was found of one account."""

    account: Account
    reading: AccountReading | None = None
    balance: tuple[int, str | None] | None = None
    identity: Identity | None = None
    income: list[Income] = field(default_factory=list)
    errors: dict[str, UpstreamError] = field(default_factory=dict)
    """By what was asked."""


@dataclass(frozen=True)
class LookupReport:
    """How the look-up went, in counts."""

    accounts: int = 0
    balances: int = 0
    identities: int = 0
    income_records: int = 0
    """New ones."""
    not_covered: int = 0
    """Questions that the plan does not cover."""
    reauthorisation_required: int = 0
    failed: int = 0
    """Accounts that could not be looked up whole; what the plan does not cover, or upstream has not, is no failure."""
    failures: Mapping[str, int] = field(default_factory=dict)
    """How often what failed, such as `balance: Unreachable`."""


async def look_up(
    warehouse: Warehouse,
    client: MonoClient,
    chosen: Sequence[Account],
    *,
    clock: Clock,
    run_id: str,
    sleep: Sleep = asyncio.sleep,
) -> LookupReport:
    """Ask for the details, balance, holder and income of accounts, and keep the answers in one commit.

    Raises:
        WarehouseError: the answers cannot be written.
    """
    slots = asyncio.Semaphore(client.concurrency)

    async def one(account: Account) -> _Found:
        async with slots:
            return await _ask(client, account, sleep)

    found = await asyncio.gather(*(one(account) for account in chosen))
    new = await asyncio.to_thread(
        lambda: warehouse.write(
            lambda con: _keep(con, found, clock, run_id, admission(warehouse.home)), run_id=run_id, note="look up"
        )
    )
    return _report(found, new)


async def _ask(client: MonoClient, account: Account, sleep: Sleep) -> _Found:
    found = _Found(account)
    account_id = account.account_id

    async def balance() -> None:
        found.balance = _balance(await client.balance(account_id))

    async def identity() -> None:
        found.identity = _identity(await client.identity(account_id))

    async def income() -> None:
        for page in range(1, PAGES_OF_INCOME + 1):
            document = await client.income_records(account_id, page)
            found.income += records_of(document)
            if not more_pages(document):
                return

    async def details() -> None:
        found.reading = await _ready(client, account_id, sleep)

    await _try(found, "details", details)
    if "details" not in found.errors:
        for name, ask in (("balance", balance), ("identity", identity), ("income", income)):
            await _try(found, name, ask)
    return found


async def _try(found: _Found, name: str, ask: Callable[[], Awaitable[None]]) -> None:
    try:
        await ask()
    except UpstreamError as error:
        found.errors[name] = error


async def _ready(client: MonoClient, account_id: str, sleep: Sleep) -> AccountReading:
    """The account's details once upstream has fetched them; it is waited for, with a bound."""
    for wait in (*READINESS_WAITS, None):
        reading = await client.account(account_id)
        if reading is not None and reading.data_status != PROCESSING:
            return reading
        if wait is not None:
            await sleep(wait)
    raise NotReady("Mono is still fetching this account's data from the bank. Look it up again in a few minutes.")


def _balance(document: Mapping[str, object]) -> tuple[int, str | None] | None:
    """The balance in minor units and its currency; null where it is a number that no column holds."""
    data = document.get("data")
    told = data.get("balance") if isinstance(data, Mapping) else None
    if isinstance(told, (float, Decimal)) and told == int(told):
        told = int(told)
    if not isinstance(data, Mapping) or type(told) is not int:
        raise BadResponse("Mono's answer holds no balance. Try again later.")
    currency = data.get("currency")
    code = currency.strip().upper() if isinstance(currency, str) else ""
    return (told, SPELLINGS.get(code, code) or None) if abs(told) <= GREATEST else None


def _identity(document: Mapping[str, object]) -> Identity | None:
    """Who holds the account; null while upstream has nothing to say."""
    data = document.get("data")
    if not isinstance(data, Mapping):
        return None
    name, bvn, verified = data.get("full_name"), data.get("bvn"), data.get("verified")
    return Identity(
        " ".join(name.split()) if isinstance(name, str) else None,
        bvn[-4:] if isinstance(bvn, str) else None,
        verified if isinstance(verified, bool) else None,
    )


def _keep(
    con: duckdb.DuckDBPyConnection, found: Sequence[_Found], clock: Clock, run_id: str, admission: Admission
) -> int:
    """Write what was found of accounts that are still linked; how many records of income were new."""
    now, new = clock.now(), 0
    linked = {account.account_id for account in accounts.listed(con, linked_only=True)}
    found = [each for each in found if each.account.account_id in linked]
    states = [AccountState(each.account.account_id, details=each.reading.details) for each in found if each.reading]
    lines, unreadable = pl.DataFrame(schema=TRANSACTION_SCHEMA), pl.DataFrame(schema=QUARANTINE_SCHEMA)
    merge_batch(con, lines, unreadable, states, touch_id=f"{run_id}/look-up", admission=admission)
    for each in found:
        key = each.account.key
        if each.balance is not None:
            account_facts.add_balance(con, key, *each.balance, observed_at=now)
        if each.identity is not None:
            account_facts.put_identity(con, key, each.identity, now)
        if each.income:
            currency = each.account.currency or (each.reading.details.currency if each.reading else None)
            account = replace(each.account, currency=currency)
            new += account_facts.add_income(con, account, each.income, "records", now)
        if _must_log_in(each):
            accounts.mark_reauthorisation(con, key.account_id, required=True)
        if "details" in each.errors:
            accounts.mark_failed(con, key.account_id, str(each.errors["details"]))
    return new


def _must_log_in(found: _Found) -> bool:
    return any(isinstance(error, ReauthorisationRequired) for error in found.errors.values())


def _report(found: Sequence[_Found], new: int) -> LookupReport:
    missing = [(each, name, error) for each in found for name, error in each.errors.items()]
    uncovered = [each for each, name, error in missing if name != "details" and isinstance(error, Unauthorised)]
    failed = [(each, f"{name}: {type(error).__name__}") for each, name, error in missing if _counts(name, error)]
    return LookupReport(
        accounts=len(found),
        balances=sum(each.balance is not None for each in found),
        identities=sum(each.identity is not None for each in found),
        income_records=new,
        not_covered=len(uncovered),
        reauthorisation_required=sum(_must_log_in(each) for each in found),
        failed=len({each.account.account_id for each, _ in failed}),
        failures=Counter(told for _, told in failed),
    )


def _counts(name: str, error: UpstreamError) -> bool:
    """Whether a failure is one: a plan need not cover everything, and not every account has everything."""
    return name == "details" or not isinstance(error, (Unauthorised, AccountNotFound))
