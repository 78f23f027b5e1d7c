"""Allow and deny entries over HTTP, lists page by page, and POSTs repeated under their key."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest.mock import patch

import pytest

from resources.clock import FixedClock
from tests.gateway.town import Town, problem

PATH = "/si/mono/allow-deny"
ENTRY = {"list": "deny", "field": "counterparty", "match": "exact", "value": "Adaeze Okwuosa"}


def entries(town: Town, of: str = "acme") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = town.ask("GET", PATH, "viewer", of=of).json()["data"]
    return found


def test_an_entry_is_added_once_shown_and_removed(town: Town) -> None:
    made = town.ask("POST", PATH, json=ENTRY | {"note": "a cousin", "expiresAt": "2030-01-01T00:00:00+01:00"})
    assert made.status_code == 201
    entry = made.json()
    assert entry | ENTRY == entry
    assert (entry["organization_id"], entry["environment"], entry["account_id"]) == ("acme", "sandbox", None)
    assert datetime.fromisoformat(entry["expires_at"]) == datetime(2029, 12, 31, 23, tzinfo=UTC)
    again = town.ask("POST", PATH, json=ENTRY).json()
    assert again["entry_id"] == entry["entry_id"]
    assert [row["entry_id"] for row in entries(town)] == [entry["entry_id"]]
    problem(town.ask("DELETE", f"{PATH}?id={entry['entry_id']}", of="globex"), 404)
    assert town.ask("DELETE", f"{PATH}?id={entry['entry_id']}").json()["removed"] is True
    problem(town.ask("DELETE", f"{PATH}?id={entry['entry_id']}"), 404)
    assert entries(town) == []


def test_an_entry_may_hold_for_one_account_of_the_tenants_own(town: Town) -> None:
    town.link("mine")
    town.link("theirs", ("globex", "sandbox"))
    assert town.ask("POST", PATH, json=ENTRY | {"accountId": "mine"}).json()["account_id"] == "mine"
    problem(town.ask("POST", PATH, json=ENTRY | {"accountId": "theirs"}), 404)
    assert entries(town, "globex") == []
    assert [row["account_id"] for row in town.ask("GET", f"{PATH}?accountId=mine").json()["data"]] == ["mine"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"list": "maybe"},
        {"match": "regex", "value": "("},
        {"match": "contains", "value": "a1"},
        {"value": ""},
        {"value": "!!!"},
        {"expiresAt": "tomorrow"},
        {"expiresAt": "9999-12-31T23:59:59-12:00"},
        {"expiresAt": -1e10},
        {"match": "prefix", "value": "a\0b"},
        {"extra": 1},
    ],
)
def test_an_entry_that_can_never_match_is_refused_with_a_sentence(town: Town, wrong: dict[str, Any]) -> None:
    before = entries(town)
    problem(town.ask("POST", PATH, json=ENTRY | wrong), 422)
    assert entries(town) == before


def test_what_is_no_json_is_told_so(town: Town) -> None:
    assert "JSON" in problem(town.ask("POST", PATH, content=b"{"), 400)["detail"]
    problem(town.ask("POST", PATH, content=b"[1]"), 422)
    problem(town.ask("POST", PATH), 422)
    plain = {"content-type": "text/plain"}
    assert "application/json" in problem(town.ask("POST", PATH, content=b'{"list": 1}', headers=plain), 415)["detail"]
    problem(town.ask("POST", PATH, content=b"x" * (2 * 2**20)), 413)


def test_a_list_is_read_page_by_page(town: Town) -> None:
    for number in range(5):
        town.ask("POST", PATH, json=ENTRY | {"list": "allow", "value": f"Payer {'abcde'[number]}"})
    address, seen = f"{PATH}?list=allow&pageSize=2", []
    while address:
        page = town.ask("GET", address).json()
        assert page["meta"]["total"] == 5
        seen += [row["value"] for row in page["data"]]
        address = page["meta"]["next"]
    assert seen == [f"Payer {letter}" for letter in "abcde"]
    assert page["meta"]["pages"] == page["meta"]["page"] == 3
    assert "page=2" in page["meta"]["previous"]
    for query in ("page=0", "pageSize=0", "pageSize=501", "page=x", "accountId=%00"):
        problem(town.ask("GET", f"{PATH}?{query}"), 422)
    problem(town.ask("GET", "/si/mono/events?reason=%00"), 422)


def test_a_post_repeated_under_its_key_is_done_once_and_answered_alike(town: Town) -> None:
    asked = {"json": ENTRY | {"value": "Once Only"}, "headers": {"idempotency-key": "k-1"}}
    first = town.ask("POST", PATH, **asked)
    removed = town.ask("DELETE", f"{PATH}?id={first.json()['entry_id']}")
    again = town.ask("POST", PATH, **asked)
    assert (first.status_code, removed.status_code, again.status_code) == (201, 200, 201)
    assert again.content == first.content
    assert again.headers["idempotent-replayed"] == "true"
    assert "Once Only" not in str(entries(town))
    other = town.ask("POST", PATH, json=ENTRY | {"value": "Another"}, headers={"idempotency-key": "k-1"})
    assert "new key" in problem(other, 422)["detail"]


def test_a_key_is_its_tokens_own_and_holds_for_a_day(town: Town) -> None:
    asked = {"json": ENTRY | {"value": "A Day"}, "headers": {"idempotency-key": "k-2"}}
    assert town.ask("POST", PATH, **asked).status_code == 201
    theirs = town.ask("POST", PATH, of="globex", **asked)
    assert "idempotent-replayed" not in theirs.headers
    assert theirs.json()["organization_id"] == "globex"
    with patch.object(town.house, "clock", FixedClock(datetime.now(UTC) + timedelta(hours=24, minutes=1))):
        assert "idempotent-replayed" not in town.ask("POST", PATH, **asked).headers


def test_what_failed_under_a_key_may_be_tried_again_and_a_wrong_key_is_refused(town: Town) -> None:
    headers = {"idempotency-key": "k-3"}
    problem(town.ask("POST", PATH, json=ENTRY | {"list": "maybe"}, headers=headers), 422)
    assert town.ask("POST", PATH, json=ENTRY, headers=headers).status_code == 201
    for key in ("", "a b", "x" * 129):
        problem(town.ask("POST", PATH, json=ENTRY, headers={"idempotency-key": key}), 422)


def test_many_at_once_under_one_key_do_it_once(town: Town) -> None:
    def ask(_: int) -> bool:
        asked = {"json": ENTRY | {"value": "At Once"}, "headers": {"idempotency-key": "k-4"}}
        answer = town.ask("POST", PATH, **asked)
        assert answer.status_code == 201
        return "idempotent-replayed" in answer.headers

    with ThreadPoolExecutor(6) as pool:
        assert sum(pool.map(ask, range(6))) == 5
    assert town.house.under_way == {}
