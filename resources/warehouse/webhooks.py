"""How webhooks fare: figures of table `webhook_events`, with the events that still wait on disk."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import duckdb

from resources.landing import Waiting

_STAMP = "%Y%m%dT%H%M%S%f"


def status(con: duckdb.DuckDBPyConnection, waiting: Waiting, *, now: datetime) -> dict[str, Any]:
    """Count what was received, waits, was processed and failed, by event and by cause; times are ISO 8601 in UTC."""
    try:
        taken, failed, received, processed = con.execute(_TOTALS).fetchall()[0]
        causes, events = (dict(con.execute(query).fetchall()) for query in (_CAUSES, _EVENTS))
    except duckdb.CatalogException:
        taken, failed, received, processed, causes, events = 0, 0, None, None, {}, {}
    first = arrived(waiting.first)
    last = max((moment for moment in (received, arrived(waiting.last)) if moment), default=None)
    return {
        "received": taken + waiting.count,
        "waiting": waiting.count,
        "processed": taken - failed,
        "failed": failed,
        "lastReceived": last and last.isoformat(),
        "lastProcessed": processed and processed.isoformat(),
        "lagSeconds": round(max((now - first).total_seconds(), 0.0), 3) if first else 0.0,
        "failures": causes,
        "events": events,
    }


def arrived(name: str | None) -> datetime | None:
    """When an event landed, by the name of its file."""
    with suppress(ValueError):
        return datetime.strptime((name or "").partition("-")[0], _STAMP).replace(tzinfo=UTC)
    return None


_TOTALS = """
SELECT count(*), count(cause), max(received_at), max(processed_at) FROM webhook_events
"""
_CAUSES = "SELECT cause, count(*) FROM webhook_events WHERE cause IS NOT NULL GROUP BY cause ORDER BY cause"
_EVENTS = "SELECT coalesce(event, 'unknown'), count(*) FROM webhook_events GROUP BY ALL ORDER BY 1"
