"""A bank-data API in the shapes of Mono v1 and v2, written from the vendor's facts and from nothing of the product.

Serves account details, transactions (newest first, pages capped below what is asked, a `next` address that leads
nowhere) and unlinking. What it holds may be changed while it runs, and accounts may be made to fail.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

Row = dict[str, Any]


@dataclass
class BankAccount:
    """One linked account: who holds it, the shape it is served in, its rows by id, and how it fails, if it does."""

    account_id: str
    holder: str | None
    currency: str | None = "NGN"
    v1: bool = False
    rows: dict[str, Row] = field(default_factory=dict)
    strays: list[Row] = field(default_factory=list)  # rows that nobody can read, some of them without an id
    failure: tuple[int, dict[str, Any]] | None = None

    def put(self, row: Row) -> None:
        """Add a line, or correct the one with its id."""
        self.rows[str(row["id"])] = row

    def details(self) -> dict[str, Any]:
        account = {
            "id": self.account_id,
            "name": self.holder,
            "currency": self.currency,
            "type": "CURRENT_ACCOUNT",
            "account_number": "0000000000",
            "balance": 1_000_000,
            "bvn": "0000",
            "institution": {"name": "A Bank", "bank_code": "000", "type": "BUSINESS_BANKING"},
        }
        meta = {
            "data_status": "AVAILABLE",
            "auth_method": "internet_banking",
            "retrieved_data": ["identity", "balance", "transactions"],
        }
        return {"account": account, "customer": {"id": "c0"}, "meta": meta}

    def page(self, start: datetime | None, end: datetime | None, limit: int, number: int) -> tuple[list[Row], int]:
        """The rows of one page, newest first, and how many there are of all pages."""
        rows = [row for row in [*self.rows.values(), *self.strays] if _within(row, start, end)]
        rows.sort(key=lambda row: (str(row.get("date")), str(row.get("id"))), reverse=True)
        return rows[(number - 1) * limit : number * limit], len(rows)


def _within(row: Row, start: datetime | None, end: datetime | None) -> bool:
    try:
        day = datetime.fromisoformat(str(row.get("date"))).date()
    except ValueError:
        return True
    return (start is None or start.date() <= day) and (end is None or day <= end.date())


NOT_THERE = (404, {"status": "failed", "message": "This account does not exist.", "data": None})
REAUTHORISE = (
    400,
    {"status": "failed", "message": "Account requires reauth: reauthorisation required", "data": None},
)
UNAUTHORISED = (
    401,
    {"status": "failed", "message": "Unauthorized: invalid mono-sec-key", "data": None},
)


class MonoServer:
    """The bank data of some accounts behind a real HTTP server on loopback."""

    def __init__(
        self, accounts: list[BankAccount], *, key: str | None = None, cap: int = 50, latency: float = 0.0
    ) -> None:
        self.accounts = {account.account_id: account for account in accounts}
        self.key, self.cap, self.latency = key, cap, latency
        self.requests: list[str] = []
        self.lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    @contextmanager
    def running(self) -> Iterator[MonoServer]:
        """Serve until the block ends."""
        thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._server.shutdown()
            self._server.server_close()
            thread.join()

    def answer(
        self, method: str, path: str, query: dict[str, list[str]], key: str | None
    ) -> tuple[int, dict[str, Any]]:
        """Status and body of one request."""
        if self.key is not None and key != self.key:
            return UNAUTHORISED
        parts = [part for part in path.split("/") if part]
        if parts[:2] != ["v2", "accounts"]:
            return 404, {"status": "failed", "message": f"Cannot {method} {path}", "data": None}
        if len(parts) == 2:
            data: list[Any] = [account.details()["account"] for account in self.accounts.values()]
            return 200, _good(data) | {"meta": {"total": len(data), "pages": 1, "previous": None, "next": None}}
        account = self.accounts.get(parts[2])
        if account is None:
            return NOT_THERE
        if account.failure is not None:
            return account.failure
        return self._of_account(account, parts[3] if len(parts) > 3 else "", query)

    def _of_account(self, account: BankAccount, what: str, query: dict[str, list[str]]) -> tuple[int, dict[str, Any]]:
        if what == "":
            return 200, _good(account.details())
        if what == "unlink":
            return 200, _good(None)
        if what == "transactions":
            return self._transactions(account, query)
        return 401, {"status": "failed", "message": "subscription plan does not cover endpoint", "data": None}

    def _transactions(self, account: BankAccount, query: dict[str, list[str]]) -> tuple[int, dict[str, Any]]:
        try:
            start, end = (
                datetime.strptime(query[name][0], "%d-%m-%Y") if name in query else None for name in ("start", "end")
            )
            limit = min(int(query.get("limit", ["20"])[0]), self.cap)
            number = int(query.get("page", ["1"])[0])
        except ValueError:
            return 400, {"status": "failed", "message": "Invalid query parameter", "data": None}
        with self.lock:
            rows, total = account.page(start, end, limit, number)
        more = f"https://api.withmono.com/v2/{account.account_id}/transactions?page={number + 1}"
        paging = {
            "total": total,
            "page": number,
            "previous": None if number == 1 else more.replace(str(number + 1), str(number - 1)),
            "next": more if number * limit < total else None,
        }
        if account.v1:
            v1 = [{("_id" if name == "id" else name): value for name, value in row.items()} for row in rows]
            return 200, {"paging": paging, "data": v1}
        return 200, _good(rows) | {"meta": paging}

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _serve(self) -> None:
                length = int(self.headers.get("content-length") or 0)
                self.rfile.read(length)
                url = urlsplit(self.path)
                server.requests.append(f"{self.command} {self.path}")
                if server.latency:
                    time.sleep(server.latency)
                key = self.headers.get("mono-sec-key")
                status, body = server.answer(self.command, url.path, parse_qs(url.query), key)
                content = json.dumps(body).encode()
                self.send_response(status)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def do_GET(self) -> None:
                self._serve()

            def do_POST(self) -> None:
                self._serve()

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                """Say nothing."""

            def handle(self) -> None:
                try:
                    super().handle()
                except (ConnectionError, BrokenPipeError):  # the other side was killed
                    self.close_connection = True

        return Handler


def _good(data: Any) -> dict[str, Any]:
    return {
        "status": "successful",
        "message": "Data retrieved successfully",
        "timestamp": "2026-01-01T00:00:00.000Z",
        "data": data,
    }
