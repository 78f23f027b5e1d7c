"""Tenants cannot see each other: every route asked by another tenant's admin for what is not theirs, from one table.

What is another's is answered as what is nobody's is, word for word, so that nothing can be inferred; and lists, counts
and cursors hold nothing of it. A route that does not stand in the table fails.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest

from resources.warehouse import webhook_events
from resources.warehouse.webhook_events import Record
from tests.gateway.test_guard import OPEN
from tests.gateway.test_invoices import suggest
from tests.gateway.town import WORLD, Town

OURS, THEIRS = WORLD.account_ids[:2]
BACK = "https://shop.example/linked"
ENTRY = {"list": "deny", "field": "counterparty", "match": "exact", "value": "Canary Payer"}
INVOICE = {
    "invoice_id": "inv-canary",
    "number": "INV-CANARY",
    "customer_name": "Canary Buyer Ltd",
    "currency": "NGN",
    "total_amount": "10.00",
    "issue_date": "2026-03-02",
}


@dataclass(frozen=True)
class Try:
    """A request with the name of one of the other tenant's things in it, and the answer that it must get."""

    path: str
    body: Any = None
    status: int = 404


@dataclass(frozen=True)
class See:
    """A request for what is one's own, in whose answer nothing of the other tenant may stand."""

    path: str
    body: Any = None
    status: int = 200
    empty: bool = False
    """Whether the list must be empty besides."""


ACCOUNT, DRAFT = "/si/mono/accounts/{account}", "/si/invoices/{draft}"
TABLE: dict[tuple[str, str], list[Try | See]] = {
    ("POST", "/si/mono/widget-link"): [
        Try("/si/mono/widget-link", {"account": "{account}", "scope": "reauth", "redirectUrl": BACK})
    ],
    ("POST", "/si/mono/exchange"): [See("/si/mono/exchange", {"code": f"code_{OURS}"}, 409)],
    ("GET", "/si/mono/webhook-status"): [See("/si/mono/webhook-status")],
    ("GET", "/si/mono/events"): [
        See("/si/mono/events", empty=True),
        See("/si/mono/events?accountId={account}", empty=True),
        See("/si/mono/events?outcome=rejected&pageSize=500", empty=True),
    ],
    ("GET", "/si/mono/allow-deny"): [
        See("/si/mono/allow-deny", empty=True),
        See("/si/mono/allow-deny?accountId={account}", empty=True),
    ],
    ("POST", "/si/mono/allow-deny"): [
        Try("/si/mono/allow-deny", {**ENTRY, "value": "Somebody", "accountId": "{account}"})
    ],
    ("DELETE", "/si/mono/allow-deny"): [Try("/si/mono/allow-deny?id={entry}")],
    ("GET", "/si/mono/accounts"): [
        See("/si/mono/accounts"),
        See("/si/mono/accounts?page=1"),
        See("/si/mono/accounts?linkedOnly=true"),
        Try("/si/mono/accounts?linkedOnly=true&envId={tenant}"),
        Try("/si/mono/accounts?linkedOnly=true&env=production"),
    ],
    ("GET", "/si/mono/accounts/{id}"): [Try(ACCOUNT)],
    ("GET", "/si/mono/accounts/{id}/identity"): [Try(f"{ACCOUNT}/identity")],
    ("GET", "/si/mono/accounts/{id}/balance"): [Try(f"{ACCOUNT}/balance")],
    ("GET", "/si/mono/accounts/{id}/income"): [Try(f"{ACCOUNT}/income?period=6")],
    ("GET", "/si/mono/accounts/{id}/income-records"): [Try(f"{ACCOUNT}/income-records")],
    ("POST", "/si/mono/accounts/{id}/unlink"): [
        Try(f"{ACCOUNT}/unlink"),
        Try(f"{ACCOUNT}/unlink?purge=true"),
        Try(f"{ACCOUNT}/unlink", {"purge": True}),
    ],
    ("POST", "/si/mono/sync"): [
        Try("/si/mono/sync", {"accountId": "{account}"}),
        Try("/si/mono/sync", {"accountId": "{account}", "cursor": "{cursor}"}),
    ],
    ("POST", "/si/mono/sync-stored"): [See("/si/mono/sync-stored")],
    ("GET", "/si/mono/cursor"): [Try("/si/mono/cursor?accountId={account}")],
    ("POST", "/si/invoices/import"): [
        See("/si/invoices/import", [{**INVOICE, "number": "INV-OTHER"}], 422),
        See("/si/invoices/import", [{**INVOICE, "invoice_id": "inv-b", "organization_id": "acme"}], 422),
    ],
    ("GET", "/si/invoices"): [
        See("/si/invoices?origin=imported", empty=True),
        See("/si/invoices?accountId={account}", empty=True),
    ],
    ("GET", "/si/invoices/{id}"): [Try(DRAFT), Try("/si/invoices/{invoice}")],
    ("PATCH", "/si/invoices/{id}"): [
        Try(DRAFT, {"note": "theirs"}),
        Try("/si/invoices/{invoice}", {"note": "theirs"}),
    ],
    **{
        ("POST", f"/si/invoices/{{id}}/{step}"): [Try(f"{DRAFT}/{step}"), Try(f"/si/invoices/{{invoice}}/{step}")]
        for step in ("confirm", "discard", "validate", "sign")
    },
    **{
        ("POST", f"/si/settlements/{{id}}/{said}"): [Try(f"/si/settlements/{{settlement}}/{said}")]
        for said in ("accept", "decline")
    },
}
ROWS = [(method, route, asked) for (method, route), tries in TABLE.items() for asked in tries]


