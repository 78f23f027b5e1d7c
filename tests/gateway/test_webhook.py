"""Webhooks in: proved in two ways, landed before they are answered, once; everything else lands nowhere."""

from __future__ import annotations

import json
import os
import socket
import time
from datetime import UTC, datetime, timedelta
from unittest.mock import patch

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from gateway.webhooks import claim_of
from resources.warehouse import webhook_events
from resources.warehouse.webhook_events import Record
from tests.gateway.town import OLD_SECRET, SECRET, Town, event, problem, signed

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


@pytest.mark.parametrize("secret", [SECRET, OLD_SECRET])
@pytest.mark.parametrize("prefix", ["", "sha256="])
def test_a_signed_event_lands_under_either_live_secret(town: Town, secret: str, prefix: str) -> None:
    body = event(hash((secret, prefix)))
    before = town.landed()
    response = town.post_event(body, signed(body, secret, prefix=prefix))
    assert (response.status_code, response.json()) == (200, {"status": "landed"})
    (new,) = set(town.landed()) - set(before)
    kept = json.loads(new.read_text())
    assert kept["event"] == json.loads(body)
    assert kept["scheme"] == "hmac"
    assert abs(datetime.fromisoformat(kept["received_at"]) - datetime.now(UTC)) < timedelta(minutes=1)


def test_the_secret_itself_proves_an_event_as_mono_does_it(town: Town) -> None:
    assert town.post_event(event(1), {"mono-webhook-secret": OLD_SECRET}).status_code == 200
    assert json.loads(town.landed()[-1].read_text())["scheme"] == "secret"


def test_an_event_that_comes_again_is_answered_and_not_landed(town: Town) -> None:
    body = event(2)
    assert town.post_event(body, signed(body)).json() == {"status": "landed"}
    before = town.landed()
    assert town.post_event(body, {"mono-webhook-secret": SECRET}).json() == {"status": "repeated"}
    assert town.landed() == before


def test_an_unknown_event_is_kept(town: Town) -> None:
    for body in (b'{"event":"who.knows"}', b"[1]", b"17", b'"text"'):
        assert town.post_event(body, signed(body)).json() == {"status": "landed"}


WRONG: dict[str, dict[str, str]] = {
    "nothing": {},
    "the secret is wrong": {"mono-webhook-secret": "guess"},
    "the secret is empty": {"mono-webhook-secret": ""},
    "both secrets at once": {"mono-webhook-secret": f"{SECRET},{OLD_SECRET}"},
    "signed under another secret": signed(event(3), "guess"),
    "signed for another body": signed(b"{}"),
    "too old": signed(event(3), at=datetime.now(UTC).timestamp() - 400),
    "too new": signed(event(3), at=datetime.now(UTC).timestamp() + 7200),
    "no timestamp": {"x-mono-signature": signed(event(3))["x-mono-signature"]},
    "no signature": {"x-mono-timestamp": signed(event(3))["x-mono-timestamp"]},
    "a signature that is no hex": signed(event(3)) | {"x-mono-signature": "z" * 64},
    "a signature cut short": signed(event(3)) | {"x-mono-signature": "00"},
    "a timestamp that is no number": signed(event(3)) | {"x-mono-timestamp": "soon"},
    "a timestamp without end": signed(event(3)) | {"x-mono-timestamp": "9" * 400},
    "a good signature beside a wrong secret": signed(event(3)) | {"mono-webhook-secret": "guess"},
}


@pytest.mark.parametrize("headers", WRONG.values(), ids=WRONG.keys())
def test_what_is_not_proved_is_refused_whatever_the_bytes(town: Town, headers: dict[str, str]) -> None:
    before = town.landed()
    for body in (event(3), b"", b"\xff\x00", b"{", b"x" * (2 * 2**20)):
        if body != b"x" * (2 * 2**20) or "x-mono-signature" not in headers:
            problem(town.post_event(body, headers), 401)
    assert town.landed() == before


def test_a_large_body_is_refused_and_the_sender_reads_why(town: Town) -> None:
    before = town.landed()
    for body in (b'"' + b"x" * 2**20 + b'"', b'"' + b"x" * (4 * 2**20) + b'"'):
        assert "1 MiB" in problem(town.post_event(body, signed(body)), 413)["detail"]
        chunks = iter([body[:100], body[100:]])  # without a content-length
        response = httpx.post(f"{town.url}/si/mono/webhook", content=chunks, headers=signed(body))
        problem(response, 413)
    fits = b'"' + b"x" * (2**20 - 2) + b'"'
    assert town.post_event(fits, signed(fits)).status_code == 200
    assert len(town.landed()) == len(before) + 1


@pytest.mark.parametrize("body", [b"", b"{", b"\xff\xfe{}", b"NaN", b"[" * 100_000])
def test_what_is_proved_but_not_json_is_refused(town: Town, body: bytes) -> None:
    before = town.landed()
    problem(town.post_event(body, signed(body)), 400)
    assert town.landed() == before


