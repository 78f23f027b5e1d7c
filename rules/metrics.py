"""How well decisions agree with what people say: precision, recall, F1, intervals, agreement, margins of error.

Plain arithmetic on counts; it knows no line and no policy. `eligible` is what the rules say yes to, `business` is what
people say yes to. Where labels are too few for a figure there is none, and `cannot_know` says so in words.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil, sqrt

MINIMUM_LABELS = 20
MINIMUM_A_CLASS = 5
"""So many labels in all, and of each of business and personal, before a share is told as one."""

_Z = 1.959963984540054  # 95 %, both sides

Interval = tuple[float, float]


@dataclass(frozen=True)
class Tally:
    """Labelled lines, or their money, by what people and what the rules say of them."""

    right: int = 0
    """Business, and eligible."""
    wrong: int = 0
    """Personal, and eligible: wrongly drafted."""
    missed: int = 0
    """Business, and not eligible."""
    left: int = 0
    """Personal, and not eligible."""

    @property
    def business(self) -> int:
        """All that people call business."""
        return self.right + self.missed

    @property
    def personal(self) -> int:
        """All that people call personal."""
        return self.wrong + self.left

    @property
    def labels(self) -> int:
        """All that is labelled."""
        return self.business + self.personal

    @property
    def enough(self) -> bool:
        """Whether the labels are enough to tell shares."""
        return not cannot_know(self)


def cannot_know(tally: Tally) -> list[str]:
    """What so few labels do not tell, one sentence each; none where they are enough."""
    if tally.labels == 0:
        return [
            "No line is labelled here, so precision and recall are unknown: kobosift label sample draws lines to label."
        ]
    told = []
    if tally.labels < MINIMUM_LABELS:
        told.append(
            f"{_labels(tally.labels)} here, and {MINIMUM_LABELS} are needed before precision and recall say anything."
        )
    for name, count in (("business", tally.business), ("personal", tally.personal)):
        if count < MINIMUM_A_CLASS:
            what = "recall" if name == "business" else "how much is drafted wrongly"
            told.append(
                f"{_labels(count)} {name} here, and {MINIMUM_A_CLASS} are needed: with fewer, {what} is a guess."
            )
    return told


def unseen(tally: Tally) -> list[str]:
    """What labels of eligible lines alone do not tell, however many they are."""
    rejected = tally.missed + tally.left
    if not tally.enough or rejected >= MINIMUM_A_CLASS:
        return []
    return [
        f"{_labels(rejected)} among those that are not eligible now, and {MINIMUM_A_CLASS} are needed: "
        "what nobody has looked at cannot be missed, so recall is a guess. kobosift label sample draws some of them."
    ]


def _labels(count: int) -> str:
    if count == 0:
        return "No line is labelled"
    return f"Only {count} line{' is' if count == 1 else 's are'} labelled"


def share(part: int, whole: int) -> float | None:
    """A part of a whole; None of nothing."""
    return part / whole if whole else None


def f1(tally: Tally) -> float | None:
    """The harmonic mean of precision and recall."""
    return share(2 * tally.right, 2 * tally.right + tally.wrong + tally.missed)


def wilson(part: int, whole: int) -> Interval | None:
    """Wilson's 95 % interval of a share that was counted; None of nothing.

    Source: E. B. Wilson, Probable inference, the law of succession, and statistical inference (1927).
    """
    if not whole:
        return None
    found, square = part / whole, _Z * _Z
    centre = found + square / (2 * whole)
    reach = _Z * sqrt(found * (1 - found) / whole + square / (4 * whole * whole))
    below = 1 + square / whole
    return max(0.0, (centre - reach) / below), min(1.0, (centre + reach) / below)


def f1_interval(tally: Tally) -> Interval | None:
    """The 95 % interval of F1: it grows with right / (right + wrong + missed), a share, whose interval is Wilson's."""
    of_share = wilson(tally.right, tally.right + tally.wrong + tally.missed)
    return None if of_share is None else (2 * of_share[0] / (1 + of_share[0]), 2 * of_share[1] / (1 + of_share[1]))


def figures(lines: Tally, money: Tally) -> dict[str, object]:
    """Precision, recall and F1 by lines with their intervals, and by money; they are None where labels are too few.

    Args:
        lines: labelled lines.
        money: the same lines' amounts in minor units of one currency.

    """
    enough = lines.enough
    return {
        "labels": lines.labels,
        "business": lines.business,
        "personal": lines.personal,
        "right": lines.right,
        "wrong": lines.wrong,
        "missed": lines.missed,
        **_shares(lines, enough=enough),
        "precision_interval": wilson(lines.right, lines.right + lines.wrong) if enough else None,
        "recall_interval": wilson(lines.right, lines.business) if enough else None,
        "f1_interval": f1_interval(lines) if enough else None,
        "naira": {
            **_shares(money, enough=enough),
            "wrongly_drafted": money.wrong if enough else None,
            "missed": money.missed if enough else None,
        },
    }


def _shares(tally: Tally, *, enough: bool) -> dict[str, float | None]:
    return {
        "precision": share(tally.right, tally.right + tally.wrong) if enough else None,
        "recall": share(tally.right, tally.business) if enough else None,
        "f1": f1(tally) if enough else None,
    }


def kappa(pairs: Mapping[tuple[str, str], int]) -> float | None:
    """Cohen's kappa of two people's labels: agreement beyond chance, 1 at best; None where chance explains all.

    Args:
        pairs: how many lines have the first label of one person and the second of the other.

    """
    total = sum(pairs.values())
    if not total:
        return None
    agreed = sum(count for (one, other), count in pairs.items() if one == other) / total
    names = {name for pair in pairs for name in pair}
    by_chance = sum(
        sum(count for (one, _), count in pairs.items() if one == name)
        * sum(count for (_, other), count in pairs.items() if other == name)
        for name in names
    ) / (total * total)
    return None if by_chance == 1 else (agreed - by_chance) / (1 - by_chance)


def margin_of_error(strata: Mapping[str, tuple[int, int]]) -> float | None:
    """The half-width of the 95 % interval that a stratified sample gives at worst (a share of one half).

    Strata that nothing was drawn from are not spoken of.

    Args:
        strata: for each how many lines there are and how many of them were drawn, each as likely as any other.

    """
    spoken = [(lines, drawn) for lines, drawn in strata.values() if drawn]
    total = sum(lines for lines, _ in spoken)
    if not total:
        return None
    variance = sum(
        (lines / total) ** 2 * 0.25 / drawn * ((lines - drawn) / max(lines - 1, 1)) for lines, drawn in spoken
    )
    return _Z * sqrt(variance)


def lines_for_margin(margin: float) -> int:
    """How many lines give a margin of error at worst, drawn at random from very many."""
    return ceil(_Z * _Z * 0.25 / (margin * margin))


def worded(value: float | None, interval: Interval | None = None) -> str:
    """A share in per cent, with its interval where one is given."""
    if value is None:
        return "unknown"
    return f"{value:.2%}" + (f" ({interval[0]:.2%} to {interval[1]:.2%})" if interval else "")
