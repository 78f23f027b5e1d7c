"""The watch: runs that failed, checks that failed, queues that grow, all told through the outbox; and runs that died.

Holds what is worth an alert. Must not hold how one is delivered (`resources/outbox.py`). On by default: without an
address it writes to the log, `logs/alerts.log` in the home. An alert's id says what it is about, so that it is raised
once however often it is noticed: each failed run, each failing check and each growing queue once a day.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import dagster as dg
from dagster import DagsterRunStatus, RunsFilter
from dagster._core.storage.asset_check_execution_record import (
    AssetCheckExecutionRecord,
    AssetCheckExecutionRecordStatus,
)
from dagster._core.storage.tags import WILL_RETRY_TAG

from assets.checks import CHECK_SPECS
from assets.redaction import without_row_values
from pipelines.instance import close_dead_runs
from resources.clock import Clock
from resources.outbox import Receiver, deliver, open_log
from resources.payment_status import tell_payments
from resources.settings import Settings
from resources.warehouse import outbox
from resources.warehouse.connection import Warehouse
from resources.warehouse.outbox import Alert

_RUNS_A_TIME = 50
_CHECKS_A_TIME = 5
_PAYMENT_SECONDS = 10.0
_LOOK_BACK = timedelta(days=1)
"""So far back failures are looked for; what was told already is not told again."""


@dg.sensor(
    minimum_interval_seconds=30,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description=(
        "Tells of failed runs, failed checks and growing queues, and delivers monitoring events: to the log, and to "
        "KOBOSIFT_ALERT_URL where it is set; tells of payments of signed invoices. Marks runs whose process "
        "died, so that they are started again."
    ),
)
def watch(
    context: dg.SensorEvaluationContext,
    settings: dg.ResourceParam[Settings],
    warehouse: dg.ResourceParam[Warehouse],
    clock: dg.ResourceParam[Clock],
) -> dg.SkipReason:
    """Look, raise what is new, deliver what waits."""
    died = close_dead_runs(context.instance)
    with without_row_values():
        raised = notice(context.instance, settings, warehouse, clock)
        done = deliver(warehouse, Receiver.of(settings), open_log(settings.kobosift_home), clock=clock, run_id="watch")
        paid = tell_payments(warehouse, settings, clock, run_id="watch", seconds=_PAYMENT_SECONDS)
    counts = f"{raised} alerts raised, {done.delivered} messages delivered, {paid.told} payments told"
    errors = [error for error in (done.error, paid.error) if error]
    return dg.SkipReason(" ".join([f"{counts}, {died} dead runs marked.", *errors]))


def notice(instance: dg.DagsterInstance, settings: Settings, warehouse: Warehouse, clock: Clock) -> int:
    """Raise an alert for whatever is wrong and was not told of yet; how many there were.

    Raises:
        WarehouseError: the outbox cannot be read or written.
    """
    now = clock.now()
    environment = settings.kobosift_environment
    with warehouse.read() as con:
        found = [
            *_failed_runs(instance, environment, now),
            *_failed_checks(instance, environment, now),
            *outbox.growing_queues(con, now),
        ]
        new = outbox.unknown(con, found)
    if new:
        warehouse.write(lambda con: outbox.raise_alerts(con, new), run_id="watch", note="alerts raised")
    return len(new)


def _failed_runs(instance: dg.DagsterInstance, environment: str, now: datetime) -> Iterator[Alert]:
    """The runs that failed lately and are not started again by themselves."""
    lately = RunsFilter(statuses=[DagsterRunStatus.FAILURE], updated_after=now - _LOOK_BACK)
    for record in instance.get_run_records(lately, limit=_RUNS_A_TIME):
        run = record.dagster_run
        if run.tags.get(WILL_RETRY_TAG) == "true":
            continue
        yield Alert(
            f"run_failed/{run.run_id}",
            "run_failed",
            environment,
            None,
            run.run_id.replace("-", ""),
            f"job {run.job_name}, run {run.run_id}: Dagster's page shows where it failed",
            datetime.fromtimestamp(record.end_time or record.create_timestamp.timestamp(), UTC),
        )


def _failed_checks(instance: dg.DagsterInstance, environment: str, now: datetime) -> Iterator[Alert]:
    for spec in CHECK_SPECS:
        records = instance.event_log_storage.get_asset_check_execution_history(
            spec.key, limit=_CHECKS_A_TIME, status={AssetCheckExecutionRecordStatus.FAILED}
        )
        for record in records:
            failed_at = datetime.fromtimestamp(record.create_timestamp, UTC)
            if now - failed_at < _LOOK_BACK:
                yield _of_check(record, spec, environment, failed_at)


def _of_check(
    record: AssetCheckExecutionRecord, spec: dg.AssetCheckSpec, environment: str, failed_at: datetime
) -> Alert:
    name = f"{spec.asset_key.to_user_string()}/{spec.name}"
    counts = ""
    if record.event is not None and record.event.dagster_event is not None:
        metadata = record.event.dagster_event.asset_check_evaluation_data.metadata
        counts = ", ".join(f"{key.replace('_', ' ')} {value.value}" for key, value in metadata.items())
    return Alert(
        f"check_failed/{name}/{failed_at:%Y-%m-%d}",
        "check_failed",
        environment,
        None,
        record.run_id.replace("-", "") or None,
        f"{name}: {counts}; `kobosift decide` names the rows at fault",
        failed_at,
    )
