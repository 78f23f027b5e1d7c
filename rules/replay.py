"""Replay: what a policy would say of lines that are decided already, beside what stands of each (nothing is written).

The matrix is the decision table's word on eligibility: a line that was eligible and then rejected because of the
invoice it pays counts as eligible on both sides. Where lines end once payments are settled is told apart, as
dispositions (`rules/resettling.py` says it of payments). The same policy flips neither.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from difflib import SequenceMatcher
from typing import Any

import polars as pl

from rules.eligibility import held, judged, table
from rules.labels import BUSINESS, PERSONAL
from rules.metrics import Tally, cannot_know, figures, unseen
from rules.policy import PointsTable, Policy, floor_of
from rules.reasons import Outcome
from rules.remarks import KINDS
from rules.signals import Signal, bits, held_in

ELIGIBLE = Outcome.ELIGIBLE.value
"""How a cell of the matrix names an eligible line; `held` a held one, `reason/detail` a rejected one."""
NAIRA = "NGN"
MINUTES_A_LINE = 2.0
"""How long a person looks at an eligible line, unless somebody says otherwise."""

BEFORE = ("rule", "outcome", "reason", "detail", "score", "signals")
"""What `beside` reads of the decision that stands, each name with `before_` in front."""

_NO_POINTS = PointsTable(business_term=0, reference=0, company=0, at_or_above_floor=0, minimum=0)
_ROWS_THAT_PASS = sorted({row.number for row in table(_NO_POINTS) if row.outcome is Outcome.ELIGIBLE})
_DECIDES_NO_LINE = {"name": True, "settlement": True, "document": True}
_NUMBERS = {"floor": True, "points": True, "pending": True}
_WORDS = {"terms": True, "currency": True, "reference": True}
"""What tables of a policy do; one that is none of these is taken for both numbers and words."""
_ENDS = ["stood", "ends"]
_CELL = ["from", "to", "currency", "label", "draft_status"]
DRAFTED, REVIEW = "drafted", "review"
_CONFIRMED = ("CONFIRMED", "VALIDATED", "SIGNED")
SEEN = (
    "business_term",
    "personal_term",
    "refund_term",
    "reversal_term",
    "company_term",
    "reference",
    "deny_entry",
    "allow_entry",
)
"""What is told of a flipped line's evidence."""


def beside(shown: pl.LazyFrame, policy: Policy) -> pl.LazyFrame:
    """Say what a policy would decide of lines, beside what stands.

    Args:
        shown: lines as `signals` gives them under the policy, or `renumbered`, with `before_` of each of `BEFORE`
            (nulls where nothing is decided), `label` and `draft_status` (nulls where there is none).
        policy: the policy that is tried.

    Returns:
        The lines with what `judged` adds, and `from` and `to`: what stands (null: nothing) and what would.

    """
    return judged(shown, policy).with_columns(to=standing(), **{"from": standing("before_")})


def same_words(one: Policy, other: Policy) -> bool:
    """Whether two policies differ in numbers alone: what one saw in a line, the other sees."""
    return _same_but(one, other, {**_DECIDES_NO_LINE, **_NUMBERS, "reference": {"must_exist": True}})


def same_numbers(one: Policy, other: Policy) -> bool:
    """Whether the decision table of one policy says what that of the other does of all that both see alike."""
    return _same_but(one, other, {**_DECIDES_NO_LINE, **_WORDS})


def _same_but(one: Policy, other: Policy, tables: Mapping[str, Any]) -> bool:
    """Whether two policies say the same, some tables left out."""
    return one.file.model_dump(exclude=dict(tables)) == other.file.model_dump(exclude=dict(tables))


def changed_pieces(one: Policy, other: Policy) -> frozenset[str] | None:
    """Runs of letters, one of which a text in ASCII must hold, in either case, for one policy to see other terms in it.

    None where any text may be seen otherwise: the currencies, the pattern of references or the boilerplate differ.
    """
    read, again = one.file, other.file
    if (read.currency, read.reference.pattern) != (again.currency, again.reference.pattern):
        return None
    pieces: set[str | None] = set()
    for kind in (*KINDS, "company", "boilerplate"):
        before, after = one.terms(kind).terms, other.terms(kind).terms
        if before != after and kind == "boilerplate":
            return None
        same = SequenceMatcher(None, before, after, autojunk=False).get_matching_blocks()
        kept = {term for block in same for term in before[block.a : block.a + block.size]}
        pieces |= {term.piece for term in {*before, *after} - kept}  # a term that moved may be found before another
    return frozenset(piece for piece in pieces if piece)


