"""Stored lines with what stands of them: what replays and sweeps read. Nothing here writes.

Works on the days of the registered frame `batch_days`, like deciding does, within one read transaction, and on the
temporary table that `labels.gather` leaves.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime

import duckdb
import polars as pl

from resources.warehouse.settlements import BOOKS
from rules.replay import SEEN


def stored_days(
    con: duckdb.DuckDBPyConnection, start: date | None, end: date | None, *, older_versions: bool = False
) -> pl.DataFrame:
    """Each day of each tenant that has lines, with the number of these, the earliest first.

    Args:
        con: within a read transaction.
        start: the first day; None for the first there is.
        end: the last day; None for the last there is.
        older_versions: days too on which a line was booked before it was corrected.

    """
    return con.execute(
        """
        SELECT organization_id, environment, day, count(*) AS lines FROM (
            SELECT organization_id, environment, day FROM transactions
            UNION ALL
            SELECT organization_id, environment, day FROM transaction_versions WHERE $older_versions
        )
        WHERE day BETWEEN coalesce($start, DATE '0001-01-01') AND coalesce($end, DATE '9999-12-31')
        GROUP BY ALL ORDER BY day, organization_id, environment
        """,
        {"start": start, "end": end, "older_versions": older_versions},
    ).pl()


def undecided_days(con: duckdb.DuckDBPyConnection) -> int:
    """How many days have lines that changed since they were decided."""
    row = con.execute("SELECT count(DISTINCT (organization_id, environment, day)) FROM touched_days").fetchone()
    return int(row[0]) if row else 0


def lines_with_decisions(con: duckdb.DuckDBPyConnection, as_of: datetime | None = None) -> pl.DataFrame:
    """The newest version of each line of the batch's days, with the decision that stands, its label and its draft.

    Args:
        con: within a read transaction.
        as_of: take the decisions that stood then, each with the version that it was made of; None for those in force.

    Returns:
        The columns that `rules.replay.replayed` reads.
    """
    if as_of is None:
        return con.execute(_LINES_IN_FORCE).pl()
    return con.execute(_LINES_AS_OF, {"as_of": as_of}).pl()


def unsettled_tenants(con: duckdb.DuckDBPyConnection) -> int:
    """How many tenants wait to be settled, whatever the policy."""
    row = con.execute(_UNSETTLED).fetchone()
    return int(row[0]) if row else 0


def lines_as_seen(con: duckdb.DuckDBPyConnection, *, payers: bool = False) -> pl.DataFrame:
    """The lines of the batch's days with the signals and the evidence of their decision, and no text to be read again.

    Only where every day is decided by the lines, lists and invoices of now; `currency` is the account's where the line
    has none. Besides, what `lines_with_decisions` gives of the decision that stands, labels and drafts.

    Args:
        con: within a read transaction.
        payers: the `counterparty` of each too.

    """
    read = _SEEN.replace("__PAYER__", "d.counterparty," if payers else "").replace("__TRANSACTIONS__", "transactions")
    return con.execute(read).pl()


def texts_to_reread(con: duckdb.DuckDBPyConnection, pieces: Iterable[str]) -> pl.DataFrame:
    """What else the rules read of the batch's lines that may hold one of the pieces, or anything that is not ASCII.

    Args:
        con: within a read transaction.
        pieces: runs of ASCII letters, in either case.

    Returns:
        `account_id`, `transaction_id`, the texts as they came, `status`, and the account's `holder`.

    """
    return con.execute(_TEXTS, _looked_for(pieces)).pl()


def lines_that_may_hold(con: duckdb.DuckDBPyConnection, pieces: Iterable[str]) -> pl.DataFrame:
    """The lines of the batch's days that may hold one of the pieces, or anything that is not ASCII.

    Args:
        con: within a read transaction.
        pieces: runs of ASCII letters, in either case.

    Returns:
        The columns of `lines_with_decisions`.

    """
    return con.execute(_LINES_THAT_MAY_HOLD, _looked_for(pieces)).pl()


def others_counted(con: duckdb.DuckDBPyConnection, those: pl.DataFrame) -> pl.DataFrame:
    """The lines of the batch's days besides some, counted by what stands of them.

    Args:
        con: within a read transaction.
        those: `account_id`, `transaction_id` of the lines to leave out.

    Returns:
        What `rules.replay.unmoved` reads.

    """
    con.register("those_lines", those.to_arrow())
    try:
        return con.execute(_COUNTED).pl()
    finally:
        con.unregister("those_lines")


def _looked_for(pieces: Iterable[str]) -> dict[str, str]:
    return {"pieces": f"(?i){'|'.join(sorted(pieces)) or _NOTHING}"}


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


_UNSETTLED = f"""
SELECT count(*) FROM (
    SELECT organization_id, environment FROM touched_tenants
    UNION
    SELECT organization_id, environment
    FROM ({BOOKS}) AS b FULL JOIN settled_tenants AS s USING (organization_id, environment)
    WHERE b.books_state IS DISTINCT FROM s.books_state
)
"""  # noqa: S608 - constants
_LOT = "md5_number_lower(concat_ws(chr(31), account_id, transaction_id))"
_BOUNDS = "day BETWEEN (SELECT min(day) FROM batch_days) AND (SELECT max(day) FROM batch_days)"
_IN_FORCE = f"SELECT * FROM decisions WHERE {_BOUNDS}"  # noqa: S608 - a constant
_DECIDED_THEN = """
    SELECT * FROM decisions WHERE decided_at <= $as_of
    UNION ALL BY NAME
    SELECT * EXCLUDE (superseded_at) FROM superseded_decisions WHERE decided_at <= $as_of AND superseded_at > $as_of
