"""The asset of what comes in by itself: events that the gateway landed, merged, kept or answered with a pull.

How events are taken in is in `resources/webhooks.py` and `resources/webhook_batches.py`. Metadata here are counts: no
event is named, and why one failed stands in table `webhook_events` and beside its file.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import dagster as dg
from pydantic import Field

from assets.described import OWNERS, of_table
from assets.desk import Desk
from assets.ingest import Upstream, read_accounts
from assets.redaction import without_row_values
from resources.clock import Clock
from resources.landed import LandingFolder
from resources.settings import Settings
from resources.sync import SyncReport
from resources.warehouse.accounts import Account
from resources.warehouse.connection import Warehouse
from resources.webhook_batches import TakingIn
from resources.webhooks import EVENTS_A_BATCH, LandedReport, Outcome

WEBHOOK_EVENTS = dg.AssetSpec(
    "webhook_events",
    group_name="ingest",
    description=(
        "Events that landed by webhook, each once and without its payload: lines are merged like synced ones, news of "
        "an account pull it, and what nobody knows is kept and counted."
    ),
    owners=OWNERS,
    kinds={"ducklake", "json"},
    metadata=of_table("webhook_events", view="webhooks"),
)


@dataclass(frozen=True)
class Landing:
    """Where events land, and which app's they are."""

    folder: LandingFolder
    app_id: str | None

    @classmethod
    def of(cls, settings: Settings) -> "Landing":
        """The landing of the settings."""
        return cls(LandingFolder(settings.landing), settings.mono_app_id)


class TakeInConfig(dg.Config):
    """How many batches of landed events to take in; left out: all that have landed when it starts."""

    batches: int | None = Field(default=None, ge=1)


@dg.multi_asset(name="take_in", specs=[WEBHOOK_EVENTS], pool="webhooks")
def take_in_landed(
    context: dg.AssetExecutionContext,
    config: TakeInConfig,
    warehouse: dg.ResourceParam[Warehouse],
    landing: dg.ResourceParam[Landing],
    upstream: dg.ResourceParam[Upstream],
    clock: dg.ResourceParam[Clock],
    desk: dg.ResourceParam[Desk],
) -> Iterator[dg.MaterializeResult[None]]:
    """Take in the events that have landed, batch by batch."""
    run_id = context.run.run_id

    def pull(accounts: list[Account]) -> SyncReport:
        return read_accounts(warehouse, upstream, clock, accounts, upstream.options(), run_id=run_id)

    taking = TakingIn(warehouse, landing.folder, pull, landing.app_id, clock, run_id)
    with without_row_values():
        batches = config.batches or -(-landing.folder.count() // EVENTS_A_BATCH)
        report = LandedReport()
        for _ in range(batches):
            report += taking.batch()
    desk.landed = report
    counts = {outcome.value: report.outcomes.get(outcome, 0) for outcome in Outcome}
    yield dg.MaterializeResult(asset_key=WEBHOOK_EVENTS.key, metadata={"files": report.files, **counts})
