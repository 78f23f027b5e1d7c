"""What the sensors ask for and what the watch tells of, on a home of its own and Dagster's own records."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest

from assets.webhooks import Landing
from pipelines import sensors
from pipelines.instance import own_tags
from pipelines.policy import load_policy
from pipelines.sensors import landed_webhooks, stale_days
from pipelines.watch import notice, watch
from resources.clock import FixedClock, SystemClock
from resources.landed import LandingFolder
from resources.settings import Settings
from resources.warehouse import accounts
from resources.warehouse.connection import Warehouse, open_warehouse


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return Settings(kobosift_home=tmp_path_factory.mktemp("watched") / "home")


@pytest.fixture(scope="module")
def warehouse(home: Settings) -> Iterator[Warehouse]:
    opened = open_warehouse(home)
    yield opened
    opened.close()


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


def run_of(instance: dg.DagsterInstance, job: str, *, ends: bool | None, tags: dict[str, str] | None = None) -> str:
    """A run that was started under the name of a job, and ended well, badly or not at all."""

    @dg.op
    def step() -> None:
        pass

    definition = dg.GraphDefinition(name=job, node_defs=[step]).to_job(name=job)
    run = instance.create_run_for_job(definition, tags=tags, status=dg.DagsterRunStatus.STARTED)
    if ends is False:
        instance.report_run_failed(run, "planted")
    elif ends:
        instance.report_dagster_event(
            dg.DagsterEvent(dg.DagsterEventType.PIPELINE_SUCCESS.value, job_name=job), run.run_id
        )
    return run.run_id


def land(folder: Path, count: int) -> None:
    (folder / "webhooks").mkdir(parents=True, exist_ok=True)
    for number in range(count):
        (folder / "webhooks" / f"2025-{number:06}.json").write_text("{}")


class TestLandedWebhooks:
    @pytest.fixture
    def landing(self, tmp_path: Path) -> Landing:
        return Landing(LandingFolder(tmp_path), None)

    def look(self, instance: dg.DagsterInstance, landing: Landing, *, later: int = 0) -> dg.RunRequest | dg.SkipReason:
        clock = FixedClock(datetime.now(UTC) + timedelta(seconds=later))
        found = landed_webhooks(dg.build_sensor_context(instance=instance), landing=landing, clock=clock)
        assert isinstance(found, (dg.RunRequest, dg.SkipReason))
        return found

    def test_nothing_landed_asks_for_nothing(self, instance: dg.DagsterInstance, landing: Landing) -> None:
        assert isinstance(self.look(instance, landing), dg.SkipReason)

    def test_files_ask_for_one_run_that_names_none_of_them(
        self, instance: dg.DagsterInstance, landing: Landing
    ) -> None:
        land(landing.folder.folder, 201)
        asked = self.look(instance, landing)
        assert isinstance(asked, dg.RunRequest)
        assert asked.run_config == {"ops": {"take_in": {"config": {"batches": 2}}}}
        assert asked.run_key is None

    def test_a_flood_is_taken_in_by_bounded_runs(
        self, instance: dg.DagsterInstance, landing: Landing, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(sensors, "EVENTS_A_BATCH", 1)
        land(landing.folder.folder, 30)
        asked = self.look(instance, landing)
        assert isinstance(asked, dg.RunRequest)
        assert asked.run_config["ops"]["take_in"]["config"]["batches"] == sensors.BATCHES_A_RUN

    def test_one_run_at_a_time(self, instance: dg.DagsterInstance, landing: Landing) -> None:
        land(landing.folder.folder, 1)
        run_of(instance, "webhooks", ends=None)
        assert isinstance(self.look(instance, landing), dg.SkipReason)

    def test_a_run_that_failed_rests_before_the_next(self, instance: dg.DagsterInstance, landing: Landing) -> None:
        land(landing.folder.folder, 1)
        run_of(instance, "webhooks", ends=False)
        assert isinstance(self.look(instance, landing), dg.SkipReason)
        assert isinstance(self.look(instance, landing, later=301), dg.RunRequest)

    def test_files_that_stay_are_asked_for_again_whatever_ran(
        self, instance: dg.DagsterInstance, landing: Landing
    ) -> None:
        land(landing.folder.folder, 1)
        assert isinstance(self.look(instance, landing), dg.RunRequest)
        run_of(instance, "webhooks", ends=True)
        assert isinstance(self.look(instance, landing), dg.RunRequest)


class TestStaleDays:
    def look(
        self, instance: dg.DagsterInstance, warehouse: Warehouse, home: Settings, cursor: str | None = None
    ) -> tuple[dg.RunRequest | dg.SkipReason, str | None]:
        given = {"warehouse": warehouse, "policy": load_policy(home), "clock": SystemClock()}
        context = dg.build_sensor_context(instance=instance, cursor=cursor, resources=given)
        found = stale_days(context)
        assert isinstance(found, (dg.RunRequest, dg.SkipReason))
        return found, context.cursor

    def test_a_touched_range_is_one_run_and_stays_asked_for_until_it_is_decided(
        self, instance: dg.DagsterInstance, warehouse: Warehouse, home: Settings
    ) -> None:
        touch = (
            "INSERT INTO touched_days VALUES ('t', 'org', 'sandbox', DATE '2025-03-02'), ('t', 'o', 's', '2025-03-09')"
        )
        warehouse.write(lambda con: con.execute(touch), run_id="test", note="touch")
        for _ in range(2):
            asked, cursor = self.look(instance, warehouse, home)
            assert isinstance(asked, dg.RunRequest)
            assert cursor is None
        assert asked.run_config["ops"]["decide_days"]["config"] == {
            "start": "2025-03-02",
            "end": "2025-03-09",
            "only_stale": True,
        }
        assert asked.tags["dagster/asset_partition_range_start"] == "2025-03-02"
        run_of(instance, "ingest", ends=None)
        assert isinstance(self.look(instance, warehouse, home)[0], dg.SkipReason)
        warehouse.write(lambda con: con.execute("DELETE FROM touched_days"), run_id="test", note="undo")

    def test_where_nothing_differs_since_the_last_look_nothing_is_looked_up(
        self, instance: dg.DagsterInstance, warehouse: Warehouse, home: Settings, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        _, cursor = self.look(instance, warehouse, home)
        assert cursor
        monkeypatch.setattr(sensors, "stale_range", None)
        assert isinstance(self.look(instance, warehouse, home, cursor)[0], dg.SkipReason)


class TestWatch:
    def alerts(self, warehouse: Warehouse) -> list[tuple[str, str]]:
        with warehouse.read() as con:
            return con.execute("SELECT event, summary FROM audit.alerts ORDER BY ALL").fetchall()

    def test_a_failed_run_a_failed_check_and_a_dead_run_are_told_once(
        self, instance: dg.DagsterInstance, warehouse: Warehouse, home: Settings
    ) -> None:
        gone = subprocess.Popen([sys.executable, "-c", "pass"])
        gone.wait()
        run_of(instance, "ingest", ends=False)
        run_of(instance, "decide", ends=False, tags={"dagster/will_retry": "true"})
        run_of(instance, "check", ends=None, tags={**own_tags(), "kobosift/process": f"{gone.pid}:1"})
        for passed in (False, False, True):
            instance.report_runless_asset_event(
                dg.AssetCheckEvaluation(
                    asset_key=dg.AssetKey("drafts"),
                    check_name="no_draft_astray",
                    passed=passed,
                    metadata={"at_fault": 3},
                )
            )
        resources = {"settings": home, "warehouse": warehouse, "clock": SystemClock()}
        for _ in range(2):
            assert isinstance(watch(dg.build_sensor_context(instance=instance), **resources), dg.SkipReason)
        told = self.alerts(warehouse)
        assert [event for event, _ in told] == ["check_failed", "run_failed", "run_failed"]
        assert told[0][1].startswith("drafts/no_draft_astray: at fault 3;")
        assert {summary.split(",")[0] for _, summary in told[1:]} == {"job check", "job ingest"}
        log = (home.kobosift_home / "logs" / "alerts.log").read_text()
        assert len(log.splitlines()) == 3

    def test_an_account_in_need_is_no_alert(
        self, instance: dg.DagsterInstance, warehouse: Warehouse, home: Settings
    ) -> None:
        warehouse.write(
            lambda con: accounts.link(con, "acc", "org", "sandbox", now=datetime.now(UTC)), run_id="test", note="link"
        )
        assert notice(instance, home, warehouse, SystemClock()) == 0
