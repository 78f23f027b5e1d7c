"""The authority's service over real HTTP: what is sent, what its refusals mean, and that nothing is signed twice."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from resources.errors import ConfigurationError, Unauthorised, Unreachable, UpstreamError
from resources.nrs import NrsClient
from resources.settings import Settings
from rules.documents import Fault

IRN = "INV123-KOBOSIFT-20260302"
DOCUMENT = {"irn": IRN, "legal_monetary_total": {"payable_amount": Decimal("1500.10")}}
REFUSED = {"code": 400, "data": None, "error": {"public_message": "bad tin", "details": "line 1"}, "message": "x"}


@dataclass
class Authority:
    """A service that answers as it is told, and keeps what it was asked."""

    url: str = ""
    answers: dict[str, tuple[int, Any]] = field(default_factory=dict)
    asked: list[tuple[str, str, Any, dict[str, str]]] = field(default_factory=list)

    def client(self) -> NrsClient:
        return NrsClient(self.url, "key-canary", "secret-canary", "biz-1")


@pytest.fixture
def authority() -> Iterator[Authority]:
    told = Authority()

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            raw = self.rfile.read(int(self.headers.get("content-length") or 0))
            body = json.loads(raw) if raw else None
            headers = {name.lower(): value for name, value in self.headers.items()}
            told.asked.append((self.command, self.path, body, headers))
            status, reply = told.answers.get(self.path.rpartition("v1/")[2].split("/" + IRN)[0], (200, {"code": 200}))
            content = json.dumps(reply).encode()
            self.send_response(status)
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PATCH = answer  # noqa: N815 - names of the library

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    told.url = f"http://127.0.0.1:{server.server_address[1]}"
    yield told
    server.shutdown()
    server.server_close()
    thread.join()


def test_number_and_document_are_checked_with_the_business_and_the_keys(authority: Authority) -> None:
    assert asyncio.run(authority.client().check(DOCUMENT)) == []
    (first, second) = authority.asked
    assert first[:3] == (
        "POST",
        "/api/v1/invoice/irn/validate",
        {"business_id": "biz-1", "invoice_reference": "INV123", "irn": IRN},
    )
    assert second[1] == "/api/v1/invoice/validate"
    assert second[2] == {"irn": IRN, "legal_monetary_total": {"payable_amount": 1500.1}, "business_id": "biz-1"}
    assert (first[3]["x-api-key"], first[3]["x-api-secret"]) == ("key-canary", "secret-canary")


def test_a_refusal_is_a_fault_in_the_authoritys_words(authority: Authority) -> None:
    authority.answers["invoice/validate"] = (400, REFUSED)
    assert asyncio.run(authority.client().check(DOCUMENT)) == [Fault("document", "bad tin: line 1")]
    authority.answers["invoice/irn/validate"] = (400, {"message": "taken"})
    assert asyncio.run(authority.client().check(DOCUMENT)) == [Fault("irn", "taken")]


def test_what_is_signed_already_is_not_signed_again(authority: Authority) -> None:
    asyncio.run(authority.client().sign(DOCUMENT))
    assert [asked[:2] for asked in authority.asked] == [("GET", f"/api/v1/invoice/confirm/{IRN}")]
    authority.answers["invoice/confirm"] = (404, {"message": "unknown"})
    asyncio.run(authority.client().sign(DOCUMENT))
    assert authority.asked[-1][:2] == ("POST", "/api/v1/invoice/sign")
    authority.answers["invoice/sign"] = (400, REFUSED)
    with pytest.raises(UpstreamError, match="bad tin"):
        asyncio.run(authority.client().sign(DOCUMENT))


def test_a_payment_is_told(authority: Authority) -> None:
    asyncio.run(authority.client().update_payment(IRN, "PAID", "t-1"))
    assert authority.asked[0][:3] == (
        "PATCH",
        f"/api/v1/invoice/update/{IRN}",
        {"payment_status": "PAID", "reference": "t-1"},
    )


@pytest.mark.parametrize(("status", "error"), [(401, Unauthorised), (500, Unreachable), (429, Unreachable)])
def test_other_failures_are_raised_without_the_keys(authority: Authority, status: int, error: type[Exception]) -> None:
    authority.answers["invoice/irn/validate"] = (status, {"message": "no"})
    with pytest.raises(error) as raised:
        asyncio.run(authority.client().check(DOCUMENT))
    assert "canary" not in str(raised.value)


def test_nobody_there_is_told_and_half_a_configuration_is_refused() -> None:
    with pytest.raises(Unreachable, match="cannot be reached"):
        asyncio.run(NrsClient("http://127.0.0.1:9", "k", "s", "b").check(DOCUMENT))
    with pytest.raises(ConfigurationError, match="NRS_API_KEY"):
        NrsClient.of(Settings(nrs_base_url="http://127.0.0.1:9", _env_file=None))