@dataclass
class Things:
    """What the first tenant has, and what only it may ever read."""

    names: dict[str, str] = field(default_factory=dict)
    secrets: list[str] = field(default_factory=list)


@pytest.fixture(scope="module")
def things(town: Town) -> Things:
    town.link(OURS)
    town.link(THEIRS, ("globex", "sandbox"))
    for account in (OURS, THEIRS):
        town.http.get(f"{town.sandbox.url}/v2/accounts/{account}", headers={"mono-sec-key": "x"})  # PROCESSING once
    assert town.ask("POST", "/si/invoices/import", json=[INVOICE]).status_code == 200
    synced = town.ask("POST", "/si/mono/sync", json={"accountId": OURS}).json()
    entry = town.ask("POST", "/si/mono/allow-deny", json=ENTRY).json()
    draft = town.ask("GET", "/si/invoices?origin=draft&status=DRAFT").json()["data"][0]
    suggest(town, "set-canary", invoice_id="inv-canary")
    now = datetime.now(UTC)
    events = [
        Record("k1", "canary.event", "acme", "sandbox", OURS, now, now, "quarantined", "canary cause"),
        Record("k2", "canary.event", "acme", "sandbox", OURS, now, now, "merged"),
    ]
    town.warehouse.write(lambda con: webhook_events.insert(con, events), run_id="test", note="events")
    names = {
        "account": OURS,
        "draft": draft["id"],
        "entry": entry["entry_id"],
        "invoice": "inv-canary",
        "settlement": "set-canary",
        "cursor": synced["cursor"],
        "tenant": "acme:sandbox",
    }
    return Things(names, [*(name for key, name in names.items() if key != "invoice"), "anary", "acme"])


def test_every_guarded_route_stands_in_the_table(town: Town) -> None:
    paths = town.http.get(f"{town.url}/openapi.json").json()["paths"]
    assert {(method.upper(), path) for path in paths for method in paths[path]} == OPEN | set(TABLE)
    assert all(TABLE.values())


@pytest.mark.parametrize(("method", "route", "asked"), ROWS, ids=lambda part: getattr(part, "path", part))
def test_another_tenants_admin_comes_to_nothing(
    town: Town, things: Things, method: str, route: str, asked: Try | See
) -> None:
    answer = _ask(town, method, asked, things.names)
    assert answer.status_code == asked.status, answer.text
    said = answer.text if answer.status_code < 400 else str(_without_trace(answer))
    allowed = _filled(asked.path, things.names) + json.dumps(_filled(asked.body, things.names))
    assert [secret for secret in things.secrets if secret in said and secret not in allowed] == []
    if isinstance(asked, See):
        if asked.empty:
            assert (answer.json()["data"], answer.json()["meta"]["total"]) == ([], 0)
        return
    nobodys = _ask(town, method, asked, dict.fromkeys(things.names, "nobodys"))
    assert (nobodys.status_code, _without_trace(nobodys)) == (answer.status_code, _without_trace(answer))


def test_nothing_of_the_first_tenants_was_changed_by_all_that(town: Town, things: Things) -> None:
    names = things.names
    assert town.ask("GET", f"/si/invoices/{names['draft']}").json()["status"] == "DRAFT"
    assert town.ask("GET", f"/si/invoices/{names['draft']}").json()["log"] == []
    assert town.ask("GET", "/si/invoices/inv-canary").json()["number"] == "INV-CANARY"
    assert [row["entry_id"] for row in town.ask("GET", "/si/mono/allow-deny").json()["data"]] == [names["entry"]]
    assert town.ask("GET", f"/si/mono/accounts/{OURS}").status_code == 200
    assert town.ask("GET", f"/si/mono/cursor?accountId={OURS}").json()["cursor"] == names["cursor"]
    with town.warehouse.read() as con:
        row = con.execute("SELECT status FROM settlements WHERE settlement_id = 'set-canary'").fetchone()
    assert row == ("suggested",)
    told = town.ask("GET", "/si/mono/webhook-status").json()
    assert (told["failures"], told["events"]) == ({"canary cause": 1}, {"canary.event": 2})


def test_an_idempotency_key_of_another_tenant_opens_nothing(town: Town, things: Things) -> None:
    asked = {"json": ENTRY | {"note": "canary"}, "headers": {"idempotency-key": "shared-key"}}
    first = town.ask("POST", "/si/mono/allow-deny", **asked)
    second = town.ask("POST", "/si/mono/allow-deny", of="globex", **asked)
    assert "idempotent-replayed" not in second.headers
    assert (first.json()["organization_id"], second.json()["organization_id"]) == ("acme", "globex")
    assert first.json()["entry_id"] != second.json()["entry_id"]


def _ask(town: Town, method: str, asked: Try | See, names: dict[str, str]) -> Any:
    options = {} if asked.body is None else {"json": _filled(asked.body, names)}
    return town.ask(method, _filled(asked.path, names), of="globex", **options)


def _filled(part: Any, names: dict[str, str]) -> Any:
    """A path or a body with the names in it."""
    if isinstance(part, str):
        return part.format(**names)
    if isinstance(part, dict):
        return {key: _filled(value, names) for key, value in part.items()}
    return [_filled(value, names) for value in part] if isinstance(part, list) else part


def _without_trace(answer: Any) -> dict[str, Any]:
    body: dict[str, Any] = answer.json()
    return {name: value for name, value in body.items() if name != "traceId"}
