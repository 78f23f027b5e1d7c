"""The gateway's insides: one warehouse, one client of Mono, one clock, and bounded threads for what blocks.

Holds what all routes share, and how they read and write without stopping the event loop. No route, no rule.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import TypeVar

import duckdb

from gateway.landers import Landers
from gateway.limits import Buckets
from gateway.metrics import Metrics
from gateway.problems import Problem, sentence
from pipelines.policy import load_policy
from pipelines.retention import Erased, erase_account
from resources.clock import Clock
from resources.erasure_home import hold_off
from resources.errors import ConfigurationError
from resources.landing import Lander
from resources.mono.client import MonoClient, Retries
from resources.payment_status import tell_payments
from resources.settings import Settings
from resources.warehouse.connection import Warehouse
from rules.policy import Policy

T = TypeVar("T")

READERS, WRITERS = 8, 4
"""Threads: a long commit of a run must hold up neither reading nor landing."""
PATIENCE = Retries(attempts=3, in_all=12.0, first_wait=0.2, longest_wait=2.0, longest_asked_for=5.0)
"""How long an upstream is asked anew while somebody waits for the answer."""


@dataclass
class House:
    """What routes work with."""

    settings: Settings
    warehouse: Warehouse
    clock: Clock
    metrics: Metrics
    buckets: Buckets
    readers: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(READERS, "reads"))
    writers: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(WRITERS, "writes"))
    landers: Landers = field(default_factory=Landers)
    under_way: dict[str, tuple[asyncio.Lock, int]] = field(default_factory=dict)
    """What is done by one request after the other, and how many there are of each."""
    lander: Lander = field(init=False)
    paid: asyncio.Event = field(default_factory=asyncio.Event)
    """Set where an invoice that was signed may have been paid just now."""
    _mono: MonoClient | None = None
    _holding: int = 0
    _let_go: Callable[[], None] = lambda: None

    def __post_init__(self) -> None:
        """Open the place where events land."""
        self.lander = Lander(self.settings.landing)

    def now(self) -> datetime:
        """The time."""
        return self.clock.now()

    async def read(self, work: Callable[[duckdb.DuckDBPyConnection], T]) -> T:
        """Do work on a short-lived connection, in a thread."""

        def reading() -> T:
            with self.warehouse.read() as con:
                return work(con)

        return await asyncio.get_running_loop().run_in_executor(self.readers, reading)

    async def write(self, work: Callable[[duckdb.DuckDBPyConnection], T], *, trace_id: str, note: str) -> T:
        """Do work in one transaction, in a thread."""

        def writing() -> T:
            return self.warehouse.write(work, run_id=trace_id, note=note)

        return await asyncio.get_running_loop().run_in_executor(self.writers, writing)

    async def land(self, work: Callable[[], T]) -> T:
        """Do work on the landing folder, in a thread."""
        return await self.landers.do(work)

    async def erase(self, account_id: str, *, trace_id: str) -> list[Erased]:
        """Erase what was derived from an account, and prove it, in a thread."""
        work = partial(erase_account, self.warehouse, self.settings, self.clock, account_id, run_id=trace_id)
        return await asyncio.get_running_loop().run_in_executor(self.writers, work)

    async def tell_payments(self) -> None:
        """Tell whoever registered signed invoices that they are paid, in a thread."""
        work = partial(tell_payments, self.warehouse, self.settings, self.clock, run_id="gateway")
        await asyncio.get_running_loop().run_in_executor(self.writers, work)

    async def policy(self) -> Policy:
        """The policy in force."""
        return await asyncio.get_running_loop().run_in_executor(
            self.readers, load_policy, self.settings, self.warehouse
        )

    @asynccontextmanager
    async def alone(self, name: str) -> AsyncIterator[None]:
        """Let requests about the same thing go one after the other."""
        lock, waiting = self.under_way.get(name, (asyncio.Lock(), 0))
        self.under_way[name] = (lock, waiting + 1)
        try:
            async with lock:
                yield
        finally:
            lock, waiting = self.under_way.pop(name)
            if waiting > 1:
                self.under_way[name] = (lock, waiting - 1)

    @asynccontextmanager
    async def undisturbed(self) -> AsyncIterator[None]:
        """Let no erasure begin while a record is made elsewhere that must be kept here as well; many may be at once.

        Raises:
            WarehouseError: an erasure is going on.
        """
        async with self.alone("erasures"):
            if self._holding == 0:
                work = partial(hold_off, self.warehouse.home, PATIENCE.in_all)
                self._let_go = await asyncio.get_running_loop().run_in_executor(self.writers, work)
            self._holding += 1
        try:
            yield
        finally:
            async with self.alone("erasures"):
                self._holding -= 1
                if self._holding == 0:
                    self._let_go()

    def mono(self) -> MonoClient:
        """The client of Mono, for the event loop that runs the application.

        Raises:
            Problem: the settings hold no key, and the upstream is Mono itself.
        """
        if self._mono is None:
            try:
                self._mono = MonoClient.of(self.settings, retries=PATIENCE)
            except ConfigurationError as error:
                raise Problem(503, sentence(error)) from None
        return self._mono

    async def close(self) -> None:
        """Let go of everything but the warehouse, which is whoever opened it's."""
        if self._mono is not None:
            await self._mono.close()
        for pool in (self.readers, self.writers):
            pool.shutdown(wait=True, cancel_futures=True)
        self.landers.close()
        self.lander.close()
