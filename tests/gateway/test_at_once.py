"""Twenty clients while a run writes: no answer of 500 or above, and no write is lost."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.gateway.town import WORLD, Town, event, signed

CLIENTS, EACH = 20, 2


@pytest.mark.slow
def test_twenty_clients_while_a_run_writes(town: Town) -> None:
    for account in WORLD.account_ids:
        town.link(account)
        town.http.get(f"{town.sandbox.url}/v2/accounts/{account}", headers={"mono-sec-key": "x"})

    def client(number: int) -> list[int]:
        codes = []
        for time in range(EACH):
            body = event(number * 1000 + time)
            entry = {
                "list": "deny",
                "field": "narration",
                "match": "exact",
                "value": f"{'x' * (number + 1)} {'y' * (time + 1)}",
            }
            codes += [
                town.post_event(body, signed(body)).status_code,
                town.ask("POST", "/si/mono/allow-deny", json=entry).status_code,
                town.ask("GET", "/si/mono/events?pageSize=5", "viewer").status_code,
            ]
        return codes

    with ThreadPoolExecutor(CLIENTS + 1) as pool:
        run = pool.submit(town.ask, "POST", "/si/mono/sync-stored", "analyst")
        codes = [code for answers in pool.map(client, range(CLIENTS)) for code in answers]
        assert run.result().status_code == 200
    assert set(codes) == {200, 201}
    assert len(town.landed()) == CLIENTS * EACH
    assert town.ask("GET", "/si/mono/allow-deny", "viewer").json()["meta"]["total"] == CLIENTS * EACH
