"""Small books for the tests of reconciliation: an invoice, a payment, a word of a person, and what is made of them.

Plain functions with sane defaults, of tenant org-1 in the sandbox. `invoice()` is of NGN 107,500 (net 100,000 and VAT
7,500) to Zarafet Foods, issued on 1 March and due on 31 March 2026; `payment()` arrives on 10 March. Amounts are in
whole naira or, as text, exact ("94.05").
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

import polars as pl

from rules.books import INVOICES, PAYMENTS, STANDING, Reconciled
from rules.money import minor_units
from rules.policy import Policy
from rules.reconciliation import reconcile
from tests.rules.scenarios import policy as policy_of

Row = dict[str, Any]
TENANT = {"organization_id": "org-1", "environment": "sandbox"}
CUSTOMER = "Zarafet Foods Ltd"


def kobo(naira: int | str | None) -> int | None:
    """Naira as kobo."""
    return None if naira is None else minor_units(str(naira))


def invoice(number: str = "INV-1001", total: int | str = 107_500, **changes: Any) -> Row:
    """An open invoice; net and VAT are worked out at 7.5 % unless they are given (None: not said)."""
    amount = minor_units(str(total))
    net = kobo(changes.pop("net")) if "net" in changes else (amount * 1_000 + 537) // 1_075
    vat = kobo(changes.pop("vat")) if "vat" in changes else (None if net is None else amount - net)
    row = {
        **TENANT,
        "invoice_id": f"id-{number}".lower(),
        "number": number,
        "customer_name": CUSTOMER,
        "currency": "NGN",
        "total_amount": amount,
        "net_amount": net,
        "vat_amount": vat,
        "issue_date": date(2026, 3, 1),
        "due_date": date(2026, 3, 31),
        "status": "open",
    }
    return _changed(row, changes)


def payment(naira: int | str = 107_500, *names: str, **changes: Any) -> Row:
    """An eligible credit whose narration names the given references; without any it says nothing but who paid."""
    day = changes.pop("day", date(2026, 3, 10))
    row = {
        **TENANT,
        "account_id": "acc-1",
        "transaction_id": "tx-1",
        "day": day,
        "booked_at": datetime(day.year, day.month, day.day, 9, tzinfo=UTC),
        "amount": kobo(naira),
        "currency": "NGN",
        "payer": CUSTOMER.upper() if not names else "SOMEBODY ELSE ENT",
        "reference": names[0] if names else None,
        "explicit": False,
        "narration": f"NIP/FBN/SOMEBODY ELSE ENT/{' '.join(names)}" if names else None,
        "suggest_only": False,
    }
    return _changed(row, changes)


def numbered(rows: Iterable[Row]) -> list[Row]:
    """Payments that share an id get one each by their place, tx-1, tx-2 ..., a minute apart."""
    told = list(rows)
    if len({(row["organization_id"], row["transaction_id"]) for row in told}) == len(told):
        return told
    return [
        row | {"transaction_id": f"tx-{place}", "booked_at": row["booked_at"] + timedelta(minutes=place)}
        for place, row in enumerate(told, start=1)
    ]


def word(status: str, row: Row, of: Row, allocated: int | str = 0) -> Row:
    """What a person said of a payment and an invoice: accepted (so much) or declined."""
    key = {name: row[name] for name in ("organization_id", "environment", "account_id", "transaction_id")}
    return {
        **key,
        "invoice_id": of["invoice_id"],
        "status": status,
        "allocated": kobo(allocated),
        "deducted": 0,
        "deductions": "[]",
    }


def settled(
    payments: Iterable[Row],
    invoices: Iterable[Row],
    *,
    standing: Iterable[Mapping[str, Any]] = (),
    policy: Policy | str = "",
) -> Reconciled:
    """What reconciliation makes of payments and invoices."""
    return reconcile(
        pl.DataFrame(numbered(payments), schema=PAYMENTS, orient="row"),
        pl.DataFrame(list(invoices), schema=INVOICES, orient="row"),
        pl.DataFrame(list(standing), schema=STANDING, orient="row"),
        policy_of(policy) if isinstance(policy, str) else policy,
    )


def told(result: Reconciled) -> list[str]:
    """Each settlement in a line: "tx-1 INV-1001 linked reference_exact 107500.00", its deductions and difference."""
    lines = []
    for row in result.settlements.iter_rows(named=True):
        kinds = row["proposal"].split("|")[1]
        parts = [
            row["transaction_id"],
            row["invoice_number"],
            row["status"],
            row["strategy"],
            naira(row["allocated"]),
            f"[{kinds}: {naira(row['deducted'])}]" if kinds else "",
            f"difference {naira(row['difference'])}" if row["difference"] else "",
        ]
        lines.append(" ".join(part for part in parts if part))
    lines += [f"{row['transaction_id']} rejected {row['detail']}" for row in result.rejected.to_dicts()]
    return sorted(lines)


def naira(kobo_: int) -> str:
    """Kobo as naira with two decimals."""
    sign = "-" if kobo_ < 0 else ""
    return f"{sign}{abs(kobo_) // 100}.{abs(kobo_) % 100:02d}"


def _changed(row: Row, changes: Mapping[str, Any]) -> Row:
    unknown = changes.keys() - row.keys()
    assert not unknown, unknown
    return row | changes
