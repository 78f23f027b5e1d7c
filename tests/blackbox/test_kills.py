"""The main job killed at moments nobody chose, again and again, and then run once more to its end."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from tests.blackbox.command import IDENTITY, KEY, Kobosift
from tests.blackbox.mono_server import BankAccount, MonoServer, Row
from tests.oracle.cases import POLICIES, generated_trap

KILLS = int(os.environ.get("KOBOSIFT_TEST_KILLS", "5"))
SEED = int(os.environ.get("KOBOSIFT_TEST_KILLS_SEED", "20260301"))
LINES = 1_200  # of each account before the first run
TENANTS = {"acc-one": "org-a", "acc-two": "org-a", "acc-three": "org-b"}
BEGAN = datetime.now(UTC).replace(microsecond=0)
OF_THE_RUN = ["decided_at", "trace_id"]


def line(pick: random.Random, identity: str, *, oldest: float) -> Row:
    """A generated line of the last so many days."""
    row = dict(generated_trap(pick.randrange(10**9), "pattern").row)
    if row.get("status") == "pending":
        row["status"] = None  # what is pending grows old between two runs
    moment = BEGAN - timedelta(days=pick.uniform(0.1, oldest))
    return {**row, "id": identity, "date": moment.strftime("%Y-%m-%dT%H:%M:%S.000Z")}


def grow(server: MonoServer, pick: random.Random, turn: int) -> set[str]:
    """Upstream books new lines and corrects some of the last days; the ids of those corrected."""
    corrected = set()
    for account_id, account in server.accounts.items():
        with server.lock:
            recent = [known for known, row in account.rows.items() if str(row["date"]) > str(BEGAN - timedelta(days=9))]
            for number in range(60):
                account.put(line(pick, f"{account_id}-turn{turn}-{number}", oldest=9))
            for known in pick.sample(recent, min(8, len(recent))):
                account.put(line(pick, known, oldest=9))
                corrected.add(known)
    return corrected


def kill_at(kobosift: Kobosift, moment: float) -> bool:
    """Start a run and kill it, and all it started, after so many seconds; False where it had ended before."""
    process = kobosift.start("run")
    try:
        process.communicate(timeout=moment)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        return True
    assert process.returncode == 0
    return False


def alike(outcomes: pl.DataFrame) -> pl.DataFrame:
    return outcomes.drop(OF_THE_RUN)


def assert_each_once(kobosift: Kobosift, outcomes: pl.DataFrame, server: MonoServer, corrected: set[str]) -> None:
    """Every line, draft, rejection and event is there exactly once."""
    upstream = sorted((account.account_id, known) for account in server.accounts.values() for known in account.rows)
    assert outcomes.select(IDENTITY).rows() == upstream
    drafts = kobosift.exported("drafts", "drafts_after_kills").filter(pl.col("status") != "WITHDRAWN")
    eligible = outcomes.filter(pl.col("outcome") == "eligible")
    assert drafts.select(IDENTITY).rows() == eligible.select(IDENTITY).rows()
    assert drafts["draft_id"].n_unique() == len(drafts)
    rejected = outcomes.filter(pl.col("outcome") == "rejected").select(IDENTITY)
    assert kobosift.exported("rejections", "rejections_after_kills").select(IDENTITY).rows() == rejected.rows()
    events = kobosift.query(
        "SELECT account_id, transaction_id, count(*) AS n FROM audit.monitoring_events GROUP BY ALL"
    )
    told = {row["transaction_id"]: row["n"] for row in events}
    never_corrected = [known for _, known in rejected.rows() if known not in corrected]
    assert [known for known in never_corrected if told.get(known) != 1] == []


def assert_funnel(kobosift: Kobosift, lines: int) -> None:
    parts = "matched + review + drafted + rejected + held"
    answer = kobosift.query(f"SELECT sum(transactions) AS lines, sum({parts}) AS parts FROM audit.funnel")  # noqa: S608
    assert [int(str(value)) for value in answer[0].values()] == [lines, lines]


@pytest.mark.slow
def test_a_killed_run_leaves_nothing_twice_and_loses_nothing(tmp_path: Path) -> None:
    pick = random.Random(SEED)
    accounts = [BankAccount(account_id, "IFEANYI OBINNA CHUKS", v1=account_id == "acc-two") for account_id in TENANTS]
    for account in accounts:
        for number in range(LINES):
            account.put(line(pick, f"{account.account_id}-{number}", oldest=45))
    policy = tmp_path / "policy.toml"
    policy.write_text(POLICIES["pattern"], encoding="utf-8")
    settings = {"KOBOSIFT_POLICY": str(policy), "MONO_RATE_LIMIT": "1000"}
    with MonoServer(accounts, key=KEY, cap=100, latency=0.01).running() as server:
        killed = Kobosift(tmp_path / "killed" / "home", server.url, settings)
        whole = Kobosift(tmp_path / "whole" / "home", server.url, settings)
        for account_id, organization in TENANTS.items():
            killed.link(account_id, organization)
            whole.link(account_id, organization)
        began = time.monotonic()
        whole.done("run")
        length = time.monotonic() - began
        corrected, kills = set(), 0
        for turn in range(KILLS):
            kills += kill_at(killed, pick.uniform(0.25, 1.0) * length)
            corrected |= grow(server, pick, turn)
        assert kills > 0, "no run was killed: each had ended before"
        killed.done("run")
        whole.done("run")
        outcomes, reference = killed.exported("outcomes", "outcomes"), whole.exported("outcomes", "outcomes")
        assert_each_once(killed, outcomes, server, corrected)
        assert_funnel(killed, sum(len(account.rows) for account in accounts))
        assert alike(outcomes).equals(alike(reference))
