"""How the lines of a range of days are read page by page, so that none is lost though pages shift while they are read.

Upstream's pages are numbered, newest line first, with no cursor. Lines that arrive push others to later pages, where
they are read twice, which does no harm; lines that vanish pull others to earlier pages, where they would be missed. So
a walk counts: where upstream's total changed meanwhile, or fewer lines were seen than it counts, the window is walked
again, within a bound. A range that holds too many lines for one walk is cut into windows of fewer days, so that memory
and what a shift costs stay bounded; the oldest is read first, and a cursor is known after each.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from hashlib import blake2b

from resources.errors import BadResponse, UpstreamError
from resources.mono.bodies import Page
from resources.mono.cursor import Cursor, Place
from rules.transactions import canonical_json, line_id

Ask = Callable[[date, date, int], Awaitable[Page]]
"""Gives the page of that number of the lines between two days, both included."""

LINES_A_WINDOW = 20_000
ROWS_A_PORTION = 2_000
WALKS = 4
IDLE_PAGES = 5
"""So many pages in a row without a new line, and more of them promised, are a fault of upstream's."""
PAGES_A_WINDOW = 20_000


@dataclass(frozen=True)
class Portion:
    """Rows as they came, in the order of reading, and the position once they are kept."""

    rows: list[object]
    cursor: Cursor


@dataclass
class _Tally:
    """What one walk has seen of a window."""

    before: int = 0
    """Lines on pages that an earlier reading saw."""
    lines: set[str] = field(default_factory=set)
    repeats: int = 0
    first_total: int = 0
    total: int | None = None
    grew: bool = False
    shrank: bool = False
    newest: date | None = None

    @property
    def count(self) -> int:
        return self.before + len(self.lines)

    @property
    def steady(self) -> bool:
        """Whether nothing moved under the walk, and it saw all there is."""
        if self.grew or self.shrank:
            return False
        return self.repeats == 0 if self.total is None else self.count >= self.total

    @property
    def harmless(self) -> bool:
        """Whether lines only arrived, which push none out of sight, and all that was there at first was seen."""
        return self.grew and not self.shrank and self.count >= self.first_total

    def follows(self, before: _Tally) -> bool:
        """Whether nothing arrived or vanished in this walk, nor since the one before."""
        return not (self.grew or self.shrank or before.grew or before.shrank) and self.total == before.total

    def complete(self, gathered: set[str]) -> bool:
        """Whether walks under which nothing moved saw, together, all that upstream counts."""
        return not (self.grew or self.shrank) and self.total is not None and len(gathered) >= self.total

    def same(self, before: _Tally) -> bool:
        """Whether two walks saw just the same."""
        return self.follows(before) and self.lines == before.lines

    def boasts(self, before: _Tally) -> bool:
        """Whether two walks saw just the same and no line twice: then upstream counts more lines than it has."""
        return self.same(before) and self.repeats == before.repeats == 0

    def add(self, page: Page) -> int:
        """Count a page; how many of its lines are new."""
        names = _names(page.rows)
        new = len(names - self.lines)
        self.repeats += len(names) - new
        self.lines |= names
        if page.total is not None:
            if self.total is None:
                self.first_total = page.total
            else:
                self.grew |= page.total > self.total
                self.shrank |= page.total < self.total
            self.total = page.total
        days = [day for day in (self.newest, _newest(page.rows)) if day is not None]
        self.newest = max(days, default=None)
        return new

    def ended(self, page: Page, new: int) -> bool:
        """Whether that was the last page: no next one, or all that upstream counts; never for its being short."""
        if page.more is False or (page.total is not None and self.count == page.total):
            return True
        return page.more is None and new == 0


