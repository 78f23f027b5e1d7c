"""The faults that a sandbox shows on purpose: which, how often, to whom, and the transport that shows them.

Holds `Faults` (what was asked for), `FaultPlan` (what happens to each request, by seed and not by chance) and
`FaultyTransport` (the ASGI layer that answers badly). Must not hold Mono's right answers (app.py). Faults of the
transport pass: a request that is repeated gets its right answer after at most `times` bad ones.
"""

import asyncio
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from json import dumps
from types import MappingProxyType
from typing import Any, Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

# One answer goes wrong; the rate is the share of requests that meet it.
PASSING: Final = ("429", "500", "502", "timeout", "cut", "html", "badjson", "stale")
# An account is so for as long as the sandbox runs; the rate is the share of accounts.
STANDING: Final = ("repeat", "shift", "processing", "rows", "dead", "gone")
NAMES: Final = PASSING + STANDING

DEFAULT_RATE: Final = 0.05
_MOST: Final = 0.9
_NONE: Final[Mapping[str, float]] = MappingProxyType({})

_HTML: Final = b"<!DOCTYPE html><html><head><title>Maintenance</title></head><body><h1>Back soon</h1></body></html>"
_WRONG_JSON: Final = (
    b'{"status":"successful","message":"Transaction retrieved successfully","data":[{"id":',
    b'["not", "an", "object"]',
    b'{"status":"successful","message":"Transaction retrieved successfully","data":"none","meta":7}',
)


_WRONG_ROWS: Final[tuple[tuple[str, dict[str, object]], ...]] = (
    ("no id", {"id": None}),
    ("amount as text", {"amount": "12,500.00"}),
    ("negative amount", {"amount": -5000}),
    ("fraction of a kobo", {"amount": 1250.5}),
    ("no amount", {"amount": None}),
    ("unknown type", {"type": "transfer"}),
    ("impossible date", {"date": "2025-02-30T10:00:00.000Z"}),
    ("no date", {"date": None}),
)
_LATER_PAGE: Final = re.compile(r"(?:^|&)page=(?!1(?:&|$))")
MALFORMED: Final = len(_WRONG_ROWS)


@dataclass(frozen=True, slots=True)
class Faults:
    """Which faults to show.

    Rates by name, the seed, the seconds that a slow answer takes, the `Retry-After` of a 429, and the most bad answers
    that one request gets before its right one.
    """

    rates: Mapping[str, float] = field(default_factory=lambda: _NONE)
    seed: int = 0
    slow: float = 2.0
    retry_after: int = 1
    times: int = 2

    @classmethod
    def parse(cls, text: str, *, seed: int = 0, slow: float = 2.0, retry_after: int = 1) -> "Faults":
        """Read `all` or names separated by commas, each with an optional rate: `429,500=0.2,dead`.

        An unknown name or a rate outside 0 to 1 is a ValueError with a sentence that says what is known.
        """
        rates: dict[str, float] = {}
        for part in filter(None, (piece.strip() for piece in text.split(","))):
            name, _, rate = part.partition("=")
            if name != "all" and name not in NAMES:
                raise ValueError(f"There is no fault called {name!r}. Known are: all, {', '.join(NAMES)}.")
            for each in NAMES if name == "all" else (name,):
                rates[each] = _rate(name, rate) if rate else DEFAULT_RATE if each in PASSING else 1.0
        return cls(MappingProxyType(rates), seed, slow, retry_after)

    def touches(self, name: str, account_id: str) -> bool:
        """Say whether the standing fault `name` is on this account."""
        return share(self.seed, name, account_id) < self.rates.get(name, 0.0)


NO_FAULTS: Final = Faults()


def _rate(name: str, text: str) -> float:
    try:
        rate = float(text)
    except ValueError:
        rate = -1.0
    if not 0 <= rate <= 1:
        raise ValueError(f"The rate of fault {name!r} is {text!r}; expected a number from 0 to 1, as in {name}=0.2.")
    return rate


def share(seed: int, *words: str) -> float:
    """Give a number from 0 up to 1 that depends on nothing but the arguments."""
    digest = blake2b(f"{seed}/{'/'.join(words)}".encode(), digest_size=7).digest()
    return int.from_bytes(digest) / 2**56


