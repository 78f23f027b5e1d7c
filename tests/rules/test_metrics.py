"""Precision, recall, intervals, agreement and margins: known values, and what few labels do not tell."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.metrics import (
    Tally,
    cannot_know,
    f1,
    f1_interval,
    figures,
    kappa,
    lines_for_margin,
    margin_of_error,
    wilson,
)

counts = st.integers(0, 10_000)
tallies = st.builds(Tally, counts, counts, counts, counts)


def test_wilson_gives_the_intervals_of_the_textbook() -> None:
    assert wilson(8, 10) == pytest.approx((0.4902, 0.9433), abs=1e-4)
    assert wilson(0, 20) == pytest.approx((0.0, 0.1611), abs=1e-4)
    assert wilson(20, 20) == pytest.approx((0.8389, 1.0), abs=1e-4)
    assert wilson(0, 0) is None


@given(tallies)
def test_every_interval_holds_its_figure(tally: Tally) -> None:
    told = f1_interval(tally)
    if told is None:
        assert f1(tally) is None
    else:
        assert 0 <= told[0] <= (f1(tally) or 0) + 1e-9
        assert (f1(tally) or 0) <= told[1] + 1e-9 <= 1 + 2e-9


def test_figures_are_told_by_lines_and_by_money() -> None:
    told = figures(Tally(right=18, wrong=2, missed=6, left=14), Tally(right=900, wrong=100, missed=100, left=5))
    assert (told["labels"], told["business"], told["personal"]) == (40, 24, 16)
    assert (told["precision"], told["recall"]) == (0.9, 0.75)
    assert told["naira"] == {"precision": 0.9, "recall": 0.9, "f1": 0.9, "wrongly_drafted": 100, "missed": 100}


def test_few_labels_give_no_shares_but_sentences() -> None:
    few = Tally(right=3, wrong=1, missed=0, left=4)
    assert figures(few, few)["precision"] is None
    assert figures(few, few)["right"] == 3
    told = cannot_know(few)
    assert len(told) == 2
    assert "Only 8 lines are labelled here, and 20 are needed" in told[0]
    assert "No line is labelled" in cannot_know(Tally())[0]
    assert cannot_know(Tally(right=10, missed=5, wrong=2, left=3)) == []
    assert "recall is a guess" in cannot_know(Tally(right=4, wrong=20, left=20))[0]


def test_kappa_is_agreement_beyond_chance() -> None:
    pairs = {("b", "b"): 20, ("b", "p"): 5, ("p", "b"): 10, ("p", "p"): 15}
    assert kappa(pairs) == pytest.approx(0.4)
    assert kappa({("b", "b"): 5, ("p", "p"): 5}) == pytest.approx(1)
    assert kappa({("b", "b"): 5}) is None
    assert kappa({}) is None


def test_a_margin_shrinks_with_the_sample_and_is_none_where_all_are_seen() -> None:
    assert margin_of_error({"all": (10**9, 385)}) == pytest.approx(0.05, abs=1e-3)
    assert margin_of_error({"all": (10, 10)}) == 0
    assert margin_of_error({"all": (10, 0)}) is None
    assert lines_for_margin(0.05) == 385
