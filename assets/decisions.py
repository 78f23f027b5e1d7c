"""Deciding days: read the lines, decide them by the rules, write what follows, in one transaction a batch of days.

A batch that is cut off leaves no trace, and its days wait as before: a run can be killed at any moment and run again.
Dagster, the command and the gateway all decide through `decide_days`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

import duckdb
import polars as pl

from assets.settling import SettleReport, settle_tenants
from assets.shadowing import Asked, Candidate, candidate, note_disagreements
from assets.stale import rests_on
from resources.clock import Clock
from resources.warehouse import days as day_tables
from resources.warehouse import decisions, drafts, overrules, policies, rejections, settlements
from resources.warehouse.connection import Warehouse
from rules.contracts import DECISIONS, TRANSACTIONS, checked
from rules.drafts import draft_documents
from rules.lists import Lists
from rules.policy import Policy

LINES_A_BATCH = 250_000
"""About how many lines are decided and written in one transaction: this bounds memory, whatever the history."""


@dataclass(frozen=True)
class DecideReport:
    """What deciding did, in counts."""

    days: int = 0
    lines: int = 0
    decided: int = 0
    changed: int = 0
    drafts_created: int = 0
    drafts_withdrawn: int = 0
    rejections_new: int = 0
    events: int = 0

    linked: int = 0
    suggested: int = 0

    def __add__(self, other: DecideReport) -> DecideReport:
        return DecideReport(**{name: value + getattr(other, name) for name, value in vars(self).items()})

    def with_settled(self, settled: SettleReport) -> DecideReport:
        """With what settling did besides."""
        return self + DecideReport(
            drafts_created=settled.drafts_created,
            drafts_withdrawn=settled.drafts_withdrawn,
            rejections_new=settled.rejections_new,
            events=settled.rejections_new,
            linked=settled.linked,
            suggested=settled.suggested,
        )


@dataclass(frozen=True)
class _Basis:
    """All that a decision rests on besides the line: read once a run, the same for every batch."""

    state: day_tables.State
    lists: Lists
    invoices: pl.DataFrame
    beside: Candidate | None


def decide_days(
    warehouse: Warehouse,
    *,
    policy: Policy,
    clock: Clock,
    trace_id: str,
    run_id: str,
    start: date | None = None,
    end: date | None = None,
    only_stale: bool = True,
) -> DecideReport:
    """Decide days, settle the tenants that this touches, and write decisions, settlements, drafts and rejections.

    Args:
        warehouse: read and written, one transaction a batch of days.
        policy: the rules' numbers and words.
        clock: gives the time of the decisions.
        trace_id: kept with every decision that changes, and with what follows from it.
        run_id: the message of each commit.
        start: the first day; None for the first there is.
        end: the last day; None for the last there is.
        only_stale: leave out the days that are decided as they would be now.

    Raises:
        ContractError: a frame breaks its contract; nothing of its batch is written.
        WarehouseError: the warehouse cannot be read or written.
    """
    with warehouse.read() as con:
        basis = _basis(con, policy, clock)
        choose = day_tables.waiting if only_stale else day_tables.all_days
        chosen = choose(con, basis.state, start, end)
    if not chosen.is_empty():
        warehouse.widen(int(chosen["lines"].sum()))
    report = DecideReport()
    for batch in day_batches(chosen):

        def work(con: duckdb.DuckDBPyConnection, batch: pl.DataFrame = batch) -> DecideReport:
            return _decide_batch(con, batch, basis, policy, trace_id)

        report += warehouse.write(work, run_id=run_id, note="decide")
    settled = settle_tenants(warehouse, policy=policy, clock=clock, trace_id=trace_id, run_id=run_id)
    return report.with_settled(settled)


def _basis(con: duckdb.DuckDBPyConnection, policy: Policy, clock: Clock) -> _Basis:
    rests = rests_on(con, policy, clock)
    return _Basis(rests.state, Lists.in_force(rests.entries, rests.state.now), rests.invoices, candidate(con))


def day_batches(chosen: pl.DataFrame) -> Iterator[pl.DataFrame]:
    """The days in order, as many together as make about `LINES_A_BATCH` lines."""
    number = (pl.col("lines").cum_sum() - pl.col("lines")) // LINES_A_BATCH
    for _, batch in chosen.with_columns(batch=number).group_by("batch", maintain_order=True):
        yield batch.select("organization_id", "environment", "day")


def _decide_batch(
    con: duckdb.DuckDBPyConnection, batch: pl.DataFrame, basis: _Basis, policy: Policy, trace_id: str
) -> DecideReport:
    """Read, decide and write the days of one batch, within one transaction."""
    now = basis.state.now
    con.register("batch_days", batch.to_arrow())
    policies.ensure(con, policy, now)
    seen = day_tables.touches(con)
    lines = checked(decisions.lines_to_decide(con), TRANSACTIONS)
    asked = Asked(basis.lists, basis.invoices, overrules.in_force(con), now)
    decided = checked(asked.decide(lines, policy), DECISIONS)
    if basis.beside:
        note_disagreements(con, lines, decided, basis.beside, asked, policy_hash=policy.hash, trace_id=trace_id)
    replaced = decisions.replace(con, _stamped(decided, basis, trace_id), now)
    settlements.defer(con, every_tenant=policy.file.reference.must_exist, now=now, touch_id=trace_id)
    documents = draft_documents(_changed_eligible(con, lines, decided), policy).collect()
    made = drafts.follow(con, documents, now=now, trace_id=trace_id)
    rejected = rejections.follow(con)
    day_tables.settle(con, seen, _decided_days(batch, lines, basis, policy))
    con.unregister("batch_days")
    return DecideReport(
        days=len(batch),
        lines=len(lines),
        decided=len(decided),
        changed=replaced.changed,
        drafts_created=made.created,
        drafts_withdrawn=made.withdrawn,
        rejections_new=rejected,
        events=rejected,
    )


def _changed_eligible(con: duckdb.DuckDBPyConnection, lines: pl.DataFrame, decided: pl.DataFrame) -> pl.LazyFrame:
    """The lines whose changed decision is eligible, with the counterparty and reference that were decided."""
    key = ["account_id", "transaction_id"]
    changed = con.execute("SELECT account_id, transaction_id FROM changed_decisions WHERE outcome = 'eligible'").pl()
    found = decided.lazy().select(*key, "counterparty", "reference").join(changed.lazy(), on=key, how="semi")
    return lines.lazy().drop("counterparty", "reference").join(found, on=key)


def _with_states(frame: pl.DataFrame, basis: _Basis) -> pl.DataFrame:
    """Add by what each row's tenant is decided: the policy's hash and those of its lists and invoices."""
    return frame.join(basis.state.tenants, on=["organization_id", "environment"], how="left").with_columns(
        pl.col("lists_hash", "invoices_hash").fill_null(basis.state.no_state),
        policy_hash=pl.lit(basis.state.policy_hash),
    )


def _stamped(decided: pl.DataFrame, basis: _Basis, trace_id: str) -> pl.DataFrame:
    return _with_states(decided, basis).with_columns(decided_at=pl.lit(basis.state.now), trace_id=pl.lit(trace_id))


def _decided_days(batch: pl.DataFrame, lines: pl.DataFrame, basis: _Basis, policy: Policy) -> pl.DataFrame:
    """The batch's days with when, if nothing else happens, a pending line of theirs is given up."""
    due = pl.col("booked_at") + timedelta(days=policy.pending_days)
    pending = (
        lines.filter((pl.col("status") == "pending") & (due > basis.state.now))
        .group_by("organization_id", "environment", "day")
        .agg(due_at=due.min())
    )
    return _with_states(batch, basis).join(pending, on=["organization_id", "environment", "day"], how="left")
