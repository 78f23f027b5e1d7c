"""Sweeps on small frames: every point is what deciding line by line under that value gives."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.errors import RulesError
from rules.knobs import Knob, check_knobs, parse_knob
from rules.lists import Lists
from rules.metrics import Tally, figures
from rules.policy import Policy
from rules.signals import signals
from rules.sweep import READ, best, cells, flat, left_out, points, stood, unknowable
from tests.rules.scenarios import NOW, Line, frame, line, policy
from tests.rules.test_replay import COMPANY, ENTRIES, INVOICES, lines, policies, stored

LABELS = {f"tx-{place}": "business" if place % 3 else "personal" for place in range(1, 40) if place % 4}
knobs = st.lists(
    st.sampled_from(
        [
            *("points.minimum=0:140:20", "points.company=0:60:30", "points.reference=80:80:1", "pending.days=0:30:7"),
            *("floor.NGN=0:1001:333.5", "floor.USD=1:50000:9999", "points.at_or_above_floor=0:50:25"),
        ]
    ),
    min_size=1,
    max_size=3,
    unique=True,
)


def swept(rows: list[Line], under: Policy, moved: list[Knob], **labels: str) -> list[dict[str, Any]]:
    lists = Lists.in_force(ENTRIES, NOW)
    seen = frame(rows).with_columns(
        label=pl.col("transaction_id").replace_strict(labels, default=None, return_dtype=pl.String)
    )
    half = len(seen) // 2
    counted = [
        cells(
            signals(part.lazy(), policy=under, lists=lists, invoices=INVOICES, now=NOW).select(READ).collect(),
            moved,
            NOW,
        )
        for part in (seen[:half], seen[half:])
    ]
    return points(pl.concat(counted), moved, under)


def one_by_one(rows: list[Line], under: Policy, **labels: str) -> dict[str, Any]:
    """The same figures from the decisions themselves."""
    decided = stored(rows, under, **labels).with_columns(said=pl.col("before_outcome"))
    naira = decided.with_columns(pl.coalesce("currency", "account_currency")).filter(pl.col("currency") == "NGN")

    def tally(of: pl.DataFrame, worth: pl.Expr) -> Tally:
        def total(label: str, *, eligible: bool) -> int:
            said = pl.col("said") == "eligible"
            return int(of.filter(pl.col("label") == label, said if eligible else ~said).select(worth.sum()).item())

        return Tally(
            total("business", eligible=True),
            total("personal", eligible=True),
            total("business", eligible=False),
            total("personal", eligible=False),
        )

    counts = {name: len(decided.filter(pl.col("said") == name)) for name in ("eligible", "held", "rejected")}
    amount = naira.filter(pl.col("said") == "eligible")["amount"].sum()
    return {
        **counts,
        "naira_eligible": amount,
        **figures(tally(decided, pl.col("day").is_not_null().cast(pl.Int64)), tally(naira, pl.col("amount"))),
    }


@given(st.lists(lines, min_size=1, max_size=25), policies, knobs, st.data())
@settings(max_examples=30, deadline=None)
def test_every_point_is_what_deciding_under_that_value_gives(
    rows: list[Line], base: Policy, texts: list[str], data: st.DataObject
) -> None:
    moved = [parse_knob(text) for text in texts]
    check_knobs(moved, base)
    found = swept(rows, base, moved, **LABELS)
    point = data.draw(st.sampled_from(found))
    under = base.changed({knob.name: point[knob.name] for knob in moved})
    expected = one_by_one(rows, under, **LABELS)
    assert {name: point[name] for name in expected} == expected


def test_the_grid_has_a_point_for_each_combination_in_order() -> None:
    moved = [parse_knob("points.minimum=50:100:50"), parse_knob("floor.NGN=0:2000:1000")]
    found = swept([line(COMPANY)], policy(), moved)
    assert [(point["points.minimum"], point["floor.NGN"]) for point in found] == [
        (50, "0"),
        (50, "1000"),
        (50, "2000"),
        (100, "0"),
        (100, "1000"),
        (100, "2000"),
    ]
    assert [point["eligible"] for point in found] == [1, 1, 1, 0, 0, 0]


def test_a_knob_is_read_with_both_ends_and_floors_in_major_units() -> None:
    assert parse_knob("points.minimum=20:50:15") == Knob("points.minimum", (20, 35, 50))
    assert parse_knob("pending.days = 1:3") == Knob("pending.days", (1, 2, 3))
    assert parse_knob("floor.NGN=0:1000.50:500.25") == Knob("floor.NGN", (0, 50_025, 100_050))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("points.magic=1:2:1", "is no number of the policy that decides eligibility"),
        ("settlement.tolerance=0:5:1", "replay a policy file with each value"),
        ("points.minimum", "whole numbers"),
        ("points.minimum=1:2:0", "write a knob as NAME=FROM:TO:STEP"),
        ("points.minimum=5:2:1", "runs from 5 down to 2: write the lower end first"),
        ("floor.NGN=9:2", "runs from 9 down to 2"),
        ("points.minimum=1.5:2:1", "whole numbers"),
        ("points.minimum=1:2:3:4", "write a knob as NAME=FROM:TO:STEP"),
        ("points.minimum=nan:inf:1", "whole numbers"),
        ("floor.NGN=-1:2:1", "amounts in major units"),
        ("floor.ngn=1:2:1", "is no number"),
        ("floor.NGN=0:999999999:0.01", "widen its step"),
    ],
)
def test_a_knob_that_cannot_be_used_says_what_to_write(text: str, told: str) -> None:
    with pytest.raises(RulesError, match=told):
        check_knobs([parse_knob(text)], policy())


def test_a_grid_too_fine_a_knob_twice_and_a_value_out_of_range_are_refused() -> None:
    fine = [parse_knob("floor.NGN=0:999:1"), parse_knob("floor.USD=0:999:1")]
    for moved, told in (
        ([], "at least one knob"),
        (fine, "1,000,000 points"),
        ([fine[0], fine[0]], "each knob once"),
        ([parse_knob("points.minimum=0:9000:4500")], "points.minimum"),
    ):
        with pytest.raises(RulesError, match=told):
            check_knobs(moved, policy())


def labelled(good: int, bad: int) -> list[dict[str, Any]]:
    rows = [line(COMPANY)] * good + [line("NIP/UBA/ADA BELLO/hello")] * bad
    labels = {f"tx-{place}": "business" if place <= good else "personal" for place in range(1, good + bad + 1)}
    return swept([dict(row) for row in rows], policy(), [parse_knob("points.minimum=0:100:50")], **labels)


def test_the_best_points_meet_the_condition() -> None:
    found = labelled(30, 20)
    assert [point["precision"] for point in found] == [0.6, 1.0, None]
    assert [point["points.minimum"] for point in best(found)] == [50, 0]
    assert left_out(found) == []
    assert [point["points.minimum"] for point in best(found, "precision >= 0.98 and recall_low > 0.5")] == [50]
    assert best(found, "precision > 1") == []
    for wrong in ("precision", "magic > 1", "precision >= 1.2.3"):
        with pytest.raises(RulesError, match=r"write a condition|no number"):
            best(found, wrong)


def told_by_few(eligible: int, others: int) -> list[dict[str, Any]]:
    """Of the labelled lines so many are eligible at the second point, all of them business; of the others half are."""
    rows = [line(COMPANY)] * eligible + [line("NIP/UBA/ADA BELLO/hello")] * others
    places = range(1, eligible + others + 1)
    labels = {f"tx-{place}": "business" if place <= eligible or place % 2 else "personal" for place in places}
    return swept([dict(row) for row in rows], policy(), [parse_knob("points.minimum=0:100:50")], **labels)


def test_a_point_is_not_best_by_a_precision_that_few_eligible_labels_tell() -> None:
    one = told_by_few(1, 21)
    assert (one[1]["precision"], one[1]["right"], one[1]["wrong"]) == (1.0, 1, 0)
    assert best(one, "precision >= 0.98") == []
    assert left_out(one, "precision >= 0.98") == [
        "At 1 of 3 points fewer than 20 labelled lines are eligible, too few for a condition on precision, "
        "so no such point is called best."
    ]
    assert [point["points.minimum"] for point in best(one)] == [0]
    assert "At 1 of 3 points fewer than 5 labelled lines are eligible, too few to rank by" in left_out(one)[0]
    assert best(told_by_few(19, 21), "precision_low > 0.8") == []
    assert [point["points.minimum"] for point in best(told_by_few(20, 21), "precision_low > 0.8")] == [50]


def test_a_condition_on_recall_needs_as_many_business_labels_and_one_on_lines_none() -> None:
    few = labelled(15, 10)
    assert best(few, "recall > 0.9") == []
    assert (
        "fewer than 20 labelled lines are business, too few for a condition on recall" in left_out(few, "recall > 0")[0]
    )
    assert [point["points.minimum"] for point in best(few, "eligible > 1")] == [50, 0]


def test_few_labels_give_no_best_point() -> None:
    found = labelled(4, 4)
    assert best(found) == []
    assert left_out(found) == []
    assert found[0]["precision"] is None
    rows = stored([line(COMPANY)] * 4, policy(), **dict.fromkeys(["tx-1", "tx-2"], "business"))
    assert "Only 2 lines are labelled here" in unknowable(stood(rows))[0]


def test_labels_of_eligible_lines_alone_leave_recall_a_guess() -> None:
    rows = [line(COMPANY)] * 25 + [line("NIP/UBA/ADA BELLO/hello")] * 30
    drafted = {f"tx-{place}": "business" if place % 3 else "personal" for place in range(1, 30)}
    (sentence,) = unknowable(stood(stored([dict(row) for row in rows], policy(), **drafted)))
    assert "Only 4 lines are labelled among those that are not eligible now" in sentence
    assert "recall is a guess" in sentence
    more = drafted | {"tx-30": "personal"}
    assert unknowable(stood(stored([dict(row) for row in rows], policy(), **more))) == []


def test_a_point_in_plain_columns_has_no_nested_value() -> None:
    told = flat(labelled(15, 10)[1])
    assert told["precision_low"] == pytest.approx(0.796, abs=1e-3)
    assert told["naira_missed"] == 0
    assert not any(isinstance(value, (dict, tuple)) for value in told.values())
