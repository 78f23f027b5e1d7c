"""Replaying stored lines under another policy: read some days at a time, tried by the rules, added up; never written.

Payments of tenants with invoices are settled anew besides, whole tenants at a time (`assets/resettling.py`). One read
transaction sees one state of the warehouse, whatever others commit meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cached_property, partial
from pathlib import Path
from typing import TypeVar

import duckdb
import polars as pl

from assets.decisions import day_batches
from assets.resettling import resettle
from assets.stale import tenant_states
from resources.clock import Clock
from resources.errors import KobosiftError
from resources.row_files import check_form, write_rows
from resources.warehouse import days, invoices, labels, lists, overrules, policies, replays, settlements
from resources.warehouse.connection import Warehouse
from rules.deductions import Pack, shipped_pack
from rules.lists import EMPTY_LISTS_HASH, Lists, effective, state_hashes
from rules.overrules import lifted
from rules.policy import Policy, parse_policy
from rules.references import number_hashes
from rules.replay import (
    BEFORE,
    ELIGIBLE,
    FLIPS,
    MINUTES_A_LINE,
    SEEN,
    Summary,
    beside,
    cells,
    changed_pieces,
    flips,
    renumbered,
    same_numbers,
    same_words,
    settled_cells,
    summary,
    unmoved,
)
from rules.resettling import Resettled
from rules.side_by_side import in_pieces
from rules.signals import signals

T = TypeVar("T")

_TENANTS = pl.Schema({"organization_id": pl.String(), "environment": pl.String()})
_READ = [*FLIPS.names(), "before_rule", "rule", "before_score", "score", "before_signals", "signals"]
_READ.remove("why")
_LINE = ["account_id", "transaction_id"]
_SHOWN = [
    *("organization_id", "environment", "account_id", "transaction_id", "booked_at", "day", "direction", "amount"),
    "currency",
    *(f"before_{name}" for name in BEFORE),
    *("signals", *SEEN, "label", "draft_status"),
]
"""What is told of a line, and tried."""
_OF_PAYMENTS = ["counterparty", "before_outcome", "before_detail"]


class NoLinesError(KobosiftError):
    """There is nothing to replay."""


@dataclass(frozen=True)
class Scope:
    """Which lines, and by what else than the policy they are judged."""

    start: date | None = None
    end: date | None = None
    as_of: datetime | None = None
    """Against the decisions that stood then, of lines as they were, by the list entries of then; None: of now."""
    entries: pl.DataFrame | None = None
    """List entries to judge by (`lists.ENTRIES`); None for the warehouse's own."""
    only: pl.DataFrame | None = None
    """`account_id`, `transaction_id` of the only lines; None for all."""

    @property
    def settles(self) -> bool:
        """Whether payments are settled anew: invoices are kept as they are, not as they were."""
        return self.as_of is None and self.only is None


@dataclass(frozen=True)
class Replay:
    """What a replay found."""

    summary: Summary
    examples: pl.DataFrame
    """The first flipped lines, the columns of `FLIPS`."""
    settlements: Resettled | None
    """What would be settled otherwise; None where that is not told: as of a time, or of single lines."""
    waiting_tenants: int
    """Tenants that the next run would settle otherwise anyway: their invoices or what people say of them changed."""
    waiting_days: int
    """Days whose lines changed since they were decided: of these the next run would decide some otherwise anyway."""


