"""The assets that come from Mono: linked accounts and their bank lines, by cursor, or by day where history is wanted.

One op pulls both, since a page of lines and the cursor behind it are written in one transaction. Unpartitioned: a
cursor is a position in a stream; `bank_history` alone reads by booked day and leaves the cursors where they are. How a
sync goes is in `resources/sync.py`; metadata here are counts, never a row, a name or an id.
"""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date

import dagster as dg
from pydantic import Field

from assets.described import OWNERS, of_table
from assets.desk import Desk
from assets.redaction import without_row_values
from resources.clock import Clock
from resources.errors import ConfigurationError
from resources.mono.client import MonoClient
from resources.settings import Settings
from resources.sync import Progress, SyncOptions, SyncReport, sync
from resources.warehouse import accounts
from resources.warehouse.accounts import Account
from resources.warehouse.connection import Warehouse

ACCOUNTS = dg.AssetSpec(
    "accounts",
    group_name="ingest",
    description="Bank accounts linked with consent at Mono, with the cursor and the state of each.",
    owners=OWNERS,
    kinds={"ducklake"},
    metadata=of_table("accounts", view="accounts"),
)
TRANSACTIONS = dg.AssetSpec(
    "transactions",
    deps=[ACCOUNTS, "webhook_events", "bank_history"],
    group_name="ingest",
    description="The newest version of every bank line, by account and id; older versions and unreadable rows apart.",
    owners=OWNERS,
    kinds={"ducklake"},
    metadata=of_table("transactions", of=("accounts",), view="outcomes"),
)


LINE_COUNTS = ("imported", "updated", "unchanged", "quarantined")


@dataclass(frozen=True)
class Upstream:
    """How a sync reaches Mono, and how far back it reads; nothing is connected before it is used."""

    connect: Callable[[], MonoClient]
    initial_history_days: int
    lookback_days: int
    retention_days: int | None = None

    @classmethod
    def of(cls, settings: Settings) -> "Upstream":
        """The upstream of the settings."""
        return cls(
            lambda: MonoClient.of(settings),
            settings.mono_initial_history_days,
            settings.mono_lookback_days,
            settings.mono_data_retention_days,
        )

    def options(self, start: date | None = None, end: date | None = None, *, full: bool = False) -> SyncOptions:
        """What to read: from the cursors on, or a range of days."""
        return SyncOptions(
            self.initial_history_days, self.lookback_days, start, end, full, retention_days=self.retention_days
        )


class PullConfig(dg.Config):
    """How far back to read again; left out: as the settings say (MONO_LOOKBACK_DAYS)."""

    lookback_days: int | None = Field(default=None, ge=0, le=36_500)


@dg.multi_asset(name="pull", specs=[ACCOUNTS, TRANSACTIONS], pool="ingest")
def pull(
    context: dg.AssetExecutionContext,
    config: PullConfig,
    warehouse: dg.ResourceParam[Warehouse],
    upstream: dg.ResourceParam[Upstream],
    clock: dg.ResourceParam[Clock],
    desk: dg.ResourceParam[Desk],
) -> Iterator[dg.MaterializeResult[None]]:
    """Pull what is new of the linked accounts; one that fails stops no other, and the desk is told of it."""
    options = replace(upstream.options(desk.start, desk.end, full=desk.full), most=desk.most, waits=desk.waits)
    if config.lookback_days is not None:
        options = replace(options, lookback_days=config.lookback_days)
    with without_row_values():
        chosen = _chosen(warehouse, desk)
        report = read_accounts(
            warehouse, upstream, clock, chosen, options, run_id=context.run.run_id, progress=desk.progress
        )
    desk.synced = report
    yield dg.MaterializeResult(
        asset_key=ACCOUNTS.key, metadata={"accounts": len(report.accounts), "failed": len(report.failed)}
    )
    yield dg.MaterializeResult(asset_key=TRANSACTIONS.key, metadata=line_counts(report))


def read_accounts(
    warehouse: Warehouse,
    upstream: Upstream,
    clock: Clock,
    chosen: Sequence[Account],
    options: SyncOptions,
    *,
    run_id: str,
    progress: Progress | None = None,
) -> SyncReport:
    """Read accounts; Mono is reached only where there are any.

    Raises:
        ConfigurationError: the settings do not say how to ask Mono.
        WarehouseError: what was read cannot be written.
    """

    async def read() -> SyncReport:
        async with upstream.connect() as client:
            return await sync(warehouse, client, chosen, clock=clock, run_id=run_id, options=options, progress=progress)

    return asyncio.run(read()) if chosen else SyncReport([])


def line_counts(report: SyncReport) -> dict[str, int]:
    """What a sync did, in lines."""
    return {name: sum(getattr(account, name) for account in report.accounts) for name in LINE_COUNTS}


def _chosen(warehouse: Warehouse, desk: Desk) -> list[Account]:
    """The linked accounts, or those of them that the desk asks for.

    Raises:
        ConfigurationError: one that is asked for is not linked.
    """
    with warehouse.read() as con:
        linked = accounts.listed(con, linked_only=True)
    if desk.accounts is None:
        return linked
    if missing := sorted(desk.accounts - {account.account_id for account in linked}):
        message = f"account {', '.join(missing)} is not linked: kobosift accounts link ID --organization O"
        raise ConfigurationError(message)
    chosen = [account for account in linked if account.account_id in desk.accounts]
    return [replace(account, cursor=desk.cursor) for account in chosen] if desk.cursor else chosen