"""
_AS_OF = f"SELECT * FROM ({_DECIDED_THEN}) WHERE {_BOUNDS}"  # noqa: S608 - constants
# Each line as it was decided, and those of which nothing stood as they are.
_VERSIONS_THEN = f"""(
    SELECT * FROM (SELECT * FROM transactions UNION ALL BY NAME SELECT * FROM transaction_versions)
    SEMI JOIN ({_AS_OF}) AS d USING (account_id, transaction_id, version)
    UNION ALL BY NAME
    SELECT * FROM transactions ANTI JOIN ({_DECIDED_THEN}) AS d USING (account_id, transaction_id)
)"""  # noqa: S608 - constants
_FROM = """
FROM __TRANSACTIONS__ AS t
SEMI JOIN batch_days USING (organization_id, environment, day)
LEFT JOIN accounts AS a USING (account_id)
"""
_DECIDED = "d.rule AS before_rule, d.outcome AS before_outcome, d.reason AS before_reason, d.detail AS before_detail"
_STANDING = f"""
    {_DECIDED}, d.score AS before_score, d.signals AS before_signals, l.label, f.status AS draft_status
{_FROM}
"""
_BESIDE = f"""
LEFT JOIN (
    SELECT account_id, transaction_id, day, status FROM drafts WHERE {_BOUNDS} AND status <> 'WITHDRAWN'
) AS f USING (account_id, transaction_id, day)
LEFT JOIN line_labels AS l USING (account_id, transaction_id)
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
_LINES_IN_FORCE = _LINES.replace("__STANDING__", _IN_FORCE).replace("__TRANSACTIONS__", "transactions")
_LINES_AS_OF = _LINES.replace("__STANDING__", _AS_OF).replace("__TRANSACTIONS__", _VERSIONS_THEN)
_SEEN = f"""
SELECT t.organization_id, t.environment, t.account_id, t.transaction_id, t.booked_at, t.day, t.direction, t.amount,
    coalesce(t.currency, a.currency) AS currency, coalesce(d.signals, 0::UINTEGER) AS signals,
    {", ".join(f"d.{name}" for name in SEEN)}, __PAYER__
    {_STANDING}
LEFT JOIN ({_IN_FORCE}) AS d USING (account_id, transaction_id, day)
{_BESIDE}
"""
_NOTHING = r"[^\s\S]"
_SAID = ("t.narration", "t.description", "t.counterparty", "array_to_string(t.tags, ' ')")
_HOLDS = " OR ".join(f"strlen({text}) <> length({text}) OR regexp_matches({text}, $pieces)" for text in _SAID)
_MAY_HOLD = f"coalesce({_HOLDS}, false)"
_TEXTS = f"""
SELECT t.account_id, t.transaction_id, t.narration, t.description, t.counterparty, t.reference, t.tags, t.status,
    a.holder
{_FROM.replace("__TRANSACTIONS__", "transactions")}
WHERE t.{_BOUNDS} AND {_MAY_HOLD}
"""
_LINES_THAT_MAY_HOLD = f"{_LINES_IN_FORCE} AND {_MAY_HOLD}"
_COUNTED = f"""
SELECT {_DECIDED}, l.label, f.status AS draft_status, coalesce(t.currency, a.currency) AS currency, count(*) AS lines,
    sum(t.amount)::BIGINT AS amount
{_FROM.replace("__TRANSACTIONS__", "transactions")}
ANTI JOIN those_lines USING (account_id, transaction_id)
LEFT JOIN ({_IN_FORCE}) AS d USING (account_id, transaction_id, day)
{_BESIDE}
GROUP BY ALL
"""
_SOME = f"""
SELECT *, CAST({_LOT} % 5 AS TINYINT) AS fold FROM ({_LINES_IN_FORCE})
WHERE label IS NOT NULL OR {_LOT} // 5 % 1_000_000 < $share
"""  # noqa: S608 - constants
