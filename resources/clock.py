"""The time, passed in: nothing in the product asks the system for it but `SystemClock`. It holds no calendar rules."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """What tells the time."""

    def now(self) -> datetime:
        """Return this moment, in UTC with zone."""


class SystemClock:
    """The clock of the machine."""

    def now(self) -> datetime:
        """Return this moment, in UTC with zone."""
        return datetime.now(UTC)


@dataclass(frozen=True)
class FixedClock:
    """A clock that stands still at a moment (with zone); a moment without one is a ValueError."""

    moment: datetime

    def __post_init__(self) -> None:
        if self.moment.tzinfo is None:
            raise ValueError("a moment needs its zone")

    def now(self) -> datetime:
        """Return that moment, in UTC with zone."""
        return self.moment.astimezone(UTC)
