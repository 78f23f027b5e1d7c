"""How often a token may ask: a bucket a token, in this process.

Holds the buckets. A bucket fills at so many requests a second, up to twice as many; an empty one says how long to wait.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

BURST = 2.0
_MOST_BUCKETS = 10_000


@dataclass
class Buckets:
    """The buckets of all tokens; for one thread."""

    rate: float
    """Requests a second."""
    timer: Callable[[], float] = time.monotonic
    _buckets: dict[str, tuple[float, float]] = field(default_factory=dict)

    def take(self, token_id: str) -> float:
        """Take one request out of a token's bucket; the seconds to wait where it is empty, else 0."""
        now = self.timer()
        if len(self._buckets) > _MOST_BUCKETS:
            self._buckets.clear()
        left, since = self._buckets.get(token_id, (self.rate * BURST, now))
        left = min(left + (now - since) * self.rate, max(self.rate * BURST, 1.0))
        if left < 1.0:
            self._buckets[token_id] = (left, now)
            return (1.0 - left) / self.rate
        self._buckets[token_id] = (left - 1.0, now)
        return 0.0