def renumbered(lines: pl.LazyFrame, policy: Policy, now: datetime) -> pl.LazyFrame:
    """Lines with the signals that were seen, those that numbers of the policy move set anew: no text is read again.

    Args:
        lines: `signals` as seen under a policy of the same words (or of others that are not in the line), lists and
            invoices, `amount`, `currency` (the account's, where the line has none) and `booked_at`.
        policy: whose floors and days count.
        now: the time of the replay.

    """
    moved = bits((Signal.AT_OR_ABOVE_FLOOR, Signal.OVERDUE))
    reached = pl.col("amount") >= floor_of(policy, pl.col("currency"))
    overdue = ~held(Signal.SETTLED) & (pl.col("booked_at") + timedelta(days=policy.pending_days) <= now)
    kept = pl.col("signals") - (pl.col("signals") & pl.lit(moved, dtype=pl.UInt32))
    parts = [
        test.fill_null(value=False).cast(pl.UInt32) * signal.bit
        for signal, test in ((Signal.AT_OR_ABOVE_FLOOR, reached), (Signal.OVERDUE, overdue))
    ]
    return lines.with_columns(signals=(kept + parts[0] + parts[1]).cast(pl.UInt32))


def standing(prefix: str = "") -> pl.Expr:
    """What a decision says of eligibility: `eligible`, `held` or `reason/detail`; null where there is none."""
    outcome, reason, detail = (pl.col(f"{prefix}{name}") for name in ("outcome", "reason", "detail"))
    return (
        pl.when(passed(prefix))
        .then(pl.lit(ELIGIBLE))
        .when(outcome == Outcome.REJECTED)
        .then(pl.concat_str([reason, detail], separator="/"))
        .otherwise(outcome)
    )


def passed(prefix: str = "") -> pl.Expr:
    """Whether a decision calls a line eligible, whatever its invoice says; null where there is none."""
    return pl.col(f"{prefix}rule").is_in(_ROWS_THAT_PASS)


def cells(lines: pl.LazyFrame) -> pl.LazyFrame:
    """Count replayed lines that no invoice is for, and sum their amounts (minor units).

    By `from`, `to`, currency, label and draft, and by where they end: `stood` and `ends`, as in the matrix but for the
    eligible ones, which end as drafts.
    """
    counted = lines.group_by(_CELL).agg(lines=pl.len().cast(pl.Int64), amount=pl.col("amount").sum())
    return counted.with_columns(stood=unsettled("from"), ends=unsettled("to"))


def unmoved(counted: pl.DataFrame) -> pl.DataFrame:
    """Cells, as `cells` gives them, of lines that stay as they are: what stands of them is not judged again.

    Args:
        counted: `before_rule`, `before_outcome`, `before_reason`, `before_detail`, `currency`, `label`, `draft_status`,
            `lines` and `amount`.

    """
    stays = standing("before_")
    ends = {"stood": unsettled("from"), "ends": unsettled("to")}
    return (
        counted.with_columns(stays.alias("from"), to=stays)
        .with_columns(**ends)
        .select(*_CELL, "lines", "amount", *_ENDS)
    )


def settled_cells(lines: pl.LazyFrame) -> pl.LazyFrame:
    """As `cells`, of lines that say themselves how they `stood` and how each `ends`."""
    counted = lines.group_by(_CELL + _ENDS).agg(lines=pl.len().cast(pl.Int64), amount=pl.col("amount").sum())
    return counted.select(*_CELL, "lines", "amount", *_ENDS)


def unsettled(side: str) -> pl.Expr:
    """Where a line ends that is held against no invoice."""
    return pl.when(pl.col(side) == ELIGIBLE).then(pl.lit(DRAFTED)).otherwise(side)


FLIPS = pl.Schema(
    {
        **dict.fromkeys(("organization_id", "environment", "account_id", "transaction_id"), pl.String()),
        "day": pl.Date(),
        "direction": pl.String(),
        "amount": pl.Int64(),
        **dict.fromkeys(("currency", "from", "to", "why", *SEEN, "label", "draft_status"), pl.String()),
    }
)
"""The columns of `flips`."""


