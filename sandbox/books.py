"""The tenant's books: the invoices that business credits pay, and how they pay them.

Holds `Invoice`, `Payment` and `Books`, which answers for one business line what it pays: an invoice in full, less
withholding tax or withheld VAT, in part, by instalments, several at once, or none. Must not hold narrations or bank
lines (narrations.py, statement.py). Amounts are whole kobo.
"""

import random
from collections import deque
from dataclasses import dataclass
from functools import cache
from typing import Final, NamedTuple

from sandbox.names import Draw
from sandbox.narrations import Shape

VAT_PER_MILLE: Final = 75
DUE_DAYS: Final = 30
WHT_PERCENT: Final = {"less_wht_2": 2, "less_wht_5": 5, "less_wht_10": 10, "less_wht_5_and_vat": 5}
LESS_VAT: Final = ("less_vat", "less_wht_5_and_vat")

# How a credit pays, with the weight of each; `refund` and `none` stand in the truth beside these.
HOW_WEIGHTS: Final = {
    "full": 44,
    "less_wht_2": 4,
    "less_wht_5": 6,
    "less_wht_10": 4,
    "less_vat": 4,
    "less_wht_5_and_vat": 2,
    "part": 6,
    "instalments": 10,
    "several": 8,
    "none": 12,
}
_WITHHELD: Final = ("less_wht_2", "less_wht_5", "less_wht_10", "less_wht_5_and_vat")
_POOL_SIZES: Final = {"COMPANY": 30, "PERSON": 14, "PERSON_GIVEN_GIFT": 6}


class Invoice(NamedTuple):
    """An invoice of a tenant; `net` and `vat` are whole kobo, `issued` is the ordinal of a day, due DUE_DAYS later."""

    number: str
    customer: str
    customer_tin: str | None
    net: int
    vat: int
    issued: int
    status: str = "open"

    @property
    def total(self) -> int:
        """Net and VAT together, in kobo."""
        return self.net + self.vat


class Payment(NamedTuple):
    """What one line pays: its amount in kobo, the invoice numbers, how, and the placeholders that say so."""

    amount: int
    pays: tuple[str, ...]
    how: str
    given: dict[str, str]


@dataclass(slots=True)
class _Plan:
    invoice: Invoice
    remaining: int
    left: int


class Numbering:
    """Numbers a tenant's invoices, each once, across all accounts of the tenant."""

    def __init__(self, number_format: str, first: int) -> None:
        self.number_format = number_format
        self._next = first

    def take(self) -> str:
        """Give the next invoice number."""
        self._next += 1
        return self.number_format.format(self._next)


@cache
def ways(shape: Shape) -> tuple[str, ...]:
    """Say how a line of this shape may pay invoices: keys of HOW_WEIGHTS, empty where it never does."""
    if shape.label != "business" or shape.direction != "credit" or shape.payer not in _POOL_SIZES:
        return ()
    if "less WHT" in shape.text:
        return _WITHHELD
    if "part payment" in shape.text:
        return ("part", "instalments")
    if "REF" in shape.placeholders:
        return tuple(HOW_WEIGHTS)
    if "N" in shape.placeholders and "inv" in shape.text.lower():
        return ("full", "less_wht_5", "none")
    return ("full", *_WITHHELD, "none") if shape.payer == "COMPANY" else ()


@cache
def _lots(shape: Shape) -> tuple[str, ...]:
    return tuple(way for way in ways(shape) for _ in range(HOW_WEIGHTS[way]))


