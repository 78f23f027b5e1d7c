"""An independent, literal, payment-by-payment reading of reconciliation: the oracle that settlements are compared with.

Holds section 5 of the domain rules, the deductions of its pack and the stages of ADR 8 in plain Python, one small
function a sentence, each quoting the sentence it reads. It imports nothing of the product. Where the rules are silent
it reads, as the product does:

- After an instalment, what is withheld is worked out on the whole net amount, not on the rest of it.
- A kobo of tax is rounded down, up or to the nearer: the payer chose.
- An invoice that says neither net nor VAT includes VAT, or none.
- Of several invoices in one transfer, taxes and a commission in per cent may be taken on each, a fixed sum not.
- Several are named and no sum fits: the one whose amount it is, else each as far as the money goes, is suggested.
- What a payment names, open or not, and cannot settle, speaks against a link to another invoice.
- What the tolerance explains is owed no longer.
- More than 25 inferred ways are no help to a person: none is suggested, against the letter of "all suggested".
- A suggestion that what was linked since has made impossible is looked at afresh, at the end.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from fractions import Fraction
from itertools import combinations, product
from math import ceil, floor
from typing import Any

from rapidfuzz.fuzz import token_sort_ratio

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Rules:
    """What the policy sets: tolerance in kobo, narration limit, and by strategy its action and window."""

    actions: Mapping[str, str]
    windows: Mapping[str, tuple[int, int]]
    tolerance: int = 0
    narration_limit: int = 100
    must_exist: bool = False
    pattern: str | None = None
    without_tin: bool = False


DEFAULTS = {
    "reference_exact": "link",
    "reference_net_of_deductions": "link",
    "reference_several": "link",
    "reference_part": "link",
    "reference_over": "suggest",
    "customer_exact": "link",
    "customer_net_of_deductions": "suggest",
    "customer_several": "suggest",
    "amount_only": "suggest",
}
WINDOWS = {
    "customer_exact": (10, 60),
    "customer_net_of_deductions": (10, 60),
    "customer_several": (10, 60),
    "amount_only": (3, 15),
}
SHIPPED = Rules(DEFAULTS, WINDOWS)


@dataclass
class Invoice:
    """An invoice and what it is still owed."""

    row: Row
    outstanding: int = field(init=False)

    def __post_init__(self) -> None:
        self.outstanding = self.row["total_amount"] if self.row["status"] == "open" else 0

    @property
    def number(self) -> str:
        return str(self.row["number"])

    @property
    def key(self) -> str:
        """References are compared stripped to letters and digits."""
        return stripped(self.number)


@dataclass(frozen=True)
class Part:
    """One settlement of a proposal: an invoice, bank money, and the kobo of each named deduction."""

    invoice: Invoice
    allocated: int
    deducted: int = 0
    kinds: str = ""
    difference: int = 0


Proposal = tuple[Part, ...]


@dataclass
class Outcome:
    """What became of one payment."""

    disposition: str = "drafted"
    strategy: str | None = None
    proposals: list[Proposal] = field(default_factory=list)
    detail: str | None = None


# ------------------------------------------------------------------------------------------------ references


def stripped(text: str) -> str:
    """Upper-cased and stripped to letters and digits."""
    return "".join(character for character in text.upper() if character.isalnum())


def tokens(narration: str | None) -> list[str]:
    """The narration split on whitespace and `/ | , ; : ( )`."""
    return [token for token in re.split(r"[\s/|,;:()]+", narration or "") if token]


def is_like_a_reference(token: str) -> bool:
    """At least 4 characters with a digit among them."""
    key = stripped(token)
    return len(key) >= 4 and any(character.isdigit() for character in key)


def references(payment: Row, invoices: Sequence[Invoice], rules: Rules) -> list[str]:
    """The explicit reference alone, where there is one; else each token that names an invoice or fits the pattern."""
    if payment["explicit"]:
        return [stripped(payment["reference"])]
    numbers = {invoice.key for invoice in invoices}
    found = []
    for token in tokens(payment["narration"]):
        if rules.pattern:
            names = re.search(rules.pattern, token) is not None
        else:
            names = is_like_a_reference(token) and stripped(token) in numbers
        if names and stripped(token) not in found:
            found.append(stripped(token))
    return found


def last_word(payment: Row, rules: Rules) -> str | None:
    """The last word of a narration cut at the rail's limit, where it may be a reference that lost its end."""
    if payment["explicit"] or len(payment["narration"] or "") < rules.narration_limit:
        return None
    last = tokens(payment["narration"])[-1]
    return stripped(last) if is_like_a_reference(last) else None


