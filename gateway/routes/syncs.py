"""Pulling what is new, of one account or of all of the tenant, and where the last reading came to."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any

from fastapi import Query, Request
from pydantic import BaseModel, ConfigDict, Field

from gateway.guard import ANALYST, VIEWER, Caller, Inside, Trace, guarded_router, needs
from gateway.problems import Problem, not_found
from gateway.routes.examples import shown
from gateway.runs import Runs, Wish
from resources.mono.cursor import Cursor
from resources.warehouse import accounts
from resources.warehouse.accounts import LINKED

router = guarded_router(prefix="/si/mono", tags=["sync"])

MOST_ROWS = 10_000
_FIGURES = {
    "accountId": "64779d900000000000b3de23",
    "imported": 112,
    "updated": 1,
    "unchanged": 0,
    "quarantined": 0,
    "skipped": {"personal_or_low_confidence": 71},
    "skippedDetails": {"debit_not_refund": 60, "personal_keyword": 11},
    "held": 2,
    "cursor": "eyJ2IjoxfQ",
    "hasMore": False,
    "error": None,
}


class Sync(BaseModel):
    """Which account to pull, from where, and how much at once."""

    model_config = ConfigDict(
        extra="forbid",
        populate_by_name=True,
        json_schema_extra={"example": {"accountId": "64779d900000000000b3de23", "pageSize": 500}},
    )

    account_id: Annotated[str, Field(alias="accountId", min_length=1, max_length=200)]
    cursor: Annotated[str | None, Field(max_length=2000)] = None
    page_size: Annotated[int | None, Field(alias="pageSize", ge=1, le=MOST_ROWS)] = None


@router.post("/sync", responses=shown(_FIGURES))
@needs(ANALYST)
async def sync(asked: Sync, request: Request, house: Inside, caller: Caller, trace: Trace) -> dict[str, Any]:
    """Pull what is new of one account and decide it; `skipped` counts the rejected of what came, by reason.

    With `pageSize` it stops after so many lines, and `hasMore` says to go on. An old `cursor` re-reads without harm.
    """
    account = await house.read(
        partial(
            accounts.of_tenant,
            account_id=asked.account_id,
            organization_id=caller.organization_id,
            environment=caller.environment,
        )
    )
    if account is None:
        raise not_found("account")
    if account.status != LINKED:
        raise Problem(409, "This account is not linked: have its holder consent anew, and exchange the code.")
    if asked.cursor is not None and not _is_ours(asked.cursor):
        told = "The cursor is none of ours: leave it out, or send one that a sync gave."
        raise Problem(422, told, errors=[{"field": "cursor", "message": "not a cursor"}])
    runs: Runs = request.app.state.runs
    wish = Wish(frozenset([asked.account_id]), asked.cursor, asked.page_size)
    (figures,) = await runs.sync(wish, trace)
    if figures["error"] is not None:
        raise Problem(502, figures["error"], more={name: figures[name] for name in ("imported", "updated")})
    return figures


@router.post("/sync-stored", responses=shown({"data": [_FIGURES], "meta": {"total": 1, "failed": 0}}))
@needs(ANALYST)
async def sync_stored(request: Request, house: Inside, caller: Caller, trace: Trace) -> dict[str, Any]:
    """Pull what is new of all linked accounts of the tenant; one that fails says so and stops no other."""
    linked = await house.read(
        partial(
            accounts.listed, organization_id=caller.organization_id, environment=caller.environment, linked_only=True
        )
    )
    runs: Runs = request.app.state.runs
    rows = await runs.sync(Wish(frozenset(each.account_id for each in linked)), trace) if linked else []
    failed = sum(row["error"] is not None for row in rows)
    sums = {name: sum(row[name] for row in rows) for name in ("imported", "updated", "unchanged", "quarantined")}
    return {"data": rows, "meta": {"total": len(rows), "failed": failed, **sums}}


@router.get("/cursor", responses=shown({"accountId": "64779d900000000000b3de23", "cursor": "eyJ2IjoxfQ"}))
@needs(VIEWER)
async def cursor(
    house: Inside, caller: Caller, account_id: Annotated[str, Query(alias="accountId", min_length=1, max_length=200)]
) -> dict[str, Any]:
    """Give the last cursor of an account; null before its first sync."""
    account = await house.read(
        partial(
            accounts.of_tenant,
            account_id=account_id,
            organization_id=caller.organization_id,
            environment=caller.environment,
        )
    )
    if account is None:
        raise not_found("account")
    return {"accountId": account_id, "cursor": account.cursor, "syncedAt": account.synced_at}


def _is_ours(cursor: str) -> bool:
    try:
        Cursor.read(cursor)
    except ValueError:
        return False
    return True
