"""Delivery: what the outbox holds goes to the log, and where an address is set to that address, at least once.

Holds the log's lines, the signature (Standard Webhooks) and the retries. Must not hold which rows are to be delivered
(`resources/warehouse/outbox.py`) or what raises an alert (`pipelines/`). The first message that does not get through
ends the delivery: what follows waits in its order. The log names no account and no transaction.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import json
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from logging.handlers import RotatingFileHandler
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import stamina
from pydantic import SecretStr

from resources.clock import Clock
from resources.errors import KobosiftError
from resources.settings import Settings
from resources.warehouse import outbox
from resources.warehouse.connection import Warehouse
from resources.warehouse.outbox import Message

MESSAGES_A_TIME = 1_000
SECONDS_A_TIME = 30.0
"""No message is begun after so long: the rest waits for the next time."""
_ATTEMPTS = 3
_LOG_BYTES, _LOG_FILES = 5_000_000, 3
_PASSING = (408, 425, 429)
_PREFIX = "whsec_"
_NOT_LOGGED = ("accountId", "transactionId")

# The library's own hook prints what was called, and with what, to standard output.
stamina.instrumentation.set_on_retry_hooks([])


class DeliveryError(KobosiftError):
    """A message did not get through; it waits, and those behind it."""


@dataclass(frozen=True)
class Delivery:
    """How it went: how many got through, and why the next did not."""

    delivered: int
    error: str | None = None


@dataclass(frozen=True)
class Receiver:
    """Who is told, beside the log."""

    url: SecretStr
    """It may hold a key of the receiver's."""
    secret: SecretStr | None = None

    @classmethod
    def of(cls, settings: Settings) -> Receiver | None:
        """The receiver of the settings, if any."""
        url = settings.kobosift_alert_url
        return None if url is None else cls(url, settings.kobosift_alert_secret)


def deliver(
    warehouse: Warehouse,
    receiver: Receiver | None,
    log: logging.Logger,
    *,
    clock: Clock,
    run_id: str,
    limit: int = MESSAGES_A_TIME,
    seconds: float = SECONDS_A_TIME,
) -> Delivery:
    """Deliver what waits, the most urgent first, and note what got through.

    A message is noted after it got through: one that did just before a crash is delivered again, under the same id.

    Raises:
        WarehouseError: the outbox cannot be read or written.
    """
    with warehouse.read() as con:
        messages = outbox.undelivered(con, limit)
    if not messages:
        return Delivery(0)
    through, error = _send_all(messages, receiver, clock, time.monotonic() + seconds)
    if through:
        warehouse.write(
            lambda con: outbox.mark_delivered(con, through, clock.now()), run_id=run_id, note="messages delivered"
        )
    for message in through:
        log.warning(json.dumps({key: value for key, value in message.body.items() if key not in _NOT_LOGGED}))
    if error:
        log.error(json.dumps({"event": "delivery_failed", "summary": error}))
    return Delivery(len(through), error)


def open_log(home: Path) -> logging.Logger:
    """The log of alerts and events, one JSON object a line, bounded; in `logs/alerts.log` below the home."""
    path = home / "logs" / "alerts.log"
    logger = logging.getLogger(f"kobosift.alerts.{path}")
    if not logger.handlers:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handler = RotatingFileHandler(path, maxBytes=_LOG_BYTES, backupCount=_LOG_FILES, encoding="utf-8", delay=True)
        logger.addHandler(handler)
        logger.propagate = False
    return logger


def signature(secret: SecretStr, message_id: str, timestamp: int, body: bytes) -> str:
    """The header `webhook-signature` of Standard Webhooks: HMAC-SHA256 over `id.timestamp.body`, in Base64."""
    signed = b".".join((message_id.encode(), str(timestamp).encode(), body))
    return "v1," + base64.b64encode(hmac.new(_key(secret), signed, sha256).digest()).decode()


def _key(secret: SecretStr) -> bytes:
    """The key of a secret: what `whsec_` and Base64 stand for, else its own bytes."""
    text = secret.get_secret_value()
    if text.startswith(_PREFIX):
        try:
            return base64.b64decode(text.removeprefix(_PREFIX), validate=True)
        except (binascii.Error, ValueError):
            return text.encode()
    return text.encode()


def _send_all(
    messages: Sequence[Message], receiver: Receiver | None, clock: Clock, latest: float
) -> tuple[list[Message], str | None]:
    """Send in order until one does not get through or time is up; those that did, and why one did not."""
    if receiver is None:
        return list(messages), None
    through: list[Message] = []
    with httpx.Client(timeout=10.0) as client:
        for message in messages:
            if time.monotonic() > latest:
                break
            try:
                _send(client, receiver, message, clock.now)
            except DeliveryError as error:
                return through, str(error)
            through.append(message)
    return through, None


def _send(client: httpx.Client, receiver: Receiver, message: Message, now: Callable[[], datetime]) -> None:
    """Send one message, again where it may get through then.

    Raises:
        DeliveryError: it did not.
    """
    body = json.dumps(message.body, ensure_ascii=False).encode()
    host = urlsplit(receiver.url.get_secret_value()).hostname
    try:
        for attempt in stamina.retry_context(on=_passes, attempts=_ATTEMPTS, timeout=10.0, wait_initial=0.1):
            with attempt:
                timestamp = int(now().timestamp())
                headers = {
                    "content-type": "application/json",
                    "webhook-id": message.message_id,
                    "webhook-timestamp": str(timestamp),
                }
                if receiver.secret is not None:
                    headers["webhook-signature"] = signature(receiver.secret, message.message_id, timestamp, body)
                answer = client.post(receiver.url.get_secret_value(), content=body, headers=headers)
                answer.raise_for_status()
    except httpx.HTTPStatusError as error:
        told = f"KOBOSIFT_ALERT_URL: {host} answered {error.response.status_code}. What is not delivered waits."
        raise DeliveryError(told) from None
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        told = f"KOBOSIFT_ALERT_URL: {host} cannot be reached ({type(error).__name__}). What is not delivered waits."
        raise DeliveryError(told) from None


def _passes(error: Exception) -> bool:
    """Whether the next attempt may get through."""
    if isinstance(error, httpx.HTTPStatusError):
        return error.response.status_code in _PASSING or error.response.is_server_error
    return isinstance(error, httpx.TransportError)
