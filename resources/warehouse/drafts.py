"""Table `drafts`: the documents that wait for a person, one a line at most (domain section 6).

A rule run makes drafts, mends them while they are `DRAFT`, and withdraws them; what a person has confirmed it never
changes: where it disagrees it says so in `contested`. Works on the temporary tables that `decisions.replace` leaves.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import duckdb
import polars as pl


@dataclass(frozen=True)
class DraftCounts:
    """What a batch did to the drafts."""

    created: int
    withdrawn: int


def follow(con: duckdb.DuckDBPyConnection, documents: pl.DataFrame, *, now: datetime, trace_id: str) -> DraftCounts:
    """Bring the drafts of the changed decisions in line with them.

    Args:
        con: within the transaction of `decisions.replace`.
        documents: what `rules.drafts.draft_documents` makes of the changed eligible lines.
        now: written as the time of each change.
        trace_id: of the run.
    """
    values = {"now": now, "trace_id": trace_id}
    con.register("new_documents", documents.to_arrow())
    con.execute(_WANTED)
    con.execute(_EXISTING)
    con.execute(_ELSEWHERE)
    created = _rows(con, _CREATE, values)
    con.execute(_MEND, values)
    con.execute(_CONTEST, {"now": now})
    withdrawn = _rows(con, _WITHDRAW, values)
    if _rows(con, _MOVED):
        con.execute(_MOVE)
    con.unregister("new_documents")
    return DraftCounts(created=created, withdrawn=withdrawn)


def _rows(con: duckdb.DuckDBPyConnection, statement: str, values: dict[str, object] | None = None) -> int:
    row = con.execute(statement, values).fetchone()
    return int(row[0]) if row else 0


# A draft's id is a function of its tenant, account and transaction, and of nothing else.
_WANTED = """
CREATE OR REPLACE TEMP TABLE wanted_drafts AS
SELECT md5(concat_ws(chr(31), organization_id, environment, account_id, transaction_id)) AS draft_id, *
FROM new_documents
"""
# The drafts of every line that the batch changed or let go, wherever their day was.
_EXISTING = """
CREATE OR REPLACE TEMP TABLE existing_drafts AS
SELECT d.* FROM drafts AS d
SEMI JOIN (
    SELECT account_id, transaction_id FROM changed_decisions
    UNION ALL
    SELECT account_id, transaction_id FROM gone_decisions
) AS touched USING (account_id, transaction_id)
WHERE d.account_id IN (SELECT account_id FROM changed_decisions UNION SELECT account_id FROM gone_decisions)
"""
# Lines that moved to a day of another batch: what they need is said there.
_ELSEWHERE = """
CREATE OR REPLACE TEMP TABLE decided_elsewhere AS
SELECT t.account_id, t.transaction_id FROM transactions AS t
SEMI JOIN gone_decisions USING (account_id, transaction_id)
ANTI JOIN changed_decisions USING (account_id, transaction_id)
WHERE EXISTS (SELECT 1 FROM gone_decisions)
"""
_CREATE = """
INSERT INTO drafts BY NAME
SELECT w.*, 'DRAFT' AS status, false AS contested, $now AS created_at, $now AS updated_at, $trace_id AS trace_id
FROM wanted_drafts AS w
ANTI JOIN existing_drafts USING (draft_id)
"""
_MEND = """
MERGE INTO drafts USING (
    SELECT w.*, e.day AS old_day FROM wanted_drafts AS w
    JOIN existing_drafts AS e USING (draft_id)
    WHERE e.status IN ('DRAFT', 'WITHDRAWN')
        AND (e.status, e.day, e.kind, e.amount, e.currency, e.document)
            IS DISTINCT FROM ('DRAFT', w.day, w.kind, w.amount, w.currency, w.document)
) AS w
ON drafts.draft_id = w.draft_id AND drafts.account_id = w.account_id AND drafts.day = w.old_day
WHEN MATCHED THEN UPDATE SET
    status = 'DRAFT', day = w.day, kind = w.kind, amount = w.amount, currency = w.currency, reference = w.reference,
    buyer_name = w.buyer_name, missing = w.missing, document = w.document, updated_at = $now, trace_id = $trace_id
"""
# Confirmed or later, and the rules now say otherwise: another amount, or no draft at all.
_CONTEST = """
MERGE INTO drafts USING (
    SELECT e.draft_id, e.account_id, e.day,
        w.draft_id IS NULL
            OR (e.kind, e.amount, e.currency) IS DISTINCT FROM (w.kind, w.amount, w.currency) AS contested
    FROM existing_drafts AS e
    LEFT JOIN wanted_drafts AS w USING (draft_id)
    ANTI JOIN decided_elsewhere AS m ON e.account_id = m.account_id AND e.transaction_id = m.transaction_id
    WHERE e.status IN ('CONFIRMED', 'VALIDATED', 'SIGNED')
) AS e
ON drafts.draft_id = e.draft_id AND drafts.account_id = e.account_id AND drafts.day = e.day
WHEN MATCHED AND drafts.contested <> e.contested THEN UPDATE SET contested = e.contested, updated_at = $now
"""
_WITHDRAW = """
MERGE INTO drafts USING (
    SELECT e.draft_id, e.account_id, e.day FROM existing_drafts AS e
    ANTI JOIN wanted_drafts USING (draft_id)
    ANTI JOIN decided_elsewhere USING (account_id, transaction_id)
    WHERE e.status = 'DRAFT'
) AS e
ON drafts.draft_id = e.draft_id AND drafts.account_id = e.account_id AND drafts.day = e.day
WHEN MATCHED THEN UPDATE SET status = 'WITHDRAWN', updated_at = $now, trace_id = $trace_id
"""
# A draft stands on its line's day whoever has it in hand, so that whoever looks for it finds it; the document stays.
_MOVED = """
CREATE OR REPLACE TEMP TABLE moved_drafts AS
SELECT e.draft_id, e.account_id, e.day AS old_day, c.day
FROM existing_drafts AS e
JOIN changed_decisions AS c USING (account_id, transaction_id)
WHERE c.day <> e.day
"""
_MOVE = """
MERGE INTO drafts USING moved_drafts AS m
ON drafts.draft_id = m.draft_id AND drafts.account_id = m.account_id AND drafts.day = m.old_day
WHEN MATCHED THEN UPDATE SET day = m.day
"""
