"""The other flows through Dagster's own API, on a real DuckLake and a real HTTP server, each as its job is launched.

Account details, income by webhook, history on demand; what Dagster is told of them in metadata, and what it must
never be told: its records are searched for every value of the world as bytes.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from assets.decide import DECISIONS
from assets.webhooks import Landing
from pipelines.build import build_defs, silent_logger
from pipelines.definitions import defs
from pipelines.execute import Runner
from pipelines.jobs import JOBS
from resources import lookup
from resources.landing import Event, Lander
from resources.warehouse import accounts
from resources.warehouse.connection import migration_statements
from sandbox.webhooks import Event as Told
from sandbox.webhooks import compose
from tests.pipelines.conftest import Installation

CANARY = "Zanzibar Quokka Trading"
CANARY_AMOUNT = 98_765_432_101
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module", autouse=True)
def at_once() -> Iterator[None]:
    """An account that is PROCESSING is asked again without waiting in between."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lookup, "READINESS_WAITS", (0.0,) * 5)
        yield


def launch(runner: Runner, job: str, config: dict[str, Any] | None = None) -> dg.ExecuteInProcessResult:
    """Run a job as Dagster does, to its end, whatever that is."""
    work = runner.work
    given = {"settings": work.settings, "warehouse": work.warehouse, "landing": Landing.of(work.settings)}
    given |= {"upstream": work.upstream, "policy": work.policy, "clock": work.clock, "desk": work.desk}
    job_def = build_defs(given, loggers={"console": silent_logger}).resolve_job_def(job)
    return job_def.execute_in_process(
        instance=runner.instance,
        run_config={"loggers": {"console": {}}, "ops": config or {}},
        raise_on_error=False,
    )


def metadata(result: dg.ExecuteInProcessResult, asset: str) -> dict[str, Any]:
    """What Dagster was told of an asset."""
    (made,) = [
        event.step_materialization_data.materialization
        for event in result.get_asset_materialization_events()
        if event.asset_key == dg.AssetKey(asset)
    ]
    return {name: value.value for name, value in made.metadata.items()}


def failure(result: dg.ExecuteInProcessResult) -> str:
    """What the page says of a run that failed."""
    assert not result.success
    (event,) = [event for event in result.all_events if event.is_step_failure]
    error = event.step_failure_data.error
    assert error is not None
    return str(error.cause.message if error.cause else error.message)


def query(installation: Installation, sql: str, *values: object) -> list[tuple[Any, ...]]:
    with installation.warehouse.read() as con:
        return con.execute(sql, list(values)).fetchall()


def test_a_chosen_window_is_read_and_the_cursors_stay(installation: Installation, runner: Runner) -> None:
    first, last = installation.world.first_day + timedelta(days=2), installation.world.first_day + timedelta(days=4)
    days = {"start": first.isoformat(), "end": last.isoformat()}
    result = launch(runner, "bank_history", {"read_history": {"config": days}})
    assert result.success
    told = metadata(result, "bank_history")
    asked = "SELECT count(*), count(*) FILTER (day BETWEEN ? AND ?), min(day), max(day) FROM transactions"
    ((lines, within, least, most),) = query(installation, asked, first, last)
    assert (told["days"], told["accounts"], told["failed"], told["imported"]) == (3, 3, 0, lines)
    served = [row for each in installation.world.account_ids for row in installation.sandbox.bank.rows(each)]
    booked = [(datetime.fromisoformat(str(row["date"])) + timedelta(hours=1)).date() for row in served]
    assert within == sum(first <= day <= last for day in booked) > 0
    assert first - timedelta(days=2) <= least <= most <= last + timedelta(days=2)  # upstream's days are not Lagos days
    assert query(installation, "SELECT count(*) FROM accounts WHERE cursor IS NOT NULL") == [(0,)]


