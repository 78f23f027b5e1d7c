"""Pulling over HTTP: the same code as the command's, page by page, visible as runs; and the previews of what came."""

from __future__ import annotations

from typing import Any

import pytest

from pipelines.instance import open_instance
from tests.gateway.town import WORLD, Town, problem

FIRST, SECOND, THIRD, FOURTH = WORLD.account_ids


@pytest.fixture(scope="module", autouse=True)
def _linked(town: Town) -> None:
    town.link(FIRST)
    town.link(THIRD)
    town.link(SECOND, ("globex", "sandbox"))
    for account in WORLD.account_ids:
        town.http.get(f"{town.sandbox.url}/v2/accounts/{account}", headers={"mono-sec-key": "x"})  # PROCESSING once


def select(town: Town, query: str, *values: object) -> list[tuple[Any, ...]]:
    with town.warehouse.read() as con:
        return con.execute(query, values).fetchall()


def test_a_sync_tells_what_came_and_what_was_passed_over_and_its_trace_reaches_the_decisions(town: Town) -> None:
    assert town.ask("GET", f"/si/mono/cursor?accountId={FIRST}", "viewer").json()["cursor"] is None
    answer = town.ask("POST", "/si/mono/sync", "analyst", json={"accountId": FIRST})
    told = answer.json()
    lines = select(town, "SELECT count(*) FROM transactions WHERE account_id = ?", FIRST)[0][0]
    rejected = dict(select(town, "SELECT reason, count(*) FROM rejections WHERE account_id = ? GROUP BY ALL", FIRST))
    assert answer.status_code == 200
    assert told["imported"] == lines > 0
    assert told["skipped"] == rejected
    assert sum(told["skippedDetails"].values()) == sum(rejected.values())
    assert (told["updated"], told["hasMore"], told["error"]) == (0, False, None)
    assert told["cursor"] == town.ask("GET", f"/si/mono/cursor?accountId={FIRST}", "viewer").json()["cursor"]
    traces = select(town, "SELECT DISTINCT trace_id FROM decisions") + select(
        town, "SELECT DISTINCT trace_id FROM monitoring_events"
    )
    assert set(traces) == {(answer.headers["x-trace-id"],)}
    with open_instance(town.settings.dagster_home) as instance:
        assert sorted(run.job_name for run in instance.get_runs()) == ["decide", "ingest"]
    again = town.ask("POST", "/si/mono/sync", "analyst", json={"accountId": FIRST}).json()
    assert (again["imported"], again["updated"], again["skipped"], again["cursor"]) == (0, 0, {}, told["cursor"])


def test_page_by_page_it_comes_to_the_same(town: Town) -> None:
    total = sum(1 for line in WORLD.truth().iter_rows(named=True) if line["account_id"] == THIRD)
    size, came, pages, cursor = total // 2, 0, 0, None
    more = True
    while more and pages < 9:
        asked = {"accountId": THIRD, "pageSize": size} | ({"cursor": cursor} if cursor else {})
        told = town.ask("POST", "/si/mono/sync", "analyst", json=asked).json()
        assert told["imported"] <= size
        assert told["cursor"] or not told["hasMore"]
        came, more, cursor, pages = came + told["imported"], told["hasMore"], told["cursor"], pages + 1
    lines = select(town, "SELECT count(*) FROM transactions WHERE account_id = ?", THIRD)[0][0]
    assert came == lines == total
    assert pages >= 2
    assert not more


def test_all_stored_accounts_are_pulled_by_account(town: Town) -> None:
    told = town.ask("POST", "/si/mono/sync-stored", "analyst", of="globex").json()
    assert [row["accountId"] for row in told["data"]] == [SECOND]
    assert told["data"][0]["imported"] > 0
    assert told["meta"] | {"total": 1, "failed": 0, "imported": told["data"][0]["imported"]} == told["meta"]


def test_one_account_that_fails_says_so_and_stops_no_other(town: Town) -> None:
    ledger = town.sandbox.bank.ledgers[FIRST]
    ledger.reauthorisation_required = True
    try:
        told = town.ask("POST", "/si/mono/sync-stored", "analyst").json()
        assert (
            "log in at the bank again"
            in problem(town.ask("POST", "/si/mono/sync", "analyst", json={"accountId": FIRST}), 502)["detail"]
        )
    finally:
        ledger.reauthorisation_required = False
    errors = {row["accountId"]: row["error"] for row in told["data"]}
    assert errors[THIRD] is None
    assert "log in at the bank again" in errors[FIRST]
    assert told["meta"]["failed"] == 1


def test_what_cannot_be_synced_is_told_before_anything_is_started(town: Town) -> None:
    for account in (SECOND, "nobody"):
        problem(town.ask("POST", "/si/mono/sync", json={"accountId": account}), 404)
        problem(town.ask("GET", f"/si/mono/cursor?accountId={account}"), 404)
    problem(town.ask("POST", "/si/mono/sync", json={"accountId": FIRST, "cursor": "x"}), 422)
    for size in (0, -1, 10_001, "many"):
        problem(town.ask("POST", "/si/mono/sync", json={"accountId": FIRST, "pageSize": size}), 422)
    town.link(FOURTH)
    town.ask("POST", f"/si/mono/accounts/{FOURTH}/unlink")
    assert "not linked" in problem(town.ask("POST", "/si/mono/sync", json={"accountId": FOURTH}), 409)["detail"]


def test_the_previews_give_reasons_and_can_be_filtered(town: Town) -> None:
    told = town.ask("GET", "/si/mono/events?outcome=rejected&pageSize=5", "viewer").json()
    assert 0 < len(told["data"]) <= 5
    for row in told["data"]:
        assert (row["organization_id"], row["outcome"]) == ("acme", "rejected")
        assert row["reason"] and row["detail"] and row["evidence"]["signals"]
    moments = [(row["decided_at"], row["booked_at"]) for row in told["data"]]
    assert moments == sorted(moments, reverse=True)
    one = told["data"][0]
    same = town.ask(
        "GET",
        f"/si/mono/events?detail={one['detail']}&accountId={one['account_id']}&start={one['day']}&end={one['day']}",
    ).json()
    assert one["transaction_id"] in {row["transaction_id"] for row in same["data"]}
    assert {row["day"] for row in same["data"]} == {one["day"]}
    theirs = town.ask("GET", f"/si/mono/events?accountId={one['account_id']}", of="globex").json()
    assert theirs["data"] == [] and theirs["meta"]["total"] == 0
    problem(town.ask("GET", "/si/mono/events?outcome=maybe"), 422)
    problem(town.ask("GET", "/si/mono/events?start=yesterday"), 422)
    turned = problem(town.ask("GET", "/si/mono/events?start=2026-02-02&end=2026-02-01"), 422)
    assert "start 2026-02-02 is after end 2026-02-01" in turned["detail"]
