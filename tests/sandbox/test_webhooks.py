import hashlib
import hmac
import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import Queue

import pytest

from sandbox.server import Sandbox
from sandbox.webhooks import EVENTS, TRANSACTION_EVENTS, Event, Sender, compose, signed
from sandbox.world import World
from tests.sandbox.reading import client

SECRET = "an-invented-secret"
NOW = datetime(2026, 4, 1, 9, 30, tzinfo=UTC)
Received = Queue[tuple[dict[str, str], bytes]]


@pytest.fixture
def receiver() -> Iterator[tuple[str, Received]]:
    """A listener that keeps what it gets: its address and the queue."""
    got: Received = Queue()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            got.put(({name.lower(): value for name, value in self.headers.items()}, body))
            self.send_response(401 if self.path == "/refuse" else 200)
            self.end_headers()

        def log_message(self, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}", got
        server.shutdown()
        thread.join()


def event(world: World, name: str) -> Event:
    row = json.loads(world.statements[0].rows[0]) if name in TRANSACTION_EVENTS else None
    return Event(name, world.accounts[0], row)


def account_id(data: dict[str, object]) -> object:
    """The id in any of the four shapes in which it comes."""
    account = data.get("account", data.get("id"))
    return account.get("_id", account.get("id")) if isinstance(account, dict) else account


@pytest.mark.parametrize("name", EVENTS)
def test_every_event_is_signed_over_its_timestamp_and_raw_body(
    world: World, receiver: tuple[str, Received], name: str
) -> None:
    url, got = receiver
    assert Sender(url, SECRET, clock=lambda: NOW).send(event(world, name)) == 200
    headers, body = got.get(timeout=60)
    expected = hmac.new(SECRET.encode(), headers["x-mono-timestamp"].encode() + b"." + body, hashlib.sha256)
    assert headers["x-mono-signature"] == expected.hexdigest()
    assert headers["x-mono-timestamp"] == str(int(NOW.timestamp()))
    assert "mono-webhook-secret" not in headers


def test_monos_own_scheme_sends_the_secret_itself(world: World, receiver: tuple[str, Received]) -> None:
    url, got = receiver
    Sender(url, SECRET, scheme="secret").send(event(world, "mono.events.account_unlinked"))
    headers, _ = got.get(timeout=60)
    assert headers["mono-webhook-secret"] == SECRET
    assert "x-mono-signature" not in headers


@pytest.mark.parametrize("name", EVENTS)
def test_every_event_has_its_envelope_and_its_account(world: World, name: str) -> None:
    body = json.loads(compose(event(world, name), NOW, 1))
    assert list(body) == ["event", "event_id", "timestamp", "data"]
    assert body["event"] == name
    assert body["timestamp"] == "2026-04-01T09:30:00.000Z"
    assert account_id(body["data"]) == world.accounts[0].id


def test_the_account_id_comes_in_four_shapes(world: World) -> None:
    shapes = set()
    for name in EVENTS:
        data = json.loads(compose(event(world, name), NOW, 1))["data"]
        account = data.get("account")
        shapes.add(tuple(sorted({"_id", "id"} & set(account))) if isinstance(account, dict) else type(account).__name__)
    assert shapes == {("_id",), ("id",), "str", "NoneType"}


def test_two_events_alike_have_ids_of_their_own_and_one_sent_again_keeps_its_id(world: World) -> None:
    first, second, again = (
        json.loads(compose(event(world, "mono.events.account_unlinked"), NOW, number))["event_id"]
        for number in (1, 2, 1)
    )
    assert first != second
    assert first == again


def test_an_updated_account_says_how_its_sync_went_and_shows_four_digits_of_its_bvn(world: World) -> None:
    failed = Event("mono.events.account_updated", world.accounts[0], sync_status="REAUTHORISATION_REQUIRED")
    data = json.loads(compose(failed, NOW, 1))["data"]
    assert data["meta"]["sync_status"] == "REAUTHORISATION_REQUIRED"
    assert data["meta"]["has_new_data"] is False
    assert data["account"]["bvn"] == world.accounts[0].bvn[-4:]


def test_a_transaction_event_carries_the_row_as_it_is_served(world: World) -> None:
    row = json.loads(world.statements[0].rows[0])
    settled = {**row, "status": "settled"}
    data = json.loads(compose(Event("transaction.settled", world.accounts[0], settled), NOW, 1))["data"]
    assert data["transaction"] == settled


def test_an_answer_that_refuses_is_given_as_its_status(world: World, receiver: tuple[str, Received]) -> None:
    assert Sender(f"{receiver[0]}/refuse", SECRET).send(event(world, "mono.accounts.jobs.update")) == 401


def test_an_unknown_event_or_one_without_its_row_is_refused(world: World) -> None:
    with pytest.raises(ValueError, match=r"no event called 'mono\.events\.party'"):
        compose(Event("mono.events.party", world.accounts[0]), NOW, 1)
    with pytest.raises(ValueError, match="needs its transaction"):
        compose(Event("transaction.updated", world.accounts[0]), NOW, 1)
    with pytest.raises(ValueError, match="must begin with http"):
        Sender("file:///etc/hostname", SECRET)


def test_the_signature_depends_on_every_byte_of_the_body() -> None:
    one, other = (signed(body, SECRET, NOW)["x-mono-signature"] for body in (b"{}", b"{ }"))
    assert one != other


def test_the_sandbox_tells_of_income_links_and_unlinks(world: World, receiver: tuple[str, Received]) -> None:
    url, got = receiver
    one = f"/v2/accounts/{world.account_ids[0]}"
    with Sandbox(world, webhooks=Sender(url, SECRET)) as sandbox, client(sandbox) as http:
        seen = []
        for method, path, body in (
            ("GET", f"{one}/income", None),
            ("POST", f"{one}/unlink", None),
            ("POST", "/v2/accounts/auth", {"code": f"code_{world.account_ids[0]}"}),
            ("POST", "/v2/accounts/auth", {"code": f"code_{world.account_ids[0]}"}),
        ):
            assert http.request(method, path, json=body).status_code == 200
            seen.append(json.loads(got.get(timeout=60)[1])["event"].rsplit(".", 1)[1])
    assert seen == ["account_income", "account_unlinked", "account_connected", "account_reauthorized"]
