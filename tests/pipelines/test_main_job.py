"""The main job through Dagster's own API, on a real DuckLake and a real HTTP server."""

from __future__ import annotations

import asyncio
from datetime import date, timedelta
from typing import Any

import dagster as dg
import pytest
from dagster._core.loader import LoadingContextForTest

from assets.checks import CHECK_SPECS
from assets.desk import Desk
from pipelines.build import build_defs, silent_logger
from pipelines.execute import Runner
from resources.errors import ConfigurationError
from tests.pipelines.conftest import Installation


def outcomes(installation: Installation) -> list[tuple[Any, ...]]:
    with installation.warehouse.read() as con:
        return con.execute("SELECT * FROM audit.outcomes ORDER BY account_id, transaction_id").fetchall()


def failed(runner: Runner) -> list[str]:
    return [verdict.check.name for verdict in runner.proof.verdicts if not verdict.passed]


@pytest.fixture(scope="module", autouse=True)
def first(installation: Installation, runner: Runner) -> None:
    """The first run."""
    synced = runner.ingest()
    assert [account.error for account in synced.accounts] == [None] * 3
    assert sum(account.imported for account in synced.accounts) == len(installation.world.truth())
    decided = runner.decide_stale()
    assert decided is not None
    assert decided.lines == len(installation.world.truth())
    assert failed(runner) == []


def test_every_line_is_in_the_funnel_once(installation: Installation, runner: Runner) -> None:
    assert sum(int(str(row["lines"])) for row in runner.proof.funnel) == len(installation.world.truth())
    assert {row["disposition"] for row in runner.proof.funnel} <= {"drafted", "rejected", "held"}


def test_the_days_that_were_decided_are_recorded_as_partitions(installation: Installation, runner: Runner) -> None:
    with installation.warehouse.read() as con:
        row = con.execute("SELECT min(day), max(day) FROM transactions").fetchone()
    assert row is not None
    days = {str(row[0] + timedelta(days=each)) for each in range((row[1] - row[0]).days + 1)}
    for asset in ("decisions", "drafts", "rejections"):
        assert runner.instance.get_materialized_partitions(dg.AssetKey(asset)) == days


def test_the_checks_hold_of_what_was_made_last(runner: Runner) -> None:
    """As the page counts those that passed; before and after a run that decided nothing."""
    for _ in range(2):
        for check in CHECK_SPECS:
            (record,) = runner.instance.event_log_storage.get_asset_check_execution_history(check.key, limit=1)
            assert asyncio.run(record.targets_latest_materialization(LoadingContextForTest(runner.instance)))
        assert runner.decide_stale() is None


def test_the_run_is_the_message_of_its_commits(installation: Installation, runner: Runner) -> None:
    runs = {run.job_name: run.run_id for run in runner.instance.get_runs()}
    with installation.warehouse.read() as con:
        told = {row[0] for row in con.execute("SELECT commit_message FROM ducklake_snapshots('kobosift')").fetchall()}
    assert {runs["ingest"], runs["decide"]} <= told


def test_running_again_changes_nothing_and_proves_again(installation: Installation, runner: Runner) -> None:
    check = dg.AssetCheckKey(dg.AssetKey("decisions"), "funnel_adds_up")
    told = runner.instance.event_log_storage.get_asset_check_execution_history
    proofs = [record.status.value for record in told(check, limit=99)]
    before = outcomes(installation)
    synced = runner.ingest()
    assert sum(account.imported + account.updated for account in synced.accounts) == 0
    assert runner.decide_stale() is None
    assert failed(runner) == []
    assert outcomes(installation) == before
    assert proofs
    assert set(proofs) == {"SUCCEEDED"}
    assert [record.status.value for record in told(check, limit=99)] == [*proofs, "SUCCEEDED"]


def test_a_corrected_line_re_decides_its_day_and_no_other(installation: Installation, runner: Runner) -> None:
    bank, account = installation.sandbox.bank, installation.world.account_ids[0]
    before = {row[:4]: row for row in outcomes(installation)}
    line = next(row for row in bank.rows(account) if row["type"] == "credit")
    bank.correct(account, str(line["id"]), narration="NIP/GTB/SOMEBODY/BIRTHDAY GIFT")
    assert sum(report.updated for report in runner.ingest().accounts) == 1
    report = runner.decide_stale()
    assert report is not None
    assert report.days == 1
    after = {row[:4]: row for row in outcomes(installation)}
    assert {key[3] for key in after if after[key] != before[key]} == {line["id"]}
    assert failed(runner) == []