def test_a_new_account_is_read_by_itself(installation: Installation, runner: Runner) -> None:
    new = installation.world.accounts[2]
    days = {"start": installation.world.first_day.isoformat(), "end": installation.world.end.isoformat()}
    now = datetime.now(UTC)
    installation.warehouse.write(
        lambda con: accounts.unlink(con, new.id, now=now), run_id="test", note="it is not there yet"
    )
    assert metadata(launch(runner, "bank_history", {"read_history": {"config": days}}), "bank_history")["accounts"] == 2
    installation.warehouse.write(
        lambda con: accounts.link(con, new.id, new.organization_id, new.environment, now=now), run_id="test", note="new"
    )
    only_new = {"read_history": {"config": {**days, "accounts": "new"}}}
    told = metadata(launch(runner, "bank_history", only_new), "bank_history")
    assert (told["accounts"], told["failed"]) == (1, 0)
    assert told["imported"] > 0
    assert metadata(launch(runner, "bank_history", only_new), "bank_history")["accounts"] == 0


def test_income_that_comes_by_webhook_is_kept_and_not_again_when_it_is_asked_for(
    installation: Installation, runner: Runner
) -> None:
    account = installation.world.accounts[0]
    now = datetime.now(UTC)
    body = compose(Told("mono.events.account_income", account), now, 1)
    assert Lander(installation.settings.landing).land(Event.of(body), "secret", now=now)
    result = launch(runner, "webhooks")
    assert result.success
    assert metadata(result, "webhook_events")["files"] == 1
    kept = "SELECT source, record_hash FROM audit.income_records WHERE account_id = ?"
    ((source, record),) = query(installation, kept, account.id)
    assert source == "webhook"
    assert launch(runner, "account_details").success
    assert [each for each in query(installation, kept, account.id) if each[1] == record] == [("webhook", record)]
    assert query(installation, "SELECT count(*) > 0 FROM audit.income WHERE account_id = ?", account.id) == [(True,)]


def test_what_no_column_holds_is_landed_and_taken_in_and_stops_no_event_behind_it(
    installation: Installation, runner: Runner
) -> None:
    account = installation.world.account_ids[1].encode()
    stream = b'{"income_type": "WAGES\\ud800", "\\udc00": 1, "stability": %b}' % (b"9" * 401)
    bodies = [
        b'{"event": "mono.events.account_updated", "data": {"id": "\\ud800"}}',
        b'{"event": "x\\ud800", "event_id": "b"}',
        b'{"event": "mono.events.account_income", "data": {"account": "%b", "income_streams": [%b]}}'
        % (account, stream),
        b'{"event": "mono.events.account_income", "data": {"account": "%b", "income_streams": [{"stability": 1e999}]}}'
        % account,
        b'{"event": "behind.them"}',
    ]
    now = datetime.now(UTC)
    for body in bodies:
        assert Lander(installation.settings.landing).land(Event.of(body), "secret", now=now)
    result = launch(runner, "webhooks")
    assert result.success
    told = metadata(result, "webhook_events")
    assert (told["files"], told["not_linked"], told["kept"], told["income"], told["quarantined"]) == (5, 1, 2, 2, 0)


def test_an_account_that_is_processing_is_waited_for(installation: Installation, runner: Runner) -> None:
    ledger = installation.sandbox.bank.ledgers[installation.world.account_ids[0]]
    ledger.processing_left = 3
    result = launch(runner, "account_details")
    assert result.success
    assert ledger.ready
    assert metadata(result, "balances") == {"accounts": 3, "failed": 0, "balances": 3}
    assert metadata(result, "identities")["identities"] == 3
    assert metadata(result, "income")["accounts"] == 3
    assert query(installation, "SELECT DISTINCT data_status FROM audit.accounts") == [("AVAILABLE",)]


def test_one_that_stays_processing_fails_the_run_and_no_other_account(
    installation: Installation, runner: Runner
) -> None:
    ledger = installation.sandbox.bank.ledgers[installation.world.account_ids[0]]
    ledger.processing_left = 1_000
    before = query(installation, "SELECT count(*) FROM audit.balances")[0][0]
    result = launch(runner, "account_details")
    ledger.processing_left = 0
    assert "1 of 3 accounts could not be looked up whole: details: NotReady (1)" in failure(result)
    assert query(installation, "SELECT count(*) FROM audit.balances") == [(before + 2,)]


