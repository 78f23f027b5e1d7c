"""Dagster's records in the home: made once, written in batches, readable by Dagster's own classes."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.storage.sqlite_storage import DagsterSqliteStorage

from pipelines.instance import close_dead_runs, open_instance, own_tags
from pipelines.storage import LocalEvents, LocalStorage

DAYS = dg.DailyPartitionsDefinition(start_date="2025-01-01")
RANGE = {"dagster/asset_partition_range_start": "2025-02-01", "dagster/asset_partition_range_end": "2025-02-10"}


@dg.asset(partitions_def=DAYS, backfill_policy=dg.BackfillPolicy.single_run())
def something() -> dg.MaterializeResult[None]:
    return dg.MaterializeResult(metadata={"rows": 3})


@dg.asset_check(asset=something)
def always() -> dg.AssetCheckResult:
    return dg.AssetCheckResult(passed=True)


def run(instance: dg.DagsterInstance, tags: dict[str, str]) -> dg.ExecuteInProcessResult:
    defs = dg.Definitions(assets=[something], asset_checks=[always], executor=dg.in_process_executor)
    silent = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
    return defs.resolve_implicit_global_asset_job_def().execute_in_process(
        instance=instance, tags=tags, run_config=silent
    )


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with one run over ten days in it."""
    home = tmp_path_factory.mktemp("dagster")
    with open_instance(home) as instance:
        assert run(instance, RANGE | own_tags()).success
    return home


def test_each_day_of_a_range_is_recorded_for_the_asset(home: Path) -> None:
    with open_instance(home) as instance:
        assert len(instance.get_materialized_partitions(something.key)) == 10
        latest = instance.get_latest_materialization_event(something.key)
        assert latest is not None
        assert latest.asset_materialization is not None
        assert latest.asset_materialization.partition == "2025-02-10"


def test_dagsters_own_storage_reads_what_ours_wrote(home: Path) -> None:
    run_ids = LocalStorage(str(home)).run_storage.get_run_ids()
    own = DagsterSqliteStorage(str(home))
    assert own.run_storage.get_run_ids() == run_ids
    kinds = [str(entry.dagster_event_type) for entry in own.event_log_storage.get_logs_for_run(run_ids[0])]
    assert kinds[-1].endswith("RUN_SUCCESS")
    assert sum(kind.endswith("ASSET_MATERIALIZATION") for kind in kinds) == 10
    assert own.event_log_storage.all_asset_keys() == [something.key]
    own.dispose()


def test_a_batch_is_written_in_few_transactions(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []
    store = LocalEvents._store_asset_events
    monkeypatch.setattr(
        LocalEvents, "_store_asset_events", lambda self, events: (sizes.append(len(events)), store(self, events))
    )
    with open_instance(home) as instance:
        assert run(instance, RANGE).success
    assert 10 in sizes


def test_check_results_are_kept(home: Path) -> None:
    with open_instance(home) as instance:
        records = instance.event_log_storage.get_asset_check_execution_history(always.check_key, limit=5)
    assert records
    assert records[0].status.value == "SUCCEEDED"


def test_many_processes_may_open_a_new_home_at_once(tmp_path: Path) -> None:
    program = "import sys; from pipelines.storage import LocalStorage as S; S(sys.argv[1]).run_storage.get_run_ids()"

    def start(_: int) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-c", program, str(tmp_path / "new")], capture_output=True, text=True, check=False
        )

    with ThreadPoolExecutor(2) as pool:
        ended = list(pool.map(start, range(2)))
    assert [each.returncode for each in ended] == [0, 0], [each.stderr for each in ended]


def test_a_run_whose_process_is_gone_is_marked_failed(home: Path) -> None:
    gone = subprocess.Popen([sys.executable, "-c", "pass"])
    gone.wait()
    alive = own_tags()
    dead = {**alive, "kobosift/process": f"{gone.pid}:1"}
    elsewhere = {**alive, "kobosift/machine": "another", "kobosift/process": f"{gone.pid}:1"}
    with open_instance(home) as instance:
        runs = [
            instance.create_run_for_job(
                dg.Definitions(assets=[something]).resolve_implicit_global_asset_job_def(), tags=tags
            )
            for tags in (alive, dead, elsewhere)
        ]
        assert close_dead_runs(instance) == 1
        states = [instance.get_run_by_id(run.run_id).status.value for run in runs]  # type: ignore[union-attr]
        assert states == ["NOT_STARTED", "FAILURE", "NOT_STARTED"]
        assert close_dead_runs(instance) == 0


def test_what_a_run_prints_is_not_kept(home: Path) -> None:
    assert not list(home.rglob("*compute_logs*"))
    assert os.environ["DAGSTER_HOME"] == str(home)


def test_a_home_whose_making_was_cut_off_is_made_anew(tmp_path: Path) -> None:
    (tmp_path / "storage.making" / "history").mkdir(parents=True)
    (tmp_path / "storage.making" / "history" / "runs.db").write_bytes(b"half")
    storage = LocalStorage(str(tmp_path))
    assert list(storage.run_storage.get_run_ids()) == []
    assert not (tmp_path / "storage.making").exists()
    storage.dispose()


def test_what_dagster_recorded_before_stays(tmp_path: Path) -> None:
    own = DagsterSqliteStorage(str(tmp_path))
    with dg.DagsterInstance.from_config(str(_configured(tmp_path))) as instance:
        assert run(instance, {}).success
    storage = LocalStorage(str(tmp_path))
    assert len(storage.run_storage.get_run_ids()) == 1
    storage.dispose()
    own.dispose()


def _configured(home: Path) -> Path:
    (home / "dagster.yaml").write_text(
        f"telemetry: {{enabled: false}}\nstorage: {{sqlite: {{base_dir: '{home}'}}}}\n", encoding="utf-8"
    )
    return home
