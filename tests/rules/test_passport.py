"""The passport: whole texts of an eligible, a rejected and an undecided line; the words of every way to be decided."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from rules.money import money
from rules.passport import explain
from rules.reasons import Detail, Outcome
from rules.signals import Signal

ALWAYS = {"credit", "currency_known", "currency_invoiced", "reference_parses", "settled"}
POINTS = {"business_term": 60, "reference": 80, "company_term": 30, "at_or_above_floor": 20}


def outcome(detail: Detail | None, held: dict[str, dict[str, Any]], score: int = 0, **changes: Any) -> dict[str, Any]:
    """A row of `audit.outcomes`: `held` names the signals beyond the everyday ones, with what each saw."""
    signals = {}
    for signal in Signal:
        saw: dict[str, Any] = {"held": signal.column in ALWAYS or signal.column in held}
        saw |= {"points": POINTS[signal.column]} if signal.column in POINTS else {}
        saw |= {"floor": 100_000} if signal == Signal.AT_OR_ABOVE_FLOOR else {}
        signals[signal.column] = saw | held.get(signal.column, {})
    evidence = {
        "row": changes.pop("row", 13),
        "score": score,
        "minimum": 50,
        "signals": signals,
        "nearest_miss": changes.pop("nearest_miss", []),
    }
    return {
        "transaction_id": "tx-1",
        "account_id": "acc-1",
        "organization_id": "org-1",
        "environment": "sandbox",
        "day": "2026-03-02",
        "amount": 12_345_607,
        "currency": "NGN",
        "direction": "credit",
        "status": "settled",
        "narration": "NIP/GTB/SAHELIA PLC/INV-7 PAYMENT",
        "counterparty": "SAHELIA PLC",
        "reference": None,
        "outcome": None if detail is None else Outcome.REJECTED,
        "reason": "personal_or_low_confidence",
        "detail": detail,
        "disposition": "rejected",
        "evidence": json.dumps(evidence),
        "policy_hash": "5fd09da9a4454898",
        "decided_at": datetime(2026, 3, 10, 9, tzinfo=UTC),
        "trace_id": "trace-1",
        **changes,
    }


ELIGIBLE = """\
Transaction tx-1 of account acc-1 (org-1, sandbox), 2026-03-02
NGN 123,456.07 credit, settled: NIP/GTB/SAHELIA PLC/INV-7 PAYMENT
Counterparty: SAHELIA PLC; reference: INV-7

ELIGIBLE: business_signal (row 13 of the decision table); it ended as drafted
because nothing stands against it, and its score of 190 points reaches the 50 needed.

What it shows:
  a credit                yes
  a refund term           no
  currency known          yes
  currency invoiced in    yes
  explicit reference fits yes
  settled                 yes
  pending too long        no
  a deny entry            no
  an allow entry          no
  a reversal term         no
  sent by the holder      no
  a personal term         no
  at or above the floor   yes    20 points
  counterparty known      yes
  a business term         yes    60 points  *payment* at remark word 2
  a reference             yes    80 points  INV-7
  a company's name        yes    30 points  plc at party word 2
  score                         190 points, 50 needed

Decided 2026-03-10 09:00:00+00:00 under policy ng-default 5fd09da9a4454898; trace trace-1."""


def test_an_eligible_line() -> None:
    row = outcome(
        Detail.BUSINESS_SIGNAL,
        {
            "at_or_above_floor": {},
            "counterparty_known": {},
            "business_term": {"term": "*payment*", "at": "remark word 2"},
            "reference": {"saw": "INV-7"},
            "company_term": {"term": "plc", "at": "party word 2"},
        },
        190,
        reference="INV-7",
        outcome="eligible",
        reason=None,
        disposition="drafted",
    )
    assert explain(row, "ng-default") == ELIGIBLE


REJECTED = """\
Transaction tx-1 of account acc-1 (org-1, sandbox), 2026-03-02
NGN 5.00 credit, settled: birthday gift
Counterparty: unknown; reference: none

REJECTED: personal_or_low_confidence / personal_keyword (row 9 of the decision table)
because the remark holds the personal term 'birthday' (remark word 1).

What it shows:
  a credit                yes
  a refund term           no
  currency known          yes
  currency invoiced in    yes
  explicit reference fits yes
  settled                 yes
  pending too long        no
  a deny entry            no
  an allow entry          no
  a reversal term         no
  sent by the holder      no
  a personal term         yes               birthday at remark word 1
  at or above the floor   no
  counterparty known      no
  a business term         no
  a reference             no
  a company's name        no
  score                           0 points, 50 needed

Nearest miss: without a personal term and with a business term and at or above the floor it would have been eligible.

