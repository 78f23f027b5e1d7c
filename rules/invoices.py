"""Invoices that people hand in: which columns they have, what is wrong with their rows, and what they change.

Holds the meaning of the rows (interfaces section 7), given as text; how files are read is `resources/invoice_files.py`.
Every mistake of a file is found at once, and names the row, the field and what was expected, never the value. An
invoice is known by its id, and by its tenant and number, which are compared stripped to letters and digits.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import polars as pl
from rapidfuzz.distance import OSA

from rules.currencies import CURRENCIES
from rules.errors import InvoiceRowsError, Mistake, RulesError
from rules.money import iso_currency
from rules.references import TENANT
from rules.text import letters_and_digits, normalised

REQUIRED = ("number", "customer_name", "currency", "total_amount", "issue_date")
OPTIONAL = (
    *("invoice_id", "organization_id", "environment", "net_amount", "vat_amount", "due_date"),
    *("customer_tin", "customer_email", "status"),
)
FIELDS = REQUIRED + OPTIONAL
STATUSES = ("open", "paid", "cancelled")
ENVIRONMENTS = ("sandbox", "production")

INVOICES = pl.Schema(
    {
        "invoice_id": pl.String(),
        "organization_id": pl.String(),
        "environment": pl.String(),
        "number": pl.String(),
        "customer_name": pl.String(),
        "customer_tin": pl.String(),
        "customer_email": pl.String(),
        "currency": pl.String(),
        "total_amount": pl.Int64(),
        "net_amount": pl.Int64(),
        "vat_amount": pl.Int64(),
        "issue_date": pl.Date(),
        "due_date": pl.Date(),
        "status": pl.String(),
    }
)
"""An invoice as table `invoices` holds it, but for when it was imported; amounts in minor units."""

ROWS = pl.Schema({"row": pl.UInt32(), "line": pl.UInt32(), **dict.fromkeys(FIELDS, pl.String())})
"""Rows as they come: counted from 1, where each begins in its file (or null), and text; null is what is not given."""

_AMOUNTS = ("total_amount", "net_amount", "vat_amount")
_LONGEST_TEXT = 300
_FIRST_YEAR, _LAST_YEAR = 1900, 2199
_PLACE = ["row", "line"]


# Columns


class Columns(NamedTuple):
    """What the columns of a file are."""

    fields: dict[str, str]
    """By the column's name, the field that it holds."""
    ignored: list[str]
    """Columns that mean nothing here."""


def columns_of(names: Sequence[str]) -> Columns:
    """Tell which field each column holds; case, blanks, hyphens and underscores in a name do not count.

    Raises:
        RulesError: a required field is missing or given twice, or a name is one letter away from a field's.

    """
    by_letters = {_letters(field): field for field in FIELDS}
    fields = {name: by_letters[_letters(name)] for name in names if _letters(name) in by_letters}
    held = [by_letters[_letters(name)] for name in names if _letters(name) in by_letters]
    ignored = [name for name in names if name not in fields]
    if slips := [(name, field) for name in ignored for field in FIELDS if _is_slip(name, field)]:
        raise RulesError("; ".join(f"there is no column {name!r}: is it {field}?" for name, field in slips))
    if missing := [field for field in REQUIRED if field not in held]:
        ask = "its columns must be named" if len(missing) == len(REQUIRED) else "each invoice needs"
        raise RulesError(f"there is no column {', '.join(missing)}: {ask} {', '.join(REQUIRED)}")
    if twice := sorted({field for field in held if held.count(field) > 1}):
        raise RulesError(f"there are two columns {' and two '.join(twice)}: leave one of each out")
    return Columns(fields, ignored)


def _letters(name: str) -> str:
    return "".join(sign for sign in name.lower() if sign.isalnum())


def _is_slip(name: str, field: str) -> bool:
    return OSA.distance(_letters(name), _letters(field), score_cutoff=1) == 1


# Rows


@dataclass(frozen=True)
class Owner:
    """Whose the rows are: what all of them must say, if anything, and what holds for those that say nothing."""

    organization_id: str | None = None
    environment: str | None = None
    otherwise_organization: str | None = None
    otherwise_environment: str | None = None


def read_invoices(rows: pl.DataFrame, owner: Owner) -> pl.DataFrame:
    """Read rows of text as invoices.

    Args:
        rows: the columns of `ROWS`.
        owner: whose they are.

    Returns:
        The columns of `INVOICES`, with `invoice_id` and `status` null where they are not given, `row`, `line`, and
        `stripped`, the number by its letters and digits.

    Raises:
        InvoiceRowsError: with every mistake of every row.

    """
    values = rows.lazy().with_columns(_trimmed(pl.col(field)) for field in FIELDS).pipe(_owned, owner).collect()
    read = values.with_columns(
        *(_minor_units(pl.col(field)).alias(f"_{field}") for field in _AMOUNTS),
        *(_day(pl.col(field)).alias(f"_{field}") for field in ("issue_date", "due_date")),
        currency=iso_currency(pl.col("currency")),
        environment=pl.col("environment").str.to_lowercase(),
        status=pl.col("status").str.to_lowercase(),
        stripped=letters_and_digits(normalised(pl.col("number"))),
    )
    mistakes = [*_field_mistakes(read, owner), *_repeated(read, ["invoice_id"], "invoice_id")]
    mistakes += _repeated(read, [*TENANT, "stripped"], "number")
    if mistakes:
        raise InvoiceRowsError(mistakes)
    return read.with_columns(
        pl.col(f"_{field}").alias(field) for field in (*_AMOUNTS, "issue_date", "due_date")
    ).select(*INVOICES.names(), *_PLACE, "stripped")


