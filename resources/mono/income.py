"""Income as Mono reports it, by webhook and in its list of records: exact numbers, no names.

Holds pure functions from decoded JSON to plain values. Must not hold requests or the warehouse. What is no day, no
text or no number that a column holds becomes null: a report is kept for what it says.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from rules.money import GREATEST
from rules.transactions import canonical_json, payload_hash

_BESIDE = frozenset({"account", "app", "business"})
_GREATEST_COUNT = 2**31 - 1
_AMOUNTS = (
    "total_income",
    "annual_income",
    "monthly_income",
    "aggregated_monthly_average",
    "total_regular_income_amount",
    "total_irregular_income_amount",
)
_STREAM_TEXTS = ("income_type", "frequency", "currency", "last_income_description")
_STREAM_WHOLES = (
    "monthly_average",
    "average_income_amount",
    "last_income_amount",
)
_STREAM_COUNTS = ("periods_with_income", "number_of_incomes", "number_of_months")
_STREAM_DAYS = ("first_income_date", "last_income_date")

Row = dict[str, object]


@dataclass(frozen=True)
class Income:
    """One report: its own columns (of table `income_records`), and those of its streams (of `income_streams`)."""

    record: Row
    streams: list[Row]

    @property
    def last_day(self) -> date:
        """The last day that it reports on; the first there is where it does not say."""
        day = self.record["last_transaction_date"]
        return day if isinstance(day, date) else date.min


def income_of(value: object) -> Income | None:
    """Read one report, of a webhook or of a record; null where it is none."""
    if not isinstance(value, Mapping):
        return None
    streams = value.get("income_streams")
    if not isinstance(streams, list):
        return None
    told = {key: item for key, item in value.items() if key not in _BESIDE}
    record: Row = {"record_hash": payload_hash(canonical_json(told)), "period": _text(value.get("period"))}
    record |= {name: _day(value.get(name)) for name in ("first_transaction_date", "last_transaction_date")}
    record["number_of_income_streams"] = _whole(value.get("number_of_income_streams"), _GREATEST_COUNT)
    record |= {name: _whole(value.get(name)) for name in _AMOUNTS}
    return Income(record, [_stream(stream) for stream in streams if isinstance(stream, Mapping)])


def records_of(document: Mapping[str, object]) -> list[Income]:
    """Read a page of `income-records`."""
    data = document.get("data")
    return list(_reports(data if isinstance(data, list) else []))


def more_pages(document: Mapping[str, object]) -> bool:
    """Whether upstream names a page after this one."""
    meta = document.get("meta")
    return isinstance(meta, Mapping) and bool(meta.get("next"))


def _reports(data: list[object]) -> Iterator[Income]:
    for item in data:
        found = income_of(item.get("income", item)) if isinstance(item, Mapping) else None
        if found is not None:
            yield found


def _stream(value: Mapping[str, object]) -> Row:
    row: Row = {name: _text(value.get(name)) for name in _STREAM_TEXTS}
    row |= {name: _whole(value.get(name)) for name in _STREAM_WHOLES}
    row |= {name: _whole(value.get(name), _GREATEST_COUNT) for name in _STREAM_COUNTS}
    row |= {name: _day(value.get(name)) for name in _STREAM_DAYS}
    return row | {"stability": _number(value.get("stability"))}


def _text(value: object) -> str | None:
    return (value.strip() or None) if isinstance(value, str) else None


def _whole(value: object, greatest: int = GREATEST) -> int | None:
    if type(value) is float and value.is_integer():
        value = int(value)
    return value if type(value) is int and abs(value) <= greatest else None


def _number(value: object) -> float | None:
    try:
        number = float(value) if isinstance(value, (int, float, Decimal)) and not isinstance(value, bool) else None
    except (OverflowError, ValueError):
        return None
    return number if number is not None and math.isfinite(number) else None


def _day(value: object) -> date | None:
    try:
        return date.fromisoformat(value[:10]) if isinstance(value, str) else None
    except ValueError:
        return None
