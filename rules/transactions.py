"""Bank lines as upstream writes them, made into transactions: types, spellings and days settled once, here.

Holds `normalise`, the only way from a raw row to the tables `transactions` and `quarantine`. Must not hold decisions,
nor know where the rows come from. A row is quarantined only where it has no usable id, amount, type or date, or where
its status says that no money moved; a wrong optional field becomes null, since the raw payload keeps it.

What upstream leaves open is settled so: an amount is a JSON number of whole value (500 and 500.0, not "500"); a time
without a zone is UTC, a date without a time is its midnight in UTC (the same day in Lagos); a currency that is
no three letters is XXX, which nobody invoices in, and not the account's; any other status, or none, is settled.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from hashlib import blake2b
from itertools import chain

import polars as pl
import polars.selectors as cs

from rules.money import GREATEST, iso_currency

LAGOS = "Africa/Lagos"
_UTC = pl.Datetime("us", "UTC")
_EXACT_FLOAT = 2**53
_YEARS = range(1970, 2200)
_UTC_TIME = r"^(19[7-9]|20[0-9]|21[0-9])[0-9]-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-5][0-9](\.[0-9]{1,9})?Z$"
_NEEDS_ESCAPE = r'["\\\x00-\x1f]'
_REPLACEMENT = "\ufffd"
_PENDING = ["pending", "processing", "hold"]
_NEVER_MOVED = ["failed", "reversed", "declined", "cancelled", "canceled"]
_TEXT = frozenset({str, type(None)})
_WHOLE = frozenset({int, type(None)})

_compact = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode
_ascii = json.JSONEncoder(separators=(",", ":")).encode

TRANSACTION_SCHEMA: dict[str, pl.DataType] = {
    "organization_id": pl.String(),
    "environment": pl.String(),
    "account_id": pl.String(),
    "transaction_id": pl.String(),
    "booked_at": _UTC,
    "day": pl.Date(),
    "direction": pl.String(),
    "amount": pl.Int64(),
    "currency": pl.String(),
    "narration": pl.String(),
    "description": pl.String(),
    "counterparty": pl.String(),
    "reference": pl.String(),
    "tags": pl.List(pl.String()),
    "status": pl.String(),
    "category": pl.String(),
    "balance": pl.Int64(),
    "payload": pl.String(),
    "payload_hash": pl.String(),
    "received_at": _UTC,
    "run_id": pl.String(),
}
"""The columns of table `transactions`, in its order, without `version`, which the merge gives."""

QUARANTINE_SCHEMA: dict[str, pl.DataType] = {
    "organization_id": pl.String(),
    "environment": pl.String(),
    "account_id": pl.String(),
    "payload_hash": pl.String(),
    "source": pl.String(),
    "field": pl.String(),
    "expected": pl.String(),
    "payload": pl.String(),
    "quarantined_at": _UTC,
    "run_id": pl.String(),
}
"""The columns of table `quarantine`, in its order."""

EXPECTED = {
    "row": "an object",
    "id": "text that is not blank, or a whole number",
    "amount": f"a positive whole number of minor units, at most {GREATEST}",
    "type": "credit or debit",
    "date": f"an ISO 8601 date or time from {_YEARS.start} to {_YEARS.stop - 1}",
    "status": "one of money that moved or may yet move (failed, reversed, declined and cancelled are none)",
}
"""What a row must hold to be read, by field, in the order in which a row is looked at."""


@dataclass(frozen=True)
class AccountKey:
    """A bank account and the tenant it belongs to."""

    organization_id: str
    environment: str
    account_id: str


@dataclass(frozen=True)
class _Column:
    """The values of one key, and the same as a series where they are all text or all 64-bit integers."""

    values: list[object]
    series: pl.Series | None


@dataclass(frozen=True)
class Normalised:
    """Rows that could be read (columns of `TRANSACTION_SCHEMA`) and rows that could not (`QUARANTINE_SCHEMA`)."""

    transactions: pl.DataFrame
    quarantine: pl.DataFrame


def normalise(
    rows: Sequence[object], account: AccountKey, received_at: datetime, run_id: str, source: str = "sync"
) -> Normalised:
    """Raw rows of one account as typed transactions, in the order given, and the rows that cannot be read.

    `rows` are decoded JSON values; amounts are in minor units. Nothing is dropped and nothing is merged: as many rows
    come out, in the two frames together, as went in.
    """
    return normalise_all([(account, rows)], received_at, run_id, source)


def normalise_all(
    parts: Sequence[tuple[AccountKey, Sequence[object]]], received_at: datetime, run_id: str, source: str = "sync"
) -> Normalised:
    """What `normalise` does, for rows of several accounts at once, which costs less than account by account."""
    rows = list(chain.from_iterable(part for _, part in parts))
    objects = [row if type(row) is dict else _object(row) for row in rows]
    keys: set[str] = set().union(*objects)
    columns = {key: _column([row.get(key) for row in objects]) for key in keys}
    payloads = _payloads(rows, objects, columns)
    lines = _typed(objects, columns).with_columns(
        *_of_accounts(parts),
        pl.Series("payload", payloads, pl.String),
        pl.Series("payload_hash", [payload_hash(text) for text in payloads], pl.String),
        pl.Series("is_object", [type(row) is dict or isinstance(row, Mapping) for row in rows], pl.Boolean),
    )
    lines = _settled(lines).with_columns(
        pl.lit(received_at, _UTC).alias("received_at"), pl.lit(run_id).alias("run_id"), _first_fault().alias("field")
    )
    read = lines.filter(pl.col("field").is_null())
    return Normalised(read.select(_as(TRANSACTION_SCHEMA)), _quarantined(lines, source))


def line_id(row: object) -> str | None:
    """The id of a raw row (`id`, else `_id`) as text; null where it has none that can be used."""
    if type(row) is not dict and not isinstance(row, Mapping):
        return None
    return _identity(row.get("id")) or _identity(row.get("_id"))


def canonical_json(value: object) -> str:
    """A decoded JSON value as one line of JSON: keys sorted, no blanks, numbers exact."""
    try:
        text = _compact(value)
        text.encode()
    except (TypeError, ValueError):  # a decimal; a number that JSON has no word for; half of a surrogate pair
        return _exact_json(value)
    return text


def payload_hash(payload: str) -> str:
    """The identity of a payload: 32 hexadecimal digits over its canonical JSON."""
    return blake2b(payload.encode(), digest_size=16).hexdigest()


def encodable(text: str) -> str:
    """The text with what UTF-8 cannot hold replaced: either half of a surrogate pair without the other."""
    return text if text.isascii() else text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _object(row: object) -> dict[str, object]:
    """The row as an object; an empty one where it is none, so that its fields are looked at like any other's."""
    return dict(row) if isinstance(row, Mapping) else {}


