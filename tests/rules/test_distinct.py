"""Work done once for each distinct text, and put back on every line."""

from __future__ import annotations

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.distinct import per_distinct

OUTPUTS = {"upper": pl.col("text").str.to_uppercase(), "length": pl.col("text").str.len_chars()}
TYPES = pl.Schema({"upper": pl.String(), "length": pl.UInt32()})


def worked(texts: list[str | None]) -> list[dict[str, object]]:
    lines = pl.DataFrame({"said": texts}, schema={"said": pl.String})
    return lines.select(out=per_distinct(pl.col("said"), OUTPUTS, TYPES))["out"].to_list()


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
    lines.select(per_distinct(pl.col("said"), work, pl.Schema({"same": pl.String()})))
    assert sorted(seen) == ["a", "b"]


@settings(deadline=None)
@given(st.lists(st.none() | st.sampled_from(["", "a", "A", "aa", "\u0130"]), max_size=12))
def test_the_outputs_are_those_of_the_lines_one_by_one(texts: list[str | None]) -> None:
    plainly = pl.DataFrame({"text": texts}, schema={"text": pl.String}).select(**OUTPUTS).to_dicts()
    assert worked(texts) == plainly
