"""The population stability index: nothing where nothing changed, and the same whoever computes it."""

from __future__ import annotations

import math

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.drift import SHIFTED, stability_index


def index(before: list[int], lately: list[int]) -> float:
    counts = pl.DataFrame({"tenant": ["one"] * len(before), "before": before, "lately": lately})
    return float(stability_index(counts, ["tenant"])["index"][0])


def test_the_same_shares_are_no_drift() -> None:
    assert index([100, 300], [1000, 3000]) == pytest.approx(0, abs=1e-3)


def test_it_is_the_sum_that_the_books_give() -> None:
    was, now = [0.5, 0.5], [0.2, 0.8]
    expected = sum((b - a) * math.log(b / a) for a, b in zip(was, now, strict=True))
    assert index([50_000, 50_000], [20_000, 80_000]) == pytest.approx(expected, rel=1e-3)
    assert expected > SHIFTED


def test_a_reason_that_is_new_counts_much_and_not_infinitely() -> None:
    assert SHIFTED < index([1000, 0], [500, 500]) < 10


def test_groups_are_judged_apart() -> None:
    counts = pl.DataFrame({"tenant": ["a", "a", "b", "b"], "before": [9, 1, 500, 500], "lately": [9, 1, 0, 1000]})
    found = stability_index(counts, ["tenant"])
    assert found["tenant"].to_list() == ["a", "b"]
    assert found["index"][0] == pytest.approx(0)
    assert found["index"][1] > SHIFTED
    assert found.select("before", "lately").rows() == [(10, 10), (1000, 1000)]


def test_no_counts_are_no_groups() -> None:
    counts = pl.DataFrame(schema={"tenant": pl.String(), "before": pl.Int64(), "lately": pl.Int64()})
    assert stability_index(counts, ["tenant"]).height == 0


@given(st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 10_000)), min_size=1, max_size=8))
def test_it_is_never_negative_and_the_order_of_reasons_does_not_matter(
    pairs: list[tuple[int, int]],
) -> None:
    told = index([a for a, _ in pairs], [b for _, b in pairs])
    turned = index([a for a, _ in pairs[::-1]], [b for _, b in pairs[::-1]])
    assert told >= 0
    assert told == pytest.approx(turned)
