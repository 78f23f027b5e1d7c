"""The decision passport: one decision in words that a person can check against the bank line (domain section 4).

It tells what the evidence holds and nothing that it does not; who wants to compute with a decision reads the evidence.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from rules.money import money
from rules.reasons import SETTLEMENT_REASONS, Detail
from rules.settlement_words import settlement_words

_BECAUSE = {
    Detail.DENYLISTED: "a deny entry matches ({deny_entry})",
    Detail.DEBIT_NOT_REFUND: "it is a debit, and nothing in the remark says that it is a refund",
    Detail.CURRENCY_UNKNOWN: "neither the line nor its account has a currency",
    Detail.CURRENCY_NOT_INVOICED: "the tenant does not invoice in {currency}",
    Detail.REFERENCE_UNPARSEABLE: "its explicit reference {explicit_reference} does not match the policy's pattern",
    Detail.PENDING_SETTLEMENT: "the bank has not settled it yet; it is decided when it settles",
    Detail.NEVER_SETTLED: "the bank has left it pending for too long",
    Detail.ALLOWLISTED: "an allow entry matches ({allow_entry})",
    Detail.REVERSAL: "the remark holds the reversal term {reversal_term}",
    Detail.SELF_TRANSFER: "the counterparty is the account's own holder",
    Detail.PERSONAL_KEYWORD: "the remark holds the personal term {personal_term}",
    Detail.BELOW_FLOOR_NO_COUNTERPARTY: "{below}, and nobody says who sent it",
    Detail.BELOW_FLOOR_NO_SIGNAL: "{below}, with neither a business term nor a reference",
    Detail.LOW_CONFIDENCE: "its score of {score} points is below the {minimum} that are needed",
    Detail.INVOICE_CURRENCY_DIFFERS: "the invoice that it names is in another currency than {currency}",
    Detail.INVOICE_NOT_OPEN: "the invoice that it names is cancelled or already settled",
    Detail.UNKNOWN_INVOICE: "it names {reference!r}, which is no invoice of the tenant, and the policy asks for one",
    Detail.PART_PAYMENT: "it is less than the invoice that it names is owed, no lawful deduction explains the gap,"
    " and the policy rejects part payments",
    Detail.OVER_PAYMENT: "it is more than the invoice that it names is owed, and the policy rejects over payments",
    Detail.BUSINESS_SIGNAL: "nothing stands against it, and its score of {score} points reaches the {minimum} needed",
}

_SIGNAL_WORDS = {
    "credit": "a credit",
    "refund_term": "a refund term",
    "currency_known": "currency known",
    "currency_invoiced": "currency invoiced in",
    "reference_parses": "explicit reference fits",
    "settled": "settled",
    "overdue": "pending too long",
    "deny_entry": "a deny entry",
    "allow_entry": "an allow entry",
    "reversal_term": "a reversal term",
    "self_transfer": "sent by the holder",
    "personal_term": "a personal term",
    "at_or_above_floor": "at or above the floor",
    "counterparty_known": "counterparty known",
    "business_term": "a business term",
    "reference": "a reference",
    "company_term": "a company's name",
}
# How the nearest miss tells a signal that is otherwise; where nothing stands here, it is with the signal's own words.
_MISS_WORDS = {
    "currency_known": "with its currency known",
    "currency_invoiced": "in a currency invoiced in",
    "reference_parses": "with an explicit reference that fits",
    "settled": "settled",
    "overdue": "not pending too long",
    "deny_entry": "without a deny entry",
    "reversal_term": "without a reversal term",
    "self_transfer": "not sent by the holder",
    "personal_term": "without a personal term",
    "at_or_above_floor": "at or above the floor",
    "counterparty_known": "with its counterparty known",
}


def explain(
    outcome: Mapping[str, Any],
    policy_name: str | None = None,
    settlements: Sequence[Mapping[str, Any]] = (),
    candidates: Sequence[Mapping[str, Any]] = (),
) -> str:
    """Tell one transaction's decision in words.

    Args:
        outcome: a row of `audit.outcomes`, or of it with a decision of `audit.decision_log` in its place.
        policy_name: the name of the policy that the decision was made under, where it is known.
        settlements: what the transaction settles or may, as `settlement_words` reads it.
        candidates: the invoices that lost.
    """
    if outcome["outcome"] is None:
        return "\n".join([*_line(outcome), "", "Not decided yet: run `kobosift decide`."])
    evidence = json.loads(outcome["evidence"])
    parts = [
        _line(outcome),
        _verdict(outcome, evidence),
        settlement_words(outcome, settlements, candidates),
        _signals(evidence),
        _miss(evidence),
        _under(outcome, policy_name),
    ]
    return "\n\n".join("\n".join(part) for part in parts if part)


def _line(outcome: Mapping[str, Any]) -> list[str]:
    return [
        f"Transaction {outcome['transaction_id']} of account {outcome['account_id']}"
        f" ({outcome['organization_id']}, {outcome['environment']}), {outcome['day']}",
        f"{money(outcome['amount'], outcome['currency'])} {outcome['direction']}, {outcome['status']}:"
        f" {outcome['narration'] or '(no narration)'}",
        f"Counterparty: {outcome['counterparty'] or 'unknown'}; reference: {outcome['reference'] or 'none'}",
    ]


def _verdict(outcome: Mapping[str, Any], evidence: Mapping[str, Any]) -> list[str]:
    signals = evidence["signals"]
    reason = f" {outcome['reason']} /" if outcome["reason"] else ""
    told = _BECAUSE[Detail(outcome["detail"])].format(
        deny_entry=signals["deny_entry"].get("entry"),
        allow_entry=signals["allow_entry"].get("entry"),
        currency=outcome["currency"],
        reference=outcome["reference"],
        explicit_reference=repr(signals["reference_parses"].get("saw") or ""),
        reversal_term=_found(signals["reversal_term"]),
        personal_term=_found(signals["personal_term"]),
        below=_below(signals["at_or_above_floor"].get("floor"), outcome["currency"]),
        score=evidence["score"],
        minimum=evidence["minimum"],
    )
    where = f"row {evidence['row']} of the decision table"
    if outcome["detail"] in SETTLEMENT_REASONS:
        where = "eligible by itself; found when it was held against the invoices"
    ended = ""
    if outcome["outcome"] == "eligible" and outcome["disposition"]:
        ended = f"; it ended as {outcome['disposition']}"
    return [
        f"{str(outcome['outcome']).upper()}:{reason} {outcome['detail']} ({where}){ended}",
        f"because {told}.",
    ]


def _below(floor: int | None, currency: str | None) -> str:
    return "its currency has no floor" if floor is None else f"it is below the floor of {money(floor, currency)}"


def _found(signal: Mapping[str, Any]) -> str:
    return f"{signal.get('term')!r} ({signal.get('at')})"


def _signals(evidence: Mapping[str, Any]) -> list[str]:
    """What each signal saw, with its points: the score as a sum that can be added up."""
    lines = ["What it shows:"]
    for name, signal in evidence["signals"].items():
        saw = signal.get("term") or signal.get("entry") or (signal.get("saw") if name == "reference" else None) or ""
        at = f" at {signal['at']}" if signal.get("at") else ""
        points = f"{signal['points']:>4} points" if signal["held"] and signal.get("points") is not None else ""
        lines.append(f"  {_SIGNAL_WORDS[name]:<24}{'yes' if signal['held'] else 'no':<5}{points:<13}{saw}{at}".rstrip())
    lines.append(f"  {'score':<29}{evidence['score']:>4} points, {evidence['minimum']} needed")
    return lines


def _miss(evidence: Mapping[str, Any]) -> list[str]:
    if not evidence["nearest_miss"]:
        return []
    told = [_MISS_WORDS.get(name, f"with {_SIGNAL_WORDS[name]}") for name in evidence["nearest_miss"]]
    return [f"Nearest miss: {' and '.join(told)} it would have been eligible."]


def _under(outcome: Mapping[str, Any], policy_name: str | None) -> list[str]:
    name = f"{policy_name} " if policy_name else ""
    return [
        f"Decided {outcome['decided_at']} under policy {name}{outcome['policy_hash']}; trace {outcome['trace_id']}."
    ]
