"""Tables `policies`, `policy_activations`, `policy_shadows`: every policy that ever decided or was to, whole.

A decision can be read by its own rules, and it is known who put which policy in force, when and why.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import duckdb
import polars as pl

from rules.policy import Policy


def ensure(con: duckdb.DuckDBPyConnection, policy: Policy, now: datetime) -> None:
    """Keep a policy that decides now, once."""
    known = con.execute("SELECT first_used_at FROM policies WHERE policy_hash = ?", [policy.hash]).fetchone()
    if known is None:
        _keep(con, policy, now)
    elif known[0] is None:
        con.execute("UPDATE policies SET first_used_at = ? WHERE policy_hash = ?", [now, policy.hash])


def _keep(con: duckdb.DuckDBPyConnection, policy: Policy, first_used_at: datetime | None = None) -> None:
    """Keep the content of a policy, once; a policy that has not decided yet has no first use."""
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
            first_used_at,
        ],
    )


@dataclass(frozen=True)
class Activation:
    """A policy put in force by a person."""

    policy_hash: str
    content: str
    """TOML."""
    activated_by: str
    why: str
    activated_at: datetime


def activate(
    con: duckdb.DuckDBPyConnection,
    policy: Policy,
    *,
    by: str,
    why: str,
    now: datetime,
    replay: Mapping[str, object] | None = None,
) -> bool:
    """Put a policy in force from the next decision on; False where it is already.

    Args:
        con: within a transaction.
        policy: as its file says it, without what the settings override.
        by: who puts it in force.
        why: for whoever reads the history.
        now: since when.
        replay: the figures of the replay that was looked at before; never a row.
    """
    before = active(con)
    if before and before.policy_hash == policy.hash:
        return False
    _keep(con, policy)
    told = None if replay is None else json.dumps(replay, default=str)
    con.execute(
        "INSERT INTO policy_activations VALUES (?, ?, ?, ?, ?, ?)",
        [_id(policy, by, now), policy.hash, by, why, now, told],
    )
    return True


def active(con: duckdb.DuckDBPyConnection) -> Activation | None:
    """The newest activation; None where none ever was."""
    found = _activations(con, 1)
    return found[0] if found else None


def before_active(con: duckdb.DuckDBPyConnection) -> Activation | None:
    """The activation that the newest one replaced; None where there is none."""
    found = _activations(con, 2)
    return found[1] if len(found) > 1 else None


def _activations(con: duckdb.DuckDBPyConnection, most: int) -> list[Activation]:
    rows = con.execute(
        """
        SELECT a.policy_hash, p.content, a.activated_by, a.why, a.activated_at
        FROM policy_activations AS a JOIN policies AS p USING (policy_hash)
        ORDER BY a.activated_at DESC, a.activation_id LIMIT ?
        """,
        [most],
    ).fetchall()
    return [Activation(*row) for row in rows]


def start_shadow(con: duckdb.DuckDBPyConnection, policy: Policy, *, by: str, now: datetime) -> bool:
    """Decide a candidate beside the policy in force from the next run on; False where it is already.

    A candidate that was there before is stopped.
    """
    before = shadow(con)
    if before and before.policy_hash == policy.hash:
        return False
    stop_shadow(con, now)
    _keep(con, policy)
    con.execute("INSERT INTO policy_shadows VALUES (?, ?, ?, ?, NULL)", [_id(policy, by, now), policy.hash, by, now])
    return True


def stop_shadow(con: duckdb.DuckDBPyConnection, now: datetime) -> bool:
    """Decide no candidate any more; what was noted stays. False where there is none."""
    if shadow(con) is None:
        return False
    con.execute("UPDATE policy_shadows SET stopped_at = ? WHERE stopped_at IS NULL", [now])
    return True


@dataclass(frozen=True)
class Shadow:
    """The candidate that is decided beside the policy in force."""

    shadow_id: str
    policy_hash: str
    content: str
    """TOML."""
    started_by: str
    started_at: datetime


def shadow(con: duckdb.DuckDBPyConnection) -> Shadow | None:
    """The candidate that is decided beside the policy in force, if any."""
    row = con.execute("""
        SELECT s.shadow_id, s.policy_hash, p.content, s.started_by, s.started_at
        FROM policy_shadows AS s JOIN policies AS p USING (policy_hash)
        WHERE s.stopped_at IS NULL ORDER BY s.started_at DESC LIMIT 1
    """).fetchone()
    return Shadow(*row) if row else None


def _id(policy: Policy, by: str, now: datetime) -> str:
    """A function of what was done, so that the work of a transaction can be done again."""
    return hashlib.sha256(f"{policy.hash} {now.isoformat()} {by}".encode()).hexdigest()[:16]


def history(con: duckdb.DuckDBPyConnection) -> pl.DataFrame:
    """Each policy that was kept, when it first decided and how many decisions in force are by it, the newest first.

    `activations` tells who put it in force, when and why; empty where its file or the settings did.
    """
    return con.execute("""
        SELECT p.policy_hash, p.name, p.first_used_at, coalesce(d.decisions, 0) AS decisions,
            coalesce(a.activations, []) AS activations
        FROM policies AS p
        LEFT JOIN (SELECT policy_hash, count(*) AS decisions FROM decisions GROUP BY ALL) AS d USING (policy_hash)
        LEFT JOIN (
            SELECT policy_hash, list(
                {'activated_at': activated_at, 'activated_by': activated_by, 'why': why} ORDER BY activated_at DESC
            ) AS activations
            FROM policy_activations GROUP BY ALL
        ) AS a USING (policy_hash)
        ORDER BY p.first_used_at DESC NULLS FIRST, p.policy_hash
    """).pl()


def find(con: duckdb.DuckDBPyConnection, policy_hash: str) -> tuple[str, str] | None:
    """The name and the content of a policy that was kept."""
    return con.execute("SELECT name, content FROM policies WHERE policy_hash = ?", [policy_hash]).fetchone()
