"""Table `overrules`: rejections that a person overruled, each until it is taken back (domain section 7)."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime

import duckdb
import polars as pl


@dataclass(frozen=True)
class Overrule:
    """What a person says of one rejected line."""

    organization_id: str
    environment: str
    account_id: str
    transaction_id: str
    overruled_by: str
    why: str

    @property
    def overrule_id(self) -> str:
        """A function of the line and the person: evidence names it, and it names neither."""
        told = "\x1f".join((self.account_id, self.transaction_id, self.overruled_by))
        return "ovr_" + hashlib.sha256(told.encode()).hexdigest()[:16]


def stands(con: duckdb.DuckDBPyConnection, account_id: str, transaction_id: str) -> bool:
    """Whether a line is overruled."""
    query = "SELECT 1 FROM overrules WHERE account_id = ? AND transaction_id = ?"
    return con.execute(query, [account_id, transaction_id]).fetchone() is not None


def put(con: duckdb.DuckDBPyConnection, overrule: Overrule, now: datetime) -> None:
    """Keep an overrule of a line that has none."""
    con.execute(
        "INSERT INTO overrules VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        [
            overrule.overrule_id,
            overrule.organization_id,
            overrule.environment,
            overrule.account_id,
            overrule.transaction_id,
            overrule.overruled_by,
            overrule.why,
            now,
        ],
    )


def take_back(con: duckdb.DuckDBPyConnection, account_id: str, transaction_id: str) -> bool:
    """Forget the overrule of a line; False where there is none."""
    row = con.execute(
        "DELETE FROM overrules WHERE account_id = ? AND transaction_id = ?", [account_id, transaction_id]
    ).fetchone()
    return bool(row and row[0])


def in_force(con: duckdb.DuckDBPyConnection, then: datetime | None = None) -> pl.DataFrame:
    """Every overrule, or of those that stand those that stood at a time, as `rules.overrules.OVERRULES`."""
    query = "SELECT account_id, transaction_id, overrule_id FROM overrules"
    if then:
        query += " WHERE overruled_at <= $then"
    return con.execute(query, {"then": then} if then else {}).pl()
