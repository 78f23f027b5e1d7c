"""Work done once for each distinct value, or on few lines, and put back on every line."""

from __future__ import annotations

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.distinct import only_where, per_distinct, put_back

OUTPUTS = {"upper": pl.col("text").str.to_uppercase(), "length": pl.col("text").str.len_chars()}
TYPES = pl.Schema({"upper": pl.String(), "length": pl.UInt32()})


def worked(texts: list[str | None]) -> list[dict[str, object]]:
    lines = pl.DataFrame({"said": texts}, schema={"said": pl.String})
    return lines.select(out=per_distinct(pl.col("said"), [OUTPUTS], TYPES)).unnest("out").to_dicts()


def test_every_line_has_what_its_text_gives_in_the_order_of_the_lines() -> None:
    assert worked(["b", "a", "b"]) == [
        {"upper": "B", "length": 1},
        {"upper": "A", "length": 1},
        {"upper": "B", "length": 1},
    ]


def test_a_null_has_null_outputs_and_an_empty_text_is_none() -> None:
    assert worked([None, ""]) == [{"upper": None, "length": None}, {"upper": "", "length": 0}]


def test_no_lines_give_no_outputs() -> None:
    assert worked([]) == []


def test_a_text_is_worked_on_once_however_often_it_stands_there() -> None:
    seen: list[str] = []

    def noted(texts: pl.Series) -> pl.Series:
        seen.extend(texts)
        return texts

    lines = pl.DataFrame({"said": ["a", "b", "a", None, "a"]})
    work = {"same": pl.col("text").map_batches(noted, return_dtype=pl.String, is_elementwise=True)}
    lines.select(per_distinct(pl.col("said"), [work], pl.Schema({"same": pl.String()})))
    assert sorted(seen) == ["a", "b"]


@settings(deadline=None)
@given(st.lists(st.none() | st.sampled_from(["", "a", "A", "aa", "\u0130"]), max_size=12))
def test_the_outputs_are_those_of_the_lines_one_by_one(texts: list[str | None]) -> None:
    plainly = pl.DataFrame({"text": texts}, schema={"text": pl.String}).select(**OUTPUTS).to_dicts()
    assert worked(texts) == plainly


def test_a_step_sees_what_the_steps_before_it_made_and_only_what_is_asked_for_is_told() -> None:
    steps = [{"upper": pl.col("text").str.to_uppercase()}, {"twice": pl.col("upper") + pl.col("upper")}]
    lines = pl.DataFrame({"said": ["a", "b"]})
    told = lines.select(out=per_distinct(pl.col("said"), steps, pl.Schema({"twice": pl.String()})))
    assert told["out"].to_list() == [{"twice": "AA"}, {"twice": "BB"}]


def test_values_of_any_type_may_be_worked_on_under_any_name() -> None:
    lines = pl.DataFrame({"number": [2, 3, 2]})
    square = per_distinct(pl.col("number"), [{"square": pl.col("n") ** 2}], pl.Schema({"square": pl.Int64()}), name="n")
    assert lines.select(square.struct.field("square"))["square"].to_list() == [4, 9, 4]


# Few lines


def upper_where(holds: list[bool | None], seen: list[str] | None = None) -> list[str | None]:
    def work(few: pl.LazyFrame) -> pl.LazyFrame:
        if seen is not None:
            seen.extend(few.collect()["text"])
        return few.with_columns(upper=pl.col("text").str.to_uppercase())

    texts = [chr(ord("a") + place) for place in range(len(holds))]
    lines = pl.DataFrame({"said": texts, "holds": holds}, schema={"said": pl.String, "holds": pl.Boolean})
    told = only_where(pl.col("holds"), {"text": pl.col("said")}, work, pl.Schema({"upper": pl.String()}))
    return lines.select(out=told).unnest("out")["upper"].to_list()


def test_work_is_done_where_the_condition_holds_and_nothing_is_told_elsewhere() -> None:
    seen: list[str] = []
    assert upper_where([False, True, None, True], seen) == [None, "B", None, "D"]
    assert sorted(set(seen)) == ["b", "d"]


def test_a_condition_that_holds_for_all_or_none_or_of_no_lines() -> None:
    assert upper_where([True, True]) == ["A", "B"]
    assert upper_where([False, None]) == [None, None]
    assert upper_where([]) == []


# Put back


@given(st.lists(st.none() | st.text(max_size=3), max_size=9), st.randoms())
def test_what_was_found_in_some_rows_stands_in_them_again_whatever_its_order(texts: list[str | None], order) -> None:  # type: ignore[no-untyped-def]
    found = [(row, text) for row, text in enumerate(texts) if text is not None]
    order.shuffle(found)
    values = pl.Series([text for _, text in found], dtype=pl.String)
    rows = pl.Series([row for row, _ in found], dtype=pl.UInt32)
    assert put_back(values, rows, len(texts)).to_list() == texts
