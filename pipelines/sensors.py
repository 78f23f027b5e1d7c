"""The sensors: what has landed is taken in, what has changed is decided, soon and in one run at a time.

Holds when a run is asked for, never what it does. What there is to do stands in the warehouse and the landing folder,
never in cursors or run keys: a sensor that was off, a run that was killed or a history that was wiped loses nothing.
They are on by default, since they start what has already begun; what begins anything is a schedule, and off.
A run that failed is not asked for again before it has rested, so that a fault which stays does not fill the page.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import dagster as dg
from dagster import DagsterRunStatus, RunsFilter

from assets.partitions import range_tags
from assets.redaction import without_row_values
from assets.stale import stale_range
from assets.webhooks import Landing
from pipelines.jobs import DECIDE, INGEST, WEBHOOKS
from resources.clock import Clock
from resources.warehouse.connection import Warehouse
from resources.warehouse.upkeep import last_commit
from resources.webhooks import EVENTS_A_BATCH
from rules.policy import Policy

BATCHES_A_RUN = 10
REST_AFTER_FAILURE = timedelta(minutes=5)
INGEST_IS_LONG = timedelta(minutes=5)
"""So long a pull is waited for, so that its days are decided once; then they are decided while it goes on."""
_UNDER_WAY = [
    DagsterRunStatus.QUEUED,
    DagsterRunStatus.NOT_STARTED,
    DagsterRunStatus.STARTING,
    DagsterRunStatus.STARTED,
    DagsterRunStatus.CANCELING,
]
_LOOK_AGAIN = timedelta(minutes=15)
"""Time alone makes days stale, where lines are pending or entries expire: they are looked for so often."""


@dg.sensor(
    job=WEBHOOKS,
    minimum_interval_seconds=10,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Events that have landed are taken in, at most a bounded number by one run at a time.",
)
def landed_webhooks(
    context: dg.SensorEvaluationContext, landing: dg.ResourceParam[Landing], clock: dg.ResourceParam[Clock]
) -> dg.RunRequest | dg.SkipReason:
    """Ask for a run where files wait."""
    waiting = landing.folder.count()
    if not waiting:
        return dg.SkipReason("Nothing has landed.")
    if reason := _in_the_way(context.instance, WEBHOOKS.name, clock.now()):
        return dg.SkipReason(reason)
    batches = min(-(-waiting // EVENTS_A_BATCH), BATCHES_A_RUN)
    return dg.RunRequest(run_config={"ops": {"take_in": {"config": {"batches": batches}}}})


@dg.sensor(
    job=DECIDE,
    minimum_interval_seconds=10,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Days whose lines, policy, lists or invoices changed are decided, all by one run over their range.",
)
def stale_days(
    context: dg.SensorEvaluationContext,
    warehouse: dg.ResourceParam[Warehouse],
    policy: dg.ResourceParam[Policy],
    clock: dg.ResourceParam[Clock],
) -> dg.RunRequest | dg.SkipReason:
    """Ask for a run over the days that are not decided as they would be now."""
    now = clock.now()
    if reason := _in_the_way(context.instance, DECIDE.name, now) or _still_pulling(context.instance, now):
        return dg.SkipReason(reason)
    with without_row_values():
        seen = _seen(warehouse, policy, now)
        if context.cursor == seen:
            return dg.SkipReason("Nothing has changed.")
        stale = stale_range(warehouse, policy, clock)
    if stale is None:
        context.update_cursor(seen)  # a short cut, and no more: what is stale is looked for as soon as anything differs
        return dg.SkipReason("Every day is decided as it would be now.")
    start, end = stale
    days = {"start": start.isoformat(), "end": end.isoformat()} if start and end else {}
    config = {**days, "only_stale": True}
    return dg.RunRequest(run_config={"ops": {"decide_days": {"config": config}}}, tags=range_tags(start, end))


SENSORS = (landed_webhooks, stale_days)


def _in_the_way(instance: dg.DagsterInstance, job: str, now: datetime) -> str | None:
    """Why no run of a job is asked for now: one is under way, or has just failed."""
    if instance.get_runs(RunsFilter(job_name=job, statuses=_UNDER_WAY), limit=1):
        return f"A run of {job} is under way."
    newest = instance.get_run_records(RunsFilter(job_name=job), limit=1)
    if newest and newest[0].dagster_run.status == DagsterRunStatus.FAILURE:
        ended = datetime.fromtimestamp(newest[0].end_time or 0.0, UTC)
        if now - ended < REST_AFTER_FAILURE:
            return f"The last run of {job} failed; it is asked for again five minutes after."
    return None


def _still_pulling(instance: dg.DagsterInstance, now: datetime) -> str | None:
    under_way = instance.get_run_records(RunsFilter(job_name=INGEST.name, statuses=_UNDER_WAY), limit=1)
    if under_way and now - under_way[0].create_timestamp < INGEST_IS_LONG:
        return "A pull is under way: its days are decided after it."
    return None


def _seen(warehouse: Warehouse, policy: Policy, now: datetime) -> str:
    """What a look at the days rests on: the warehouse's last commit, the policy, and about when."""
    with warehouse.read() as con:
        commit = last_commit(con)
    return f"{commit}/{policy.hash}/{int(now.timestamp() // _LOOK_AGAIN.total_seconds())}"
