"""Alerts and monitoring events on their way out: at least once, signed, and no line named in the log."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from resources import outbox
from resources.clock import FixedClock
from resources.outbox import Delivery, Receiver, deliver, open_log, signature
from resources.warehouse import outbox as table
from resources.warehouse.connection import Warehouse
from resources.warehouse.outbox import Alert
from tests.resources.warehouse.homes import warehouse_in

NOW = datetime(2025, 6, 2, 12, tzinfo=UTC)
SECRET = SecretStr("whsec_plJ3nmyCDGBKInavdOK15jsl")


class Inbox:
    """A receiver on loopback: what came, and the statuses it answers with, the last for ever."""

    def __init__(self) -> None:
        self.came: list[tuple[dict[str, str], bytes]] = []
        self.statuses = [200]
        inbox = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                inbox.came.append(({name.lower(): value for name, value in self.headers.items()}, body))
                statuses = inbox.statuses
                self.send_response(statuses.pop(0) if len(statuses) > 1 else statuses[0])
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def receiver(self) -> Receiver:
        return Receiver(SecretStr(f"http://127.0.0.1:{self.server.server_port}/hook?key=canary"), SECRET)

    def bodies(self) -> list[dict[str, Any]]:
        return [json.loads(body) for _, body in self.came]


@pytest.fixture
def inbox() -> Iterator[Inbox]:
    inbox = Inbox()
    yield inbox
    inbox.server.shutdown()
    inbox.server.server_close()


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    warehouse = warehouse_in(tmp_path_factory.mktemp("home") / "home")
    yield warehouse
    warehouse.close()


@pytest.fixture
def warehouse(opened: Warehouse) -> Warehouse:
    """Two events and an alert, none delivered."""
    opened.write(_fill, run_id="test", note="fill")
    return opened


def _fill(con: Any) -> None:
    con.execute("DELETE FROM monitoring_events")
    con.execute("DELETE FROM alerts")
    for number in (1, 2):
        con.execute(
            """INSERT INTO monitoring_events BY NAME SELECT $id AS event_id, 'invoice_failed' AS event,
                'sandbox' AS environment, 'trace' AS trace_id, 'org' AS organization_id, 'acc-canary' AS account_id,
                'tx-canary' AS transaction_id, DATE '2025-06-01' AS day,
                'personal_or_low_confidence' AS reason, 'below_floor_no_signal' AS detail, $at AS occurred_at""",
            {"id": f"event-{number}", "at": NOW - timedelta(minutes=9 - number)},
        )
    table.raise_alerts(con, [Alert("run_failed/1", "run_failed", "sandbox", None, "t", "job ingest", NOW)])


def log(tmp_path: Path) -> logging.Logger:
    return open_log(tmp_path)


def run(warehouse: Warehouse, receiver: Receiver | None, tmp_path: Path, **others: Any) -> Delivery:
    return deliver(warehouse, receiver, log(tmp_path), clock=FixedClock(NOW), run_id="test", **others)


def waiting(warehouse: Warehouse) -> list[str]:
    with warehouse.read() as con:
        return [message.message_id for message in table.undelivered(con, 100)]


def test_the_signature_is_that_of_the_standards_own_example() -> None:
    body = b'{"event_type":"ping","data":{"success":true}}'
    told = signature(SECRET, "msg_loFOjxBNrRLzqYUf", 1731705121, body)
    assert told == "v1,rAvfW3dJ/X/qxhsaXPOyyCGmRKsaKWcsNccKXlIktD0="


def test_a_secret_that_is_no_base64_signs_with_its_own_bytes() -> None:
    import base64
    import hmac

    for secret in ("plain words", "whsec_not base64!"):
        expected = base64.b64encode(hmac.digest(secret.encode(), b"id.1.{}", "sha256")).decode()
        assert signature(SecretStr(secret), "id", 1, b"{}") == f"v1,{expected}"


def test_an_event_has_exactly_the_keys_that_were_agreed(warehouse: Warehouse, inbox: Inbox, tmp_path: Path) -> None:
    assert run(warehouse, inbox.receiver, tmp_path) == Delivery(3)
    assert inbox.bodies()[1] == {
        "event": "invoice_failed",
        "environment": "sandbox",
        "traceId": "trace",
        "organizationId": "org",
        "accountId": "acc-canary",
        "transactionId": "tx-canary",
        "reason": "personal_or_low_confidence",
        "detail": "below_floor_no_signal",
        "occurredAt": "2025-06-02T11:52:00.000000Z",
    }
    assert inbox.bodies()[0]["event"] == "run_failed"
    headers, body = inbox.came[1]
    assert headers["webhook-id"] == "event-1"
    assert headers["webhook-signature"] == signature(SECRET, "event-1", int(headers["webhook-timestamp"]), body)


def test_what_was_delivered_is_noted_and_not_delivered_again(
    warehouse: Warehouse, inbox: Inbox, tmp_path: Path
) -> None:
    run(warehouse, inbox.receiver, tmp_path)
    assert run(warehouse, inbox.receiver, tmp_path) == Delivery(0)
    with warehouse.read() as con:
        assert con.execute("SELECT DISTINCT delivered_at FROM audit.monitoring_events").fetchall() == [(NOW,)]


def test_what_may_pass_is_tried_again(warehouse: Warehouse, inbox: Inbox, tmp_path: Path) -> None:
    inbox.statuses = [503, 429, 200]
    assert run(warehouse, inbox.receiver, tmp_path) == Delivery(3)
    assert len(inbox.came) == 5
    assert len({headers["webhook-id"] for headers, _ in inbox.came}) == 3


def test_the_first_that_does_not_get_through_ends_it_and_the_rest_waits_in_order(
    warehouse: Warehouse, inbox: Inbox, tmp_path: Path
) -> None:
    inbox.statuses = [200, 400]
    done = run(warehouse, inbox.receiver, tmp_path)
    assert done.delivered == 1
    assert done.error is not None
    assert "400" in done.error
    assert "canary" not in done.error
    assert waiting(warehouse) == ["event-1", "event-2"]
    inbox.statuses = [200]
    assert run(warehouse, inbox.receiver, tmp_path) == Delivery(2)
    assert waiting(warehouse) == []


def test_nobody_listening_keeps_everything(warehouse: Warehouse, tmp_path: Path) -> None:
    done = run(warehouse, Receiver(SecretStr("http://127.0.0.1:9/hook")), tmp_path)
    assert done.delivered == 0
    assert done.error is not None
    assert len(waiting(warehouse)) == 3


def test_a_crash_after_delivery_delivers_again_under_the_same_id(
    warehouse: Warehouse, inbox: Inbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(outbox.outbox, "mark_delivered", die)
        with pytest.raises(KeyboardInterrupt):
            run(warehouse, inbox.receiver, tmp_path)
    run(warehouse, inbox.receiver, tmp_path)
    ids = [headers["webhook-id"] for headers, _ in inbox.came]
    assert ids[:3] == ids[3:]


def test_without_an_address_the_log_takes_it_and_names_no_line(warehouse: Warehouse, tmp_path: Path) -> None:
    assert run(warehouse, None, tmp_path) == Delivery(3)
    told = (tmp_path / "logs" / "alerts.log").read_text()
    assert [json.loads(line)["event"] for line in told.splitlines()] == ["run_failed", *["invoice_failed"] * 2]
    assert "canary" not in told
    assert waiting(warehouse) == []


def test_a_delivery_is_bounded_in_number_and_in_time(warehouse: Warehouse, inbox: Inbox, tmp_path: Path) -> None:
    assert run(warehouse, inbox.receiver, tmp_path, limit=1) == Delivery(1)
    assert run(warehouse, inbox.receiver, tmp_path, seconds=-1) == Delivery(0)
    assert len(waiting(warehouse)) == 2


def test_an_alert_is_raised_once(warehouse: Warehouse) -> None:
    alert = Alert("run_failed/1", "run_failed", "sandbox", None, "t", "job ingest", NOW)
    warehouse.write(lambda con: table.raise_alerts(con, [alert, alert]), run_id="test", note="test")
    with warehouse.read() as con:
        assert table.unknown(con, [alert]) == []
        assert con.execute("SELECT count(*) FROM audit.alerts").fetchone() == (1,)


@pytest.mark.parametrize(("lately", "tells"), [(200, True), (120, False), (49, False)])
def test_a_queue_that_grows_faster_than_it_used_to_is_told_of(
    warehouse: Warehouse, lately: int, *, tells: bool
) -> None:
    def plant(con: Any) -> None:
        con.execute("DELETE FROM rejections")
        rows = (
            "SELECT 'org' AS organization_id, 'sandbox' AS environment, 'acc' AS account_id, DATE '2025-05-01' AS day"
        )
        con.execute(
            f"INSERT INTO rejections BY NAME {rows}, $at AS rejected_at FROM range(700)", {"at": NOW - 10 * DAY}
        )
        con.execute(
            f"INSERT INTO rejections BY NAME {rows}, $at AS rejected_at FROM range($lately)",
            {"at": NOW - timedelta(hours=2), "lately": lately},
        )

    warehouse.write(plant, run_id="test", note="plant")
    with warehouse.read() as con:
        found = table.growing_queues(con, NOW)
    assert [alert.alert_id for alert in found] == (["dlq_growing/org/sandbox/2025-06-02"] if tells else [])


DAY = timedelta(days=1)
