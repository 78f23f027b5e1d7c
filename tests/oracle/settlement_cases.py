"""Invented books for the oracle of reconciliation: small tenants, seeded, in which nearly everything nearly fits.

A book is one tenant's invoices and payments, and the policy it is read under. Amounts come from few numbers, days
from the ends of windows and names from a list whose likeness is beyond doubt, so that ties and near misses are common.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

from tests.oracle.settlement_reader import DEFAULTS, SHIPPED, Invoice, Rules, references

Row = dict[str, Any]

LINKING = dict.fromkeys(DEFAULTS, "link")
ONLY_SUGGESTING = dict.fromkeys(DEFAULTS, "suggest")
STRICT = DEFAULTS | {"reference_part": "reject", "reference_over": "reject", "amount_only": "off"}
FEW = DEFAULTS | {"reference_net_of_deductions": "off", "customer_exact": "suggest", "customer_several": "link"}
POLICIES: dict[str, Rules] = {
    "shipped": SHIPPED,
    "linking": replace(SHIPPED, actions=LINKING),
    "suggesting": replace(SHIPPED, actions=ONLY_SUGGESTING),
    "strict": replace(SHIPPED, actions=STRICT, must_exist=True, pattern=r"^INV-\d+$"),
    "few": replace(SHIPPED, actions=FEW, pattern=r"^INV-\d+$"),
    "tolerant": replace(SHIPPED, tolerance=1),
    "without_tin": replace(SHIPPED, without_tin=True),
}


@dataclass(frozen=True)
class Book:
    """One tenant's invoices and payments."""

    tenant: str
    invoices: list[Row]
    payments: list[Row]
    rules: Rules


def policy_text(rules: Rules, tenants: list[str]) -> str:
    """The policy file of the rules; the tenants are those it may be set for."""
    without_tin = [f"{tenant}:sandbox" for tenant in tenants] if rules.without_tin else []
    head = [
        "[currency]",
        'invoice = ["NGN", "USD"]',
        "[settlement]",
        f'tolerance = "{rules.tolerance / 100:.2f}"',
        f"tenants_without_tin = {without_tin}",
        *[line for name, action in rules.actions.items() for line in (f"[settlement.{name}]", f'action = "{action}"')],
    ]
    if rules.pattern:
        head += ["[reference]", f"pattern = '{rules.pattern}'", f"must_exist = {str(rules.must_exist).lower()}"]
    return "\n".join(head)


# customer -> how banks write its payer; likeness is beyond doubt
PAYERS = {
    "Zarafet Foods Ltd": ("ZARAFET FOODS LTD", "Zarafet Foods Limited", "FOODS ZARAFET", "ZARAFET FOODS NIG LTD"),
    "Obelawo & Sons Enterprises": ("OBELAWO AND SONS ENT", "OBELAWO & SONS ENTERPRISES", "Obelawo & Sons Ent"),
    "Koremi Construction Nigeria Limited": ("KOREMI CONSTRUCTION NIG LTD", "KOREMI CONSTRUCTI", "Koremi Construction"),
    "Tamuno Briggs Ebiere": ("EBIERE TAMUNO BRIGGS", "BRIGGS EBIERE TAMUNO", "tamuno briggs ebiere"),
    "ZARAFET FOODS LIMITED": ("ZARAFET FOODS LTD", "Zarafet Foods"),
}
STRANGERS = ("Quadri Hassana Musa", "PINEHILL ROADS PLC", None)
CUSTOMERS = tuple(PAYERS)
NETS = (1_000_00, 9_302_33, 40_000_00, 100_000_00, 200_000_00, 333_33, 12_345_67, 10_000_30, 9_302_79)
EDGES = (10_000_00, 9_999_99, 10_050_00, 5_010_75, 5_010_76, 50_026_88, 50_026_89, 200_000_00, 200_000_01)
"""Totals at the ends of what a charge is taken on."""
NUMBERS = ("INV-99", "INV-991", "INV-9912", "INV-1001", "INV-1002", "INV-2001", "INV-2002", "INV-30017")
FILLER = "NIP/ZENITH BANK/SOMEBODY ELSE ENTERPRISES NIGERIA LIMITED AND PARTNERS/PAYMENT FOR THE GOODS SUPPLIED THEN "
ISSUED = date(2026, 3, 1)
LATE_2025 = date(2025, 12, 15)


def books(seed: int, count: int, policy: str) -> list[Book]:
    """So many invented tenants."""
    return [book(random.Random(f"{seed} {policy} {place}"), f"org-{place}", POLICIES[policy]) for place in range(count)]


def book(draw: random.Random, tenant: str, rules: Rules) -> Book:
    """One tenant: invoices of few amounts, payments that nearly mean them."""
    issued = draw.choice((ISSUED, ISSUED, LATE_2025))
    few = draw.sample(EDGES if draw.random() < 0.2 else NETS, 2)
    own = draw.sample(CUSTOMERS, draw.choice((1, 1, 2)))
    count = draw.choice((1, 2, 3, 4, 5, 6, 13)) if draw.random() < 0.3 else draw.randint(1, 6)
    numbers = draw.sample(NUMBERS, min(count, len(NUMBERS)))
    numbers += [f"INV-40{place:02d}" for place in range(count - len(numbers))]
    invoices = [invoice(draw, tenant, number, draw.choice(own), draw.choice(few), issued) for number in numbers]
    payments = [payment(draw, tenant, f"tx-{place}", invoices) for place in range(draw.randint(1, 5))]
    known = [Invoice(row) for row in invoices]
    for row in payments:
        if not row["explicit"]:
            row["reference"] = next(iter(references(row, known, rules)), None)
    return Book(tenant, invoices, payments, rules)


