"""Settling tenants: reconcile their payments with their invoices, and write what follows, in one transaction a batch.

Deciding leaves payments of tenants with invoices to this; whole tenants are taken, as many together as make a batch.
A batch that is cut off leaves no trace, and its tenants wait as before.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

import duckdb
import polars as pl

from resources.clock import Clock
from resources.warehouse import decisions, drafts, invoices, rejections, settlements
from resources.warehouse.connection import Warehouse
from rules.deductions import shipped_pack
from rules.drafts import draft_documents
from rules.policy import Policy
from rules.reconciliation import ends, reconcile

DECISIONS_A_BATCH = 1_000_000
"""About how many decisions the tenants of one transaction have: this bounds memory for many small tenants."""


@dataclass(frozen=True)
class SettleReport:
    """What settling did, in counts."""

    tenants: int = 0
    payments: int = 0
    linked: int = 0
    suggested: int = 0
    settlements_withdrawn: int = 0
    drafts_created: int = 0
    drafts_withdrawn: int = 0
    rejections_new: int = 0

    def __add__(self, other: SettleReport) -> SettleReport:
        return SettleReport(**{name: value + getattr(other, name) for name, value in vars(self).items()})


def settle_tenants(warehouse: Warehouse, *, policy: Policy, clock: Clock, trace_id: str, run_id: str) -> SettleReport:
    """Settle every tenant whose decisions, invoices, people's words, policy or deductions changed.

    Args:
        warehouse: read and written, one transaction a batch of tenants.
        policy: strategies, windows, tolerance.
        clock: gives the time of the settlements.
        trace_id: kept with every settlement that changes, and with what follows from it.
        run_id: the message of each commit.

    Raises:
        WarehouseError: the warehouse cannot be read or written.

    """
    now = clock.now()
    with warehouse.read() as con:
        waiting = settlements.waiting(con, policy.hash, shipped_pack().version)
    report = SettleReport()
    for batch in batches(waiting):

        def work(con: duckdb.DuckDBPyConnection, batch: pl.DataFrame = batch) -> SettleReport:
            return _settle_batch(con, batch, policy, now, trace_id)

        report += warehouse.write(work, run_id=run_id, note="settle")
    return report


def batches(waiting: pl.DataFrame) -> Iterator[pl.DataFrame]:
    """Tenants, as many together as make about `DECISIONS_A_BATCH` of their `decisions`."""
    number = (pl.col("decisions").cum_sum() - pl.col("decisions")) // DECISIONS_A_BATCH
    for _, batch in waiting.with_columns(batch=number).group_by("batch", maintain_order=True):
        yield batch.select("organization_id", "environment")


def _settle_batch(
    con: duckdb.DuckDBPyConnection, batch: pl.DataFrame, policy: Policy, now: datetime, trace_id: str
) -> SettleReport:
    """Read, reconcile and write the tenants of one batch, within one transaction."""
    con.register("batch_tenants", batch.to_arrow())
    pack = shipped_pack()
    seen = settlements.marks(con)
    payments = settlements.payments(con, policy.file.settlement.narration_limit)
    result = reconcile(payments, invoices.of_batch(con), settlements.standing(con), policy, pack)
    made = settlements.replace(
        con, result, now=now, trace_id=trace_id, policy_hash=policy.hash, pack_version=pack.version
    )
    con.register("payment_ends", ends(payments, settlements.ends(con), result.rejected).to_arrow())
    decisions.amend(con, now=now, trace_id=trace_id)
    since = seen["since"].min()
    decisions.changed_payments(con, since if isinstance(since, datetime) else now)
    documents = draft_documents(decisions.payments_to_draft(con).lazy(), policy).collect()
    followed = drafts.follow(con, documents, now=now, trace_id=trace_id)
    rejected = rejections.follow(con)
    settlements.settle_marks(con, seen, policy_hash=policy.hash, pack_version=pack.version)
    con.unregister("payment_ends")
    con.unregister("batch_tenants")
    return SettleReport(
        tenants=len(batch),
        payments=len(payments),
        linked=made.linked,
        suggested=made.suggested,
        settlements_withdrawn=made.withdrawn,
        drafts_created=followed.created,
        drafts_withdrawn=followed.withdrawn,
        rejections_new=rejected,
    )
