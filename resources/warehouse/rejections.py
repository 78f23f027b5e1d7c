"""Tables `rejections` and `monitoring_events`: the dead-letter queue, and the news of it (domain section 7).

A line is in the queue while the decision in force rejects it; an `invoice_failed` event is written once, when it enters
the queue or is rejected for another reason. Works on the temporary tables that `decisions.replace` leaves.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime

import duckdb
import polars as pl


@dataclass(frozen=True)
class Asked:
    """Which entries of the queue are meant; None: whichever."""

    organization_id: str | None = None
    environment: str | None = None
    account_id: str | None = None
    transaction_id: str | None = None
    reason: str | None = None
    detail: str | None = None


def entries(con: duckdb.DuckDBPyConnection, asked: Asked) -> pl.DataFrame:
    """The entries that are meant: their identity, `day`, `reason` and `detail`."""
    return con.execute(
        """
        SELECT organization_id, environment, account_id, transaction_id, day, reason, detail FROM rejections
        WHERE organization_id = coalesce($organization_id, organization_id)
            AND environment = coalesce($environment, environment)
            AND account_id = coalesce($account_id, account_id)
            AND transaction_id = coalesce($transaction_id, transaction_id)
            AND reason = coalesce($reason, reason)
            AND detail = coalesce($detail, detail)
        """,
        asdict(asked),
    ).pl()


def replayed(con: duckdb.DuckDBPyConnection, replayed_entries: pl.DataFrame, now: datetime) -> None:
    """Write down that entries were decided anew; those that left the queue need no such word.

    Args:
        con: within a transaction.
        replayed_entries: what `entries` gave.
        now: when.
    """
    con.register("replayed_entries", replayed_entries.to_arrow())
    con.execute(_REPLAYED, {"now": now})
    con.unregister("replayed_entries")


def ends_of(con: duckdb.DuckDBPyConnection, of_entries: pl.DataFrame) -> pl.DataFrame:
    """How the lines of entries end now: `account_id`, `transaction_id`, `to`, an outcome or `reason/detail`."""
    con.register("asked_entries", of_entries.to_arrow())
    found = con.execute("""
        SELECT account_id, transaction_id,
            CASE WHEN d.outcome = 'rejected' THEN d.reason || '/' || d.detail ELSE d.outcome END AS "to"
        FROM decisions AS d
        SEMI JOIN asked_entries USING (account_id, transaction_id)
        WHERE d.account_id IN (SELECT account_id FROM asked_entries)
    """).pl()
    con.unregister("asked_entries")
    return found


def follow(con: duckdb.DuckDBPyConnection) -> int:
    """Bring the queue in line with the changed decisions; returns the number of new rejections, each with its event."""
    con.execute(_EXISTING)
    con.execute(_NEW)
    con.execute(_LEAVE)
    con.execute(_ENTER)
    con.execute(_MOVE)
    row = con.execute(_EVENTS).fetchone()
    return int(row[0]) if row else 0


_REPLAYED = """
MERGE INTO rejections USING replayed_entries AS e
ON rejections.account_id = e.account_id AND rejections.transaction_id = e.transaction_id
    AND rejections.day BETWEEN (SELECT min(day) FROM replayed_entries) AND (SELECT max(day) FROM replayed_entries)
WHEN MATCHED THEN UPDATE SET replayed_at = $now
"""
_EXISTING = """
CREATE OR REPLACE TEMP TABLE existing_rejections AS
SELECT r.* FROM rejections AS r
SEMI JOIN (
    SELECT account_id, transaction_id FROM changed_decisions
    UNION ALL
    SELECT account_id, transaction_id FROM gone_decisions
) AS touched USING (account_id, transaction_id)
WHERE r.account_id IN (SELECT account_id FROM changed_decisions UNION SELECT account_id FROM gone_decisions)
"""
# New: not in the queue yet, or there for another reason.
_NEW = """
CREATE OR REPLACE TEMP TABLE new_rejections AS
SELECT c.organization_id, c.environment, c.account_id, c.transaction_id, c.day, c.reason, c.detail,
    c.decided_at AS rejected_at, c.trace_id
FROM changed_decisions AS c
ANTI JOIN existing_rejections USING (account_id, transaction_id, reason, detail)
WHERE c.outcome = 'rejected'
"""
# Leaves: not rejected any more, rejected for another reason, or gone (a line that moved to another day is not).
_LEAVE = """
DELETE FROM rejections USING (
    SELECT e.account_id, e.transaction_id, e.day FROM existing_rejections AS e
    SEMI JOIN (
        SELECT account_id, transaction_id FROM changed_decisions WHERE outcome <> 'rejected'
        UNION ALL
        SELECT account_id, transaction_id FROM new_rejections
        UNION ALL
        SELECT account_id, transaction_id FROM gone_decisions
        ANTI JOIN (
            SELECT account_id, transaction_id FROM transactions
            WHERE EXISTS (SELECT 1 FROM gone_decisions)
        ) AS moved USING (account_id, transaction_id)
    ) AS leaving USING (account_id, transaction_id)
) AS r
WHERE rejections.account_id = r.account_id AND rejections.transaction_id = r.transaction_id AND rejections.day = r.day
"""
_ENTER = "INSERT INTO rejections BY NAME SELECT * FROM new_rejections"
# A line that is rejected as it was, on another day.
_MOVE = """
MERGE INTO rejections USING (
    SELECT c.account_id, c.transaction_id, c.day, e.day AS old_day
    FROM changed_decisions AS c
    JOIN existing_rejections AS e USING (account_id, transaction_id, reason, detail)
    WHERE c.outcome = 'rejected' AND c.day <> e.day
) AS m
ON rejections.account_id = m.account_id AND rejections.transaction_id = m.transaction_id AND rejections.day = m.old_day
WHEN MATCHED THEN UPDATE SET day = m.day
"""
_EVENTS = """
INSERT INTO monitoring_events BY NAME
SELECT
    md5(concat_ws(chr(31), account_id, transaction_id, reason, detail, rejected_at)) AS event_id,
    'invoice_failed' AS event, environment, trace_id, organization_id, account_id, transaction_id, day, reason, detail,
    rejected_at AS occurred_at
FROM new_rejections
"""