def shortened(payment: Row, invoices: Iterable[Invoice], rules: Rules) -> list[Invoice]:
    """It matches only where it is the prefix of exactly one open invoice number."""
    last = last_word(payment, rules)
    begun = [invoice for invoice in invoices if last and was_open(invoice) and invoice.key.startswith(last)]
    return begun if len(begun) == 1 else []


def may_be_longer(payment: Row, invoices: Iterable[Invoice], rules: Rules) -> bool:
    """The last word of a cut narration is a number, and begins another open one: two candidates are no link."""
    last = last_word(payment, rules)
    return any(
        last is not None and was_open(invoice) and invoice.key.startswith(last) and invoice.key != last
        for invoice in invoices
    )


def was_open(invoice: Invoice) -> bool:
    """An invoice that its owner has not closed."""
    return bool(invoice.row["status"] == "open")


def is_open(invoice: Invoice) -> bool:
    """An invoice that is still owed something."""
    return invoice.outstanding > 0


# ------------------------------------------------------------------------------------------------ deductions


LAST_DAY_OF_THE_RECEIVERS_DUTY = date(2025, 12, 31)


def nearest(amount: Fraction) -> int:
    """To the nearer kobo, a half upwards."""
    return floor(amount + Fraction(1, 2))


Rounding = Callable[[Fraction], int]
ROUNDINGS: tuple[Rounding, ...] = (floor, ceil, nearest)  # the law does not say which: each is lawful


def percent(rate: str, of: int | Fraction, rounding: Rounding) -> int:
    """So many per cent, in whole kobo."""
    return rounding(Fraction(rate) / 100 * of)


def bases(invoice: Invoice) -> list[tuple[int, int]]:
    """The VAT-exclusive amount and the VAT: as the invoice says, else with 7.5 % in the total, or without any."""
    net, vat, total = (invoice.row[name] for name in ("net_amount", "vat_amount", "total_amount"))
    if net is None and vat is None:
        net = int(Fraction(total * 1000, 1075) + Fraction(1, 2))
        return [(net, total - net), (total, 0)]
    net = total - vat if net is None else net
    return [(net, total - net if vat is None else vat)]


def taxes(invoice: Invoice, base: int, rules: Rules, rounding: Rounding) -> dict[str, int]:
    """At most one withholding rate of the VAT-exclusive amount, with or without VAT withheld."""
    net, vat = bases(invoice)[min(base, len(bases(invoice)) - 1)]
    doubled = 2 if rules.without_tin else 1
    withheld = {f"withholding_tax {rate}": percent(rate, net * doubled, rounding) for rate in ("2", "5", "10")}
    if vat:
        withheld |= {f"vat_withheld 7.5 + {kind}": vat + amount for kind, amount in withheld.items()}
        withheld["vat_withheld 7.5"] = vat
    return withheld


def charges(owed: int, payment: Row, rounding: Rounding) -> dict[str, int]:
    """One fixed charge alone, by the law on the booked day.

    The sender pays the charge of a transfer on what he sends, which is what arrives; the receiver's duty is on the
    receipt, which is what was sent before the duty was taken off it.
    """
    if payment["currency"] != "NGN":
        return {}
    sizes = ((10_75, 0, 5_000_00), (26_88, 5_000_01, 50_000_00), (53_75, 50_000_01, None))
    found = {"pos_commission 0.5": min(percent("0.5", owed, rounding), 1_000_00)}
    for fee, least, most in sizes:
        if least <= owed - fee <= (most or owed):
            found["nip_charge"] = fee
    if payment["day"] <= LAST_DAY_OF_THE_RECEIVERS_DUTY and owed >= 10_000_00:
        found["stamp_duty"] = 50_00
    return found


def explanations(invoices: Sequence[Invoice], payment: Row, rules: Rules) -> list[Proposal]:
    """Each way in which named deductions, on each invoice alike, make the amount that arrived."""
    found: dict[str, Proposal] = {}
    for kind, amounts in ways_to_deduct(invoices, payment, rules):
        possible = all(0 < amount < one.outstanding for amount, one in zip(amounts, invoices, strict=True))
        for proposal in in_full(invoices, payment["amount"], rules, amounts, kind) if possible else []:
            found.setdefault(kind, proposal)
    return list(found.values())


