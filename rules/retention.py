"""How long bank data are kept (domain section 8): a pure function of the setting and of the day in Lagos."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from rules.transactions import LAGOS


def first_day_kept(retention_days: int | None, now: datetime) -> date | None:
    """The first booked day that is kept: lines booked before it are older than `retention_days`; None keeps all."""
    if retention_days is None:
        return None
    today = now.astimezone(ZoneInfo(LAGOS)).date()
    return today - timedelta(days=min(retention_days, today.toordinal() - 1))
