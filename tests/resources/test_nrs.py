"""The authority's service over real HTTP: what is sent, what its refusals mean, and that nothing is signed twice."""

from __future__ import annotations

import asyncio
from decimal import Decimal

import pytest

from resources.errors import ConfigurationError, Unauthorised, Unreachable, UpstreamError
from resources.nrs import NrsClient
from resources.settings import Settings
from rules.documents import Fault
from tests.resources.authority import Authority

IRN = "INV123-KOBOSIFT-20260302"
DOCUMENT = {"irn": IRN, "legal_monetary_total": {"payable_amount": Decimal("1500.10")}}
REFUSED = {"code": 400, "data": None, "error": {"public_message": "bad tin", "details": "line 1"}, "message": "x"}


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
