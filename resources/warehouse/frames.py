"""Small frames out of the warehouse, handed over by Arrow's C interface.

DuckDB's own `.pl()` and `.register` of a frame load pyarrow, and that NumPy: a quarter of a second, which a run that
finds nothing to do must not wait for. What such a run reads is read by this.
"""

from __future__ import annotations

from collections.abc import Mapping

import duckdb
import polars as pl


def frame_of(con: duckdb.DuckDBPyConnection, query: str, values: Mapping[str, object] | None = None) -> pl.DataFrame:
    """The rows of a query as a frame, the same as `con.execute(query, values).pl()`."""
    return pl.DataFrame(con.sql(query, params=dict(values) if values else None))
