"""The days by which everything derived is partitioned: booked days in Africa/Lagos, today's included.

Ingest has no partitions (a cursor is a position in a stream), and accounts are never partition keys: keys are kept
for ever.
"""

from __future__ import annotations

from datetime import date, timedelta

import dagster as dg
from dagster._core.storage.tags import ASSET_PARTITION_RANGE_END_TAG, ASSET_PARTITION_RANGE_START_TAG

from resources.errors import ConfigurationError

FIRST_DAY = date(2015, 1, 1)
DAYS = dg.DailyPartitionsDefinition(start_date=FIRST_DAY.isoformat(), timezone="Africa/Lagos", end_offset=1)
DAYS_RECORDED = 366
"""A longer range is recorded as one run without partitions: Dagster keeps an event for each day and asset."""


def range_tags(start: date | None, end: date | None) -> dict[str, str]:
    """The tags under which a run over these days is recorded: those of its days that are partitions.

    None where there are too many, or where the range lies outside (lines dated in the future, say): such days are
    decided like any other, the run is only not recorded under them.
    """
    newest = date.fromisoformat(DAYS.get_last_partition_key() or FIRST_DAY.isoformat())
    first, last = max(start or FIRST_DAY, FIRST_DAY), min(end or newest, newest)
    if first > last or last - first >= timedelta(days=DAYS_RECORDED):
        return {}
    return {ASSET_PARTITION_RANGE_START_TAG: first.isoformat(), ASSET_PARTITION_RANGE_END_TAG: last.isoformat()}


def chosen_days(
    context: dg.AssetExecutionContext, start: str | None, end: str | None
) -> tuple[date | None, date | None]:
    """The days of a run: as its config says, else its partitions, else none.

    Raises:
        ConfigurationError: the config's days are none.
    """
    try:
        first, last = (date.fromisoformat(day) if day else None for day in (start, end))
    except ValueError as error:
        message = f"the run's start and end are days as YYYY-MM-DD: {error}"
        raise ConfigurationError(message) from error
    if first is None and last is None and context.has_partition_key_range:
        keys = context.partition_key_range
        return date.fromisoformat(keys.start), date.fromisoformat(keys.end)
    if first is not None and last is not None and last < first:
        message = f"the run's days end ({last}) before they start ({first})"
        raise ConfigurationError(message)
    return first, last
