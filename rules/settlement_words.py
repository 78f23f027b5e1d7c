"""A payment's settlements in words that a person can check against the invoice (domain section 5).

Part of the decision passport (`rules/passport.py`): which invoice, by which strategy, which lawful deductions explain a
gap and by which law, what the payer still owes, which explanation came nearest where none fits, and who lost and why.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any

import polars as pl

from rules.deductions import Explanation, Pack, expected_payments, percent, shipped_pack
from rules.money import money

_STRATEGIES = {
    "reference_exact": "it names the invoice, and the amount is what the invoice is owed",
    "reference_net_of_deductions": "it names the invoice, and lawful deductions explain the rest",
    "reference_several": "it names the invoices, and the amount is their sum",
    "reference_part": "it names the invoice, and is less than the invoice is owed",
    "reference_over": "it names the invoice, and is more than the invoice is owed",
    "customer_exact": "the counterparty is the customer, and the amount is what one open invoice is owed",
    "customer_net_of_deductions": "the counterparty is the customer, and lawful deductions explain the rest",
    "customer_several": "the counterparty is the customer, and these open invoices add up to it",
    "amount_only": "the amount is what the invoice is owed",
}
_NO_SUM = "it names the invoices, but the amount is not their sum: so much of each may be meant"
_STATUS = {
    "linked": "Settles",
    "accepted": "Settles, as a person accepted,",
    "suggested": "May settle",
    "declined": "Does not settle, as a person declined,",
}
WHY_LOST = {
    "declined": "a person declined it",
    "invoice_not_open": "it is cancelled or already settled",
    "currency_differs": "it is in another currency",
    "amount_differs": "the amount differs",
    "outside_window": "it lies outside the days that the policy allows",
    "too_many_candidates": "too many invoices fit alike",
    "settled_by_another": "another payment settled it, or so much of it that too little is left",
}
"""Why a candidate lost, by the word that is kept."""
_KINDS = {
    "vat_withheld": "VAT withheld",
    "withholding_tax": "withholding tax",
    "stamp_duty": "stamp duty",
    "nip_charge": "charge of the transfer",
    "pos_commission": "commission of the card payment",
}


def settlement_words(
    outcome: Mapping[str, Any],
    settlements: Sequence[Mapping[str, Any]],
    candidates: Iterable[Mapping[str, Any]],
    pack: Pack | None = None,
) -> list[str]:
    """Tell what a payment settles, or may, and which invoices lost.

    Args:
        outcome: a row of `audit.outcomes`: the payment.
        settlements: its settlements, each with what its invoice says (customer, currency, total, net, VAT).
        candidates: the invoices that lost, with why.
        pack: the lawful deductions; by default the shipped ones.

    """
    unequal = _unequal(outcome["amount"], settlements)
    lines = [line for row in settlements for line in _settlement(outcome, row, unequal, pack or shipped_pack())]
    applied = sum(row["allocated"] for row in settlements if row["status"] in ("linked", "accepted"))
    if 0 < applied < outcome["amount"]:
        left = money(outcome["amount"] - applied, outcome["currency"])
        lines.append(f"  {left} of the payment is left unapplied.")
    lost = [f"  {row['invoice_number']}{_of(row)}: {WHY_LOST[row['why']]}{_at(row)}" for row in candidates]
    return [*lines, *(["Invoices that lost:", *lost] if lost else [])]


def _at(row: Mapping[str, Any]) -> str:
    return f" ({row['strategy']})" if row["strategy"] else ""


def _of(row: Mapping[str, Any]) -> str:
    return f" of {row['customer_name']}" if row.get("customer_name") else ""


def _unequal(amount: int, settlements: Sequence[Mapping[str, Any]]) -> set[str]:
    """The proposals of several named invoices whose sum is not what arrived: what may be meant, and no more."""
    several = [row for row in settlements if row["strategy"] == "reference_several"]
    sums: Counter[str] = Counter()
    for row in several:
        sums[row["proposal"]] += row["allocated"]
    return {row["proposal"] for row in several if row["difference"] > 0 or sums[row["proposal"]] < amount}


def _settlement(outcome: Mapping[str, Any], row: Mapping[str, Any], unequal: set[str], pack: Pack) -> list[str]:
    currency = outcome["currency"]
    owed = row["allocated"] + (row["deducted"] or 0) + max(row["difference"], 0)
    lines = [
        f"{_STATUS[row['status']]} {row['invoice_number']}{_of(row)} by {row['strategy']}:"
        f" {money(row['allocated'], currency)} of {money(owed, currency)}.",
        f"  Because {_NO_SUM if row['proposal'] in unequal else _STRATEGIES[row['strategy']]}.",
    ]
    deductions = json.loads(row["deductions"] or "[]")
    lines += [f"  Kept back: {_deduction(each, currency)}. Law: {each['law']}." for each in deductions]
    expected = [f"{each['owed']} ({money(each['amount'], currency)})" for each in deductions if each.get("owed")]
    if expected:
        lines.append(f"  Expect from the payer: {', '.join(expected)}.")
    if row["difference"] > 0:
        lines += _still_owed(outcome, row, owed, pack)
    if row["difference"] < 0:
        lines.append(f"  {money(-row['difference'], currency)} more than the invoice is owed.")
    if row["status"] == "suggested" and row.get("settlement_id"):
        lines.append(
            f"  A person accepts or declines it: POST /si/settlements/{row['settlement_id']}/accept or /decline."
        )
    return lines


def _deduction(part: Mapping[str, Any], currency: str | None) -> str:
    rate = f" {part['rate']} %" if part.get("rate") else ""
    return f"{_KINDS[part['kind']]}{rate}, {money(part['amount'], currency)}"


def _still_owed(outcome: Mapping[str, Any], row: Mapping[str, Any], owed: int, pack: Pack) -> list[str]:
    """What no deduction explains, and which lawful explanation comes nearest to it."""
    currency = outcome["currency"]
    told = [f"  {money(row['difference'], currency)} is still owed, and no lawful deduction explains it."]
    found = nearest_explanation({**row, "currency": currency}, owed, row["allocated"], outcome["day"], pack)
    if found is None:
        return told
    explanation, deducted = found
    parts = " + ".join(
        _KINDS[part.kind] + (f" {percent(part.rate)} %" if part.rate else "") for part in explanation.parts
    )
    left = owed - row["allocated"] - deducted
    return [
        *told,
        f"  Nearest: {parts} ({money(deducted, currency)}), which leaves {money(left, currency)} unexplained.",
    ]


def nearest_explanation(
    invoice: Mapping[str, Any], owed: int, arrived: int, day: date, pack: Pack
) -> tuple[Explanation, int] | None:
    """The lawful explanation that leaves the least of a gap unexplained, and what it deducts; None where none helps.

    Args:
        invoice: its `currency`, `total_amount`, `net_amount` and `vat_amount`, in minor units; the last two may be
            missing.
        owed: what it was owed, in minor units.
        arrived: what arrived.
        day: when it was booked.
        pack: the lawful deductions.

    """
    total, net, vat = invoice.get("total_amount"), invoice.get("net_amount"), invoice.get("vat_amount")
    if total is None or arrived >= owed:
        return None
    net = net if net is not None else total - (vat or 0)
    one = pl.DataFrame(
        {"invoice": [0], "outstanding": [owed], "net": [net], "vat": [vat if vat is not None else total - net]},
        schema={"invoice": pl.UInt32, "outstanding": pl.Int64, "net": pl.Int64, "vat": pl.Int64},
    ).with_columns(
        currency=pl.lit(invoice["currency"], pl.String),
        no_tin=pl.lit(value=False),
        withheld=pl.lit(value=False),
        vat_withheld=pl.lit(value=False),
    )
    lawful = expected_payments(one, pack, day, day).filter(pl.col("expected") >= arrived)
    if lawful.is_empty():
        return None
    number, deducted = lawful.sort("expected", "explanation").select("explanation", "deducted").row(0)
    return pack.explanations[number], deducted
