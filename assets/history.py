"""The asset of history read on demand: bank lines of chosen booked days, of all linked accounts or of new ones.

Partitioned by booked day, so that a window is chosen on Dagster's own page and read as one run. Cursors stay where they
are. Accounts are never named in run config, which is kept for ever: those that a window was read of are left out where
only new ones are wanted.
"""

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

import dagster as dg

from assets.described import OWNERS, of_table
from assets.ingest import Upstream, line_counts, read_accounts
from assets.partitions import DAYS, chosen_days
from assets.redaction import without_row_values
from resources.clock import Clock
from resources.errors import UpstreamError
from resources.warehouse import accounts, history
from resources.warehouse.connection import Warehouse
from rules.transactions import LAGOS

BANK_HISTORY = dg.AssetSpec(
    "bank_history",
    group_name="ingest",
    description="Windows of booked days that were read from Mono on demand, beside the cursors: choose days, one run.",
    owners=OWNERS,
    kinds={"ducklake"},
    metadata=of_table("history_windows"),
)


class HistoryConfig(dg.Config):
    """Which days, as YYYY-MM-DD, of which accounts.

    Left out: the run's partitions, else as many days up to today as a first sync reads.
    """

    start: str | None = None
    end: str | None = None
    accounts: Literal["all", "new"] = "all"
    """`new`: those of which these days were not read yet."""


@dg.multi_asset(
    name="read_history",
    specs=[BANK_HISTORY],
    partitions_def=DAYS,
    backfill_policy=dg.BackfillPolicy.single_run(),
    pool="ingest",
)
def read_history(
    context: dg.AssetExecutionContext,
    config: HistoryConfig,
    warehouse: dg.ResourceParam[Warehouse],
    upstream: dg.ResourceParam[Upstream],
    clock: dg.ResourceParam[Clock],
) -> Iterator[dg.MaterializeResult[None]]:
    """Read the days of the run; accounts that fail stop no other, and fail the run once the others are read."""
    today = clock.now().astimezone(ZoneInfo(LAGOS)).date()
    first, last = chosen_days(context, config.start, config.end)
    last = min(last or today, today)
    first = first or last - timedelta(days=upstream.initial_history_days)
    run_id = context.run.run_id
    with without_row_values():
        with warehouse.read() as con:
            linked = accounts.listed(con, linked_only=True)
            read = history.read_whole(con, first, last) if config.accounts == "new" else set()
        chosen = [account for account in linked if account.account_id not in read]
        report = read_accounts(warehouse, upstream, clock, chosen, upstream.options(first, last), run_id=run_id)
        failed = {account.account_id for account in report.failed}
        done = [account.key for account in chosen if account.account_id not in failed]
        warehouse.write(
            lambda con: history.note(con, done, first, last, clock.now()), run_id=run_id, note="history read"
        )
    counts = {"accounts": len(chosen), "failed": len(failed), **line_counts(report)}
    yield dg.MaterializeResult(asset_key=BANK_HISTORY.key, metadata={"days": _days(first, last), **counts})
    if failed:
        message = (
            f"{len(failed)} of {len(chosen)} accounts could not be read: `kobosift accounts list` says which and why. "
            "Then run the same days again with accounts: new."
        )
        raise UpstreamError(message)


def _days(first: date, last: date) -> int:
    return (last - first).days + 1
