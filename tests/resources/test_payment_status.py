"""Payments of signed invoices told to the authority over real HTTP: after signing only, at least once, in the end."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from resources.clock import FixedClock
from resources.payment_status import Told, tell_payments
from resources.settings import Settings
from resources.warehouse.connection import Warehouse
from tests.resources.authority import Authority
from tests.resources.warehouse.homes import warehouse_in

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
IRN = "INV123-KOBOSIFT-20260302"
DAY = date(2026, 3, 2)
PATCHED = f"/api/v1/invoice/update/{IRN}"


class Books:
    """A tenant's drafts, signatures, invoices and settlements, and the authority that is told."""

    def __init__(self, home: Path, authority: Authority) -> None:
        self.warehouse: Warehouse = warehouse_in(home)
        self.authority = authority
        self.settings = Settings(
            kobosift_home=home,
            nrs_base_url=authority.url,
            nrs_api_key="key-canary",
            nrs_api_secret="secret-canary",
            nrs_business_id="biz-1",
            _env_file=None,
        )

    def insert(self, table: str, **row: Any) -> None:
        names, marks = ", ".join(row), ", ".join("?" for _ in row)
        statement = f"INSERT INTO {table} ({names}) VALUES ({marks})"  # noqa: S608 - names of the test
        self.warehouse.write(lambda con: con.execute(statement, list(row.values())), run_id="test", note="books")

    def draft(self, status: str = "SIGNED", *, contested: bool = False, kind: str = "invoice") -> None:
        """A draft made of a bank line of 1,000.00."""
        self.insert("drafts", **_OF, day=DAY, kind=kind, status=status, amount=100_000, contested=contested)

    def sign(self, payable: str = "1000.00", signer: str = "nrs") -> None:
        document = {"document_currency_code": "NGN", "legal_monetary_total": {"payable_amount": float(payable)}}
        more = {"irn": IRN, "document": json.dumps(document), "qr": "q", "signed_at": NOW, "signed_by": "t"}
        self.insert("signatures", **_OF, **more, signer=signer)

    def settle(self, amount: int, transaction_id: str = "t-2", status: str = "linked", number: str = "inv/123") -> None:
        """A bank line that settles an invoice of the books which bears that number."""
        invoice = {"invoice_id": number, "number": number, "currency": "NGN", "status": "open", "total_amount": 150_000}
        self.insert("invoices", **_TENANT, **invoice)
        line = {"account_id": "a", "transaction_id": transaction_id, "day": DAY, "invoice_id": number}
        self.insert("settlements", **_TENANT, **line, settlement_id=transaction_id, status=status, allocated=amount)

    def tell(self, minutes: float = 0) -> Told:
        return tell_payments(self.warehouse, self.settings, FixedClock(NOW + timedelta(minutes=minutes)), run_id="test")

    def notices(self) -> list[tuple[Any, ...]]:
        with self.warehouse.read() as con:
            return con.execute(
                "SELECT payment_status, attempts, cause, told_at IS NOT NULL FROM audit.payment_notices ORDER BY 1"
            ).fetchall()

    def told(self) -> list[str]:
        return [body["payment_status"] for method, _, body, _ in self.authority.asked if method == "PATCH"]


_TENANT = {"organization_id": "acme", "environment": "sandbox"}
_OF = {**_TENANT, "account_id": "a", "transaction_id": "t-1", "draft_id": "d-1"}


@pytest.fixture
def books(tmp_path: Path, authority: Authority) -> Iterator[Books]:
    made = Books(tmp_path / "home", authority)
    yield made
    made.warehouse.close()


def test_the_bank_line_that_an_invoice_was_made_of_pays_it_and_that_is_told_once(books: Books) -> None:
    books.draft()
    books.sign()
    assert books.tell() == Told(1)
    ((method, path, body, headers),) = books.authority.asked
    assert (method, path, body["payment_status"]) == ("PATCH", PATCHED, "PAID")
    assert headers["x-api-key"] == "key-canary"
    assert "t-1" not in str(body)
    assert books.notices() == [("PAID", 1, None, True)]
    assert books.tell(minutes=10_000) == Told(0)
    assert len(books.authority.asked) == 1


