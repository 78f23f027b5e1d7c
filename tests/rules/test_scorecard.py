"""Points that are fitted to labels: never negative, whole, and the same for the same labels."""

from __future__ import annotations

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.policy import PointsTable
from rules.scorecard import HIGHEST, decided_by_score, fit
from rules.signals import Signal, bits
from tests.rules.scenarios import decided, line, policy

PRESENT = policy().points
ALWAYS = (Signal.CREDIT, Signal.CURRENCY_KNOWN, Signal.CURRENCY_INVOICED, Signal.REFERENCE_PARSES, Signal.SETTLED)


def labelled(*groups: tuple[tuple[Signal, ...], int, int]) -> pl.DataFrame:
    """Lines by what they show: so many business, so many personal."""
    rows = [
        (bits((*ALWAYS, *shown)), label)
        for shown, business, personal in groups
        for label, count in (("business", business), ("personal", personal))
        for _ in range(count)
    ]
    frame = pl.DataFrame(rows, schema={"signals": pl.UInt32, "label": pl.String}, orient="row")
    place = pl.int_range(pl.len(), dtype=pl.Int64)
    currency = pl.when(place % 3 == 0).then(pl.lit("USD")).otherwise(pl.lit("NGN"))
    return frame.with_columns(fold=place % 5, amount=100_000 + place, currency=currency)


TOLD = labelled(
    ((Signal.BUSINESS_TERM,), 60, 2),
    ((Signal.BUSINESS_TERM, Signal.AT_OR_ABOVE_FLOOR), 80, 1),
    ((Signal.AT_OR_ABOVE_FLOOR,), 5, 80),
    ((Signal.COMPANY_TERM, Signal.AT_OR_ABOVE_FLOOR), 20, 12),
    ((), 2, 60),
)


def test_the_signal_that_tells_most_is_worth_most_and_none_is_negative() -> None:
    points = fit(TOLD, PRESENT).points
    assert points.business_term == HIGHEST
    assert 0 < points.company < HIGHEST
    assert points.reference == 0
    assert points.at_or_above_floor < points.company
    assert 0 < points.minimum <= HIGHEST


def test_the_proposal_is_held_against_the_points_in_force_and_lines_held_out() -> None:
    found = fit(TOLD, PointsTable(business_term=0, reference=0, company=0, at_or_above_floor=0, minimum=1))
    assert found.lines == len(TOLD)
    assert (found.present.right, found.present.missed) == (0, 167)
    assert found.fitted.right >= 140
    assert found.held_out.labels == found.fitted.labels == len(TOLD)
    assert found.held_out.right >= 130


def test_naira_are_told_by_the_amounts_of_the_lines_in_naira() -> None:
    found = fit(TOLD, PRESENT)
    naira = TOLD.filter(pl.col("currency") == "NGN")
    sums = {label: naira.filter(pl.col("label") == label)["amount"].sum() for label in ("business", "personal")}
    for tally in (found.held_out_naira, found.fitted_naira, found.present_naira):
        assert (tally.business, tally.personal) == (sums["business"], sums["personal"])
    worth = pl.lit(0)
    for name in ("business_term", "reference", "company", "at_or_above_floor"):
        signal = Signal.COMPANY_TERM if name == "company" else Signal[name.upper()]
        worth += pl.when((pl.col("signals") & signal.bit) != 0).then(getattr(PRESENT, name)).otherwise(0)
    drafted = naira.filter(worth >= PRESENT.minimum, pl.col("label") == "personal")
    assert found.present_naira.wrong == drafted["amount"].sum() > 0


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=4, max_size=4))
@settings(max_examples=10, deadline=None)
def test_any_labels_give_points_that_a_policy_can_take_and_the_same_again(counts: list[tuple[int, int]]) -> None:
    shown: list[tuple[Signal, ...]] = [(), (Signal.REFERENCE,), (Signal.COMPANY_TERM,), (Signal.BUSINESS_TERM,)]
    rows = labelled(((), 1, 1), *((signals, *some) for signals, some in zip(shown, counts, strict=True)))
    found = fit(rows, PRESENT)
    assert PointsTable.model_validate(found.points.model_dump()) == found.points
    assert fit(rows.reverse(), PRESENT) == found


def test_only_lines_that_no_row_before_decides_are_scored() -> None:
    lines = [line("invoice"), line("gift"), line("hello"), line("invoice", status="pending")]
    shown = pl.DataFrame({"signals": [each["signals"] for each in decided(lines)]}, schema={"signals": pl.UInt32})
    assert shown.select(decided_by_score(PRESENT)).to_series().to_list() == [True, False, True, False]
