"""Our position in an account's stream of lines, since upstream has none: what was read, and where a reading stopped.

Holds the position and its opaque token. Must not hold how a stream is walked (`resources/mono/walk.py`).
"""

from __future__ import annotations

import base64
import json
from dataclasses import asdict, dataclass, replace
from datetime import date


@dataclass(frozen=True)
class Place:
    """Where the reading of a window of days stopped, and by what to see that its pages have not shifted since."""

    start: date
    end: date
    limit: int
    page: int
    """The next page to read."""
    lines: int
    """How many distinct lines the pages before it hold."""
    total: int | None
    """How many upstream counted in all of them."""
    last: str
    """A digest of the last row of the page before."""
    newest: date | None
    """The newest day among the lines of the pages before."""


@dataclass(frozen=True)
class Cursor:
    """Every line up to the newest one of day `through` was read; after it, those of a window up to a place."""

    through: date | None = None
    place: Place | None = None

    def token(self) -> str:
        """The position as text that means nothing to others."""
        told = {"v": 1, "through": self.through, "place": self.place and asdict(self.place)}
        text = json.dumps(told, separators=(",", ":"), default=date.isoformat)
        return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")

    @classmethod
    def read(cls, token: str) -> Cursor:
        """The position that a token stands for.

        Raises:
            ValueError: it is not one of ours.
        """
        try:
            padded = token.encode("ascii") + b"=" * (-len(token) % 4)
            told = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
            if told["v"] != 1:
                raise ValueError("of another release")
            place = told.get("place")
            return cls(_day(told["through"]), None if place is None else _place(place))
        except (KeyError, TypeError, AttributeError, RecursionError) as error:
            raise ValueError("not a cursor") from error

    def advanced(self, newest: date | None) -> Cursor:
        """The position once a window is read to its end, whose newest line is of that day; it never goes back."""
        days = [day for day in (self.through, newest) if day is not None]
        return Cursor(max(days, default=None))

    def until(self, day: date) -> Cursor:
        """The position, taken back to a day where lines of days to come would carry it beyond."""
        return self if self.through is None else replace(self, through=min(self.through, day))

    def stopped(self, place: Place) -> Cursor:
        """The position within a window."""
        return replace(self, place=place)


def _day(text: str | None) -> date | None:
    return None if text is None else date.fromisoformat(text)


def _place(told: dict[str, object]) -> Place:
    newest, total = told["newest"], told["total"]
    return Place(
        start=date.fromisoformat(str(told["start"])),
        end=date.fromisoformat(str(told["end"])),
        limit=_whole(told["limit"]),
        page=_whole(told["page"]),
        lines=_whole(told["lines"]),
        total=None if total is None else _whole(total),
        last=str(told["last"]),
        newest=None if newest is None else date.fromisoformat(str(newest)),
    )


def _whole(value: object) -> int:
    if type(value) is not int or value < 0:
        raise ValueError("not a whole number")
    return value
