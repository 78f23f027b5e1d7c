"""Table `answers`: what was answered to a request with an idempotency key, to be repeated for 24 hours.

An answer belongs to one token and one route. What a repeated request does is in `gateway/guard.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import duckdb

KEPT_FOR = timedelta(hours=24)


@dataclass(frozen=True)
class Question:
    """A request as its token, route and idempotency key name it, with a hash of what it asked."""

    token_id: str
    route: str
    key: str
    request_hash: str


@dataclass(frozen=True)
class Answer:
    """What was answered: the hash of the request, the status and the body."""

    request_hash: str
    status: int
    body: str


def find(con: duckdb.DuckDBPyConnection, question: Question, *, now: datetime) -> Answer | None:
    """Return what was answered under that key within 24 hours."""
    row = con.execute(
        """SELECT request_hash, status, body FROM answers
        WHERE token_id = ? AND route = ? AND idempotency_key = ? AND answered_at > ?""",
        [question.token_id, question.route, question.key, now - KEPT_FOR],
    ).fetchone()
    return Answer(*row) if row else None


def keep(con: duckdb.DuckDBPyConnection, question: Question, status: int, body: str, *, now: datetime) -> None:
    """Keep an answer, and forget those that are too old."""
    con.execute("DELETE FROM answers WHERE answered_at <= ?", [now - KEPT_FOR])
    con.execute(
        "INSERT INTO answers VALUES (?, ?, ?, ?, ?, ?, ?)",
        [question.token_id, question.route, question.key, question.request_hash, status, body, now],
    )