def ways_to_deduct(invoices: Sequence[Invoice], payment: Row, rules: Rules) -> Iterator[tuple[str, list[int]]]:
    """Each explanation by its name, with what it takes off each invoice."""
    readings = 1 if len(invoices) > 1 else len(bases(invoices[0]))
    for rounding, base in product(ROUNDINGS, range(readings)):
        of_taxes = [taxes(invoice, base, rules, rounding) for invoice in invoices]
        of_charges = [charges(invoice.outstanding, payment, rounding) for invoice in invoices]
        for each in (of_taxes, of_charges):
            for kind in sorted(set(each[0]).intersection(*each[1:])):
                taken = [amounts[kind] for amounts in each]
                if len(invoices) == 1 or each is of_taxes or taken_on_each(kind, sum(taken)):
                    yield kind, taken


def taken_on_each(charge: str, amount: int) -> bool:
    """Whether a charge may be taken on each of several invoices that one transfer pays; its cap is the transfer's."""
    return charge.startswith("pos") and amount <= 1_000_00


def in_full(
    invoices: Sequence[Invoice], amount: int, rules: Rules, deducted: Sequence[int] = (), kinds: str = ""
) -> list[Proposal]:
    """Amounts are exact unless the policy's tolerance explains the gap; a gap within it falls on the last invoice."""
    less = deducted or [0] * len(invoices)
    due = [invoice.outstanding - amount_ for invoice, amount_ in zip(invoices, less, strict=True)]
    gap = sum(due) - amount
    if abs(gap) > rules.tolerance:
        return []
    allocated = [*due[:-1], due[-1] - max(gap, 0)]
    gaps = [0] * (len(invoices) - 1) + [gap if len(invoices) == 1 else max(gap, 0)]
    return [tuple(map(Part, invoices, allocated, less, [kinds] * len(invoices), gaps))]


# ------------------------------------------------------------------------------------------------ strategies


def by_reference(payment: Row, invoices: Sequence[Invoice], rules: Rules) -> Outcome | None:
    """What the references of a payment make of it; nothing where they settle nothing."""
    named = references(payment, invoices, rules)
    whole = [invoice for name in named for invoice in invoices if invoice.key == name]
    cut = [invoice for invoice in shortened(payment, invoices, rules) if invoice not in whole]
    found = [*whole, *cut]
    if not found:
        return Outcome("rejected", detail="unknown_invoice") if named and rules.must_exist else None
    usable = [invoice for invoice in found if was_open(invoice) and same_currency(invoice, payment)]
    doubtful = (
        payment["suggest_only"] or bool(cut) or len(usable) < len(found) or may_be_longer(payment, invoices, rules)
    )
    payable = [invoice for invoice in usable if is_open(invoice)]
    if not payable:
        return Outcome("rejected", detail=closed(found, payment)) if whole else None
    strategy, proposals = (several_named if len(payable) > 1 else one_named)(payable, payment, rules)
    if strategy is None:
        return None
    if strategy in rules.actions and rules.actions[strategy] == "reject":
        return Outcome("rejected", detail="over_payment" if strategy == "reference_over" else "part_payment")
    one_of_several = len(found) > 1 and strategy != "reference_several"
    return settle(GUESSES.get(strategy, strategy), proposals, rules, doubtful or one_of_several)


GUESSES = {"several_in_turn": "reference_several", "one_of_several": "reference_exact"}


def closed(named: Sequence[Invoice], payment: Row) -> str:
    """Why none of the named invoices can be settled: cancelled or already settled, or in another currency."""
    foreign = all(not same_currency(invoice, payment) for invoice in named)
    return "invoice_currency_differs" if foreign else "invoice_not_open"


def same_currency(invoice: Invoice, payment: Row) -> bool:
    """Same currency always."""
    return bool(invoice.row["currency"] == payment["currency"])


Tried = tuple[str | None, list[Proposal]]


def one_named(invoices: Sequence[Invoice], payment: Row, rules: Rules) -> Tried:
    """Strategies 1, 2, 4 and 5: one referenced invoice."""
    owed, amount = invoices[0].outstanding, payment["amount"]
    ways = {
        "reference_exact": in_full(invoices, amount, rules),
        "reference_net_of_deductions": explanations(invoices, payment, rules),
        "reference_part": [(Part(invoices[0], amount, difference=owed - amount),)] if amount < owed else [],
        "reference_over": [(Part(invoices[0], owed, difference=owed - amount),)] if amount > owed else [],
    }
    return first_that_matches(ways, rules)


