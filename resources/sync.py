"""The sync: every linked account's new lines, by cursor, merged with the cursor they stand for in one transaction.

Holds how an account's stream is walked and how several accounts share commits. Must not hold how a row is read
(`rules/transactions.py`), how it is merged (`resources/warehouse/transactions.py`) or how Mono is asked
(`resources/mono/client.py`).

A stream is walked in windows of days, the oldest first; within a window upstream's pages are newest first and shift
while they are read. Lines that arrive push others to later pages, where they are read twice, which does no harm; lines
that vanish pull others to earlier pages, where they would be missed: so a window is walked again while fewer were seen
than upstream counts.
"""

from __future__ import annotations

import asyncio
import base64
import itertools
import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

from resources.clock import Clock
from resources.errors import BadResponse, NotReady, ReauthorisationRequired, UpstreamError
from resources.mono.bodies import FAILED, PROCESSING, UNAVAILABLE, AccountReading, Page
from resources.mono.client import MonoClient
from resources.warehouse.accounts import Account, AccountState
from resources.warehouse.connection import Warehouse
from resources.warehouse.transactions import Merged, merge_batch
from rules.transactions import canonical_json, line_id, normalise_all

LAGOS = ZoneInfo("Africa/Lagos")
ROWS_A_COMMIT = 20_000
WINDOW_DAYS = 31
PAGE_ROWS = 500
IDLE_PAGES = 5
"""So many pages in a row without a new line, and more of them promised, are a fault of upstream's."""
READINESS_WAITS = (1.0, 2.0, 4.0, 8.0, 15.0, 30.0)
"""Seconds between the looks at an account that is still PROCESSING."""


@dataclass(frozen=True)
class SyncOptions:
    """What to read: by default from the cursor on, with an overlap."""

    initial_history_days: int = 90
    lookback_days: int = 14
    start: date | None = None
    end: date | None = None
    full: bool = False
    """Forget the cursor: read as a first sync does."""


@dataclass(frozen=True)
class AccountReport:
    """How the sync of one account went, in lines."""

    account_id: str
    organization_id: str
    environment: str
    imported: int = 0
    updated: int = 0
    unchanged: int = 0
    quarantined: int = 0
    data_status: str | None = None
    error: str | None = None


@dataclass(frozen=True)
class SyncReport:
    """How the sync went, account by account."""

    accounts: list[AccountReport]

    @property
    def failed(self) -> list[AccountReport]:
        """Those that could not be read to the end."""
        return [report for report in self.accounts if report.error is not None]


class Progress(Protocol):
    """Who wants to be told while a sync goes on."""

    def account_started(self, account_id: str) -> None:
        """An account is being read."""

    def rows(self, account_id: str, count: int) -> None:
        """More of its rows were read."""

    def account_done(self, report: AccountReport) -> None:
        """It was read to its end, or cannot be."""


@dataclass(frozen=True)
class Cursor:
    """Our position in a stream: everything through a day was read."""

    through: date

    def token(self) -> str:
        """The position as an opaque token."""
        text = json.dumps({"v": 1, "through": self.through.isoformat()}, separators=(",", ":"))
        return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")

    @classmethod
    def read(cls, token: str | None) -> Cursor | None:
        """The position of a token; None where there is none, or where it is not one of ours."""
        try:
            told = json.loads(base64.urlsafe_b64decode((token or "") + "=" * (-len(token or "") % 4)))
            return cls(date.fromisoformat(told["through"])) if told["v"] == 1 else None
        except (ValueError, KeyError, TypeError):
            return None


@dataclass
class _Part:
    """Rows that were read of an account, waiting to be committed, and what to write of the account with them."""

    account: Account
    rows: list[object]
    state: AccountState


