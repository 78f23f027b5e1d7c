"""Making deletion physical: after it nothing that was deleted is in any file, snapshot, statistic or page.

DELETE in a lake erases nothing (`tests/resources/warehouse/test_erasure_facts.py` shows each fact): rows are only
marked, older snapshots keep whole files, the catalogue keeps the least and the greatest value that a column ever had.
Holds the steps, all of which may be done again from any point, and none of which reads what a row says. Which rows are
deleted is not its business (`erasures.py`).
"""

from __future__ import annotations

import duckdb

from resources import remnants
from resources.errors import WarehouseError
from resources.warehouse import far
from resources.warehouse.connection import Warehouse
from resources.warehouse.engine import CATALOG, META

_TYPES = {
    "varchar": "VARCHAR",
    "int64": "BIGINT",
    "int32": "INTEGER",
    "int16": "SMALLINT",
    "uint8": "UTINYINT",
    "uint32": "UINTEGER",
    "date": "DATE",
    "timestamptz": "TIMESTAMPTZ",
    "float64": "DOUBLE",
    "boolean": "BOOLEAN",
}


def make_physical(warehouse: Warehouse) -> list[str]:
    """Take everything that is deleted out of the files and the catalogue, and with it all older snapshots.

    The rows in force are written anew where deleted ones lie beside them: no file without deleted rows is touched.
    Readers wait only while old snapshots and files are taken away: one that begins just then would look for a snapshot
    that has gone. Where it is interrupted, it is done again.

    Returns:
        What could still hold deleted rows, in words; empty where nothing does.

    Raises:
        WarehouseError: others did not let go in time, or it cannot be written.
    """
    with warehouse.maintaining(alone=False) as con:
        con.execute(_REWRITE)
    with warehouse.maintaining(alone=True) as con:
        shared = warehouse.catalog_server is not None
        _flush(con)
        for step in SHARED_STEPS if shared else STEPS:
            con.execute(step)
        _narrow_statistics(con)
        _vacuum(warehouse)
        return left_behind(con, shared=shared)  # before anybody else writes: what they mark as deleted is their own


def _flush(con: duckdb.DuckDBPyConnection) -> None:
    """Write inlined rows out to files, table by table, where there are any.

    One call for all tables lets its threads add to one list of the transaction unguarded, which now and then
    corrupts memory and ends the process (DuckLake for DuckDB 1.5.5).
    """
    for table, rows in con.execute(_INLINED).fetchall():
        if con.execute(f"SELECT 1 FROM {META}.{rows} LIMIT 1").fetchone():  # noqa: S608 - a name of the lake's
            con.execute(f"CALL ducklake_flush_inlined_data('{CATALOG}', table_name => ?)", [table])


def left_behind(con: duckdb.DuckDBPyConnection, *, shared: bool = False) -> list[str]:
    """What could still hold deleted rows, in words; empty where nothing does.

    Args:
        con: to the lake.
        shared: whether others may be writing: their files are of no table before they commit.
    """
    sweep = _SWEEP_OLD if shared else _SWEEP
    orphans = con.execute(f"{sweep.removesuffix(')')}, dry_run => true)").fetchall()
    row = con.execute(_OLD).fetchone() or (0, 0)
    told = {"files of no table": len(orphans), "files with rows marked as deleted": row[0], "files to delete": row[1]}
    return [f"{count} {what}" for what, count in told.items() if count]


def _narrow_statistics(con: duckdb.DuckDBPyConnection) -> None:
    """Set each column's least and greatest value to those of the rows in force: the lake only ever widens them.

    Every process keeps the statistics it has read, by the number of the next file: that number is raised, or one of
    them would write the old ones back.
    """
    changed = []
    for kind, sql_type in _TYPES.items():
        changed += con.execute(_NARROWER.format(type=sql_type), {"kind": kind}).fetchall()
    con.execute("BEGIN")
    con.executemany(_SET_STATISTICS, changed) if changed else None
    con.execute(_RAISE_FILE_NUMBER)
    con.execute("COMMIT")


def _vacuum(warehouse: Warehouse) -> None:
    if warehouse.catalog_server is not None:
        _vacuum_server(warehouse.catalog_server, warehouse)
        return
    try:
        task = remnants.Task(roots=[], needles=[], vacuum=str(warehouse.catalog_file))
        remnants.run_apart(task, warehouse.home / "tmp")
    except OSError as error:
        message = (
            "the catalogue could not be written anew, so deleted rows may still be in its free pages. See that the "
            "disk has room for it twice, then do the same again."
        )
        raise WarehouseError(message) from error


