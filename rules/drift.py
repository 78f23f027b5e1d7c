"""Drift: how far what becomes of lines lately differs from what became of them before, as a population stability index.

Holds pure arithmetic on counts. Must not hold where counts come from or who is told. The index is the sum over reasons
of `(lately - before) * ln(lately / before)`, both as shares: 0 where nothing changed, below 0.1 little, from 0.25 on a
shift that has a cause.
"""

from __future__ import annotations

import polars as pl

SHIFTED = 0.25
"""From here on a population counts as another one."""
_HALF_A_LINE = 0.5
"""Added to every count, so that a reason that is new or gone counts much and not infinitely."""


def stability_index(counts: pl.DataFrame, by: list[str]) -> pl.DataFrame:
    """The index of each group.

    Args:
        counts: columns `by`, and for each reason of the group one row with `before` and `lately`, in lines.
        by: the columns that name a group.

    Returns:
        One row a group: columns `by`, `before` and `lately` (lines in all) and `index`.
    """

    def share(name: str) -> pl.Expr:
        smoothed = pl.col(name) + _HALF_A_LINE
        return smoothed / smoothed.sum().over(by)

    shares = counts.with_columns(was=share("before"), now=share("lately"))
    part = (pl.col("now") - pl.col("was")) * (pl.col("now") / pl.col("was")).log()
    return (
        shares.with_columns(part=part)
        .group_by(by, maintain_order=True)
        .agg(pl.col("before", "lately").sum(), pl.col("part").sum().alias("index"))
    )
