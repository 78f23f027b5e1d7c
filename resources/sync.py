"""The sync: what is new of every linked account, by cursor, merged with the cursor it stands for in one transaction.

Holds what is read of an account and how several are read at once. Must not hold how pages are walked
(`resources/mono/walk.py`), how Mono is asked (`resources/mono/client.py`), how a row is read
(`rules/transactions.py`) or how it is written (`resources/batches.py`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from typing import Protocol, Self
from zoneinfo import ZoneInfo

from resources.batches import ROWS_A_COMMIT, Batches, Piece
from resources.clock import Clock
from resources.erasure_home import admission
from resources.errors import ConfigurationError, KobosiftError, NotReady, ReauthorisationRequired
from resources.mono.bodies import FAILED, PARTIAL, PROCESSING, UNAVAILABLE, AccountReading, Page
from resources.mono.client import MonoClient
from resources.mono.cursor import Cursor
from resources.mono.walk import walk
from resources.settings import Settings
from resources.warehouse.accounts import Account, AccountState
from resources.warehouse.connection import Warehouse
from resources.warehouse.transactions import Merged
from rules.retention import first_day_kept
from rules.transactions import LAGOS

Sleep = Callable[[float], Awaitable[None]]

PAGE_ROWS = 500
PIECES_WAITING = 8
READINESS_WAITS = (1.0, 2.0, 4.0, 8.0, 15.0, 30.0)
"""How long an account that is still PROCESSING is waited for, where nobody waits for the answer."""


@dataclass(frozen=True)
class SyncOptions:
    """What to read: by default from the cursor on, with an overlap."""

    initial_history_days: int = 90
    lookback_days: int = 14
    start: date | None = None
    end: date | None = None
    full: bool = False
    """Forget the cursor: read as a first sync does."""
    most: int | None = None
    """Stop at the first place to go on from after so many rows of an account."""
    waits: tuple[float, ...] = READINESS_WAITS
    """Seconds between the looks at an account that is still PROCESSING."""
    retention_days: int | None = None
    """Lines older than that do not come in."""

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """The options of the settings."""
        return cls(
            settings.mono_initial_history_days,
            settings.mono_lookback_days,
            retention_days=settings.mono_data_retention_days,
        )


@dataclass(frozen=True)
class AccountReport:
    """How the sync of one account went, in lines; rows that cannot be read count when they are first met."""

    account_id: str
    organization_id: str
    environment: str
    imported: int = 0
    updated: int = 0
    unchanged: int = 0
    quarantined: int = 0
    data_status: str | None = None
    more: bool = False
    """Whether the reading stopped with more to read, as was asked."""
    error: str | None = None
    """Why it was not read to its end."""
    note: str | None = None
    """What was odd, though it was."""


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
        """What was read of it is committed, or it cannot be read."""


class _Unnoticed:
    """Progress that nobody watches."""

    def account_started(self, account_id: str) -> None:
        pass

    def rows(self, account_id: str, count: int) -> None:
        pass

    def account_done(self, report: AccountReport) -> None:
        pass


async def sync(
    warehouse: Warehouse,
    client: MonoClient,
    accounts: Sequence[Account],
    *,
    clock: Clock,
    run_id: str,
    options: SyncOptions,
    progress: Progress | None = None,
    sleep: Sleep = asyncio.sleep,
) -> SyncReport:
    """Read what is new of each account and merge it.

    Returns:
        A report for each account, in the order given; one account's failure never stops the rest.

    Raises:
        ConfigurationError: the options' range of days is none.
        WarehouseError: what was read cannot be written.
    """
    last = options.end or _today(clock)
    if options.start is not None and last < options.start:
        raise ConfigurationError(f"The range of days ends ({last}) before it starts ({options.start}).")
    first_day = first_day_kept(options.retention_days, clock.now())
    batches = Batches(warehouse, clock, run_id, admission(warehouse.home, first_day))
    work = _Sync(client, clock, options, batches, progress or _Unnoticed(), sleep)
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(work.commit())
            group.create_task(work.read_all(accounts))
    except BaseExceptionGroup as failures:
        raise failures.exceptions[0] from None
    if work.defects:
        raise work.defects[0]
    return SyncReport([work.report(account) for account in accounts])


def run_sync(
    warehouse: Warehouse,
    settings: Settings,
    accounts: Sequence[Account],
    *,
    clock: Clock,
    run_id: str,
    options: SyncOptions | None = None,
    progress: Progress | None = None,
) -> SyncReport:
    """What `sync` does, for a caller without an event loop, with the client of the settings.

    Raises:
        ConfigurationError: the settings do not say how to ask Mono.
        WarehouseError: what was read cannot be written.
    """

    async def run() -> SyncReport:
        async with MonoClient.of(settings) as client:
            chosen = options or SyncOptions.of(settings)
            return await sync(
                warehouse, client, accounts, clock=clock, run_id=run_id, options=chosen, progress=progress
            )

    return asyncio.run(run())


def _today(clock: Clock) -> date:
    """The calendar day in Lagos."""
    return clock.now().astimezone(ZoneInfo(LAGOS)).date()


@dataclass
class _Sync:
    """One sync under way: readers of accounts put pieces into a queue, one writer takes them out."""

    client: MonoClient
    clock: Clock
    options: SyncOptions
    batches: Batches
    progress: Progress
    sleep: Sleep
    queue: asyncio.Queue[Piece | None] = field(default_factory=lambda: asyncio.Queue(PIECES_WAITING))
    reports: dict[str, AccountReport] = field(default_factory=dict)
    defects: list[Exception] = field(default_factory=list)

    def report(self, account: Account) -> AccountReport:
        """How it went with the account, with what was done of it so far."""
        done = self.batches.merged.get(account.account_id, Merged())
        return replace(
            self.reports[account.account_id],
            imported=done.imported,
            updated=done.updated,
            unchanged=done.unchanged,
            quarantined=done.quarantined,
        )

    async def commit(self) -> None:
        """Commit what readers put into the queue, off the event loop, until nothing follows."""
        accounts: dict[str, Account] = {}
        pieces: list[Piece] = []
        last = False
        while not last:
            piece = await self.queue.get()
            last = piece is None
            if piece is not None:
                pieces.append(piece)
                accounts[piece.account.account_id] = piece.account
            if last or sum(len(piece.rows) for piece in pieces) >= ROWS_A_COMMIT:
                for ended in await asyncio.to_thread(self.batches.take, pieces, last=last):
                    self.progress.account_done(self.report(accounts.pop(ended)))
                pieces = []

    async def read_all(self, accounts: Sequence[Account]) -> None:
        """Read all accounts, several at once, and let the writer know that nothing follows."""
        slots = asyncio.Semaphore(self.client.concurrency)
        async with asyncio.TaskGroup() as group:
            for account in accounts:
                group.create_task(self._read(account, slots))
        await self.queue.put(None)

    async def _read(self, account: Account, slots: asyncio.Semaphore) -> None:
        """Read one account to its end; what goes wrong with it is its own."""
        reader = _Reader(self, account, slots)
        error: Exception | None = None
        try:
            await reader.read()
            told = None
        except KobosiftError as failure:
            error, told = failure, str(failure)
        except Exception as defect:  # the others go on; it is raised once they are done
            self.defects.append(defect)
            error, told = defect, f"A defect of kobosift stopped the reading ({type(defect).__name__})."
        key = account.key
        reading = reader.reading
        status = reading.data_status if reading else None
        self.reports[key.account_id] = AccountReport(
            key.account_id,
            key.organization_id,
            key.environment,
            data_status=status,
            error=told,
            note=reader.note,
            more=reader.more,
        )
        state = AccountState(
            key.account_id,
            details=reading.details if reading else None,
            ended=True,
            synced_at=None if error else self.clock.now(),
            sync_error=told,
            reauthorisation_required=isinstance(error, ReauthorisationRequired),
        )
        await self.queue.put(Piece(account, [], state))


class _Reader:
    """The reading of one account."""

    def __init__(self, work: _Sync, account: Account, slots: asyncio.Semaphore) -> None:
        self.work = work
        self.account = account
        self.slots = slots
        self.reading: AccountReading | None = None
        self.note: str | None = None
        self.more = False
        self._fresh = True

    async def read(self) -> None:
        """Wait, with a bound, until upstream has the account's data, and read them; a wait takes no slot.

        Lists are empty while upstream is still fetching, so an empty one counts only where it says afterwards that it
        is not.
        """
        waits = iter(self.work.options.waits)
        empty = started = False
        while True:
            async with self.slots:
                if not started:
                    self.work.progress.account_started(self.account.account_id)
                    started = True
                self.reading = await self.work.client.account(self.account.account_id)
                if self.reading is not None and self.reading.data_status != PROCESSING:
                    self._refuse(self.reading, empty=empty)
                    if empty or await self._walk(self.reading):
                        return
                    empty = True
                    continue
            empty = False
            await self._wait(next(waits, None))

    def _refuse(self, reading: AccountReading, *, empty: bool) -> None:
        """Raise where upstream says that it has no lines of the account, or gives none and says that it lacks some."""
        status = reading.data_status
        untold = empty and status == PARTIAL and reading.retrieved is None
        if status in (UNAVAILABLE, FAILED) or reading.lacks_transactions or untold:
            raise NotReady(
                f"Mono has no bank lines of this account (data status {status}), which does not mean that there are "
                "none. Sync again later, or have the account linked anew."
            )

    async def _wait(self, seconds: float | None) -> None:
        if seconds is None:
            raise NotReady(
                "Mono is still fetching this account's data from the bank after "
                f"{sum(self.work.options.waits):.0f} seconds. Sync again in a few minutes."
            )
        await self.work.sleep(seconds)

    async def _walk(self, reading: AccountReading) -> bool:
        """Read the account's lines from where it is to be begun; whether there were any."""
        options, today = self.work.options, _today(self.work.clock)
        cursor = self._cursor()
        last = options.end or today
        first = options.start or last - timedelta(days=options.initial_history_days)
        if cursor.through is not None:
            first = min(cursor.through, today) - timedelta(days=options.lookback_days)
        # Upstream counts days in a zone that it does not name, so a day more is read on either side of the wanted ones.
        start, end = first - timedelta(days=1), last + timedelta(days=1)
        keeps = options.start is None and options.end is None
        rows = 0
        async for portion in walk(self._ask, start, end, cursor, limit=self._page_rows, portion=options.most):
            rows += len(portion.rows)
            token = portion.cursor.until(today).token() if keeps else None
            await self._put(portion.rows, AccountState(self.account.account_id, token, reading.details))
            if options.most is not None and rows >= options.most and portion.cursor.place is not None:
                self.more = True
                break
        return rows > 0

    @property
    def _page_rows(self) -> int:
        return min(PAGE_ROWS, self.work.options.most or PAGE_ROWS)

    def _cursor(self) -> Cursor:
        """Where an earlier reading came to; one that cannot be read counts for none, and is told of."""
        options = self.work.options
        if options.full or options.start is not None or options.end is not None or self.account.cursor is None:
            return Cursor()
        try:
            return Cursor.read(self.account.cursor)
        except ValueError:
            self.note = "The cursor could not be read, so the account was read as if for the first time."
            return Cursor()

    async def _put(self, rows: list[object], state: AccountState) -> None:
        self.work.progress.rows(self.account.account_id, len(rows))
        await self.work.queue.put(Piece(self.account, rows, state))

    async def _ask(self, start: date, end: date, number: int) -> Page:
        """A page, once upstream has it; what it puts off is waited for, and then asked for as it has it."""
        client, account_id = self.work.client, self.account.account_id
        waits = iter(self.work.options.waits)
        while True:
            page = await client.transactions(
                account_id, start, end, page=number, limit=self._page_rows, fresh=self._fresh
            )
            if page.ready:
                return page
            await self._wait(next(waits, None))
            while page.job_id and await client.job(account_id, page.job_id) not in ("finished", "failed"):
                await self._wait(next(waits, None))
            self._fresh = False
