"""Which lines to label: how many of each stratum, so that few labels tell much.

Strata are what was decided and a band of amounts. A share of the sample is drawn from all rejections alike, whatever
their reason: without it nobody sees what the rules miss, and recall is a guess. Which lines are drawn within a stratum
is chance, and so not decided here.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from rules.metrics import margin_of_error

REJECTIONS_SHARE = 0.3
"""The part of a sample that is drawn from all rejections alike, unless a person says otherwise."""

LEAST_REJECTIONS_SHARE = 0.05
"""No sample that a person asks for has a smaller part."""

STRATA = pl.Schema({"outcome": pl.String(), "detail": pl.String(), "band": pl.Int8(), "lines": pl.Int64()})
"""What `allocated` reads: how many lines that are not labelled yet each stratum has; bands are powers of ten."""


@dataclass(frozen=True)
class Plan:
    """How many lines to draw."""

    random_rejections: int
    """From all rejected lines alike."""
    strata: pl.DataFrame
    """`STRATA` with `drawn`: from each stratum besides, among what is left of it."""


def allocated(strata: pl.DataFrame, size: int, rejections_share: float = REJECTIONS_SHARE) -> Plan:
    """Share a sample out: first the random rejections, then one line a stratum, the rest by the strata's sizes.

    Args:
        strata: the columns of `STRATA`.
        size: how many lines to draw; where there are fewer, all are.
        rejections_share: the part that is drawn from all rejections alike, 0 to 1; one line at least of any but 0.

    """
    rejected = int(strata.filter(pl.col("outcome") == "rejected")["lines"].sum())
    random = min(max(round(size * rejections_share), 1 if rejections_share else 0), rejected)
    ordered = strata.sort(["lines", "outcome", "detail", "band"], descending=[True, False, False, False])
    lines = ordered["lines"].to_list()
    drawn = _shared_out(lines, min(size - random, sum(lines) - random))
    return Plan(random, ordered.with_columns(drawn=pl.Series(drawn, dtype=pl.Int64)))


def _shared_out(lines: list[int], size: int) -> list[int]:
    """One each for the largest, the rest by size, never more than there are; larger remainders first."""
    drawn = [1 if place < size and count else 0 for place, count in enumerate(lines)]
    rest = size - sum(drawn)
    room = [count - taken for count, taken in zip(lines, drawn, strict=True)]
    if rest <= 0 or not sum(room):
        return drawn
    exact = [rest * free / sum(room) for free in room]
    drawn = [taken + int(part) for taken, part in zip(drawn, exact, strict=True)]
    by_remainder = sorted(range(len(lines)), key=lambda place: (int(exact[place]) - exact[place], place))
    for place in by_remainder[: size - sum(drawn)]:
        drawn[place] += 1
    return drawn


def margins(drawn: pl.DataFrame) -> dict[str, float | None]:
    """By outcome the margin of error of the share of business lines that the sample will give, at 95 % and at worst.

    Args:
        drawn: `outcome`, `detail`, `band`, `lines` and `drawn` (how many of the stratum are in the sample).

    """
    return {
        outcome: margin_of_error(
            {
                f"{row['detail']} {row['band']}": (row["lines"], row["drawn"])
                for row in drawn.filter(pl.col("outcome") == outcome).iter_rows(named=True)
            }
        )
        for outcome in sorted(drawn["outcome"].unique())
    }
