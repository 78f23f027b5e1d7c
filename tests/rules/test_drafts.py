"""Draft documents: whole documents beside their bank lines, exact amounts, and what a person must add."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import polars as pl
import pytest

from rules.drafts import ALWAYS_MISSING, draft_documents
from tests.rules.scenarios import Line, frame, line, policy, shipped

CREDIT = line(
    "NIP/GTB/SAHELIA PLC/INV-7 PAYMENT",
    amount=12_345_607,
    counterparty="SAHELIA PLC",
    reference="INV-7",
    currency="NGN",
)
INVOICE = """{
  "invoice_type_code": "381",
  "issue_date": "2026-03-02",
  "tax_point_date": "2026-03-02",
  "document_currency_code": "NGN",
  "tax_currency_code": "NGN",
  "payment_status": "PAID",
  "buyer_reference": "INV-7",
  "accounting_customer_party": {
    "party_name": "SAHELIA PLC"
  },
  "legal_monetary_total": {
    "payable_amount": 123456.07
  }
}"""

REFUND = line("NIP CR//GTB/REFUND OF ORDER", amount=50_000, direction="debit")
CREDIT_NOTE = """{
  "invoice_type_code": "380",
  "issue_date": "2026-03-02",
  "tax_point_date": "2026-03-02",
  "document_currency_code": "NGN",
  "tax_currency_code": "NGN",
  "payment_status": "PAID",
  "buyer_reference": null,
  "accounting_customer_party": {
    "party_name": null
  },
  "legal_monetary_total": {
    "payable_amount": 500.00
  }
}"""


def draft(of: Line, text: str = "") -> dict[str, Any]:
    """The draft of an eligible line."""
    return draft_documents(frame([of]).lazy(), policy(text)).collect().to_dicts()[0]


def written(golden: str) -> str:
    """A document as it is stored: without the blanks that let a person read it."""
    return "".join(part.strip() for part in golden.splitlines()).replace('": ', '":')


def test_a_credit_becomes_an_invoice() -> None:
    made = draft(CREDIT)
    assert made["document"] == written(INVOICE)
    assert {name: value for name, value in made.items() if name not in ("document", "missing")} == {
        "organization_id": "org-1",
        "environment": "sandbox",
        "account_id": "acc-1",
        "transaction_id": "tx-1",
        "day": CREDIT["day"],
        "amount": 12_345_607,
        "currency": "NGN",
        "reference": "INV-7",
        "buyer_name": "SAHELIA PLC",
        "kind": "invoice",
    }
    assert made["missing"] == [
        "accounting_customer_party.tin",
        "accounting_customer_party.email",
        "accounting_customer_party.postal_address",
        "invoice_line",
        "tax_total",
    ]


def test_a_refund_becomes_a_credit_note_that_misses_what_it_corrects_and_who_it_is_for() -> None:
    made = draft(REFUND)
    assert made["document"] == written(CREDIT_NOTE)
    assert made["kind"] == "credit_note"
    assert made["missing"] == ["accounting_customer_party.party_name", *ALWAYS_MISSING, "billing_reference"]


@pytest.mark.parametrize(
    ("kobo", "naira"),
    [
        (1, "0.01"),
        (10, "0.10"),
        (100, "1.00"),
        (9_007_199_254_740_993, "90071992547409.93"),
        (9 * 10**15, "90000000000000.00"),
    ],
)
def test_amounts_are_exact(kobo: int, naira: str) -> None:
    made = draft(CREDIT | {"amount": kobo})
    assert made["amount"] == kobo
    assert f'"payable_amount":{naira}}}' in made["document"]
    total = json.loads(made["document"], parse_float=Decimal)["legal_monetary_total"]
    assert total["payable_amount"] == Decimal(kobo) / 100


def test_the_day_is_the_booked_day_in_lagos() -> None:
    late = draft(line(booked_at=CREDIT["booked_at"].replace(hour=23, minute=30)))
    assert json.loads(late["document"])["issue_date"] == "2026-03-03"


def test_the_currency_is_the_lines_else_the_accounts() -> None:
    assert json.loads(draft(CREDIT | {"currency": "GHS"})["document"])["document_currency_code"] == "GHS"
    made = draft(CREDIT | {"currency": None, "account_currency": "KES"})
    assert (made["currency"], json.loads(made["document"])["tax_currency_code"]) == ("KES", "KES")


def test_type_codes_are_the_policys() -> None:
    own = "[document]\ninvoice_type_code = '380'\ncredit_note_type_code = '381'"
    assert json.loads(draft(CREDIT, own)["document"])["invoice_type_code"] == "380"
    assert json.loads(draft(REFUND, own)["document"])["invoice_type_code"] == "381"


@pytest.mark.parametrize("name", ['A "B" \\ C', "}}", "{", "\u1eb8K\u00d3 & \u00c9LAN\u001f\n", "\U0001f600"])
def test_any_name_makes_a_document_that_can_be_read(name: str) -> None:
    made = draft(CREDIT | {"counterparty": name, "reference": name})
    read = json.loads(made["document"])
    assert (read["accounting_customer_party"]["party_name"], read["buyer_reference"]) == (name, name)


def test_no_lines_give_no_drafts_of_the_same_columns() -> None:
    none = draft_documents(frame([]).lazy(), shipped()).collect()
    assert none.is_empty()
    assert none.schema == draft_documents(frame([CREDIT]).lazy(), shipped()).collect().schema
    assert none.schema["missing"] == pl.List(pl.String)
