"""Settling tenants anew for a replay: the payments that another policy finds, through the reconciliation that runs use.

Nothing is written but temporary tables of the reading connection. What a payment settles bears on any other of its
tenant, so whole tenants are settled: those with payments in the replay, with their payments of other days as decided.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import duckdb
import polars as pl

from assets.settling import batches
from resources.warehouse import invoices, settlements
from rules.books import CANDIDATES, SETTLEMENTS, Reconciled
from rules.deductions import Pack
from rules.policy import Policy
from rules.reconciliation import reconcile
from rules.references import TENANT
from rules.replay import ELIGIBLE
from rules.resettling import Resettled, compared

if TYPE_CHECKING:
    from assets.replays import Basis


def resettle(basis: Basis, tried: list[pl.DataFrame], policy: Policy, pack: Pack) -> Resettled | None:
    """Say what settling the tenants of these payments by another policy or pack would change.

    Args:
        basis: the snapshot; its scope says which days the payments are of.
        tried: decided credits that are eligible on either side, as `replay.beside` gives them.
        policy: strategies, windows, tolerance.
        pack: the lawful deductions.

    Returns:
        None where there is no such payment.

    """
    lines = pl.concat(tried) if tried else pl.DataFrame()
    if lines.is_empty():
        return None
    tenants = lines.group_by(TENANT).agg(decisions=pl.len().cast(pl.Int64)).sort(TENANT)
    befores, found = zip(*(_batch(basis, batch, lines, policy, pack) for batch in batches(tenants)), strict=True)
    would = Reconciled(
        _priced(basis.con, [each.settlements for each in found]),
        pl.concat(each.rejected for each in found),
        pl.concat(each.candidates for each in found),
    )
    return compared(lines, _priced(basis.con, befores), would)


def _batch(
    basis: Basis, batch: pl.DataFrame, lines: pl.DataFrame, policy: Policy, pack: Pack
) -> tuple[pl.DataFrame, Reconciled]:
    """What stands of the batch's tenants, and what would, what people accepted and paid invoices keep among it."""
    con, scope = basis.con, basis.scope
    con.register("batch_tenants", batch.to_arrow())
    eligible = lines.filter(pl.col("to") == ELIGIBLE).join(batch, on=TENANT, how="semi")
    payments = settlements.tried_payments(
        con,
        policy.file.settlement.narration_limit,
        eligible.select(settlements.TRIED.names()).cast(settlements.TRIED),
        scope.start,
        scope.end,
    )
    before = settlements.in_force(con)
    found = reconcile(payments, invoices.of_batch(con), settlements.standing(con), policy, pack)
    stays = settlements.untouched(con)
    con.unregister("batch_tenants")
    after = pl.concat([found.settlements.select(SETTLEMENTS.names()), stays])
    return before, Reconciled(after, found.rejected, found.candidates.select(CANDIDATES.names()))


def _priced(con: duckdb.DuckDBPyConnection, frames: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """Settlements with the currency of their invoice."""
    return pl.concat(frames).join(invoices.currencies(con), on=[*TENANT, "invoice_id"], how="left")
