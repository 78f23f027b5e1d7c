"""Mono's v2 API over a `Bank`: routes, keys, paging and the answers for wrong questions.

Holds the FastAPI application and its options. Must not hold bodies (replies.py), state (bank.py) or faults of the
transport (faults.py). Rows are served as the bytes they were made as: a page is a slice and a join.
"""

import re
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime
from json import JSONDecodeError, dumps, loads
from typing import Final
from urllib.parse import quote

from fastapi import FastAPI, Request, Response

from sandbox import replies
from sandbox.bank import Bank, Ledger
from sandbox.faults import FaultPlan, share
from sandbox.replies import DONE, NO_ACCOUNT, RETRIEVED
from sandbox.webhooks import Tell

Handler = Callable[[Request], Awaitable[Response]]

_DAY: Final = re.compile(r"(\d{2})-(\d{2})-(\d{4})")
_WHOLE: Final = re.compile(r"[1-9]\d{0,8}")
_TRANSACTIONS: Final = "Transaction retrieved successfully"
_ENQUEUED: Final = "Account transaction sync is enqueued, please try again once notified via webhook"
_INCOME: Final = (
    "The income of {name} is currently being processed, and the data will be sent to you through your webhook"
)


@dataclass(frozen=True, slots=True)
class Options:
    """Switches of the sandbox.

    `page_cap` is the most rows of a page whatever `limit` asks; `processing_calls` how many times details answer
    PROCESSING; `secret_key` the only key accepted (any non-empty one where None); `old_shapes` writes `_id` and
    `paging` as v1 did; `covers_income` whether the plan covers income; `realtime_ready` whether a real-time request is
    answered at once.
    """

    page_cap: int = 100
    default_limit: int = 50
    processing_calls: int = 1
    secret_key: str | None = None
    old_shapes: bool = False
    covers_income: bool = True
    realtime_ready: bool = True


class RefusalError(Exception):
    """An answer that is no success: a status and Mono's body."""

    def __init__(self, status: int, body: bytes) -> None:
        super().__init__(status)
        self.status = status
        self.body = body


@dataclass(frozen=True, slots=True)
class Query:
    """What `GET .../transactions` was asked."""

    start: date | None
    end: date | None
    limit: int
    page: int
    narration: str
    type: str
    paginate: bool