def invoice(draw: random.Random, tenant: str, number: str, customer: str, net: int, issued: date) -> Row:
    """An invoice, mostly open, mostly with VAT."""
    vat = draw.choice(((net * 75 + 500) // 1000, (net * 75 + 500) // 1000, 0))
    issue = issued + timedelta(days=draw.choice((0, 0, 0, 5)))
    said = draw.choice([(net, vat)] * 6 + [(net, None), (None, vat), (None, None)])
    return {
        "organization_id": tenant,
        "environment": "sandbox",
        "invoice_id": f"{tenant}-{number}",
        "number": number,
        "customer_name": customer,
        "currency": draw.choice(["NGN"] * 9 + ["USD"]),
        "total_amount": net + vat,
        "net_amount": said[0],
        "vat_amount": said[1],
        "issue_date": issue,
        "due_date": draw.choice([issue + timedelta(days=30)] * 9 + [None]),
        "status": draw.choice(["open"] * 12 + ["paid", "cancelled"]),
    }


AMOUNTS: dict[str, Callable[[int, int, int], int]] = {
    "exact": lambda total, net, vat: total,
    "wht 2": lambda total, net, vat: total - (net * 2 + 50) // 100,
    "wht 5": lambda total, net, vat: total - (net * 5 + 50) // 100,
    "wht 10": lambda total, net, vat: total - (net * 10 + 50) // 100,
    "wht 20": lambda total, net, vat: total - (net * 20 + 50) // 100,
    "vat": lambda total, net, vat: total - vat,
    "vat and wht": lambda total, net, vat: total - vat - (net * 5 + 50) // 100,
    "duty": lambda total, net, vat: total - 50_00,
    "nip": lambda total, net, vat: total - (10_75 if total <= 5_000_00 else 26_88 if total <= 50_000_00 else 53_75),
    "pos": lambda total, net, vat: total - min((total + 100) // 200, 1_000_00),
    "duty and wht": lambda total, net, vat: total - 50_00 - (net * 5 + 50) // 100,
    "half": lambda total, net, vat: total // 2,
    "kobo less": lambda total, net, vat: total - 1,
    "kobo more": lambda total, net, vat: total + 1,
    "over": lambda total, net, vat: total + 500_00,
}


def payment(draw: random.Random, tenant: str, name: str, invoices: list[Row]) -> Row:
    """A payment that nearly means one or several of the invoices."""
    meant = draw.sample(invoices, min(len(invoices), draw.choice((1, 1, 1, 1, 2, 3))))
    kind = draw.choice(("exact", "exact", "exact", *AMOUNTS))
    amount = sum(AMOUNTS[kind](row["total_amount"], *net_and_vat(row)) for row in meant)
    if len(meant) > 1 and draw.random() < 0.3:
        amount = meant[0]["total_amount"]
    narration, explicit = told(draw, meant)
    day = pay_day(draw, meant[0])
    return {
        "organization_id": tenant,
        "environment": "sandbox",
        "account_id": f"{tenant}-account",
        "transaction_id": f"{tenant}-{name}",
        "day": day,
        "booked_at": datetime(day.year, day.month, day.day, 9, draw.randint(0, 59), tzinfo=UTC),
        "amount": max(amount, 1),
        "currency": draw.choice([meant[0]["currency"]] * 15 + ["USD"]),
        "payer": payer(draw, meant[0]["customer_name"]),
        "reference": explicit,
        "explicit": explicit is not None,
        "narration": narration,
        "suggest_only": draw.random() < 0.03,
    }


def net_and_vat(invoice: Row) -> tuple[int, int]:
    """What an invoice says of net and VAT, or would."""
    total, net, vat = (invoice[name] for name in ("total_amount", "net_amount", "vat_amount"))
    net = net if net is not None else total - vat if vat is not None else (total * 1000 + 537) // 1075
    return net, total - net


def payer(draw: random.Random, customer: str) -> str | None:
    """The customer as a bank writes it, or somebody else."""
    return draw.choice((*PAYERS[customer], *PAYERS[customer], *STRANGERS))


def pay_day(draw: random.Random, of: Row) -> date:
    """A day within all windows, or at the ends of one of them, or just beyond."""
    issue, due = of["issue_date"], of["due_date"] or of["issue_date"]
    ends = [issue - timedelta(days=days) for days in (11, 10, 4, 3)]
    ends += [due + timedelta(days=days) for days in (15, 16, 60, 61)]
    within = [issue + timedelta(days=days) for days in (5, 16, 17, 20)]
    return draw.choice(within * 4 + ends)


def told(draw: random.Random, meant: list[Row]) -> tuple[str | None, str | None]:
    """A narration, and an explicit reference."""
    names = [row["number"] for row in meant]
    how = draw.random()
    if how < 0.4:
        return draw.choice((None, "TRF FOR GOODS", "NIP/GTB/ZARAFET FOODS/goods")), None
    if how < 0.42:
        return f"TRF {names[0]} INV-777777", None
    if how < 0.7:
        return f"NIP/GTB/SOMEBODY ELSE/{draw.choice((' ', ', ', '/')).join(names)} {draw.choice(('', 'thanks'))}", None
    if how < 0.8:
        return None, names[0]
    if how < 0.84:
        return "NIP/GTB/SOMEBODY/INV-777777", None
    if how < 0.88:
        return None, draw.choice(("INV-777777", names[0].lower().replace("-", " ")))
    return cut(draw, names[0]), None


def cut(draw: random.Random, number: str) -> str:
    """A narration as long as the rail allows, or just shorter, that ends within a reference."""
    end = number[: draw.randint(3, len(number))]
    length = draw.choice((100, 100, 99))
    return f"{FILLER[: length - 1 - len(end)].rstrip()} ".ljust(length - len(end)) + end
