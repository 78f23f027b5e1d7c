"""Liveness, readiness and figures: open to all, since they say nothing of any tenant."""

from __future__ import annotations

import os
from functools import partial

import duckdb
from fastapi import APIRouter, Response
from fastapi.responses import PlainTextResponse

from gateway.guard import Inside
from gateway.metrics import CONTENT_TYPE
from gateway.problems import Problem
from gateway.routes.examples import PROBLEMS, Responses, shown
from resources.landing import waiting

router = APIRouter(tags=["health"])
_TEXT: Responses = {
    200: {"content": {"text/plain": {"schema": {"type": "string"}, "example": "kobosift_webhooks_waiting 0.0\n"}}}
}


@router.get("/healthz", responses=shown({"status": "alive"}))
async def alive() -> dict[str, str]:
    """Whether the process answers."""
    return {"status": "alive"}


@router.get("/readyz", responses=shown({"status": "ready"}) | {503: PROBLEMS[503]})
async def ready(house: Inside) -> dict[str, str]:
    """Whether the warehouse can be read and events can land."""

    def look(con: duckdb.DuckDBPyConnection) -> bool:
        con.execute("SELECT 1")
        return os.access(house.settings.kobosift_home, os.W_OK)

    if not await house.read(look):
        raise Problem(503, f"{house.settings.kobosift_home} cannot be written: give this user the right to.")
    return {"status": "ready"}


@router.get("/metrics", response_class=PlainTextResponse, responses=_TEXT)
async def metrics(house: Inside) -> Response:
    """Figures for Prometheus."""
    held = await house.land(partial(waiting, house.settings.landing))
    return Response(house.metrics.exposed(held.count), media_type=CONTENT_TYPE)