class Api:
    """The handlers; one instance an application."""

    def __init__(
        self, bank: Bank, plan: FaultPlan, options: Options, clock: Callable[[], datetime], tell: Tell | None
    ) -> None:
        self._bank = bank
        self._plan = plan
        self._options = options
        self._clock = clock
        self._tell = tell

    async def accounts(self, request: Request) -> Response:
        """List the linked accounts, ten a page."""
        page = _whole(request, "page", 1)
        ledgers = [ledger for ledger in self._bank.ledgers.values() if ledger.linked]
        pages = max(1, -(-len(ledgers) // replies.ACCOUNTS_PER_PAGE))
        first = (page - 1) * replies.ACCOUNTS_PER_PAGE
        data = [replies.listed(ledger) for ledger in ledgers[first : first + replies.ACCOUNTS_PER_PAGE]]
        addresses = [f"{request.base_url}v2/accounts/?page={other}" for other in (page - 1, page + 1)]
        return _json(
            replies.envelope(RETRIEVED, self._clock(), data, replies.page_meta(len(ledgers), page, pages, addresses))
        )

    async def details(self, request: Request) -> Response:
        """Answer an account's details, PROCESSING for as many calls as were set and AVAILABLE from then on."""
        ledger = self._ledger(request)
        headers, _ = self._realtime(request, ledger, "jobs.accounts.sync_balance")
        body = replies.envelope(DONE, self._clock(), replies.details(ledger))
        ledger.processing_left -= 1
        return _json(body, headers=headers)

    async def identity(self, request: Request) -> Response:
        """Answer the holder's identity, nothing while the account is processing."""
        ledger = self._ledger(request)
        return _json(replies.envelope(DONE, self._clock(), replies.identity(ledger) if ledger.ready else None))

    async def balance(self, request: Request) -> Response:
        """Answer the balance."""
        ledger = self._ledger(request)
        headers, _ = self._realtime(request, ledger, "jobs.accounts.sync_balance")
        return _json(replies.envelope(DONE, self._clock(), replies.balance(ledger)), headers=headers)

    async def income(self, request: Request) -> Response:
        """Accept the question; the income itself comes by webhook."""
        ledger = self._ledger(request)
        if not self._options.covers_income:
            raise RefusalError(401, replies.failed("subscription plan does not cover endpoint", self._clock()))
        self._say("mono.events.account_income", ledger)
        return _json(replies.envelope(_INCOME.format(name=ledger.account.holder), self._clock(), None))

    async def income_records(self, request: Request) -> Response:
        """Answer the income records, all on one page."""
        ledger = self._ledger(request)
        if not self._options.covers_income:
            raise RefusalError(401, dumps({"error": "failed", "error_description": "invalid request"}).encode())
        page = _whole(request, "page", 1)
        records = replies.income_records(ledger.account, self._clock().date()) if ledger.ready else []
        meta = replies.page_meta(len(records), page, 1, ["", ""])
        return _json(
            replies.envelope(RETRIEVED, self._clock(), records if page == 1 else [], {**meta, "previous": None})
        )

    async def transactions(self, request: Request) -> Response:
        """Answer a page of bank lines, newest first; an empty 200 while the account is processing."""
        ledger = self._ledger(request)
        query = self._query(request)
        headers, enqueued = self._realtime(request, ledger, "jobs.accounts.sync_statement")
        if enqueued:
            return _json(replies.envelope(_ENQUEUED, self._clock(), None), headers=headers)
        self._shift(ledger, query)
        rows, total, pages, page = self._page(request, ledger, query)
        # The path lacks /accounts/, as in Mono's documentation: whoever follows it is told that there is nothing.
        address = f"{request.base_url}v2/{ledger.account.id}/transactions?page="
        meta = {
            "total": total,
            "page": page,
            "previous": f"{address}{page - 1}" if page > 1 else None,
            "next": f"{address}{query.page + 1}" if query.page < pages else None,
        }
        return _json(self._rows_body(rows, meta), headers=headers)

    async def initiate(self, request: Request) -> Response:
        """Start linking or re-authorisation: the address to send the account's holder to."""
        asked = await _object(request)
        meta, customer, redirect = asked.get("meta"), asked.get("customer"), asked.get("redirect_url")
        reauthorised = str(asked.get("account") or "")
        if reauthorised and self._bank.linked(reauthorised) is None:
            raise RefusalError(404, replies.failed(NO_ACCOUNT))
        if not isinstance(redirect, str) or not (customer or reauthorised):
            raise RefusalError(
                400, replies.failed("Invalid request: customer and redirect_url are required", self._clock())
            )
        code = f"code_{replies.invented_id('code', str(len(self._bank.codes)))}"
        self._bank.codes[code] = reauthorised or self._next_account(len(self._bank.codes))
        data = {
            "mono_url": f"{request.base_url}connect/{code}?redirect_url={quote(redirect, safe='')}",
            "customer": replies.invented_id("customer", str(customer)),
            "meta": meta,
            "scope": str(asked.get("scope", "auth")),
            "redirect_url": redirect,
            "created_at": replies.timestamp(self._clock()),
        }
        return _json(replies.envelope(DONE, self._clock(), {**data, "account": reauthorised} if reauthorised else data))

    async def connect(self, request: Request) -> Response:
        """Stand in for the widget: consent is given at once, and the code goes back to the redirect address."""
        code, redirect = str(request.path_params["code"]), request.query_params.get("redirect_url", "")
        if code not in self._bank.codes or not redirect.startswith(("http://", "https://")):
            raise RefusalError(404, replies.failed("This link does not exist."))
        joiner = "&" if "?" in redirect else "?"
        return Response(status_code=302, headers={"location": f"{redirect}{joiner}status=linked&code={code}"})

    async def auth(self, request: Request) -> Response:
        """Exchange a code for an account id; the code `code_<account id>` stands for that account, linked anew."""
        code = str((await _object(request)).get("code") or "")
        account_id = self._bank.codes.get(code, code.removeprefix("code_"))
        ledger = self._bank.ledgers.get(account_id)
        if ledger is None or not code.startswith("code_"):
            raise RefusalError(400, replies.failed("Invalid or expired code", self._clock()))
        event = "mono.events.account_reauthorized" if ledger.linked else "mono.events.account_connected"
        ledger.linked, ledger.reauthorisation_required = True, False
        self._say(event, ledger)
        return _json(replies.envelope(DONE, self._clock(), {"id": account_id}))

    async def unlink(self, request: Request) -> Response:
        """Unlink an account, which exists no more until it is linked anew."""
        ledger = self._ledger(request)
        ledger.linked = False
        self._say("mono.events.account_unlinked", ledger)
        return _json(
            dumps({"status": "successful", "message": DONE, "timestamp": replies.timestamp(self._clock())}).encode()
        )

    async def job(self, request: Request) -> Response:
        """Answer how a real-time job stands; being asked is what finishes it."""
        ledger = self._ledger(request)
        asked = ledger.past_jobs.get(str(request.path_params["job"]))
        if asked is None:
            raise RefusalError(404, replies.failed("This job does not exist."))
        return _json(replies.envelope(DONE, self._clock(), replies.job(ledger, asked, "finished")))

    def guarded(self, handler: Handler) -> Handler:
        """Let a handler run where the key is good, and turn its refusals into answers."""

        async def handle(request: Request) -> Response:
            key = request.headers.get("mono-sec-key", "")
            if not key or key != (self._options.secret_key or key):
                return _json(replies.failed("Unauthorized: missing or invalid mono-sec-key", self._clock()), 401)
            return await _answered(handler, request)

        return handle

    def _ledger(self, request: Request) -> Ledger:
        ledger = self._bank.linked(str(request.path_params["account"]))
        if ledger is None:
            raise RefusalError(404, replies.failed(NO_ACCOUNT))
        if ledger.reauthorisation_required and not request.url.path.endswith("/unlink"):
            raise RefusalError(403, replies.failed("Reauthorisation required: reauth this account", self._clock()))
        return ledger

    def _next_account(self, count: int) -> str:
        unlinked = [key for key, ledger in self._bank.ledgers.items() if not ledger.linked]
        known = unlinked or list(self._bank.ledgers)
        return known[count % len(known)]

    def _say(self, event: str, ledger: Ledger) -> None:
        if self._tell is not None:
            self._tell(event, ledger.account)

    def _realtime(self, request: Request, ledger: Ledger, name: str) -> tuple[dict[str, str], bool]:
        """Give the headers of a real-time request, and whether its data must be waited for."""
        asked = request.headers.get("x-realtime") or request.headers.get("x-real-time")
        if asked != "true":
            return {}, False
        waits = not self._options.realtime_ready and (ledger.job is None)
        job, new = self._bank.refresh(ledger, name, self._clock())
        headers = {"x-job-id": job.id, "x-job-status": "processing" if waits else "finished"}
        if waits:
            self._say("mono.accounts.jobs.update", ledger)
        return headers | ({"x-has-new-data": "true"} if new else {}), waits

    def _shift(self, ledger: Ledger, query: Query) -> None:
        """Let a line arrive on top between two pages, where that fault is on the account."""
        account_id = ledger.account.id
        if query.page > 1 and self._plan.faults.touches("shift", account_id):
            ledger.pages_read += 1
            drawn = share(self._plan.faults.seed, "arrives", account_id, str(ledger.pages_read))
            if drawn < 0.5 and self._bank.arrive(account_id):
                self._plan.shown["shift"] += 1

    def _query(self, request: Request) -> Query:
        given = request.query_params
        kind = given.get("type", "")
        if kind not in ("", "debit", "credit"):
            raise RefusalError(400, replies.failed("Invalid type query parameter"))
        return Query(
            start=_day(request, "start"),
            end=_day(request, "end"),
            limit=min(_whole(request, "limit", self._options.default_limit), self._options.page_cap),
            page=_whole(request, "page", 1),
            narration=given.get("narration", "").lower(),
            type=kind,
            paginate=given.get("paginate", "true") != "false",
        )

    def _page(self, request: Request, ledger: Ledger, query: Query) -> tuple[list[bytes], int, int, int]:
        """Give the rows of a page, the number of all rows, the number of pages, and the page it says it is."""
        if not ledger.ready:
            return [], 0, 1, query.page
        low, high = ledger.listing.window(query.start, query.end)
        rows = ledger.listing.rows
        if query.narration or query.type:
            rows = [row for row in rows[low:high] if _matches(row, query)]
            low, high = 0, len(rows)
        total = high - low
        if not query.paginate:
            return rows[low:high], total, 1, 1
        pages = max(1, -(-total // query.limit))
        page = query.page - 1 if request.scope.get("sandbox.stale") and query.page > 1 else query.page
        twice = self._plan.repeated_page(ledger.account.id, pages)
        first = low + (page - 1 - (page > twice)) * query.limit
        if twice <= pages:
            pages += 1
            if page == twice + 1:
                self._plan.shown["repeat"] += 1
        return rows[first : min(first + query.limit, high)], total, pages, page

    def _rows_body(self, rows: list[bytes], meta: replies.Data) -> bytes:
        paging = "meta"
        if self._options.old_shapes:
            paging = "paging"
            rows = [row.replace(b'{"id":', b'{"_id":', 1) for row in rows]
        head = dumps({"status": "successful", "message": _TRANSACTIONS, "timestamp": replies.timestamp(self._clock())})
        return b"".join(
            (head[:-1].encode(), b',"data":[', b",".join(rows), f'],"{paging}":{dumps(meta)}}}'.encode()),
        )


def create_app(
    bank: Bank,
    plan: FaultPlan,
    options: Options,
    *,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    tell: Tell | None = None,
) -> FastAPI:
    """Make the application; `tell` is called with an event and its account where Mono would send a webhook."""
    api = Api(bank, plan, options, clock, tell)
    app = FastAPI(title="Mono sandbox", docs_url=None, redoc_url=None, openapi_url=None)
    one = "/v2/accounts/{account}"
    routes = (
        ("GET", "/v2/accounts", api.accounts),
        ("GET", one, api.details),
        ("GET", f"{one}/identity", api.identity),
        ("GET", f"{one}/balance", api.balance),
        ("GET", f"{one}/income", api.income),
        ("GET", f"{one}/income-records", api.income_records),
        ("GET", f"{one}/transactions", api.transactions),
        ("GET", f"{one}/jobs/{{job}}", api.job),
        ("POST", "/v2/accounts/initiate", api.initiate),
        ("POST", "/v2/accounts/auth", api.auth),
        ("POST", f"{one}/unlink", api.unlink),
    )
    for method, path, handler in routes:
        app.add_route(path, api.guarded(handler), methods=[method])
    app.add_route("/connect/{code}", _open(api.connect), methods=["GET"])
    app.add_exception_handler(404, _unknown)
    return app


async def _unknown(request: Request, problem: Exception) -> Response:
    return _json(replies.failed(f"Cannot {request.method} {request.url.path}"), 404)


def _open(handler: Handler) -> Handler:
    """Let anybody ask: a browser that follows a link has no key."""

    async def handle(request: Request) -> Response:
        return await _answered(handler, request)

    return handle


async def _answered(handler: Handler, request: Request) -> Response:
    try:
        return await handler(request)
    except RefusalError as refusal:
        return _json(refusal.body, refusal.status)


def _json(body: bytes, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(body, status, headers, media_type="application/json")


async def _object(request: Request) -> dict[str, object]:
    try:
        asked = loads(await request.body())
    except (JSONDecodeError, UnicodeDecodeError):
        asked = None
    if not isinstance(asked, dict):
        raise RefusalError(400, replies.failed("Invalid request body"))
    return asked


def _whole(request: Request, name: str, absent: int) -> int:
    given = request.query_params.get(name, "")
    if not given:
        return absent
    if not _WHOLE.fullmatch(given):
        raise RefusalError(400, replies.failed(f"Invalid {name} query parameter"))
    return int(given)


def _day(request: Request, name: str) -> date | None:
    """Read a DD-MM-YYYY parameter; anything else is refused as a 400."""
    given = request.query_params.get(name, "")
    if not given:
        return None
    found = _DAY.fullmatch(given)
    if found:
        with suppress(ValueError):
            return date(int(found[3]), int(found[2]), int(found[1]))
    raise RefusalError(400, replies.failed(f"Invalid {name} query parameter, expected DD-MM-YYYY"))


def _matches(row: bytes, query: Query) -> bool:
    line = loads(row)
    return query.narration in str(line.get("narration", "")).lower() and query.type in ("", line.get("type"))
