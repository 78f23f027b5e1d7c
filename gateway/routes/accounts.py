"""The accounts: Mono's list and the linked ones, what Mono says of each, and the end of a consent."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from functools import partial
from typing import Annotated, Any, Literal

import duckdb
from fastapi import Path, Query
from pydantic import BaseModel, ConfigDict

from gateway.guard import ADMIN, VIEWER, Caller, Inside, Trace, guarded_router, needs
from gateway.house import House
from gateway.problems import Problem
from gateway.routes.examples import Responses, shown
from gateway.upstream import NO_ACCOUNT, no_account, passed_on, worded
from resources.errors import UpstreamError
from resources.warehouse import accounts
from resources.warehouse.accounts import LINKED, Account
from resources.warehouse.tokens import Token

router = guarded_router(prefix="/si/mono/accounts", tags=["accounts"])

AccountId = Annotated[str, Path(max_length=200, description="The account's id, from the exchange.")]
Page = Annotated[int | None, Query(ge=1, le=1_000_000, description="Page number; meta.next says whether there is one.")]

_MISSING: Responses = {404: {"description": "Not Found", "content": {"application/json": {"example": NO_ACCOUNT}}}}
_INSTITUTION = {"name": "GTBank", "bank_code": "058", "type": "PERSONAL_BANKING"}
_ACCOUNT = {
    "id": "61e54d10073257",
    "name": "INVENTED HOLDER",
    "account_number": "1100000899",
    "currency": "NGN",
    "balance": 35232,
    "type": "SAVINGS ACCOUNT",
    "institution": _INSTITUTION,
}
_DONE = {
    "status": "successful",
    "message": "Request was successfully completed",
    "timestamp": "2024-04-12T06:31:02.289Z",
}
_LIST = {
    "status": "successful",
    "message": "Linked Mono accounts",
    "timestamp": "2024-07-15T12:00:00.000Z",
    "data": [_ACCOUNT],
    "meta": {"total": 1, "pages": 1, "previous": None, "next": None},
}


@router.get("", responses=shown(_LIST, upstreams=True))
@needs(VIEWER)
async def list_accounts(
    house: Inside,
    caller: Caller,
    page: Page = None,
    linked_only: Annotated[bool, Query(alias="linkedOnly", description="Only this tenant's linked accounts.")] = False,
    env: Annotated[Literal["sandbox", "production"] | None, Query(description="With linkedOnly.")] = None,
    env_id: Annotated[
        str | None, Query(alias="envId", max_length=400, description="With linkedOnly; preferred.")
    ] = None,
) -> Any:
    """List the app's accounts as Mono pages them, without other tenants'; or the tenant's linked ones on one page."""
    if not linked_only:
        return await _upstream_page(house, caller, page or 1)
    asked = env_id if env_id is not None else f"{caller.organization_id}:{env or caller.environment}"
    if asked != f"{caller.organization_id}:{caller.environment}":
        raise Problem(404, "There is no such environment for this token: leave env and envId out, or name its own.")
    linked = await house.read(
        partial(
            accounts.listed, organization_id=caller.organization_id, environment=caller.environment, linked_only=True
        )
    )
    rows = await asyncio.gather(*(_row(house, account) for account in linked))
    meta = {"total": len(rows), "pages": 1, "previous": None, "next": None}
    return worded("Linked Mono accounts", house.now(), data=rows, meta=meta)


@router.get("/{id}", responses=shown({**_DONE, "data": {"account": _ACCOUNT}}, upstreams=True) | _MISSING)
@needs(VIEWER)
async def details(id: AccountId, house: Inside, caller: Caller) -> Any:  # noqa: A002 - the name in the address
    """Give the account's details and how ready its data are."""
    if not await _is_linked(house, caller, id):
        return no_account()
    return await passed_on(house.mono().details(id))


@router.get(
    "/{id}/identity",
    responses=shown({**_DONE, "data": {"full_name": "INVENTED", "bvn": "0012"}}, upstreams=True) | _MISSING,
)
@needs(VIEWER)
async def identity(id: AccountId, house: Inside, caller: Caller) -> Any:  # noqa: A002
    """Say who holds the account; of the BVN the last four digits."""
    if not await _is_linked(house, caller, id):
        return no_account()
    return await passed_on(house.mono().identity(id))


@router.get(
    "/{id}/balance", responses=shown({**_DONE, "data": {"id": "61e5", "balance": 35232}}, upstreams=True) | _MISSING
)
@needs(VIEWER)
async def balance(id: AccountId, house: Inside, caller: Caller) -> Any:  # noqa: A002
    """Give the balance, in minor units."""
    if not await _is_linked(house, caller, id):
        return no_account()
    return await passed_on(house.mono().balance(id))


