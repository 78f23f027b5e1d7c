"""A file of deductions: what a row may say, and the sentence for one that may not."""

from __future__ import annotations

import pytest

from rules.deductions import parse_pack, shipped_pack
from rules.errors import PackError

HEAD = 'version = "ours"\n[[deduction]]\n'


def test_a_charge_may_be_bound_by_what_was_sent_and_to_one_currency() -> None:
    said = 'kind = "stamp_duty"\nlaw = "a law"\namount = "50"\nminimum = "10000"\nof = "sent"\ncurrency = "NGN"'
    (deduction,) = parse_pack(HEAD + said).deductions
    assert (deduction.minimum, deduction.of, deduction.currency) == (1_000_000, "sent", "NGN")


def test_the_shipped_charges_are_in_naira_and_taxes_in_any_currency() -> None:
    currencies = {each.kind: each.currency for each in shipped_pack().deductions}
    naira = {"stamp_duty": "NGN", "nip_charge": "NGN", "pos_commission": "NGN"}
    assert currencies == {"withholding_tax": None, "vat_withheld": None} | naira


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ('of = "received"', "of is one of arrived, sent"),
        ("of = []", "of is one of arrived, sent"),
        ('currency = "naira"', "currency is a currency by its ISO 4217 code, such as NGN"),
        ('colour = "red"', "colour is no key of a deduction"),
        ('percent = "5"', "write either percent or amount"),
    ],
)
def test_a_row_that_cannot_be_is_named(line: str, sentence: str) -> None:
    with pytest.raises(PackError, match=sentence):
        parse_pack(f'{HEAD}kind = "nip_charge"\nlaw = "a law"\namount = "10.75"\n{line}')
