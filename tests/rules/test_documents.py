"""Documents: what is added, what is missing, whether the totals add up to the kobo, and the steps that states allow."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from rules.documents import DocumentError, changes, completed, faults, filled, irn_of, merged, parsed, written
from rules.draft_states import STATES, STEPS, DraftStepError, after

GOOD: dict[str, Any] = {
    "irn": "INV123-KOBOSIFT-20260302",
    "invoice_type_code": "381",
    "issue_date": "2026-03-02",
    "document_currency_code": "NGN",
    "accounting_customer_party": {"tin": "12345678-0001", "email": "a@b.example"},
    "invoice_line": [
        {
            "item": {"name": "Goods"},
            "invoiced_quantity": 3,
            "price": {"price_amount": Decimal("33.33")},
            "line_extension_amount": Decimal("99.99"),
        }
    ],
    "tax_total": [
        {
            "tax_amount": Decimal("7.50"),
            "tax_subtotal": [
                {
                    "taxable_amount": Decimal("99.99"),
                    "tax_amount": Decimal("7.50"),
                    "tax_category": {"id": "VAT", "percent": Decimal("7.5")},
                }
            ],
        }
    ],
    "legal_monetary_total": {"payable_amount": Decimal("107.49")},
}
REQUIRED = ["accounting_customer_party.tin", "invoice_line", "tax_total"]


def found(**changed: Any) -> dict[str, str]:
    return {fault.field: fault.message for fault in faults(merged(GOOD, changed), REQUIRED)}


def test_a_document_whose_totals_add_up_is_right_and_gets_the_others() -> None:
    assert found() == {}
    assert completed(GOOD)["legal_monetary_total"] == {
        "line_extension_amount": Decimal("99.99"),
        "tax_exclusive_amount": Decimal("99.99"),
        "tax_inclusive_amount": Decimal("107.49"),
        "payable_amount": Decimal("107.49"),
    }


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"irn": "INV-123-KOBOSIFT-20260302"}, "irn"),
        ({"irn": "INV123-KOBO-20260302"}, "irn"),
        ({"irn": "INV123-KOBOSIFT-20261399"}, "irn"),
        ({"irn": None}, "irn"),
        ({"issue_date": "2 March"}, "issue_date"),
        ({"due_date": "2026-03-01"}, "due_date"),
        ({"document_currency_code": "naira"}, "document_currency_code"),
        ({"accounting_customer_party": {"tin": " "}}, "accounting_customer_party.tin"),
        ({"accounting_customer_party": {"email": "nobody"}}, "accounting_customer_party.email"),
        ({"accounting_customer_party": {"postal_address": "Lagos"}}, "accounting_customer_party.postal_address"),
        ({"invoice_line": []}, "invoice_line"),
        ({"invoice_line": "goods"}, "invoice_line"),
        ({"invoice_line": [{"line_extension_amount": 1}]}, "invoice_line.0.item.name"),
        ({"tax_total": [{"tax_amount": -1}]}, "tax_total.0.tax_amount"),
        ({"tax_total": [{"tax_amount": Decimal("7.505")}]}, "tax_total.0.tax_amount"),
        ({"tax_total": [{"tax_amount": True}]}, "tax_total.0.tax_amount"),
        ({"legal_monetary_total": {"payable_amount": 107}}, "legal_monetary_total.payable_amount"),
        ({"legal_monetary_total": {"tax_exclusive_amount": 1}}, "legal_monetary_total.tax_exclusive_amount"),
        ({"legal_monetary_total": 5}, "legal_monetary_total"),
        ({"allowance_charge": [{"charge_indicator": True, "amount": 1}]}, "legal_monetary_total.payable_amount"),
        ({"billing_reference": [{"irn": "x"}]}, "billing_reference"),
    ],
)
def test_what_is_wrong_is_told_by_field(changed: dict[str, Any], field: str) -> None:
    assert field in found(**changed)


def test_a_line_and_a_tax_are_counted_over() -> None:
    line = {**GOOD["invoice_line"][0], "line_extension_amount": Decimal("100.00")}
    assert found(invoice_line=[line])["invoice_line.0.line_extension_amount"].endswith("99.99")
    part = {**GOOD["tax_total"][0]["tax_subtotal"][0], "tax_amount": Decimal("5.00")}
    assert set(found(tax_total=[{"tax_amount": Decimal("7.50"), "tax_subtotal": [part]}])) == {
        "tax_total.0.tax_subtotal.0.tax_amount",
        "tax_total.0.tax_amount",
    }


def test_changes_may_be_nested_or_dotted_and_only_of_known_fields() -> None:
    assert changes({"accounting_customer_party.tin": "1", "accounting_customer_party": {"email": "2"}}) == {
        "accounting_customer_party": {"tin": "1", "email": "2"}
    }
    for wrong in ({}, [], None, {"status": "SIGNED"}, {"": 1}, {"note..x": 1}, {"note" + ".x" * 50: 1}):
        with pytest.raises(DocumentError):
            changes(wrong)


def test_numbers_stay_as_they_were_written() -> None:
    text = '{"a":1500.10,"b":[12345678901234567890.01,0],"c":"x\\u00e9"}'
    assert written(parsed(text)) == text
    for wrong in ("1e5", "NaN", "1" * 50, "{", "[" * 100_000):
        with pytest.raises(ValueError):
            parsed(wrong)


def test_what_is_filled_and_how_a_number_is_made() -> None:
    assert filled(["note", "accounting_customer_party.tin", "tax_total"], {"note": " ", "tax_total": [1]}) == [
        "tax_total"
    ]
    assert irn_of("inv-123", "KOBOSIFT", "2026-03-02") == "INV123-KOBOSIFT-20260302"


def test_each_step_is_allowed_where_the_states_say_and_nowhere_else() -> None:
    allowed = {(step, status) for step, ways in STEPS.items() for status in ways}
    assert len(allowed) == 7
    for step in STEPS:
        for status in STATES:
            if (step, status) in allowed:
                assert after(step, status) in STATES
            else:
                with pytest.raises(DraftStepError, match=status):
                    after(step, status)