@router.get("/{id}/income", responses=shown({**_DONE, "data": None}, upstreams=True) | _MISSING)
@needs(VIEWER)
async def income(
    id: AccountId,  # noqa: A002
    house: Inside,
    caller: Caller,
    period: Annotated[int | None, Query(ge=1, le=1200, description="Months to consider; left out: all.")] = None,
) -> Any:
    """Ask for the income; it comes by webhook."""
    if not await _is_linked(house, caller, id):
        return no_account()
    return await passed_on(house.mono().income(id, period))


@router.get(
    "/{id}/income-records", responses=shown({**_DONE, "data": [], "meta": {"total": 0}}, upstreams=True) | _MISSING
)
@needs(VIEWER)
async def income_records(id: AccountId, house: Inside, caller: Caller, page: Page = None) -> Any:  # noqa: A002
    """Give a page of the income records."""
    if not await _is_linked(house, caller, id):
        return no_account()
    return await passed_on(house.mono().income_records(id, page or 1))


class Unlinking(BaseModel):
    """What to do besides."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"purge": False}})

    purge: bool = False


@router.post("/{id}/unlink", responses=shown({**_DONE, "purged": None}) | _MISSING)
@needs(ADMIN)
async def unlink(
    id: AccountId,  # noqa: A002
    house: Inside,
    caller: Caller,
    trace: Trace,
    asked: Unlinking | None = None,
    purge: Annotated[bool, Query(description="Also erase what was derived from the account.")] = False,
) -> Any:
    """End the consent: stop reading at once, then tell Mono; done again it only makes sure that Mono knows."""
    now = house.now()

    def work(con: duckdb.DuckDBPyConnection) -> bool:
        known = accounts.of_tenant(con, id, *caller.tenant) is not None
        if known:
            accounts.unlink(con, id, now=now)
        return known

    mono = house.mono()
    if not await house.write(work, trace_id=trace, note="unlink an account"):
        return no_account()
    purged = None
    if purge or (asked is not None and asked.purge):
        erased = await house.erase(id, trace_id=trace)
        purged = {
            "proved": all(each.proved for each in erased),
            "rows": sum(sum(each.counts.values()) for each in erased),
        }
    try:
        await mono.unlink(id)
    except UpstreamError as error:
        told = f"The account is read no more, but Mono could not be told: {error} Then unlink it again."
        raise Problem(502, told, more={"upstreamStatus": error.status, "upstreamMessage": error.said}) from None
    return worded("Request was successfully completed", now, purged=purged)


async def _is_linked(house: House, caller: Token, account_id: str) -> bool:
    """Whether the account is the caller's, and its holder's consent stands."""
    found = await house.read(
        partial(
            accounts.of_tenant,
            account_id=account_id,
            organization_id=caller.organization_id,
            environment=caller.environment,
        )
    )
    return found is not None and found.status == LINKED


async def _upstream_page(house: House, caller: Token, page: int) -> dict[str, Any]:
    """Give Mono's page without the accounts that are another tenant's here."""
    answer = await house.mono().accounts(page)
    known = {account.account_id: account for account in await house.read(accounts.listed)}
    rows = answer.get("data")
    if isinstance(rows, list):
        answer["data"] = [row for row in rows if not _is_others(row, known, caller)]
    return answer


def _is_others(row: object, known: Mapping[str, Account], caller: Token) -> bool:
    account = known.get(str(row.get("id") or row.get("_id"))) if isinstance(row, Mapping) else None
    return account is not None and (account.organization_id, account.environment) != caller.tenant


async def _row(house: House, account: Account) -> dict[str, Any]:
    """Describe a linked account as Mono has it now; where Mono does not say, as it was last read."""
    try:
        answer = await house.mono().details(account.account_id)
    except UpstreamError:
        answer = {}
    data = answer.get("data")
    told = data.get("account") if isinstance(data, Mapping) else None
    found: Mapping[str, Any] = told if isinstance(told, Mapping) else {}
    bank = found.get("institution")
    institution = {"name": account.institution, "bank_code": account.bank_code, "type": account.institution_type}
    return {
        "id": account.account_id,
        "name": found.get("name", account.holder),
        "account_number": found.get("account_number"),
        "currency": found.get("currency", account.currency),
        "balance": found.get("balance"),
        "type": found.get("type", account.account_type),
        "institution": bank if isinstance(bank, Mapping) else institution,
    }
