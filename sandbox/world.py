"""An invented world of accounts, their bank lines, and what is true of them.

Holds `Account`, `World` and `build_world`. Must not hold HTTP (app.py) or anything that changes once built (bank.py):
a world is made once from a seed, and the same seed gives the same bytes. The truth is read here, never served.
"""

import gc
import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from functools import cache
from pathlib import Path
from typing import Final

import polars as pl

from sandbox.books import DUE_DAYS, Books, Invoice, Numbering
from sandbox.names import BANKS, Bank, Draw
from sandbox.narrations import SHAPES_FILE, Shape, Subject, load_shapes
from sandbox.statement import Statement, Terms, day_text, row_id, write_statement

ENVIRONMENT: Final = "sandbox"
LATER_LINES: Final = 3
PENDING_DAYS: Final = 3
LINES_PER_DAY: Final = {"firm": 12, "person": 6}

_NUMBER_FORMATS: Final = ("INV-{:05d}", "INV-{}", "INV{:06d}", "INV-{:06d}", "SI-{:05d}")
# Relative weight of business credits, other credits and debits by kind of holder.
_MIX: Final = {"firm": (55, 20, 25), "person": (20, 45, 35)}

INVOICE_COLUMNS: Final = (
    *("number", "customer_name", "currency", "total_amount", "issue_date", "invoice_id", "organization_id"),
    *("environment", "net_amount", "vat_amount", "due_date", "customer_tin", "customer_email", "status"),
)
TRUTH_SCHEMA: Final = pl.Schema(
    {
        "account_id": pl.String(),
        "transaction_id": pl.String(),
        "label": pl.String(),
        "shape": pl.String(),
        "pays": pl.List(pl.String()),
        "how": pl.String(),
    }
)


@dataclass(frozen=True, slots=True)
class Account:
    """A bank account at Mono, and the tenant it belongs to (which Mono itself does not know)."""

    id: str
    organization_id: str
    environment: str
    holder: str
    kind: str
    account_number: str
    currency: str
    type: str
    bank: Bank
    institution_id: str
    customer_id: str
    auth_method: str
    bvn: str
    phone: str
    born: date


@dataclass(frozen=True, slots=True)
class World:
    """Accounts with their statements and the invoices of their books, in the same order."""

    accounts: tuple[Account, ...]
    statements: tuple[Statement, ...] = field(repr=False)
    books: tuple[tuple[Invoice, ...], ...] = field(repr=False)
    seed: int
    first_day: date
    end: date

    @property
    def account_ids(self) -> list[str]:
        """The ids of all accounts, in order."""
        return [account.id for account in self.accounts]

    def truth(self, *, later: bool = False) -> pl.DataFrame:
        """Give the true label of every line (TRUTH_SCHEMA), with the lines that arrive while being read if `later`."""
        columns: dict[str, list[str]] = {name: [] for name in TRUTH_SCHEMA}
        for account, statement in zip(self.accounts, self.statements, strict=True):
            skipped = 0 if later else statement.later
            truths = statement.truth[skipped:]
            columns["account_id"] += [account.id] * len(truths)
            columns["transaction_id"] += [row_id(row) for row in statement.rows[skipped:]]
            columns["label"] += [truth.label for truth in truths]
            columns["shape"] += [truth.shape for truth in truths]
            columns["pays"] += [",".join(truth.pays) for truth in truths]
            columns["how"] += [truth.how for truth in truths]
        # Lists of text are slow to build one by one: split them all at once, invoice numbers hold no comma.
        several = pl.col("pays").str.split(",").list.filter(pl.element() != "")
        return (
            pl.DataFrame(columns, schema=dict.fromkeys(columns, pl.String())).with_columns(several).cast(TRUTH_SCHEMA)
        )

    def invoices(self) -> pl.DataFrame:
        """Give the tenants' invoices (INVOICE_COLUMNS, all text): amounts in major units, days as YYYY-MM-DD."""
        rows = [
            _invoice_row(account, invoice)
            for account, invoices in zip(self.accounts, self.books, strict=True)
            for invoice in invoices
        ]
        schema = pl.Schema(dict.fromkeys(INVOICE_COLUMNS, pl.String()))
        return pl.DataFrame(rows, schema=schema, orient="row").sort("organization_id", "number")


def build_world(
    accounts: int,
    days: int,
    seed: int,
    end: date,
    *,
    lines: int | None = None,
    foreign: int = 0,
    shapes_file: Path = SHAPES_FILE,
) -> World:
    """Build `accounts` accounts with `days` Lagos days of lines up to and including `end`.

    `lines` is the number of lines of each account (by default so many a day); the last `foreign` accounts are in
    Mono's `GHC`. Every shape occurs as soon as there are as many lines as shapes. A number below 1 is a ValueError.
    """
    if min(accounts, days, 1 if lines is None else lines) < 1:
        raise ValueError("A sandbox needs at least one account, one day and one line an account.")
    first_day = end - timedelta(days=days - 1)
    plan = _Plan(seed, load_shapes(shapes_file), first_day, days, lines, accounts, foreign)
    tenants = _tenants(plan)
    with _no_garbage_collection():
        made = [_build_account(plan, place, *tenants[place % len(tenants)]) for place in range(accounts)]
    people, statements, books = zip(*made, strict=True)
    return World(people, statements, books, seed, first_day, end)


