"""A bank-data server on loopback whose every answer a test may bend: what R2 names, one request at a time."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

Row = dict[str, Any]


@dataclass(frozen=True)
class Request:
    """What was asked."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: Any
    moment: float

    @property
    def account_id(self) -> str:
        return self.path.split("/")[3]

    @property
    def page(self) -> int | None:
        """The page of lines that is asked for, if any is."""
        return int(self.query["page"]) if self.path.endswith("/transactions") else None


@dataclass(frozen=True)
class Answer:
    """What is answered: JSON, or bytes as they stand; `cut` breaks off half-way, `hang` seconds pass before."""

    body: Any = None
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    cut: bool = False
    hang: float = 0.0


Trick = Callable[[Request], Answer | None]
"""Looks at a request before it is answered: it may change what is served, answer itself, or do nothing."""


@dataclass
class Bank:
    """One account: its rows, newest first as served, and what its details say."""

    rows: list[Row] = field(default_factory=list)
    status: str | None = "AVAILABLE"
    retrieved: list[str] | None = field(default_factory=lambda: ["identity", "balance", "transactions"])
    holder: str = "Okoro Stores Ltd"
    currency: str = "NGN"
    v1: bool = False


class Mono:
    """The server: accounts by id, a cap on pages, and tricks that are asked first, in turn."""

    def __init__(self, accounts: dict[str, Bank], *, cap: int = 10) -> None:
        self.accounts = accounts
        self.cap = cap
        self.tricks: list[Trick] = []
        self.requests: list[Request] = []
        self._lock = threading.RLock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    @contextmanager
    def running(self) -> Iterator[Mono]:
        thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._server.shutdown()
            self._server.server_close()
            thread.join()

    def pages(self, account_id: str) -> list[int]:
        """The pages of lines that were asked for of an account, in order."""
        return [
            request.page for request in self.requests if request.page is not None and request.account_id == account_id
        ]

    def answer(self, request: Request) -> Answer:
        with self._lock:
            self.requests.append(request)
            for trick in self.tricks:
                told = trick(request)
                if told is not None:
                    return told
            return self.honest(request)

    def honest(self, request: Request) -> Answer:
        """The right answer."""
        parts = request.path.strip("/").split("/")
        if len(parts) == 2:
            return Answer({"status": "successful", "data": [], "meta": {"total": 0, "next": None}})
        bank = self.accounts.get(parts[2])
        if bank is None:
            return Answer({"status": "failed", "message": "This account does not exist.", "data": None}, 404)
        if len(parts) == 3:
            return Answer({"status": "successful", "data": details(parts[2], bank)})
        if parts[3] == "transactions":
            return Answer(self._page(bank, request))
        return Answer({"status": "successful", "data": {"id": parts[2], "bvn": "22000000012"}})

    def _page(self, bank: Bank, request: Request) -> Any:
        start, end = (datetime.strptime(request.query[name], "%d-%m-%Y").date() for name in ("start", "end"))
        limit, number = min(int(request.query["limit"]), self.cap), int(request.query["page"])
        rows = [row for row in bank.rows if _within(row, start, end)]
        if bank.status == "PROCESSING":
            rows = []
        total = len(rows)
        page = rows[(number - 1) * limit : number * limit]
        following = f"https://api.withmono.com/v2/x/transactions?page={number + 1}" if number * limit < total else None
        paging = {"total": total, "page": number, "previous": None, "next": following}
        if bank.v1:
            return {
                "paging": paging,
                "data": [{"_id" if key == "id" else key: row[key] for key in row} for row in page],
            }
        return {"status": "successful", "data": page, "meta": paging}


def details(account_id: str, bank: Bank) -> Any:
    account = {
        "id": account_id,
        "name": bank.holder,
        "currency": bank.currency,
        "type": "CURRENT_ACCOUNT",
        "account_number": "0000000000",
        "balance": 1,
        "bvn": "0065",
        "institution": {"name": "A Bank", "bank_code": "058", "type": "BUSINESS_BANKING"},
    }
    meta = {"data_status": bank.status, "retrieved_data": bank.retrieved}
    return {"account": account, "customer": {"id": "c"}, "meta": {k: v for k, v in meta.items() if v is not None}}


def once(matches: Callable[[Request], bool], answer: Callable[[Request], Answer | None], times: int = 1) -> Trick:
    """A trick for the first requests that match."""
    left = [times]

    def trick(request: Request) -> Answer | None:
        if left[0] == 0 or not matches(request):
            return None
        left[0] -= 1
        return answer(request)

    return trick


def row(name: str, day: str = "2024-02-20", **changes: Any) -> Row:
    return {"id": name, "narration": f"n {name}", "amount": 100, "type": "credit", "date": f"{day}T10:00:00Z"} | changes


def _within(row: Row, start: Any, end: Any) -> bool:
    try:
        return bool(start <= datetime.fromisoformat(str(row.get("date"))).date() <= end)
    except (ValueError, AttributeError):
        return True


def _handler(mono: Mono) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _serve(self) -> None:
            url = urlsplit(self.path)
            raw = self.rfile.read(int(self.headers.get("content-length") or 0))
            request = Request(
                self.command,
                url.path,
                {name: values[0] for name, values in parse_qs(url.query).items()},
                {name.lower(): value for name, value in self.headers.items()},
                json.loads(raw) if raw else None,
                time.monotonic(),
            )
            answer = mono.answer(request)
            time.sleep(answer.hang)
            body = answer.body if isinstance(answer.body, bytes) else json.dumps(answer.body).encode()
            with suppress(ConnectionError):
                self.send_response(answer.status)
                for name, value in {"content-type": "application/json", **answer.headers}.items():
                    self.send_header(name, value)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body[: len(body) // 2] if answer.cut else body)
            if answer.cut:
                self.close_connection = True

        do_GET = do_POST = _serve  # noqa: N815 - names of the library

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name there
            """Say nothing."""

        def handle(self) -> None:
            with suppress(ConnectionError):
                super().handle()

    return Handler