def test_days_ahead_of_today_are_decided_though_they_are_no_partitions(
    installation: Installation, runner: Runner
) -> None:
    ahead = date.today() + timedelta(days=3)
    bank, account = installation.sandbox.bank, installation.world.account_ids[0]
    row = {"id": "ahead", "narration": "PAYMENT INV-1", "amount": 500_000, "type": "credit", "balance": None}
    bank.add(account, {**row, "date": f"{ahead}T09:00:00.000Z", "category": "unknown"})
    runner.work.desk.end = ahead
    assert sum(report.imported for report in runner.ingest().accounts) == 1
    runner.work.desk.end = None
    report = runner.decide_stale()
    assert report is not None
    assert report.lines == 1
    assert failed(runner) == []


def test_a_range_is_decided_anew_when_it_is_asked_for(installation: Installation, runner: Runner) -> None:
    before = outcomes(installation)
    report = runner.decide(installation.world.first_day, installation.world.end)
    assert report.lines >= len(installation.world.truth())
    assert report.changed == 0
    assert outcomes(installation) == before


def test_an_account_that_is_not_linked_cannot_be_asked_for(runner: Runner) -> None:
    runner.work.desk.accounts = frozenset({"nobody"})
    with pytest.raises(ConfigurationError, match="nobody"):
        runner.ingest()
    runner.work.desk.accounts = None
    newest = runner.instance.get_runs(limit=1)[0]
    assert newest.status.value == "FAILURE"


def test_a_failed_check_names_its_rows_to_the_desk_and_not_to_dagster(
    installation: Installation, runner: Runner
) -> None:
    with installation.warehouse.read() as con:
        row = con.execute("SELECT account_id, transaction_id FROM drafts WHERE status = 'DRAFT' LIMIT 1").fetchone()
    assert row is not None
    undo = "DELETE FROM rejections WHERE transaction_id = ?"
    plant = """INSERT INTO rejections BY NAME
        SELECT organization_id, environment, account_id, transaction_id, day FROM drafts WHERE transaction_id = ?"""
    installation.warehouse.write(lambda con: con.execute(plant, [row[1]]), run_id="test", note="plant")
    runner.decide_stale()
    installation.warehouse.write(lambda con: con.execute(undo, [row[1]]), run_id="test", note="undo")
    assert failed(runner) == ["each_rejection_once"]
    assert [verdict.rows for verdict in runner.proof.verdicts if not verdict.passed] == [(f"{row[0]}/{row[1]}",)]
    check = dg.AssetCheckKey(dg.AssetKey("rejections"), "each_rejection_once")
    newest = runner.instance.event_log_storage.get_asset_check_execution_history(check, limit=1)[0]
    assert newest.status.value == "FAILED"


def test_dagsters_records_hold_no_id_and_no_word_of_a_line(installation: Installation, runner: Runner) -> None:
    world = installation.world
    told = {str(row["narration"]).encode() for row in installation.sandbox.bank.rows(world.account_ids[0])}
    told |= {
        value.encode() for account in world.accounts for value in (account.id, account.holder, account.organization_id)
    }
    told |= {transaction.encode() for transaction in world.truth()["transaction_id"]}
    kept = b"".join(path.read_bytes() for path in installation.settings.dagster_home.rglob("*") if path.is_file())
    assert len(kept) > 100_000
    assert [words for words in told if words in kept] == []


def test_a_day_can_be_decided_from_dagsters_own_page(installation: Installation, runner: Runner) -> None:
    """There, assets are chosen, and the checks that hang on them come along."""
    work = runner.work
    given = {"warehouse": work.warehouse, "policy": work.policy, "clock": work.clock, "desk": Desk()}
    defs = build_defs({**given, "upstream": work.upstream}, loggers={"console": silent_logger})
    result = defs.resolve_implicit_global_asset_job_def().execute_in_process(
        instance=runner.instance,
        asset_selection=[dg.AssetKey(name) for name in ("decisions", "settlements", "drafts", "rejections")],
        partition_key=str(installation.world.end),
        run_config={"loggers": {"console": {}}},
    )
    assert result.success
    assert {evaluation.asset_key.to_user_string() for evaluation in result.get_asset_check_evaluations()} == {
        "decisions",
        "settlements",
        "drafts",
        "rejections",
    }
