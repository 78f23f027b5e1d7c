"""What surrounds every request: its ids, the bound of its body, the headers of its answer, and what is counted of it.

An ASGI middleware around the whole application. It knows no route. Whatever is left uncaught becomes a problem here,
with its trace id; its places, never its words, go to the log.
"""

from __future__ import annotations

import asyncio
import logging
import re
import time
from collections.abc import Callable
from contextlib import suppress
from random import getrandbits

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.metrics import Metrics
from gateway.problems import Problem, answer

MIB = 2**20
IMPORT_PATH = "/si/invoices/import"
_DRAINED, _DRAINED_SECONDS = 8 * MIB, 5.0
"""So much of a body that nobody reads is taken in all the same."""
_WITHOUT_BODY = ("GET", "HEAD", "OPTIONS")

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}", re.ASCII)
_HEADERS = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cache-control": "no-store",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
}
_log = logging.getLogger("kobosift.gateway")


def body_limit(path: str) -> int:
    """How large the body of a request may be, in bytes."""
    return 64 * MIB if path == IMPORT_PATH else MIB


class Wire:
    """The middleware."""

    def __init__(
        self, app: ASGIApp, metrics: Metrics, *, tls: bool = False, timer: Callable[[], float] = time.perf_counter
    ) -> None:
        """Surround an application; `tls` tells browsers to come over TLS only."""
        self._app = app
        self._metrics = metrics
        self._timer = timer
        headers = _HEADERS | ({"strict-transport-security": "max-age=31536000"} if tls else {})
        self._headers = [(name.encode(), value.encode()) for name, value in headers.items()]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        trace_id = f"{getrandbits(128):032x}"  # told to all: it need not be hard to guess
        scope.setdefault("state", {})["trace_id"] = trace_id
        started, status = self._timer(), 0

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                await body.drain()
                message["headers"] = [*message["headers"], *self._headers, *_ids(scope, trace_id)]
            await send(message)

        body = _Body(receive, body_limit(scope["path"]), _length(scope), ended=scope["method"] in _WITHOUT_BODY)
        try:
            await self._app(scope, body.receive, sending)
        except ClientDisconnect:
            pass  # whoever asked is gone, and nobody is left to answer
        except Exception as error:
            _log.error("request failed: %s, trace %s", _places(error), trace_id)
            if status == 0:
                await answer(_UNEXPECTED, trace_id)(scope, receive, sending)
        finally:
            self._metrics.request(scope, status or 499, self._timer() - started)


class _Body:
    """A request's body, bounded."""

    def __init__(self, receive: Receive, limit: int, told: int, *, ended: bool) -> None:
        self._receive = receive
        self._limit = limit
        self._told = told
        self._read = 0
        self._ended = ended

    async def receive(self) -> Message:
        """Pass on a piece of the body.

        Raises:
            HTTPException: it is too large.
        """
        if self._told > self._limit:
            await self.drain()
            raise self._too_large()
        message = await self._next()
        if self._read > self._limit:
            await self.drain()
            raise self._too_large()
        return message

    async def drain(self) -> None:
        """Read and drop what is left of it, so that its sender comes to read the answer; within bounds."""
        if self._ended:
            return
        most = self._limit + _DRAINED
        with suppress(TimeoutError):
            async with asyncio.timeout(_DRAINED_SECONDS):
                while not self._ended and self._read < most and self._told <= most:
                    await self._next()
        self._ended = True

    async def _next(self) -> Message:
        message = await self._receive()
        if message["type"] == "http.request":
            self._read += len(message.get("body", b""))
            self._ended = not message.get("more_body", False)
        else:
            self._ended = True
        return message

    def _too_large(self) -> HTTPException:
        told = f"The body is larger than {self._limit // MIB} MiB, which is the most that is taken here: send less."
        return HTTPException(413, told)


def _ids(scope: Scope, trace_id: str) -> list[tuple[bytes, bytes]]:
    given = next((value for name, value in scope["headers"] if name == b"x-request-id"), b"").decode("latin-1")
    request_id = given if _REQUEST_ID.fullmatch(given) else trace_id
    return [(b"x-request-id", request_id.encode()), (b"x-trace-id", trace_id.encode())]


def _length(scope: Scope) -> int:
    told = next((value for name, value in scope["headers"] if name == b"content-length"), b"")
    return int(told) if told.isdigit() and len(told) < 16 else 0


def _places(error: Exception) -> str:
    """The kind of an error and where it came from, without its words: they may quote a row."""
    trace = error.__traceback__
    places = []
    while trace is not None:
        places.append(f"{trace.tb_frame.f_code.co_name}:{trace.tb_lineno}")
        trace = trace.tb_next
    return f"{type(error).__name__} at {' < '.join(reversed(places[-6:]))}"


_UNEXPECTED = Problem(
    500, "Something unexpected went wrong. It was noted under this trace id: ask whoever runs this gateway."
)
