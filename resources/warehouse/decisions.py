"""Tables `decisions` and `superseded_decisions`: the decision in force of each line, and every one that was replaced.

Everything here works within an open transaction, on the days of the registered frame `batch_days`
(organization_id, environment, day); what it leaves in temporary tables is what the drafts and the rejections follow.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import duckdb
import polars as pl

from rules.contracts import DECISIONS

_KEY = ["account_id", "transaction_id", "day"]
# A decision that comes out the same under other lists or invoices stays the decision that it was: one new entry would
# otherwise write the whole history anew. Another policy is another decision, whatever it says.
# Outcome, reason and detail follow from the row and the signals, but for payments that reconciliation has rejected.
_FOLLOWING = ["outcome", "reason", "detail"]
_COMPARED = [name for name in (*DECISIONS.columns, "policy_hash") if name not in (*_KEY, *_FOLLOWING)]
_COLUMNS = [*DECISIONS.columns, "policy_hash", "lists_hash", "invoices_hash", "decided_at", "trace_id"]


def lines_to_decide(con: duckdb.DuckDBPyConnection) -> pl.DataFrame:
    """The newest version of each line of the batch's days, with its account's holder and currency."""
    return con.execute("""
        SELECT t.organization_id, t.environment, t.account_id, t.transaction_id, t.version, t.booked_at, t.day,
            t.direction, t.amount, t.currency, t.narration, t.description, t.counterparty, t.reference, t.tags,
            t.status, a.holder, a.currency AS account_currency
        FROM transactions AS t
        SEMI JOIN batch_days USING (organization_id, environment, day)
        LEFT JOIN accounts AS a USING (account_id)
        WHERE t.day BETWEEN (SELECT min(day) FROM batch_days) AND (SELECT max(day) FROM batch_days)
    """).pl()


@dataclass(frozen=True)
class Replaced:
    """How many decisions a batch changed."""

    changed: int
    """New or other than they were; they stand in the temporary table `changed_decisions`."""
    gone: int
    """In force before and no longer; their lines stand in the temporary table `gone_decisions`."""


def replace(con: duckdb.DuckDBPyConnection, decided: pl.DataFrame, now: datetime) -> Replaced:
    """Put the decisions of the batch's days in force; a decision that would only be said again stays as it was.

    Args:
        con: within a transaction.
        decided: the columns of table `decisions`, one row for every line of the batch's days.
        now: when the decisions that they replace end.
    """
    con.register("new_decisions", decided.select(_COLUMNS).to_arrow())
    con.execute(_BEFORE)
    changed = con.execute(_CHANGED).fetchone()
    gone = con.execute(_GONE).fetchone()
    con.execute(_KEEP_REPLACED, {"now": now})
    con.execute(_DELETE_REPLACED)
    con.execute("INSERT INTO decisions BY NAME SELECT * FROM changed_decisions")
    con.unregister("new_decisions")
    return Replaced(changed=changed[0] if changed else 0, gone=gone[0] if gone else 0)


def amend(con: duckdb.DuckDBPyConnection, *, now: datetime, trace_id: str) -> int:
    """Write how reconciliation ends payments into their decisions; returns how many end otherwise than they stood.

    A decision of another run is superseded; one of this run was not finished before, and is completed.

    Args:
        con: within a transaction, with the temporary table `payment_ends` (account_id, transaction_id, day, outcome,
            reason, detail; a payment that is not rejected has a null detail: the decision table's own).
        now: when the decisions that are amended begin, and those that they replace end.
        trace_id: of the run.

    """
    row = con.execute(_AMENDED, {"now": now, "trace_id": trace_id}).fetchone()
    amended = int(row[0]) if row else 0
    if amended:
        con.execute(_KEEP_AMENDED, {"now": now, "trace_id": trace_id})
        con.execute(_DELETE_AMENDED)
        con.execute("INSERT INTO decisions BY NAME SELECT * FROM amended_decisions")
    return amended


def changed_payments(con: duckdb.DuckDBPyConnection, since: datetime) -> None:
    """Leave in `changed_decisions` the payments that drafts and rejections must follow, and no `gone_decisions`.

    Those are the ones decided since, and the ones that end otherwise than their draft or rejection says.
    """
    con.execute(_CHANGED_PAYMENTS, {"since": since})
    con.execute(
        "CREATE OR REPLACE TEMP TABLE gone_decisions AS"
        " SELECT account_id, transaction_id, day FROM decisions WHERE false"
    )


def payments_to_draft(con: duckdb.DuckDBPyConnection) -> pl.DataFrame:
    """The lines among `changed_decisions` that end as drafts, as `rules.drafts.draft_documents` reads them."""
    return con.execute("""
        SELECT d.organization_id, d.environment, d.account_id, d.transaction_id, d.day, t.direction, t.amount,
            t.currency, a.currency AS account_currency, d.counterparty, d.reference
        FROM changed_decisions AS d
        SEMI JOIN (SELECT * FROM payment_ends WHERE disposition = 'drafted') USING (account_id, transaction_id, day)
        JOIN transactions AS t USING (account_id, transaction_id, day)
        LEFT JOIN accounts AS a USING (account_id)
    """).pl()


_DIFFERS = " OR ".join(f"b.{name} IS DISTINCT FROM n.{name}" for name in _COMPARED)

_BEFORE = """
CREATE OR REPLACE TEMP TABLE decisions_before AS
SELECT * FROM decisions
SEMI JOIN batch_days USING (organization_id, environment, day)
WHERE day BETWEEN (SELECT min(day) FROM batch_days) AND (SELECT max(day) FROM batch_days)
"""
_CHANGED = f"""
CREATE OR REPLACE TEMP TABLE changed_decisions AS
SELECT n.* FROM new_decisions AS n
LEFT JOIN decisions_before AS b USING (account_id, transaction_id, day)
WHERE b.account_id IS NULL OR {_DIFFERS}
"""  # noqa: S608 - the names of columns
_GONE = """
CREATE OR REPLACE TEMP TABLE gone_decisions AS
SELECT b.account_id, b.transaction_id, b.day
FROM decisions_before AS b
ANTI JOIN new_decisions USING (account_id, transaction_id, day)
"""
_KEEP_REPLACED = """
INSERT INTO superseded_decisions BY NAME
SELECT b.*, $now AS superseded_at
FROM decisions_before AS b
LEFT JOIN changed_decisions AS c USING (account_id, transaction_id, day)
WHERE c.account_id IS NOT NULL
    OR (b.account_id, b.transaction_id, b.day) IN (SELECT (account_id, transaction_id, day) FROM gone_decisions)
"""
_DELETE_REPLACED = """
DELETE FROM decisions USING (
    SELECT account_id, transaction_id, day FROM changed_decisions
    SEMI JOIN decisions_before USING (account_id, transaction_id, day)
    UNION ALL
    SELECT account_id, transaction_id, day FROM gone_decisions
) AS r
WHERE decisions.day BETWEEN (SELECT min(day) FROM batch_days) AND (SELECT max(day) FROM batch_days)
    AND decisions.account_id = r.account_id AND decisions.transaction_id = r.transaction_id AND decisions.day = r.day
"""

# Rows 6 and 13 of the decision table are the eligible ones.
_AMENDED = """
CREATE OR REPLACE TEMP TABLE amended_decisions AS
SELECT d.* REPLACE (
    e.outcome AS outcome, e.reason AS reason, e.detail AS detail, $now AS decided_at, $trace_id AS trace_id
)
FROM decisions AS d
JOIN (
    SELECT p.account_id, p.transaction_id, p.day, p.outcome, p.reason,
        coalesce(p.detail, CASE WHEN b.rule = 6 THEN 'allowlisted' ELSE 'business_signal' END) AS detail
    FROM payment_ends AS p JOIN decisions AS b USING (account_id, transaction_id, day)
) AS e USING (account_id, transaction_id, day)
WHERE (d.outcome, d.reason, d.detail) IS DISTINCT FROM (e.outcome, e.reason, e.detail)
"""
_KEEP_AMENDED = """
INSERT INTO superseded_decisions BY NAME
SELECT d.*, $now AS superseded_at
FROM decisions AS d SEMI JOIN amended_decisions USING (account_id, transaction_id, day)
WHERE d.trace_id <> $trace_id
"""
_DELETE_AMENDED = """
DELETE FROM decisions USING amended_decisions AS a
WHERE decisions.account_id = a.account_id AND decisions.transaction_id = a.transaction_id AND decisions.day = a.day
"""
_CHANGED_PAYMENTS = """
CREATE OR REPLACE TEMP TABLE changed_decisions AS
SELECT d.*
FROM decisions AS d
JOIN payment_ends AS e USING (account_id, transaction_id, day)
LEFT JOIN (
    SELECT account_id, transaction_id, day, status FROM drafts WHERE status <> 'WITHDRAWN'
) AS f USING (account_id, transaction_id, day)
LEFT JOIN (SELECT account_id, transaction_id, day, detail FROM rejections) AS r USING (account_id, transaction_id, day)
WHERE d.decided_at >= $since
    OR (e.disposition = 'drafted') <> (f.status IS NOT NULL)
    OR r.detail IS DISTINCT FROM e.detail
"""
