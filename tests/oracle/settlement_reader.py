"""An independent, literal, payment-by-payment reading of reconciliation: the oracle that settlements are compared with.

Holds section 5 of the domain rules, the deductions of its pack and the stages of ADR 8 in plain Python, one small
function a sentence, each quoting the sentence it reads. It imports nothing of the product. Where a sentence can be
read in more than one way, `Reading` names the question and the answer chosen here; `doubts` are the questions on
which the result of a book hangs, so that a comparison can leave it out.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from fractions import Fraction
from itertools import combinations
from typing import Any

from rapidfuzz.fuzz import token_sort_ratio

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Reading:
    """What the written rules leave to the reader; the defaults are the answers chosen here."""

    rest_less_tax_of_whole: bool = True  # after an instalment: tax of the whole net amount, or of the net that is left?
    charge_by_invoice: bool = True  # is a transfer's size in the charge's table what was owed, or what arrived?
    charge_on_each: bool = False  # "deductions allowed on each alike": is a transfer's fixed charge taken once or on each?
    one_of_several_named: bool = True  # two invoices are named and the amount is one's: suggested, or no strategy at all?
    half_up: bool = True  # half a kobo of tax: up, or cut off?
    candidates_first: bool = True  # are all payments' candidates read before the first of a strategy links?
    customer_is_a_name: bool = True  # are invoices to two spellings of one name one customer's?


# question -> the other answer; the default answers are those of Reading()
QUESTIONS = tuple(Reading.__dataclass_fields__)


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


def shortened(payment: Row, invoices: Iterable[Invoice], rules: Rules) -> list[Invoice]:
    """A narration cut at the rail's limit may carry a shortened reference: the prefix of exactly one open number."""
    if payment["explicit"] or len(payment["narration"] or "") < rules.narration_limit:
        return []
    last = tokens(payment["narration"])[-1]
    begun = [invoice for invoice in invoices if is_open(invoice) and invoice.key.startswith(stripped(last))]
    return begun if is_like_a_reference(last) and len(begun) == 1 else []


def is_open(invoice: Invoice) -> bool:
    """An invoice that is still owed something."""
    return invoice.outstanding > 0


# ------------------------------------------------------------------------------------------------ deductions


LAST_DAY_OF_THE_RECEIVERS_DUTY = date(2025, 12, 31)


def rounded(amount: Fraction, reading: Reading) -> int:
    """Whole kobo."""
    return int(amount + Fraction(1, 2)) if reading.half_up else int(amount)


def percent(rate: str, of: int | Fraction, reading: Reading) -> int:
    """So many per cent, in whole kobo."""
    return rounded(Fraction(rate) / 100 * of, reading)


def taxes(invoice: Invoice, rules: Rules, reading: Reading) -> dict[str, int]:
    """At most one withholding rate of the VAT-exclusive amount, with or without VAT withheld."""
    net, vat, total = (invoice.row[name] for name in ("net_amount", "vat_amount", "total_amount"))
    if net is None and vat is not None:
        net = total - vat
    if net is None:
        return {}
    vat = total - net if vat is None else vat
    share = Fraction(1) if reading.rest_less_tax_of_whole else Fraction(invoice.outstanding, total)
    rates = ("2", "5", "10")
    doubled = 2 if rules.without_tin else 1
    withheld = {f"withholding_tax {rate}": percent(rate, net * share * doubled, reading) for rate in rates}
    if vat:
        kept = rounded(vat * share, reading)
        withheld |= {f"vat_withheld 7.5 + {kind}": kept + amount for kind, amount in withheld.items()}
        withheld["vat_withheld 7.5"] = kept
    return withheld


def charges(owed: int, payment: Row, reading: Reading) -> dict[str, int]:
    """One fixed charge alone, by the law on the booked day."""
    if payment["currency"] != "NGN":
        return {}
    size = owed if reading.charge_by_invoice else payment["amount"]
    found = {"pos_commission 0.5": min(percent("0.5", owed, reading), 1_000_00)}
    found["nip_charge"] = 10_75 if size <= 5_000_00 else 26_88 if size <= 50_000_00 else 53_75
    if payment["day"] <= LAST_DAY_OF_THE_RECEIVERS_DUTY and size >= 10_000_00:
        found["stamp_duty"] = 50_00
    return found


