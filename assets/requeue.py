"""Replaying the dead-letter queue: entries are decided anew by the policy in force, or tried by another.

What decides for good is the policy in force; another policy only tells what it would say, since the next run would
undo anything else. Both can be done again: the same entries end the same.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import duckdb
import polars as pl

from assets.replays import Scope, replay
from resources.clock import Clock
from resources.warehouse import days, rejections
from resources.warehouse.connection import Warehouse
from resources.warehouse.rejections import Asked
from rules.policy import Policy

_LINE = ["account_id", "transaction_id"]


@dataclass(frozen=True)
class Requeue:
    """What became of the entries, or would."""

    entries: int
    left: int
    """How many are rejected no longer."""
    ends: list[dict[str, object]]
    """`from` and `to` (`eligible`, `held` or `reason/detail`) and `entries`, those that move first."""


def requeue(warehouse: Warehouse, asked: Asked, *, clock: Clock, run_id: str, decide: Callable[[], object]) -> Requeue:
    """Decide entries anew by the policy in force, and write down that they were.

    Their whole days are marked and decided by the way that everything is; a requeue that is cut off is finished by
    the next run, all but that word.

    Args:
        warehouse: read and written.
        asked: which entries.
        clock: gives the time that is written down.
        run_id: the message of each commit.
        decide: decides the days that wait.

    Raises:
        KobosiftError: what `decide` raises; the days wait as before.
    """
    with warehouse.read() as con:
        before = rejections.entries(con, asked)
    if before.is_empty():
        return Requeue(0, 0, [])
    touched = before.select("organization_id", "environment", "day").unique()
    warehouse.write(lambda con: days.touch(con, touched, f"{run_id}/replay"), run_id=run_id, note="replay rejections")
    decide()
    now = clock.now()

    def work(con: duckdb.DuckDBPyConnection) -> pl.DataFrame:
        rejections.replayed(con, before, now)
        return rejections.ends_of(con, before)

    after = warehouse.write(work, run_id=run_id, note="replay rejections")
    ended = before.join(after, on=_LINE, how="left")
    return _ended(ended.select("to", entries=pl.lit(1), **{"from": pl.concat_str("reason", "detail", separator="/")}))


def try_other(warehouse: Warehouse, asked: Asked, *, policy: Policy, clock: Clock) -> Requeue:
    """Say what another policy would make of entries; nothing is written."""
    with warehouse.read() as con:
        before = rejections.entries(con, asked)
    if before.is_empty():
        return Requeue(0, 0, [])
    days_asked = before["day"].unique().sort().to_list()
    scope = Scope(days_asked[0], days_asked[-1], only=before.select(_LINE))
    found = replay(warehouse, policy=policy, clock=clock, scope=scope, examples=0)
    matrix = pl.DataFrame(found.summary.matrix, schema_overrides={"from": pl.String, "to": pl.String})
    return _ended(matrix.select("from", "to", entries="lines"))


def _ended(moved: pl.DataFrame) -> Requeue:
    counted = moved.group_by("from", "to").agg(pl.col("entries").sum())
    left = counted.filter(~pl.col("to").fill_null("").str.contains("/", literal=True))["entries"].sum()
    order = counted.sort(
        pl.col("from") == pl.col("to"), pl.col("entries"), "from", "to", descending=[False, True, False, False]
    )
    return Requeue(int(counted["entries"].sum()), int(left), order.to_dicts())
