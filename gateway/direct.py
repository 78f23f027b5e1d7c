"""A short way to routes that solve nothing: their endpoint is called at once, past the framework's own way to it.

An ASGI middleware inside `Wire`. Such a route is still declared, described and refused for other methods like any
other; only its requests go this way. What the framework does around an endpoint costs more than landing an event.
"""

from __future__ import annotations

from collections.abc import Sequence

from fastapi import Request
from starlette.middleware.exceptions import ExceptionMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.guard import DirectRoute
from gateway.problems import HANDLERS


class Direct:
    """The middleware."""

    def __init__(self, app: ASGIApp, routes: Sequence[DirectRoute]) -> None:
        """Stand before an application that has these routes."""
        self._app = app
        self._ways = {
            (method, route.path): (route, ExceptionMiddleware(_called(route), HANDLERS))
            for route in routes
            for method in route.methods or ()
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request that goes straight, and pass all others on."""
        way = self._ways.get((scope["method"], scope["path"])) if scope["type"] == "http" else None
        if way is None:
            await self._app(scope, receive, send)
            return
        scope["route"], call = way
        await call(scope, receive, send)


def _called(route: DirectRoute) -> ASGIApp:
    async def call(scope: Scope, receive: Receive, send: Send) -> None:
        response = await route.endpoint(Request(scope, receive, send))
        await response(scope, receive, send)

    return call
