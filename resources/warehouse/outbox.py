"""The outbox: monitoring events and alerts (the tables of these names) on their way out, and when they were delivered.

Functions take an open connection. An alert is raised once, whoever notices it how often; what is not marked as
delivered is given out again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime, timedelta

import duckdb
import polars as pl

_UTC = pl.Datetime("us", "UTC")


@dataclass(frozen=True)
class Alert:
    """Something that a person should look at; `summary` holds counts and names of ours, never a row's value."""

    alert_id: str
    event: str
    environment: str
    organization_id: str | None
    trace_id: str | None
    summary: str
    occurred_at: datetime


@dataclass(frozen=True)
class Message:
    """One message to deliver: its id, and its body in the words of domain section 7, keys in camel case."""

    message_id: str
    is_alert: bool
    body: dict[str, str | None]
    occurred_at: datetime


_ALERT_SCHEMA = {field.name: _UTC if field.name == "occurred_at" else pl.String() for field in fields(Alert)}
_GROWS_BY = 3
_AT_LEAST = 50
_DAYS_BEFORE = 14
_DAYS_KNOWN = 7

_MISSING = """
SELECT event_id AS message_id, false AS is_alert, event, environment, trace_id, organization_id, account_id,
    transaction_id, reason, detail, NULL AS summary, occurred_at
FROM monitoring_events WHERE delivered_at IS NULL
UNION ALL
SELECT alert_id, true, event, environment, trace_id, organization_id, NULL, NULL, NULL, NULL, summary, occurred_at
FROM alerts WHERE delivered_at IS NULL
ORDER BY is_alert DESC, occurred_at, message_id
LIMIT $limit
"""
_MARK_EVENTS = """
UPDATE monitoring_events SET delivered_at = $now FROM delivered_messages AS d
WHERE NOT d.is_alert AND monitoring_events.event_id = d.message_id AND monitoring_events.delivered_at IS NULL
"""
_MARK_ALERTS = """
UPDATE alerts SET delivered_at = $now FROM delivered_messages AS d
WHERE d.is_alert AND alerts.alert_id = d.message_id AND alerts.delivered_at IS NULL
"""
_RAISE = """
INSERT INTO alerts BY NAME
SELECT * FROM new_alerts ANTI JOIN alerts USING (alert_id)
"""
# By tenant: the rejections of the last 24 hours, and how many a day there were before, where enough days are known.
_GROWTH = """
SELECT organization_id, environment,
    count(*) FILTER (WHERE rejected_at >= $day) AS lately,
    count(*) FILTER (WHERE rejected_at < $day) / $days AS a_day
FROM rejections
WHERE replayed_at IS NULL AND rejected_at >= $first
GROUP BY ALL
HAVING lately >= $least AND min(rejected_at) < $known AND lately > $factor * a_day
ORDER BY ALL
"""


def raise_alerts(con: duckdb.DuckDBPyConnection, alerts: Sequence[Alert]) -> None:
    """Keep the alerts that are not there yet, to be delivered."""
    if not alerts:
        return
    frame = pl.DataFrame([asdict(alert) for alert in alerts], schema=_ALERT_SCHEMA).unique("alert_id")
    con.register("new_alerts", frame.to_arrow())
    con.execute(_RAISE)
    con.unregister("new_alerts")


def unknown(con: duckdb.DuckDBPyConnection, alerts: Sequence[Alert]) -> list[Alert]:
    """Those of the alerts that were never raised, each once."""
    wanted = {alert.alert_id: alert for alert in alerts}
    rows = con.execute(
        "SELECT alert_id FROM alerts WHERE alert_id IN (SELECT unnest($ids))", {"ids": list(wanted)}
    ).fetchall()
    known = {alert_id for (alert_id,) in rows}
    return [alert for alert_id, alert in wanted.items() if alert_id not in known]


def undelivered(con: duckdb.DuckDBPyConnection, limit: int) -> list[Message]:
    """What is to be delivered: alerts first, then the oldest events."""
    rows = con.execute(_MISSING, {"limit": limit}).pl().to_dicts()
    return [_message(row) for row in rows]


def mark_delivered(con: duckdb.DuckDBPyConnection, messages: Sequence[Message], now: datetime) -> None:
    """Note that messages were delivered."""
    rows = [(message.message_id, message.is_alert) for message in messages]
    schema = {"message_id": pl.String(), "is_alert": pl.Boolean()}
    con.register("delivered_messages", pl.DataFrame(rows, schema, orient="row").to_arrow())
    for statement, wanted in ((_MARK_EVENTS, False), (_MARK_ALERTS, True)):
        if any(message.is_alert is wanted for message in messages):
            con.execute(statement, {"now": now})
    con.unregister("delivered_messages")


def growing_queues(con: duckdb.DuckDBPyConnection, now: datetime) -> list[Alert]:
    """An alert for each tenant whose dead-letter queue grows much faster than it used to, one a day."""
    rows = con.execute(
        _GROWTH,
        {
            "day": now - timedelta(days=1),
            "first": now - timedelta(days=1 + _DAYS_BEFORE),
            "known": now - timedelta(days=_DAYS_KNOWN),
            "days": _DAYS_BEFORE,
            "least": _AT_LEAST,
            "factor": _GROWS_BY,
        },
    ).fetchall()
    return [
        Alert(
            f"dlq_growing/{organization}/{environment}/{now:%Y-%m-%d}",
            "dlq_growing",
            environment,
            organization,
            None,
            f"{lately} lines were rejected in the last 24 hours, {a_day:.0f} a day before",
            now,
        )
        for organization, environment, lately, a_day in rows
    ]


def _message(row: dict[str, object]) -> Message:
    occurred_at = row["occurred_at"]
    if not isinstance(occurred_at, datetime):
        message = "an event without a time"
        raise TypeError(message)
    names = _ALERT_KEYS if row["is_alert"] else _EVENT_KEYS
    body = {key: None if row[name] is None else str(row[name]) for key, name in names.items()}
    body["occurredAt"] = occurred_at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
    return Message(str(row["message_id"]), bool(row["is_alert"]), body, occurred_at)


_EVENT_KEYS = {
    "event": "event",
    "environment": "environment",
    "traceId": "trace_id",
    "organizationId": "organization_id",
    "accountId": "account_id",
    "transactionId": "transaction_id",
    "reason": "reason",
    "detail": "detail",
}
_ALERT_KEYS = {
    "event": "event",
    "environment": "environment",
    "traceId": "trace_id",
    "organizationId": "organization_id",
    "summary": "summary",
}