def _trimmed(text: pl.Expr) -> pl.Expr:
    bare = text.str.strip_chars()
    return pl.when(bare != "").then(bare)


def _owned(values: pl.LazyFrame, owner: Owner) -> pl.LazyFrame:
    """The tenant of each row: what it says itself, else its owner; and what it said."""
    given = {
        "organization_id": (owner.organization_id, owner.otherwise_organization),
        "environment": (owner.environment, owner.otherwise_environment),
    }
    return values.with_columns(
        *(pl.col(field).alias(f"_said_{field}") for field in given),
        *(pl.coalesce(field, *map(pl.lit, others)).cast(pl.String).alias(field) for field, others in given.items()),
    )


def _minor_units(amount: pl.Expr) -> pl.Expr:
    """An amount in text in minor units, exact; null where it is none."""
    whole, decimals = (amount.str.extract(r"^([0-9]{1,16})(?:\.([0-9]{1,2}))?$", group) for group in (1, 2))
    return whole.cast(pl.Int64) * 100 + decimals.fill_null("").str.pad_end(2, "0").cast(pl.Int64)


def _day(text: pl.Expr) -> pl.Expr:
    return pl.when(text.str.contains(r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$")).then(text.str.to_date("%Y-%m-%d", strict=False))


# What may be wrong with a row: by field, the first of these that holds


def _field_mistakes(read: pl.DataFrame, owner: Owner) -> list[Mistake]:
    found = read.select(*_PLACE, *(_first(checks).alias(field) for field, checks in _checks(owner).items()))
    told = found.unpivot(index=_PLACE, variable_name="field", value_name="expected").drop_nulls("expected")
    return [Mistake(*row) for row in told.iter_rows()]


def _first(checks: Iterable[tuple[pl.Expr, str]]) -> pl.Expr:
    return pl.coalesce(pl.when(wrong).then(pl.lit(expected)) for wrong, expected in checks)


def _checks(owner: Owner) -> dict[str, list[tuple[pl.Expr, str]]]:
    checks = {field: _text_checks(field) for field in FIELDS}
    checks["number"].append((pl.col("stripped") == "", "letters or digits"))
    checks["currency"].append((~pl.col("currency").is_in(CURRENCIES), "a currency by its ISO 4217 code, such as NGN"))
    checks["status"].append((~pl.col("status").is_in(STATUSES), f"one of {', '.join(STATUSES)}"))
    for field in _AMOUNTS:
        checks[field] += _amount_checks(field)
    for field in ("issue_date", "due_date"):
        checks[field] += _day_checks(field)
    checks["due_date"].append((pl.col("_due_date") < pl.col("_issue_date"), "no day before issue_date"))
    checks["total_amount"] += _total_checks()
    checks["environment"].append((~pl.col("environment").is_in(ENVIRONMENTS), f"one of {' or '.join(ENVIRONMENTS)}"))
    for field, told in (("organization_id", owner.organization_id), ("environment", owner.environment)):
        checks[field].append(
            (pl.col(f"_said_{field}") != pl.lit(told, pl.String), "the tenant that these invoices are imported for")
        )
        checks[field].append((pl.col(field).is_null(), "the tenant whose invoice it is"))
    return checks


def _text_checks(field: str) -> list[tuple[pl.Expr, str]]:
    value = pl.col(field)
    blank = [(value.is_null(), "something: it is blank")] if field in REQUIRED else []
    return [
        *blank,
        (value.str.contains(r"\p{Cc}"), "one plain text or number, without line breaks or control characters"),
        (value.str.len_chars() > _LONGEST_TEXT, f"a text of at most {_LONGEST_TEXT} characters"),
    ]


def _amount_checks(field: str) -> list[tuple[pl.Expr, str]]:
    value, plain = pl.col(field), "digits and at most two decimals after a point, such as 1000.50"
    return [
        (value.str.contains(r"^[-(\x{2212}]"), "an amount that is not negative"),
        (value.str.contains(","), f"an amount without commas: {plain}"),
        (value.str.contains(r"^[0-9.]+[eE]"), f"an amount written out, without an exponent: {plain}"),
        (value.str.contains(r"^[0-9]+\.[0-9]{3,}$"), "an amount with at most two decimals"),
        (value.is_not_null() & pl.col(f"_{field}").is_null(), f"an amount in major units: {plain}"),
    ]


def _total_checks() -> list[tuple[pl.Expr, str]]:
    total, net, vat = (pl.col(f"_{field}") for field in _AMOUNTS)
    return [
        (total == 0, "an amount above 0"),
        (net + vat != total, "the sum of net_amount and vat_amount"),
        (pl.max_horizontal(net, vat) > total, "no less than its net_amount or vat_amount"),
    ]


def _day_checks(field: str) -> list[tuple[pl.Expr, str]]:
    value, day = pl.col(field), pl.col(f"_{field}")
    form = "a day written as YYYY-MM-DD, such as 2026-03-31"
    return [
        (
            value.str.contains(r"^[0-9]{1,2}[/.-][0-9]{1,2}[/.-][0-9]{2,4}$"),
            f"{form}, so that day and month cannot be mistaken for each other",
        ),
        (value.str.contains(r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$") & day.is_null(), "a day that is in the calendar"),
        (value.is_not_null() & day.is_null(), form),
        (~day.dt.year().is_between(_FIRST_YEAR, _LAST_YEAR), f"a year from {_FIRST_YEAR} to {_LAST_YEAR}"),
    ]


def _repeated(read: pl.DataFrame, key: list[str], field: str) -> list[Mistake]:
    """Each row that says what an earlier one said."""
    known = read.drop_nulls(key).filter(pl.col(key[-1]) != "").select(*_PLACE, *key)
    later = known.with_columns(first=pl.col("row").min().over(key)).filter(pl.col("row") > pl.col("first"))
    told = later.select(*_PLACE, "first").iter_rows()
    return [
        Mistake(row, line, field, f"another than in row {first}: each invoice is given once")
        for row, line, first in told
    ]


# What they change


@dataclass(frozen=True)
class Changes:
    """What reading invoices changes: the columns of `INVOICES`."""

    imported: pl.DataFrame
    updated: pl.DataFrame
    unchanged: int


def invoice_id(organization_id: str, environment: str, stripped: str) -> str:
    """The id of an invoice that was given none: a function of its tenant and its number by letters and digits."""
    told = "\x1f".join((organization_id, environment, stripped))
    return "inv_" + hashlib.sha256(told.encode()).hexdigest()[:16]


def changes(read: pl.DataFrame, known: pl.DataFrame) -> Changes:
    """What invoices that were read change in those that are known; a status that is not given stays what it was.

    Args:
        read: what `read_invoices` returns.
        known: the columns of `INVOICES`: all of the tenants that were read, and any with an id that was read.

    Raises:
        InvoiceRowsError: an id is another tenant's, or an id and a number are two different invoices'.

    """
    there = known.with_columns(stripped=letters_and_digits(normalised(pl.col("number"))))
    rows = _identified(read, there)
    before = there.select(pl.col("invoice_id"), pl.exclude("invoice_id").name.suffix("_before")).with_columns(old=True)
    rows = rows.join(before, on="invoice_id", how="left", maintain_order="left")
    mistakes = [*_wrong_ids(rows), *_repeated(rows, ["invoice_id"], "number")]
    if mistakes:
        raise InvoiceRowsError(mistakes)
    rows = rows.with_columns(status=pl.coalesce("status", "status_before", pl.lit("open")))
    same = pl.all_horizontal(
        pl.col(name).eq_missing(pl.col(f"{name}_before")) for name in INVOICES.names() if name != "invoice_id"
    )
    old = pl.col("old").is_not_null()
    new, altered = (rows.filter(kind).select(INVOICES.names()) for kind in (~old, old & ~same))
    return Changes(new, altered, len(rows) - len(new) - len(altered))


def _identified(read: pl.DataFrame, there: pl.DataFrame) -> pl.DataFrame:
    """The id of each row: as given, else of the known invoice with its number, else made of its number."""
    by_number = there.unique([*TENANT, "stripped"], keep="first", maintain_order=True)
    rows = read.rename({"invoice_id": "given"}).join(
        by_number.select(*TENANT, "stripped", numbered="invoice_id"),
        on=[*TENANT, "stripped"],
        how="left",
        maintain_order="left",
    )
    made = [invoice_id(*told) for told in rows.select(*TENANT, "stripped").iter_rows()]
    return rows.with_columns(invoice_id=pl.coalesce("given", "numbered", pl.Series(made, dtype=pl.String)))


def _wrong_ids(rows: pl.DataFrame) -> list[Mistake]:
    tenant, number = (
        pl.any_horizontal(pl.col(name) != pl.col(f"{name}_before") for name in names)
        for names in (TENANT, ["stripped"])
    )
    checks = [
        (pl.col("old") & tenant, "an id that is free: this one is taken"),
        (pl.col("given") != pl.col("numbered"), "the id that this number is known by, or none"),
        (pl.col("old") & number & pl.col("given").is_null(), "an id: the one made of this number is taken"),
    ]
    told = rows.select(*_PLACE, field=pl.lit("invoice_id"), expected=_first(checks)).drop_nulls("expected")
    return [Mistake(*row) for row in told.iter_rows()]
