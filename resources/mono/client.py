"""Mono's API over HTTP: one pooled client, its own rate limit, retries of what may pass, errors as sentences.

Holds requests and what their statuses mean. Must not hold what is done with the answers (`resources/sync.py`), nor how
a body is read (`resources/mono/bodies.py`). No key, no row value and no address with a query stands in an error.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from email.utils import parsedate_to_datetime
from types import TracebackType
from typing import Self, TypeVar
from urllib.parse import quote

import httpx
import stamina
from pydantic import SecretStr

from resources.errors import (
    AccountNotFound,
    BadResponse,
    ReauthorisationRequired,
    Unauthorised,
    Unreachable,
)
from resources.mono.bodies import (
    AccountReading,
    Page,
    account_of,
    asks_for_reauthorisation,
    decode,
    message_of,
    page_of,
)
from resources.settings import Settings

T = TypeVar("T")

_TIMEOUT = httpx.Timeout(30.0, connect=10.0)
_LONGEST_WAIT = 60.0


class _PassingError(Exception):
    """An answer that may be another when asked again; `wait` is what upstream asked for, in seconds."""

    def __init__(self, told: str, wait: float | None = None) -> None:
        super().__init__(told)
        self.wait = wait


class MonoClient:
    """Asks Mono; use as an asynchronous context."""

    def __init__(
        self,
        base_url: str,
        key: SecretStr | None = None,
        *,
        rate_limit: float = 10.0,
        concurrency: int = 8,
        realtime: bool = False,
        attempts: int = 7,
        patience: float = 120.0,
    ) -> None:
        """Set the client up; nothing is connected yet.

        Args:
            base_url: without a slash at its end.
            key: sent as `mono-sec-key`, where there is one.
            rate_limit: requests a second, at most.
            concurrency: requests under way at once, at most.
            realtime: whether to ask for fresh data.
            attempts: how often a request is made before its failure counts.
            patience: seconds for all attempts of a request together.
        """
        headers = {"accept": "application/json"}
        if key is not None:
            headers["mono-sec-key"] = key.get_secret_value()
        if realtime:
            headers["x-realtime"] = "true"
        limits = httpx.Limits(max_connections=concurrency, max_keepalive_connections=concurrency)
        self.base_url = base_url
        self.concurrency = concurrency
        self._http = httpx.AsyncClient(base_url=base_url, headers=headers, timeout=_TIMEOUT, limits=limits)
        self._gate = asyncio.Semaphore(concurrency)
        self._pace = _Pace(rate_limit)
        self._attempts = attempts
        self._patience = patience

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """The client of the settings.

        Raises:
            ConfigurationError: the upstream is Mono itself and there is no key.
        """
        return cls(
            settings.mono_base_url,
            settings.upstream_key(),
            rate_limit=settings.mono_rate_limit,
            concurrency=settings.mono_concurrency,
            realtime=settings.mono_realtime,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._http.aclose()

    async def account(self, account_id: str) -> AccountReading | None:
        """The account's details and how ready its data are; None while upstream has nothing to say.

        Raises:
            UpstreamError: as its subclasses say.
        """
        return await self._read("GET", _path(account_id), account_of)

    async def transactions(self, account_id: str, start: date, end: date, *, page: int, limit: int) -> Page:
        """A page of the account's lines booked in a range of days, newest first.

        Raises:
            UpstreamError: as its subclasses say.
        """
        query = {"start": f"{start:%d-%m-%Y}", "end": f"{end:%d-%m-%Y}", "limit": str(limit), "page": str(page)}
        return await self._read("GET", _path(account_id, "transactions"), page_of, query)

    async def unlink(self, account_id: str) -> None:
        """End the consent; an account that upstream does not know is unlinked already.

        Raises:
            UpstreamError: as its subclasses say.
        """
        try:
            await self._read("POST", _path(account_id, "unlink"), lambda body: body)
        except AccountNotFound:
            return

    async def reachable(self) -> None:
        """Ask for the list of accounts, to see that the address answers and the key is good.

        Raises:
            UpstreamError: as its subclasses say.
        """
        await self._read("GET", "/v2/accounts", lambda body: body)

    async def _read(
        self, method: str, path: str, read: Callable[[object], T], query: Mapping[str, str] | None = None
    ) -> T:
        """Ask until the answer counts, and read it."""
        try:
            async for attempt in stamina.retry_context(
                on=_wait_of,
                attempts=self._attempts,
                timeout=self._patience,
                wait_initial=0.25,
                wait_max=8.0,
                wait_jitter=0.5,
            ):
                with attempt:
                    return await self._once(method, path, read, query)
        except _PassingError as error:
            message = f"Mono at {self.base_url} kept failing ({error}). Try again later."
            raise Unreachable(message) from None
        except httpx.TransportError as error:
            message = f"Mono at {self.base_url} cannot be reached ({type(error).__name__}). Check the network and MONO_BASE_URL."
            raise Unreachable(message) from None
        raise AssertionError

    async def _once(self, method: str, path: str, read: Callable[[object], T], query: Mapping[str, str] | None) -> T:
        async with self._gate:
            await self._pace.turn()
            answer = await self._http.request(method, path, params=query)
        _refuse(answer)
        try:
            return await asyncio.to_thread(lambda: read(decode(answer.content)))
        except ValueError as error:
            told = f"an answer that is not what its documentation says: {error}"
            raise _PassingError(told) from None


def _path(account_id: str, *rest: str) -> str:
    return "/".join(["/v2/accounts", quote(account_id, safe=""), *rest])


def _wait_of(error: Exception) -> bool | float:
    """Whether to ask again, and after how long where upstream said."""
    if isinstance(error, _PassingError):
        return True if error.wait is None else error.wait
    return isinstance(error, httpx.TransportError)


def _refuse(answer: httpx.Response) -> None:
    """Raise what a status means; a good one passes."""
    if answer.is_success:
        return
    if answer.status_code in (408, 429) or answer.status_code >= 500:
        raise _PassingError(f"status {answer.status_code}", _retry_after(answer))
    try:
        body = decode(answer.content)
    except ValueError:
        body = None
    told = message_of(body) or f"status {answer.status_code}"
    if asks_for_reauthorisation(body):
        raise ReauthorisationRequired(f"the account's holder has to log in at the bank again (Mono says: {told})")
    if answer.status_code in (401, 402, 403):
        raise Unauthorised(f"Mono refused the key (it says: {told}). Check MONO_SECRET_KEY and the plan.")
    if answer.status_code == 404:
        raise AccountNotFound(f"Mono knows no account of this id (it says: {told})")
    raise BadResponse(f"Mono refused the request (it says: {told}; status {answer.status_code})")


def _retry_after(answer: httpx.Response) -> float | None:
    """Seconds that upstream asks to wait, as it says in seconds or by a date; bounded."""
    told = answer.headers.get("retry-after", "").strip()
    if told.isdecimal():
        return min(float(told), _LONGEST_WAIT)
    try:
        moment = parsedate_to_datetime(told)
    except ValueError:
        return None
    wait = (moment - datetime.now(UTC)).total_seconds() if moment.tzinfo else 0.0
    return min(max(wait, 0.0), _LONGEST_WAIT)


class _Pace:
    """Lets one request start every so often, however many wait."""

    def __init__(self, per_second: float) -> None:
        self._gap = 1.0 / per_second
        self._next = 0.0

    async def turn(self) -> None:
        """Wait for the next start."""
        now = time.monotonic()
        mine = max(now, self._next)
        self._next = mine + self._gap
        if mine > now:
            await asyncio.sleep(mine - now)
