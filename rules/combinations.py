"""Which few of a customer's invoices add up to a payment: an exact, bounded search (domain section 5, strategy 8).

At most 6 of at most 12 invoices make 2,497 combinations of two and more; all of them are summed at once.
"""

from __future__ import annotations

from functools import cache
from itertools import combinations

import numpy as np
import numpy.typing as npt

MOST_INVOICES = 12
MOST_TOGETHER = 6


def adding_up(amounts: npt.NDArray[np.int64], target: int, tolerance: int) -> list[tuple[int, ...]]:
    """The places of every two to six of at most twelve amounts that add up to a target, the fewest first.

    Args:
        amounts: positive, in minor units, at most `MOST_INVOICES` of them.
        target: what they must add up to.
        tolerance: by how much the sum may differ.

    """
    if len(amounts) < 2 or amounts.sum() + tolerance < target:
        return []
    chosen, masks = _choices(len(amounts))
    found = np.flatnonzero(np.abs(masks @ amounts - target) <= tolerance)
    return [chosen[place] for place in found]


@cache
def _choices(count: int) -> tuple[list[tuple[int, ...]], npt.NDArray[np.int64]]:
    """Every choice of two to six of `count` places, and the same as rows of ones and zeroes."""
    chosen = [places for size in range(2, MOST_TOGETHER + 1) for places in combinations(range(count), size)]
    masks = np.zeros((len(chosen), count), dtype=np.int64)
    for row, places in enumerate(chosen):
        masks[row, list(places)] = 1
    return chosen, masks