def test_on_a_full_disk_nothing_is_half_written_and_the_event_can_come_again(town: Town) -> None:
    body, before = event(4), town.landed()
    with patch("os.write", side_effect=OSError(28, "No space left on device")):
        problem(town.post_event(body, signed(body)), 503)
    assert town.landed() == before
    assert town.post_event(body, signed(body)).json() == {"status": "landed"}


def test_neither_secret_nor_signature_is_ever_told(town: Town) -> None:
    response = town.post_event(b"{", signed(b"{"))
    metrics = town.http.get(f"{town.url}/metrics").text
    assert SECRET not in response.text + metrics
    assert 'kobosift_webhooks_total{result="landed"}' in metrics


def test_the_status_counts_what_waits(town: Town) -> None:
    body = event(5)
    town.post_event(body, signed(body))
    told = town.ask("GET", "/si/mono/webhook-status", "viewer").json()
    assert told["waiting"] == len(town.landed())
    assert told["received"] >= told["waiting"]
    assert datetime.now(UTC) - datetime.fromisoformat(told["lastReceived"]) < timedelta(minutes=1)
    assert told["lagSeconds"] >= 0
    assert told["failures"] == {}


JSON_BODIES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda kids: (
        st.lists(kids, max_size=4)
        | st.dictionaries(
            st.sampled_from(["event", "event_id", "data", "bvn", "account"]) | st.text(), kids, max_size=4
        )
    ),
    max_leaves=12,
).map(lambda value: json.dumps(value).encode())
EXAMPLES = int(os.environ.get("KOBOSIFT_TEST_FUZZ", "300")) // 2
"""Of each of the two below; `make test-fuzz` asks for many more."""


@settings(max_examples=EXAMPLES)
@given(
    body=st.binary(max_size=200) | st.text(max_size=50).map(str.encode),
    headers=st.dictionaries(
        st.sampled_from(
            ["x-mono-timestamp", "x-mono-signature", "mono-webhook-secret", "content-type", "x-request-id"]
        ),
        st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=80).map(str.strip)
        | st.just(str(int(datetime.now(UTC).timestamp()))),
    ),
)
def test_nothing_unproved_lands_whatever_is_sent(town: Town, body: bytes, headers: dict[str, str]) -> None:
    before = town.landed()
    response = town.http.post(f"{town.url}/si/mono/webhook", content=body, headers=headers)
    problem(response, 401)
    assert town.landed() == before


@settings(max_examples=EXAMPLES)
@given(body=st.binary(max_size=400) | JSON_BODIES)
def test_whatever_is_proved_lands_or_is_no_json(town: Town, body: bytes) -> None:
    assert town.post_event(body, signed(body)).status_code in (200, 400)


@given(st.dictionaries(st.sampled_from(["x-mono-timestamp", "x-mono-signature", "mono-webhook-secret"]), st.text()))
def test_no_headers_prove_anything_where_no_secret_is_set(headers: dict[str, str]) -> None:
    assert claim_of(headers, (), now=NOW) is None


def test_the_tolerance_is_300_seconds_both_ways() -> None:
    secrets = (SecretStr(SECRET),)
    for seconds, good in ((0, True), (300, True), (-300, True), (301, False), (-301, False)):
        headers = signed(b"{}", at=NOW.timestamp() + seconds)
        assert (claim_of(headers, secrets, now=NOW) is not None) == good


def test_the_status_counts_what_was_taken_in_and_why_some_failed(town: Town) -> None:
    records = [
        Record("k1", "mono.events.account_updated", "acme", "sandbox", "a", NOW, NOW, "pulled"),
        Record("k2", None, None, None, None, NOW, NOW, "quarantined", "the file is not JSON"),
        Record("k3", "mono.events.account_updated", "acme", "sandbox", "a", NOW, None, "pulled"),
    ]
    town.warehouse.write(lambda con: webhook_events.insert(con, records), run_id="test", note="events")
    told = town.ask("GET", "/si/mono/webhook-status", "viewer").json()
    assert (told["processed"], told["failed"]) == (2, 1)
    assert told["received"] == 2 + told["waiting"]
    assert told["failures"] == {"the file is not JSON": 1}
    assert told["events"] == {"mono.events.account_updated": 2, "unknown": 1}
    assert datetime.fromisoformat(told["lastProcessed"]) == NOW


def test_a_sender_that_breaks_off_is_no_fault_of_ours(town: Town, caplog: pytest.LogCaptureFixture) -> None:
    body, before = event(99), town.landed()
    headers = signed(body) | {"content-length": str(len(body)), "host": "127.0.0.1"}
    head = "POST /si/mono/webhook HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    with socket.create_connection(("127.0.0.1", httpx.URL(town.url).port or 0)) as sender:
        sender.sendall(head.encode() + b"\r\n" + body[: len(body) // 2])
    counted = 'route="/si/mono/webhook",status="499"'
    until = time.monotonic() + 10
    while counted not in (metrics := town.http.get(f"{town.url}/metrics").text) and time.monotonic() < until:
        pass
    assert counted in metrics
    assert 'route="/si/mono/webhook",status="500"' not in metrics
    assert not [record for record in caplog.records if record.levelname == "ERROR"]
    assert town.landed() == before