def explanations(invoices: Sequence[Invoice], payment: Row, rules: Rules, reading: Reading) -> list[Proposal]:
    """Each way in which named deductions, on each invoice alike, make the amount that arrived."""
    by_invoice = [taxes(invoice, rules, reading) for invoice in invoices]
    shared = set(by_invoice[0]).intersection(*by_invoice[1:])
    ways = [(kind, [kinds[kind] for kinds in by_invoice]) for kind in sorted(shared)]
    ways += charge_ways(invoices, payment, reading)
    return [
        proposal
        for kind, amounts in ways
        if all(0 < amount < invoice.outstanding for amount, invoice in zip(amounts, invoices, strict=True))
        for proposal in in_full(invoices, payment["amount"], rules, amounts, kind)
    ]


def charge_ways(invoices: Sequence[Invoice], payment: Row, reading: Reading) -> list[tuple[str, list[int]]]:
    """The fixed charges of a transfer; of several invoices only where it is read as taken on each."""
    if len(invoices) > 1 and not reading.charge_on_each:
        return []
    each = [charges(invoice.outstanding, payment, reading) for invoice in invoices]
    return [(kind, [found[kind] for found in each]) for kind in sorted(set(each[0]).intersection(*each[1:]))]


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
    gaps = [0] * (len(invoices) - 1) + [gap]
    return [tuple(map(Part, invoices, allocated, less, [kinds] * len(invoices), gaps))]


# ------------------------------------------------------------------------------------------------ strategies


def by_reference(payment: Row, invoices: Sequence[Invoice], rules: Rules, reading: Reading) -> Outcome | None:
    """What the references of a payment make of it; nothing where they settle nothing."""
    named = references(payment, invoices, rules)
    found = [invoice for invoice in invoices if invoice.key in named]
    if named and not found:
        return Outcome("rejected", detail="unknown_invoice") if rules.must_exist else None
    payable = [invoice for invoice in found if is_open(invoice) and same_currency(invoice, payment)]
    if found and not payable:
        foreign = any(is_open(invoice) for invoice in found)
        return Outcome("rejected", detail="invoice_currency_differs" if foreign else "invoice_not_open")
    cut = not found
    if cut:
        payable = [one for one in shortened(payment, invoices, rules) if same_currency(one, payment)]
    if not payable:
        return None
    tried = several_named if len(payable) > 1 else one_named
    strategy, proposals = tried(payable, payment, rules, reading)
    if strategy is None:
        return None
    if rules.actions[strategy] == "reject":
        return Outcome("rejected", detail="over_payment" if strategy == "reference_over" else "part_payment")
    only_suggested = cut or (len(payable) > 1 and strategy != "reference_several")
    return settle(strategy, proposals, rules, only_suggested)


def same_currency(invoice: Invoice, payment: Row) -> bool:
    """Same currency always."""
    return bool(invoice.row["currency"] == payment["currency"])


Tried = tuple[str | None, list[Proposal]]


def one_named(invoices: Sequence[Invoice], payment: Row, rules: Rules, reading: Reading) -> Tried:
    """Strategies 1, 2, 4 and 5: one referenced invoice."""
    owed, amount = invoices[0].outstanding, payment["amount"]
    ways = {
        "reference_exact": in_full(invoices, amount, rules),
        "reference_net_of_deductions": explanations(invoices, payment, rules, reading),
        "reference_part": [(Part(invoices[0], amount, difference=owed - amount),)] if amount < owed else [],
        "reference_over": [(Part(invoices[0], owed, difference=owed - amount),)] if amount > owed else [],
    }
    return first_that_matches(ways, rules)


def several_named(invoices: Sequence[Invoice], payment: Row, rules: Rules, reading: Reading) -> Tried:
    """Strategy 3; and where the amount is just one's, that one."""
    alone = [one for one in invoices if reading.one_of_several_named]
    ways = {
        "reference_exact": [way for one in alone for way in in_full([one], payment["amount"], rules)],
        "reference_net_of_deductions": [
            way for one in alone for way in explanations([one], payment, rules, reading)
        ],
        "reference_several": in_full(invoices, payment["amount"], rules)
        or explanations(invoices, payment, rules, reading),
    }
    return first_that_matches(ways, rules)


def first_that_matches(ways: Mapping[str, list[Proposal]], rules: Rules) -> Tried:
    """In this order, first match wins."""
    for strategy, proposals in ways.items():
        if proposals and rules.actions[strategy] != "off":
            return strategy, proposals
    return None, []


