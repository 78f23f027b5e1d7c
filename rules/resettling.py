"""Payments settled anew beside how they are settled: what a replayed policy, pack or list would change (never written).

Pure comparison of two results of `rules/reconciliation.py`, the one that stands and the one that would be; it settles
nothing itself.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from rules.books import Reconciled
from rules.money import major_units_of
from rules.reconciliation import ends
from rules.replay import ELIGIBLE
from rules.settlement_words import WHY_LOST

LINE = ["account_id", "transaction_id"]
_PAIR = [*LINE, "invoice_id"]
_DEDUCTIONS = pl.List(pl.Struct({"kind": pl.String, "rate": pl.String}))

CHANGES = pl.Schema(
    {
        **dict.fromkeys(("organization_id", "environment", "account_id", "transaction_id"), pl.String()),
        "day": pl.Date(),
        "amount": pl.Int64(),
        **dict.fromkeys(("currency", "from", "to", "settled", "would_settle", "why", "draft_status"), pl.String()),
    }
)
"""Payments that would end, or be settled, otherwise: `from` and `to` as in the dispositions, `settled` and
`would_settle` the invoices with status and strategy, and why."""


@dataclass(frozen=True)
class Resettled:
    """What settling anew would change."""

    lines: pl.DataFrame
    """The payments of the replay with where each `stood` and how it `ends`, for `replay.settled_cells`."""
    changes: pl.DataFrame
    """Columns of `CHANGES`, in the order of days."""
    figures: dict[str, object]
    """`changed`, payments that would be settled otherwise, and of these `other_days`, on days that are not replayed;
    `linked` and `suggested`, `before` and `after`; `undone`, what stands and would not: `linked`, and `accepted` by a
    person; each with `settlements` and `amounts` by currency (minor units of bank money)."""


def compared(lines: pl.DataFrame, before: pl.DataFrame, after: Reconciled) -> Resettled:
    """Hold what would settle against what settles.

    Args:
        lines: credits that are eligible on either side, as `replay.beside` gives them, with `before_outcome` and
            `before_detail` of the decision that stands: what the invoice rejects is there.
        before: the settlements that stand, columns of `SETTLEMENTS` and `currency`, of eligible payments.
        after: what would stand, the settlements likewise: what people accepted is among them.

    """
    said = _said(before, "settled").join(_said(after.settlements, "would_settle"), on=LINE, how="full", coalesce=True)
    told = (
        lines.join(_stood(lines, before), on=LINE, how="left")
        .join(_ending(lines, after), on=LINE, how="left")
        .join(said, on=LINE, how="left")
    )
    otherwise = pl.col("settled").ne_missing(pl.col("would_settle"))
    changes = told.filter((pl.col("stood") != pl.col("ends")) | otherwise)
    figures = _figures(lines, said.filter(otherwise), before, after.settlements)
    return Resettled(told, _changes(changes, after.candidates), figures)


def _stood(lines: pl.DataFrame, before: pl.DataFrame) -> pl.DataFrame:
    """Where payments stand: what their invoice rejects is in their decisions."""
    rejected = pl.col("before_outcome") == "rejected"
    refused = lines.filter(pl.col("from") == ELIGIBLE, rejected).select(*LINE, "day", detail="before_detail")
    return _ended(lines, "from", before, refused).rename({"end": "stood"})


def _ending(lines: pl.DataFrame, after: Reconciled) -> pl.DataFrame:
    return _ended(lines, "to", after.settlements, after.rejected).rename({"end": "ends"})


def _ended(lines: pl.DataFrame, side: str, settlements: pl.DataFrame, refused: pl.DataFrame) -> pl.DataFrame:
    """Where the lines end that are eligible on a side: `end`; the others as that side says."""
    settled = settlements.group_by(LINE).agg(settled=(pl.col("status") != "suggested").any())
    found = ends(lines.filter(pl.col(side) == ELIGIBLE), settled, refused)
    detailed = pl.concat_str("reason", "detail", separator="/")
    end = pl.when(pl.col("disposition") == "rejected").then(detailed).otherwise("disposition")
    others = lines.filter(pl.col(side) != ELIGIBLE)
    return pl.concat([found.select(*LINE, end=end), others.select(*LINE, end=side)])


def _said(settlements: pl.DataFrame, name: str) -> pl.DataFrame:
    """What settles each payment, in words that differ where the settlements do."""
    kept_back = pl.format(", {} kept back as {}", major_units_of(pl.col("deducted")), _named())
    said = pl.concat_str(
        pl.format("{} {} by {} ({}", "status", "invoice_number", "strategy", major_units_of(pl.col("allocated"))),
        pl.when(pl.col("deducted") > 0).then(kept_back).otherwise(pl.lit("")),
        pl.lit(")"),
    )
    return settlements.group_by(LINE).agg(said.sort().str.join("; ").alias(name))


def _named() -> pl.Expr:
    """The kinds and rates of the deductions."""
    part = pl.element().struct
    rate = pl.when(part.field("rate").is_not_null()).then(pl.format(" {} %", part.field("rate"))).otherwise(pl.lit(""))
    words = pl.concat_str(part.field("kind").str.replace_all("_", " "), rate)
    return pl.col("deductions").fill_null("[]").str.json_decode(_DEDUCTIONS).list.eval(words).list.join(" and ")


def _changes(changed: pl.DataFrame, candidates: pl.DataFrame) -> pl.DataFrame:
    """The changed payments with why."""
    lost = candidates.group_by(LINE).agg(_lost().unique(maintain_order=True).str.join("; ").alias("lost"))
    now, was = pl.col("to") == ELIGIBLE, pl.col("from") == ELIGIBLE
    lost_words = pl.when(pl.col("lost").is_not_null()).then(pl.format("; what lost: {}", "lost")).otherwise(pl.lit(""))
    why = (
        pl.when(was & ~now)
        .then(pl.format("no payment any more: it would be {}", "to"))
        .when(now & ~was)
        .then(pl.format("a payment from now on: it was {}", "from"))
        .when(pl.col("ends").str.contains("/", literal=True))
        .then(pl.lit("what it names would reject it"))
        .when(pl.col("stood").str.contains("/", literal=True))
        .then(pl.lit("what it names would reject it no longer"))
        .when(pl.col("would_settle").is_null())
        .then(pl.concat_str(pl.lit("nothing would settle it any more"), lost_words))
        .when(pl.col("settled").is_null())
        .then(pl.lit("nothing settles it now"))
        .when(_begins("settled", "linked"), _begins("would_settle", "suggested"))
        .then(pl.lit("it would only be suggested"))
        .when(_begins("settled", "suggested"), _begins("would_settle", "linked"))
        .then(pl.lit("it would be linked"))
        .otherwise(pl.concat_str(pl.lit("it would be settled otherwise"), lost_words))
    )
    told = changed.join(lost, on=LINE, how="left").with_columns(why=why)
    shown = told.with_columns(**{"from": pl.col("stood"), "to": pl.col("ends")})
    return shown.select(CHANGES.names()).cast(CHANGES).sort("day", *LINE)


def _begins(name: str, status: str) -> pl.Expr:
    return pl.col(name).str.starts_with(status)


def _lost() -> pl.Expr:
    why = pl.col("why").replace_strict(WHY_LOST, return_dtype=pl.String)
    return pl.format("{}, {}", "invoice_number", why)


def _figures(
    lines: pl.DataFrame, changed: pl.DataFrame, before: pl.DataFrame, after: pl.DataFrame
) -> dict[str, object]:
    firm = pl.col("status") != "suggested"
    undone = before.filter(firm).join(after.filter(firm), on=_PAIR, how="anti")
    return {
        "changed": len(changed),
        "other_days": len(changed.join(lines, on=LINE, how="anti")),
        **{
            status: {"before": _sums(before, status), "after": _sums(after, status)}
            for status in ("linked", "suggested")
        },
        "undone": {status: _sums(undone, status) for status in ("linked", "accepted")},
    }


def _sums(settlements: pl.DataFrame, status: str) -> dict[str, object]:
    own = settlements.filter(pl.col("status") == status)
    amounts = own.group_by("currency").agg(pl.col("allocated").sum()).sort("currency")
    return {"settlements": len(own), "amounts": dict(amounts.iter_rows())}
