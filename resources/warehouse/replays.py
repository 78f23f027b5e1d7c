"""Stored lines with what stands of them: what replays and sweeps read. Nothing here writes.

Works on the days of the registered frame `batch_days`, like deciding does, within one read transaction.
"""

from __future__ import annotations

from datetime import date, datetime

import duckdb
import polars as pl

from rules.replay import SEEN


def stored_days(con: duckdb.DuckDBPyConnection, start: date | None, end: date | None) -> pl.DataFrame:
    """Each day of each tenant that has lines, with the number of these, the earliest first."""
    return con.execute(
        """
        SELECT organization_id, environment, day, count(*) AS lines FROM transactions
        WHERE day BETWEEN coalesce($start, DATE '0001-01-01') AND coalesce($end, DATE '9999-12-31')
        GROUP BY ALL ORDER BY day, organization_id, environment
        """,
        {"start": start, "end": end},
    ).pl()


def undecided_days(con: duckdb.DuckDBPyConnection) -> int:
    """How many days have lines that changed since they were decided."""
    row = con.execute("SELECT count(DISTINCT (organization_id, environment, day)) FROM touched_days").fetchone()
    return int(row[0]) if row else 0


def lines_with_decisions(con: duckdb.DuckDBPyConnection, as_of: datetime | None = None) -> pl.DataFrame:
    """The newest version of each line of the batch's days, with the decision that stands, its label and its draft.

    Args:
        con: within a read transaction.
        as_of: take the decisions that stood then; None for those in force.

    Returns:
        The columns that `rules.replay.replayed` reads.
    """
    standing, values = (_IN_FORCE, {}) if as_of is None else (_AS_OF, {"as_of": as_of})
    return con.execute(_LINES.replace("__STANDING__", standing), values).pl()


def lines_as_seen(con: duckdb.DuckDBPyConnection) -> pl.DataFrame:
    """The lines of the batch's days with the signals and the evidence of their decision, and no text to be read again.

    Only where every day is decided by the lines, lists and invoices of now; `currency` is the account's where the line
    has none. Besides, what `lines_with_decisions` gives of the decision that stands, labels and drafts.
    """
    return con.execute(_SEEN).pl()


def some_lines(con: duckdb.DuckDBPyConnection, most: int) -> pl.DataFrame:
    """Every labelled line of the batch's days, and of the others about so many, the same each time.

    The columns of `lines_with_decisions`, and `fold`, which shares lines out in five parts by lot.
    """
    counted = con.execute(
        "SELECT count(*) FROM transactions SEMI JOIN batch_days USING (organization_id, environment, day)"
    )
    row = counted.fetchone()
    share = most / max(int(row[0]), 1) if row else 0.0
    return con.execute(_SOME, {"share": int(share * 1_000_000)}).pl()


_LOT = "md5_number_lower(concat_ws(chr(31), account_id, transaction_id))"
_BOUNDS = "day BETWEEN (SELECT min(day) FROM batch_days) AND (SELECT max(day) FROM batch_days)"
_IN_FORCE = f"SELECT * FROM decisions WHERE {_BOUNDS}"  # noqa: S608 - a constant
_AS_OF = f"""
    SELECT * FROM decisions WHERE {_BOUNDS} AND decided_at <= $as_of
    UNION ALL BY NAME
    SELECT * EXCLUDE (superseded_at) FROM superseded_decisions
    WHERE {_BOUNDS} AND decided_at <= $as_of AND superseded_at > $as_of
"""  # noqa: S608 - a constant
_STANDING = """
    d.rule AS before_rule, d.outcome AS before_outcome, d.reason AS before_reason, d.detail AS before_detail,
    d.score AS before_score, d.signals AS before_signals, l.label, f.status AS draft_status
FROM transactions AS t
SEMI JOIN batch_days USING (organization_id, environment, day)
LEFT JOIN accounts AS a USING (account_id)
"""
_BESIDE = f"""
LEFT JOIN (
    SELECT account_id, transaction_id, day, status FROM drafts WHERE {_BOUNDS} AND status <> 'WITHDRAWN'
) AS f USING (account_id, transaction_id, day)
LEFT JOIN (
    SELECT account_id, transaction_id, arg_max(label, (labelled_at, labelled_by)) AS label FROM labels GROUP BY ALL
) AS l USING (account_id, transaction_id)
WHERE t.{_BOUNDS}
"""  # noqa: S608 - constants
_LINES = f"""
SELECT t.organization_id, t.environment, t.account_id, t.transaction_id, t.version, t.booked_at, t.day,
    t.direction, t.amount, t.currency, t.narration, t.description, t.counterparty, t.reference, t.tags,
    t.status, a.holder, a.currency AS account_currency,
    {_STANDING}
LEFT JOIN (__STANDING__) AS d USING (account_id, transaction_id, day)
{_BESIDE}
"""
_SEEN = f"""
SELECT t.organization_id, t.environment, t.account_id, t.transaction_id, t.booked_at, t.day, t.direction, t.amount,
    coalesce(t.currency, a.currency) AS currency, coalesce(d.signals, 0::UINTEGER) AS signals,
    {", ".join(f"d.{name}" for name in SEEN)},
    {_STANDING}
LEFT JOIN ({_IN_FORCE}) AS d USING (account_id, transaction_id, day)
{_BESIDE}
"""
_SOME = f"""
SELECT *, CAST({_LOT} % 5 AS TINYINT) AS fold FROM ({_LINES.replace("__STANDING__", _IN_FORCE)})
WHERE label IS NOT NULL OR {_LOT} // 5 % 1_000_000 < $share
"""  # noqa: S608 - constants
