"""Each example of the source document for the /si routes and for the account API, replayed with a sandbox behind.

Compared by shape: status, keys and kinds of values (`shapes.py`). Failures of Mono other than its 404 are problems, as
interfaces section 3 says.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from sandbox.app import Options
from sandbox.server import Sandbox
from tests.gateway import shapes
from tests.gateway.shapes import faults
from tests.gateway.test_invoices import completion
from tests.gateway.town import SECRET, WORLD, Town, event, signed

FIRST, SECOND, THIRD, FOURTH = WORLD.account_ids
ACCOUNT = f"/si/mono/accounts/{FIRST}"
NOBODY = "/si/mono/accounts/000000000000000000000000"
SHOP = {"name": "Invented Stores Ltd", "email": "books@shop.example"}
BACK = "https://shop.example/linked"
ENTRY = {"list": "deny", "field": "counterparty", "match": "exact", "value": "Adaeze Okwuosa"}


@dataclass(frozen=True)
class Example:
    """A request as the document shows it, and what it answers."""

    says: str
    method: str
    path: str
    shape: Any
    status: int = 200
    body: dict[str, Any] | None = None
    headers: dict[str, str] = field(default_factory=dict)
    exactly: bool = False


LINKING = [
    Example("a link", "POST", "/si/mono/widget-link", shapes.WIDGET_LINK, body={"customer": SHOP, "redirectUrl": BACK}),
    Example(
        "a link with a ref and a bank of one's own",
        "POST",
        "/si/mono/widget-link",
        shapes.WIDGET_LINK,
        body={
            "customer": SHOP,
            "redirectUrl": BACK,
            "meta": {"ref": "order-000001"},
            "institution": {"id": "5f2d088287702", "auth_method": "internet_banking"},
        },
    ),
    Example(
        "a ref that is too short",
        "POST",
        "/si/mono/widget-link",
        shapes.PROBLEM,
        422,
        {"customer": SHOP, "redirectUrl": BACK, "meta": {"ref": "099777"}},
    ),
    Example("an exchange", "POST", "/si/mono/exchange", {"accountId": str}, body={"code": f"code_{THIRD}"}),
    Example(
        "a re-authorisation",
        "POST",
        "/si/mono/widget-link",
        shapes.WIDGET_LINK,
        body={"account": FIRST, "scope": "reauth", "redirectUrl": BACK},
    ),
]
ACCOUNTS = [
    Example("account details", "GET", ACCOUNT, shapes.DETAILS, exactly=True),
    Example("details of no account", "GET", NOBODY, shapes.FAILED, 404, exactly=True),
    Example("identity", "GET", f"{ACCOUNT}/identity", shapes.IDENTITY, exactly=True),
    Example("identity of no account", "GET", f"{NOBODY}/identity", shapes.FAILED, 404, exactly=True),
    Example("balance", "GET", f"{ACCOUNT}/balance", shapes.BALANCE, exactly=True),
    Example("balance of no account", "GET", f"{NOBODY}/balance", shapes.FAILED, 404, exactly=True),
    Example("income", "GET", f"{ACCOUNT}/income", shapes.INCOME, exactly=True),
    Example("income of six months", "GET", f"{ACCOUNT}/income?period=6", shapes.INCOME, exactly=True),
    Example("income records", "GET", f"{ACCOUNT}/income-records", shapes.RECORDS, exactly=True),
    Example("income records by page", "GET", f"{ACCOUNT}/income-records?page=1", shapes.RECORDS, exactly=True),
    Example("all accounts", "GET", "/si/mono/accounts", shapes.ACCOUNTS, exactly=True),
    Example("all accounts by page", "GET", "/si/mono/accounts?page=1", shapes.ACCOUNTS, exactly=True),
    *(
        Example("linked accounts", "GET", f"/si/mono/accounts?linkedOnly={asked}", shapes.LINKED_ACCOUNTS, exactly=True)
        for asked in ("true", "true&env=sandbox", "true&envId=acme:sandbox", "true&env=sandbox&envId=acme:sandbox")
    ),
    Example("not only linked accounts", "GET", "/si/mono/accounts?linkedOnly=false", shapes.ACCOUNTS, exactly=True),
]
SYNCS = [
    Example("the cursor before", "GET", f"/si/mono/cursor?accountId={FIRST}", {"cursor": shapes.NOTHING}),
    Example("a sync by page", "POST", "/si/mono/sync", shapes.SYNCED, body={"accountId": FIRST, "pageSize": 5}),
    Example("the cursor after", "GET", f"/si/mono/cursor?accountId={FIRST}", {"cursor": str}),
    Example("all stored", "POST", "/si/mono/sync-stored", {"data": [shapes.SYNCED]}),
    Example("a sync of no account", "POST", "/si/mono/sync", shapes.PROBLEM, 404, {"accountId": "nobody"}),
]
LISTS = [
    Example("an entry", "POST", "/si/mono/allow-deny", {"entry_id": str, **dict.fromkeys(ENTRY, str)}, 201, ENTRY),
    Example(
        "an entry of one account",
        "POST",
        "/si/mono/allow-deny",
        {"entry_id": str, "account_id": str},
        201,
        ENTRY | {"list": "allow", "accountId": FIRST},
    ),
    Example("the entries", "GET", "/si/mono/allow-deny", shapes.LISTED),
    Example("the previews", "GET", "/si/mono/events", shapes.LISTED),
    Example(
        "the state of webhooks",
        "GET",
        "/si/mono/webhook-status",
        {"received": int, "failures": dict, "lastReceived": shapes.MAYBE, "lastProcessed": shapes.MAYBE},
    ),
    Example("the drafts", "GET", "/si/invoices?origin=draft", {"data": [shapes.DRAFT], "meta": dict}),
]
"""In the document's order; each group rests on what those before it did."""
EXAMPLES = [*LINKING, *ACCOUNTS, *SYNCS, *LISTS]


