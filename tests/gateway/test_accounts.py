"""Linking, what Mono says of an account, and the end of a consent: as the source words it, and never another's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest

from gateway.routes.linking import notice
from gateway.upstream import NO_ACCOUNT
from pipelines.policy import load_policy
from resources.settings import Settings
from resources.warehouse import accounts
from rules.policy import parse_policy
from tests.gateway.town import WORLD, Town, problem
from tests.gateway.town import town as open_town
from tests.resources.mono.scripted import Answer, Bank, Mono, row

LINK = {
    "customer": {"name": "Invented Stores Ltd", "email": "books@shop.example"},
    "redirectUrl": "https://x.example/y",
}
NOTICE = (
    "We only invoice business-related credits (invoice/payment/contract, above NGN 1,000). Personal or "
    "family/gift/loan transfers are ignored. Keep references consistent (e.g., INV-123) for matching."
)
FIRST, SECOND, THIRD, FOURTH = WORLD.account_ids
ODD = "acc-odd"
PARTS = ["", "/identity", "/balance", "/income", "/income-records"]


@pytest.fixture(scope="module", autouse=True)
def _linked(town: Town) -> None:
    town.link(FIRST)
    town.link(SECOND, ("globex", "sandbox"))
    town.http.get(f"{town.sandbox.url}/v2/accounts/{FIRST}", headers={"mono-sec-key": "x"})  # PROCESSING once


def test_a_link_is_asked_of_mono_and_comes_with_the_notice(town: Town) -> None:
    answer = town.ask("POST", "/si/mono/widget-link", json=LINK).json()
    assert answer["status"] == "successful"
    assert answer["data"]["mono_url"].startswith(town.sandbox.url)
    assert len(answer["data"]["meta"]["ref"]) >= 10
    assert answer["data"]["redirect_url"] == "https://x.example/y"
    assert answer["notice"] == NOTICE


def test_a_ref_of_ones_own_is_kept_if_it_is_long_enough(town: Town) -> None:
    kept = town.ask("POST", "/si/mono/widget-link", json=LINK | {"meta": {"ref": "order-0001", "more": 1}}).json()
    assert kept["data"]["meta"] == {"ref": "order-0001", "more": 1}
    body = problem(town.ask("POST", "/si/mono/widget-link", json=LINK | {"meta": {"ref": "099777"}}), 422)
    assert body["errors"] == [{"field": "meta.ref", "message": "String should have at least 10 characters"}]


@pytest.mark.parametrize(
    "wrong",
    [
        {"customer": None},
        {"customer": {"name": "no email"}},
        {"redirectUrl": "javascript:alert(1)"},
        {"redirectUrl": None},
        {"account": FIRST},
        {"scope": "reauth"},
        {"scope": "everything"},
        {"unknown": 1},
    ],
)
def test_a_link_that_cannot_be_asked_for_is_told_by_field(town: Town, wrong: dict[str, Any]) -> None:
    assert problem(town.ask("POST", "/si/mono/widget-link", json=LINK | wrong), 422)["errors"]


def test_a_reauthorisation_names_the_account_and_no_customer(town: Town) -> None:
    asked = {"account": FIRST, "scope": "reauth", "redirectUrl": "https://x.example/y"}
    answer = town.ask("POST", "/si/mono/widget-link", json=asked).json()
    assert (answer["data"]["scope"], answer["data"]["account"]) == ("reauth", FIRST)
    problem(town.ask("POST", "/si/mono/widget-link", json=asked | {"account": SECOND}), 404)


def test_a_code_becomes_a_linked_account_of_the_tenant_with_its_consent(town: Town) -> None:
    answer = town.ask("POST", "/si/mono/exchange", json={"code": f"code_{THIRD}"}).json()
    assert answer == {"accountId": THIRD, "id": THIRD, "linked": True, "new": True}
    with town.warehouse.read() as con:
        linked = accounts.find(con, THIRD)
        consents = con.execute("SELECT organization_id, environment, account_id FROM consents").fetchall()
    assert linked is not None and (linked.organization_id, linked.status) == ("acme", "linked")
    assert ("acme", "sandbox", THIRD) in consents
    assert town.ask("POST", "/si/mono/exchange", json={"code": f"code_{THIRD}"}).json()["new"] is False


def test_a_code_that_mono_does_not_take_is_told_so(town: Town) -> None:
    assert "new code" in problem(town.ask("POST", "/si/mono/exchange", json={"code": "stale"}), 422)["detail"]


def test_an_account_of_another_tenant_cannot_be_taken(town: Town) -> None:
    problem(town.ask("POST", "/si/mono/exchange", json={"code": f"code_{SECOND}"}), 409)
    with town.warehouse.read() as con:
        assert accounts.find(con, SECOND).organization_id == "globex"  # type: ignore[union-attr]


@pytest.mark.parametrize("part", PARTS)
def test_monos_answers_are_passed_on(town: Town, part: str) -> None:
    answer = town.ask("GET", f"/si/mono/accounts/{FIRST}{part}", "viewer")
    direct = httpx.get(f"{town.sandbox.url}/v2/accounts/{FIRST}{part}", headers={"mono-sec-key": "x"})
    told, expected = answer.json(), direct.json()
    assert answer.status_code == 200
    for body in (told, expected):
        body.pop("timestamp")
    if part == "/identity":
        assert told["data"].pop("bvn") == expected["data"].pop("bvn")[-4:]
    assert told == expected


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("account", [SECOND, FOURTH, "nobody", "%00"])
def test_an_account_of_others_or_of_nobody_is_not_there_in_monos_words(town: Town, part: str, account: str) -> None:
    answer = town.ask("GET", f"/si/mono/accounts/{account}{part}")
    assert (answer.status_code, answer.json()) == (404, NO_ACCOUNT)


def test_other_failures_of_mono_are_a_502_with_its_status_and_words(town: Town) -> None:
    ledger = town.sandbox.bank.ledgers[FIRST]
    ledger.reauthorisation_required = True
    try:
        body = problem(town.ask("GET", f"/si/mono/accounts/{FIRST}/identity"), 502)
    finally:
        ledger.reauthorisation_required = False
    assert body["upstreamStatus"] == 403
    assert "Reauthorisation required" in body["upstreamMessage"]
    assert "Reauthorisation required" in body["detail"]
    assert "invented-key-canary" not in str(body)


def test_income_takes_a_period_and_records_a_page(town: Town) -> None:
    assert town.ask("GET", f"/si/mono/accounts/{FIRST}/income?period=6").status_code == 200
    assert town.ask("GET", f"/si/mono/accounts/{FIRST}/income-records?page=2").json()["data"] == []
    for query in ("income?period=0", "income?period=x", "income-records?page=0"):
        problem(town.ask("GET", f"/si/mono/accounts/{FIRST}/{query}"), 422)


def test_the_linked_accounts_are_worded_as_the_source_words_them(town: Town) -> None:
    answer = town.ask("GET", "/si/mono/accounts?linkedOnly=true", "viewer").json()
    assert (answer["status"], answer["message"]) == ("successful", "Linked Mono accounts")
    assert {row["id"] for row in answer["data"]} >= {FIRST} and SECOND not in str(answer)
    assert answer["meta"] == {"total": len(answer["data"]), "pages": 1, "previous": None, "next": None}
    row = next(row for row in answer["data"] if row["id"] == FIRST)
    assert set(row) == {"id", "name", "account_number", "currency", "balance", "type", "institution"}
    assert set(row["institution"]) == {"name", "bank_code", "type"}
    assert row["account_number"]
    for same in ("env=sandbox", "envId=acme:sandbox", "env=sandbox&envId=acme:sandbox"):
        assert town.ask("GET", f"/si/mono/accounts?linkedOnly=true&{same}").json()["data"] == answer["data"]
    for other in ("env=production", "envId=globex:sandbox", "envId=x"):
        problem(town.ask("GET", f"/si/mono/accounts?linkedOnly=true&{other}"), 404)


def test_monos_own_list_leaves_out_other_tenants_accounts_and_cuts_the_bvn(town: Town) -> None:
    answer = town.ask("GET", "/si/mono/accounts?page=1", "viewer").json()
    ids = {row["id"] for row in answer["data"]}
    assert FIRST in ids and SECOND not in ids
    assert all(len(row["bvn"]) == 4 for row in answer["data"])
    assert answer["meta"]["pages"] == 1
    problem(town.ask("GET", "/si/mono/accounts?page=0"), 422)


def test_unlinking_stops_at_once_and_may_be_done_again(town: Town) -> None:
    town.ask("POST", "/si/mono/exchange", json={"code": f"code_{FOURTH}"})
    assert town.ask("GET", f"/si/mono/accounts/{FOURTH}").status_code == 200
    answer = town.ask("POST", f"/si/mono/accounts/{FOURTH}/unlink")
    assert (answer.status_code, answer.json()["status"]) == (200, "successful")
    assert not town.sandbox.bank.ledgers[FOURTH].linked
    assert town.ask("GET", f"/si/mono/accounts/{FOURTH}").json() == NO_ACCOUNT
    assert town.ask("POST", f"/si/mono/accounts/{FOURTH}/unlink", json={"purge": False}).status_code == 200
    assert town.ask("POST", f"/si/mono/accounts/{SECOND}/unlink").json() == NO_ACCOUNT
    assert town.sandbox.bank.ledgers[SECOND].linked


def test_the_notice_names_the_floor_in_force() -> None:
    assert notice(load_policy(Settings(mono_business_floor="2500.50", _env_file=None))) == NOTICE.replace(
        "1,000", "2,500.50"
    )
    assert notice(parse_policy('[floor]\nNGN = "1000000"', "test")) == NOTICE.replace("1,000", "1,000,000")


def test_what_the_widgets_address_is_moved_to() -> None:
    from gateway.routes.linking import _moved

    assert _moved("https://link.mono.co/AL1?x=1", "https://w.example/base") == "https://w.example/base/AL1?x=1"


def test_half_of_a_surrogate_pair_in_a_holders_name_is_replaced_by_every_route(tmp_path: Path) -> None:
    bank = Bank([row("a")], holder="Okoro \ud800")
    with Mono({ODD: bank}).running() as mono, open_town(tmp_path, mono_base_url=mono.url) as town:
        town.link(ODD)
        details = town.ask("GET", f"/si/mono/accounts/{ODD}")
        listed = town.ask("GET", "/si/mono/accounts?linkedOnly=true")
        synced = town.ask("POST", "/si/mono/sync", json={"accountId": ODD})
    assert (details.status_code, listed.status_code, synced.status_code) == (200, 200, 200)
    assert details.json()["data"]["account"]["name"] == listed.json()["data"][0]["name"] == "Okoro \ufffd"
    assert synced.json()["imported"] == 1


def test_numbers_beyond_all_exponents_are_passed_on_as_text(tmp_path: Path) -> None:
    told = b'{"data": {"balance": 1e400, "limit": 1e99999999999999999999}}'
    with Mono({ODD: Bank([])}).running() as mono, open_town(tmp_path, mono_base_url=mono.url) as town:
        mono.tricks.append(lambda _: Answer(told))
        town.link(ODD)
        answer = town.ask("GET", f"/si/mono/accounts/{ODD}/balance")
    assert answer.status_code == 200
    assert answer.json()["data"] == {"balance": "1e400", "limit": "1e99999999999999999999"}
