"""The application: its routes, its insides and what surrounds every request, put together.

Holds no route. `build_app` opens nothing that outlives the application but what it is given.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from functools import partial
from importlib.metadata import version
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute

from gateway import problems
from gateway.direct import Direct
from gateway.guard import DirectRoute, role_of
from gateway.house import House
from gateway.limits import Buckets
from gateway.metrics import Metrics
from gateway.routes import (
    accounts,
    allow_deny,
    events,
    health,
    imports,
    invoices,
    linking,
    settlements,
    syncs,
    webhook,
)
from gateway.routes.examples import GUARDED, PROBLEM_SCHEMA
from gateway.runs import Runs
from gateway.wire import Wire
from resources.clock import Clock, SystemClock
from resources.errors import KobosiftError
from resources.settings import Settings
from resources.warehouse.connection import Warehouse

TIDY_EVERY = timedelta(hours=1)
TELL_EVERY = timedelta(minutes=1)
OPEN = (webhook.open_router, health.router)
GUARDED_ROUTERS = (
    linking.router,
    webhook.router,
    events.router,
    allow_deny.router,
    accounts.router,
    syncs.router,
    imports.router,
    invoices.router,
    settlements.router,
)
_TITLE = "kobosift"
_ABOUT = (
    "Nigerian bank lines from Mono: which are business income, which invoice they settle, and drafts for people to "
    "confirm. Every route but those of webhooks and health takes a bearer token (`kobosift tokens create`). Errors are "
    "application/problem+json. POSTs take an Idempotency-Key."
)


def build_app(settings: Settings, warehouse: Warehouse, clock: Clock | None = None) -> FastAPI:
    """Put the application together.

    Args:
        settings: of the process.
        warehouse: the one of the process, its tables up to date.
        clock: the machine's where left out.
    """
    metrics = Metrics()
    house = House(settings, warehouse, clock or SystemClock(), metrics, Buckets(settings.kobosift_rate_limit))
    app = FastAPI(
        title=_TITLE,
        description=_ABOUT,
        version=version("kobosift"),
        docs_url=None,  # the pages draw their scripts from elsewhere
        redoc_url=None,
        lifespan=partial(_lifespan, house=house),
        strict_content_type=False,
        telemetry={"tracing": False, "metrics": False, "logs": False},  # addresses may name accounts
    )
    app.state.house = house
    app.state.runs = Runs(house)
    problems.install(app)
    for router in OPEN:
        app.include_router(router)
    for router in GUARDED_ROUTERS:
        app.include_router(router, responses=GUARDED)
    app.openapi = partial(_openapi, app)  # type: ignore[method-assign]
    app.add_middleware(Direct, routes=[route for route in routes() if isinstance(route, DirectRoute)])
    app.add_middleware(_wire(metrics, tls=settings.kobosift_environment == "production"))
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI, house: House) -> AsyncIterator[None]:
    chores = [asyncio.create_task(chore(house)) for chore in (_tidy, _tell_payments)]
    try:
        yield
    finally:
        for chore in chores:
            chore.cancel()
            with suppress(asyncio.CancelledError):
                await chore
        await asyncio.to_thread(app.state.runs.close)
        await house.close()


async def _tidy(house: House) -> None:
    """Keep the landing folder free of what has had its time."""
    while True:
        with suppress(OSError):
            await house.land(partial(house.lander.tidy, now=house.now()))
        await asyncio.sleep(TIDY_EVERY.total_seconds())


async def _tell_payments(house: House) -> None:
    """Tell of payments of signed invoices, soon after one may have come and every minute; what fails is told again."""
    while True:
        with suppress(TimeoutError):
            async with asyncio.timeout(TELL_EVERY.total_seconds()):
                await house.paid.wait()
        house.paid.clear()
        with suppress(KobosiftError):
            await house.tell_payments()


def _wire(metrics: Metrics, *, tls: bool) -> Callable[..., Any]:
    return partial(Wire, metrics=metrics, tls=tls)


def routes() -> list[APIRoute]:
    """All routes but the one of OpenAPI itself."""
    return [route for router in (*OPEN, *GUARDED_ROUTERS) for route in router.routes if isinstance(route, APIRoute)]


def _openapi(app: FastAPI) -> dict[str, Any]:
    """Describe the application once, and say of each route which role it asks for."""
    if app.openapi_schema is None:
        schema = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
        components = schema.setdefault("components", {})
        components["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
        components.setdefault("schemas", {})["Problem"] = PROBLEM_SCHEMA
        for route in routes():
            role = role_of(route)
            for method in (route.methods or ()) if role else ():
                operation = schema["paths"][route.path][method.lower()]
                operation["security"] = [{"token": []}]
                operation["x-role"] = role
        app.openapi_schema = schema
    return app.openapi_schema
