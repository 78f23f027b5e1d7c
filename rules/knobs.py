"""Knobs: the numbers of the policy file that decide eligibility, and the values of each that a person wants to try."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from math import prod

from rules.errors import RulesError
from rules.money import CURRENCY, major_units, minor_units
from rules.policy import Policy
from rules.signals import Signal

MOST_POINTS = 50_000
"""A finer grid is refused: nobody reads it."""

POINTS = {
    "points.business_term": Signal.BUSINESS_TERM,
    "points.reference": Signal.REFERENCE,
    "points.company": Signal.COMPANY_TERM,
    "points.at_or_above_floor": Signal.AT_OR_ABOVE_FLOOR,
}
"""The knobs that say what a signal is worth."""
MINIMUM, PENDING = "points.minimum", "pending.days"


class SweepError(RulesError):
    """A knob or a condition cannot be used; the message says what to write."""


@dataclass(frozen=True)
class Knob:
    """A number of the policy file and the values to try, in ascending order."""

    name: str
    values: tuple[int, ...]
    """Points, days, or a floor in minor units."""

    @property
    def is_floor(self) -> bool:
        """Whether its values are amounts."""
        return self.name.startswith("floor.")

    def written(self, value: int) -> int | str:
        """A value as the policy file has it: floors in major units."""
        return major_units(value).removesuffix(".00") if self.is_floor else value


def parse_knob(text: str) -> Knob:
    """Read a knob as a person writes it: `NAME=FROM:TO:STEP`, both ends included, floors in major units.

    Raises:
        SweepError: the name is none of those that move eligibility, or the values are not numbers in order.

    """
    name, _, span = text.partition("=")
    name = name.strip()
    _check_name(name)
    exact = 2 if name.startswith("floor.") else 0
    parts = [_number(part, text, exact) for part in span.split(":")]
    if len(parts) in (2, 3) and parts[0] > parts[1]:
        low, high = span.split(":")[:2]
        raise SweepError(f"{text!r} runs from {low.strip()} down to {high.strip()}: write the lower end first.")
    if len(parts) not in (2, 3) or (len(parts) == 3 and parts[2] <= 0):
        raise SweepError(f"write a knob as NAME=FROM:TO:STEP, such as points.minimum=20:100:10, not {text!r}.")
    step = parts[2] if len(parts) == 3 else 10**exact
    if (count := (parts[1] - parts[0]) // step + 1) > MOST_POINTS:
        raise SweepError(f"{text!r} asks for {count:,} values, and {MOST_POINTS:,} are the most: widen its step.")
    return Knob(name, tuple(range(parts[0], parts[1] + 1, step)))


def _check_name(name: str) -> None:
    if name in (*POINTS, MINIMUM, PENDING) or re.fullmatch(rf"floor\.{CURRENCY}", name):
        return
    if name.startswith("settlement."):
        raise SweepError(
            f"{name!r} decides what settles, not what is eligible: replay a policy file with each value instead."
        )
    known = ", ".join([MINIMUM, *POINTS, "floor.NGN (or another currency)", PENDING])
    raise SweepError(f"{name!r} is no number of the policy that decides eligibility: there are {known}.")


def _number(text: str, whole: str, exact: int) -> int:
    try:
        if exact:
            return minor_units(text)
        number = Decimal(text.strip())
        if number != int(number) or number < 0:
            raise ValueError
        return int(number)
    except (InvalidOperation, ValueError, OverflowError):
        what = "amounts in major units, such as 1000 or 999.50" if exact else "whole numbers from 0 on"
        raise SweepError(f"{whole!r}: its values are {what}, as in NAME=FROM:TO:STEP.") from None


def check_knobs(knobs: Sequence[Knob], policy: Policy) -> None:
    """See that the knobs make a grid, and that the policy can take their values.

    Raises:
        SweepError, PolicyError: the sentence says what to write.

    """
    if not knobs:
        raise SweepError("name at least one knob, such as --knob points.minimum=20:100:10.")
    if len({knob.name for knob in knobs}) < len(knobs):
        raise SweepError("name each knob once.")
    points = prod(len(knob.values) for knob in knobs)
    if points > MOST_POINTS:
        raise SweepError(f"the grid has {points:,} points, and {MOST_POINTS:,} are the most: widen the steps.")
    for end in (0, -1):
        policy.changed({knob.name: knob.written(knob.values[end]) for knob in knobs})
