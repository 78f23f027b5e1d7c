"""How fast Mono is asked: so many requests in any second, and none while it has asked for patience."""

from __future__ import annotations

import asyncio
from collections import deque


class Pace:
    """Lets a bounded number of requests start within any second, in the order in which they came."""

    def __init__(self, per_second: float) -> None:
        """Set the bound: requests a second; below one, a request every so many seconds."""
        self._burst = max(1, int(per_second))
        self._window = self._burst / per_second
        self._starts: deque[float] = deque(maxlen=self._burst)
        self._closed_until = 0.0
        self._line = asyncio.Lock()

    async def turn(self) -> None:
        """Wait until one more request may start."""
        clock = asyncio.get_running_loop().time
        async with self._line:
            while (wait := self._open_at() - clock()) > 0:
                await asyncio.sleep(wait)
            self._starts.append(clock())

    def close(self, seconds: float) -> None:
        """Let nothing start for so many seconds."""
        self._closed_until = max(self._closed_until, asyncio.get_running_loop().time() + seconds)

    def _open_at(self) -> float:
        full = len(self._starts) == self._burst
        return max(self._closed_until, self._starts[0] + self._window if full else 0.0)