def _of_accounts(parts: Sequence[tuple[AccountKey, Sequence[object]]]) -> list[pl.Series]:
    """The columns that name each row's account and tenant."""
    names = ("organization_id", "environment", "account_id")
    return [
        pl.Series(name, [text for key, part in parts for text in [getattr(key, name)] * len(part)], pl.String)
        for name in names
    ]


def _as(schema: Mapping[str, pl.DataType]) -> list[pl.Expr]:
    """The columns of a table, in its order and types."""
    return [pl.col(name).cast(dtype) for name, dtype in schema.items()]


def _column(values: list[object]) -> _Column:
    """One key's values, with a typed series where all of them are text, or whole numbers, or null."""
    kinds = set(map(type, values))
    try:
        if kinds <= _TEXT:
            return _Column(values, pl.Series(values, dtype=pl.String))
        if kinds <= _WHOLE:
            return _Column(values, pl.Series(values, dtype=pl.Int64))
    except (UnicodeEncodeError, OverflowError, TypeError):  # half of a surrogate pair; more than 64 bits
        pass
    return _Column(values, None)


def _typed(rows: Sequence[Mapping[str, object]], columns: Mapping[str, _Column]) -> pl.DataFrame:
    """The columns that rows carry, each in its type, null where it is absent or cannot be read."""
    absent = _column([None] * len(rows))

    def column(name: str) -> _Column:
        return columns.get(name, absent)

    ids = _column([line_id(row) for row in rows]) if "_id" in columns else column("id")
    return pl.DataFrame(
        [
            _texts(ids, _identity).alias("transaction_id"),
            _moments(_texts(column("date"), _plain_text)).alias("booked_at"),
            _texts(column("type"), _plain_text).alias("direction"),
            _wholes(column("amount")).alias("amount"),
            _texts(column("counterparty"), _party).alias("counterparty"),
            _tags(column("tags")).alias("tags"),
            _wholes(column("balance")).alias("balance"),
            *(
                _texts(column(name), _plain_text).alias(name)
                for name in ("currency", "narration", "description", "reference", "status", "category")
            ),
        ]
    )


