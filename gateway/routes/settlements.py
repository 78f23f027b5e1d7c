"""Suggested settlements: a person accepts one, or declines it, which is remembered."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any

import duckdb
from fastapi import Path

from gateway.guard import ANALYST, WITHOUT_NUL, Caller, Inside, Trace, guarded_router, needs
from gateway.house import House
from gateway.problems import not_found
from gateway.routes.examples import shown
from resources.warehouse import settlements
from resources.warehouse.tokens import Token

router = guarded_router(prefix="/si/settlements", tags=["settlements"])

SettlementId = Annotated[str, Path(max_length=200, pattern=WITHOUT_NUL, description="As audit.settlements lists it.")]
_SHOWN = {"settlement_id": "set_5f2d0882", "status": "accepted", "changed": ["set_5f2d0882"]}


@router.post("/{id}/accept", responses=shown(_SHOWN))
@needs(ANALYST)
async def accept(id: SettlementId, house: Inside, caller: Caller, trace: Trace) -> dict[str, Any]:  # noqa: A002
    """Accept a suggestion, with the others of its proposal."""
    now = house.now()
    return await _say(house, caller, trace, id, _saying(settlements.accept, id, caller, now), "accepted")


@router.post("/{id}/decline", responses=shown({**_SHOWN, "status": "declined"}))
@needs(ANALYST)
async def decline(id: SettlementId, house: Inside, caller: Caller, trace: Trace) -> dict[str, Any]:  # noqa: A002
    """Decline a suggestion, with the others of its proposal: it is never made again."""
    now = house.now()
    return await _say(house, caller, trace, id, _saying(settlements.decline, id, caller, now), "declined")


def _saying(
    said: Callable[..., list[str]], settlement_id: str, caller: Token, now: datetime
) -> Callable[[duckdb.DuckDBPyConnection], list[str]]:
    return lambda con: said(con, settlement_id, by=caller.token_id, now=now)


async def _say(
    house: House,
    caller: Token,
    trace: str,
    settlement_id: str,
    saying: Callable[[duckdb.DuckDBPyConnection], list[str]],
    status: str,
) -> dict[str, Any]:
    def work(con: duckdb.DuckDBPyConnection) -> list[str] | None:
        found = settlements.find(con, settlement_id)
        if found is None or (found["organization_id"], found["environment"]) != caller.tenant:
            return None
        return saying(con)

    changed = await house.write(work, trace_id=trace, note=f"a settlement is {status}")
    if changed is None:
        raise not_found("settlement")
    house.paid.set()
    return {"settlement_id": settlement_id, "status": status, "changed": changed}
