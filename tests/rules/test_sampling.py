"""How a sample is shared out over strata."""

from __future__ import annotations

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from rules.sampling import STRATA, allocated, margins


def strata(*lines: int, outcome: str = "rejected") -> pl.DataFrame:
    return pl.DataFrame(
        [(outcome if place else "eligible", "detail", place, count) for place, count in enumerate(lines)],
        schema=STRATA,
        orient="row",
    )


@given(st.lists(st.integers(1, 500), min_size=1, max_size=30), st.integers(1, 600), st.floats(0, 1))
def test_a_sample_is_as_large_as_asked_and_takes_no_more_than_there_are(
    lines: list[int], size: int, share: float
) -> None:
    plan = allocated(strata(*lines), size, share)
    drawn, there = plan.strata["drawn"], plan.strata["lines"]
    assert plan.random_rejections + drawn.sum() == min(size, sum(lines))
    assert (drawn <= there).all()
    assert (drawn >= 0).all()


def test_some_rejections_are_always_drawn_by_chance() -> None:
    assert allocated(strata(1_000, 1_000), 100).random_rejections == 30
    assert allocated(strata(1_000, 10), 100).random_rejections == 10
    assert allocated(strata(1_000), 100).random_rejections == 0
    assert allocated(strata(1_000, 1_000), 5, 0.05).random_rejections == 1


def test_every_stratum_is_asked_before_the_large_ones_are_asked_more() -> None:
    plan = allocated(strata(10_000, 5, 3, 900), 40, 0.0)
    by_band = dict(plan.strata.select("band", "drawn").iter_rows())
    assert by_band[1] >= 1
    assert by_band[2] >= 1
    assert by_band[0] > by_band[3] > by_band[1]


def test_margins_are_told_by_outcome() -> None:
    drawn = strata(1_000, 1_000, 1_000).with_columns(drawn=pl.Series([100, 50, 0], dtype=pl.Int64))
    told = margins(drawn)
    assert 0.08 < (told["eligible"] or 0) < 0.1
    assert 0.13 < (told["rejected"] or 0) < 0.14
