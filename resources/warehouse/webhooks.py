"""How webhooks fare: figures of table `webhook_events`, with the events that still wait on disk."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb

from resources.landed import arrival
from resources.landing import Waiting


def status(con: duckdb.DuckDBPyConnection, waiting: Waiting, *, now: datetime) -> dict[str, Any]:
    """Count what was received, waits, was processed and failed, by event and by cause; times are ISO 8601 in UTC.

    An event that was taken in and whose account is still to be pulled waits on disk as well: it counts as waiting.
    """
    processed, failed, received, last_processed = con.execute(_TOTALS).fetchall()[0]
    first, last = (arrival(Path(name)) if name else None for name in (waiting.first, waiting.last))
    newest = max((moment for moment in (received, last) if moment), default=None)
    return {
        "received": processed + waiting.count,
        "waiting": waiting.count,
        "processed": processed,
        "failed": failed,
        "lastReceived": newest and newest.isoformat(),
        "lastProcessed": last_processed and last_processed.isoformat(),
        "lagSeconds": round(max((now - first).total_seconds(), 0.0), 3) if first else 0.0,
        "failures": dict(con.execute(_CAUSES).fetchall()),
        "events": dict(con.execute(_EVENTS).fetchall()),
    }


_TOTALS = """
SELECT count(processed_at), count(cause) FILTER (WHERE processed_at IS NOT NULL), max(received_at), max(processed_at)
FROM webhook_events
"""
_CAUSES = "SELECT cause, count(*) FROM webhook_events WHERE cause IS NOT NULL GROUP BY cause ORDER BY cause"
_EVENTS = "SELECT coalesce(event, 'unknown'), count(*) FROM webhook_events GROUP BY ALL ORDER BY 1"