Decided 2026-03-10 09:00:00+00:00 under policy 5fd09da9a4454898; trace trace-1."""


def test_a_rejected_line() -> None:
    row = outcome(
        Detail.PERSONAL_KEYWORD,
        {"personal_term": {"term": "birthday", "at": "remark word 1"}},
        row=9,
        amount=500,
        narration="birthday gift",
        counterparty=None,
        nearest_miss=["personal_term", "business_term", "at_or_above_floor"],
    )
    assert explain(row) == REJECTED


def test_a_rejection_by_the_invoices_is_not_said_to_be_the_tables() -> None:
    text = explain(outcome(Detail.INVOICE_NOT_OPEN, {}))
    assert "invoice_not_open (eligible by itself; found when it was held against the invoices)" in text


def test_a_line_that_is_not_decided_yet() -> None:
    row = outcome(None, {}, evidence=None, narration=None, counterparty=None)
    assert explain(row) == (
        "Transaction tx-1 of account acc-1 (org-1, sandbox), 2026-03-02\n"
        "NGN 123,456.07 credit, settled: (no narration)\n"
        "Counterparty: unknown; reference: none\n"
        "\n"
        "Not decided yet: run `kobosift decide`."
    )


def because(detail: Detail, held: dict[str, dict[str, Any]] | None = None, **changes: Any) -> str:
    """Why, in words."""
    text = explain(outcome(detail, held or {}, changes.pop("score", 0), **changes))
    return next(part for part in text.splitlines() if part.startswith("because "))


WORDS = {
    Detail.INVOICE_CURRENCY_DIFFERS: "because the invoice that it names is in another currency than USD.",
    Detail.INVOICE_NOT_OPEN: "because the invoice that it names is cancelled or already settled.",
    Detail.UNKNOWN_INVOICE: "because it names None, which is no invoice of the tenant, and the policy asks for one.",
    Detail.PART_PAYMENT: "because it is less than the invoice that it names is owed,"
    " no lawful deduction explains the gap, and the policy rejects part payments.",
    Detail.OVER_PAYMENT: "because it is more than the invoice that it names is owed,"
    " and the policy rejects over payments.",
    Detail.DENYLISTED: "because a deny entry matches (ent_1).",
    Detail.DEBIT_NOT_REFUND: "because it is a debit, and nothing in the remark says that it is a refund.",
    Detail.CURRENCY_UNKNOWN: "because neither the line nor its account has a currency.",
    Detail.CURRENCY_NOT_INVOICED: "because the tenant does not invoice in USD.",
    Detail.REFERENCE_UNPARSEABLE: "because its explicit reference 'PO-{1}' does not match the policy's pattern.",
    Detail.PENDING_SETTLEMENT: "because the bank has not settled it yet; it is decided when it settles.",
    Detail.NEVER_SETTLED: "because the bank has left it pending for too long.",
    Detail.ALLOWLISTED: "because an allow entry matches (ent_2).",
    Detail.REVERSAL: "because the remark holds the reversal term 'rvsl*' (remark word 1).",
    Detail.SELF_TRANSFER: "because the counterparty is the account's own holder.",
    Detail.PERSONAL_KEYWORD: "because the remark holds the personal term 'gift*' (remark word 2).",
    Detail.BELOW_FLOOR_NO_COUNTERPARTY: "because it is below the floor of USD 1,000.00, and nobody says who sent it.",
    Detail.BELOW_FLOOR_NO_SIGNAL: (
        "because it is below the floor of USD 1,000.00, with neither a business term nor a reference."
    ),
    Detail.LOW_CONFIDENCE: "because its score of 20 points is below the 50 that are needed.",
    Detail.BUSINESS_SIGNAL: "because nothing stands against it, and its score of 20 points reaches the 50 needed.",
}


@pytest.mark.parametrize("detail", list(Detail))
def test_every_way_to_be_decided_has_its_words(detail: Detail) -> None:
    held = {
        "deny_entry": {"entry": "ent_1"},
        "allow_entry": {"entry": "ent_2"},
        "reference_parses": {"saw": "PO-{1}"},
        "reversal_term": {"term": "rvsl*", "at": "remark word 1"},
        "personal_term": {"term": "gift*", "at": "remark word 2"},
    }
    assert because(detail, held, score=20, currency="USD") == WORDS[detail]


def miss(*signals: str) -> str:
    """The nearest miss in words."""
    text = explain(outcome(Detail.DENYLISTED, {}, nearest_miss=list(signals)))
    return next(part for part in text.splitlines() if part.startswith("Nearest miss: "))


def test_the_nearest_miss_is_told_by_what_would_have_been_otherwise() -> None:
    assert miss("settled", "overdue") == "Nearest miss: settled and not pending too long it would have been eligible."
    assert miss("refund_term") == "Nearest miss: with a refund term it would have been eligible."
    assert miss("self_transfer") == "Nearest miss: not sent by the holder it would have been eligible."


@pytest.mark.parametrize("signal", list(Signal))
def test_every_signal_has_its_words_in_a_nearest_miss(signal: Signal) -> None:
    assert miss(signal.column)


def test_a_currency_without_a_floor_is_told_as_such() -> None:
    told = because(Detail.BELOW_FLOOR_NO_SIGNAL, {"at_or_above_floor": {"held": False, "floor": None}})
    assert told == "because its currency has no floor, with neither a business term nor a reference."


@pytest.mark.parametrize(
    ("amount", "currency", "told"),
    [
        (123_456_789, "NGN", "NGN 1,234,567.89"),
        (1, "GHS", "GHS 0.01"),
        (900_000_000_000_000_000, "NGN", "NGN 9,000,000,000,000,000.00"),
        (5, None, "? 0.05"),
    ],
)
def test_amounts_are_written_as_people_write_them(amount: int, currency: str | None, told: str) -> None:
    assert money(amount, currency) == told
