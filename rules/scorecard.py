"""A scorecard fitted to labels: what each signal might be worth, in whole points, and how many to ask for.

A logistic regression whose weights cannot be negative, with a penalty that is chosen by cross-validation. Only lines
that the score decides count. The same labels give the same points. It proposes; nothing here puts anything in force.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import polars as pl

from rules.eligibility import first_row, table
from rules.knobs import POINTS
from rules.labels import BUSINESS
from rules.metrics import Tally, f1
from rules.policy import PointsTable
from rules.reasons import Detail
from rules.replay import NAIRA

FOLDS = 5
PENALTIES = (0.01, 0.1, 1.0, 10.0, 100.0)
"""Of the squared weights; tried in this order, the smallest loss on lines that were held out wins."""
HIGHEST = 80
"""The points of the signal that is worth most."""

_STEPS, _HALVINGS, _TINY = 100, 20, 1e-9
_OFFSET_PENALTY = 1e-3  # so that labels of one kind alone give a finite offset
_SIGNALS = list(POINTS.values())
_Real = npt.NDArray[np.float64]
_Whole = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Fitted:
    """Proposed points, and how they do."""

    points: PointsTable
    penalty: float
    lines: int
    """Labelled lines that the score decides."""
    held_out: Tally
    """How points that were fitted without a line do on it."""
    fitted: Tally
    """How the proposed points do on all of them."""
    present: Tally
    """How the points in force do on the same."""
    held_out_naira: Tally
    """As `held_out`, each line in naira weighing its amount in kobo, and no line in another currency."""
    fitted_naira: Tally
    present_naira: Tally


@dataclass(frozen=True)
class _Cases:
    """Combinations of signals with how many lines of each label show them, by fold."""

    shown: _Real
    """One row a combination, 1 where a signal of the scorecard is held."""
    counts: _Whole
    """Combinations x folds x (business, personal)."""
    kobo: _Whole
    """The amounts of the lines in naira, of the same shape."""

    def of(self, folds: list[int]) -> _Whole:
        """The counts of some folds: combinations x (business, personal)."""
        return np.asarray(self.counts[:, folds, :].sum(axis=1), dtype=np.int64)

    def tally(self, folds: list[int], points: PointsTable) -> Tally:
        """How points do on the lines of some folds."""
        return _tally(self.shown, self.of(folds), points)

    def naira(self, folds: list[int], points: PointsTable) -> Tally:
        """How points do on the money of some folds."""
        return _tally(self.shown, np.asarray(self.kobo[:, folds, :].sum(axis=1), dtype=np.int64), points)


def fit(labelled: pl.DataFrame, present: PointsTable) -> Fitted:
    """Propose points.

    Args:
        labelled: `signals`, `label` (not null), `amount` (minor units), `currency` and `fold` (0 to FOLDS - 1), one
            row a labelled line.
        present: the points in force.

    """
    cases = _cases(labelled)
    every = list(range(FOLDS))
    losses = {penalty: sum(_held_out_loss(cases, fold, penalty) for fold in every) for penalty in PENALTIES}
    penalty = min(PENALTIES, key=lambda each: losses[each])
    held_out, held_out_naira = Tally(), Tally()
    for fold in every:
        rest = [other for other in every if other != fold]
        points = _points(cases.shown, cases.of(rest), penalty)
        held_out = _sum(held_out, cases.tally([fold], points))
        held_out_naira = _sum(held_out_naira, cases.naira([fold], points))
    proposed = _points(cases.shown, cases.of(every), penalty)
    return Fitted(
        proposed,
        penalty,
        int(cases.counts.sum()),
        held_out,
        cases.tally(every, proposed),
        cases.tally(every, present),
        held_out_naira,
        cases.naira(every, proposed),
        cases.naira(every, present),
    )


def decided_by_score(present: PointsTable) -> pl.Expr:
    """Whether the score decides a line, over the column `signals`: no row before the score's holds."""
    rows = table(present)
    by_score = [
        index for index, row in enumerate(rows) if row.detail in (Detail.LOW_CONFIDENCE, Detail.BUSINESS_SIGNAL)
    ]
    return first_row(rows).is_in(by_score)


