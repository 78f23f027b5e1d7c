"""What labels say of a policy's words and weights: read from the warehouse, judged by the rules; nothing is written."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from assets.replays import Basis, Scope, snapshot
from resources.clock import Clock
from resources.errors import KobosiftError
from resources.warehouse import replays
from resources.warehouse.connection import Warehouse
from rules import word_stats
from rules.labels import BUSINESS, PERSONAL
from rules.lists import Lists
from rules.metrics import Tally, cannot_know
from rules.policy import Policy
from rules.scorecard import Fitted, decided_by_score, fit
from rules.signals import signals
from rules.word_stats import Candidate, TermStats

LINES_LOOKED_AT = 20_000
"""How many lines without a label terms are tried on, besides all that have one."""


@dataclass(frozen=True)
class Words:
    """What a policy's terms do, and which words might become terms."""

    lines: int
    labels: int
    terms: list[TermStats]
    candidates: list[Candidate]
    cannot_know: list[str]
    """What the labels do not tell, in sentences."""


def words(warehouse: Warehouse, *, policy: Policy, clock: Clock, scope: Scope, most: int = LINES_LOOKED_AT) -> Words:
    """Try each term of a policy on labelled lines and on a part of the others.

    Raises:
        KobosiftError: there are no lines.
        WarehouseError: the warehouse cannot be read.
    """
    with snapshot(warehouse, clock, scope) as basis:
        lines = _some(basis, most)
        asked = word_stats.Scope(Lists.in_force(basis.entries, basis.now), basis.invoices, basis.now)
    terms = word_stats.term_stats(lines, policy=policy, scope=asked)
    named = signals(lines.lazy(), policy=policy, lists=asked.lists, invoices=asked.invoices, now=asked.now)
    said = named.select("narration", "description", "counterparty", "label").collect()
    business, personal = (len(lines.filter(pl.col("label") == label)) for label in (BUSINESS, PERSONAL))
    few = cannot_know(Tally(missed=business, left=personal))
    return Words(len(lines), business + personal, terms, word_stats.candidates(said, policy), few)


def fit_points(warehouse: Warehouse, *, policy: Policy, clock: Clock, scope: Scope) -> Fitted:
    """Fit points to the labelled lines that the score decides.

    Raises:
        KobosiftError: there are no lines, or too few labels.
        WarehouseError: the warehouse cannot be read.
    """
    with snapshot(warehouse, clock, scope) as basis:
        lines = _some(basis, 0).filter(pl.col("label").is_not_null())
        lists = Lists.in_force(basis.entries, basis.now)
        shown = signals(lines.lazy(), policy=policy, lists=lists, invoices=basis.invoices, now=basis.now)
        read = ["signals", "label", "amount", "currency", "fold"]
        scored = shown.filter(decided_by_score(policy.points)).select(read).collect()
    business = len(scored.filter(pl.col("label") == BUSINESS))
    if few := cannot_know(Tally(missed=business, left=len(scored) - business)):
        raise KobosiftError(f"no points can be fitted to the lines that the score decides. {' '.join(few)}")
    return fit(scored, policy.points)


def _some(basis: Basis, most: int) -> pl.DataFrame:
    if not basis.batches:
        raise KobosiftError("there are no lines on these days: kobosift sync brings them in.")
    basis.con.register("batch_days", pl.concat(basis.batches).to_arrow())
    lines = replays.some_lines(basis.con, most)
    basis.con.unregister("batch_days")
    return lines