def several_named(invoices: Sequence[Invoice], payment: Row, rules: Rules) -> Tried:
    """Strategy 3; where no sum fits, what may be meant: the one whose amount it is, or each as far as money goes."""
    if rules.actions["reference_several"] == "off":
        return None, []
    amount = payment["amount"]
    fits = in_full(invoices, amount, rules) or explanations(invoices, payment, rules)
    if fits:
        return "reference_several", fits
    alone = [way for one in invoices for way in in_full([one], amount, rules)]
    if alone:
        return "one_of_several", alone
    return "several_in_turn", [in_turn(invoices, amount)]


def in_turn(invoices: Sequence[Invoice], amount: int) -> Proposal:
    """The named invoices one after the other, each as far as the money goes."""
    parts = []
    for invoice in invoices:
        part = min(invoice.outstanding, amount)
        parts += [Part(invoice, part, difference=invoice.outstanding - part)] if part else []
        amount -= part
    return tuple(parts)


def first_that_matches(ways: Mapping[str, list[Proposal]], rules: Rules) -> Tried:
    """In this order, first match wins."""
    for strategy, proposals in ways.items():
        if proposals and rules.actions[strategy] != "off":
            return strategy, proposals
    return None, []


def candidates(strategy: str, payment: Row, invoices: Sequence[Invoice], rules: Rules) -> list[Proposal]:
    """What a payment without a reference that settles meets under one of strategies 6 to 9."""
    near = [
        invoice
        for invoice in invoices
        if is_open(invoice) and same_currency(invoice, payment) and in_window(invoice, payment, rules.windows[strategy])
    ]
    if strategy == "amount_only":
        return [way for one in near for way in in_full([one], payment["amount"], rules)]
    own = [invoice for invoice in near if is_customer(payment["payer"], invoice.row["customer_name"])]
    if strategy == "customer_exact":
        return [way for one in own for way in in_full([one], payment["amount"], rules)]
    if strategy == "customer_net_of_deductions":
        return [way for one in own for way in explanations([one], payment, rules)]
    return that_add_up(own, payment["amount"], rules)


def names_another(payment: Row, invoices: Sequence[Invoice], rules: Rules) -> bool:
    """A transaction that names a reference is only ever suggested by strategies 6 to 9."""
    return bool(references(payment, invoices, rules) or shortened(payment, invoices, rules))


def in_window(invoice: Invoice, payment: Row, window: tuple[int, int]) -> bool:
    """Days before issue, days after due."""
    before, after = window
    first = invoice.row["issue_date"] - timedelta(days=before)
    last = (invoice.row["due_date"] or invoice.row["issue_date"]) + timedelta(days=after)
    return bool(first <= payment["day"] <= last)


def that_add_up(invoices: Sequence[Invoice], amount: int, rules: Rules) -> list[Proposal]:
    """At most 6 of at most 12 open invoices of that customer add up."""
    if len(invoices) > 12:
        return []
    groups = (group for size in range(2, 7) for group in combinations(invoices, size))
    return [way for group in groups for way in in_full(group, amount, rules)]


# ------------------------------------------------------------------------------------------------ names


LEGAL_FORMS = {"ltd", "limited", "plc", "nig", "nigeria", "ent", "enterprises", "enterprise", "sons", "and", "co"}


def is_customer(payer: str | None, customer: str) -> bool:
    """Name similarity >= 95, in the plainest reading: word order, capitals and legal forms do not count."""
    ours, theirs = own_words(payer or ""), own_words(customer)
    if not ours or not theirs:
        return False
    if token_sort_ratio(" ".join(ours), " ".join(theirs)) >= 95:
        return True
    return begins(ours, theirs)


def own_words(name: str) -> list[str]:
    """The words of a name without its legal form."""
    found = re.findall(r"[^\W\d_]+", name.lower())
    return [word for word in found if word not in LEGAL_FORMS]


def begins(cut: Sequence[str], whole: Sequence[str]) -> bool:
    """A name whose end is cut off: all but its last word are the other's, and that begins the other's next one."""
    return (
        2 <= len(cut) <= len(whole)
        and list(cut[:-1]) == list(whole[: len(cut) - 1])
        and len(cut) == len(whole)
        and len(cut[-1]) >= 3
        and whole[len(cut) - 1].startswith(cut[-1])
    )


