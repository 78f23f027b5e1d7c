"""Settlements in words: what arrived of what was owed, by which law, what to expect, and what nothing explains."""

from __future__ import annotations

from datetime import date
from typing import Any

from rules.settlement_words import settlement_words
from tests.rules.settling import Row, invoice, payment, settled, word


def words(paid: Row, bill: Row, *, policy: str = "", standing: tuple[dict[str, Any], ...] = ()) -> list[str]:
    """What is told of one payment and one invoice."""
    result = settled([paid], [bill], policy=policy, standing=standing)
    beside = {name: value for name, value in bill.items() if name not in ("currency", "status")}
    settlements = [{**beside, **row} for row in result.settlements.to_dicts()]
    lost = [{**beside, **row} for row in result.candidates.to_dicts()]
    return settlement_words({name: paid[name] for name in ("amount", "currency", "day")}, settlements, lost)


def test_a_payment_less_withheld_taxes_names_each_with_its_law_and_what_to_expect() -> None:
    told = words(payment("95.00", "INV-1"), invoice("INV-1", "107.50"))
    assert told[0] == "Settles INV-1 of Zarafet Foods Ltd by reference_net_of_deductions: NGN 95.00 of NGN 107.50."
    assert told[1] == "  Because it names the invoice, and lawful deductions explain the rest."
    assert told[2].startswith("  Kept back: VAT withheld 7.5 %, NGN 7.50. Law: Nigeria Tax Act 2025")
    assert told[3].startswith("  Kept back: withholding tax 5 %, NGN 5.00. Law: Deduction of Tax at Source")
    assert told[4] == (
        "  Expect from the payer: evidence that the withheld VAT was remitted (NGN 7.50),"
        " withholding tax credit note (NGN 5.00)."
    )
    assert len(told) == 5


def test_94_of_107_50_is_a_part_and_the_nearest_lawful_explanation_is_named() -> None:
    assert words(payment("94.00", "INV-1"), invoice("INV-1", "107.50")) == [
        "Settles INV-1 of Zarafet Foods Ltd by reference_part: NGN 94.00 of NGN 107.50.",
        "  Because it names the invoice, and is less than the invoice is owed.",
        "  NGN 13.50 is still owed, and no lawful deduction explains it.",
        "  Nearest: VAT withheld 7.5 % + withholding tax 5 % (NGN 12.50), which leaves NGN 1.00 unexplained.",
    ]


def test_money_beyond_the_invoice_is_told_and_only_suggested() -> None:
    assert words(payment("110.00", "INV-1"), invoice("INV-1", "107.50")) == [
        "May settle INV-1 of Zarafet Foods Ltd by reference_over: NGN 107.50 of NGN 107.50.",
        "  Because it names the invoice, and is more than the invoice is owed.",
        "  NGN 2.50 more than the invoice is owed.",
    ]


def test_an_excess_that_is_linked_is_left_unapplied() -> None:
    told = words(
        payment("110.00", "INV-1"), invoice("INV-1", "107.50"), policy='settlement.reference_over.action = "link"'
    )
    assert told[-1] == "  NGN 2.50 of the payment is left unapplied."


def test_several_named_invoices_whose_sum_did_not_arrive_are_not_said_to_add_up() -> None:
    one, other = invoice("INV-1", "100.00"), invoice("INV-2", "50.00")
    result = settled([payment("149.00", "INV-1", "INV-2")], [one, other])
    paid = {"amount": 149_00, "currency": "NGN", "day": date(2026, 3, 10)}
    told = settlement_words(paid, [{**one, **row, "settlement_id": "s-1"} for row in result.settlements.to_dicts()], [])
    assert (
        told.count("  Because it names the invoices, but the amount is not their sum: so much of each may be meant.")
        == 2
    )
    assert "  A person accepts or declines it: POST /si/settlements/s-1/accept or /decline." in told


def test_who_lost_is_told_with_why() -> None:
    paid, bill = payment("107.50", day=date(2026, 9, 1)), invoice("INV-1", "107.50")
    assert words(paid, bill) == [
        "Invoices that lost:",
        "  INV-1 of Zarafet Foods Ltd: it lies outside the days that the policy allows (customer_exact)",
        "  INV-1 of Zarafet Foods Ltd: it lies outside the days that the policy allows (amount_only)",
    ]
    declined = words(payment("107.50"), bill, standing=(word("declined", payment("107.50"), bill),))
    assert "  INV-1 of Zarafet Foods Ltd: a person declined it (customer_exact)" in declined


def test_a_payment_that_settles_nothing_has_no_words() -> None:
    assert words(payment("33.00"), invoice("INV-1", "107.50")) == []
