"""Table `labels`: what people say a transaction is, `business` or `personal`; the newest word of each person counts.

What they say by what they do (view `audit.labels`) counts where nobody has said it in so many words.
Also which lines to label next: how many of each stratum there are, and which of them are drawn by lot.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import duckdb
import polars as pl

from rules.sampling import STRATA


def upsert(con: duckdb.DuckDBPyConnection, labels: pl.DataFrame) -> None:
    """Merge labels by account, transaction and person; the frame has the columns of the table."""
    con.register("new_labels", labels.to_arrow())
    con.execute(
        "DELETE FROM labels USING new_labels AS n WHERE labels.account_id = n.account_id"
        " AND labels.transaction_id = n.transaction_id AND labels.labelled_by = n.labelled_by"
    )
    con.execute("INSERT INTO labels BY NAME SELECT * FROM new_labels")
    con.unregister("new_labels")


@dataclass(frozen=True)
class Imported:
    """What became of the labels of a file."""

    new: int
    changed: int
    unchanged: int
    unknown: int
    """Of lines that are not in the warehouse: nothing is kept of them."""


def take_in(con: duckdb.DuckDBPyConnection, labels: pl.DataFrame, now: datetime) -> Imported:
    """Merge the labels of lines that are there; a label that only says again what it said stays as it was.

    Args:
        con: within a transaction.
        labels: `account_id`, `transaction_id`, `label`, `labelled_by`, one row a line and person.
        now: when they were given.
    """
    con.register("given_labels", labels.to_arrow())
    known = con.execute(_KNOWN).pl()
    con.unregister("given_labels")
    fresh = known.filter(pl.col("before").ne_missing(pl.col("label")))
    if len(fresh):
        upsert(con, fresh.drop("before").with_columns(labelled_at=pl.lit(now)))
    changed = len(fresh.filter(pl.col("before").is_not_null()))
    return Imported(len(fresh) - changed, changed, len(known) - len(fresh), len(labels) - len(known))


def all_labels(con: duckdb.DuckDBPyConnection) -> pl.DataFrame:
    """Read every label that was given in so many words, in the order of account, transaction and time."""
    return con.execute("SELECT * FROM labels ORDER BY account_id, transaction_id, labelled_at, labelled_by").pl()


def all_words(con: duckdb.DuckDBPyConnection) -> pl.DataFrame:
    """What anybody says of any line, by words and by acts, with its `source`; `counts` is the label that counts."""
    gather(con)
    return con.execute("""
        SELECT w.*, l.label AS counts FROM audit.labels AS w JOIN line_labels AS l USING (account_id, transaction_id)
        ORDER BY account_id, transaction_id, labelled_at, labelled_by, source
    """).pl()


def gather(con: duckdb.DuckDBPyConnection) -> None:
    """Leave in the temporary table `line_labels` the one label that counts of each line: `label`.

    The newest word, else the newest act.
    """
    con.execute("""
        CREATE OR REPLACE TEMP TABLE line_labels AS
        SELECT account_id, transaction_id,
            arg_max(label, (source IN ('labelled', 'overruled'), labelled_at, labelled_by)) AS label
        FROM audit.labels GROUP BY ALL
    """)


def strata(con: duckdb.DuckDBPyConnection, *, second_by: str | None = None) -> pl.DataFrame:
    """How many lines there are to label, by outcome, detail and band of amounts (powers of ten), as `STRATA`.

    Args:
        con: an open connection.
        second_by: of the lines that others have labelled, those that this person has not; else those nobody has.
    """
    query = f"WITH candidates AS ({_CANDIDATES})"
    query += " SELECT outcome, detail, band, count(*) AS lines FROM candidates GROUP BY ALL ORDER BY ALL"
    return con.execute(query, {"second_by": second_by}).pl().cast(STRATA)


def draw(
    con: duckdb.DuckDBPyConnection, drawn: pl.DataFrame, random_rejections: int, seed: int, second_by: str | None = None
) -> pl.DataFrame:
    """Draw lines by lot: the same seed draws the same from the same lines.

    Args:
        con: an open connection.
        drawn: `STRATA` with `drawn`, how many of each stratum.
        random_rejections: how many from all rejected lines alike, besides.
        seed: of the lot.
        second_by: as in `strata`.

    Returns:
        What a person needs to label a line, and nothing of what was decided but in `outcome`, `detail` and `band`.
    """
    con.register("wanted_strata", drawn.to_arrow())
    values = {
        "second_by": second_by,
        "seed": str(seed),
        "random": random_rejections,
        "size": int(drawn["drawn"].sum()),
    }
    found = con.execute(_DRAW.replace("__CANDIDATES__", _CANDIDATES), values).pl()
    con.unregister("wanted_strata")
    return found


_KNOWN = """
SELECT t.organization_id, t.environment, g.account_id, g.transaction_id, g.label, g.labelled_by, l.label AS before
FROM given_labels AS g
JOIN (
    SELECT account_id, transaction_id, any_value(organization_id) AS organization_id,
        any_value(environment) AS environment
    FROM transactions
    WHERE account_id IN (SELECT account_id FROM given_labels)
    GROUP BY ALL
) AS t USING (account_id, transaction_id)
LEFT JOIN labels AS l USING (account_id, transaction_id, labelled_by)
"""
_CANDIDATES = """
    SELECT t.account_id, t.transaction_id, t.day, d.outcome, d.detail,
        CAST(length(CAST(t.amount AS VARCHAR)) AS TINYINT) AS band
    FROM transactions AS t
    JOIN decisions AS d USING (account_id, transaction_id, day)
    ANTI JOIN (
        SELECT account_id, transaction_id FROM labels WHERE labelled_by = coalesce($second_by, labelled_by)
    ) AS done USING (account_id, transaction_id)
    WHERE $second_by IS NULL
        OR (t.account_id, t.transaction_id) IN (SELECT (account_id, transaction_id) FROM labels)
"""
_DRAW = """
WITH candidates AS (
    SELECT *, md5(concat_ws(chr(31), $seed, account_id, transaction_id)) AS lot FROM (__CANDIDATES__)
),
random_rejections AS (
    SELECT account_id, transaction_id FROM candidates WHERE outcome = 'rejected'
    ORDER BY md5(lot), account_id, transaction_id LIMIT $random
),
ranked AS (
    SELECT c.account_id, c.transaction_id, c.lot, w.drawn,
        row_number() OVER (PARTITION BY c.outcome, c.detail, c.band ORDER BY c.lot, c.account_id, c.transaction_id)
            AS place
    FROM candidates AS c
    JOIN wanted_strata AS w USING (outcome, detail, band)
    ANTI JOIN random_rejections AS r USING (account_id, transaction_id)
),
drawn AS (
    SELECT account_id, transaction_id FROM random_rejections
    UNION ALL
    (SELECT account_id, transaction_id FROM ranked ORDER BY place > drawn, lot LIMIT $size)
)
SELECT t.account_id, t.transaction_id, t.day, t.direction, t.amount, coalesce(t.currency, a.currency) AS currency,
    t.narration, t.description, t.counterparty, t.reference, array_to_string(t.tags, ', ') AS tags,
    c.outcome, c.detail, c.band
FROM (SELECT * FROM candidates SEMI JOIN drawn USING (account_id, transaction_id)) AS c
JOIN transactions AS t USING (account_id, transaction_id, day)
LEFT JOIN accounts AS a USING (account_id)
ORDER BY c.lot
"""