@contextmanager
def _no_garbage_collection() -> Iterator[None]:
    """Millions of small tuples are made and none is a cycle: looking for cycles among them doubles the time."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


@dataclass(frozen=True, slots=True)
class _Plan:
    seed: int
    shapes: tuple[Shape, ...]
    first_day: date
    days: int
    lines: int | None
    accounts: int
    foreign: int


def _tenants(plan: _Plan) -> list[tuple[str, Numbering]]:
    """Make about one tenant for three accounts, at least two where there are two accounts."""
    draw = Draw(random.Random(f"{plan.seed}/tenants"))
    count = min(plan.accounts, max(2, round(plan.accounts / 3)))
    return [
        (f"org_{draw.digits(6)}{place:03d}", Numbering(draw.pick(_NUMBER_FORMATS), 1000 + draw.below(4000)))
        for place in range(count)
    ]


def _build_account(
    plan: _Plan, place: int, organization_id: str, numbering: Numbering
) -> tuple[Account, Statement, tuple[Invoice, ...]]:
    rng = random.Random(f"{plan.seed}/account/{place}")
    kind = "person" if place % 5 in (2, 4) else "firm"
    currency = "GHC" if place >= plan.accounts - plan.foreign else "NGN"
    account = _account(Draw(rng), kind, organization_id, currency)
    books = Books(numbering, rng)
    last_day = plan.first_day + timedelta(days=plan.days - 1)
    terms = Terms(
        lines=plan.lines or plan.days * LINES_PER_DAY[kind],
        first_day=plan.first_day,
        days=plan.days,
        pending_from=last_day.toordinal() - PENDING_DAYS + 1,
        shapes=plan.shapes,
        weights=_weights(plan.shapes, kind),
        must_occur=plan.shapes,
        enriched=place % 5 == 3,
        currency=currency,
    )
    rotation = place * terms.lines % len(plan.shapes)
    terms = replace(terms, must_occur=plan.shapes[rotation:] + plan.shapes[:rotation])
    statement = write_statement(terms, Subject(account.holder, numbering.number_format), books, rng, LATER_LINES)
    books.leave_unpaid(last_day.toordinal())
    return account, statement, tuple(books.invoices)


def _weights(shapes: Sequence[Shape], kind: str) -> list[float]:
    groups = ["debit" if shape.direction == "debit" else shape.label for shape in shapes]
    mix = dict(zip(("business", "not_business", "debit"), _MIX[kind], strict=True))
    return [mix[group] / groups.count(group) for group in groups]


def _account(draw: Draw, kind: str, organization_id: str, currency: str) -> Account:
    firm = kind == "firm"
    identifier = draw.rng.getrandbits
    return Account(
        id=f"{identifier(96):024x}",
        organization_id=organization_id,
        environment=ENVIRONMENT,
        holder=draw.company() if firm else draw.person(),
        kind=kind,
        account_number="00" + draw.digits(8),
        currency=currency,
        type=draw.pick(("CURRENT ACCOUNT", "Corporate Current Account") if firm else _PERSON_TYPES),
        bank=BANKS[draw.below(len(BANKS))],
        institution_id=f"{identifier(96):024x}",
        customer_id=f"{identifier(96):024x}",
        auth_method=draw.pick(("internet_banking", "mobile_banking")),
        bvn="220000" + draw.digits(5),
        phone=draw.phone(),
        born=date(1960 + draw.below(45), 1 + draw.below(12), 1 + draw.below(28)),
    )


_PERSON_TYPES: Final = ("SAVINGS_ACCOUNT", "Tier 3 Savings Account", "Digital Savings Account")


def _invoice_row(account: Account, invoice: Invoice) -> tuple[str | None, ...]:
    name, email = _written(invoice.customer)
    return (
        invoice.number,
        name,
        "GHS" if account.currency == "GHC" else "NGN",
        naira(invoice.total),
        day_text(invoice.issued),
        f"{account.organization_id}-{invoice.number}".lower(),
        account.organization_id,
        account.environment,
        naira(invoice.net),
        naira(invoice.vat),
        day_text(invoice.issued + DUE_DAYS),
        invoice.customer_tin,
        email,
        invoice.status,
    )


@cache
def _written(customer: str) -> tuple[str, str]:
    slug = "".join(filter(str.isalnum, customer.lower()))
    return customer.title(), f"accounts@{slug[:30]}.example"


def naira(kobo: int) -> str:
    """Write kobo in major units with two decimals, exactly."""
    return f"{kobo // 100}.{kobo % 100:02d}"
