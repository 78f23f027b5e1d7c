"""Sweeping numbers of the policy over stored lines: signals once, some days at a time, then every point of the grid."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from assets.replays import Scope, snapshot
from resources.clock import Clock
from resources.errors import KobosiftError
from resources.warehouse.connection import Warehouse
from rules import sweep as rule
from rules.knobs import Knob, check_knobs
from rules.policy import Policy


@dataclass(frozen=True)
class Sweep:
    """What a sweep found."""

    lines: int
    points: list[dict[str, object]]
    """One a point of the grid, as `rules.sweep.points` gives them."""
    cannot_know: list[str]
    """What the labels do not tell."""


def sweep(warehouse: Warehouse, *, policy: Policy, knobs: Sequence[Knob], clock: Clock, scope: Scope) -> Sweep:
    """Say what each combination of the knobs' values would give, without changing anything.

    Args:
        warehouse: only read.
        policy: what the knobs do not move.
        knobs: the numbers to move.
        clock: gives the time of the sweep.
        scope: which lines, by which lists.

    Raises:
        SweepError, PolicyError: the knobs make no grid that can be tried.
        KobosiftError: there are no lines.
        WarehouseError: the warehouse cannot be read.
    """
    check_knobs(knobs, policy)
    counted: list[pl.DataFrame] = []
    stood: list[pl.DataFrame] = []
    with snapshot(warehouse, clock, scope) as basis:
        for shown in basis.shown(policy):
            read = shown.select(*dict.fromkeys([*rule.READ, *rule.STOOD])).collect(engine="streaming")
            counted.append(rule.cells(read, knobs, basis.now))
            stood.append(rule.stood(read))
    if not counted:
        raise KobosiftError("there are no lines on these days to sweep over: kobosift sync brings them in.")
    cells = pl.concat(counted)
    return Sweep(int(cells["lines"].sum()), rule.points(cells, knobs, policy), rule.unknowable(pl.concat(stood)))
