"""The schedules: fixed times in Lagos for what nobody waits for, off until they are switched on.

Retries and run times are the jobs' (`pipelines/jobs.py`). A schedule that was off, or whose daemon was down, catches
up by itself: each run finds in the warehouse what there is to do.
"""

from __future__ import annotations

from collections.abc import Mapping

import dagster as dg

from assets.partitions import DAYS
from pipelines.jobs import ACCOUNT_DETAILS, INGEST, MAINTAIN, RETENTION

LOOKBACK_DAYS = 45
"""Banks post and correct up to a statement's end: once a night, more is read again than by every sync."""
_LAGOS = DAYS.timezone


def _schedule(
    name: str,
    job: dg.UnresolvedAssetJobDefinition | dg.JobDefinition,
    cron: str,
    description: str,
    config: Mapping[str, object] | None = None,
) -> dg.ScheduleDefinition:
    return dg.ScheduleDefinition(
        name=name,
        job=job,
        cron_schedule=cron,
        execution_timezone=_LAGOS,
        default_status=dg.DefaultScheduleStatus.STOPPED,
        description=description,
        run_config=dict(config or {}),
    )


SCHEDULES = (
    _schedule(
        "hourly_sync", INGEST, "5 * * * *", "Every hour: pull what is new. The days it touches are decided after."
    ),
    _schedule(
        "nightly_lookback",
        INGEST,
        "30 1 * * *",
        f"Every night: read the last {LOOKBACK_DAYS} days again, for lines that came late or were corrected.",
        {"ops": {"pull": {"config": {"lookback_days": LOOKBACK_DAYS}}}},
    ),
    _schedule(
        "nightly_account_details",
        ACCOUNT_DETAILS,
        "0 3 * * *",
        "Every night: details and data status, balance, holder and income of each linked account.",
    ),
    _schedule(
        "nightly_retention", RETENTION, "30 3 * * *", "Every night: bank lines that expired go, and are looked for."
    ),
    _schedule("nightly_maintenance", MAINTAIN, "0 4 * * *", "Every night: small files merged, old snapshots let go."),
)
