"""Table `list_entries`: what people allow and deny (domain section 4), and what they did before."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass, fields
from datetime import datetime

import duckdb
import polars as pl

from resources.warehouse.frames import frame_of


@dataclass(frozen=True)
class Entry:
    """An allow or deny entry as a person gives it; checked by `rules.lists.check_entry` before it comes here."""

    list: str
    organization_id: str
    environment: str
    field: str
    match: str
    value: str
    account_id: str | None = None
    note: str | None = None
    expires_at: datetime | None = None

    @property
    def entry_id(self) -> str:
        """A function of what the entry matches and for whom, so that the same entry twice is one."""
        told = [
            self.list,
            self.organization_id,
            self.environment,
            self.account_id or "",
            self.field,
            self.match,
            self.value,
        ]
        return "ent_" + hashlib.sha256("\x1f".join(told).encode()).hexdigest()[:16]


def add(con: duckdb.DuckDBPyConnection, entry: Entry, now: datetime) -> str:
    """Put an entry in force, or give the same one a new expiry, and a new note if there is one; returns its id."""
    values = {**asdict(entry), "entry_id": entry.entry_id, "now": now}
    _keep(con, entry.entry_id, now, "expires_at IS DISTINCT FROM $expires_at", expires_at=entry.expires_at)
    con.execute(
        """
        MERGE INTO list_entries USING (SELECT $entry_id AS entry_id) AS s ON list_entries.entry_id = s.entry_id
        WHEN MATCHED THEN UPDATE SET note = coalesce($note, note), expires_at = $expires_at
        WHEN NOT MATCHED THEN INSERT (
            entry_id, list, organization_id, environment, account_id, field, match, value, note, created_at, expires_at
        ) VALUES (
            $entry_id, $list, $organization_id, $environment, $account_id, $field, $match, $value, $note, $now,
            $expires_at
        )
        """,
        values,
    )
    return entry.entry_id


def find(con: duckdb.DuckDBPyConnection, entry_id: str) -> Entry | None:
    """The entry of an id, if it is there."""
    names = [field.name for field in fields(Entry)]
    row = con.execute(f"SELECT {', '.join(names)} FROM list_entries WHERE entry_id = ?", [entry_id]).fetchone()  # noqa: S608
    return Entry(*row) if row else None


def remove(con: duckdb.DuckDBPyConnection, entry_id: str, now: datetime) -> bool:
    """Take an entry out of force; False where there is none of that id."""
    _keep(con, entry_id, now, "TRUE")
    row = con.execute("DELETE FROM list_entries WHERE entry_id = ?", [entry_id]).fetchone()
    return bool(row and row[0])


def _keep(con: duckdb.DuckDBPyConnection, entry_id: str, now: datetime, where: str, **values: object) -> None:
    """Keep an entry as it stood, where the condition, SQL of ours, holds."""
    con.execute(
        "INSERT INTO former_list_entries BY NAME SELECT *, $now AS ended_at FROM list_entries"  # noqa: S608 - ours
        f" WHERE entry_id = $entry_id AND {where}",
        {"entry_id": entry_id, "now": now, **values},
    )


def show(
    con: duckdb.DuckDBPyConnection, organization_id: str | None = None, environment: str | None = None
) -> pl.DataFrame:
    """The entries, of one tenant or of all, the oldest first."""
    return frame_of(
        con,
        """
        SELECT * FROM list_entries
        WHERE organization_id = coalesce($organization_id, organization_id)
            AND environment = coalesce($environment, environment)
        ORDER BY created_at, entry_id
        """,
        {"organization_id": organization_id, "environment": environment},
    )


def all_entries(con: duckdb.DuckDBPyConnection) -> pl.DataFrame:
    """Every entry, expired ones too, the oldest first."""
    return show(con)


def entries_then(con: duckdb.DuckDBPyConnection, then: datetime) -> pl.DataFrame:
    """The entries as they stood at a time, those that had expired too, the oldest first."""
    return con.execute(_THEN, {"then": then}).pl()


_THEN = """
SELECT * EXCLUDE (ended_at) FROM (
    SELECT *, CAST(NULL AS TIMESTAMPTZ) AS ended_at FROM list_entries WHERE created_at <= $then
    UNION ALL BY NAME
    SELECT * FROM former_list_entries WHERE created_at <= $then AND ended_at > $then
)
QUALIFY row_number() OVER (PARTITION BY entry_id ORDER BY ended_at NULLS LAST) = 1
ORDER BY created_at, entry_id
"""