async def walk(
    ask: Ask, start: date, end: date, cursor: Cursor, *, limit: int, portion: int | None = None
) -> AsyncIterator[Portion]:
    """Read every line between two days, both included, going on where the cursor's reading stopped.

    The last portion's cursor is the one to keep; each other's stands for what was read until then. A portion is cut
    once it holds so many rows.

    Raises:
        BadResponse: upstream's pages have no end, or kept shifting.
    """
    rows = min(portion or ROWS_A_PORTION, ROWS_A_PORTION)
    place = cursor.place
    if place is not None and place.limit == limit and _still_wanted(place, start, end, cursor):
        async for read in _Window(ask, place.start, place.end, limit, rows).resumed(cursor, place):
            cursor = read.cursor
            yield read
        start = place.end + timedelta(days=1)
    windows = [(start, end)] if start <= end else []
    while windows:
        first, last = windows.pop()
        page = await ask(first, last, 1)
        if (page.total or 0) > LINES_A_WINDOW and first < last:
            windows += reversed(_cut(first, last, -(-(page.total or 0) // LINES_A_WINDOW)))
            continue
        async for read in _Window(ask, first, last, limit, rows).walked(Cursor(cursor.through), page):
            cursor = read.cursor
            yield read


@dataclass
class _Window:
    """The days from start to end, whose pages are walked together."""

    ask: Ask
    start: date
    end: date
    limit: int
    portion: int

    async def resumed(self, cursor: Cursor, place: Place) -> AsyncIterator[Portion]:
        """Go on after the pages that were read; from the first one where they have shifted since."""
        try:
            last = await self.ask(self.start, self.end, max(place.page - 1, 1))
        except UpstreamError:
            yield Portion([], Cursor(cursor.through))
            raise
        if last.total != place.total or not last.rows or _digest(last.rows[-1]) != place.last:
            async for portion in self.walked(cursor, await self.ask(self.start, self.end, 1)):
                yield portion
            return
        tally = _Tally(before=place.lines, total=place.total, newest=place.newest)
        if tally.ended(last, 1):
            yield Portion([], cursor.advanced(tally.newest))
            return
        async for portion in self._pages(cursor, tally, place.page, None):
            yield portion
        if not tally.steady:
            async for portion in self.walked(cursor, await self.ask(self.start, self.end, 1)):
                yield portion

    async def walked(self, cursor: Cursor, first: Page) -> AsyncIterator[Portion]:
        """Walk all pages until a walk was steady, or several have seen all there is."""
        before, gathered = _Tally(), set[str]()
        for again in range(WALKS):
            tally = _Tally()
            page = first if again == 0 else await self.ask(self.start, self.end, 1)
            async for portion in self._pages(cursor, tally, 1, page):
                yield portion
            if tally.steady:
                return
            gathered = gathered | tally.lines if tally.follows(before) else tally.lines
            accepted = tally.harmless or tally.same(before) if again == WALKS - 1 else tally.boasts(before)
            if tally.complete(gathered) or accepted:
                yield Portion([], cursor.advanced(tally.newest))
                return
            before = tally
        raise BadResponse(
            f"Mono's pages kept shifting while they were read, {WALKS} times over. What was read is kept: sync again."
        )

    async def _pages(self, cursor: Cursor, tally: _Tally, number: int, page: Page | None) -> AsyncIterator[Portion]:
        """Walk the pages from a number on; where the walk was steady, the last cursor takes the window for read."""
        rows: list[object] = []
        unread = Cursor(cursor.through)
        idle = 0
        while True:
            try:
                page = page or await self.ask(self.start, self.end, number)
            except UpstreamError:
                yield Portion(rows, unread)  # the next reading begins the window anew, in case this page is why
                raise
            rows += page.rows
            new = tally.add(page)
            idle = 0 if new else idle + 1
            if tally.ended(page, new):
                yield Portion(rows, cursor.advanced(tally.newest) if tally.steady else unread)
                return
            if idle == IDLE_PAGES or number == PAGES_A_WINDOW:
                yield Portion(rows, unread)
                raise BadResponse(f"Mono promises one page after another without a new line (page {number}).")
            if len(rows) >= self.portion and page.rows:
                yield Portion(rows, cursor.stopped(self._place(tally, number + 1, page.rows[-1])))
                rows = []
            number, page = number + 1, None

    def _place(self, tally: _Tally, page: int, last: object) -> Place:
        return Place(self.start, self.end, self.limit, page, tally.count, tally.total, _digest(last), tally.newest)


def _still_wanted(place: Place, start: date, end: date, cursor: Cursor) -> bool:
    """Whether a reading that stopped there leaves no day of the range out: those before its window were read."""
    return start <= place.end <= end and (place.start <= start or cursor.through is not None)


def _cut(start: date, end: date, parts: int) -> list[tuple[date, date]]:
    """The days from start to end in at most so many windows, at least two, the oldest first."""
    days = (end - start).days + 1
    size = -(-days // min(max(parts, 2), days))
    starts = [start + timedelta(days=offset) for offset in range(0, days, size)]
    return [(first, min(first + timedelta(days=size - 1), end)) for first in starts]


def _names(rows: list[object]) -> set[str]:
    """What tells the rows of a page from one another: their ids; where there is none, content and occurrence."""
    ids = [line_id(row) for row in rows]
    names = {name for name in ids if name is not None}
    if None in ids:
        nameless = Counter(canonical_json(row) for row, name in zip(rows, ids, strict=True) if name is None)
        names |= {f"{text} {time}" for text, times in nameless.items() for time in range(times)}
    return names


def _newest(rows: list[object]) -> date | None:
    """The newest day among rows, as they write it: a day of UTC is never later than the one in Lagos."""
    dates = (row.get("date") for row in rows if isinstance(row, Mapping))
    for text in sorted({text[:10] for text in dates if isinstance(text, str)}, reverse=True):
        try:
            return date.fromisoformat(text)
        except ValueError:
            continue
    return None


def _digest(row: object) -> str:
    return blake2b(canonical_json(row).encode(), digest_size=8).hexdigest()
