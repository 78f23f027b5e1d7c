"""Invoices that people hand in: what is wrong with rows, and what they change."""

from __future__ import annotations

from datetime import date

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.errors import InvoiceRowsError, RulesError
from rules.invoices import FIELDS, INVOICES, REQUIRED, ROWS, Owner, changes, columns_of, invoice_id, read_invoices
from rules.money import major_units

OWNER = Owner("acme", "sandbox")
GOOD = {
    "number": "INV-1",
    "customer_name": "Zumari Agro Ltd",
    "currency": "NGN",
    "total_amount": "1075.00",
    "issue_date": "2026-01-02",
}


def rows(*given: dict[str, str | None]) -> pl.DataFrame:
    """Rows as a file gives them: what is said here, else what a good row says."""
    full = [
        {"row": place, "line": place + 1, **dict.fromkeys(FIELDS), **GOOD, **row}
        for place, row in enumerate(given, start=1)
    ]
    return pl.DataFrame(full, schema=ROWS)


def read(*given: dict[str, str | None], owner: Owner = OWNER) -> pl.DataFrame:
    return read_invoices(rows(*given), owner)


def mistakes(*given: dict[str, str | None], owner: Owner = OWNER) -> list[tuple[int, str, str]]:
    with pytest.raises(InvoiceRowsError) as raised:
        read(*given, owner=owner)
    return [(mistake.row, mistake.field, mistake.expected) for mistake in raised.value.mistakes]


def known(*given: dict[str, str | None]) -> pl.DataFrame:
    """Invoices that are there already."""
    nothing = pl.DataFrame(schema=INVOICES)
    return changes(read(*given), nothing).imported if given else nothing


# Columns


def test_a_column_is_known_whatever_its_case_and_blanks() -> None:
    names = ["Number", "Customer Name", "CURRENCY", "totalAmount", "issue-date", "VAT amount"]
    assert list(columns_of(names).fields.values()) == [*REQUIRED, "vat_amount"]


def test_a_column_that_means_nothing_is_named_and_passed_over() -> None:
    assert columns_of([*REQUIRED, "colour"]).ignored == ["colour"]


@pytest.mark.parametrize(
    ("names", "told"),
    [
        (["number", "customer_nmae", *REQUIRED[2:]], "'customer_nmae': is it customer_name"),
        ([*REQUIRED, "due_dat"], "'due_dat': is it due_date"),
        (REQUIRED[1:], "no column number: each invoice needs"),
        (["a", "b"], "its columns must be named number, customer_name"),
        ([*REQUIRED, "Number"], "two columns number"),
    ],
)
def test_columns_that_cannot_be_meant_are_named(names: list[str], told: str) -> None:
    with pytest.raises(RulesError, match=told):
        columns_of(names)


# Rows


def test_a_row_becomes_an_invoice_in_minor_units() -> None:
    told = {"net_amount": "1000", "vat_amount": "75.0", "due_date": "2026-02-01", "status": "Paid", "currency": "ngn"}
    invoice = read({**told, "customer_email": " pay@zumari.example "}).row(0, named=True)
    assert invoice["total_amount"] == 107500
    assert (invoice["net_amount"], invoice["vat_amount"]) == (100000, 7500)
    assert (invoice["issue_date"], invoice["due_date"]) == (date(2026, 1, 2), date(2026, 2, 1))
    assert (invoice["status"], invoice["currency"], invoice["customer_email"]) == ("paid", "NGN", "pay@zumari.example")
    assert (invoice["organization_id"], invoice["environment"]) == ("acme", "sandbox")


WRONG = [
    ("number", None, "something"),
    ("number", "  ", "something"),
    ("number", "--/--", "letters or digits"),
    ("number", "INV\n1", "without line breaks"),
    ("customer_name", "", "something"),
    ("customer_name", "x" * 301, "at most 300"),
    ("currency", "NGX", "ISO 4217"),
    ("currency", "XXX", "ISO 4217"),
    ("currency", "US$", "ISO 4217"),
    ("total_amount", "-5", "not negative"),
    ("total_amount", "(5.00)", "not negative"),
    ("total_amount", "\u22125", "not negative"),
    ("total_amount", "0.00", "above 0"),
    ("total_amount", "1.000", "at most two decimals"),
    ("total_amount", "1.005", "at most two decimals"),
    ("total_amount", "1,000.00", "without commas"),
    ("total_amount", "1000,50", "without commas"),
    ("total_amount", "1e5", "without an exponent"),
    ("total_amount", "NGN 5", "in major units"),
    ("total_amount", "\u0665", "in major units"),
    ("total_amount", "NaN", "in major units"),
    ("total_amount", "1" * 17, "in major units"),
    ("total_amount", ".5", "in major units"),
    ("total_amount", "5.", "in major units"),
    ("total_amount", "\x00", "one plain text or number"),
    ("net_amount", "2000", None),
    ("vat_amount", "-1", "not negative"),
    ("issue_date", "03/01/2026", "cannot be mistaken"),
    ("issue_date", "3-1-26", "cannot be mistaken"),
    ("issue_date", "2026-02-30", "in the calendar"),
    ("issue_date", "2 January 2026", "YYYY-MM-DD"),
    ("issue_date", "2026-01-02T00:00:00Z", "YYYY-MM-DD"),
    ("issue_date", "0026-01-02", "a year from"),
    ("due_date", "2026-01-01", "no day before issue_date"),
    ("status", "settled", "open, paid, cancelled"),
    ("environment", "production", "the tenant that these"),
    ("organization_id", "other", "the tenant that these"),
]


