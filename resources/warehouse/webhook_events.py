"""All SQL of table `webhook_events`: each event that was taken in once, what came of it, and never what it said.

Functions take an open connection within a transaction. An event without `processed_at` is known, and its account is
still to be pulled.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import datetime

import duckdb
import polars as pl

_UTC = pl.Datetime("us", "UTC")


@dataclass(frozen=True)
class Record:
    """A row of `webhook_events`; times are in UTC."""

    event_key: str
    event: str | None
    organization_id: str | None
    environment: str | None
    account_id: str | None
    received_at: datetime
    processed_at: datetime | None
    outcome: str
    cause: str | None = None


_SCHEMA = {field.name: _UTC if field.name.endswith("_at") else pl.String() for field in fields(Record)}
_NAMES = ", ".join(_SCHEMA)


def known(con: duckdb.DuckDBPyConnection, keys: Collection[str]) -> dict[str, Record]:
    """Those of the events that were taken in before, by key."""
    rows = con.execute(
        f"SELECT {_NAMES} FROM webhook_events WHERE event_key IN (SELECT unnest($keys))",  # noqa: S608 - columns of ours
        {"keys": list(keys)},
    ).fetchall()
    return {row[0]: Record(*row) for row in rows}


def insert(con: duckdb.DuckDBPyConnection, records: Sequence[Record]) -> None:
    """Keep events, each of which is not there yet."""
    if not records:
        return
    con.register("new_events", pl.DataFrame([asdict(record) for record in records], schema=_SCHEMA).to_arrow())
    con.execute(f"INSERT INTO webhook_events ({_NAMES}) SELECT {_NAMES} FROM new_events")  # noqa: S608 - columns of ours
    con.unregister("new_events")


def finish(con: duckdb.DuckDBPyConnection, ends: Mapping[str, tuple[str, str | None]], now: datetime) -> None:
    """Note what came of events that waited: outcome and cause, by key."""
    if not ends:
        return
    rows = [(key, outcome, cause) for key, (outcome, cause) in ends.items()]
    con.register(
        "ended_events", pl.DataFrame(rows, ["event_key", "outcome", "cause"], orient="row").cast(pl.String).to_arrow()
    )
    con.execute(
        """UPDATE webhook_events SET processed_at = $now, outcome = e.outcome, cause = e.cause
        FROM ended_events AS e WHERE webhook_events.event_key = e.event_key AND webhook_events.processed_at IS NULL""",
        {"now": now},
    )
    con.unregister("ended_events")


def forget(con: duckdb.DuckDBPyConnection, before: datetime) -> None:
    """Drop what was dealt with before a moment."""
    con.execute("DELETE FROM webhook_events WHERE processed_at < ?", [before])
