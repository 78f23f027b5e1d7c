"""How good the shipped policy is on the labelled shapes of real narrations, with names and references drawn anew.

Precision and recall of `eligible` against `business`, weighted equally by shape; no shape may fail outright.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import date

import pytest

from sandbox.names import Draw
from sandbox.narrations import Shape, Subject, load_shapes
from tests.rules.scenarios import HOLDER, Line, decided, line

EACH = 40
"""Lines a shape."""
DAY = date(2026, 3, 2)
SUBJECT = Subject(HOLDER, "INV-{:06d}")


@dataclass(frozen=True)
class Measured:
    """What came of the shapes."""

    precision: float
    recall: float
    wrong: dict[str, list[str]]
    """By shape the narrations that were decided wrongly."""

    @property
    def outright(self) -> list[str]:
        """The shapes of which no line was decided rightly."""
        return [shape for shape, narrations in self.wrong.items() if len(narrations) == EACH]


def filled(shape: Shape, draw: Draw) -> Line:
    """A line of a shape, its names and numbers drawn anew: NGN 1,000 to a few million."""
    amount = 100_000 + draw.skewed(5_000_000, 500_000_000)
    return line(shape.fill(draw, SUBJECT, DAY, {}), direction=shape.direction, amount=amount)


def measured(seed: int) -> Measured:
    """Decide `EACH` lines of every shape."""
    draw = Draw(random.Random(seed))
    lines = [(shape, filled(shape, draw)) for shape in load_shapes() for _ in range(EACH)]
    eligible: dict[Shape, int] = {}
    wrong: dict[str, list[str]] = {}
    for (shape, one), said in zip(lines, decided([one for _, one in lines]), strict=True):
        eligible[shape] = eligible.get(shape, 0) + (said["outcome"] == "eligible")
        if (said["outcome"] == "eligible") is not (shape.label == "business"):
            wrong.setdefault(shape.text, []).append(f"{one['narration']} -> {said['detail']}")
    share = {shape: count / EACH for shape, count in eligible.items()}
    right = sum(part for shape, part in share.items() if shape.label == "business")
    business = sum(shape.label == "business" for shape in share)
    return Measured(right / sum(share.values()), right / business, wrong)


@pytest.mark.parametrize("seed", [1, 20, 300, 4_000])
def test_the_shipped_policy_is_precise_and_misses_little(seed: int) -> None:
    found = measured(seed)
    assert found.outright == []
    assert found.precision >= 0.98, found.wrong
    assert found.recall >= 0.95, found.wrong