@dataclass
class _Sync:
    """One sync under way."""

    warehouse: Warehouse
    client: MonoClient
    clock: Clock
    run_id: str
    options: SyncOptions
    progress: Progress | None
    sleep: Callable[[float], Awaitable[None]]
    merged: dict[str, Merged] = field(default_factory=dict)
    waiting: list[_Part] = field(default_factory=list)
    committing: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def account(self, account: Account) -> AccountReport:
        """Read one account to its end; what goes wrong with it is its own."""
        if self.progress:
            self.progress.account_started(account.account_id)
        status: str | None = None
        try:
            reading = await self._ready(account.account_id)
            status = reading.data_status if reading else None
            if reading:
                await self._put(_Part(account, [], AccountState(account.account_id, details=reading.details)))
            await self._walk(account)
            state = AccountState(account.account_id, ended=True, synced_at=self.clock.now())
            error = None
        except UpstreamError as failure:
            error = str(failure)
            state = AccountState(
                account.account_id,
                ended=True,
                sync_error=error,
                reauthorisation_required=isinstance(failure, ReauthorisationRequired),
            )
        await self._put(_Part(account, [], state))
        key = account.key
        return AccountReport(key.account_id, key.organization_id, key.environment, data_status=status, error=error)

    async def _ready(self, account_id: str) -> AccountReading | None:
        """Wait, with a bound, until upstream has the account's data."""
        reading: AccountReading | None = None
        for wait in (*READINESS_WAITS, None):
            reading = await self.client.account(account_id)
            if reading is not None and reading.data_status != PROCESSING:
                break
            if wait is None:
                raise NotReady("Mono is still fetching this account's data from the bank. Sync again in a few minutes.")
            await self.sleep(wait)
        if reading is not None and (reading.lacks_transactions or reading.data_status in (UNAVAILABLE, FAILED)):
            status = reading.data_status
            raise NotReady(
                f"Mono has no bank lines of this account (data status {status}); this is not the same as none."
            )
        return reading

    async def _walk(self, account: Account) -> None:
        """Read the account's windows, the oldest first, each with the cursor that it leads to."""
        today = self.clock.now().astimezone(LAGOS).date()
        start, end = self._range(account, today)
        while start <= end:
            until = min(start + timedelta(days=WINDOW_DAYS - 1), end)
            await self._window(account, start, until)
            if self.options.start is None and self.options.end is None:
                token = Cursor(min(until, today)).token()
                await self._put(_Part(account, [], AccountState(account.account_id, cursor=token)))
            start = until + timedelta(days=1)

    def _range(self, account: Account, today: date) -> tuple[date, date]:
        options = self.options
        cursor = None if options.full else Cursor.read(account.cursor)
        first = today - timedelta(days=options.initial_history_days)
        if cursor is not None:
            first = cursor.through - timedelta(days=options.lookback_days)
        # Upstream counts days in a zone that it does not name, so a day more is read on either side of the wanted ones.
        return (options.start or first) - timedelta(days=1), (options.end or today) + timedelta(days=1)

    async def _window(self, account: Account, start: date, end: date) -> None:
        """Walk the pages of a window until every line that upstream counts was seen, or a walk brings nothing more."""
        seen: set[str] = set()
        while True:
            before = len(seen)
            counted = await self._pages(account, start, end, seen)
            if len(seen) >= counted or len(seen) == before:
                return

    async def _pages(self, account: Account, start: date, end: date, seen: set[str]) -> int:
        """Walk the pages of a window once, noting which lines were seen; how many upstream counts, at the most."""
        counted, walked, idle = 0, set[str](), 0
        for number in itertools.count(1):
            page = await self._page(account, start, end, number)
            lines = {line_id(row) or canonical_json(row) for row in page.rows}
            idle = idle + 1 if lines <= walked else 0
            walked |= lines
            seen |= lines
            counted = max(counted, page.total or 0)
            if page.rows:
                await self._put(_Part(account, page.rows, AccountState(account.account_id)))
                if self.progress:
                    self.progress.rows(account.account_id, len(page.rows))
            ended = page.more is False or (page.more is None and len(seen) >= counted)
            if ended or not page.rows or (idle and len(seen) >= counted > 0):
                return counted
            if idle == IDLE_PAGES:
                message = (
                    f"Mono promises a next page again and again without a new line (page {number}); ask its support."
                )
                raise BadResponse(message)
        raise AssertionError  # pages are counted without end

    async def _page(self, account: Account, start: date, end: date, number: int) -> Page:
        for wait in (*READINESS_WAITS, None):
            page = await self.client.transactions(account.account_id, start, end, page=number, limit=PAGE_ROWS)
            if page.ready:
                return page
            if wait is not None:
                await self.sleep(wait)
        raise NotReady("Mono is still fetching this account's lines from the bank. Sync again in a few minutes.")

    async def _put(self, part: _Part) -> None:
        """Add to what waits to be committed, and commit when it is enough."""
        self.waiting.append(part)
        if sum(len(waiting.rows) for waiting in self.waiting) >= ROWS_A_COMMIT:
            await self.commit()

    async def commit(self) -> None:
        """Write everything that waits in one transaction, off the event loop."""
        async with self.committing:
            parts, self.waiting = self.waiting, []
            if not parts:
                return
            for account_id, done in (await asyncio.to_thread(self._write, parts)).items():
                before = self.merged.get(account_id, Merged())
                self.merged[account_id] = Merged(
                    *(getattr(before, name) + getattr(done, name) for name in vars(Merged()))
                )

    def _write(self, parts: Sequence[_Part]) -> dict[str, Merged]:
        rows = [(part.account.key, part.rows) for part in parts if part.rows]
        read = normalise_all(rows, self.clock.now(), self.run_id)
        states = [part.state for part in parts]
        return self.warehouse.write(
            lambda con: merge_batch(con, read.transactions, read.quarantine, states, touch_id=self.run_id),
            run_id=self.run_id,
            note="sync",
        )


async def sync(
    warehouse: Warehouse,
    client: MonoClient,
    accounts: Sequence[Account],
    *,
    clock: Clock,
    run_id: str,
    options: SyncOptions,
    progress: Progress | None = None,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> SyncReport:
    """Read what is new of each account and merge it.

    Returns:
        A report for each account, in the order given; one account's failure never stops the rest.

    Raises:
        WarehouseError: what was read cannot be written.
    """
    work = _Sync(warehouse, client, clock, run_id, options, progress, sleep)
    gate = asyncio.Semaphore(max(client.concurrency, 1))

    async def one(account: Account) -> AccountReport:
        async with gate:
            return await work.account(account)

    reports = await asyncio.gather(*(one(account) for account in accounts))
    await work.commit()
    told = []
    for report in reports:
        done = work.merged.get(report.account_id, Merged())
        told.append(
            replace(
                report,
                imported=done.imported,
                updated=done.updated,
                unchanged=done.unchanged,
                quarantined=done.quarantined,
            )
        )
        if progress:
            progress.account_done(told[-1])
    return SyncReport(told)
