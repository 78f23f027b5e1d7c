"""What holds of every reconciliation: money is allocated once, order does not matter, people have the last word."""

from __future__ import annotations

import random
from collections import Counter
from datetime import date, timedelta
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.books import Reconciled
from tests.rules.settling import Row, invoice, numbered, payment, settled, told, word

NAMES = ("Zarafet Foods Ltd", "Koremi Trading", "Obelawo Stores")
AMOUNTS = (10_000, 20_000, 30_000, 43_000, 107_500)
POLICIES = (
    "",
    "\n".join(
        f'[settlement.{name}]\naction = "link"'
        for name in ("reference_over", "customer_net_of_deductions", "customer_several", "amount_only")
    ),
    '[settlement]\ntolerance = "0.05"\n[settlement.reference_part]\naction = "suggest"',
)


@st.composite
def books(draw: st.DrawFn) -> tuple[list[Row], list[Row]]:
    """Few invoices of few customers and amounts, and payments that nearly all mean one of them."""
    invoices = [
        invoice(
            f"INV-{number}",
            draw(st.sampled_from(AMOUNTS)),
            customer_name=draw(st.sampled_from(NAMES)),
            issue_date=date(2026, 3, 1) + timedelta(days=draw(st.integers(0, 20))),
            due_date=date(2026, 4, 1),
            status=draw(st.sampled_from(["open", "open", "open", "open", "paid", "cancelled"])),
            currency=draw(st.sampled_from(["NGN"] * 6 + ["USD"])),
        )
        for number in range(1001, 1001 + draw(st.integers(1, 7)))
    ]
    payments = [_payment(draw, invoices) for _ in range(draw(st.integers(1, 9)))]
    return numbered(payments), invoices


def _payment(draw: st.DrawFn, invoices: list[Row]) -> Row:
    meant = draw(st.lists(st.sampled_from(invoices), min_size=1, max_size=3, unique_by=lambda row: row["number"]))
    total = sum(row["total_amount"] for row in meant)
    net = sum(row["net_amount"] for row in meant)
    amount = draw(
        st.sampled_from([total, total, total - net // 20, net, net - net // 50, total // 2, total + 100, total - 1])
    )
    names = [row["number"] for row in meant] if draw(st.booleans()) else []
    day = date(2026, 3, 10) + timedelta(days=draw(st.integers(0, 30)))
    return payment(0, *names, amount=max(amount, 1), day=day, payer=meant[0]["customer_name"].upper())


def in_lines(result: Reconciled) -> list[str]:
    return told(result) + sorted(str(row) for row in result.candidates.to_dicts())


@settings(deadline=None, max_examples=60)
@given(books(), st.sampled_from(POLICIES))
def test_nothing_is_allocated_beyond_its_amount(drawn: tuple[list[Row], list[Row]], policy: str) -> None:
    payments, invoices = drawn
    result = settled(payments, invoices, policy=policy)
    linked = result.settlements.filter(pl.col("status") == "linked").to_dicts()
    of_invoice: Counter[str] = Counter()
    of_payment: Counter[str] = Counter()
    for row in linked:
        of_invoice[row["invoice_id"]] += row["allocated"] + row["deducted"]
        of_payment[row["transaction_id"]] += row["allocated"]
    totals = {row["invoice_id"]: row["total_amount"] for row in invoices if row["status"] == "open"}
    assert all(amount <= totals[name] for name, amount in of_invoice.items())
    assert all(amount <= amounts(payments)[name] for name, amount in of_payment.items())


@settings(deadline=None, max_examples=60)
@given(books(), st.sampled_from(POLICIES))
def test_a_payment_ends_one_way_and_every_row_is_about_open_money(
    drawn: tuple[list[Row], list[Row]], policy: str
) -> None:
    payments, invoices = drawn
    result = settled(payments, invoices, policy=policy)
    proposed, rejected = set(result.settlements["transaction_id"]), list(result.rejected["transaction_id"])
    assert not proposed & set(rejected)
    assert len(rejected) == len(set(rejected))
    for _, rows in result.settlements.group_by("transaction_id"):
        assert rows["status"].n_unique() == 1
        assert rows["status"][0] == "suggested" or rows["proposal"].n_unique() == 1, "one way only is linked"
    assert result.settlements.select((pl.col("allocated") > 0).all()).item()
    assert set(result.settlements["invoice_id"]) <= {row["invoice_id"] for row in invoices if row["status"] == "open"}


@pytest.mark.slow
@settings(deadline=None, max_examples=60)
@given(books(), st.sampled_from(POLICIES), st.integers())
def test_the_order_of_rows_does_not_matter(drawn: tuple[list[Row], list[Row]], policy: str, seed: int) -> None:
    payments, invoices = drawn
    shuffle = random.Random(seed)
    result = settled(payments, invoices, policy=policy)
    others = settled(shuffle.sample(payments, len(payments)), shuffle.sample(invoices, len(invoices)), policy=policy)
    assert in_lines(others) == in_lines(result)
    assert others.settlements.equals(result.settlements)


@pytest.mark.slow
@settings(deadline=None, max_examples=40)
@given(books(), books())
def test_tenants_do_not_bear_on_each_other(
    one: tuple[list[Row], list[Row]], other: tuple[list[Row], list[Row]]
) -> None:
    def of(tenant: str, rows: list[Row]) -> list[Row]:
        return [{**row, "organization_id": tenant} for row in rows]

    apart = [settled(of(name, drawn[0]), of(name, drawn[1])) for name, drawn in (("a", one), ("b", other))]
    together = settled(of("a", one[0]) + of("b", other[0]), of("a", one[1]) + of("b", other[1]))
    assert together.settlements.equals(pl.concat(each.settlements for each in apart))
    assert sorted(str(row) for row in together.rejected.to_dicts()) == sorted(
        str(row) for each in apart for row in each.rejected.to_dicts()
    )


@pytest.mark.slow
@settings(deadline=None, max_examples=60)
@given(books(), st.data())
def test_what_a_person_said_stands(drawn: tuple[list[Row], list[Row]], data: st.DataObject) -> None:
    payments, invoices = drawn
    suggested = settled(payments, invoices).settlements.filter(pl.col("status") == "suggested").to_dicts()
    if not suggested:
        return
    said = data.draw(st.sampled_from(suggested))
    row = next(each for each in payments if each["transaction_id"] == said["transaction_id"])
    of = next(each for each in invoices if each["invoice_id"] == said["invoice_id"])
    declined = settled(payments, invoices, standing=[word("declined", row, of)])
    assert not [each for each in rows_of(declined) if pair(each) == pair(said)]
    accepted = word("accepted", row, of) | {"allocated": said["allocated"], "deducted": said["deducted"]}
    after = settled(payments, invoices, standing=[accepted])
    assert said["transaction_id"] not in {each["transaction_id"] for each in rows_of(after)}
    left = of["total_amount"] - said["allocated"] - said["deducted"]
    linked = [each for each in rows_of(after) if each["status"] == "linked" and each["invoice_id"] == of["invoice_id"]]
    assert sum(each["allocated"] + each["deducted"] for each in linked) <= left


def rows_of(result: Reconciled) -> list[dict[str, Any]]:
    return result.settlements.to_dicts()


def pair(row: dict[str, Any]) -> tuple[str, str]:
    return row["transaction_id"], row["invoice_id"]


def amounts(payments: list[Row]) -> dict[str, int]:
    return {row["transaction_id"]: row["amount"] for row in payments}
