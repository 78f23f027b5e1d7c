"""Mono's API over HTTP: one pooled client, its own rate limit, retries of what may pass, errors as sentences.

Holds requests and what their statuses mean. Must not hold what is done with the answers (`resources/sync.py`), nor how
a body is read (`resources/mono/bodies.py`). No key, no row value and no address with a query stands in an error.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from email.utils import parsedate_to_datetime
from types import TracebackType
from typing import Self, TypedDict, TypeVar
from urllib.parse import quote

import httpx
import stamina
from pydantic import SecretStr

from resources.errors import (
    AccountNotFound,
    BadResponse,
    ConfigurationError,
    ReauthorisationRequired,
    Unauthorised,
    Unreachable,
    UpstreamError,
)
from resources.mono.bodies import (
    AccountReading,
    Page,
    account_of,
    asks_for_reauthorisation,
    decode,
    document_of,
    exchanged_of,
    message_of,
    page_of,
)
from resources.mono.pace import Pace
from resources.settings import Settings

T = TypeVar("T")
Query = Mapping[str, str]

_REFUSED = (401, 402, 403)
_PASSING = (408, 429)
_READ_SECONDS, _REALTIME_SECONDS = 20.0, 45.0  # a real-time read takes up to 30 s before Mono puts it off
_ANSWER_SECONDS = 60.0  # however slowly an answer drips

# The library's own hook prints what was called, and with what, to standard output.
stamina.instrumentation.set_on_retry_hooks([])


@dataclass(frozen=True)
class Retries:
    """How often and how long a request is made anew; seconds."""

    attempts: int = 8
    in_all: float = 90.0
    first_wait: float = 0.2
    longest_wait: float = 4.0
    jitter: float = 0.4
    longest_asked_for: float = 60.0
    """Of a `Retry-After`, so much is honoured."""


class _Told(TypedDict):
    """What an answer said, as errors carry it."""

    status: int
    said: str
    body: object


class _PassingError(Exception):
    """What may be otherwise when asked again: the error it is if not, and the seconds that upstream asks to wait."""

    def __init__(self, error: UpstreamError, wait: float | None = None) -> None:
        super().__init__(str(error))
        self.error = error
        self.wait = wait


class MonoClient:
    """Asks Mono; use as an asynchronous context.

    Every request raises an UpstreamError where it cannot be answered: Unauthorised, AccountNotFound,
    ReauthorisationRequired, Unreachable (no answer, or none but failures, within the bounds of retrying) or
    BadResponse.
    """

    def __init__(
        self,
        base_url: str,
        key: SecretStr | None = None,
        *,
        rate_limit: float = 10.0,
        concurrency: int = 8,
        realtime: bool = False,
        retries: Retries | None = None,
    ) -> None:
        """Set the client up; nothing is connected yet.

        Args:
            base_url: without a slash at its end.
            key: sent as `mono-sec-key`, where there is one.
            rate_limit: requests a second, at most.
            concurrency: requests under way at once, at most.
            realtime: whether to ask for fresh data.
            retries: the bounds of retrying.

        Raises:
            ConfigurationError: the key cannot be sent.
        """
        self.base_url = base_url
        self.concurrency = concurrency
        self._key = key.get_secret_value() if key is not None else ""
        if not (self._key.isascii() and self._key.isprintable()):
            raise ConfigurationError("MONO_SECRET_KEY holds characters that cannot be sent: copy the key again.")
        self._http = httpx.AsyncClient(
            base_url=base_url,
            headers={"accept": "application/json"} | ({"mono-sec-key": self._key} if self._key else {}),
            timeout=httpx.Timeout(_REALTIME_SECONDS if realtime else _READ_SECONDS, connect=10.0),
            limits=httpx.Limits(max_connections=concurrency, max_keepalive_connections=concurrency),
        )
        self._realtime = realtime
        self._retries = retries or Retries()
        self._gate = asyncio.Semaphore(concurrency)
        self._pace = Pace(rate_limit)
        self._answers = 0
        self._silent = False

    @classmethod
    def of(cls, settings: Settings, *, retries: Retries | None = None) -> Self:
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
            retries=retries,
        )

    async def close(self) -> None:
        """Let go of all connections."""
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def accounts(self, page: int = 1) -> dict[str, object]:
        """One page of all accounts linked to the app, as Mono words it."""
        return await self._get("/v2/accounts", document_of, {"page": str(page)})

    async def reachable(self) -> None:
        """Ask for the list of accounts, to see that the address answers and the key is good."""
        await self.accounts()

    async def account(self, account_id: str) -> AccountReading | None:
        """The account's details and how ready its data are; None while upstream has nothing to say."""
        return await self._get(_path(account_id), account_of, fresh=True)

    async def details(self, account_id: str) -> dict[str, object]:
        """The account's details, as Mono words it."""
        return await self._get(_path(account_id), document_of, fresh=True)

    async def identity(self, account_id: str) -> dict[str, object]:
        """Who holds the account, as Mono words it."""
        return await self._get(_path(account_id, "identity"), document_of)

    async def balance(self, account_id: str) -> dict[str, object]:
        """The account's balance in minor units, as Mono words it."""
        return await self._get(_path(account_id, "balance"), document_of, fresh=True)

    async def income(self, account_id: str, period: int | None = None) -> dict[str, object]:
        """The account's income over so many months, or over all, as Mono words it."""
        query = {} if period is None else {"period": str(period)}
        return await self._get(_path(account_id, "income"), document_of, query)

    async def income_records(self, account_id: str, page: int = 1) -> dict[str, object]:
        """One page of the account's income records, as Mono words it."""
        return await self._get(_path(account_id, "income-records"), document_of, {"page": str(page)})

    async def transactions(
        self, account_id: str, start: date, end: date, *, page: int, limit: int, fresh: bool = True
    ) -> Page:
        """A page of the account's lines booked in a range of days, newest first.

        `fresh` asks for real-time data where the client is set to; not so, for what Mono has.
        """
        query = {"start": f"{start:%d-%m-%Y}", "end": f"{end:%d-%m-%Y}", "limit": str(limit), "page": str(page)}
        return await self._get(_path(account_id, "transactions"), page_of, query, fresh=fresh)

    async def job(self, account_id: str, job_id: str) -> str:
        """How a real-time job stands: `finished`, `failed` or, in whatever words, not yet."""
        document = await self._get(_path(account_id, "jobs", job_id), document_of)
        data = document.get("data")
        status = data.get("status") if isinstance(data, Mapping) else None
        return status.lower() if isinstance(status, str) else ""

    async def initiate(self, request: Mapping[str, object]) -> dict[str, object]:
        """Ask for a link at which a holder consents, or consents again; the answer as Mono words it."""
        return await self._request("POST", "/v2/accounts/initiate", document_of, body=request)

    async def exchange(self, code: str) -> str:
        """The id of the account that a holder consented to, for the code that the widget gave."""
        return await self._request("POST", "/v2/accounts/auth", exchanged_of, body={"code": code})

    async def unlink(self, account_id: str) -> None:
        """End the consent; an account that upstream does not know is unlinked already."""
        try:
            await self._request("POST", _path(account_id, "unlink"), lambda body, _: body)
        except AccountNotFound:
            return

    async def _get(
        self,
        path: str,
        read: Callable[[object, httpx.Headers], T],
        query: Query | None = None,
        *,
        fresh: bool = False,
    ) -> T:
        return await self._request("GET", path, read, query, fresh=fresh)

    async def _request(
        self,
        method: str,
        path: str,
        read: Callable[[object, httpx.Headers], T],
        query: Query | None = None,
        *,
        body: Mapping[str, object] | None = None,
        fresh: bool = False,
    ) -> T:
        """Ask until the answer counts, within bounds, and read it.

        Where an upstream that answered nobody meanwhile has used up the bounds of one request, the others do not each
        wait as long: they try once.
        """
        headers = {"x-realtime": "true"} if self._realtime and fresh else {}
        request = self._http.build_request(method, path, params=query, json=body, headers=headers)
        retries, answers = self._retries, self._answers
        try:
            async for attempt in stamina.retry_context(
                on=_again,
                attempts=1 if self._silent else retries.attempts,
                timeout=retries.in_all,
                wait_initial=retries.first_wait,
                wait_max=retries.longest_wait,
                wait_jitter=retries.jitter,
            ):
                with attempt:
                    return await self._once(request, read)
        except _PassingError as failure:
            if isinstance(failure.error, Unreachable) and answers == self._answers:
                self._silent = True
            raise failure.error from None
        raise AssertionError  # the loop above returns or raises

    async def _once(self, request: httpx.Request, read: Callable[[object, httpx.Headers], T]) -> T:
        async with self._gate:
            await self._pace.turn()
            answer = await self._answer(request)
        self._refuse(answer)
        try:
            body = decode(answer.content)
            if asks_for_reauthorisation(body) and isinstance(body, Mapping) and body.get("data") is None:
                raise self._reauthorise(body)
            return read(body, answer.headers)
        except ValueError as error:
            told = f"Mono's answer is not what its documentation says ({error}). Try again later."
            raise _PassingError(BadResponse(told)) from None

    async def _answer(self, request: httpx.Request) -> httpx.Response:
        try:
            async with asyncio.timeout(_ANSWER_SECONDS):
                answer = await self._http.send(request)
        except (httpx.HTTPError, TimeoutError) as error:
            told = (
                f"Mono cannot be reached at {self.base_url}: {_cause(error)}. "
                "Check the network and MONO_BASE_URL, then try again."
            )
            raise _PassingError(Unreachable(told)) from None
        self._answers += 1
        self._silent = False
        return answer

    def _refuse(self, answer: httpx.Response) -> None:
        """Raise what a status means; a good one passes."""
        if answer.is_success:
            return
        status = answer.status_code
        try:
            body = decode(answer.content)
        except ValueError:
            body = None
        if asks_for_reauthorisation(body):
            raise self._reauthorise(body, status)
        says = self._quoted(body, status)
        told = _Told(status=status, said=self._clean(message_of(body)), body=body)
        if status in _PASSING or answer.is_server_error:
            wait = self._asked_for(answer)
            if wait is not None and status == httpx.codes.TOO_MANY_REQUESTS:
                self._pace.close(wait)  # the limit is the app's, whichever account met it
            raise _PassingError(Unreachable(f"Mono keeps failing ({says}). Try again later.", **told), wait)
        if status in _REFUSED:
            fix = "Check MONO_SECRET_KEY and what its plan covers."
            raise Unauthorised(f"Mono refused the key ({says}). {fix}", **told)
        if status == httpx.codes.NOT_FOUND:
            fix = "Check the id, or unlink the account."
            raise AccountNotFound(f"Mono knows no account of this id ({says}). {fix}", **told)
        raise BadResponse(f"Mono refused the request ({says}).", **told)

    def _reauthorise(self, body: object, status: int | None = None) -> ReauthorisationRequired:
        said = self._clean(message_of(body))
        return ReauthorisationRequired(
            f"The account's holder has to log in at the bank again (Mono says: {said}). "
            "Send them a link for re-authorisation, then sync again.",
            status=status,
            said=said,
        )

    def _quoted(self, body: object, status: int) -> str:
        said = self._clean(message_of(body))
        return f"status {status}: {said}" if said else f"status {status}"

    def _clean(self, text: str) -> str:
        """Upstream's words without our key, should it quote it."""
        return text.replace(self._key, "***") if self._key else text

    def _asked_for(self, answer: httpx.Response) -> float | None:
        """Seconds that upstream asks to wait, as it says in seconds or by a date; bounded."""
        told = answer.headers.get("retry-after", "").strip()
        try:
            wait = float(told) if told.isdecimal() else (_moment(told) - datetime.now(UTC)).total_seconds()
        except (ValueError, TypeError):
            return None
        return min(max(wait, 0.0), self._retries.longest_asked_for)


def _moment(http_date: str) -> datetime:
    moment = parsedate_to_datetime(http_date)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _path(account_id: str, *rest: str) -> str:
    return "/".join(["/v2/accounts", *(quote(part, safe="") for part in (account_id, *rest))])


def _again(error: Exception) -> bool | float:
    """Whether to ask again, and after how long where upstream said."""
    if not isinstance(error, _PassingError):
        return False
    return True if error.wait is None else error.wait


def _cause(error: Exception) -> str:
    """Why there was no answer, in words and without the address, whose query may hold what nobody should read."""
    if isinstance(error, (httpx.TimeoutException, TimeoutError)):
        return "no answer in time"
    if isinstance(error, (httpx.ConnectError, httpx.ProxyError)):
        return "no connection"
    return "the answer broke off"