def _settled(lines: pl.DataFrame) -> pl.DataFrame:
    """The typed columns with each spelling, sign and day settled; null where that leaves nothing."""
    if lines["payload"].str.contains(r"\u0000", literal=True).any():
        lines = lines.with_columns(cs.string().exclude("payload").str.replace_all("\0", _REPLACEMENT, literal=True))
    status = pl.col("status")
    pending, never_moved = (_one_of(status, words).is_not_null() for words in (_PENDING, _NEVER_MOVED))
    return lines.with_columns(
        pl.when(pl.col("transaction_id").str.strip_chars() != "").then("transaction_id").alias("transaction_id"),
        pl.col("booked_at").dt.convert_time_zone(LAGOS).dt.date().alias("day"),
        _one_of(pl.col("direction"), ["credit", "debit"]).alias("direction"),
        pl.when(pl.col("amount") > 0).then("amount").alias("amount"),
        iso_currency(pl.col("currency")).alias("currency"),
        _trimmed("counterparty"),
        _trimmed("reference"),
        pl.when(pending).then(pl.lit("pending")).when(~never_moved).then(pl.lit("settled")).alias("status"),
    )


def _first_fault() -> pl.Expr:
    """The first field that keeps a row from being read, null where it can be."""
    return (
        pl.when(~pl.col("is_object"))
        .then(pl.lit("row"))
        .when(pl.col("transaction_id").is_null())
        .then(pl.lit("id"))
        .when(pl.col("amount").is_null())
        .then(pl.lit("amount"))
        .when(pl.col("direction").is_null())
        .then(pl.lit("type"))
        .when(pl.col("booked_at").is_null())
        .then(pl.lit("date"))
        .when(pl.col("status").is_null())
        .then(pl.lit("status"))
    )


def _quarantined(lines: pl.DataFrame, source: str) -> pl.DataFrame:
    """The rows with a fault, with the field and what it was expected to be."""
    return (
        lines.filter(pl.col("field").is_not_null())
        .with_columns(
            pl.lit(source).alias("source"),
            pl.col("field").replace_strict(EXPECTED, return_dtype=pl.String).alias("expected"),
            pl.col("received_at").alias("quarantined_at"),
        )
        .select(_as(QUARANTINE_SCHEMA))
    )


def _one_of(text: pl.Expr, words: list[str]) -> pl.Expr:
    """The text, trimmed and lower-cased, where it is one of the words, else null."""
    word = text.str.strip_chars().str.to_lowercase()
    return pl.when(word.is_in(words)).then(word)


def _trimmed(name: str) -> pl.Expr:
    """A column without blanks around its text, null where nothing is left."""
    text = pl.col(name).str.strip_chars()
    return pl.when(text != "").then(text).alias(name)


def _texts(column: _Column, read: Callable[[object], str | None]) -> pl.Series:
    """A column as text, by `read` where some values are not; what UTF-8 cannot hold is replaced."""
    if column.series is not None and column.series.dtype == pl.String:
        return column.series
    texts = (read(value) for value in column.values)
    return pl.Series([None if text is None else encodable(text) for text in texts], dtype=pl.String)


def _wholes(column: _Column) -> pl.Series:
    """A column as 64-bit integers, null where a value is no whole number or too large."""
    if column.series is not None and column.series.dtype == pl.Int64:
        return column.series
    return pl.Series([_whole(value) for value in column.values], dtype=pl.Int64)


def _tags(column: _Column) -> pl.Series:
    """A column as lists of text; one text is one tag."""
    if column.series is not None and column.series.null_count() == len(column.values):
        return pl.Series([[]], dtype=pl.List(pl.String)).new_from_index(0, len(column.values))
    texts = pl.Series([_compact(_tag_list(value)) if value else "[]" for value in column.values], dtype=pl.String)
    return texts.str.json_decode(pl.List(pl.String))


def _moments(texts: pl.Series) -> pl.Series:
    """Times in UTC: at once where they are written the usual way, one by one where not, null where impossible."""
    frame = pl.DataFrame({"text": texts})
    usual = pl.col("text").str.to_datetime("%Y-%m-%dT%H:%M:%S%.fZ", time_unit="us", time_zone="UTC", strict=False)
    times = frame.select(pl.when(pl.col("text").str.contains(_UTC_TIME)).then(usual)).to_series()
    others = (times.is_null() & texts.is_not_null()).arg_true()
    if len(others) == 0:
        return times
    return times.scatter(others, pl.Series([_moment(text) for text in texts.gather(others)], dtype=_UTC))


