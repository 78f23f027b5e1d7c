"""A real `dagster dev`, page and daemon, asked over its GraphQL: what an operator does there, and what then happens.

One process for all facts; each is started first and waited for afterwards. Runs by `make test-dagster`: processes that
poll every few seconds take longer than the other tests together may.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import httpx
import pytest

from pipelines.instance import CONFIG
from resources.settings import Settings
from resources.warehouse import accounts
from resources.warehouse.connection import Warehouse, open_warehouse
from sandbox.app import Options
from sandbox.server import Sandbox
from sandbox.world import World, build_world

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif("KOBOSIFT_TEST_DAGSTER" not in os.environ, reason="make test-dagster runs it"),
]

T = TypeVar("T")
ROOT = Path(__file__).parents[2]
REPOSITORY = {"repositoryLocationName": "kobosift", "repositoryName": "__repository__"}
ASSETS = ["decisions", "settlements", "drafts", "rejections"]
LAUNCH = """mutation($p: ExecutionParams!) { launchRun(executionParams: $p) {
    __typename ... on LaunchRunSuccess { run { runId } } ... on PythonError { message } } }"""
BACKFILL = """mutation($p: LaunchBackfillParams!) { launchPartitionBackfill(backfillParams: $p) {
    __typename ... on LaunchBackfillSuccess { backfillId } ... on PythonError { message } } }"""
START_SCHEDULE = """mutation($s: ScheduleSelector!) { startSchedule(scheduleSelector: $s) {
    __typename ... on ScheduleStateResult { scheduleState { id } } ... on PythonError { message } } }"""
TICKS = """query($s: InstigationSelector!) { instigationStateOrError(instigationSelector: $s) {
    ... on InstigationState { ticks(limit: 5) { status runIds } } } }"""
RUNS = """{ runsOrError(limit: 100) { ... on Runs { results {
    runId parentRunId jobName status tags { key value } } } } }"""
CHECK = """query($k: AssetKeyInput!) { assetCheckExecutions(assetKey: $k, checkName: "no_draft_astray", limit: 1) {
    status evaluation { severity } } }"""


@dataclass
class Dev:
    """The running page and daemon, and the world behind them."""

    url: str
    warehouse: Warehouse
    settings: Settings
    sandbox: Sandbox
    world: World

    def ask(self, query: str, **variables: object) -> dict[str, Any]:
        answer = httpx.post(f"{self.url}/graphql", json={"query": query, "variables": variables}, timeout=30).json()
        assert "errors" not in answer, answer
        data: dict[str, Any] = answer["data"]
        return data

    def launch(self, job: str, config: dict[str, Any] | None = None) -> str:
        params = {"selector": {**REPOSITORY, "jobName": job}, "runConfigData": config or {}}
        told = self.ask(LAUNCH, p=params)["launchRun"]
        assert told["__typename"] == "LaunchRunSuccess", told
        return str(told["run"]["runId"])

    def runs(self, job: str | None = None) -> list[dict[str, Any]]:
        found = self.ask(RUNS)["runsOrError"]["results"]
        for run in found:
            run["tags"] = {tag["key"]: tag["value"] for tag in run["tags"]}
        return [run for run in found if job in (None, run["jobName"])]

    def run(self, run_id: str) -> dict[str, Any]:
        return next(run for run in self.runs() if run["runId"] == run_id)

    def query(self, sql: str, *values: object) -> list[Any]:
        with self.warehouse.read() as con:
            return con.execute(sql, list(values)).fetchall()


def until(look: Callable[[], T | None], seconds: float, what: str) -> T:
    """Look until there is something; what is waited for is named where it does not come."""
    latest = time.monotonic() + seconds
    while time.monotonic() < latest:
        found = look()
        if found:
            return found
        time.sleep(0.3)
    raise AssertionError(f"not within {seconds:.0f} s: {what}")


@pytest.fixture(scope="module")
def dev(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dev]:
    folder = tmp_path_factory.mktemp("dev")
    world = build_world(3, 100, 5, (datetime.now(UTC) - timedelta(days=1)).date(), lines=300)
    before = dict(os.environ)
    with Sandbox(world, options=Options(processing_calls=1)) as sandbox, socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        free.close()
        settings = Settings(kobosift_home=folder / "home", mono_base_url=sandbox.url, mono_secret_key="invented")
        warehouse = open_warehouse(settings)
        for each in world.accounts:
            warehouse.write(
                lambda con, each=each: accounts.link(
                    con, each.id, each.organization_id, each.environment, now=datetime.now(UTC)
                ),
                run_id="test",
                note="link",
            )
        process = _start(settings, sandbox.url, port, folder)
        try:
            dev = Dev(f"http://127.0.0.1:{port}", warehouse, settings, sandbox, world)
            until(lambda: _loaded(dev, process, folder), 90, "the page has loaded the definitions")
            yield dev
        finally:
            os.killpg(process.pid, signal.SIGTERM)
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
            warehouse.close()
    os.environ.clear()
    os.environ.update(before)


def _start(settings: Settings, url: str, port: int, folder: Path) -> subprocess.Popen[bytes]:
    """Start it as the runbook says: `dagster.yaml` copied into its home, `workspace.yaml` of the clone."""
    settings.dagster_home.mkdir(parents=True)
    shutil.copy(CONFIG, settings.dagster_home)
    own = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    environment = {
        **own,
        "DAGSTER_HOME": str(settings.dagster_home),
        "KOBOSIFT_HOME": str(settings.kobosift_home),
        "MONO_BASE_URL": url,
        "MONO_SECRET_KEY": "invented",
        "MONO_RATE_LIMIT": "1000",
    }
    command = [sys.executable, "-W", "ignore", "-m", "dagster", "dev", "-w", "workspace.yaml", "-p", str(port)]
    with (folder / "dev.log").open("wb") as log:
        return subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
        )


def _loaded(dev: Dev, process: subprocess.Popen[bytes], folder: Path) -> bool:
    assert process.poll() is None, (folder / "dev.log").read_text()[-3000:]
    try:
        found = dev.ask("{ repositoriesOrError { ... on RepositoryConnection { nodes { name } } } }")
    except httpx.TransportError:
        return False
    return bool(found["repositoriesOrError"].get("nodes"))


@pytest.fixture(scope="module")
def scheduled(dev: Dev) -> Dev:
    """The hourly sync, switched on, and told that it was an hour ago: the scheduler looks at each full minute."""
    import dagster as dg
    from dagster._core.scheduler.instigation import ScheduleInstigatorData

    told = dev.ask(START_SCHEDULE, s={**REPOSITORY, "scheduleName": "hourly_sync"})["startSchedule"]
    assert told["__typename"] == "ScheduleStateResult", told
    os.environ["DAGSTER_HOME"] = str(dev.settings.dagster_home)
    with dg.DagsterInstance.get() as instance:
        (state,) = [each for each in instance.all_instigator_state() if each.instigator_name == "hourly_sync"]
        data = state.instigator_data
        assert isinstance(data, ScheduleInstigatorData)
        earlier = ScheduleInstigatorData(data.cron_schedule, time.time() - 3600)
        instance.update_instigator_state(state.with_data(earlier))
    return dev


@pytest.fixture(scope="module")
def synced(scheduled: Dev) -> Dev:
    """A first sync, as a person starts one."""
    first = scheduled.launch("ingest")
    until(lambda: scheduled.run(first)["status"] == "SUCCESS", 60, "the first sync has ended")
    return scheduled


@pytest.fixture(scope="module")
def decided(synced: Dev) -> Dev:
    """What the sync brought is decided, by itself."""
    until(lambda: synced.query("SELECT 1 FROM decisions LIMIT 1"), 60, "the days that were touched are decided")
    until(lambda: not synced.query("SELECT 1 FROM touched_days LIMIT 1"), 60, "no day waits")
    until(lambda: [run for run in synced.runs("decide") if run["status"] == "SUCCESS"], 30, "the run has ended")
    return synced


@dataclass
class Begun:
    """What was set going, each at its time."""

    dev: Dev
    backfill: str
    days: list[str]
    killed: str
    landed_at: float


@pytest.fixture(scope="module")
def begun(decided: Dev) -> Begun:
    """A backfill, an event that landed, a failing check, and a run that is killed, all at once."""
    dev = decided
    last = dev.world.end
    days = [(last - timedelta(days=back)).isoformat() for back in reversed(range(90))]
    params = {
        "assetSelection": [{"path": [name]} for name in ASSETS],
        "partitionNames": days,
        "allPartitions": False,
    }
    backfill = dev.ask(BACKFILL, p=params)["launchPartitionBackfill"]
    assert backfill["__typename"] == "LaunchBackfillSuccess", backfill
    landed_at = time.monotonic()
    _land(dev)
    for ledger in dev.sandbox.bank.ledgers.values():
        ledger.processing_left = 4
    killed = dev.launch("ingest")
    worker = until(lambda: _worker(dev, killed), 60, "the run to kill has begun")
    os.kill(worker, signal.SIGKILL)
    return Begun(dev, str(backfill["backfillId"]), days, killed, landed_at)


def _land(dev: Dev) -> None:
    now = datetime.now(UTC)
    row = {"id": "by-webhook", "amount": 900_000, "type": "credit", "narration": "PAYMENT FOR INVOICE INV-77"}
    data = {"account": dev.world.account_ids[0], "transaction": {**row, "date": now.isoformat()}}
    event = {"event": "transaction.settled", "event_id": "evt-1", "timestamp": now.isoformat(), "data": data}
    folder = dev.settings.landing / "webhooks"
    folder.mkdir(parents=True, exist_ok=True)
    beside = folder / "landing.tmp"
    beside.write_text(json.dumps({"received_at": now.isoformat(), "scheme": "hmac", "event": event}))
    beside.rename(folder / f"{now:%Y%m%dT%H%M%S%f}-0123456789abcdef.json")


def _worker(dev: Dev, run_id: str) -> int | None:
    """The process of a run, once it has begun and noted itself."""
    run = dev.run(run_id)
    process = run["tags"].get("kobosift/process", "").partition(":")[0]
    return int(process) if run["status"] == "STARTED" and process else None


def test_the_days_that_a_sync_touched_are_decided_by_one_run_over_their_range(decided: Dev) -> None:
    first = [run for run in decided.runs("decide") if run["tags"].get("dagster/sensor_name") == "stale_days"]
    assert len(first) == 1
    assert "dagster/asset_partition_range_start" in first[-1]["tags"]
    assert decided.query("SELECT count(*) FROM audit.outcomes WHERE outcome IS NULL") == [(0,)]


def test_an_event_that_lands_is_a_decision_within_a_minute(begun: Begun) -> None:
    sql = "SELECT disposition FROM audit.outcomes WHERE transaction_id = 'by-webhook' AND outcome IS NOT NULL"
    (row,) = until(
        lambda: begun.dev.query(sql), 60 - (time.monotonic() - begun.landed_at), "the event's line is decided"
    )
    assert row == ("drafted",)


def test_ninety_days_are_one_run(begun: Begun) -> None:
    def mine() -> list[dict[str, Any]]:
        return [run for run in begun.dev.runs() if run["tags"].get("dagster/backfill") == begun.backfill]

    until(lambda: [run for run in mine() if run["status"] == "SUCCESS"], 90, "the backfill's run has ended")
    assert len(mine()) == 1
    tags = mine()[0]["tags"]
    assert tags["dagster/asset_partition_range_start"] == begun.days[0]
    assert tags["dagster/asset_partition_range_end"] == begun.days[-1]
    assert (date.fromisoformat(begun.days[-1]) - date.fromisoformat(begun.days[0])).days == 89


def test_a_killed_run_is_started_again_by_itself_and_ends_well(begun: Begun) -> None:
    dev = begun.dev
    until(lambda: dev.run(begun.killed)["status"] == "FAILURE", 60, "the killed run is marked")

    def again() -> list[dict[str, Any]]:
        return [run for run in dev.runs("ingest") if run["parentRunId"] == begun.killed]

    until(lambda: [run for run in again() if run["status"] == "SUCCESS"], 90, "it was started again and ended well")
    assert len(again()) == 1


def test_a_failed_check_is_seen_on_the_page_and_told_of(begun: Begun) -> None:
    dev = begun.dev
    until(lambda: not [run for run in dev.runs("decide") if run["status"] in ("STARTED", "QUEUED")], 60, "calm")
    plant = """INSERT INTO drafts BY NAME SELECT * REPLACE ('planted' AS draft_id, 'nobody' AS transaction_id)
        FROM drafts WHERE status = 'DRAFT' LIMIT 1"""
    dev.warehouse.write(lambda con: con.execute(plant), run_id="test", note="plant")
    dev.launch("check")

    def seen() -> list[Any]:
        found = dev.ask(CHECK, k={"path": ["drafts"]})["assetCheckExecutions"]
        return [each for each in found if each["status"] == "FAILED"]

    (check,) = until(seen, 60, "the check is seen to have failed")
    assert check["evaluation"]["severity"] == "ERROR"
    told = until(lambda: _told(dev, "check_failed"), 60, "the watch tells of it")
    assert "drafts/no_draft_astray" in told


def _told(dev: Dev, event: str) -> str | None:
    log = dev.settings.kobosift_home / "logs" / "alerts.log"
    lines = log.read_text().splitlines() if log.exists() else []
    return next((line for line in lines if f'"{event}"' in line), None)


def test_a_schedule_ticks(begun: Begun) -> None:
    selector = {**REPOSITORY, "name": "hourly_sync"}

    def ran() -> list[dict[str, Any]]:
        ticks = begun.dev.ask(TICKS, s=selector)["instigationStateOrError"]["ticks"]
        asked = {run_id for tick in ticks if tick["status"] == "SUCCESS" for run_id in tick["runIds"]}
        return [run for run in begun.dev.runs("ingest") if run["runId"] in asked and run["status"] == "SUCCESS"]

    until(ran, 120, "a tick of the hourly sync, and its run")


def test_dagsters_records_hold_no_id_and_no_word_of_a_line(begun: Begun) -> None:
    world = begun.dev.world
    words = {value.encode() for account in world.accounts for value in (account.id, account.organization_id)}
    words |= {str(row["narration"]).encode() for row in begun.dev.sandbox.bank.rows(world.account_ids[0])}
    words |= {b"by-webhook", b"INV-77"}
    kept = b"".join(path.read_bytes() for path in begun.dev.settings.dagster_home.rglob("*") if path.is_file())
    assert len(kept) > 100_000
    assert [word for word in words if word in kept] == []
