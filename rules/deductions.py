"""Lawful deductions: what may be missing from a payment, and by which law, from a dated pack (domain section 5).

The pack is a data file, `rules/deductions.toml`. An *explanation* is a set of its rows that may stand together: VAT
withheld, one rate of withholding tax, the two of them, or one fixed charge alone. This module works out what would
arrive for an invoice under each explanation; which payment it is that arrived is `rules/reconciliation.py`'s.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import cache, cached_property
from importlib import resources
from typing import Any

import polars as pl

from rules.currencies import CURRENCIES
from rules.errors import PackError
from rules.money import minor_units

WITHHOLDING, VAT = "withholding_tax", "vat_withheld"
KINDS = (WITHHOLDING, VAT, "stamp_duty", "nip_charge", "pos_commission")
"""What a row can be about: the last three are charges."""
BOUNDED = ("arrived", "sent")
"""What `minimum` and `maximum` of a charge can bound."""
_ALWAYS = (date(1, 1, 1), date(9999, 12, 31))
_HUNDRED_PERCENT = 10_000  # rates are in hundredths of a percent
_ROUNDINGS = (0, 1, 2)  # down, up, to the nearer: payers differ, and none of them is wrong by a kobo

EXPECTED = pl.Schema(
    {
        "invoice": pl.UInt32(),
        "explanation": pl.UInt16(),
        "rounding": pl.UInt8(),
        "deducted": pl.Int64(),
        "expected": pl.Int64(),
        "tax": pl.Int64(),
        "vat_part": pl.Int64(),
        "since": pl.Date(),
        "until": pl.Date(),
    }
)
"""What `expected_payments` gives; `deducted` is `tax` (or the charge) and `vat_part` together."""


@dataclass(frozen=True)
class Deduction:
    """One row of the pack; amounts in minor units, the rate in hundredths of a percent."""

    kind: str
    law: str
    rate: int = 0
    amount: int = 0
    cap: int | None = None
    minimum: int = 0
    maximum: int | None = None
    of: str = BOUNDED[0]
    """What `minimum` and `maximum` bound: what `arrived`, or what was `sent`, which is that and the charge."""
    currency: str | None = None
    """The one currency in which it is taken; by default any."""
    owed: str | None = None
    """What the payer still owes as evidence."""
    since: date = _ALWAYS[0]
    until: date = _ALWAYS[1]


@dataclass(frozen=True)
class Explanation:
    """Deductions that stand together: a tax or a charge, VAT withheld, or a tax with VAT withheld."""

    tax: Deduction | None = None
    """Withholding tax, or a fixed charge."""
    vat: Deduction | None = None

    @property
    def parts(self) -> tuple[Deduction, ...]:
        """Its rows of the pack, VAT first."""
        return tuple(part for part in (self.vat, self.tax) if part)

    @property
    def since(self) -> date:
        """The first booked day on which it is lawful."""
        return max(part.since for part in self.parts)

    @property
    def until(self) -> date:
        """The last booked day on which it is lawful."""
        return min(part.until for part in self.parts)

    @property
    def name(self) -> str:
        """Its kinds and rates: "vat_withheld 7.5 + withholding_tax 5"."""
        return " + ".join(f"{part.kind} {percent(part.rate)}" if part.rate else part.kind for part in self.parts)


@dataclass(frozen=True)
class Pack:
    """A dated, versioned set of deductions."""

    version: str
    deductions: tuple[Deduction, ...]

    @cached_property
    def explanations(self) -> tuple[Explanation, ...]:
        """Every set of deductions that may explain one gap, in the order of the pack."""
        taxes = [each for each in self.deductions if each.kind == WITHHOLDING]
        vats = [each for each in self.deductions if each.kind == VAT]
        charges = [each for each in self.deductions if each.kind not in (WITHHOLDING, VAT)]
        both = [Explanation(tax, vat) for vat in vats for tax in taxes]
        alone = [*(Explanation(vat=vat) for vat in vats), *(Explanation(tax) for tax in (*taxes, *charges))]
        return tuple(each for each in (*alone, *both) if each.since <= each.until)


def percent(rate: int) -> str:
    """A rate in hundredths of a percent as people write it: 750 is "7.5"."""
    return f"{Decimal(rate) / 100:f}"


@cache
def shipped_pack() -> Pack:
    """The pack that comes with the product."""
    return parse_pack(resources.files("rules").joinpath("deductions.toml").read_text("utf-8"))


def parse_pack(text: str, source: str = "the pack") -> Pack:
    """Read a pack.

    Args:
        text: TOML, as `rules/deductions.toml`.
        source: how messages name it.

    Raises:
        PackError: it is not TOML, or a row of it is no deduction; the message names the row and the key.

    """
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise PackError(f"{source} is not TOML: {error}.") from None
    version, rows = content.get("version"), content.get("deduction", [])
    if not isinstance(version, str) or not version:
        raise PackError(f'{source} has no version: write version = "a name of its own" above its rows.')
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise PackError(f"{source}: write each deduction as a table of its own, [[deduction]].")
    return Pack(version, tuple(_deduction(row, f"{source}, deduction {place}") for place, row in enumerate(rows, 1)))


def _deduction(row: dict[str, Any], place: str) -> Deduction:
    unknown = sorted(row.keys() - _READS.keys())
    if unknown:
        raise PackError(f"{place}: {unknown[0]} is no key of a deduction; there are {', '.join(_READS)}.")
    told: dict[str, Any] = {}
    for name, value in row.items():
        read, expected = _READS[name]
        try:
            told["rate" if name == "percent" else name] = read(value)
        except (ValueError, ArithmeticError):
            raise PackError(f"{place}: {name} is {expected}.") from None
    if missing := [name for name in ("kind", "law") if name not in told]:
        raise PackError(f"{place} says no {missing[0]}: what is kept back, and by which law.")
    if ("rate" in told) == ("amount" in told):
        raise PackError(f"{place}: write either percent or amount.")
    return Deduction(**told)


def _text(value: object) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError
    return value


def _one_of(names: Collection[str]) -> Callable[[object], str]:
    def read(value: object) -> str:
        if not isinstance(value, str) or value not in names:
            raise ValueError
        return value

    return read


def _day(value: object) -> date:
    if type(value) is not date:
        raise ValueError
    return value


def _money(value: object) -> int:
    return minor_units(_text(value))


def _rate(value: object) -> int:
    """A rate in percent, in hundredths of a percent."""
    rate = Decimal(_text(value)) * 100
    if rate != int(rate) or not 0 < rate <= _HUNDRED_PERCENT:
        raise ValueError
    return int(rate)


_AMOUNT = 'an amount in major units as text, such as "50.00"'
_READS: dict[str, tuple[Callable[[object], Any], str]] = {
    "kind": (_one_of(KINDS), f"one of {', '.join(KINDS)}"),
    "law": (_text, "the law, as text"),
    "percent": (_rate, 'a rate above 0 and up to 100 as text, such as "7.5"'),
    "owed": (_text, "what the payer owes as evidence, as text"),
    "since": (_day, "a day, such as 2026-01-01"),
    "until": (_day, "a day, such as 2026-12-31"),
    "currency": (_one_of(CURRENCIES), "a currency by its ISO 4217 code, such as NGN"),
    "of": (_one_of(BOUNDED), f"one of {', '.join(BOUNDED)}"),
    **dict.fromkeys(("amount", "cap", "minimum", "maximum"), (_money, _AMOUNT)),
}


def expected_payments(owed: pl.DataFrame, pack: Pack, first: date, last: date) -> pl.DataFrame:
    """What would arrive for each invoice under each lawful explanation.

    Args:
        owed: by `invoice` its `currency`, `outstanding`, `net` and `vat` (minor units; a row for each reading where an
            invoice does not say them), `no_tin` (whether its tenant has no TIN), `withheld` and `vat_withheld` (whether
            an earlier payment has named such a deduction already).
        pack: the deductions.
        first: explanations that ended before this booked day are left out.
        last: and those that begin after this one.

    Returns:
        The columns of `EXPECTED`: only payments of more than nothing, in three roundings (down, up, nearer).

    """
    frames = [
        _expected(owed, number, each, rounding)
        for number, each in enumerate(pack.explanations)
        if each.since <= last and each.until >= first
        for rounding in (_ROUNDINGS if each.tax and each.tax.rate else _ROUNDINGS[:1])
    ]
    if not frames or owed.is_empty():
        return EXPECTED.to_frame()
    found: pl.DataFrame = pl.concat(pl.collect_all(frames))
    return found


def _expected(owed: pl.DataFrame, number: int, explanation: Explanation, rounding: int) -> pl.LazyFrame:
    """The payments of one explanation, taxes rounded one way."""
    tax = _tax(explanation.tax, rounding) if explanation.tax else pl.lit(0, pl.Int64)
    vat = pl.col("vat") if explanation.vat else pl.lit(0, pl.Int64)
    return (
        owed.lazy()
        .filter(*_applies(explanation))
        .with_columns(tax=tax, vat_part=vat)
        .with_columns(deducted=pl.col("tax") + pl.col("vat_part"))
        .with_columns(
            expected=pl.col("outstanding") - pl.col("deducted"),
            explanation=pl.lit(number, pl.UInt16),
            rounding=pl.lit(rounding, pl.UInt8),
            since=pl.lit(explanation.since),
            until=pl.lit(explanation.until),
        )
        .filter(pl.col("expected") > 0, *_bounds(explanation.tax))
        .select(EXPECTED.names())
    )


def _applies(explanation: Explanation) -> Iterator[pl.Expr]:
    """Which invoices an explanation can be about: nothing is withheld from one twice, and only VAT there is."""
    if explanation.tax and explanation.tax.currency:
        yield pl.col("currency") == explanation.tax.currency
    if explanation.vat:
        yield (pl.col("vat") > 0) & ~pl.col("vat_withheld")
    if explanation.tax and explanation.tax.kind == WITHHOLDING:
        yield (pl.col("net") > 0) & ~pl.col("withheld")


def _bounds(tax: Deduction | None) -> Iterator[pl.Expr]:
    """The amounts for which a charge is made."""
    size = pl.col("outstanding" if tax and tax.of == "sent" else "expected")
    if tax and tax.minimum:
        yield size >= tax.minimum
    if tax and tax.maximum is not None:
        yield size <= tax.maximum


def _tax(tax: Deduction, rounding: int) -> pl.Expr:
    """The amount of a tax or charge, in whole minor units."""
    if not tax.rate:
        return pl.lit(tax.amount, pl.Int64)
    doubled = pl.when(pl.col("no_tin")).then(2).otherwise(1) if tax.kind == WITHHOLDING else pl.lit(1)
    base = pl.col("net") if tax.kind == WITHHOLDING else pl.col("outstanding")
    added = (0, _HUNDRED_PERCENT - 1, _HUNDRED_PERCENT // 2)[rounding]
    exact = (base * tax.rate * doubled.cast(pl.Int64) + added) // _HUNDRED_PERCENT
    return exact if tax.cap is None else pl.min_horizontal(exact, pl.lit(tax.cap, pl.Int64))


def deductions_json(pack: Pack, no_tin: pl.Expr) -> pl.Expr:
    """The named deductions of a row with `explanation`, `tax` and `vat_part`, as a JSON list; "[]" where none is."""
    texts = pl.lit("[]")
    for number, each in enumerate(pack.explanations):
        parts = [_part(part, pl.col("vat_part" if part is each.vat else "tax"), no_tin) for part in each.parts]
        told = pl.concat_str([pl.lit("["), *_separated(parts), pl.lit("]")])
        texts = pl.when(pl.col("explanation") == number).then(told).otherwise(texts)
    return texts


def _part(part: Deduction, amount: pl.Expr, no_tin: pl.Expr) -> pl.Expr:
    doubles = part.kind == WITHHOLDING
    known = {"kind": part.kind, "law": part.law, **({"owed": part.owed} if part.owed else {})}
    rate: list[pl.Expr] = []
    if part.rate:
        once, twice = (pl.lit(f',"rate":"{percent(part.rate * times)}"') for times in (1, 2))
        rate = [pl.when(no_tin).then(twice).otherwise(once) if doubles else once]
    return pl.concat_str(
        [pl.lit(json.dumps(known).removesuffix("}")), *rate, pl.lit(',"amount":'), amount.cast(pl.String), pl.lit("}")]
    )


def _separated(parts: list[pl.Expr]) -> Iterator[pl.Expr]:
    for place, part in enumerate(parts):
        if place:
            yield pl.lit(",")
        yield part
