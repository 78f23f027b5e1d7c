"""The upkeep of DuckLake: small files merged, old snapshots let go, files that nobody needs any more removed.

Holds what is called and in which order. It erases nothing that is meant to be erased (that takes more), and never
writes out inlined rows of a table that is partitioned (ducklake issues 1266 and 1364). Letting snapshots go ends
time travel behind them; what was decided then is answered by `audit.decision_log` for good.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import duckdb

from resources.clock import Clock
from resources.warehouse import webhook_events
from resources.warehouse.connection import Warehouse
from resources.warehouse.engine import CATALOG

SNAPSHOTS_KEPT = timedelta(days=30)
"""So far back the warehouse can be read as it was."""
EVENTS_KEPT = timedelta(days=90)
"""For so long it is known which events were taken in; the gateway lands the same one again after 80 hours."""
_READERS_DONE = timedelta(days=1)
"""A file that is no snapshot's may still be read by whoever began before; after so long it is removed."""


@dataclass(frozen=True)
class Upkeep:
    """What was done, in counts."""

    files_merged: int
    files_made: int
    snapshots_expired: int
    files_removed: int


def tidy(warehouse: Warehouse, clock: Clock, *, run_id: str) -> Upkeep:
    """Tidy the warehouse; writers wait meanwhile, readers do not.

    Raises:
        WarehouseError: it cannot be written.
    """
    now = clock.now()
    warehouse.write(lambda con: webhook_events.forget(con, now - EVENTS_KEPT), run_id=run_id, note="forget events")
    merged, made = warehouse.write(_merge, run_id=run_id, note="merge files")
    expired = warehouse.write(lambda con: _expire(con, now - SNAPSHOTS_KEPT), run_id=run_id, note="expire snapshots")
    removed = warehouse.write(lambda con: _clean(con, now - _READERS_DONE), run_id=run_id, note="remove files")
    return Upkeep(merged, made, expired, removed)


def last_commit(con: duckdb.DuckDBPyConnection) -> int:
    """The number of the last commit, of any process."""
    row = con.execute(f"SELECT id FROM {CATALOG}.current_snapshot()").fetchone()  # noqa: S608 - a constant
    return int(row[0]) if row else 0


def _merge(con: duckdb.DuckDBPyConnection) -> tuple[int, int]:
    rows = con.execute(f"CALL ducklake_merge_adjacent_files('{CATALOG}')").fetchall()
    return sum(row[-2] for row in rows), sum(row[-1] for row in rows)


def _expire(con: duckdb.DuckDBPyConnection, before: datetime) -> int:
    return len(con.execute(f"CALL ducklake_expire_snapshots('{CATALOG}', older_than => ?)", [before]).fetchall())


def _clean(con: duckdb.DuckDBPyConnection, before: datetime) -> int:
    return len(con.execute(f"CALL ducklake_cleanup_old_files('{CATALOG}', older_than => ?)", [before]).fetchall())