@pytest.mark.parametrize(("field", "value", "expected"), WRONG)
def test_a_mistake_names_the_row_the_field_and_what_was_expected(
    field: str, value: str | None, expected: str | None
) -> None:
    found = mistakes({"number": "INV-0"}, {field: value})
    told = (2, field) if expected else (2, "total_amount")
    assert [(row, name) for row, name, _ in found] == [told]
    assert (expected or "no less than its net_amount") in found[0][2]


def test_no_mistake_repeats_the_value() -> None:
    with pytest.raises(InvoiceRowsError) as raised:
        read({"customer_name": "Secret\x07Customer", "total_amount": "12345,67", "status": "private"})
    assert not any(value in str(raised.value) for value in ("Secret", "12345", "private"))


def test_all_mistakes_are_told_at_once_and_twenty_are_shown() -> None:
    with pytest.raises(InvoiceRowsError) as raised:
        read(*({"number": f"N{place}", "status": "x", "currency": "x"} for place in range(15)))
    told = str(raised.value).splitlines()
    assert told[0] == "nothing was imported: 30 mistakes in 15 rows"
    assert told[1] == "  row 1 (line 2), currency: expected a currency by its ISO 4217 code, such as NGN"
    assert told[-1] == "  and 10 more"
    assert len(told) == 22


def test_net_and_vat_add_up_to_the_total() -> None:
    assert mistakes({"net_amount": "1000", "vat_amount": "75.01"}) == [
        (1, "total_amount", "the sum of net_amount and vat_amount")
    ]
    assert len(read({"net_amount": "1000"})) == 1  # one alone adds up to nothing


def test_two_rows_of_one_number_are_named_both() -> None:
    found = mistakes({"number": "INV-0001"}, {"number": "X"}, {"number": "inv 0001"})
    assert found == [(3, "number", "another than in row 1: each invoice is given once")]


def test_one_number_of_two_tenants_is_two_invoices() -> None:
    both = read({"organization_id": "acme"}, {"organization_id": "umbra"}, owner=Owner(None, "sandbox"))
    assert both["organization_id"].to_list() == ["acme", "umbra"]


def test_an_owner_that_nobody_names_is_asked_for() -> None:
    assert mistakes({}, owner=Owner(None, "sandbox")) == [(1, "organization_id", "the tenant whose invoice it is")]


def test_what_looks_like_a_formula_is_data() -> None:
    assert read({"customer_name": "=1+1"})["customer_name"].to_list() == ["=1+1"]


@settings(deadline=None, max_examples=50)
@given(st.integers(1, 10**18 - 1))
def test_every_amount_of_two_decimals_is_exact(amount: int) -> None:
    assert read({"total_amount": major_units(amount)})["total_amount"].to_list() == [amount]


# Changes


def test_an_invoice_that_is_new_is_open_and_has_an_id_made_of_its_tenant_and_number() -> None:
    new = known({"number": "INV-1"}).row(0, named=True)
    assert new["status"] == "open"
    assert new["invoice_id"] == invoice_id("acme", "sandbox", "INV1")
    assert invoice_id("acme", "production", "INV1") != new["invoice_id"]


def test_the_same_again_changes_nothing() -> None:
    again = changes(read({"number": "inv 1"}, {"number": "N2"}), known({"number": "inv 1"}, {"number": "N2"}))
    assert (len(again.imported), len(again.updated), again.unchanged) == (0, 0, 2)


def test_another_total_updates_the_invoice_of_that_number_and_keeps_its_id() -> None:
    change = changes(read({"number": "INV1", "total_amount": "2"}), known({"number": "INV-1", "invoice_id": "mine"}))
    assert change.updated.select("invoice_id", "number", "total_amount").rows() == [("mine", "INV1", 200)]
    assert (len(change.imported), change.unchanged) == (0, 0)


def test_a_status_that_is_not_given_stays() -> None:
    assert changes(read({}), known({"status": "paid"})).unchanged == 1
    assert changes(read({"status": "open"}), known({"status": "paid"})).updated["status"].to_list() == ["open"]


def test_an_invoice_may_get_another_number_by_its_id() -> None:
    change = changes(read({"number": "N-9", "invoice_id": "a"}), known({"number": "N-1", "invoice_id": "a"}))
    assert change.updated["number"].to_list() == ["N-9"]


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ({"number": "N-1", "invoice_id": "b"}, "the id that this number is known by"),
        ({"number": "N-2", "invoice_id": "a"}, "the id that this number is known by"),
        ({"number": "N-3", "invoice_id": "theirs"}, "an id that is free"),
    ],
)
def test_an_id_and_a_number_of_two_invoices_are_a_mistake(row: dict[str, str | None], expected: str) -> None:
    theirs = changes(read({"invoice_id": "theirs"}, owner=Owner("umbra", "sandbox")), known()).imported
    there = pl.concat([known({"number": "N-1", "invoice_id": "a"}, {"number": "N-2", "invoice_id": "b"}), theirs])
    with pytest.raises(InvoiceRowsError, match=expected):
        changes(read(row), there)


def test_a_number_may_not_bring_back_an_id_that_was_made_of_it() -> None:
    made = known({"number": "N-1"})
    renamed = made.with_columns(number=pl.lit("N-2"))
    with pytest.raises(InvoiceRowsError, match="the one made of this number is taken"):
        changes(read({"number": "N-1"}), renamed)


def test_two_rows_may_not_become_one_invoice() -> None:
    there = known({"number": "N-1", "invoice_id": "a"})
    with pytest.raises(InvoiceRowsError, match="another than in row 1"):
        changes(read({"number": "N-1"}, {"number": "N-2", "invoice_id": "a"}), there)
