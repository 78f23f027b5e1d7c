"""What upstream says of accounts beside their lines, kept where a column holds it."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from resources.clock import FixedClock
from resources.lookup import LookupReport, look_up
from resources.mono.client import MonoClient, Retries
from resources.warehouse import accounts
from tests.resources.mono.scripted import Answer, Bank, Mono, Request
from tests.resources.warehouse.homes import warehouse_in

NOW = datetime(2025, 6, 2, 12, tzinfo=UTC)
QUICK = Retries(attempts=2, in_all=20.0, first_wait=0.001, longest_wait=0.002, jitter=0.001)


def looked_up(home: Path, balances: dict[str, Any]) -> tuple[LookupReport, list[tuple[Any, ...]]]:
    """Look accounts up whose balances are these; the report, and the balances that are kept."""

    def trick(request: Request) -> Answer | None:
        if request.path.endswith("/balance"):
            return Answer({"data": {"balance": balances[request.account_id], "currency": "NGN"}})
        return Answer({"data": []}) if request.path.endswith("/income-records") else None

    warehouse = warehouse_in(home / "home")
    with Mono({account: Bank([]) for account in balances}).running() as mono:
        mono.tricks.append(trick)

        async def run() -> LookupReport:
            for account in balances:
                warehouse.write(
                    lambda con, account=account: accounts.link(con, account, "org", "sandbox", now=NOW),
                    run_id="test",
                    note="link",
                )
            with warehouse.read() as con:
                chosen = accounts.listed(con)
            async with MonoClient(mono.url, SecretStr("sk_canary"), rate_limit=1000, retries=QUICK) as client:
                return await look_up(warehouse, client, chosen, clock=FixedClock(NOW), run_id="run")

        report = asyncio.run(run())
    with warehouse.read() as con:
        kept = con.execute("SELECT account_id, balance FROM balances ORDER BY ALL").fetchall()
    warehouse.close()
    return report, kept


@pytest.mark.parametrize("beyond", [10**30, -(10**30), 1e22, 2**63])
def test_a_balance_that_no_column_holds_is_none_and_stops_no_other(tmp_path: Path, beyond: float) -> None:
    report, kept = looked_up(tmp_path, {"acc-1": beyond, "acc-2": 2**63 - 1})
    assert kept == [("acc-2", 2**63 - 1)]
    assert (report.accounts, report.balances, report.failed) == (2, 1, 0)