def flips(lines: pl.DataFrame, policy: Policy) -> pl.DataFrame:
    """The replayed lines that the policy would decide otherwise, with why: the columns of `FLIPS`."""
    basis = ["before_rule", "rule", "before_score", "score", "before_signals", "signals"]
    found = lines.filter(pl.col("from") != pl.col("to"))
    kinds = found.select(basis).unique()
    whys = [why(row, policy.points.minimum) for row in kinds.iter_rows(named=True)]
    told = kinds.with_columns(why=pl.Series(whys, dtype=pl.String))
    return found.join(told, on=basis, how="left", nulls_equal=True, maintain_order="left").select(FLIPS.names())


def why(row: Mapping[str, Any], minimum: int) -> str:
    """Why one line is decided otherwise, in words.

    Args:
        row: `rule`, `score` and `signals`, and each with `before_`.
        minimum: the points that the policy asks for.

    """
    before, after = int(row["before_signals"]), int(row["signals"])
    told = []
    if gained := held_in(after & ~before):
        told.append(f"now seen: {_named(gained)}")
    if lost := held_in(before & ~after):
        told.append(f"no longer seen: {_named(lost)}")
    if row["score"] != row["before_score"]:
        told.append(f"{row['score']} points instead of {row['before_score']}")
    if 12 in (row["rule"], row["before_rule"]):
        told.append(f"{row['score']} points are {'below' if row['score'] < minimum else 'not below'} {minimum}")
    return f"row {row['before_rule']} decided, row {row['rule']} would: {'; '.join(told) or 'another row comes first'}"


def _named(found: list[Signal]) -> str:
    return ", ".join(signal.column.replace("_", " ") for signal in found)


@dataclass(frozen=True)
class Summary:
    """A replay in figures."""

    lines: int
    """Lines that are decided, and were replayed."""
    undecided: int
    """Lines that nothing stands of yet; they are in no other figure."""
    flipped: int
    matrix: list[dict[str, object]]
    """`from`, `to`, `currency`, `lines`, `amount` (minor units); lines that stay as they are too."""
    dispositions: dict[str, Any]
    """Where lines end once payments are settled: `flipped`, and `matrix` as above, with `matched`, `review` and
    `drafted` for what is eligible; what its invoice rejects stands there with its reason."""
    metrics: dict[str, object]
    """`before` and `after` as `metrics.figures`, of the labelled lines; `estimated`, of all lines; `cannot_know`,
    sentences on what the labels do not tell."""
    drafts: dict[str, object]
    """What becomes of drafts: `confirmed_contested`, `waiting_withdrawn`, `made` and `lines_newly_eligible`, each with
    `lines` and `amounts` by currency."""
    review_minutes: dict[str, float]
    """`before` and `after`: the time to look at every eligible line."""


def summary(counted: pl.DataFrame, minutes_a_line: float = MINUTES_A_LINE) -> Summary:
    """Add the cells of all batches up.

    Args:
        counted: what `cells` gives, of one batch or several below each other.
        minutes_a_line: how long a person looks at an eligible line.

    """
    summed = counted.group_by(_CELL + _ENDS).agg(pl.col("lines", "amount").sum())
    decided = summed.filter(pl.col("from").is_not_null())
    moved = decided.filter(pl.col("from") != pl.col("to"))
    eligible = {side: _count(decided.filter(pl.col(side) == ELIGIBLE)) for side in ("from", "to")}
    return Summary(
        lines=_count(decided),
        undecided=_count(summed) - _count(decided),
        flipped=_count(moved),
        matrix=_matrix(decided),
        dispositions=_dispositions(decided),
        metrics=_metrics(decided),
        drafts=_drafts(decided),
        review_minutes={"before": eligible["from"] * minutes_a_line, "after": eligible["to"] * minutes_a_line},
    )


def _metrics(decided: pl.DataFrame) -> dict[str, object]:
    before, after = (tallies(decided, side) for side in ("from", "to"))
    told = {"before": figures(*before), "after": figures(*after)}
    few = cannot_know(before[0]) + unseen(before[0])
    if not before[0].enough:
        return {**told, "estimated": None, "cannot_know": few}
    estimated = _estimated(decided)
    return {**told, "estimated": estimated, "cannot_know": few + _unlike(estimated, decided)}


def _unlike(estimated: dict[str, object], decided: pl.DataFrame) -> list[str]:
    """What an estimate of all lines does not speak of, in a sentence."""
    left_out = int(str(estimated["lines_unlike_any_labelled"]))
    if not left_out:
        return []
    stand, them = ("stands", "it") if left_out == 1 else ("stand", "them")
    return [
        f"{left_out:,} of {_count(decided):,} lines {stand} as no labelled line does, so the estimate of all lines "
        f"leaves {them} out: kobosift label sample draws some of each."
    ]