def test_balances_are_kept_over_time(installation: Installation, runner: Runner) -> None:
    launch(runner, "account_details")
    launch(runner, "account_details")
    seen = query(installation, "SELECT count(DISTINCT observed_at) FROM audit.balances GROUP BY account_id")
    assert len(seen) == 3
    assert all(times >= 2 for (times,) in seen)


def test_one_whose_holder_must_log_in_again_is_surfaced(installation: Installation, runner: Runner) -> None:
    account = installation.world.account_ids[1]
    installation.sandbox.bank.require_reauthorisation(account)
    result = launch(runner, "account_details")
    installation.sandbox.bank.ledgers[account].reauthorisation_required = False
    assert "details: ReauthorisationRequired (1)" in failure(result)
    assert metadata(result, "identities")["reauthorisation_required"] == 1
    marked = query(installation, "SELECT account_id FROM audit.accounts WHERE reauthorisation_required")
    assert marked == [(account,)]


def test_of_a_bvn_no_more_than_four_digits_are_kept(installation: Installation, runner: Runner) -> None:
    launch(runner, "account_details")
    kept = dict(query(installation, "SELECT account_id, bvn_last_four FROM audit.identities"))
    assert kept == {account.id: account.bvn[-4:] for account in installation.world.accounts}


def test_what_a_run_decided_is_told_in_counts_naira_and_a_funnel(installation: Installation, runner: Runner) -> None:
    runner.ingest()
    result = launch(runner, "decide", {"decide_days": {"config": {"only_stale": True}}})
    assert result.success
    told = metadata(result, "decisions")
    ((lines, drafted),) = query(
        installation,
        """SELECT count(*), coalesce(sum(amount) FILTER (disposition = 'drafted' AND currency = 'NGN'), 0) // 100
        FROM audit.outcomes""",
    )
    assert told["lines"] == told["decided"] == lines
    assert told["drafted_naira"] == drafted
    ends = query(installation, "SELECT disposition, count(*) FROM audit.outcomes GROUP BY ALL ORDER BY ALL")
    shown = [row.split("|")[1:3] for row in told["funnel"].splitlines()[2:]]
    assert [(end.strip(), int(count.replace(",", ""))) for end, count in shown] == ends
    assert metadata(result, "drafts")["drafts_created"] == query(installation, "SELECT count(*) FROM drafts")[0][0]


@pytest.mark.parametrize(
    ("job", "config", "sentence"),
    [
        ("decide", {"decide_days": {"config": {"start": "yesterday"}}}, "are days as YYYY-MM-DD"),
        ("decide", {"decide_days": {"config": {"start": "2025-03-02", "end": "2025-03-01"}}}, "before they start"),
    ],
)
def test_days_that_are_none_end_the_run_with_a_sentence(
    runner: Runner, job: str, config: dict[str, Any], sentence: str
) -> None:
    assert sentence in failure(launch(runner, job, config))


@pytest.mark.parametrize(
    ("job", "config", "named"),
    [
        ("bank_history", {"read_history": {"config": {"accounts": "old"}}}, "accounts"),
        ("ingest", {"pull": {"config": {"lookback_days": "long"}}}, "lookback_days"),
        ("webhooks", {"take_in": {"config": {"batch": 1}}}, "batch"),
    ],
)
def test_config_that_is_wrong_is_named_before_anything_runs(job: str, config: dict[str, Any], named: str) -> None:
    with pytest.raises(dg.DagsterInvalidConfigError, match=named):
        dg.validate_run_config(defs.resolve_job_def(job), {"ops": config})


def test_a_jobs_description_names_the_config_that_it_takes() -> None:
    for job in JOBS:
        config = defs.resolve_job_def(job.name).run_config_schema.config_type.fields["ops"].config_type.fields
        takes = [
            op.config_type.fields["config"].config_type for op in config.values() if "config" in op.config_type.fields
        ]
        fields = {name for each in takes for name in getattr(each, "fields", ())}
        missing = {name for name in fields if name not in (job.description or "")}
        assert missing == set(), job.name


