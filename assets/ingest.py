"""The assets that come from Mono: linked accounts and their bank lines.

One op pulls both, since a page of lines and the cursor behind it are written in one transaction. Unpartitioned: a
cursor is a position in a stream. How a sync goes is in `resources/sync.py`; metadata here are counts, never a row, a
name or an id.
"""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import dagster as dg

from assets.desk import Desk
from assets.redaction import without_row_values
from resources.clock import Clock
from resources.errors import ConfigurationError
from resources.mono.client import MonoClient
from resources.settings import Settings
from resources.sync import SyncOptions, SyncReport, sync
from resources.warehouse import accounts
from resources.warehouse.accounts import Account
from resources.warehouse.connection import Warehouse

ACCOUNTS = dg.AssetSpec(
    "accounts",
    group_name="ingest",
    description="Bank accounts linked with consent at Mono, with the cursor and the state of each.",
    owners=["team:kobosift"],
    kinds={"ducklake"},
)
TRANSACTIONS = dg.AssetSpec(
    "transactions",
    deps=[ACCOUNTS],
    group_name="ingest",
    description="The newest version of every bank line, by account and id; older versions and unreadable rows apart.",
    owners=["team:kobosift"],
    kinds={"ducklake"},
)


@dataclass(frozen=True)
class Upstream:
    """How a sync reaches Mono, and how far back it reads; nothing is connected before it is used."""

    connect: Callable[[], MonoClient]
    initial_history_days: int
    lookback_days: int

    @classmethod
    def of(cls, settings: Settings) -> "Upstream":
        """The upstream of the settings."""
        return cls(lambda: MonoClient.of(settings), settings.mono_initial_history_days, settings.mono_lookback_days)


@dg.multi_asset(name="pull", specs=[ACCOUNTS, TRANSACTIONS], pool="ingest")
def pull(
    context: dg.AssetExecutionContext,
    warehouse: dg.ResourceParam[Warehouse],
    upstream: dg.ResourceParam[Upstream],
    clock: dg.ResourceParam[Clock],
    desk: dg.ResourceParam[Desk],
) -> Iterator[dg.MaterializeResult[None]]:
    """Pull what is new of the linked accounts; one that fails stops no other, and the desk is told of it."""
    with without_row_values():
        report = asyncio.run(_pull(warehouse, upstream, clock, context.run.run_id, desk))
    desk.synced = report
    yield dg.MaterializeResult(
        asset_key=ACCOUNTS.key, metadata={"accounts": len(report.accounts), "failed": len(report.failed)}
    )
    counts = {
        name: sum(getattr(account, name) for account in report.accounts)
        for name in ("imported", "updated", "unchanged", "quarantined")
    }
    yield dg.MaterializeResult(asset_key=TRANSACTIONS.key, metadata=counts)


async def _pull(warehouse: Warehouse, upstream: Upstream, clock: Clock, run_id: str, desk: Desk) -> SyncReport:
    chosen = _chosen(warehouse, desk)
    if not chosen:
        return SyncReport([])
    options = SyncOptions(upstream.initial_history_days, upstream.lookback_days, desk.start, desk.end, desk.full)
    async with upstream.connect() as client:
        return await sync(
            warehouse, client, chosen, clock=clock, run_id=run_id, options=options, progress=desk.progress
        )


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
    return [account for account in linked if account.account_id in desk.accounts]