def tallies(counted: pl.DataFrame, side: str) -> tuple[Tally, Tally]:
    """The labelled lines, and those of them in naira by their amounts, against one side's decisions."""
    said, naira = pl.col(side) == ELIGIBLE, pl.col("currency") == NAIRA

    def total(name: str, label: str, *, eligible: bool) -> int:
        of = counted.filter(pl.col("label") == label, said if eligible else ~said)
        return int((of.filter(naira) if name == "amount" else of)[name].sum())

    lines, money = (
        Tally(
            right=total(name, BUSINESS, eligible=True),
            wrong=total(name, PERSONAL, eligible=True),
            missed=total(name, BUSINESS, eligible=False),
            left=total(name, PERSONAL, eligible=False),
        )
        for name in ("lines", "amount")
    )
    return lines, money


def _estimated(decided: pl.DataFrame) -> dict[str, object]:
    """Shares of all lines: each labelled line stands for those that stand as it does, however many were labelled.

    A sample that takes some of every outcome and reason is no picture of all lines; weighed like this it is, but for
    lines that stand as no labelled line does: these are in no share, and counted.
    """
    there = decided.group_by("from").agg(
        all=pl.col("lines").sum(), labelled=pl.col("lines").filter(pl.col("label").is_not_null()).sum()
    )
    weighed = decided.filter(pl.col("label").is_not_null()).join(there, on="from")
    weighed = weighed.with_columns(weight=pl.col("lines") * pl.col("all") / pl.col("labelled")).sort(_CELL + _ENDS)
    unlike = there.filter(pl.col("labelled") == 0)["all"].sum()
    return {
        "before": _shares(weighed, "from"),
        "after": _shares(weighed, "to"),
        "lines_unlike_any_labelled": int(unlike),
    }


def _shares(weighed: pl.DataFrame, side: str) -> dict[str, float | None]:
    said, business = pl.col(side) == ELIGIBLE, pl.col("label") == BUSINESS
    right, eligible, wanted = (
        float(weighed.filter(test)["weight"].sum()) for test in (said & business, said, business)
    )
    return {
        "precision": right / eligible if eligible else None,
        "recall": right / wanted if wanted else None,
        "f1": 2 * right / (eligible + wanted) if eligible + wanted else None,
    }


def _count(counted: pl.DataFrame) -> int:
    return int(counted["lines"].sum())


def _matrix(decided: pl.DataFrame) -> list[dict[str, object]]:
    """All lines by where they stand and would stand, those that move first, then by how many."""
    key = ["from", "to", "currency"]
    return (
        decided.group_by(key)
        .agg(pl.col("lines", "amount").sum())
        .sort(
            pl.col("from") == pl.col("to"),
            pl.col("lines"),
            *key,
            descending=[False, True, False, False, False],
            nulls_last=True,
        )
        .to_dicts()
    )


def _dispositions(decided: pl.DataFrame) -> dict[str, Any]:
    """Where lines end; one that may settle an invoice stays with the draft that a person has confirmed or discarded."""
    kept = pl.col("draft_status").is_in([*_CONFIRMED, "DISCARDED"])
    shown = {
        name: pl.when(kept & (pl.col(side) == REVIEW)).then(pl.lit(DRAFTED)).otherwise(side)
        for name, side in (("from", "stood"), ("to", "ends"))
    }
    ended = decided.with_columns(**shown)
    return {"flipped": _count(ended.filter(pl.col("from") != pl.col("to"))), "matrix": _matrix(ended)}


def _drafts(decided: pl.DataFrame) -> dict[str, object]:
    gone = decided.filter(pl.col("stood") == DRAFTED, pl.col("ends") != DRAFTED)
    made = decided.filter(pl.col("stood") != DRAFTED, pl.col("ends") == DRAFTED, pl.col("draft_status").is_null())
    return {
        "confirmed_contested": _sums(gone.filter(pl.col("draft_status").is_in(_CONFIRMED))),
        "waiting_withdrawn": _sums(gone.filter(pl.col("draft_status") == "DRAFT")),
        "made": _sums(made),
        "lines_newly_eligible": _sums(decided.filter(pl.col("from") != ELIGIBLE, pl.col("to") == ELIGIBLE)),
    }


def _sums(counted: pl.DataFrame) -> dict[str, object]:
    by_currency = counted.group_by("currency").agg(pl.col("amount").sum()).sort("currency")
    return {"lines": _count(counted), "amounts": dict(by_currency.iter_rows())}
