"""What of the warehouse is on other machines, for erasure: PostgreSQL written anew, all brought here to be looked at.

A catalogue in PostgreSQL is written anew by `VACUUM FULL` of the lake's own tables, over a connection of its own: it
cannot run within a transaction, and waits for whoever holds one open. Its rows, and the objects of a bucket, are copied
into a folder, in which they are searched as any other file (`resources/remnants.py`). What no client can reach is not
held here: PostgreSQL's write-ahead log and backups, older versions that a bucket keeps (`docs/data-map.md`).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import duckdb

from resources.warehouse.engine import open_engine, quoted

_LOCK_MILLISECONDS = 60_000


def vacuum(place: str, spill: Path) -> None:
    """Write the lake's tables in PostgreSQL anew, and what it remembers of them: no deleted row is left in either.

    Args:
        place: the connection string of the catalogue.
        spill: a folder for what DuckDB needs room for.

    Raises:
        duckdb.Error: others kept reading or writing, or this user may not; the text may hold the connection string.
    """
    with _postgres(place, spill) as con:
        for schema, table in [*_tables(con), _STATISTICS]:
            statement = f'VACUUM (FULL, ANALYZE) "{schema}"."{table}"'
            con.execute("CALL postgres_execute('catalogue', ?, use_transaction => FALSE)", [statement])


def bring_catalogue(place: str, folder: Path, spill: Path) -> None:
    """Copy the lake's tables in PostgreSQL into a folder, a Parquet file each.

    Raises:
        duckdb.Error: it cannot be read; the text may hold the connection string.
    """
    folder.mkdir(parents=True)
    with _postgres(place, spill) as con:
        for schema, table in _tables(con):
            rows = con.sql(f'FROM catalogue."{schema}"."{table}"')
            rows.write_parquet(str(folder / f"{schema}.{table}.parquet"))


def bring_objects(con: duckdb.DuckDBPyConnection, address: str, folder: Path, *, most: int, since: datetime) -> None:
    """Copy the objects below an address into a folder.

    Args:
        con: of the lake, which has the keys of the bucket.
        address: `s3://bucket/prefix`.
        folder: made by this.
        most: bytes; where there are more in all, only those come that were written since.
        since: a moment before anything was deleted.

    Raises:
        duckdb.Error: the bucket cannot be read.
    """
    folder.mkdir(parents=True)
    beginning = f"{address.rstrip('/')}/"
    objects = con.execute(_OBJECTS, [f"{beginning}**"]).fetchall()
    large = sum(size for _, size, _ in objects) > most
    for name, _, written in objects:
        if not large or written >= since:
            content = con.execute("SELECT content FROM read_blob(?)", [name]).fetchone()
            path = folder / name.removeprefix(beginning)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content[0] if content else b"")


@contextmanager
def _postgres(place: str, spill: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    con = open_engine("postgres", "", spill)
    try:
        con.execute(f"ATTACH {quoted(_impatient(place))} AS catalogue (TYPE postgres)")
        yield con
    finally:
        con.close()


def _impatient(place: str) -> str:
    """A connection string whose sessions do not wait for locks without end."""
    if "://" in place:
        return f"{place}{'&' if '?' in place else '?'}options=-c%20lock_timeout%3D{_LOCK_MILLISECONDS}"
    return f"{place} options='-c lock_timeout={_LOCK_MILLISECONDS}'"


def _tables(con: duckdb.DuckDBPyConnection) -> list[tuple[str, str]]:
    return con.execute("SELECT * FROM postgres_query('catalogue', ?)", [_LAKES_TABLES]).fetchall()


_STATISTICS = ("pg_catalog", "pg_statistic")
"""What PostgreSQL remembers of each column for its plans: common values and bounds, of rows that were deleted too."""
_LAKES_TABLES = r"""
SELECT schemaname::text, tablename::text FROM pg_tables WHERE tablename LIKE 'ducklake\_%' ORDER BY 1, 2
"""
_OBJECTS = "SELECT filename, size, last_modified FROM read_blob(?)"
