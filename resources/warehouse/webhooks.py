"""How webhooks fare: figures of table `webhook_events`, with the events that still wait on disk."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb

from resources.landed import arrival
from resources.landing import Waiting


def status(
    con: duckdb.DuckDBPyConnection, waiting: Waiting, *, organization_id: str, environment: str, now: datetime
) -> dict[str, Any]:
    """Count what was received, waits, was processed and failed, by event and by cause; times are ISO 8601 in UTC.

    Of what was processed, the tenant's events and those that are nobody's; what waits on disk is nobody's yet. An event
    that was taken in and whose account is still to be pulled waits there as well: it counts as waiting.
    """
    tenant = [organization_id, environment]
    processed, failed, received, last_processed = con.execute(_TOTALS, tenant).fetchall()[0]
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
        "failures": dict(con.execute(_CAUSES, tenant).fetchall()),
        "events": dict(con.execute(_EVENTS, tenant).fetchall()),
    }


_SEEN = "FROM webhook_events WHERE ((organization_id = ? AND environment = ?) OR organization_id IS NULL)"
_TOTALS = f"""
SELECT count(processed_at), count(cause) FILTER (WHERE processed_at IS NOT NULL), max(received_at), max(processed_at)
{_SEEN}
"""
_CAUSES = f"SELECT cause, count(*) {_SEEN} AND cause IS NOT NULL GROUP BY cause ORDER BY cause"
_EVENTS = f"SELECT coalesce(event, 'unknown'), count(*) {_SEEN} GROUP BY ALL ORDER BY 1"