def _moment(text: str) -> datetime | None:
    """The UTC time that ISO 8601 text names, null where it names none or a year beyond any statement."""
    try:
        time = datetime.fromisoformat(text.strip())
        moment = time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return moment if moment.year in _YEARS else None


def _identity(value: object) -> str | None:
    """An id as text; null where it is blank or neither text nor a whole number."""
    if isinstance(value, str):
        return value if value.strip() else None
    return str(value) if type(value) is int else None


def _plain_text(value: object) -> str | None:
    """The value where it is text."""
    return value if isinstance(value, str) else None


def _party(value: object) -> str | None:
    """A counterparty's name, given as text or as an object that has one."""
    return _plain_text(value.get("name") if isinstance(value, Mapping) else value)


def _tag_list(value: object) -> list[str]:
    """The tags among a value: the texts of a list, or one text."""
    given = [value] if isinstance(value, str) else value if isinstance(value, list) else []
    return [encodable(tag.strip()) for tag in given if isinstance(tag, str) and tag.strip()]


def _whole(value: object) -> int | None:
    """A JSON number of whole value that fits 64 bits, exactly, else null; true and false are no numbers."""
    if isinstance(value, float):
        whole = value.is_integer() and abs(value) <= _EXACT_FLOAT
    elif isinstance(value, Decimal):
        whole = value.adjusted() < len(str(GREATEST)) and value == value.to_integral_value()
    else:
        whole = type(value) is int
    number = int(value) if whole else None  # type: ignore[call-overload]
    return number if number is not None and abs(number) <= GREATEST else None


def _payloads(
    rows: Sequence[object], objects: Sequence[Mapping[str, object]], columns: Mapping[str, _Column]
) -> list[str]:
    """Each row's canonical JSON: column by column where all rows are objects of the same keys, else row by row."""
    alike = all(len(row) == len(columns) for row in objects) and all(type(row) is dict for row in rows)
    if not columns or not alike:
        return [canonical_json(row) for row in rows]
    try:
        done = _json_by_column(columns)
    except UnicodeEncodeError:  # half of a surrogate pair in a key
        return [canonical_json(row) for row in rows]
    payloads: list[str] = done["json"].to_list()
    for index in done["awkward"].arg_true():
        payloads[index] = canonical_json(rows[index])
    return payloads


def _json_by_column(columns: Mapping[str, _Column]) -> pl.DataFrame:
    """Canonical JSON put together from columns, and the rows where that is wrong since their text needs escapes."""
    series: list[pl.Series] = []
    parts: list[pl.Expr] = []
    awkward: list[pl.Expr] = [pl.lit(value=False)]
    for place, (key, column) in enumerate(sorted(columns.items())):
        name = str(place)
        value = pl.col(name)
        parts.append(pl.lit(f"{',' if place else '{'}{_compact(key)}:"))
        if column.series is None:
            series.append(pl.Series(name, [canonical_json(item) for item in column.values], pl.String))
            parts.append(value)
        elif column.series.dtype == pl.Int64:
            series.append(column.series.alias(name))
            parts.append(value.cast(pl.String).fill_null("null"))
        else:
            series.append(column.series.alias(name))
            parts.append(pl.concat_str(pl.lit('"'), value, pl.lit('"')).fill_null("null"))
            awkward.append(value.str.contains(_NEEDS_ESCAPE).fill_null(value=False))
    return pl.DataFrame(series).select(
        pl.concat_str([*parts, pl.lit("}")]).alias("json"), pl.any_horizontal(awkward).alias("awkward")
    )


def _exact_json(value: object) -> str:
    """Canonical JSON of what the ordinary encoder cannot write: decimals, half surrogate pairs, no-numbers."""
    if isinstance(value, Mapping):
        members = (f"{_exact_json(key)}:{_exact_json(value[key])}" for key in sorted(value))
        return "{" + ",".join(members) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(_exact_json, value)) + "]"
    if isinstance(value, Decimal) and value.is_finite():
        return str(value)
    if isinstance(value, Decimal) or (isinstance(value, float) and not math.isfinite(value)):
        return _ascii(str(value))
    if isinstance(value, str) and encodable(value) != value:
        return _ascii(value)
    return _compact(value)