@dataclass
class Basis:
    """What one replay or sweep reads: a snapshot, its days in batches, and the lists and invoices of the time."""

    con: duckdb.DuckDBPyConnection
    entries: pl.DataFrame
    invoices: pl.DataFrame
    overrules: pl.DataFrame
    now: datetime
    scope: Scope
    seen_by: Policy | None = None
    """The policy that all lines were decided by, where they would be decided the same again; else None."""
    batches: list[pl.DataFrame] = field(default_factory=list)
    booked: pl.DataFrame = field(default_factory=_TENANTS.to_frame)
    """The tenants whose payments are settled anew."""

    def shown(self, policy: Policy) -> Iterator[pl.LazyFrame]:
        """The stored lines with their signals under a policy, and what stands of them, a batch of days at a time.

        What was seen when they were decided is taken again in lines that no word is in which the policy has and the
        other had not, or the other way round.
        """
        if self.seen_by is not None and same_words(self.seen_by, policy):
            for lines in self._ahead(partial(replays.lines_as_seen, payers=self._settles)):
                yield renumbered(self._meant(lines), policy, self.now)
            return
        pieces = changed_pieces(self.seen_by, policy) if self.seen_by is not None else None
        if pieces is not None:
            for lines, texts in self._ahead(partial(_seen_and_texts, pieces=pieces, payers=self._settles)):
                yield self._partly_read(self._meant(lines), texts.lazy(), policy)
            return
        for lines in self._ahead(partial(replays.lines_with_decisions, as_of=self.scope.as_of)):
            yield self._read(self._meant(lines), policy)

    def tried(self, policy: Policy) -> Iterator[tuple[pl.LazyFrame, pl.DataFrame | None]]:
        """As `shown`; where the policy has other words alone, the lines that hold none of these come counted.

        A batch's lines that may be decided otherwise, and the cells of the others.
        """
        seen_by = self.seen_by if self.scope.only is None and not self._settles else None
        pieces = changed_pieces(seen_by, policy) if seen_by is not None and same_numbers(seen_by, policy) else None
        if pieces is None:
            yield from ((lines, None) for lines in self.shown(policy))
            return
        for lines, others in self._ahead(partial(_those_and_others, pieces=pieces)):
            yield self._read(lines.lazy(), policy), unmoved(others)

    def _read(self, lines: pl.LazyFrame, policy: Policy) -> pl.LazyFrame:
        def seen(piece: pl.LazyFrame) -> pl.LazyFrame:
            found = signals(piece, policy=policy, lists=self._in_force, invoices=self.invoices, now=self.now)
            return found.select(pl.exclude("^_.*$"))

        return lifted(in_pieces(lines.collect(), seen).lazy(), self.overrules)

    def _partly_read(self, lines: pl.LazyFrame, texts: pl.LazyFrame, policy: Policy) -> pl.LazyFrame:
        """Lines as they were seen, but for those whose texts are there to be read again."""
        seen = renumbered(lines.join(texts, on=_LINE, how="anti"), policy, self.now)
        bare = lines.drop("signals", "counterparty", *SEEN, strict=False).with_columns(account_currency="currency")
        again = self._read(bare.join(texts, on=_LINE), policy)
        shown = [*_SHOWN, "counterparty"] if self._settles else _SHOWN
        return pl.concat([each.select(shown) for each in (again, seen)])

    @property
    def _settles(self) -> bool:
        """Whether payments are settled anew, for which it counts who paid."""
        return not self.booked.is_empty()

    @cached_property
    def _in_force(self) -> Lists:
        return Lists.in_force(self.entries, self.now)

    def _ahead(self, read: Callable[[duckdb.DuckDBPyConnection], T]) -> Iterator[T]:
        """Read each batch of days while the one before is worked on."""

        def one(batch: pl.DataFrame) -> T:
            self.con.register("batch_days", batch.to_arrow())
            try:
                return read(self.con)
            finally:
                self.con.unregister("batch_days")

        if not self.batches:
            return
        with ThreadPoolExecutor(1) as pool:
            coming = pool.submit(one, self.batches[0])
            for batch in self.batches[1:]:
                lines = coming.result()
                coming = pool.submit(one, batch)
                yield lines
            yield coming.result()

    def _meant(self, lines: pl.DataFrame) -> pl.LazyFrame:
        only = self.scope.only
        return (lines if only is None else lines.join(only, on=_LINE, how="semi")).lazy()


def _seen_and_texts(
    con: duckdb.DuckDBPyConnection, *, pieces: frozenset[str], payers: bool
) -> tuple[pl.DataFrame, pl.DataFrame]:
    return replays.lines_as_seen(con, payers=payers), replays.texts_to_reread(con, pieces)


def _those_and_others(con: duckdb.DuckDBPyConnection, *, pieces: frozenset[str]) -> tuple[pl.DataFrame, pl.DataFrame]:
    those = replays.lines_that_may_hold(con, pieces)
    return those, replays.others_counted(con, those.select(_LINE))


@contextmanager
def snapshot(warehouse: Warehouse, clock: Clock, scope: Scope) -> Iterator[Basis]:
    """One state of the warehouse to read from.

    Raises:
        WarehouseError: it cannot be read.
    """
    then = scope.as_of
    now = min(then, clock.now()) if then else clock.now()
    with warehouse.read() as con:
        con.begin()
        labels.gather(con)
        own = lists.entries_then(con, then) if then else lists.all_entries(con)
        entries = own if scope.entries is None else scope.entries
        basis = Basis(con, effective(entries, now), invoices.numbers(con), overrules.in_force(con, then), now, scope)
        basis.seen_by = _seen_by(basis)
        stored = replays.stored_days(con, scope.start, scope.end, older_versions=then is not None)
        basis.batches = list(day_batches(stored))
        try:
            yield basis
        finally:
            con.rollback()


