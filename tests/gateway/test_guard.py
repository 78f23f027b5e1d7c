"""Who may do what: no token, a wrong one, each role at each route, ids and headers on every answer."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from unittest.mock import patch

import pytest

from gateway.app import GUARDED_ROUTERS, routes
from gateway.guard import GuardedRoute, guarded_router, role_of
from gateway.limits import Buckets
from resources.warehouse import tokens
from tests.gateway.town import Town, problem

OPEN = {("GET", "/healthz"), ("GET", "/readyz"), ("GET", "/metrics"), ("POST", "/si/mono/webhook")}
LEAST_ROLE = {
    ("GET", "/si/mono/webhook-status"): "viewer",
    ("GET", "/si/mono/events"): "viewer",
    ("POST", "/si/mono/widget-link"): "admin",
    ("POST", "/si/mono/exchange"): "admin",
    ("GET", "/si/mono/allow-deny"): "viewer",
    ("POST", "/si/mono/allow-deny"): "admin",
    ("DELETE", "/si/mono/allow-deny"): "admin",
    ("GET", "/si/mono/accounts"): "viewer",
    ("GET", "/si/mono/accounts/{id}"): "viewer",
    ("GET", "/si/mono/accounts/{id}/identity"): "viewer",
    ("GET", "/si/mono/accounts/{id}/balance"): "viewer",
    ("GET", "/si/mono/accounts/{id}/income"): "viewer",
    ("GET", "/si/mono/accounts/{id}/income-records"): "viewer",
    ("POST", "/si/mono/accounts/{id}/unlink"): "admin",
    ("POST", "/si/mono/sync"): "analyst",
    ("POST", "/si/mono/sync-stored"): "analyst",
    ("GET", "/si/mono/cursor"): "viewer",
    ("POST", "/si/invoices/import"): "analyst",
    ("GET", "/si/invoices"): "viewer",
    ("GET", "/si/invoices/{id}"): "viewer",
    ("PATCH", "/si/invoices/{id}"): "analyst",
    ("POST", "/si/invoices/{id}/confirm"): "approver",
    ("POST", "/si/invoices/{id}/discard"): "approver",
    ("POST", "/si/invoices/{id}/validate"): "approver",
    ("POST", "/si/invoices/{id}/sign"): "approver",
    ("POST", "/si/settlements/{id}/accept"): "analyst",
    ("POST", "/si/settlements/{id}/decline"): "analyst",
}
"""Each guarded route, and the least role that may use it: a route that is not here fails."""

ROWS = [(method, path, role) for (method, path) in LEAST_ROLE for role in (None, *tokens.ROLES)]


def test_every_route_stands_in_the_table() -> None:
    there = {(method, route.path): role_of(route) for route in routes() for method in route.methods or ()}
    assert {place: role for place, role in there.items() if role} == LEAST_ROLE
    assert {place for place, role in there.items() if role is None} == OPEN
    assert all(isinstance(route, GuardedRoute) for router in GUARDED_ROUTERS for route in router.routes)


def test_a_route_without_a_role_cannot_be_made() -> None:
    async def endpoint() -> None: ...

    with pytest.raises(TypeError, match="names no role"):
        guarded_router().get("/x")(endpoint)


@pytest.mark.parametrize(("method", "path", "role"), ROWS)
def test_each_route_asks_for_its_role_before_anything_else(
    town: Town, method: str, path: str, role: str | None
) -> None:
    address = re.sub(r"\{\w+\}", "no-such-id", path)
    response = town.ask(method, address, role, content=b"{")
    if role is None:
        assert problem(response, 401) and response.headers["www-authenticate"] == "Bearer"
    elif tokens.ROLES.index(role) < tokens.ROLES.index(LEAST_ROLE[method, path]):
        assert LEAST_ROLE[method, path] in problem(response, 403)["detail"]
    else:
        assert response.status_code not in (401, 403)
        assert response.status_code < 500


@pytest.mark.parametrize(
    "header",
    ["", "Bearer", "Bearer x", "Basic eDp5", "Bearer kbs_0123456789abcdef_" + "x" * 43, "Bearer " + "y" * 10_000],
)
def test_a_token_that_is_nobodys_is_refused(town: Town, header: str) -> None:
    response = town.http.get(f"{town.url}/si/mono/webhook-status", headers={"authorization": header})
    assert "kobosift tokens create" in problem(response, 401)["detail"]


def test_a_revoked_token_is_refused_at_once(town: Town) -> None:
    secret = tokens.new_secret()
    now = datetime.now(UTC)
    made = town.warehouse.write(
        lambda con: tokens.create(con, secret, "admin", "acme", "sandbox", now=now), run_id="t", note="t"
    )
    headers = {"authorization": f"bearer {secret}"}
    assert town.http.get(f"{town.url}/si/mono/webhook-status", headers=headers).status_code == 200
    assert town.warehouse.write(lambda con: tokens.revoke(con, made.token_id, now=now), run_id="t", note="t")
    problem(town.http.get(f"{town.url}/si/mono/webhook-status", headers=headers), 401)


def test_tokens_rest_as_hashes_only(town: Town) -> None:
    with town.warehouse.read() as con:
        rows = con.execute("SELECT * FROM tokens").fetchall()
    told = str(rows)
    assert len(rows) >= len(town.tokens)
    # kbs_ID_SECRET: the secret itself may hold underscores, so it is all that stands after the second one.
    secrets = [token.split("_", 2)[2] for token in town.tokens.values()]
    assert all(len(secret) > 40 for secret in secrets)
    assert not any(secret in told for secret in secrets)


def test_every_answer_carries_its_ids_and_the_headers_of_safety(town: Town) -> None:
    mine = town.http.get(f"{town.url}/nowhere", headers={"x-request-id": "mine-1"})
    assert mine.headers["x-request-id"] == "mine-1"
    other = town.http.get(f"{town.url}/healthz", headers={"x-request-id": "a b"})
    assert other.headers["x-request-id"] == other.headers["x-trace-id"] != mine.headers["x-trace-id"]
    for response in (mine, other):
        assert re.fullmatch("[0-9a-f]{32}", response.headers["x-trace-id"])
        assert response.headers["x-content-type-options"] == "nosniff"
        assert response.headers["cache-control"] == "no-store"
        assert "default-src 'none'" in response.headers["content-security-policy"]
        assert "server" not in response.headers


def test_wrong_addresses_and_methods_are_problems_too(town: Town) -> None:
    problem(town.http.get(f"{town.url}/nowhere"), 404)
    problem(town.http.get(f"{town.url}/docs"), 404)
    problem(town.http.put(f"{town.url}/healthz"), 405)


def test_health_and_figures_are_open(town: Town) -> None:
    assert town.http.get(f"{town.url}/healthz").json() == {"status": "alive"}
    assert town.http.get(f"{town.url}/readyz").json() == {"status": "ready"}
    metrics = town.http.get(f"{town.url}/metrics").text
    assert 'kobosift_requests_total{method="GET",route="/healthz",status="200"}' in metrics
    assert "acme" not in metrics


def test_openapi_is_open_and_names_each_routes_role(town: Town) -> None:
    paths = town.http.get(f"{town.url}/openapi.json").json()["paths"]
    assert {(method.upper(), path) for path in paths for method in paths[path]} == OPEN | set(LEAST_ROLE)
    for (method, path), role in LEAST_ROLE.items():
        operation = paths[path][method.lower()]
        assert operation["x-role"] == role
        assert operation["security"] == [{"token": []}]
        good = [answer for status, answer in operation["responses"].items() if status.startswith("2")]
        assert any("example" in answer["content"]["application/json"] for answer in good), path


def test_who_asks_too_often_is_told_how_long_to_wait(town: Town) -> None:
    with patch.object(town.house, "buckets", Buckets(1.0, timer=lambda: 7.0)):
        answers = [town.ask("GET", "/si/mono/webhook-status", "viewer") for _ in range(3)]
        assert [answer.status_code for answer in answers] == [200, 200, 429]
        assert "wait 1.0 seconds" in problem(answers[2], 429)["detail"]
        assert answers[2].headers["retry-after"] == "1"
        assert town.ask("GET", "/si/mono/webhook-status", "analyst").status_code == 200


def test_a_bucket_fills_at_its_rate_up_to_twice_of_it() -> None:
    now = [0.0]
    buckets = Buckets(2.0, timer=lambda: now[0])
    assert [buckets.take("t") for _ in range(4)] == [0.0] * 4
    assert buckets.take("t") == 0.5
    now[0] = 0.5
    assert buckets.take("t") == 0.0
    assert buckets.take("t") > 0.0
    now[0] = 1000.0
    assert [buckets.take("t") > 0.0 for _ in range(5)] == [False] * 4 + [True]