def _vacuum_server(place: str, warehouse: Warehouse) -> None:
    try:
        far.vacuum(place, warehouse.home / "tmp")
    except duckdb.Error as error:
        message = (
            "the catalogue in PostgreSQL could not be written anew (VACUUM FULL), so deleted rows may still be in its "
            "files. See that its user owns the lake's tables and that nobody keeps a transaction open, then do the "
            "same again."
        )
        raise WarehouseError(message) from error


_INLINED = f"""
SELECT t.table_name, i.table_name
FROM {META}.ducklake_inlined_data_tables AS i
JOIN {META}.ducklake_table AS t ON t.table_id = i.table_id AND t.end_snapshot IS NULL
"""  # noqa: S608 - names of ours
_REWRITE = f"CALL ducklake_rewrite_data_files('{CATALOG}', delete_threshold => 0)"
_EXPIRE = f"CALL ducklake_expire_snapshots('{CATALOG}', older_than => now())"
_CLEAN = f"CALL ducklake_cleanup_old_files('{CATALOG}', cleanup_all => true)"
_SWEEP = f"CALL ducklake_delete_orphaned_files('{CATALOG}', cleanup_all => true)"
STEPS = (_REWRITE, _EXPIRE, _CLEAN, _SWEEP)
"""The lake's own part, in order."""
_SWEEP_OLD = f"CALL ducklake_delete_orphaned_files('{CATALOG}', older_than => now() - INTERVAL 1 DAY)"
SHARED_STEPS = (_REWRITE, _EXPIRE, _CLEAN, _SWEEP_OLD)
"""The same where other machines may be writing: a young file of no table may be about to be committed."""
_OLD = f"""
SELECT
    (SELECT count(*) FROM {META}.ducklake_delete_file),
    (SELECT count(*) FROM {META}.ducklake_files_scheduled_for_deletion)
    + (SELECT count(*) FROM {META}.ducklake_data_file WHERE end_snapshot IS NOT NULL)
"""  # noqa: S608 - names of ours
# Only where every file in force tells its least and greatest value, or has none.
_NARROWER = f"""
WITH told AS (
    SELECT f.table_id, c.column_id, s.min_value, s.max_value,
        s.min_value IS NULL AND coalesce(s.value_count, 1) > coalesce(s.null_count, 0) AS unknown
    FROM {META}.ducklake_data_file AS f
    JOIN {META}.ducklake_column AS c ON c.table_id = f.table_id AND c.end_snapshot IS NULL AND c.column_type = $kind
    LEFT JOIN {META}.ducklake_file_column_stats AS s
        ON s.data_file_id = f.data_file_id AND s.column_id = c.column_id
    WHERE f.end_snapshot IS NULL
),
narrow AS (
    SELECT table_id, column_id,
        arg_min(min_value, CAST(min_value AS {{type}})) AS low,
        arg_max(max_value, CAST(max_value AS {{type}})) AS high,
        bool_or(unknown) AS unknown
    FROM told GROUP BY ALL
)
SELECT n.low, n.high, t.table_id, t.column_id
FROM {META}.ducklake_table_column_stats AS t
JOIN {META}.ducklake_column AS c
    ON c.table_id = t.table_id AND c.column_id = t.column_id AND c.end_snapshot IS NULL AND c.column_type = $kind
LEFT JOIN narrow AS n ON n.table_id = t.table_id AND n.column_id = t.column_id
WHERE NOT coalesce(n.unknown, FALSE) AND (n.low, n.high) IS DISTINCT FROM (t.min_value, t.max_value)
"""  # noqa: S608 - names of ours
_SET_STATISTICS = f"""
UPDATE {META}.ducklake_table_column_stats SET min_value = ?, max_value = ? WHERE table_id = ? AND column_id = ?
"""  # noqa: S608 - names of ours
_RAISE_FILE_NUMBER = f"""
UPDATE {META}.ducklake_snapshot SET next_file_id = next_file_id + 1
WHERE snapshot_id = (SELECT max(snapshot_id) FROM {META}.ducklake_snapshot)
"""  # noqa: S608 - names of ours