def _seen_by(basis: Basis) -> Policy | None:
    """The policy whose decisions of all these days would come out the same now, if there is one."""
    scope, con = basis.scope, basis.con
    hashes = days.deciding_policies(con, scope.start, scope.end)
    if scope.as_of is not None or scope.entries is not None or len(hashes) != 1:
        return None
    tenants = tenant_states(state_hashes(basis.entries), number_hashes(basis.invoices))
    state = days.State(hashes[0], tenants, EMPTY_LISTS_HASH, basis.now)
    kept = policies.find(con, hashes[0])
    if kept is None or not days.waiting(con, state, scope.start, scope.end).is_empty():
        return None
    return parse_policy(kept[1], "the policy that decided")


def replay(
    warehouse: Warehouse,
    *,
    policy: Policy,
    clock: Clock,
    scope: Scope,
    pack: Pack | None = None,
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
        pack: the lawful deductions to settle by; by default the shipped ones.
        examples: how many flipped lines to keep.
        minutes_a_line: how long a person looks at an eligible line.
        out: a CSV, XLSX or Parquet file for all flipped lines.

    Raises:
        ConfigurationError: the file cannot be written there.
        NoLinesError: there are no lines.
        KobosiftError: the file cannot be written whole.
        WarehouseError: the warehouse cannot be read.
    """
    if out is not None:
        check_form(out)
    told = _Told(policy, examples)
    with snapshot(warehouse, clock, scope) as basis:
        if not basis.batches:
            raise NoLinesError("there are no lines on these days to replay: kobosift sync brings them in.")
        if scope.settles:
            basis.booked = settlements.booked(basis.con, every_tenant=policy.file.reference.must_exist)
        if out is None:
            for _ in told.flipped(basis):
                pass
        else:
            write_rows(told.flipped(basis), FLIPS, out)
        settled = resettle(basis, told.payments, policy, pack or shipped_pack()) if scope.settles else None
        waiting = replays.undecided_days(basis.con)
        tenants = replays.unsettled_tenants(basis.con) if scope.settles else 0
    counted = [*told.counted, *([settled_cells(settled.lines.lazy()).collect()] if settled else [])]
    return Replay(
        summary(pl.concat(counted), minutes_a_line),
        pl.concat([pl.DataFrame(schema=FLIPS), *told.kept]),
        settled,
        tenants,
        waiting,
    )


@dataclass
class _Told:
    """What a replay has found so far."""

    policy: Policy
    examples: int
    counted: list[pl.DataFrame] = field(default_factory=list)
    kept: list[pl.DataFrame] = field(default_factory=list)
    payments: list[pl.DataFrame] = field(default_factory=list)
    """Decided credits of the tenants with books that are eligible on either side."""

    def flipped(self, basis: Basis) -> Iterator[pl.DataFrame]:
        """Replay batch after batch; gives the flipped lines of each."""
        booked = not basis.booked.is_empty()
        columns = [*_READ, *(_OF_PAYMENTS if booked else [])]
        for shown, unmoved_cells in basis.tried(self.policy):
            if unmoved_cells is not None:
                self.counted.append(unmoved_cells)
            tried = beside(shown, self.policy).select(columns).collect(engine="streaming")
            others = self._without_payments(tried, basis.booked) if booked else tried
            self.counted.append(cells(others.lazy()).collect())
            found = flips(tried, self.policy)
            room = self.examples - sum(map(len, self.kept))
            if room > 0 and len(found):
                self.kept.append(found.sort("day", "account_id", "transaction_id").head(room))
            yield found

    def _without_payments(self, tried: pl.DataFrame, booked: pl.DataFrame) -> pl.DataFrame:
        """Keep the payments aside; the other lines."""
        eligible = (pl.col("from") == ELIGIBLE) | (pl.col("from").is_not_null() & (pl.col("to") == ELIGIBLE))
        payment = (pl.col("direction") == "credit") & eligible.fill_null(value=False)
        paying = tried.filter(payment).join(booked, on=_TENANTS.names(), how="semi")
        self.payments.append(paying)
        return tried.join(paying.select(_LINE), on=_LINE, how="anti")
