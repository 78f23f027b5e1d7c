"""What Dagster finds: assets, groups, checks, jobs, and what refuses to store frames."""

from __future__ import annotations

import dagster as dg
import polars as pl
import pytest
from dagster._core.execution.asset_backfill import AssetBackfillData

from assets.partitions import DAYS, range_tags
from pipelines.build import NoFrames, build_defs
from pipelines.definitions import defs
from pipelines.jobs import JOBS
from pipelines.schedules import SCHEDULES
from resources.warehouse.checks import CHECKS

GRAPH = defs.resolve_asset_graph()


def test_the_assets_are_these() -> None:
    found = {
        key.to_user_string(): (
            GRAPH.get(key).group_name,
            sorted(parent.to_user_string() for parent in GRAPH.get(key).parent_keys),
            GRAPH.get(key).partitions_def is not None,
        )
        for key in GRAPH.get_all_asset_keys()
    }
    assert found == {
        "accounts": ("ingest", [], False),
        "webhook_events": ("ingest", [], False),
        "bank_history": ("ingest", [], True),
        "transactions": ("ingest", ["accounts", "bank_history", "webhook_events"], False),
        "balances": ("accounts", ["accounts"], False),
        "identities": ("accounts", ["accounts"], False),
        "income": ("accounts", ["accounts", "webhook_events"], False),
        "decisions": ("decide", ["transactions"], True),
        "settlements": ("decide", ["decisions"], True),
        "drafts": ("decide", ["settlements"], True),
        "rejections": ("decide", ["settlements"], True),
        "warehouse_upkeep": ("operations", ["drafts", "rejections"], False),
    }
    assert all(GRAPH.get(key).owners == ["team:kobosift"] for key in GRAPH.get_all_asset_keys())
    assert all(GRAPH.get(key).description for key in GRAPH.get_all_asset_keys())


def test_a_range_of_days_is_one_run() -> None:
    assert GRAPH.get(dg.AssetKey("decisions")).backfill_policy == dg.BackfillPolicy.single_run()


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of Dagster's own code
def test_a_backfill_targets_the_same_days_of_all_that_one_op_makes() -> None:
    """As Dagster's page compares them: by `!=`, which looks at more than `==` does."""
    keys = [dg.AssetKey(name) for name in ("decisions", "settlements", "drafts", "rejections")]
    days = [f"2025-03-{day:02}" for day in range(1, 31)]
    with dg.DagsterInstance.ephemeral() as instance:
        data = AssetBackfillData.from_asset_partitions(GRAPH, days, keys, instance, 1.76e9, all_partitions=False)
    targets = [data.target_subset.partitions_subsets_by_asset_key[key] for key in keys]
    assert [key for key, target in zip(keys, targets, strict=True) if target != targets[0]] == []


def test_every_check_of_the_warehouse_is_a_check_of_its_table() -> None:
    assert {(key.asset_key.to_user_string(), key.name) for key in GRAPH.asset_check_keys} == {
        (check.table, check.name) for check in CHECKS
    }


def test_the_jobs_are_these() -> None:
    jobs = {job.name: job for job in defs.resolve_all_job_defs() if not job.name.startswith("__")}
    flows = {"ingest", "webhooks", "bank_history", "account_details", "decide"}
    assert set(jobs) == {*flows, "check", "maintenance", "retention"}
    assert all(job.executor_def.name == "in_process" for job in jobs.values())
    assert all(job.description for job in jobs.values())


def test_only_a_run_that_crashed_is_started_again_once_and_none_runs_for_ever() -> None:
    for job in JOBS:
        tags = job.tags
        assert (tags["dagster/max_retries"], tags["dagster/retry_on_asset_or_op_failure"]) == ("1", "false")
        assert 0 < int(tags["dagster/max_runtime"]) <= 12 * 3600


def test_schedules_are_off_until_they_are_switched_on_and_tell_lagos_time() -> None:
    assert {schedule.name for schedule in SCHEDULES} == {
        "hourly_sync",
        "nightly_lookback",
        "nightly_account_details",
        "nightly_retention",
        "nightly_maintenance",
    }
    for schedule in SCHEDULES:
        assert schedule.default_status is dg.DefaultScheduleStatus.STOPPED
        assert schedule.execution_timezone == "Africa/Lagos"
        assert schedule.description


def test_the_run_config_of_a_schedule_fits_its_job() -> None:
    for schedule in SCHEDULES:
        tick = schedule.evaluate_tick(dg.build_schedule_context(repository_def=defs.get_repository_def()))
        assert tick.run_requests
        for request in tick.run_requests:
            assert dg.validate_run_config(defs.resolve_job_def(schedule.job_name), request.run_config)


def test_days_are_lagos_days_and_today_is_one() -> None:
    assert DAYS.timezone == "Africa/Lagos"
    last = DAYS.get_last_partition_key()
    assert last == max(DAYS.get_partition_keys())
    assert DAYS.get_first_partition_key() == "2015-01-01"


def test_days_outside_the_partitions_are_left_out_of_the_record() -> None:
    last = DAYS.get_last_partition_key()
    assert last is not None
    today = pl.Series([last]).str.to_date()[0]
    month = today.replace(day=1)
    year = today.replace(year=today.year + 1, day=1)
    assert range_tags(month, year)["dagster/asset_partition_range_end"] == last
    assert range_tags(year, year) == {}
    assert range_tags(None, None) == {}
    assert range_tags(today, today) == dict.fromkeys(
        ("dagster/asset_partition_range_start", "dagster/asset_partition_range_end"), last
    )


@pytest.mark.parametrize("frame", [pl.DataFrame({"narration": ["NIP/GTB/ADA OBI/RENT"]}), {"any": "thing"}])
def test_an_asset_that_returns_a_frame_fails_and_nothing_is_stored(frame: object) -> None:
    @dg.asset
    def careless():  # type: ignore[no-untyped-def]
        return frame

    with pytest.raises(dg.DagsterInvariantViolationError, match="return nothing"):
        dg.materialize([careless], resources={"io_manager": NoFrames()})


def test_an_asset_that_loads_its_input_through_dagster_fails() -> None:
    @dg.asset
    def source() -> None: ...

    @dg.asset
    def careless(source: object) -> None: ...

    with pytest.raises(dg.DagsterInvariantViolationError, match="deps"):
        dg.materialize([source, careless], resources={"io_manager": NoFrames()}, selection=[careless])


def test_overrides_take_the_place_of_what_the_settings_make() -> None:
    desk = object()
    assert build_defs({"desk": desk}).resources is not None
    assert (build_defs({"desk": desk}).resources or {})["desk"] is desk


def test_loading_the_definitions_opens_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> None:
    monkeypatch.setenv("KOBOSIFT_HOME", f"{tmp_path}/home")
    build_defs().resolve_all_job_defs()
    from pathlib import Path

    assert not Path(f"{tmp_path}/home").exists()
