"""Money: whole minor units, exact both ways, and the spellings of currencies."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.money import NO_CURRENCY, iso_currency, major_units, major_units_of, minor_units
from tests.rules.scenarios import applied

LARGEST = 9_000_000_000_000_000_00  # kobo: nine million billion naira, near the end of what 64 bits hold


@pytest.mark.parametrize(
    ("text", "kobo"),
    [
        ("1000", 100_000),
        ("1000.5", 100_050),
        ("1000.50", 100_050),
        ("0.01", 1),
        ("0", 0),
        (" 7 ", 700),
        ("90071992547409.93", 9_007_199_254_740_993),  # one more than a float can tell apart
        ("9000000000000000", LARGEST),
    ],
)
def test_an_amount_in_text_is_read_exactly(text: str, kobo: int) -> None:
    assert minor_units(text) == kobo


@pytest.mark.parametrize(
    "text", ["", "-1", "+1", "1.005", "1e3", "1,000", ".5", "5.", "NaN", "\u0661", "12345678901234567"]
)
def test_what_is_no_amount_with_two_decimals_at_most_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not an amount in major units with at most two decimals"):
        minor_units(text)


@pytest.mark.parametrize(
    ("kobo", "text"), [(150_000, "1500.00"), (1, "0.01"), (0, "0.00"), (-5, "-0.05"), (LARGEST, "9000000000000000.00")]
)
def test_minor_units_are_written_as_major_units(kobo: int, text: str) -> None:
    assert major_units(kobo) == text


@settings(deadline=None)
@given(st.integers(0, LARGEST))
def test_writing_an_amount_and_reading_it_gives_it_back(kobo: int) -> None:
    assert minor_units(major_units(kobo)) == kobo


@settings(deadline=None)
@given(st.lists(st.integers(0, LARGEST)))
def test_a_column_of_amounts_is_written_as_each_of_them(kobo: list[int]) -> None:
    column = pl.DataFrame({"amount": kobo}, schema={"amount": pl.Int64})
    assert column.select(text=major_units_of(pl.col("amount")))["text"].to_list() == [major_units(one) for one in kobo]


@pytest.mark.parametrize(
    ("spelling", "code"),
    [
        ("NGN", "NGN"),
        ("ngn ", "NGN"),
        ("Naira", "NGN"),
        ("GHC", "GHS"),
        ("KSH", "KES"),
        ("KES", "KES"),
        ("naira only", NO_CURRENCY),  # it says one, so it must not pass for the account's
        ("N", NO_CURRENCY),
        (" ", None),
        (None, None),
    ],
)
def test_a_currency_as_upstream_spells_it_has_its_iso_code(spelling: str | None, code: str | None) -> None:
    assert applied(iso_currency(pl.col("text")), spelling) == [code]
