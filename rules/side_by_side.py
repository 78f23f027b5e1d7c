"""Work on lines side by side: a frame in pieces, each worked through by a thread of its own.

Polars' own engines share out every single step among the threads, and on texts wait for each other at each of them; a
piece that one thread works through from its first step to its last waits for nobody.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import polars as pl

PIECE = 250_000
"""The most lines of a piece: what is held at once is a few times as much text."""
_WORTH = 20_000  # a piece costs some 20 ms whatever its lines


def in_pieces(lines: pl.DataFrame, work: Callable[[pl.LazyFrame], pl.LazyFrame]) -> pl.DataFrame:
    """Do work that looks at each line by itself, in as many pieces at a time as Polars has threads.

    Args:
        lines: any columns.
        work: gives rows of the same columns for every piece, the empty one too; called from several threads.

    Returns:
        What the work gave of all pieces, in the order of the lines.

    """
    threads = max(1, min(pl.thread_pool_size(), -(-len(lines) // _WORTH)))
    rounds = max(1, -(-len(lines) // (threads * PIECE)))
    if threads * rounds == 1:
        return work(lines.lazy()).collect(engine="in-memory")
    size = -(-len(lines) // (threads * rounds))

    def done(start: int) -> pl.DataFrame:
        return work(lines.slice(start, size).lazy()).collect(engine="in-memory")

    with ThreadPoolExecutor(threads, thread_name_prefix="lines") as pool:
        return pl.concat(pool.map(done, range(0, len(lines), size)))