# ------------------------------------------------------------------------------------------------ the whole


MOST_SUGGESTED = 25
INFERRED = ("customer_exact", "customer_net_of_deductions", "customer_several", "amount_only")


def settle(strategy: str, proposals: list[Proposal], rules: Rules, only_suggested: bool) -> Outcome:
    """Links the one proposal, or suggests each: ambiguity turns a link into a suggestion of each."""
    if rules.actions[strategy] != "link" or only_suggested or len(proposals) > 1:
        return Outcome("review", strategy, proposals)
    for part in proposals[0]:
        part.invoice.outstanding -= part.allocated + part.deducted
        if strategy != "reference_part":  # what the tolerance explains is owed no longer
            part.invoice.outstanding = 0
    return Outcome("matched", strategy, proposals)


def booked_order(payment: Row) -> tuple[datetime, str, str]:
    """Several transactions settle one invoice in booked order."""
    return payment["booked_at"], payment["account_id"], payment["transaction_id"]


def reconciled(payments: Iterable[Row], invoices: Iterable[Row], rules: Rules = SHIPPED) -> dict[str, Outcome]:
    """What becomes of each payment of one tenant, by its id: references first, then customers, then amounts.

    A suggestion that what was linked since has made impossible is looked at afresh, when nothing changes any more.
    """
    books = [Invoice(row) for row in sorted(invoices, key=lambda row: str(row["invoice_id"]))]
    in_order = sorted(payments, key=booked_order)
    outcomes = stages(in_order, books, rules)
    for outcome in outcomes.values():
        outcome.proposals = [each for each in outcome.proposals if outcome.disposition == "matched" or fits_still(each)]
    bare = [row for row in in_order if is_bare(outcomes[row["transaction_id"]])]
    suggesting = replace(rules, actions={name: only_suggest(action) for name, action in rules.actions.items()})
    return outcomes | stages(bare, books, suggesting)


def fits_still(proposal: Proposal) -> bool:
    """Whether what a proposal would settle is owed."""
    return all(part.allocated + part.deducted <= part.invoice.outstanding for part in proposal)


def is_bare(outcome: Outcome) -> bool:
    """Whether nothing is left of what was suggested."""
    return outcome.disposition == "review" and not outcome.proposals


def only_suggest(action: str) -> str:
    """The action of a second look."""
    return "suggest" if action == "link" else action


def stages(payments: Sequence[Row], books: Sequence[Invoice], rules: Rules) -> dict[str, Outcome]:
    """The strategies in their order, on payments in booked order."""
    outcomes: dict[str, Outcome] = {}
    waiting = []
    for payment in payments:
        outcome = by_reference(payment, books, rules)
        if outcome is None:
            waiting.append(payment)
        else:
            outcomes[payment["transaction_id"]] = outcome
    for strategy in INFERRED:
        if rules.actions[strategy] != "off":
            waiting = list(after(strategy, waiting, books, rules, outcomes))
    return outcomes | {payment["transaction_id"]: Outcome() for payment in waiting}


def after(
    strategy: str, payments: Sequence[Row], books: Sequence[Invoice], rules: Rules, outcomes: dict[str, Outcome]
) -> Iterator[Row]:
    """Tries a strategy on all payments in booked order; those that it says nothing of are left for the next."""
    for payment in payments:
        ways = candidates(strategy, payment, books, rules)
        if 0 < len(ways) <= MOST_SUGGESTED:
            only_suggested = payment["suggest_only"] or names_another(payment, books, rules)
            outcomes[payment["transaction_id"]] = settle(strategy, ways, rules, only_suggested)
        else:
            yield payment


def lines(outcomes: Mapping[str, Outcome]) -> list[str]:
    """Each settlement and rejection in a line, sorted."""
    told = []
    for name, outcome in outcomes.items():
        if outcome.disposition == "rejected":
            told.append(f"{name} rejected {outcome.detail}")
        status = "linked" if outcome.disposition == "matched" else "suggested"
        told += [
            f"{name} {part.invoice.number} {status} {outcome.strategy} {part.allocated}"
            f" [{part.kinds}: {part.deducted}] difference {part.difference}"
            for proposal in outcome.proposals
            for part in proposal
        ]
    return sorted(told)
