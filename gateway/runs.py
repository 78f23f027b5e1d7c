"""Runs that a request starts: the same assets and checks as the command's and the page's, one run after the other.

Holds the one thread that Dagster runs in, how many may wait for it, and the figures afterwards. A request's trace id is
that of the decisions that it leads to.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

from assets.desk import Desk
from assets.ingest import Upstream
from gateway.house import House
from gateway.problems import Problem
from pipelines.execute import Runner, Work
from pipelines.instance import open_instance
from pipelines.policy import load_policy
from resources.sync import AccountReport
from resources.warehouse import accounts
from resources.warehouse.accounts import Account
from resources.warehouse.previews import PassedOver, passed_over

MOST_WAITING = 64
WAITS = (0.5, 1.0, 2.0, 4.0)
"""How long an account that is still PROCESSING is waited for while somebody waits for the answer."""


@dataclass(frozen=True)
class Wish:
    """What a request asks of a sync."""

    account_ids: frozenset[str]
    cursor: str | None = None
    page_size: int | None = None


@dataclass
class Runs:
    """The runs of one gateway."""

    house: House
    thread: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1, "runs"))
    waiting: int = 0

    async def sync(self, wish: Wish, trace_id: str) -> list[dict[str, Any]]:
        """Pull, decide what changed, and give the figures of each account in the order of their ids.

        Raises:
            Problem: too many wait already.
            KobosiftError: nothing could be pulled or decided at all.
        """
        if self.waiting >= MOST_WAITING:
            told = "Too many syncs wait for their turn: try again in some seconds."
            raise Problem(503, told, headers={"retry-after": "10"})
        self.waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self.thread, self._sync, wish, trace_id)
        finally:
            self.waiting -= 1
            self.house.paid.set()

    def close(self) -> None:
        """Wait for the run under way; those that wait are dropped."""
        self.thread.shutdown(wait=True, cancel_futures=True)

    def _sync(self, wish: Wish, trace_id: str) -> list[dict[str, Any]]:
        house = self.house
        desk = Desk(accounts=wish.account_ids, cursor=wish.cursor, most=wish.page_size, waits=WAITS)
        policy = load_policy(house.settings, house.warehouse)
        work = Work(house.settings, policy, house.warehouse, house.clock, Upstream.of(house.settings), desk)
        run_id = str(uuid4())
        with open_instance(house.settings.dagster_home) as instance:
            runner = Runner(work, instance)
            reports = runner.ingest(run_id).accounts
            runner.decide_stale(str(UUID(trace_id)))
        with house.warehouse.read() as con:
            left = passed_over(con, run_id, wish.account_ids)
            now = {account_id: accounts.find(con, account_id) for account_id in wish.account_ids}
        return _figures(reports, left, now)


def _figures(
    reports: Sequence[AccountReport], left: dict[str, PassedOver], now: dict[str, Account | None]
) -> list[dict[str, Any]]:
    told = []
    for report in sorted(reports, key=lambda each: each.account_id):
        account, over = now[report.account_id], left[report.account_id]
        told.append(
            {
                "accountId": report.account_id,
                "imported": report.imported,
                "updated": report.updated,
                "unchanged": report.unchanged,
                "quarantined": report.quarantined,
                "skipped": over.reasons,
                "skippedDetails": over.details,
                "held": over.held,
                "cursor": account and account.cursor,
                "hasMore": report.more,
                "error": report.error,
            }
        )
    return told