def _cases(labelled: pl.DataFrame) -> _Cases:
    bits = sum(signal.bit for signal in _SIGNALS)
    own = labelled.select(
        shown=pl.col("signals") & pl.lit(bits, dtype=pl.UInt32),
        fold=pl.col("fold").cast(pl.Int64),
        place=pl.when(pl.col("label") == BUSINESS).then(0).otherwise(1),
        kobo=pl.when(pl.col("currency") == NAIRA).then(pl.col("amount")).otherwise(0),
    )
    combinations = own["shown"].unique().sort().to_numpy().astype(np.int64)
    counts = np.zeros((len(combinations), FOLDS, 2), dtype=np.int64)
    kobo = np.zeros_like(counts)
    counted = own.group_by("shown", "fold", "place").agg(pl.len(), pl.col("kobo").sum())
    for shown, fold, place, lines, amount in counted.iter_rows():
        at = np.searchsorted(combinations, shown), fold, place
        counts[at], kobo[at] = lines, amount
    held = np.array([[float(bool(each & signal.bit)) for signal in _SIGNALS] for each in combinations])
    return _Cases(held.reshape(-1, len(_SIGNALS)), counts, kobo)


def _held_out_loss(cases: _Cases, fold: int, penalty: float) -> float:
    rest = [other for other in range(FOLDS) if other != fold]
    weights, offset = _weights(cases.shown, cases.of(rest), penalty)
    return _loss(cases.shown @ weights + offset, cases.of([fold]))


def _loss(score: _Real, counts: _Whole) -> float:
    """The log loss of counted lines: business has a score above 0."""
    return float((counts[:, 0] * np.logaddexp(0, -score) + counts[:, 1] * np.logaddexp(0, score)).sum())


def _weights(shown: _Real, counts: _Whole, penalty: float) -> tuple[_Real, float]:
    """The weights, none negative, and the offset: Newton's steps on what may move, cut back until they help."""
    rows = np.hstack([shown, np.ones((len(shown), 1))])
    ridge = np.append(np.full(shown.shape[1], penalty), _OFFSET_PENALTY)
    lowest = np.append(np.zeros(shown.shape[1]), -np.inf)
    lines, held = counts.sum(axis=1), np.zeros(rows.shape[1])

    def cost(weights: _Real) -> float:
        return _loss(rows @ weights, counts) + 0.5 * float((ridge * weights * weights).sum())

    for _ in range(_STEPS):
        likely = 1 / (1 + np.exp(-(rows @ held)))
        slope = rows.T @ (lines * likely - counts[:, 0]) + ridge * held
        free = ~((held <= lowest) & (slope > 0))
        bend = (rows * (lines * likely * (1 - likely))[:, None]).T @ rows + np.diag(ridge)
        step = np.zeros_like(held)
        step[free] = np.linalg.solve(bend[np.ix_(free, free)], slope[free])
        tried = [np.maximum(held - step / 2**half, lowest) for half in range(_HALVINGS)]
        better = next((each for each in tried if cost(each) < cost(held) - _TINY), None)
        if better is None:
            break
        held = better
    return held[:-1], float(held[-1])


def _points(shown: _Real, counts: _Whole, penalty: float) -> PointsTable:
    """Whole points, the highest `HIGHEST`, and the minimum that divides the lines best."""
    weights, _ = _weights(shown, counts, penalty)
    highest = weights.max(initial=0.0)
    worth = np.rint(weights * HIGHEST / highest).astype(np.int64) if highest > 0 else np.zeros(len(weights), np.int64)
    names = [name.removeprefix("points.") for name in POINTS]
    named = {name: int(value) for name, value in zip(names, worth, strict=True)}
    tried = [PointsTable(**named, minimum=minimum) for minimum in _minimums(shown, worth)]
    return max(tried, key=lambda each: f1(_tally(shown, counts, each)) or 0.0)


def _minimums(shown: _Real, worth: _Whole) -> Iterator[int]:
    """A minimum between every two scores that lines reach, half way up, the highest first."""
    scores = sorted({int(score) for score in shown @ worth})
    yield scores[-1] + 1 if scores else 1
    for below, above in reversed(list(pairwise(scores))):
        yield (below + above + 1) // 2
    yield 0


def _tally(shown: _Real, counts: _Whole, points: PointsTable) -> Tally:
    worth = np.array([getattr(points, name.removeprefix("points.")) for name in POINTS])
    enough = shown @ worth >= points.minimum
    yes, no = counts[enough].sum(axis=0), counts[~enough].sum(axis=0)
    return Tally(int(yes[0]), int(yes[1]), int(no[0]), int(no[1]))


def _sum(one: Tally, other: Tally) -> Tally:
    return Tally(one.right + other.right, one.wrong + other.wrong, one.missed + other.missed, one.left + other.left)
