"""The assets that follow from bank lines by the rules: decisions, drafts, rejections.

One op writes all three, since a day's decisions, drafts, rejections and events are replaced in one transaction.
Partitioned by booked day; a range is one run. How days are decided is in `assets/decisions.py`; metadata here are
counts.
"""

from collections.abc import Iterator
from dataclasses import asdict

import dagster as dg

from assets.checks import proved, report_proof
from assets.described import OWNERS, of_funnel, of_table
from assets.desk import Desk
from assets.ingest import TRANSACTIONS
from assets.partitions import DAYS, chosen_days
from assets.redaction import without_row_values
from resources.clock import Clock
from resources.warehouse.connection import Warehouse
from rules.policy import Policy

# A chain, in which each has one parent of the same op: where two lead to one, Dagster 1.13 finds that the days of a
# backfill do not match, and refuses it.
DECISIONS = dg.AssetSpec(
    "decisions",
    deps=[TRANSACTIONS],
    group_name="decide",
    description="What the rules say of each line under the policy, lists and invoices in force, with the evidence.",
    owners=OWNERS,
    kinds={"ducklake", "polars"},
    metadata=of_table("decisions", of=("transactions",), view="decision_log"),
)
SETTLEMENTS = dg.AssetSpec(
    "settlements",
    deps=[DECISIONS],
    group_name="decide",
    description="Which payment settles which open invoice, or may, with the lawful deductions that explain the gap.",
    owners=OWNERS,
    kinds={"ducklake", "polars"},
    metadata=of_table("settlements", of=("decisions",), view="settlements"),
)
DRAFTS = dg.AssetSpec(
    "drafts",
    deps=[SETTLEMENTS],
    group_name="decide",
    description="Invoices and credit notes waiting for a person, one for each eligible line that settles no invoice.",
    owners=OWNERS,
    kinds={"ducklake"},
    metadata=of_table("drafts", of=("decisions", "transactions"), view="drafts"),
)
REJECTIONS = dg.AssetSpec(
    "rejections",
    deps=[SETTLEMENTS],
    group_name="decide",
    description="The dead-letter queue: each rejected line with its reason, and an event for each new one.",
    owners=OWNERS,
    kinds={"ducklake"},
    metadata=of_table("rejections", of=("decisions",), view="rejections"),
)


class DecideConfig(dg.Config):
    """Which days, as YYYY-MM-DD; left out: the run's partitions, else every day there is."""

    start: str | None = None
    end: str | None = None
    only_stale: bool = False
    """Leave out the days whose lines, policy, lists and invoices are those they were decided by."""


@dg.multi_asset(
    name="decide_days",
    specs=[DECISIONS, SETTLEMENTS, DRAFTS, REJECTIONS],
    partitions_def=DAYS,
    backfill_policy=dg.BackfillPolicy.single_run(),
    pool="decide",
)
def decide(
    context: dg.AssetExecutionContext,
    config: DecideConfig,
    warehouse: dg.ResourceParam[Warehouse],
    policy: dg.ResourceParam[Policy],
    clock: dg.ResourceParam[Clock],
    desk: dg.ResourceParam[Desk],
) -> Iterator[dg.MaterializeResult[None]]:
    """Decide the days of the run, prove, and tell the desk and Dagster how many of what there were."""
    from assets.decisions import decide_days  # with all of the rules, which a run with nothing new need not load

    start, end = chosen_days(context, config.start, config.end)
    with without_row_values():
        report = decide_days(
            warehouse,
            policy=policy,
            clock=clock,
            trace_id=trace_id(context.run.run_id),
            run_id=context.run.run_id,
            start=start,
            end=end,
            only_stale=config.only_stale,
        )
    desk.decided = report
    proof = proved(warehouse, clock, desk)
    counts = asdict(report)
    for spec, names in (
        (DECISIONS, ("days", "lines", "decided", "changed")),
        (SETTLEMENTS, ("linked", "suggested")),
        (DRAFTS, ("drafts_created", "drafts_withdrawn")),
        (REJECTIONS, ("rejections_new", "events")),
    ):
        funnel = of_funnel(proof) if spec is DECISIONS else {}
        yield dg.MaterializeResult(asset_key=spec.key, metadata={**{name: counts[name] for name in names}, **funnel})
    report_proof(context.instance, proof)


def trace_id(run_id: str) -> str:
    """The trace id of a run: its id as the 32 hex digits that tracing tools expect."""
    return run_id.replace("-", "")
