"""What the product settles equals an independent payment-by-payment reading of the rules, on invented books."""

from __future__ import annotations

import os
from collections import defaultdict

import polars as pl
import pytest

from rules.books import INVOICES, PAYMENTS, STANDING, Reconciled
from rules.policy import parse_policy
from rules.reasons import SETTLEMENT_REASONS
from rules.reconciliation import reconcile
from tests.oracle.settlement_cases import POLICIES, Book, books, policy_text
from tests.oracle.settlement_reader import DEFAULTS, lines, reconciled

SEED = 20260301
# The same books in every run; KOBOSIFT_TEST_EXAMPLES=20 draws twenty times as many.
COUNT = 150 * int(os.environ.get("KOBOSIFT_TEST_EXAMPLES", "1"))


def product_says(drawn: list[Book], policy: str) -> Reconciled:
    """The product's answer, all books at once."""
    return reconcile(
        pl.DataFrame([row for each in drawn for row in each.payments], schema=PAYMENTS, orient="row"),
        pl.DataFrame([row for each in drawn for row in each.invoices], schema=INVOICES, orient="row"),
        pl.DataFrame([], schema=STANDING, orient="row"),
        parse_policy(policy_text(POLICIES[policy], [each.tenant for each in drawn]), "a test"),
    )


def by_tenant(result: Reconciled) -> dict[str, list[str]]:
    """The product's settlements and rejections in the oracle's words."""
    told = defaultdict(list)
    for row in result.settlements.iter_rows(named=True):
        kinds = row["proposal"].split("|")[1]
        told[row["organization_id"]].append(
            f"{row['transaction_id']} {row['invoice_number']} {row['status']} {row['strategy']} {row['allocated']}"
            f" [{kinds}: {row['deducted']}] difference {row['difference']}"
        )
    for row in result.rejected.iter_rows(named=True):
        told[row["organization_id"]].append(f"{row['transaction_id']} rejected {row['detail']}")
    return told


def shown(book: Book) -> str:
    """A book in a few lines."""
    rows = [
        [row[name] for name in ("number", "customer_name", "currency", "total_amount", "net_amount", "status")]
        for row in book.invoices
    ]
    rows += [
        [row[name] for name in ("transaction_id", "day", "amount", "currency", "payer", "reference", "narration")]
        for row in book.payments
    ]
    return "\n".join("  " + " ".join(str(value) for value in row) for row in rows)


@pytest.mark.parametrize("policy", sorted(POLICIES))
def test_invented_books_are_settled_as_the_rules_say(policy: str) -> None:
    drawn = books(SEED, COUNT, policy)
    says = by_tenant(product_says(drawn, policy))
    wrong = []
    for book in drawn:
        ours, theirs = lines(reconciled(book.payments, book.invoices, book.rules)), sorted(says[book.tenant])
        if ours != theirs:
            wrong.append(f"{shown(book)}\n rules:   {ours}\n product: {theirs}")
    assert not wrong, f"{len(wrong)} of {COUNT} books differ:\n" + "\n\n".join(wrong[:3])


def test_the_invented_books_meet_every_strategy_and_every_rejection() -> None:
    met = set()
    for policy in POLICIES:
        for book in books(SEED, 150, policy):
            for outcome in reconciled(book.payments, book.invoices, book.rules).values():
                met.add(outcome.detail or f"{outcome.disposition} {outcome.strategy}")
    assert met >= {f"matched {strategy}" for strategy in DEFAULTS}
    assert met >= {f"review {strategy}" for strategy in DEFAULTS}
    assert met >= {*SETTLEMENT_REASONS, "drafted None"}
