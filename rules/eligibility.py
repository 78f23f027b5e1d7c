"""The decision table: which transactions are real business income (domain section 4).

`table` gives the table itself, row by row as the specification has it; the first row that holds decides. It reads the
signals of `rules/signals.py` and nothing else, so that a decision can be checked by hand from its evidence.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache, reduce
from itertools import combinations

import polars as pl

from rules.distinct import per_distinct
from rules.policy import PointsTable, Policy
from rules.reasons import Detail, Outcome, Reason
from rules.signals import Signal, bits


@dataclass(frozen=True)
class Row:
    """One row of the decision table."""

    number: int
    condition: pl.Expr
    outcome: Outcome
    reason: Reason | None
    detail: Detail


_VERDICT = pl.Schema(
    {
        "outcome": pl.String(),
        "reason": pl.String(),
        "detail": pl.String(),
        "rule": pl.UInt8(),
        "score": pl.Int16(),
        "nearest_miss": pl.UInt32(),
    }
)


def held(signal: Signal) -> pl.Expr:
    """Whether a signal is held, over the column `signals`."""
    return (pl.col("signals") & signal.bit) != 0


def score(points: PointsTable) -> pl.Expr:
    """The points of a transaction: a sum that a person can add up."""
    worth = {
        Signal.BUSINESS_TERM: points.business_term,
        Signal.REFERENCE: points.reference,
        Signal.COMPANY_TERM: points.company,
        Signal.AT_OR_ABOVE_FLOOR: points.at_or_above_floor,
    }
    parts = [held(signal).cast(pl.Int16) * value for signal, value in worth.items()]
    return pl.sum_horizontal(parts).cast(pl.Int16)


def table(points: PointsTable) -> tuple[Row, ...]:
    """The decision table of a policy, over the column `signals`; the last row holds for every transaction."""
    s, personal = Signal, Reason.PERSONAL_OR_LOW_CONFIDENCE
    below_floor = ~held(s.AT_OR_ABOVE_FLOOR)
    no_signal = ~held(s.BUSINESS_TERM) & ~held(s.REFERENCE)
    currency, reject = Reason.CURRENCY_MISMATCH, Outcome.REJECTED
    return (
        Row(1, held(s.DENY_ENTRY), reject, personal, Detail.DENYLISTED),
        Row(2, ~held(s.CREDIT) & ~held(s.REFUND_TERM), reject, personal, Detail.DEBIT_NOT_REFUND),
        Row(3, ~held(s.CURRENCY_KNOWN), reject, currency, Detail.CURRENCY_UNKNOWN),
        Row(3, ~held(s.CURRENCY_INVOICED), reject, currency, Detail.CURRENCY_NOT_INVOICED),
        Row(4, ~held(s.REFERENCE_PARSES), reject, Reason.REFERENCE_MISMATCH, Detail.REFERENCE_UNPARSEABLE),
        Row(5, held(s.OVERDUE), reject, personal, Detail.NEVER_SETTLED),
        Row(5, ~held(s.SETTLED), Outcome.HELD, None, Detail.PENDING_SETTLEMENT),
        Row(6, held(s.ALLOW_ENTRY), Outcome.ELIGIBLE, None, Detail.ALLOWLISTED),
        Row(7, held(s.CREDIT) & held(s.REVERSAL_TERM), reject, personal, Detail.REVERSAL),
        Row(8, held(s.SELF_TRANSFER), reject, personal, Detail.SELF_TRANSFER),
        Row(9, held(s.PERSONAL_TERM), reject, personal, Detail.PERSONAL_KEYWORD),
        Row(10, below_floor & ~held(s.COUNTERPARTY_KNOWN), reject, personal, Detail.BELOW_FLOOR_NO_COUNTERPARTY),
        Row(11, below_floor & no_signal, reject, personal, Detail.BELOW_FLOOR_NO_SIGNAL),
        Row(12, score(points) < points.minimum, reject, personal, Detail.LOW_CONFIDENCE),
        Row(13, pl.lit(value=True), Outcome.ELIGIBLE, None, Detail.BUSINESS_SIGNAL),
    )


def first_row(rows: Sequence[Row]) -> pl.Expr:
    """The index of the first row of the table that holds, over the column `signals`."""
    return reduce(
        lambda later, index: pl.when(rows[index].condition).then(pl.lit(index, dtype=pl.UInt8)).otherwise(later),
        reversed(range(len(rows) - 1)),
        pl.lit(len(rows) - 1, dtype=pl.UInt8),
    )


def judged(shown: pl.LazyFrame, policy: Policy) -> pl.LazyFrame:
    """Add what the table says of frames with `signals`: outcome, reason, detail, rule, score and nearest miss."""
    rows = table(policy.points)

    def told(values: list[object], dtype: pl.DataType) -> pl.Expr:
        return pl.col("row").replace_strict(list(range(len(rows))), values, return_dtype=dtype)

    verdict = {
        "score": score(policy.points),
        "outcome": told([row.outcome.value for row in rows], pl.String()),
        "reason": told([row.reason.value if row.reason else None for row in rows], pl.String()),
        "detail": told([row.detail.value for row in rows], pl.String()),
        "rule": told([row.number for row in rows], pl.UInt8()),
        "nearest_miss": _nearest_miss(policy.points),
    }
    verdicts = per_distinct(pl.col("signals"), [{"row": first_row(rows)}, verdict], _VERDICT, name="signals")
    return shown.with_columns_seq(_verdict=verdicts).unnest("_verdict")


# The blockers of the table's first rows, each with the signals that would have to be otherwise.
_BLOCKERS = (
    (Signal.DENY_ENTRY, False),
    (Signal.CURRENCY_KNOWN, True),
    (Signal.CURRENCY_INVOICED, True),
    (Signal.REFERENCE_PARSES, True),
    (Signal.SETTLED, True),
    (Signal.OVERDUE, False),
    (Signal.SELF_TRANSFER, False),
    (Signal.PERSONAL_TERM, False),
)
# What would lift a transaction over the floor and the score, the likeliest first.
_LIFTERS = (
    Signal.BUSINESS_TERM,
    Signal.REFERENCE,
    Signal.COMPANY_TERM,
    Signal.AT_OR_ABOVE_FLOOR,
    Signal.COUNTERPARTY_KNOWN,
)


def _nearest_miss(points: PointsTable) -> pl.Expr:
    """For a rejection the smallest set of signals that would have made it eligible, as bits; else null."""
    known = _known_misses(points)

    def look_up(values: pl.Series) -> pl.Series:
        if unknown := [value for value in values if value not in known]:
            known.update(nearest_misses(unknown, points))
        return pl.Series([known[value] for value in values], dtype=pl.UInt32)

    return pl.col("signals").map_batches(look_up, return_dtype=pl.UInt32, is_elementwise=True)


@lru_cache(maxsize=8)
def _known_misses(points: PointsTable) -> dict[int, int | None]:
    """The nearest misses that were looked up before, by signals: batches show the same few hundred combinations."""
    del points
    return {}


def nearest_misses(shown: Sequence[int], points: PointsTable) -> dict[int, int | None]:
    """For each combination of signals the smallest change that would have made it eligible, as bits.

    An allow entry is left out, since it would explain everything; so is the direction, which cannot be otherwise.

    Returns:
        None for a combination that is not rejected, and where no change is enough (a minimum out of reach).

    """
    changes = [
        (value, blocked | lifted) for value in shown for blocked in [_blocked(value)] for lifted in _lifts(value)
    ]
    tried = pl.DataFrame(
        {"shown": [value for value, _ in changes], "change": [change for _, change in changes]},
        schema={"shown": pl.UInt32, "change": pl.UInt32},
    )
    rows = table(points)
    outcome = first_row(rows).replace_strict(
        list(range(len(rows))), [row.outcome.value for row in rows], return_dtype=pl.String
    )
    rejected = tried.select(signals="shown").unique().filter(outcome == Outcome.REJECTED).rename({"signals": "shown"})
    reached = (
        tried.join(rejected, on="shown", how="semi", maintain_order="left")
        .with_columns(signals=pl.col("shown") ^ pl.col("change"))
        .filter(outcome == Outcome.ELIGIBLE)
        .unique("shown", keep="first", maintain_order=True)
    )
    found: dict[int, int | None] = dict(reached.select("shown", "change").iter_rows())
    return {value: found.get(value) for value in shown}


def _blocked(shown: int) -> int:
    """The signals that stand in the way whatever the score, as bits."""
    blocked = {signal for signal, wanted in _BLOCKERS if bool(shown & signal.bit) is not wanted}
    if not shown & Signal.CREDIT.bit and not shown & Signal.REFUND_TERM.bit:
        blocked.add(Signal.REFUND_TERM)
    if shown & Signal.CREDIT.bit and shown & Signal.REVERSAL_TERM.bit:
        blocked.add(Signal.REVERSAL_TERM)
    if shown & Signal.ALLOW_ENTRY.bit:
        blocked -= {Signal.SELF_TRANSFER, Signal.PERSONAL_TERM, Signal.REVERSAL_TERM}
    return bits(blocked)


def _lifts(shown: int) -> list[int]:
    """Every set of the missing lifters, as bits: the smallest first, the likeliest first among equals."""
    missing = [signal for signal in _LIFTERS if not shown & signal.bit]
    return [bits(lifted) for size in range(len(missing) + 1) for lifted in combinations(missing, size)]