@pytest.fixture(scope="module", autouse=True)
def _linked(town: Town) -> None:
    for account in (FIRST, SECOND):
        town.link(account)
    for account in WORLD.account_ids:
        town.http.get(f"{town.sandbox.url}/v2/accounts/{account}", headers={"mono-sec-key": "x"})  # PROCESSING once


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: f"{example.says}: {example.path}")
def test_an_example_gives_the_documented_shape(town: Town, example: Example) -> None:
    asked: dict[str, Any] = {} if example.body is None else {"json": example.body}
    answer = town.ask(example.method, example.path, headers=example.headers, **asked)
    assert answer.status_code == example.status, answer.text
    assert faults(answer.json(), example.shape, exactly=example.exactly) == []
    kind = "application/problem+json" if example.shape is shapes.PROBLEM else "application/json"
    assert answer.headers["content-type"] == kind


@pytest.mark.parametrize("name", ["transaction.updated", "transaction.settled", "mono.events.account_income"])
def test_events_of_either_scheme_are_taken_in(town: Town, name: str) -> None:
    for scheme in ("signature", "secret"):
        body = event(hash((name, scheme)), event=name)
        headers = signed(body) if scheme == "signature" else {"mono-webhook-secret": SECRET}
        assert town.post_event(body, headers).status_code == 200


def test_the_drafts_example_goes_by_confirmation_validation_and_signing(town: Town) -> None:
    found = town.ask("GET", "/si/invoices?origin=draft&kind=invoice&status=DRAFT").json()["data"][0]
    path = f"/si/invoices/{found['id']}"
    for early in ("validate", "sign"):
        assert faults(town.ask("POST", f"{path}/{early}").json(), shapes.PROBLEM) == []
    assert town.ask("PATCH", path, json=completion(found)).status_code == 200
    for step, status in (("confirm", "CONFIRMED"), ("validate", "VALIDATED"), ("sign", "SIGNED")):
        answer = town.ask("POST", f"{path}/{step}")
        assert (answer.status_code, answer.json()["status"]) == (200, status)
        assert faults(answer.json(), shapes.DRAFT) == []


def test_the_unlink_example_ends_the_consent(town: Town) -> None:
    answer = town.ask("POST", f"{ACCOUNT}/unlink")
    assert (answer.status_code, faults(answer.json(), shapes.DONE)) == (200, [])
    assert town.ask("GET", ACCOUNT).status_code == 404
    gone = town.ask("POST", "/si/mono/accounts/000000000000000000000000/unlink")
    assert (gone.status_code, faults(gone.json(), shapes.FAILED, exactly=True)) == (404, [])


@pytest.fixture(scope="module")
def uncovered(town: Town) -> Iterator[Town]:
    """The town with another Mono behind it, whose plan does not cover income."""
    http = town.house.mono()._http
    usual = http.base_url
    with Sandbox(WORLD, options=Options(covers_income=False)) as mono:
        http.base_url = mono.url
        yield town
        http.base_url = usual


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("income", "subscription plan does not cover endpoint"),
        ("income-records", "invalid request"),
    ],
)
def test_a_plan_that_does_not_cover_an_endpoint_says_so_in_a_502(uncovered: Town, path: str, said: str) -> None:
    answer = uncovered.ask("GET", f"/si/mono/accounts/{SECOND}/{path}")
    body = answer.json()
    assert (answer.status_code, answer.headers["content-type"]) == (502, "application/problem+json")
    assert faults(body, shapes.PROBLEM | {"upstreamStatus": int, "upstreamMessage": str}) == []
    assert (body["upstreamStatus"], body["upstreamMessage"]) == (401, said)
    assert said in body["detail"]
