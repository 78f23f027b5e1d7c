"""Pages that shift while they are read: nothing that was there all along is lost, and no reading goes on for ever."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from resources.errors import BadResponse, Unreachable
from resources.mono import walk as walking
from resources.mono.bodies import Page
from resources.mono.cursor import Cursor, Place
from resources.mono.walk import Portion, walk
from rules.transactions import line_id

START, END = date(2024, 1, 1), date(2024, 1, 31)
Change = Callable[[list[object]], None]


class Stream:
    """Lines of one account, the newest first, that change before the requests of given numbers."""

    def __init__(self, rows: list[object], changes: dict[int, Change] | None = None, **shape: bool) -> None:
        self.rows = rows
        self.changes = changes or {}
        self.asked: list[tuple[date, date, int]] = []
        self.totals, self.nexts = shape.get("totals", True), shape.get("nexts", True)

    async def ask(self, start: date, end: date, number: int) -> Page:
        self.asked.append((start, end, number))
        if change := self.changes.get(len(self.asked)):
            change(self.rows)
        return self.page(start, end, number)

    def page(self, start: date, end: date, number: int) -> Page:
        held = [
            row for row in self.rows if not isinstance(row, dict) or start.isoformat() <= row["date"] <= end.isoformat()
        ]
        return Page(
            held[(number - 1) * 3 : number * 3],
            len(held) if self.totals else None,
            number * 3 < len(held) if self.nexts else None,
        )


def line(name: object, day: date = START) -> dict[str, object]:
    return {"id": str(name), "date": day.isoformat()}


def lines(count: int) -> list[object]:
    return [line(number) for number in range(count)]


def read(stream: Stream, cursor: Cursor | None = None, into: list[Portion] | None = None) -> list[Portion]:
    portions = [] if into is None else into

    async def run() -> None:
        async for portion in walk(stream.ask, START, END, cursor or Cursor(), limit=3):
            portions.append(portion)

    asyncio.run(run())
    return portions


def names(portions: list[Portion]) -> list[str | None]:
    return [line_id(row) for portion in portions for row in portion.rows]


@pytest.mark.parametrize(("totals", "nexts"), [(True, True), (True, False), (False, True), (False, False)])
@pytest.mark.parametrize("count", [0, 1, 3, 7, 9])
def test_all_pages_are_read_once(count: int, totals: bool, nexts: bool) -> None:
    stream = Stream(lines(count), totals=totals, nexts=nexts)
    assert names(read(stream)) == [str(number) for number in range(count)]
    blind = 1 if count and not (totals or nexts) else 0  # only a page without a new line says then that it is the end
    assert len(stream.asked) == max(1, -(-count // 3)) + blind


def test_lines_that_vanish_are_no_reason_to_miss_others() -> None:
    stream = Stream(lines(12), {2: lambda rows: rows.pop(0)})
    assert {str(number) for number in range(1, 12)} <= set(names(read(stream)))


def test_lines_that_arrive_push_others_down_and_are_read() -> None:
    stream = Stream(
        lines(12), {2: lambda rows: rows.insert(0, line("new")), 3: lambda rows: rows.insert(0, line("newer"))}
    )
    assert {str(number) for number in range(12)} | {"new", "newer"} <= set(names(read(stream)))


def test_a_page_given_twice_hides_no_other() -> None:
    class Repeating(Stream):
        def page(self, start: date, end: date, number: int) -> Page:
            page = super().page(start, end, number)
            stale = len(self.asked) == 3
            return Page(super().page(start, end, number - 1).rows, page.total, page.more) if stale else page

    for shape in ({}, {"totals": False}):
        assert set(names(read(Repeating(lines(12), **shape)))) == {str(number) for number in range(12)}


def test_pages_that_are_given_twice_now_and_then_are_made_up_for_by_other_walks() -> None:
    class Stale(Stream):
        def page(self, start: date, end: date, number: int) -> Page:
            page = super().page(start, end, number)
            stale = number > 1 and len(self.asked) in (3, 5, 9, 11, 14)
            return Page(super().page(start, end, number - 1).rows, page.total, page.more) if stale else page

    portions = read(Stale(lines(18)))
    assert set(names(portions)) == {str(number) for number in range(18)}
    assert portions[-1].cursor.through == START


def test_a_line_that_is_listed_twice_for_good_is_no_failure() -> None:
    portions = read(Stream([*lines(6), line(2)]))
    assert set(names(portions)) == {str(number) for number in range(6)}
    assert portions[-1].cursor.through == START


def test_an_empty_page_in_the_middle_is_no_end() -> None:
    class Hiccup(Stream):
        def page(self, start: date, end: date, number: int) -> Page:
            return Page([], 0, False) if len(self.asked) == 2 else super().page(start, end, number)

    assert set(names(read(Hiccup(lines(12))))) == {str(number) for number in range(12)}


def test_a_total_that_promises_too_much_is_believed_once() -> None:
    class Boasting(Stream):
        def page(self, start: date, end: date, number: int) -> Page:
            page = super().page(start, end, number)
            return Page(page.rows, 1000, page.more)

    stream = Boasting(lines(5))
    portions = read(stream)
    assert set(names(portions)) == {"0", "1", "2", "3", "4"}
    assert portions[-1].cursor.through == START
    assert len(stream.asked) == 4


def test_a_total_that_says_too_little_hides_nothing() -> None:
    class Modest(Stream):
        def page(self, start: date, end: date, number: int) -> Page:
            page = super().page(start, end, number)
            return Page(page.rows, 2, page.more)

    assert set(names(read(Modest(lines(8))))) == {str(number) for number in range(8)}


def test_the_same_page_for_ever_is_named() -> None:
    class Stuck(Stream):
        def page(self, start: date, end: date, number: int) -> Page:
            return Page(super().page(start, end, 1).rows, 1000, True)

    stream = Stuck(lines(9))
    with pytest.raises(BadResponse, match="without a new line"):
        read(stream)
    assert len(stream.asked) < 10


def test_pages_that_never_stand_still_are_named_and_no_day_counts_as_read() -> None:
    class Restless(Stream):
        async def ask(self, start: date, end: date, number: int) -> Page:
            if number == 2 and self.rows:
                self.rows.pop(0)
            return await super().ask(start, end, number)

    portions: list[Portion] = []
    with pytest.raises(BadResponse, match="kept shifting"):
        read(Restless(lines(30)), into=portions)
    assert portions
    assert all(portion.cursor.through is None for portion in portions)


def test_an_account_that_only_grows_is_read() -> None:
    class Growing(Stream):
        async def ask(self, start: date, end: date, number: int) -> Page:
            if number == 2:
                self.rows.insert(0, line(f"new {len(self.asked)}"))
            return await super().ask(start, end, number)

    portions = read(Growing(lines(9)))
    assert {str(number) for number in range(9)} <= set(names(portions))
    assert portions[-1].cursor.through == START


def test_rows_without_an_id_count_each() -> None:
    rows: list[object] = ["junk", "junk", {"id": None, "date": "2024-01-02"}, {"id": None, "date": "2024-01-01"}]
    stream = Stream(rows)
    assert len(names(read(stream))) == 4
    assert len(stream.asked) == 2


def test_many_lines_are_read_in_windows_of_fewer_days_the_oldest_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(walking, "LINES_A_WINDOW", 10)
    rows: list[object] = [line(day, START + timedelta(days=day)) for day in reversed(range(31))]
    stream = Stream(rows)
    portions = read(stream)
    assert sorted(map(int, filter(None, names(portions)))) == list(range(31))
    through = [portion.cursor.through for portion in portions]
    assert through == sorted(through, key=lambda day: day or date.min)
    assert through[-1] == START + timedelta(days=30)
    assert all((last - first).days < 10 for first, last, number in stream.asked if number > 1)


def test_a_reading_goes_on_where_another_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(walking, "ROWS_A_PORTION", 6)
    whole = read(Stream(lines(20)))
    assert len(whole) > 2
    for stop, portion in enumerate(whole[:-1]):
        assert Cursor.read(portion.cursor.token()) == portion.cursor
        stream = Stream(lines(20))
        rest = read(stream, portion.cursor)
        assert {*names(whole[: stop + 1]), *names(rest)} == {str(number) for number in range(20)}
        assert rest[-1].cursor == whole[-1].cursor
        assert stream.asked[0][2] == 2 * (stop + 1)


@pytest.mark.parametrize("change", [lambda rows: rows.pop(0), lambda rows: rows.insert(0, line("new"))])
def test_a_place_whose_pages_have_shifted_is_not_trusted(monkeypatch: pytest.MonkeyPatch, change: Change) -> None:
    monkeypatch.setattr(walking, "ROWS_A_PORTION", 6)
    stopped = read(Stream(lines(20)))[0].cursor
    rows = lines(20)
    change(rows)
    expected = {line_id(row) for row in rows}
    assert expected <= set(names(read(Stream(rows), stopped)))


def test_a_failure_keeps_what_was_read_and_takes_no_day_for_read() -> None:
    class Failing(Stream):
        def page(self, start: date, end: date, number: int) -> Page:
            if number == 3:
                raise Unreachable("no")
            return super().page(start, end, number)

    portions: list[Portion] = []
    with pytest.raises(Unreachable):
        read(Failing(lines(9)), into=portions)
    assert names(portions) == ["0", "1", "2", "3", "4", "5"]
    assert portions[-1].cursor == Cursor()


def test_a_cursor_never_goes_back() -> None:
    assert Cursor(date(2024, 2, 1)).advanced(date(2024, 1, 1)) == Cursor(date(2024, 2, 1))
    assert Cursor(date(2024, 2, 1)).advanced(None) == Cursor(date(2024, 2, 1))
    assert Cursor(date(2024, 2, 1)).until(date(2024, 1, 15)) == Cursor(date(2024, 1, 15))


@pytest.mark.parametrize(
    "token", ["", "x", "\u20a6", "e30", "bnVsbA", "WzFd", "eyJ2IjoyfQ", "eyJ2IjoxLCJ0aHJvdWdoIjoieCJ9", "!!!!"]
)
def test_a_token_that_is_none_of_ours_is_told_apart(token: str) -> None:
    with pytest.raises(ValueError):
        Cursor.read(token)


@given(st.text())
def test_no_token_crashes(token: str) -> None:
    with suppress(ValueError):
        Cursor.read(token)


@given(
    st.none() | st.dates(),
    st.none()
    | st.builds(
        Place,
        st.dates(),
        st.dates(),
        st.integers(0, 500),
        st.integers(0, 500),
        st.integers(0, 500),
        st.none() | st.integers(0, 500),
        st.text(),
        st.none() | st.dates(),
    ),
)
def test_a_token_says_what_it_was_made_of(through: date | None, place: Place | None) -> None:
    assert Cursor.read(Cursor(through, place).token()) == Cursor(through, place)


CHANGES = st.dictionaries(
    st.integers(2, 9), st.lists(st.tuples(st.booleans(), st.integers(0, 30)), min_size=1, max_size=3), max_size=2
)


@settings(max_examples=300, deadline=None)
@given(st.integers(0, 20), CHANGES)
def test_what_stays_is_read_whatever_arrives_and_vanishes(
    count: int, changes: dict[int, list[tuple[bool, int]]]
) -> None:
    def change(steps: list[tuple[bool, int]]) -> Change:
        def apply(rows: list[object]) -> None:
            for number, (arrives, place) in enumerate(steps):
                if arrives:
                    rows.insert(0, line(f"new {id(steps)} {number}"))
                elif rows:
                    rows.pop(place % len(rows))

        return apply

    before = {line_id(row) for row in lines(count)}
    stream = Stream(lines(count), {number: change(steps) for number, steps in changes.items()})
    got = set(names(read(stream)))
    assert before & {line_id(row) for row in stream.rows} <= got
