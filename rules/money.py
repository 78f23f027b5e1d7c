"""Money and its currencies: whole numbers of minor units (kobo) and ISO 4217 codes (domain section 1).

No floating point touches money: amounts in text go through decimals.
"""

from __future__ import annotations

import re
from decimal import Decimal

import polars as pl

CURRENCY = r"[A-Z]{3}"
MAJOR_UNITS = re.compile(r"\d{1,16}(\.\d{1,2})?", re.ASCII)

GREATEST = 2**63 - 1
"""The greatest amount in minor units that a column holds."""

NO_CURRENCY = "XXX"
"""ISO 4217's code for no currency: a spelling that means none we know must not pass for the account's currency."""

SPELLINGS = {"GHC": "GHS", "KSH": "KES", "NAIRA": "NGN"}
"""What upstream writes, upper-cased, and the ISO 4217 code that it means."""


def minor_units(text: str) -> int:
    """An amount in major units, such as "1000.50", in minor units; exact.

    Raises:
        ValueError: it is negative, no number, or has more than two decimals.

    """
    if not MAJOR_UNITS.fullmatch(text.strip()):
        message = f"{text!r} is not an amount in major units with at most two decimals"
        raise ValueError(message)
    return int(Decimal(text.strip()) * 100)


def major_units(amount: int) -> str:
    """Minor units as major units in text: 150000 is "1500.00"."""
    sign, digits = ("-" if amount < 0 else ""), f"{abs(amount):03d}"
    return f"{sign}{digits[:-2]}.{digits[-2:]}"


def major_units_of(amount: pl.Expr) -> pl.Expr:
    """A column of minor units (0 or more) as major units in text."""
    return pl.format("{}.{}", amount // 100, (amount % 100).cast(pl.String).str.zfill(2))


def iso_currency(code: pl.Expr) -> pl.Expr:
    """The ISO 4217 code of a currency as upstream spells it; null where it says none, else `NO_CURRENCY`."""
    upper = code.str.strip_chars().str.to_uppercase()
    iso = upper.replace(SPELLINGS)
    return pl.when(iso.str.contains(f"^{CURRENCY}$")).then(iso).when(iso != "").then(pl.lit(NO_CURRENCY))


def money(amount: int, currency: str | None) -> str:
    """An amount in minor units as people write it: "NGN 1,234.56"."""
    whole, decimals = major_units(amount).split(".")
    return f"{currency or '?'} {int(whole):,}.{decimals}"