def candidates(
    strategy: str, payment: Row, invoices: Sequence[Invoice], rules: Rules, reading: Reading
) -> list[Proposal]:
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
        return [way for one in own for way in explanations([one], payment, rules, reading)]
    return [way for group in customers(own, reading) for way in that_add_up(group, payment["amount"], rules)]


def names_nothing_open(payment: Row, invoices: Sequence[Invoice], rules: Rules) -> bool:
    """A reference which is no open invoice's: only ever suggested by strategies 6 to 9."""
    payable = {invoice.key for invoice in invoices if is_open(invoice)}
    return any(name not in payable for name in references(payment, invoices, rules))


def in_window(invoice: Invoice, payment: Row, window: tuple[int, int]) -> bool:
    """Days before issue, days after due."""
    before, after = window
    first = invoice.row["issue_date"] - timedelta(days=before)
    last = (invoice.row["due_date"] or invoice.row["issue_date"]) + timedelta(days=after)
    return bool(first <= payment["day"] <= last)


def customers(invoices: Sequence[Invoice], reading: Reading) -> list[list[Invoice]]:
    """The open invoices of each customer."""
    if reading.customer_is_a_name:
        return [list(invoices)] if invoices else []
    names = sorted({invoice.row["customer_name"] for invoice in invoices})
    return [[invoice for invoice in invoices if invoice.row["customer_name"] == name] for name in names]


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


INFERRED = ("customer_exact", "customer_net_of_deductions", "customer_several", "amount_only")


def settle(strategy: str, proposals: list[Proposal], rules: Rules, only_suggested: bool) -> Outcome:
    """Links the one proposal, or suggests each: ambiguity turns a link into a suggestion of each."""
    if rules.actions[strategy] != "link" or only_suggested or len(proposals) > 1:
        return Outcome("review", strategy, proposals)
    for part in proposals[0]:
        part.invoice.outstanding -= part.allocated + part.deducted
    return Outcome("matched", strategy, proposals)


def booked_order(payment: Row) -> tuple[datetime, str, str]:
    """Several transactions settle one invoice in booked order."""
    return payment["booked_at"], payment["account_id"], payment["transaction_id"]


def reconciled(
    payments: Iterable[Row], invoices: Iterable[Row], rules: Rules = SHIPPED, reading: Reading = Reading()
) -> dict[str, Outcome]:
    """What becomes of each payment of one tenant, by its id: references first, then customers, then amounts."""
    books = [Invoice(row) for row in invoices]
    outcomes: dict[str, Outcome] = {}
    waiting = []
    for payment in sorted(payments, key=booked_order):
        outcome = by_reference(payment, books, rules, reading)
        if outcome is None:
            waiting.append(payment)
        else:
            outcomes[payment["transaction_id"]] = outcome
    for strategy in INFERRED:
        if rules.actions[strategy] != "off":
            waiting = list(after(strategy, waiting, books, rules, reading, outcomes))
    return outcomes | {payment["transaction_id"]: Outcome() for payment in waiting}


def after(
    strategy: str,
    payments: Sequence[Row],
    books: Sequence[Invoice],
    rules: Rules,
    reading: Reading,
    outcomes: dict[str, Outcome],
) -> Iterator[Row]:
    """Tries a strategy on all payments in booked order; those that it says nothing of are left for the next."""
    first = {
        payment["transaction_id"]: candidates(strategy, payment, books, rules, reading) for payment in payments
    }
    for payment in payments:
        ways = first[payment["transaction_id"]] if reading.candidates_first else []
        if len(ways) < 2:
            ways = candidates(strategy, payment, books, rules, reading)
        if ways:
            only_suggested = names_nothing_open(payment, books, rules)
            outcomes[payment["transaction_id"]] = settle(strategy, ways, rules, only_suggested)
        else:
            yield payment


def doubts(payments: Sequence[Row], invoices: Sequence[Row], rules: Rules) -> list[str]:
    """The questions on whose answer the result hangs: empty where every reading says the same."""
    chosen = lines(reconciled(payments, invoices, rules))
    return [
        question
        for question in QUESTIONS
        if lines(
            reconciled(payments, invoices, rules, replace(Reading(), **{question: not getattr(Reading(), question)}))
        )
        != chosen
    ]


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
