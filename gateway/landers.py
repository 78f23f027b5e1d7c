"""Threads for work on the landing folder: each takes up what waits, piece after piece, until nothing does.

What is waited for is told to the event loop, and nothing else goes between the two: handing each piece to a thread of
its own takes as long as landing an event does. While the disk is quick a few threads do most, since more only get into
each other's way; while it is slow many wait for it side by side.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from time import perf_counter
from typing import Any, TypeVar

T = TypeVar("T")

FEW, MANY = 3, 16
SLOW_SECONDS = 0.0015
"""Where even the quickest of the last pieces took longer, it is the disk that is waited for."""


class Landers:
    """The threads, which begin when they are needed; to be asked by one event loop."""

    def __init__(self) -> None:
        """Begin with none."""
        self._pool = ThreadPoolExecutor(MANY, "lands")
        self._took = deque([0.0], maxlen=8)
        self._waiting: deque[tuple[Callable[[], Any], asyncio.Future[Any]]] = deque()
        self._busy = 0
        self._closed = False

    async def do(self, work: Callable[[], T]) -> T:
        """Do work in a thread; what it raises is raised here.

        Raises:
            RuntimeError: the threads were let go.
        """
        if self._closed:
            raise RuntimeError("the threads for the landing folder were let go")
        loop = asyncio.get_running_loop()
        told: asyncio.Future[T] = loop.create_future()
        self._waiting.append((work, told))
        self._begin(loop)
        return await told

    def close(self) -> None:
        """Wait for what is being done, and do nothing more; whoever waits for something else is told so."""
        self._closed = True
        while self._waiting:
            self._waiting.popleft()[1].cancel()
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _begin(self, loop: asyncio.AbstractEventLoop) -> None:
        most = MANY if min(list(self._took)) > SLOW_SECONDS else FEW  # of a copy: threads add to it
        if not self._closed and self._waiting and self._busy < most:
            self._pool.submit(self._work, loop)
            self._busy += 1

    def _work(self, loop: asyncio.AbstractEventLoop) -> None:
        more = True
        while more:
            try:
                work, told = self._waiting.popleft()
            except IndexError:  # another thread was quicker
                loop.call_soon_threadsafe(self._end, loop)
                return
            began = perf_counter()
            try:
                result, error = work(), None
            except BaseException as raised:  # whoever waits for it is told
                result, error = None, raised
            self._took.append(perf_counter() - began)
            more = bool(self._waiting)
            loop.call_soon_threadsafe(self._tell, told, result, error, None if more else loop)

    def _tell(
        self,
        told: asyncio.Future[Any],
        result: object,
        error: BaseException | None,
        ended: asyncio.AbstractEventLoop | None,
    ) -> None:
        """Tell whoever waits, who may have gone; and that a thread has ended, at once: each call wakes the loop."""
        if not told.done():
            if error is None:
                told.set_result(result)
            else:
                told.set_exception(error)
        if ended:
            self._end(ended)

    def _end(self, loop: asyncio.AbstractEventLoop) -> None:
        self._busy -= 1
        self._begin(loop)
