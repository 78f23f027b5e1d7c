"""The assets of what Mono says of accounts beside their lines: balances over time, holders, income.

One op asks all of it of an account, since it first waits until upstream has the account's data. How that goes is in
`resources/lookup.py`; metadata here are counts. Details and data status go into `accounts`, like those of a sync.
"""

import asyncio
from collections.abc import Iterator

import dagster as dg

from assets.described import OWNERS, of_table
from assets.ingest import Upstream
from assets.redaction import without_row_values
from resources.clock import Clock
from resources.errors import UpstreamError
from resources.lookup import LookupReport, look_up
from resources.warehouse import accounts
from resources.warehouse.connection import Warehouse

BALANCES = dg.AssetSpec(
    "balances",
    deps=["accounts"],
    group_name="accounts",
    description="The balance of each linked account, as it was each time it was asked for.",
    owners=OWNERS,
    kinds={"ducklake"},
    metadata=of_table("balances", of=("accounts",), view="balances"),
)
IDENTITIES = dg.AssetSpec(
    "identities",
    deps=["accounts"],
    group_name="accounts",
    description="Who holds each linked account: the name, and of the BVN its last four digits at most.",
    owners=OWNERS,
    kinds={"ducklake"},
    metadata=of_table("identities", of=("accounts",), view="identities"),
)
INCOME = dg.AssetSpec(
    "income",
    deps=["accounts", "webhook_events"],
    group_name="accounts",
    description="Income and its streams as Mono reports them, from its records and from its webhook.",
    owners=OWNERS,
    kinds={"ducklake"},
    metadata=of_table("income_records", of=("accounts",), view="income"),
)


@dg.multi_asset(name="look_up_accounts", specs=[BALANCES, IDENTITIES, INCOME], pool="ingest")
def look_up_accounts(
    context: dg.AssetExecutionContext,
    warehouse: dg.ResourceParam[Warehouse],
    upstream: dg.ResourceParam[Upstream],
    clock: dg.ResourceParam[Clock],
) -> Iterator[dg.MaterializeResult[None]]:
    """Look all linked accounts up; one that fails stops no other, and fails the run once the others are kept."""
    with without_row_values():
        report = asyncio.run(_look_up(warehouse, upstream, clock, context.run.run_id))
    common = {"accounts": report.accounts, "failed": report.failed}
    yield dg.MaterializeResult(asset_key=BALANCES.key, metadata={**common, "balances": report.balances})
    yield dg.MaterializeResult(
        asset_key=IDENTITIES.key,
        metadata={
            **common,
            "identities": report.identities,
            "reauthorisation_required": report.reauthorisation_required,
        },
    )
    yield dg.MaterializeResult(
        asset_key=INCOME.key,
        metadata={**common, "new_records": report.income_records, "not_covered_by_plan": report.not_covered},
    )
    if report.failed:
        told = ", ".join(f"{failure} ({count})" for failure, count in sorted(report.failures.items()))
        message = (
            f"{report.failed} of {report.accounts} accounts could not be looked up whole: {told}. Try again later."
        )
        raise UpstreamError(message)


async def _look_up(warehouse: Warehouse, upstream: Upstream, clock: Clock, run_id: str) -> LookupReport:
    with warehouse.read() as con:
        linked = accounts.listed(con, linked_only=True)
    if not linked:
        return LookupReport()
    async with upstream.connect() as client:
        return await look_up(warehouse, client, linked, clock=clock, run_id=run_id)
