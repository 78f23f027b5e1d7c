"""Replaying stored lines under another policy: read some days at a time, tried by the rules, added up; never written.

One read transaction sees one state of the warehouse, whatever others commit meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path

import duckdb
import polars as pl

from assets.decisions import day_batches
from resources.clock import Clock
from resources.errors import KobosiftError
from resources.row_files import check_form, write_rows
from resources.warehouse import invoices, lists, replays
from resources.warehouse.connection import Warehouse
from rules.lists import effective
from rules.policy import Policy
from rules.replay import FLIPS, MINUTES_A_LINE, Summary, cells, flips, replayed, summary

_READ = [*FLIPS.names(), "before_rule", "rule", "before_score", "score", "before_signals", "signals"]
_READ.remove("why")


@dataclass(frozen=True)
class Scope:
    """Which lines, and by what else than the policy they are judged."""

    start: date | None = None
    end: date | None = None
    as_of: datetime | None = None
    """Against the decisions that stood then; None for those in force."""
    entries: pl.DataFrame | None = None
    """List entries to judge by (`lists.ENTRIES`); None for the warehouse's own."""
    only: pl.DataFrame | None = None
    """`account_id`, `transaction_id` of the only lines; None for all."""


@dataclass(frozen=True)
class Replay:
    """What a replay found."""

    summary: Summary
    examples: pl.DataFrame
    """The first flipped lines, the columns of `FLIPS`."""
    waiting_days: int
    """Days whose lines changed since they were decided: of these the next run would decide some otherwise anyway."""


@dataclass
class Basis:
    """What one replay or sweep reads: a snapshot, its days in batches, and the lists and invoices of the time."""

    con: duckdb.DuckDBPyConnection
    entries: pl.DataFrame
    invoices: pl.DataFrame
    now: datetime
    scope: Scope
    batches: list[pl.DataFrame] = field(default_factory=list)

    def lines(self) -> Iterator[pl.DataFrame]:
        """The stored lines with what stands of them, a batch of days at a time."""
        for batch in self.batches:
            self.con.register("batch_days", batch.to_arrow())
            lines, only = replays.lines_with_decisions(self.con, self.scope.as_of), self.scope.only
            yield lines if only is None else lines.join(only, on=["account_id", "transaction_id"], how="semi")
            self.con.unregister("batch_days")


@contextmanager
def snapshot(warehouse: Warehouse, clock: Clock, scope: Scope) -> Iterator[Basis]:
    """One state of the warehouse to read from.

    Raises:
        WarehouseError: it cannot be read.
    """
    now = clock.now()
    with warehouse.read() as con:
        con.begin()
        entries = lists.all_entries(con) if scope.entries is None else scope.entries
        basis = Basis(con, effective(entries, now), invoices.numbers(con), now, scope)
        basis.batches = list(day_batches(replays.stored_days(con, scope.start, scope.end)))
        try:
            yield basis
        finally:
            con.rollback()


def replay(
    warehouse: Warehouse,
    *,
    policy: Policy,
    clock: Clock,
    scope: Scope,
    examples: int = 100,
    minutes_a_line: float = MINUTES_A_LINE,
    out: Path | None = None,
) -> Replay:
    """Say what a policy would change in stored lines, without changing it.

    Args:
        warehouse: only read.
        policy: the policy that is tried.
        clock: gives the time at which it is.
        scope: which lines, against which decisions, by which lists.
        examples: how many flipped lines to keep.
        minutes_a_line: how long a person looks at an eligible line.
        out: a CSV, XLSX or Parquet file for all flipped lines.

    Raises:
        ConfigurationError: the file cannot be written there.
        KobosiftError: there are no lines, or the file cannot be written whole.
        WarehouseError: the warehouse cannot be read.
    """
    if out is not None:
        check_form(out)
    counted: list[pl.DataFrame] = []
    kept: list[pl.DataFrame] = []
    with snapshot(warehouse, clock, scope) as basis:
        if not basis.batches:
            raise KobosiftError("there are no lines on these days to replay: kobosift sync brings them in.")
        waiting = replays.undecided_days(basis.con)

        def flipped() -> Iterator[pl.DataFrame]:
            for lines in basis.lines():
                tried = _tried(lines, policy, basis)
                counted.append(cells(tried.lazy()).collect())
                found = flips(tried, policy)
                room = examples - sum(map(len, kept))
                if room > 0 and len(found):
                    kept.append(found.sort("day", "account_id", "transaction_id").head(room))
                yield found

        if out is None:
            for _ in flipped():
                pass
        else:
            write_rows(flipped(), FLIPS, out)
    return Replay(summary(pl.concat(counted), minutes_a_line), pl.concat([pl.DataFrame(schema=FLIPS), *kept]), waiting)


def _tried(lines: pl.DataFrame, policy: Policy, basis: Basis) -> pl.DataFrame:
    found = replayed(lines.lazy(), policy=policy, entries=basis.entries, invoices=basis.invoices, now=basis.now)
    return found.select(_READ).collect(engine="streaming")
