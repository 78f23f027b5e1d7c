"""The accuracy that P2 asks of reconciliation, on books small enough for every run."""

from __future__ import annotations

import polars as pl
import pytest

from bench.p2_reconcile import BARS, judged, ours
from bench.payments import PARTS, Books, books


@pytest.fixture(scope="module")
def made() -> Books:
    return books(5_000)


def test_the_books_hold_what_they_say(made: Books) -> None:
    paying = made.truth["transaction_id"].n_unique()
    assert paying < len(made.payments), "some pay nothing"
    assert len(made.truth) == pytest.approx(len(made.invoices) * (1 - PARTS["none"]), rel=0.05)
    assert made.truth.join(made.invoices, on="invoice_id", how="anti").is_empty()
    assert made.invoices["number"].is_unique().all()


def test_links_are_right_and_what_was_paid_is_found(made: Books) -> None:
    found = judged(ours(made.payments, made.invoices)(), made.truth)
    assert found["precision"] >= BARS["precision"]
    assert found["recall"] >= BARS["recall"]


def test_no_payment_that_pays_nothing_is_linked(made: Books) -> None:
    linked = ours(made.payments, made.invoices)().filter(pl.col("status") == "linked")
    assert linked.join(made.truth, on="transaction_id", how="anti").is_empty()
