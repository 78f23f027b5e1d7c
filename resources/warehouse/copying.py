"""A warehouse copied into an empty one: from the embedded default to a team's, or back.

Holds the copying of rows, table by table, out of one moment of the source and in one transaction of the target. Older
snapshots stay behind (`audit.decision_log` goes along, and answers as-of questions); so do the files of the home.
"""

from __future__ import annotations

import duckdb

from resources.errors import ConfigurationError
from resources.warehouse.connection import Warehouse
from resources.warehouse.engine import CATALOG

_ROWS_A_BATCH = 100_000


def copy_warehouse(source: Warehouse, target: Warehouse, *, run_id: str) -> dict[str, int]:
    """Copy every row, and count what arrived.

    Args:
        source: read, and brought up to this release's tables.
        target: made where there is none; it must hold nothing.
        run_id: kept as the commit's message.

    Returns:
        How many rows each table has.

    Raises:
        ConfigurationError: the target holds rows already.
        WarehouseError: either cannot be opened, or the target cannot be written.

    """
    source.migrate()
    target.migrate()
    with source.read() as con:
        con.execute("BEGIN")  # all tables as they are at one moment
        tables = _tables(con)

        def fill(into: duckdb.DuckDBPyConnection) -> dict[str, int]:
            _refuse_filled(into, tables)
            return {table: _copied(con, into, table) for table in tables}

        return target.write(fill, run_id=run_id, note="copied from another warehouse")


def _tables(con: duckdb.DuckDBPyConnection) -> list[str]:
    return [name for (name,) in con.execute(_TABLES, [CATALOG]).fetchall()]


def _refuse_filled(con: duckdb.DuckDBPyConnection, tables: list[str]) -> None:
    for table in tables:
        if con.table(table).limit(1).fetchone() is not None:
            raise ConfigurationError(
                f"the target holds rows already (in its table {table}): a warehouse is copied into an empty one. Name "
                "another with --to, and nothing is mixed up."
            )


def _copied(source: duckdb.DuckDBPyConnection, into: duckdb.DuckDBPyConnection, table: str) -> int:
    """Stream a table across; both sides say how many rows it has, and must agree."""
    into.register("copied_rows", source.table(table).to_arrow_reader(_ROWS_A_BATCH))
    statement = f'INSERT INTO "{table}" BY NAME SELECT * FROM copied_rows'  # noqa: S608 - a table of ours
    (arrived,) = into.execute(statement).fetchone() or (0,)
    into.unregister("copied_rows")
    (sent,) = source.table(table).count("*").fetchone() or (0,)
    if arrived != sent:  # nothing is committed
        message = f"{arrived} of {sent} rows of {table} arrived"
        raise AssertionError(message)
    return int(arrived)


_TABLES = """
SELECT table_name FROM duckdb_tables()
WHERE database_name = ? AND schema_name = 'main' AND table_name <> 'schema_migrations'
ORDER BY table_name
"""
