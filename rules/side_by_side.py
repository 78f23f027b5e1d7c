"""Work on lines side by side: a frame in pieces, each worked through by a thread of its own.

Polars' own engines share out every single step among the threads, and on texts wait for each other at each of them; a
piece that one thread works through from its first step to its last waits for nobody. So that it stays with its thread,
the work uses `with_columns_seq` and `select_seq`, which take one expression after the other over the whole frame.
"""

from __future__ import annotations

from collections.abc import Callable

import polars as pl

PIECE = 250_000
"""The most lines of a piece: what is held at once is a few times as much text."""
_WORTH = 20_000  # a piece costs some 20 ms whatever its lines


def in_pieces(lines: pl.DataFrame, work: Callable[[pl.LazyFrame], pl.LazyFrame]) -> pl.DataFrame:
    """Do work that looks at each line by itself, in as many pieces at a time as Polars has threads.

    Args:
        lines: any columns.
        work: gives rows of the same columns for every piece, the empty one too; what it asks for is carried out by
            the threads of Polars, several pieces at a time.

    Returns:
        What the work gave of all pieces, in the order of the lines.

    """
    threads = max(1, min(pl.thread_pool_size(), -(-len(lines) // _WORTH)))
    rounds = max(1, -(-len(lines) // (threads * PIECE)))
    size = max(1, -(-len(lines) // (threads * rounds)))
    pieces = list(lines.iter_slices(size)) or [lines]
    # A thread that waits may begin any work that is left, so that no more pieces are begun than there are threads.
    together = [pieces[first : first + threads] for first in range(0, len(pieces), threads)]
    return pl.concat(
        done for some in together for done in pl.collect_all([work(piece.lazy()) for piece in some], engine="in-memory")
    )
