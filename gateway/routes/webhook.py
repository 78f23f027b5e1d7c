"""Webhooks in, and how they fare: landed before they are answered, and nothing else done with them."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response

from gateway.guard import VIEWER, Caller, DirectRoute, Inside, Trace, guarded_router, needs
from gateway.house import House
from gateway.problems import Problem
from gateway.routes.examples import PROBLEMS, shown
from gateway.webhooks import Claim, claim_of
from resources.landing import Event, LandingError, waiting
from resources.warehouse import webhooks

open_router = APIRouter(tags=["webhooks"], route_class=DirectRoute)
router = guarded_router(tags=["webhooks"])

_EVENT = {"event": "mono.events.account_updated", "event_id": "evt_64779d90", "data": {"account": {"_id": "64779d90"}}}
_REFUSED = (
    "This webhook does not prove that it is Mono's: sign it under the secret in force (x-mono-timestamp and "
    "x-mono-signature), or send the secret itself (mono-webhook-secret)."
)
_ANSWERS = {result: JSONResponse({"status": result}) for result in ("landed", "repeated")}
_BODY = {
    "parameters": [
        {"name": name, "in": "header", "required": False, "schema": {"type": "string"}}
        for name in ("x-mono-timestamp", "x-mono-signature", "mono-webhook-secret")
    ],
    "requestBody": {"required": True, "content": {"application/json": {"schema": {}, "example": _EVENT}}},
}


@open_router.post(
    "/si/mono/webhook",
    openapi_extra=_BODY,
    responses=shown({"status": "landed"}) | {code: PROBLEMS[code] for code in (400, 401, 413, 503)},
)
async def webhook(request: Request) -> Response:
    """Take an event in: on disk before the answer, once within 80 hours."""
    house: House = request.app.state.house
    settings, now = house.settings, house.now()
    claim = claim_of(request.headers, settings.webhook_secrets, now=now, verify=settings.mono_verify_signature)
    if claim is None:
        house.metrics.webhook("unproved")
        raise Problem(401, _REFUSED)
    body = await request.body()
    return await house.land(partial(_take, house, claim, body, now))


def _take(house: House, claim: Claim, body: bytes, now: datetime) -> Response:
    """Prove, read and land an event, all in one thread: each way to another costs as much as any of the three."""
    if not claim.holds(body, house.settings.webhook_secrets):
        house.metrics.webhook("unproved")
        raise Problem(401, _REFUSED)
    try:
        event = Event.of(body)
    except ValueError:
        house.metrics.webhook("not_json")
        raise Problem(400, "The body is not JSON: send one event as a JSON document in UTF-8.") from None
    try:
        landed = house.lander.land(event, claim.scheme, now=now)
    except LandingError:
        house.metrics.webhook("not_landed")
        raise
    result = "landed" if landed else "repeated"
    house.metrics.webhook(result)
    return _ANSWERS[result]


_STATUS = {
    "received": 1204,
    "waiting": 2,
    "processed": 1201,
    "failed": 1,
    "lastReceived": "2026-03-02T09:00:00.000000+00:00",
    "lastProcessed": "2026-03-02T08:59:58.000000+00:00",
    "lagSeconds": 1.4,
    "failures": {"unreadable": 1},
    "events": {"mono.events.account_updated": 1202},
}


@router.get("/si/mono/webhook-status", responses=shown(_STATUS))
@needs(VIEWER)
async def webhook_status(house: Inside, caller: Caller, trace: Trace) -> dict[str, Any]:
    """How many events came, how many wait, when the last came and was processed, and why some failed.

    Of the tenant's events and those that are nobody's; one that waits is nobody's until it is processed.
    """
    held = await house.land(partial(waiting, house.settings.landing))
    status = partial(
        webhooks.status,
        waiting=held,
        organization_id=caller.organization_id,
        environment=caller.environment,
        now=house.now(),
    )
    return await house.read(status)