class Books:
    """Makes the invoices of one account's credits as they come, in booked order; seeded by `rng`."""

    def __init__(self, numbering: Numbering, rng: random.Random) -> None:
        self._numbering = numbering
        self._draw = Draw(rng)
        self.invoices: list[Invoice] = []
        self._plans: dict[str, deque[_Plan]] = {payer: deque() for payer in _POOL_SIZES}
        self._customers = {payer: [self._customer(payer) for _ in range(size)] for payer, size in _POOL_SIZES.items()}

    def payment(self, shape: Shape, day: int) -> Payment | None:
        """Decide what a business line of `shape` booked on `day` (ordinal) pays; None where it pays no invoice."""
        if shape.direction == "debit" and "REF" in shape.placeholders and self.invoices:
            refunded = self.invoices[self._draw.below(len(self.invoices))]
            return Payment(refunded.total * (20 + self._draw.below(80)) // 100, (), "refund", {"REF": refunded.number})
        lots = _lots(shape)
        how = self._draw.pick(lots) if lots else "none"
        if how == "none":
            return None
        payer = str(shape.payer)
        if how == "instalments":
            return self._instalment(shape, payer, day)
        customer = self._customers[payer][self._draw.below(_POOL_SIZES[payer])]
        if how == "several":
            invoices = [self._issue(customer, day, how) for _ in range(2 + self._draw.below(3))]
            numbers = tuple(invoice.number for invoice in invoices)
            given = {payer: customer[0], "REF": self._draw.pick((", ", " ", ",")).join(numbers)}
            return Payment(sum(invoice.total for invoice in invoices), numbers, how, given)
        invoice = self._issue(customer, day, how)
        return _paid(shape, payer, invoice, self._amount(how, invoice), how)

    def leave_unpaid(self, last: int) -> None:
        """Add invoices that nobody pays, about one for ten that somebody does; a few of them are cancelled."""
        for count in range(1 + len(self.invoices) // 10):
            customers = self._customers["COMPANY"]
            customer = customers[self._draw.below(len(customers))]
            self._issue(customer, last, "full", status="cancelled" if count % 8 == 7 else "open")

    def _customer(self, payer: str) -> tuple[str, str | None]:
        name = _DRAWN[payer](self._draw)
        return name, f"{self._draw.digits(8)}-0001" if payer == "COMPANY" else None

    def _issue(self, customer: tuple[str, str | None], day: int, how: str, status: str = "open") -> Invoice:
        naira = max(10, self._draw.skewed(600, 80_000)) * 100
        net = naira * 100 + (self._draw.below(100) if how == "full" and self._draw.below(8) == 0 else 0)
        without_vat = how in ("full", "part", "less_wht_2") and self._draw.below(8) == 0
        vat = 0 if without_vat else (net * VAT_PER_MILLE + 500) // 1000
        name, tin = customer
        invoice = Invoice(self._numbering.take(), name, tin, net, vat, day - 2 - self._draw.below(38), status)
        self.invoices.append(invoice)
        return invoice

    def _amount(self, how: str, invoice: Invoice) -> int:
        total = invoice.net + invoice.vat
        if how == "full":
            return total
        if how == "part":
            # At most 80 %: less than any lawful deduction leaves, so that the part explains itself one way only.
            return total * (20 + self._draw.below(60)) // 100 // 10_000 * 10_000 or total // 2
        withheld = invoice.net * WHT_PERCENT[how] // 100 if how in WHT_PERCENT else 0
        return total - withheld - (invoice.vat if how in LESS_VAT else 0)

    def _instalment(self, shape: Shape, payer: str, day: int) -> Payment:
        plans = self._plans[payer]
        if not plans or (len(plans) < 4 and self._draw.below(3) == 0):
            customer = self._customers[payer][self._draw.below(_POOL_SIZES[payer])]
            invoice = self._issue(customer, day, "instalments")
            plans.append(_Plan(invoice, invoice.total, 2 + self._draw.below(2)))
        plan = plans.popleft()
        amount = plan.remaining if plan.left == 1 else plan.remaining * (30 + self._draw.below(20)) // 10_000 * 100
        plan.remaining -= amount
        plan.left -= 1
        if plan.left:
            plans.append(plan)
        return _paid(shape, payer, plan.invoice, amount, "instalments")


def _paid(shape: Shape, payer: str, invoice: Invoice, amount: int, how: str) -> Payment:
    given = {payer: invoice.customer, "REF": invoice.number}
    if "REF" not in shape.placeholders:
        given["N"] = "".join(filter(str.isdigit, invoice.number))
    return Payment(amount, (invoice.number,), how, given)


_DRAWN: Final = {"COMPANY": Draw.company, "PERSON": Draw.person, "PERSON_GIVEN_GIFT": Draw.person_given_gift}
