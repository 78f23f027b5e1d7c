"""Recent eligibility previews: what was decided of each line, and why."""

from __future__ import annotations

from datetime import date
from functools import partial
from typing import Annotated, Any, Literal

from fastapi import Query

from gateway.guard import VIEWER, Caller, Inside, guarded_router, needs
from gateway.lists import Paged
from gateway.problems import Problem
from gateway.routes.examples import shown
from resources.warehouse.previews import Filters, decided

router = guarded_router(prefix="/si/mono", tags=["events"])

_PREVIEW = {
    "account_id": "64779d900000000000b3de23",
    "transaction_id": "66141bde",
    "day": "2026-03-02",
    "direction": "credit",
    "amount": 500000,
    "currency": "NGN",
    "outcome": "rejected",
    "disposition": "rejected",
    "reason": "personal_or_low_confidence",
    "detail": "personal_keyword",
    "score": 20,
}
Name = Annotated[str | None, Query(max_length=100)]


@router.get("/events", responses=shown({"data": [_PREVIEW], "meta": {"total": 1, "page": 1, "next": None}}))
@needs(VIEWER)
async def events(
    house: Inside,
    caller: Caller,
    paging: Paged,
    account_id: Annotated[str | None, Query(alias="accountId", max_length=200)] = None,
    outcome: Literal["eligible", "rejected", "held"] | None = None,
    disposition: Literal["matched", "review", "drafted", "rejected", "held"] | None = None,
    reason: Name = None,
    detail: Name = None,
    start: Annotated[date | None, Query(description="First booked day.")] = None,
    end: Annotated[date | None, Query(description="Last booked day.")] = None,
) -> dict[str, Any]:
    """List what was decided, the newest first, with the evidence; columns are those of audit.outcomes."""
    if start and end and start > end:
        raise Problem(422, f"The start {start} is after end {end}: give the first booked day, then the last.")
    filters = Filters(*caller.tenant, account_id, outcome, disposition, reason, detail, start, end)
    rows, total = await house.read(partial(decided, filters=filters, limit=paging.size, offset=paging.offset))
    return paging.listing(rows, total)