class FaultPlan:
    """Decides which fault each request meets; counts the faults in `shown` and all requests in `requests`."""

    def __init__(self, faults: Faults, account_ids: Sequence[str]) -> None:
        self.faults = faults
        self.shown: Counter[str] = Counter()
        self.requests = 0
        self._failures: Counter[str] = Counter()
        passing = {name: faults.rates[name] for name in PASSING if faults.rates.get(name)}
        scale = min(1.0, _MOST / sum(passing.values())) if len(passing) > 1 else 1.0
        self._passing = {name: rate * scale for name, rate in passing.items()}
        first = int(share(faults.seed, "dead") * len(account_ids))
        self.dead = account_ids[first] if faults.rates.get("dead") else None
        self.gone = account_ids[first - 1] if faults.rates.get("gone") and len(account_ids) > 1 else None

    def next(self, request: str) -> str | None:
        """Name the fault that this request, spelt `method path?query`, meets now; None for a right answer."""
        drawn = share(self.faults.seed, "which", request)
        for name, rate in self._passing.items():
            if drawn < rate:
                return self._shown(name, request)
            drawn -= rate
        return None

    def _shown(self, name: str, request: str) -> str | None:
        if self._failures[request] >= 1 + int(share(self.faults.seed, "times", request) * self.faults.times):
            del self._failures[request]
            return None
        self._failures[request] += 1
        return name

    def repeated_page(self, account_id: str, pages: int) -> int:
        """Give the page that this account's listing holds twice, or one beyond all pages."""
        if not self.faults.touches("repeat", account_id):
            return pages + 1
        return 1 + int(share(self.faults.seed, "twice", account_id) * pages)


def malformed_rows(account_id: str, moments: Sequence[str]) -> list[bytes]:
    """Make MALFORMED rows that cannot be read, at these moments; each narration says what is wrong with its row."""
    rows = []
    for (what, change), moment in zip(_WRONG_ROWS, moments, strict=True):
        identity = blake2b(f"{account_id}/{what}".encode(), digest_size=12).hexdigest()
        row = {"id": identity, "narration": f"MALFORMED: {what}", "amount": 250_000, "type": "credit"}
        row |= {"balance": None, "date": moment, "category": "unknown"} | change
        rows.append(dumps({key: value for key, value in row.items() if key != "id" or value}).encode())
    return rows


class FaultyTransport:
    """ASGI layer that answers each request late by `latency` seconds, and badly where the plan says so."""

    def __init__(self, app: ASGIApp, plan: FaultPlan, latency: float = 0.0) -> None:
        self._app = app
        self._plan = plan
        self._latency = latency

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, rightly or not."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        self._plan.requests += 1
        if self._latency:
            await asyncio.sleep(self._latency)
        name = self._fault(scope)
        if name is None:
            await self._app(scope, receive, send)
            return
        self._plan.shown[name] += 1
        if name == "cut":
            await self._cut(scope, receive, send)
        elif name == "stale":
            await self._app({**scope, "sandbox.stale": True}, receive, send)
        else:
            await self._bad_answer(name, scope, send)

    def _fault(self, scope: Scope) -> str | None:
        path, query = str(scope["path"]), scope["query_string"].decode("latin-1")
        pieces = path.split("/")
        account_id = pieces[3] if path.startswith("/v2/accounts/") and len(pieces) > 3 else None
        if account_id and account_id in (self._plan.dead, self._plan.gone):
            return "dead" if account_id == self._plan.dead else "gone"
        name = self._plan.next(f"{scope['method']} {path}?{query}") if path.startswith("/v2/") else None
        # Only a later page of transactions has a page before it to repeat.
        return None if name == "stale" and not (path.endswith("/transactions") and _LATER_PAGE.search(query)) else name

    async def _bad_answer(self, name: str, scope: Scope, send: Send) -> None:
        if name == "timeout":
            await asyncio.sleep(self._plan.faults.slow)
        status, body, content_type = _BAD_ANSWERS.get(name, (200, b"", b"application/json"))
        if name == "badjson":
            drawn = share(self._plan.faults.seed, "body", str(scope["path"]), scope["query_string"].decode("latin-1"))
            body = _WRONG_JSON[int(drawn * len(_WRONG_JSON))]
        headers = [(b"content-type", content_type), (b"content-length", str(len(body)).encode())]
        if name == "429":
            headers.append((b"retry-after", str(self._plan.faults.retry_after).encode()))
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    async def _cut(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def half(message: Message) -> None:
            # Less than the promised length is sent and nothing after it: the server then drops the connection.
            if message["type"] == "http.response.body":
                body = message["body"]
                await send({**message, "body": body[: len(body) // 2], "more_body": True})
            else:
                await send(message)

        await self._app(scope, receive, half)


def _failed(message: str) -> bytes:
    body: dict[str, Any] = {"status": "failed", "message": message, "data": None}
    return dumps(body).encode()


_BAD_ANSWERS: Final = {
    "429": (429, _failed("Too many requests"), b"application/json"),
    "500": (500, _failed("Something went wrong"), b"application/json"),
    "502": (502, b"<html><body>502 Bad Gateway</body></html>", b"text/html"),
    "timeout": (504, _failed("Gateway timeout"), b"application/json"),
    "html": (200, _HTML, b"text/html; charset=utf-8"),
    "dead": (500, _failed("Something went wrong"), b"application/json"),
    "gone": (404, _failed("This account does not exist."), b"application/json"),
}
