"""Lines worked on in pieces: what comes of it is what comes of all lines at once, in their order."""

from __future__ import annotations

import threading

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules import side_by_side
from rules.side_by_side import in_pieces

LINES = pl.DataFrame({"number": range(23)})


def squared(lines: pl.LazyFrame) -> pl.LazyFrame:
    return lines.select(square=pl.col("number") ** 2)


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pieces of some lines, as many at a time as on two cores."""
    monkeypatch.setattr(side_by_side, "_WORTH", 1)
    monkeypatch.setattr(side_by_side, "PIECE", 4)
    monkeypatch.setattr(pl, "thread_pool_size", lambda: 2)


@pytest.mark.usefixtures("small")
def test_pieces_are_put_together_in_the_order_of_the_lines() -> None:
    for height in range(len(LINES) + 1):
        lines = LINES.head(height)
        assert in_pieces(lines, squared).equals(squared(lines.lazy()).collect())


@pytest.mark.usefixtures("small")
def test_pieces_are_alike_in_size_none_is_too_large_and_each_thread_has_as_many() -> None:
    sizes: list[int] = []

    def noted(lines: pl.LazyFrame) -> pl.LazyFrame:
        sizes.append(len(lines.collect()))
        return lines

    in_pieces(LINES, noted)
    assert sorted(sizes) == [3, 4, 4, 4, 4, 4]


@pytest.mark.skipif(pl.thread_pool_size() < 2, reason="one core works on one piece at a time")
@pytest.mark.usefixtures("small")
def test_two_pieces_are_worked_on_at_a_time() -> None:
    both = threading.Barrier(2, timeout=30)

    def met(numbers: pl.Series) -> pl.Series:
        both.wait()
        return numbers

    def meeting(lines: pl.LazyFrame) -> pl.LazyFrame:
        return lines.with_columns_seq(pl.col("number").map_batches(met, return_dtype=pl.Int64))

    assert in_pieces(LINES, meeting).equals(LINES)


def test_a_piece_is_worked_through_by_one_thread_of_polars() -> None:
    asked: list[int] = []

    def noted(numbers: pl.Series) -> pl.Series:
        asked.append(threading.get_ident())
        return pl.select(numbers * 2).to_series()

    def twice(lines: pl.LazyFrame) -> pl.LazyFrame:
        number = pl.col("number").map_batches(noted, return_dtype=pl.Int64, is_elementwise=True)
        return lines.with_columns_seq(number).with_columns_seq(number, half=pl.col("number") // 2)

    in_pieces(LINES, twice)
    assert len(asked) == 2
    assert len(set(asked) - {threading.get_ident()}) == 1


def test_lines_that_come_in_many_chunks_are_taken_whole() -> None:
    sizes: list[int] = []

    def noted(numbers: pl.Series) -> pl.Series:
        sizes.append(len(numbers))
        return numbers

    def asking(lines: pl.LazyFrame) -> pl.LazyFrame:
        number = pl.col("number").map_batches(noted, return_dtype=pl.Int64, is_elementwise=True)
        return lines.with_columns_seq(number, half=pl.col("number") // 2)

    chunks = pl.concat([LINES] * 50, rechunk=False)
    assert chunks.n_chunks() == 50
    assert in_pieces(chunks, asking)["number"].equals(chunks["number"])
    assert sizes == [len(chunks)]


@pytest.mark.usefixtures("small")
def test_what_one_piece_fails_of_is_told() -> None:
    def failing(lines: pl.LazyFrame) -> pl.LazyFrame:
        return lines.select(pl.col("number").cast(pl.String) + pl.col("no such"))

    with pytest.raises(pl.exceptions.ColumnNotFoundError):
        in_pieces(LINES, failing)


@given(st.integers(0, 60_000))
@settings(max_examples=10, deadline=None)
def test_few_lines_or_many_come_to_the_same(height: int) -> None:
    lines = pl.select(number=pl.int_range(height))
    assert in_pieces(lines, squared).equals(squared(lines.lazy()).collect())
