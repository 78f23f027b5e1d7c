"""Table `shadow_disagreements`: the lines of which a candidate says otherwise than the policy in force."""

from __future__ import annotations

from datetime import datetime

import duckdb
import polars as pl


def replace(con: duckdb.DuckDBPyConnection, shadow_id: str, found: pl.DataFrame) -> None:
    """Put the disagreements of the days of `batch_days` in the place of what was noted there.

    Args:
        con: within a transaction.
        shadow_id: of the candidate.
        found: the columns of the table.
    """
    con.register("new_disagreements", found.to_arrow())
    con.execute(
        """
        DELETE FROM shadow_disagreements USING batch_days AS b
        WHERE shadow_disagreements.shadow_id = $shadow_id
            AND shadow_disagreements.day BETWEEN (SELECT min(day) FROM batch_days) AND (SELECT max(day) FROM batch_days)
            AND shadow_disagreements.organization_id = b.organization_id
            AND shadow_disagreements.environment = b.environment AND shadow_disagreements.day = b.day
        """,
        {"shadow_id": shadow_id},
    )
    con.execute("INSERT INTO shadow_disagreements BY NAME SELECT * FROM new_disagreements")
    con.unregister("new_disagreements")


def noted(con: duckdb.DuckDBPyConnection, shadow_id: str) -> bool:
    """Whether a candidate has disagreed on any line."""
    return (
        con.execute("SELECT 1 FROM shadow_disagreements WHERE shadow_id = ? LIMIT 1", [shadow_id]).fetchone()
        is not None
    )


def changed_since(con: duckdb.DuckDBPyConnection, since: datetime) -> bool:
    """Whether a line was decided for the first time, or otherwise, since then; one decided the same keeps its time."""
    return con.execute("SELECT 1 FROM decisions WHERE decided_at >= ? LIMIT 1", [since]).fetchone() is not None


def summary(con: duckdb.DuckDBPyConnection) -> pl.DataFrame:
    """By candidate, what is in force, what it says and currency: how many lines, and their amounts (minor units)."""
    return con.execute("""
        SELECT candidate_hash, candidate_name, in_force, candidate, currency, count(*) AS lines,
            CAST(sum(amount) AS BIGINT) AS amount
        FROM audit.shadow GROUP BY ALL ORDER BY candidate_hash, lines DESC, in_force, candidate, currency
    """).pl()