GRAPH = defs.resolve_asset_graph()
TABLES = sorted(key for key in GRAPH.get_all_asset_keys() if "dagster/column_schema" in GRAPH.get(key).metadata)


@pytest.mark.parametrize("key", TABLES, ids=lambda key: key.to_user_string())
def test_an_assets_columns_are_its_tables_and_come_from_columns_that_are_there(
    installation: Installation, key: dg.AssetKey
) -> None:
    told = GRAPH.get(key).metadata
    table = str(told["dagster/table_name"]).rpartition(".")[2]
    declared = query(installation, f"SELECT column_name, column_type FROM (DESCRIBE main.{table})")  # noqa: S608
    assert [(column.name, column.type) for column in told["dagster/column_schema"].columns] == [
        (name, kind.replace("TIMESTAMP WITH TIME ZONE", "TIMESTAMPTZ")) for name, kind in declared
    ]
    lineage = told["dagster/column_lineage"].deps_by_column if "dagster/column_lineage" in told else {}
    for column, sources in lineage.items():
        assert column in dict(declared)
        for source in sources:
            upstream = GRAPH.get(source.asset_key).metadata["dagster/column_schema"].columns
            assert source.column_name in {each.name for each in upstream}
    if "read it with" in told:
        view = told["read it with"].value.split("audit.")[1].rstrip('"`')
        query(installation, f"SELECT * FROM audit.{view} LIMIT 0")  # noqa: S608


def test_every_asset_leads_to_the_runbook_and_lineage_reaches_from_drafts_to_accounts() -> None:
    for key in TABLES:
        assert (ROOT / GRAPH.get(key).metadata["runbook"].value).is_file()
    assert {"accounts", "transactions", "decisions", "drafts", "rejections", "settlements"} <= {
        key.to_user_string() for key in TABLES
    }
    assert DECISIONS.key in TABLES
    assert migration_statements()


def test_nothing_of_a_line_or_a_holder_is_in_dagsters_records_and_nothing_is_pickled(
    installation: Installation, runner: Runner
) -> None:
    """Every flow has run by now, well and badly; two more with lines that are easy to find, one of them unreadable."""
    bank, account = installation.sandbox.bank, installation.world.account_ids[0]
    day = date.today().isoformat()
    row = {"id": "canary-line", "narration": f"NIP/GTB/{CANARY}/INV-4711", "type": "credit", "balance": None}
    bank.add(account, {**row, "amount": CANARY_AMOUNT, "date": f"{day}T09:00:00.000Z"})
    bank.add(account, {**row, "id": "canary-unreadable", "amount": f"-{CANARY_AMOUNT}", "date": f"{day}T09:00:00.000Z"})
    runner.ingest()
    assert runner.decide_stale() is not None
    assert query(installation, "SELECT count(*) FROM audit.outcomes WHERE transaction_id = 'canary-line'") == [(1,)]
    words = {CANARY, CANARY.lower(), CANARY.upper(), "INV-4711", str(CANARY_AMOUNT), "canary-line", "canary-unreadable"}
    words |= {f"{CANARY_AMOUNT // 100:,}", str(CANARY_AMOUNT // 100)}
    for each in installation.world.accounts:
        words |= {each.id, each.holder, each.organization_id, each.bvn, json.dumps(each.holder)[1:-1]}
    words |= {str(row["narration"]) for row in bank.rows(account)}
    words |= set(installation.world.truth()["transaction_id"])
    files = [path for path in installation.settings.dagster_home.rglob("*") if path.is_file()]
    kept = b"".join(path.read_bytes() for path in files)
    assert len(kept) > 100_000
    assert [word for word in words if word.encode() in kept] == []
    kinds = {path.name.partition(".")[2] for path in files if path.suffix}
    assert kinds <= {"db", "db-shm", "db-wal", "yaml", "template", "lock"}
