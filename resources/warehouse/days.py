"""Tables `touched_days` and `decided_days`: which days wait to be decided, and by what the others were.

A sync marks the days whose lines it changed; deciding a day takes away the marks that it saw and no others, so that a
line which arrives meanwhile is never overlooked.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

import duckdb
import polars as pl

from resources.warehouse.frames import frame_of

STATES = pl.Schema(
    {
        "organization_id": pl.String(),
        "environment": pl.String(),
        "lists_hash": pl.String(),
        "invoices_hash": pl.String(),
    }
)
"""By tenant: what identifies its list entries and its invoices now."""

_TENANT_STATES = "SELECT " + ", ".join(f"unnest(CAST(${name} AS VARCHAR[])) AS {name}" for name in STATES)

_WAITING = """
SELECT organization_id, environment, day FROM touched_days
UNION
SELECT d.organization_id, d.environment, d.day
FROM decided_days AS d
LEFT JOIN tenant_states AS s USING (organization_id, environment)
WHERE d.policy_hash <> $policy_hash
    OR d.lists_hash <> coalesce(s.lists_hash, $no_state)
    OR d.invoices_hash <> coalesce(s.invoices_hash, $no_state)
    OR d.due_at <= $now
"""

_OTHERS = """
UNION
SELECT organization_id, environment, day FROM transactions
UNION
SELECT organization_id, environment, day FROM decided_days
"""


@dataclass(frozen=True)
class State:
    """By what days are decided now."""

    policy_hash: str
    tenants: pl.DataFrame
    """Columns of `STATES`."""
    no_state: str
    """The hash of a tenant without entries or without invoices."""
    now: datetime


def waiting(con: duckdb.DuckDBPyConnection, state: State, start: date | None, end: date | None) -> pl.DataFrame:
    """The days that are not decided as they would be now, with the number of their lines, the earliest first."""
    return _counted(con, state, _WAITING, start, end)


def all_days(con: duckdb.DuckDBPyConnection, state: State, start: date | None, end: date | None) -> pl.DataFrame:
    """Every day that has lines or had, with the number of its lines, the earliest first."""
    return _counted(con, state, f"{_WAITING} {_OTHERS}", start, end)


def _counted(
    con: duckdb.DuckDBPyConnection, state: State, days: str, start: date | None, end: date | None
) -> pl.DataFrame:
    query = f"""
    WITH tenant_states AS ({_TENANT_STATES}), days AS ({days})
    SELECT organization_id, environment, day, count(t.day) AS lines
    FROM days
    LEFT JOIN (
        SELECT organization_id, environment, day FROM transactions
        WHERE day BETWEEN (SELECT min(day) FROM days) AND (SELECT max(day) FROM days)
    ) AS t USING (organization_id, environment, day)
    WHERE day BETWEEN coalesce($start, DATE '0001-01-01') AND coalesce($end, DATE '9999-12-31')
    GROUP BY ALL
    ORDER BY day, organization_id, environment
    """  # noqa: S608 - constants
    values = {
        "policy_hash": state.policy_hash,
        "no_state": state.no_state,
        "now": state.now,
        "start": start,
        "end": end,
        **state.tenants.to_dict(as_series=False),
    }
    used = {name: value for name, value in values.items() if f"${name}" in query}
    return frame_of(con, query, used)


def deciding_policies(con: duckdb.DuckDBPyConnection, start: date | None, end: date | None) -> list[str]:
    """The hashes of the policies that days of a range were last decided by."""
    rows = con.execute(
        """
        SELECT DISTINCT policy_hash FROM decided_days
        WHERE day BETWEEN coalesce($start, DATE '0001-01-01') AND coalesce($end, DATE '9999-12-31')
        """,
        {"start": start, "end": end},
    ).fetchall()
    return [policy_hash for (policy_hash,) in rows]


def touches(con: duckdb.DuckDBPyConnection) -> pl.DataFrame:
    """The marks on the days of `batch_days`, as a transaction sees them."""
    return con.execute(
        "SELECT touch_id, organization_id, environment, day FROM touched_days "
        "SEMI JOIN batch_days USING (organization_id, environment, day)"
    ).pl()


def touch(con: duckdb.DuckDBPyConnection, touched: pl.DataFrame, touch_id: str) -> None:
    """Mark days to be decided anew by the next run, whatever they were decided by.

    Args:
        con: within a transaction.
        touched: `organization_id`, `environment`, `day`, one row a day.
        touch_id: names who marks them.
    """
    con.register("marked_days", touched.to_arrow())
    con.execute(
        "INSERT INTO touched_days (touch_id, organization_id, environment, day)"
        " SELECT ?, organization_id, environment, day FROM marked_days",
        [touch_id],
    )
    con.unregister("marked_days")


def settle(con: duckdb.DuckDBPyConnection, seen: pl.DataFrame, decided: pl.DataFrame) -> None:
    """Take away the marks that were seen and write down by what the days of `batch_days` were decided.

    Args:
        con: within the transaction that wrote the decisions.
        seen: what `touches` gave before the lines were read.
        decided: the columns of `decided_days`.
    """
    con.register("seen_touches", seen.to_arrow())
    con.register("now_decided", decided.to_arrow())
    con.execute(
        "DELETE FROM touched_days USING seen_touches AS s WHERE touched_days.touch_id = s.touch_id"
        " AND touched_days.organization_id = s.organization_id AND touched_days.environment = s.environment"
        " AND touched_days.day = s.day"
    )
    con.execute(
        "DELETE FROM decided_days USING batch_days AS b WHERE decided_days.organization_id = b.organization_id"
        " AND decided_days.environment = b.environment AND decided_days.day = b.day"
    )
    con.execute("INSERT INTO decided_days BY NAME SELECT * FROM now_decided")
    con.unregister("seen_touches")
    con.unregister("now_decided")
