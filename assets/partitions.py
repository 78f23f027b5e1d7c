"""The days by which everything derived is partitioned: booked days in Africa/Lagos, today's included.

Ingest has no partitions (a cursor is a position in a stream), and accounts are never partition keys: keys are kept
for ever.
"""

from __future__ import annotations

from datetime import date

import dagster as dg

FIRST_DAY = date(2015, 1, 1)
DAYS = dg.DailyPartitionsDefinition(start_date=FIRST_DAY.isoformat(), timezone="Africa/Lagos", end_offset=1)
