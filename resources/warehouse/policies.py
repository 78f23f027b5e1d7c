"""Table `policies`: every policy that ever decided, whole, so that a decision can be read by its own rules."""

from __future__ import annotations

from datetime import datetime

import duckdb
import polars as pl

from rules.policy import Policy


def ensure(con: duckdb.DuckDBPyConnection, policy: Policy, now: datetime) -> None:
    """Keep a policy, once."""
    if con.execute("SELECT 1 FROM policies WHERE policy_hash = ?", [policy.hash]).fetchone():
        return
    points = policy.points
    con.execute(
        """
        INSERT INTO policies (
            policy_hash, name, content, points_business_term, points_reference, points_company,
            points_at_or_above_floor, points_minimum, first_used_at
        ) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
        """,
        [
            policy.hash,
            policy.name,
            policy.canonical,
            points.business_term,
            points.reference,
            points.company,
            points.at_or_above_floor,
            points.minimum,
            now,
        ],
    )


def history(con: duckdb.DuckDBPyConnection) -> pl.DataFrame:
    """Each policy with when it first decided and how many decisions in force are by it, the newest first."""
    return con.execute("""
        SELECT p.policy_hash, p.name, p.first_used_at, count(d.policy_hash) AS decisions
        FROM policies AS p LEFT JOIN decisions AS d USING (policy_hash)
        GROUP BY ALL ORDER BY p.first_used_at DESC, p.policy_hash
    """).pl()


def find(con: duckdb.DuckDBPyConnection, policy_hash: str) -> tuple[str, str] | None:
    """The name and the content of a policy that once decided."""
    return con.execute("SELECT name, content FROM policies WHERE policy_hash = ?", [policy_hash]).fetchone()