@pytest.mark.parametrize("status", ["DRAFT", "CONFIRMED", "VALIDATED", "DISCARDED", "WITHDRAWN"])
def test_nothing_is_told_of_what_no_person_had_signed(books: Books, status: str) -> None:
    books.draft(status)
    books.settle(100_000)
    assert books.tell() == Told(0)
    assert (books.authority.asked, books.notices()) == ([], [])


def test_a_part_is_told_as_a_part_and_the_rest_when_it_comes(books: Books) -> None:
    books.draft()
    books.sign(payable="1500.00")
    assert books.tell() == Told(1)
    books.settle(50_000)
    assert books.tell() == Told(1)
    assert books.told() == ["PARTIAL", "PAID"]
    assert books.tell() == Told(0)


@pytest.mark.parametrize(
    "other",
    [{"number": "inv/124"}, {"status": "suggested"}, {"status": "declined"}, {"transaction_id": "t-1"}],
    ids=str,
)
def test_what_settles_something_else_or_nothing_yet_pays_nothing(books: Books, other: dict[str, str]) -> None:
    books.draft()
    books.sign(payable="1500.00")
    books.settle(50_000, **other)
    assert books.tell() == Told(1)
    assert books.told() == ["PARTIAL"]


def test_a_line_that_the_rules_disown_and_a_credit_note_pay_nothing(books: Books) -> None:
    books.draft(contested=True)
    books.sign()
    assert books.tell() == Told(0)
    books.insert("drafts", **(_OF | {"draft_id": "d-2"}), day=DAY, kind="credit_note", status="SIGNED", amount=1)
    assert books.tell() == Told(0)


def test_what_did_not_get_through_is_told_again_after_a_rest_under_the_same_reference(books: Books) -> None:
    books.authority.answers["invoice/update"] = (503, {"message": "down"})
    books.draft()
    books.sign()
    failed = books.tell()
    assert failed.told == 0
    assert failed.error is not None and "canary" not in failed.error
    assert books.notices() == [("PAID", 1, "unreachable", False)]
    assert books.tell(minutes=1) == Told(0)
    books.authority.answers.clear()
    assert books.tell(minutes=2.5) == Told(1)
    assert books.notices() == [("PAID", 2, None, True)]
    assert len({body["reference"] for _, _, body, _ in books.authority.asked}) == 1


def test_a_crash_before_it_was_noted_tells_it_again(books: Books, monkeypatch: pytest.MonkeyPatch) -> None:
    books.draft()
    books.sign()
    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr("resources.warehouse.payment_notices.note", _crash)
        books.tell()
    assert books.notices() == [("PAID", 0, None, False)]
    assert books.tell() == Told(1)
    assert books.told() == ["PAID", "PAID"]


def test_a_part_that_is_refused_does_not_stand_before_the_whole(books: Books) -> None:
    books.authority.answers["invoice/update"] = (400, {"message": "unknown payment_status"})
    books.draft()
    books.sign(payable="1500.00")
    assert "unknown payment_status" in str(books.tell().error)
    books.authority.answers.clear()
    books.settle(50_000)
    assert books.tell(minutes=9) == Told(1)
    assert books.notices() == [("PAID", 1, None, True), ("PARTIAL", 1, "refused", False)]
    assert books.tell(minutes=10_000) == Told(0)


def test_what_was_signed_here_needs_no_authority_and_is_noted_all_the_same(books: Books) -> None:
    books.draft()
    books.sign(signer="local")
    assert books.tell() == Told(1)
    assert (books.authority.asked, books.notices()) == ([], [("PAID", 1, None, True)])


def test_without_the_authoritys_settings_it_waits_and_the_sentence_names_them(books: Books) -> None:
    books.settings = Settings(kobosift_home=books.settings.kobosift_home, _env_file=None)
    books.draft()
    books.sign()
    assert "NRS_BASE_URL" in str(books.tell().error)
    assert books.notices() == [("PAID", 1, "not_configured", False)]


def _crash(*_: object, **__: object) -> None:
    raise KeyboardInterrupt
