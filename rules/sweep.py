"""Sweep: what each value of a number of the policy would give, from signals that are computed once.

A knob moves points (what signals are worth, how many are asked for) or a bit (whether an amount reaches a floor,
whether a pending line has waited too long). Lines are counted by what they show and by which values move their bits;
from these counts every point of the grid is added up, exactly, by the same decision table that decides single lines.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import product
from math import prod

import numpy as np
import numpy.typing as npt
import polars as pl

from rules.eligibility import first_row, held, table
from rules.knobs import MINIMUM, PENDING, POINTS, Knob, SweepError
from rules.labels import BUSINESS, PERSONAL
from rules.metrics import MINIMUM_A_CLASS, MINIMUM_LABELS, Tally, cannot_know, figures, unseen
from rules.policy import PointsTable, Policy
from rules.reasons import Outcome
from rules.replay import NAIRA, passed
from rules.signals import Signal

READ = ["signals", "amount", "currency", "booked_at", "label"]
"""The columns that `cells` reads."""

_CELL = ["base", "axis", "bucket", "wait", "label"]
_LABELS = (None, BUSINESS, PERSONAL)
_MEASURES = [(name, label) for label in _LABELS for name in ("lines", "naira")]
"""What is added up of the eligible lines: of all of them, and of those with each label."""
_WITHIN_REACH, _OUT_OF_REACH = (
    PointsTable(business_term=0, reference=0, company=0, at_or_above_floor=0, minimum=minimum) for minimum in (0, 1)
)
"""Points that are enough whatever a line shows, and points that never are."""

_ROWS_AT_A_TIME = 1_000  # this bounds memory, however many points are scored

_Whole = npt.NDArray[np.int64]
_Truth = npt.NDArray[np.bool_]


def cells(shown: pl.DataFrame, knobs: Sequence[Knob], now: datetime) -> pl.DataFrame:
    """Count lines by what they show besides what the knobs move, and by which values move it.

    Args:
        shown: lines with the columns of `READ`.
        knobs: what is moved.
        now: the time of the sweep.

    Returns:
        `base` (signals without the moved bits), `axis` (the place of the floor knob of the line's currency, -1: none),
        `bucket` (how many of its values the amount reaches), `wait` (how many of the pending days have passed, -1: not
        moved), `label`, and `lines` and `naira` (minor units of the lines in naira).

    """
    told = shown.with_columns(
        axis=pl.lit(-1, dtype=pl.Int32),
        bucket=pl.lit(0, dtype=pl.Int32),
        wait=pl.lit(-1, dtype=pl.Int32),
        base=pl.col("signals"),
        naira=pl.when(pl.col("currency") == NAIRA).then(pl.col("amount")).otherwise(0),
    )
    for place, knob in enumerate(knobs):
        if knob.is_floor:
            told = _by_floor(told, knob, place)
        elif knob.name == PENDING:
            told = _by_waiting(told, knob, now)
    return told.group_by(_CELL).agg(lines=pl.len().cast(pl.Int64), naira=pl.col("naira").sum())


def _by_floor(lines: pl.DataFrame, knob: Knob, place: int) -> pl.DataFrame:
    reached = pl.Series(knob.values, dtype=pl.Int64).search_sorted(lines["amount"], side="right")
    own = pl.col("currency") == knob.name.removeprefix("floor.")
    return lines.with_columns(
        axis=pl.when(own).then(pl.lit(place, dtype=pl.Int32)).otherwise("axis"),
        bucket=pl.when(own).then(pl.lit(reached.cast(pl.Int32))).otherwise("bucket"),
        base=pl.when(own).then(_without(Signal.AT_OR_ABOVE_FLOOR)).otherwise("base"),
    )


def _by_waiting(lines: pl.DataFrame, knob: Knob, now: datetime) -> pl.DataFrame:
    days = lines.select((pl.lit(now) - pl.col("booked_at")).dt.total_days()).to_series()
    passed = pl.Series(knob.values, dtype=pl.Int64).search_sorted(days.clip(-1), side="right")
    pending = ~held(Signal.SETTLED)
    return lines.with_columns(
        wait=pl.when(pending).then(pl.lit(passed.cast(pl.Int32))).otherwise("wait"),
        base=pl.when(pending).then(_without(Signal.OVERDUE)).otherwise("base"),
    )


def _without(signal: Signal) -> pl.Expr:
    held_ = (pl.col("base") & signal.bit) != 0
    return pl.when(held_).then(pl.col("base") - signal.bit).otherwise("base")


def points(counted: pl.DataFrame, knobs: Sequence[Knob], policy: Policy) -> list[dict[str, object]]:
    """Add every point of the grid up.

    Args:
        counted: what `cells` gives, of one batch or several below each other.
        knobs: as given to `cells`.
        policy: what is not moved.

    Returns:
        For each point the knobs' values as the policy file has them, `eligible`, `held`, `rejected` (lines),
        `naira_eligible` (minor units), and the figures of `metrics.figures`.

    """
    summed = counted.group_by(_CELL).agg(pl.col("lines", "naira").sum())
    shape = tuple(len(knob.values) for knob in knobs)
    grid = np.zeros((*shape, len(_MEASURES) + 1), dtype=np.int64)
    for part in summed.with_columns(waits=pl.col("wait") >= 0).partition_by("axis", "waits"):
        grid += _Part(part, knobs, policy).grid()
    totals = {measure: _total(summed, *measure) for measure in _MEASURES}
    values = product(*(knob.values for knob in knobs))
    rows = grid.reshape(-1, grid.shape[-1]).tolist()
    return [_point(knobs, each, row, totals) for each, row in zip(values, rows, strict=True)]


def _total(summed: pl.DataFrame, name: str, label: str | None) -> int:
    return int((summed if label is None else summed.filter(pl.col("label") == label))[name].sum())


def _point(
    knobs: Sequence[Knob], values: Sequence[int], row: list[int], totals: dict[tuple[str, str | None], int]
) -> dict[str, object]:
    sums = dict(zip(_MEASURES, row, strict=False))
    held_lines, eligible = row[-1], sums["lines", None]

    def tally(name: str) -> Tally:
        right, wrong = sums[name, BUSINESS], sums[name, PERSONAL]
        return Tally(right, wrong, totals[name, BUSINESS] - right, totals[name, PERSONAL] - wrong)

    return {
        **{knob.name: knob.written(value) for knob, value in zip(knobs, values, strict=True)},
        "eligible": eligible,
        "held": held_lines,
        "rejected": totals["lines", None] - eligible - held_lines,
        "naira_eligible": sums["naira", None],
        **figures(tally("lines"), tally("naira")),
    }


STOOD = ["label", "before_rule"]
"""The columns that `stood` reads."""


def stood(shown: pl.DataFrame) -> pl.DataFrame:
    """Count the labelled lines (columns of `STOOD`) by `label` and by whether they are `eligible` as they stand."""
    labelled = shown.filter(pl.col("label").is_not_null())
    labelled = labelled.with_columns(eligible=passed("before_").fill_null(value=False))
    return labelled.group_by("label", "eligible").agg(lines=pl.len().cast(pl.Int64))


def unknowable(standing_now: pl.DataFrame) -> list[str]:
    """What the labels do not tell, in sentences.

    Args:
        standing_now: what `stood` gives, of one batch or several below each other.

    """

    def total(label: str, *, eligible: bool) -> int:
        return int(standing_now.filter(pl.col("label") == label, pl.col("eligible") == eligible)["lines"].sum())

    tally = Tally(
        right=total(BUSINESS, eligible=True),
        wrong=total(PERSONAL, eligible=True),
        missed=total(BUSINESS, eligible=False),
        left=total(PERSONAL, eligible=False),
    )
    return cannot_know(tally) + unseen(tally)


class _Part:
    """Cells whose bits are moved by the same knobs, added up over the values of these and of the points."""

    def __init__(self, cells: pl.DataFrame, knobs: Sequence[Knob], policy: Policy) -> None:
        axis, waits = cells["axis"][0], cells["waits"][0]
        self._knobs = knobs
        self._policy = policy
        self._movers = [place for place, knob in enumerate(knobs) if place == axis or (waits and knob.name == PENDING)]
        self._scorers = [place for place, knob in enumerate(knobs) if knob.name == MINIMUM or knob.name in POINTS]
        self._base = cells["base"].to_numpy().astype(np.int64)
        self._reached = {place: cells["bucket" if place == axis else "wait"].to_numpy() for place in self._movers}
        self._bits = {
            place: Signal.AT_OR_ABOVE_FLOOR.bit if place == axis else Signal.OVERDUE.bit for place in self._movers
        }
        self._weights = np.stack([_weights(cells, *measure) for measure in _MEASURES])
        self._shown = self._all_shown()

    def grid(self) -> _Whole:
        """The measures of the eligible lines and the lines held, an axis a knob: 1 long where it moves nothing here."""
        sums = self._sums()  # moved values x combinations of signals x measures
        enough, short = (self._outcomes(points) for points in (_WITHIN_REACH, _OUT_OF_REACH))
        scored = self._scored()  # point values x combinations of signals
        eligible = np.where(scored, enough == Outcome.ELIGIBLE, short == Outcome.ELIGIBLE)
        is_held = np.where(scored, enough == Outcome.HELD, short == Outcome.HELD)
        return self._spread(np.concatenate([_added_up(eligible, sums), _added_up(is_held, sums[:, :, :1])], axis=2))

    def _all_shown(self) -> _Whole:
        """Every combination of signals that a value may give a line."""
        shown = [self._base]
        for place in self._movers:
            shown += [each | self._bits[place] for each in shown]
        return np.unique(np.concatenate(shown))

    def _sums(self) -> _Whole:
        lengths = [len(self._knobs[place].values) for place in self._movers]
        sums = np.zeros((prod(lengths), len(self._shown), len(_MEASURES)), dtype=np.int64)
        for number, chosen in enumerate(product(*map(range, lengths))):
            shown = self._base.copy()
            for place, value in zip(self._movers, chosen, strict=True):
                shown |= np.where(self._reached[place] > value, self._bits[place], 0)
            np.add.at(sums[number], np.searchsorted(self._shown, shown), self._weights.T)
        return sums

    def _outcomes(self, points: PointsTable) -> npt.NDArray[np.str_]:
        """What the table says of each combination."""
        rows = table(points)
        outcome = first_row(rows).replace_strict(
            list(range(len(rows))), [row.outcome.value for row in rows], return_dtype=pl.String
        )
        return pl.DataFrame({"signals": self._shown.astype(np.uint32)}).select(outcome).to_series().to_numpy()

    def _scored(self) -> _Truth:
        """Whether each combination reaches the minimum, a row a combination of the points' values."""
        chosen = [self._knobs[place] for place in self._scorers]
        told = []
        for values in product(*(knob.values for knob in chosen)):
            worth = self._policy.points.model_dump() | {
                knob.name.removeprefix("points."): value for knob, value in zip(chosen, values, strict=True)
            }
            score = np.zeros(len(self._shown), dtype=np.int64)
            for name, signal in POINTS.items():
                score += np.where(self._shown & signal.bit, worth[name.removeprefix("points.")], 0)
            told.append(score >= worth["minimum"])
        return np.array(told)

    def _spread(self, found: _Whole) -> _Whole:
        """Bring the axes into the order of the knobs."""
        lengths = {place: len(self._knobs[place].values) for place in (*self._scorers, *self._movers)}
        own = found.reshape(*lengths.values(), found.shape[-1])
        order = list(lengths)
        moved = np.transpose(own, [*np.argsort(order), len(order)])
        return moved.reshape(*(lengths.get(place, 1) for place in range(len(self._knobs))), found.shape[-1])


def _added_up(meant: _Truth, sums: _Whole) -> _Whole:
    """The sums over the combinations that are meant: point values x moved values x measures, some values at a time."""
    parts = np.array_split(meant, max(1, -(-len(meant) // _ROWS_AT_A_TIME)))
    return np.concatenate([np.einsum("as,bsm->abm", part.astype(np.int64), sums) for part in parts])


def _weights(cells: pl.DataFrame, name: str, label: str | None) -> _Whole:
    weights = cells[name].to_numpy().astype(np.int64)
    return (
        weights if label is None else np.where((cells["label"] == label).fill_null(value=False).to_numpy(), weights, 0)
    )


# Which of the points is best.

_CONDITION = re.compile(r"\s*([a-z_]+)\s*(>=|<=|>|<)\s*([0-9.]+)\s*")
_TESTS = {
    ">=": lambda found, asked: found >= asked,
    "<=": lambda found, asked: found <= asked,
    ">": lambda found, asked: found > asked,
    "<": lambda found, asked: found < asked,
}
CONDITIONED = ("precision", "recall", "f1", "precision_low", "recall_low", "f1_low", "eligible", "held", "rejected")
"""What a condition may speak of; `_low` is the lower end of the 95 % interval."""
Condition = tuple[str, str, float]
"""A name of `CONDITIONED`, a sign of `_TESTS`, and the number that is asked for."""
_BEHIND = {
    "precision": (("right", "wrong"), "eligible"),
    "recall": (("right", "missed"), "business"),
    "f1": (("right", "wrong", "missed"), "eligible or business"),
}
"""The labelled lines that each share is a share of: the counts that make them up, and what they are."""


def flat(point: dict[str, object]) -> dict[str, object]:
    """A point in plain columns: intervals as `_low` and `_high`, what is by naira with `naira_` in front."""
    told: dict[str, object] = {}
    for name, value in point.items():
        if name.endswith("_interval"):
            low, high = value if isinstance(value, tuple) else (None, None)
            told |= {name.replace("_interval", "_low"): low, name.replace("_interval", "_high"): high}
        elif isinstance(value, dict):
            told |= {f"{name}_{key}": each for key, each in value.items()}
        else:
            told[name] = value
    return told


def best(found: Sequence[dict[str, object]], where: str | None = None, most: int = 5) -> list[dict[str, object]]:
    """The best points that meet a condition: the highest F1, then the highest F1 by naira.

    Args:
        found: what `points` gives.
        where: such as `precision >= 0.98 and recall_low >= 0.9`; None for no condition.
        most: how many.

    Returns:
        None at all where no point meets the condition, or labels are too few to tell; and none that `left_out` counts.

    Raises:
        SweepError: the condition cannot be read.

    """
    conditions = list(_conditions(where)) if where else []
    told = [(point, flat(point)) for point in found]
    met = [
        (point, columns)
        for point, columns in told
        if columns["f1"] is not None
        and all(_meets(columns[name], sign, asked) for name, sign, asked in conditions)
        and _too_little(columns, conditions) is None
    ]
    met.sort(key=lambda each: (-_real(each[1]["f1"]), -_real(each[1]["naira_f1"])))
    return [point for point, _ in met[:most]]


def left_out(found: Sequence[dict[str, object]], where: str | None = None) -> list[str]:
    """Why points that may meet a condition are not called best, in sentences: too few labelled lines are behind them.

    Points that let no line through are not spoken of, labels would not change what they are.

    Raises:
        SweepError: the condition cannot be read.

    """
    conditions = list(_conditions(where)) if where else []
    short: Counter[str] = Counter()
    for columns in map(flat, found):
        known = [(columns[name], sign, asked) for name, sign, asked in conditions if columns[name] is not None]
        why = _too_little(columns, conditions)
        if why and columns["f1"] is not None and columns["eligible"] and all(_meets(*each) for each in known):
            short[why] += 1
    return [
        f"At {count:,} of {len(found):,} points {why}, so no such point is called best." for why, count in short.items()
    ]


def _too_little(columns: dict[str, object], conditions: Sequence[Condition]) -> str | None:
    """What too few labelled lines are behind at a point: a share that a condition names, or its rank; None: nothing."""
    named = {name.removesuffix("_low") for name, _, _ in conditions}
    for name, (counts, are) in _BEHIND.items():
        if name in named and sum(int(_real(columns[each])) for each in counts) < MINIMUM_LABELS:
            return f"fewer than {MINIMUM_LABELS} labelled lines are {are}, too few for a condition on {name}"
    if _real(columns["right"]) + _real(columns["wrong"]) < MINIMUM_A_CLASS:
        return f"fewer than {MINIMUM_A_CLASS} labelled lines are eligible, too few to rank by"
    return None


def _conditions(where: str) -> Iterator[Condition]:
    for part in re.split(r"\band\b|,", where):
        match = _CONDITION.fullmatch(part)
        if not match or match[1] not in CONDITIONED:
            names = ", ".join(CONDITIONED)
            raise SweepError(f'write a condition such as "precision >= 0.98", not {part.strip()!r}; there are {names}.')
        try:
            yield match[1], match[2], float(match[3])
        except ValueError:
            raise SweepError(f"{match[3]!r} is no number: write a condition such as precision >= 0.98.") from None


def _meets(found: object, sign: str, asked: float) -> bool:
    return found is not None and bool(_TESTS[sign](_real(found), asked))


def _real(value: object) -> float:
    return float(value) if isinstance(value, (int, float)) else 0.0
