"""A gateway over real HTTP, with a real warehouse, a sandbox behind it, and tokens of every role of two tenants."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import httpx

from gateway.app import build_app
from gateway.house import House
from gateway.server import Server
from resources.settings import Settings
from resources.warehouse import accounts, tokens
from resources.warehouse.connection import Warehouse, open_warehouse
from sandbox.server import Sandbox
from sandbox.world import build_world
from tests.resources.warehouse.homes import warehouse_in

SECRET, OLD_SECRET = "whsec-new-canary", "whsec-old-canary"
WORLD = build_world(4, 10, 23, date(2026, 3, 31), lines=40)
OURS, THEIRS = ("acme", "sandbox"), ("globex", "sandbox")
JSON = {"content-type": "application/json"}


@dataclass
class Town:
    """A gateway that answers, and who may ask it."""

    settings: Settings
    warehouse: Warehouse
    url: str
    http: httpx.Client
    house: House
    sandbox: Sandbox
    tokens: dict[tuple[str, str], str] = field(default_factory=dict)
    """By organisation and role."""

    def ask(
        self, method: str, path: str, role: str | None = "admin", *, of: str = OURS[0], **options: Any
    ) -> httpx.Response:
        """Ask as the bearer of a role; None as nobody."""
        headers = dict(options.pop("headers", {}))
        if role is not None:
            headers["authorization"] = f"Bearer {self.tokens[of, role]}"
        return self.http.request(method, self.url + path, headers=headers, **options)

    def link(self, account_id: str, tenant: tuple[str, str] = OURS) -> None:
        now = datetime.now(UTC)
        self.warehouse.write(lambda con: accounts.link(con, account_id, *tenant, now=now), run_id="test", note="link")

    def landed(self) -> list[Path]:
        return sorted((self.settings.landing / "webhooks").glob("*"))

    def post_event(self, body: bytes, headers: dict[str, str]) -> httpx.Response:
        return self.http.post(f"{self.url}/si/mono/webhook", content=body, headers=JSON | headers)


@contextmanager
def town(folder: Path, **settings: Any) -> Iterator[Town]:
    """A gateway in a new home, with a small sandbox behind it whose accounts nobody has linked."""
    with environment_kept(), Sandbox(WORLD) as sandbox:
        yield from _served(folder, sandbox, settings)


@contextmanager
def environment_kept() -> Iterator[None]:
    """Take back what opening Dagster's home writes into the environment."""
    before = dict(os.environ)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def _served(folder: Path, sandbox: Sandbox, settings: dict[str, Any]) -> Iterator[Town]:
    given: dict[str, Any] = {
        "kobosift_home": folder / "home",
        "mono_base_url": sandbox.url,
        "mono_secret_key": "invented-key-canary",
        "mono_webhook_secret": f"{SECRET},{OLD_SECRET}",
        "mono_rate_limit": 1000,
        "mono_initial_history_days": 9000,
        "kobosift_rate_limit": 100_000,
    }
    chosen = Settings(**(given | settings))
    warehouse_in(chosen.kobosift_home).close()
    warehouse = open_warehouse(chosen)
    app = build_app(chosen, warehouse)
    with Server(app) as server, httpx.Client(timeout=300) as http:
        made = Town(chosen, warehouse, server.url, http, app.state.house, sandbox)
        for tenant in (OURS, THEIRS):
            for role in tokens.ROLES:
                secret = tokens.new_secret()
                warehouse.write(
                    lambda con, secret=secret, role=role, tenant=tenant: tokens.create(
                        con, secret, role, *tenant, now=datetime.now(UTC)
                    ),
                    run_id="test",
                    note="token",
                )
                made.tokens[tenant[0], role] = secret
        yield made
    warehouse.close()


def signed(body: bytes, secret: str = SECRET, *, at: float | None = None, prefix: str = "") -> dict[str, str]:
    """The headers that prove a body."""
    seconds = str(int(datetime.now(UTC).timestamp() if at is None else at))
    digest = hmac.new(secret.encode(), seconds.encode() + b"." + body, hashlib.sha256).hexdigest()
    return {"x-mono-timestamp": seconds, "x-mono-signature": prefix + digest}


def problem(response: httpx.Response, status: int) -> dict[str, Any]:
    """The problem that an answer is; its shape is seen to."""
    assert response.status_code == status, (response.status_code, response.text)
    assert response.headers["content-type"] == "application/problem+json"
    body: dict[str, Any] = response.json()
    assert body["status"] == status
    assert body["traceId"] == response.headers["x-trace-id"]
    assert body["detail"].endswith((".", "!", "?"))
    return body


def event(number: int, **more: Any) -> bytes:
    return json.dumps(
        {"event": "mono.events.account_updated", "event_id": f"evt_{number}", "data": {}, **more}
    ).encode()
