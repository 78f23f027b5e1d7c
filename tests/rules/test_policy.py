"""The policy file: what it takes from the shipped one, what is refused in which words, its canonical text and hash."""

from __future__ import annotations

import json
import tomllib
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.errors import PolicyError
from rules.policy import parse_policy, shipped_policy_text
from rules.reasons import Detail
from tests.rules.scenarios import NAIRA, decide_one, policy, shipped


def refusal(text: str) -> str:
    """What is said of a policy file that cannot be used."""
    with pytest.raises(PolicyError) as caught:
        parse_policy(text, "my.toml")
    return str(caught.value)


# Values


def test_a_missing_key_takes_the_shipped_value() -> None:
    assert policy("").file == shipped().file
    changed = policy("[points]\nminimum = 70")
    assert changed.points.minimum == 70
    assert changed.points.business_term == shipped().points.business_term
    assert changed.file.terms == shipped().file.terms


def test_the_shipped_numbers_are_those_of_the_specification() -> None:
    file = shipped().file
    assert (file.name, file.currency.invoice, shipped().floors) == ("ng-default", ["NGN"], {"NGN": 1_000 * NAIRA})
    assert file.points.model_dump() == {
        "business_term": 60,
        "reference": 80,
        "company": 30,
        "at_or_above_floor": 20,
        "minimum": 50,
    }
    assert (shipped().reference_pattern, shipped().pending_days) == (None, 14)
    assert (file.settlement.tolerance, file.settlement.name_similarity) == ("0", 95)


def test_the_shipped_terms_hold_the_words_of_the_source() -> None:
    terms = shipped().file.terms
    assert {"invoice*", "*payment*", "contract*", "subscription*", "settlement*"} <= set(terms.business)
    assert {"family", "gift*", "personal", "allowance*", "loan*", "charity"} <= set(terms.personal)
    assert {"salary", "wages", "stipend*", "pension*"} <= set(terms.personal)
    assert "refund*" in terms.refund
    assert {"ltd", "limited", "plc", "enterprise*", "ventures"} <= set(terms.company)


def test_a_list_of_terms_replaces_the_shipped_list_of_that_name_and_no_other() -> None:
    terms = policy('[terms]\nbusiness = ["fee"]').file.terms
    assert terms.business == ["fee"]
    assert terms.personal == shipped().file.terms.personal


def test_floors_are_added_by_currency_in_whole_naira_or_text_and_read_as_kobo() -> None:
    assert policy('[floor]\nGHS = "99.5"').floors == {"NGN": 100_000, "GHS": 9_950}
    assert policy("[floor]\nNGN = 20").floors == {"NGN": 2_000}


def test_an_empty_pattern_is_none() -> None:
    assert policy('reference.pattern = ""').reference_pattern is None
    assert policy('reference.pattern = ""').hash == shipped().hash


def test_the_largest_points_add_up_without_overflow() -> None:
    most = policy(
        "reference.pattern = 'INV'\n[points]\nbusiness_term=8000\nreference=8000\ncompany=8000\nat_or_above_floor=8000"
    )
    said = decide_one("NIP/GTB/SAHELIA PLC/INV-7 PAYMENT", policy=most)
    assert (said["score"], said["detail"]) == (32_000, Detail.BUSINESS_SIGNAL)


# What is refused: each sentence names the file and the key, and says what to write


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("surprise = 1", "my.toml: unknown key 'surprise'"),
        ("[currency]\ninvoices = ['NGN']", "my.toml: unknown key 'currency.invoices'"),
        ("[settlement.magic]\naction = 'link'", "my.toml: unknown key 'settlement.magic'"),
        ("name = 5", "my.toml: name: write it as text"),
        ("currency = 'NGN'", "my.toml: currency: write it as a table"),
        ("floor = '1000'", "my.toml: floor: write it as a table"),
        ("terms.business = 'invoice'", "my.toml: terms.business: write it as a list"),
        ("terms.business = [7]", "my.toml: terms.business.0: write each term as text"),
        ("reference.must_exist = 'yes'", "my.toml: reference.must_exist: write true or false"),
        ("reference.pattern = 7", "my.toml: reference.pattern: write the pattern as text"),
        ("points.minimum = '50'", "my.toml: points.minimum: write it as a whole number"),
        ("points.minimum = 50.0", "my.toml: points.minimum: write it as a whole number"),
        ("points.minimum = true", "my.toml: points.minimum: write it as a whole number"),
        ("points.minimum = -1", "my.toml: points.minimum: Input should be greater than or equal to 0"),
        ("points.company = 8001", "my.toml: points.company: Input should be less than or equal to 8000"),
        ("document.invoice_type_code = 381", "my.toml: document.invoice_type_code: write it as text"),
        (
            "settlement.reference_part.action = 'perhaps'",
            "my.toml: settlement.reference_part.action: Input should be 'link', 'suggest', 'reject' or 'off'",
        ),
        ("floor.NGN = 1000.5", 'my.toml: floor.NGN: write the amount as text, such as "1000" or "1000.50"'),
        ("floor.NGN = true", 'my.toml: floor.NGN: write the amount as text, such as "1000" or "1000.50"'),
        (
            "floor.NGN = '1000.505'",
            "my.toml: floor.NGN: write the amount as text in major units with at most two decimals, such as"
            " \"1000.50\", not '1000.505'",
        ),
        (
            "settlement.tolerance = '-1'",
            "my.toml: settlement.tolerance: write the amount as text in major units with at most two decimals, such as"
            " \"1000.50\", not '-1'",
        ),
        (
            "currency.invoice = ['NGN', 'naira']",
            "my.toml: currency.invoice.1: write the currency as three capital letters (ISO 4217), not 'naira'",
        ),
        (
            "floor.naira = '5'",
            "my.toml: floor.naira: write the currency as three capital letters (ISO 4217), not 'naira'",
        ),
        (
            "terms.personal = ['gift', 'gr8']",
            "my.toml: terms.personal.1: the term 'gr8' may hold letters and blanks only, and a * at the start or end of"
            " a word; digits and signs separate words and are never looked for",
        ),
        ("terms.refund = ['']", "my.toml: terms.refund.0: a term is empty; write at least one word"),
        (
            "reference.pattern = 'INV-('",
            "my.toml: reference.pattern: the pattern is not a regular expression that can be used: unclosed group",
        ),
        (
            "reference.pattern = '(?=INV)'",
            "my.toml: reference.pattern: the pattern is not a regular expression that can be used: look-around,"
            " including look-ahead and look-behind, is not supported",
        ),
        ("points minimum", "my.toml is not TOML: Expected '=' after a key in a key/value pair (at line 1, column 8)"),
    ],
)
def test_what_cannot_be_used_is_named_with_its_key(text: str, told: str) -> None:
    assert refusal(text) == told


def test_all_that_is_wrong_is_told_at_once() -> None:
    told = refusal("surprise = 1\npoints.minimum = 'a'\nfloor.NGN = 1.5")
    assert all(key in told for key in ("'surprise'", "points.minimum:", "floor.NGN:"))


VALUES = st.recursive(
    st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text("abc*1 ", max_size=4),
    lambda inner: st.lists(inner, max_size=2),
    max_leaves=3,
)
KEYS = [
    "name",
    "currency",
    "currency.invoice",
    "floor.NGN",
    "reference.pattern",
    "reference.must_exist",
    "terms",
    "terms.business",
    "points.minimum",
    "pending.days",
    "settlement.tolerance",
    "settlement.reference_exact",
    "settlement.reference_exact.action",
    "document.invoice_type_code",
    "nothing",
]


@settings(deadline=None)
@given(key=st.sampled_from(KEYS), value=VALUES)
def test_any_value_anywhere_is_taken_or_refused_in_words_that_name_the_key(key: str, value: Any) -> None:
    try:
        parse_policy(f"{key} = {json.dumps(value)}", "my.toml")
    except PolicyError as error:
        assert key in str(error)
        assert "\n" not in str(error)


# The canonical text and the hash


def test_the_shipped_policy_reads_back_from_its_canonical_text() -> None:
    assert policy(shipped().canonical).file == shipped().file
    assert len(shipped().hash) == 16


def test_the_canonical_text_holds_every_key_of_the_shipped_file() -> None:
    assert tomllib.loads(shipped().canonical) == tomllib.loads(shipped_policy_text())


def test_the_hash_is_of_the_content_not_of_how_the_file_is_written() -> None:
    one = policy("# a comment\n[points]\nminimum = 70\n[floor]\nUSD = '1'\nGHS = 2\n")
    other = policy("floor = { GHS = '2', USD = '1' }\npoints.minimum = 70")
    assert (one.canonical, one.hash) == (other.canonical, other.hash)


@pytest.mark.parametrize(
    "text",
    ["name = 'x'", "points.minimum = 51", "floor.NGN = '1000.01'", "terms.refund = []", "reference.pattern = 'A'"],
)
def test_another_content_has_another_hash(text: str) -> None:
    assert policy(text).hash != shipped().hash


@settings(max_examples=50, deadline=None)
@given(
    name=st.text(st.characters(exclude_categories=["Cs"])),
    words=st.lists(st.text("ab\u00e9\u1eb9", min_size=1), max_size=3),
    minimum=st.integers(0, 8_000),
    floor=st.integers(0, 10**16),
    pattern=st.sampled_from([None, r"^INV-\d+$", "a'b\"c\\\\\t\u007f"]),
)
def test_the_canonical_text_of_any_policy_reads_back_to_the_same_hash(
    name: str, words: list[str], minimum: int, floor: int, pattern: str | None
) -> None:
    def escaped(value: str) -> str:
        return '"' + "".join(f"\\U{ord(char):08x}" for char in value) + '"'

    lines = [
        f"name = {escaped(name)}",
        f"terms.business = [{', '.join(escaped(word) for word in words)}]",
        f"points.minimum = {minimum}",
        f"floor.NGN = {escaped(f'{floor // 100}.{floor % 100:02d}')}",
        *([f"reference.pattern = {escaped(pattern)}"] if pattern else []),
    ]
    one = parse_policy("\n".join(lines), "a test")
    assert parse_policy(one.canonical, "a test").hash == one.hash
    assert (one.name, one.floors, one.reference_pattern) == (name, {"NGN": floor}, pattern)


# What the settings change


def test_the_settings_go_over_the_policy() -> None:
    changed = shipped().overridden(floor_ngn="2500.50", reference_pattern=r"^INV-\d+$")
    assert changed.floors == {"NGN": 250_050}
    assert changed.reference_pattern == r"^INV-\d+$"
    assert changed.hash == policy("floor.NGN = '2500.50'\nreference.pattern = '^INV-\\d+$'").hash
    assert changed.hash != shipped().hash


def test_settings_that_say_nothing_leave_the_policy_as_it_is() -> None:
    assert shipped().overridden() is shipped()
    assert shipped().overridden(floor_ngn="1000").hash == shipped().hash


def test_the_settings_leave_the_floors_of_other_currencies() -> None:
    assert policy("floor.GHS = '9'").overridden(floor_ngn="5").floors == {"NGN": 500, "GHS": 900}


def test_settings_that_cannot_be_used_are_refused_by_key() -> None:
    with pytest.raises(PolicyError, match=r"^the settings: floor\.NGN: write the amount as text"):
        shipped().overridden(floor_ngn="a lot")
    with pytest.raises(
        PolicyError, match=r"^the settings: reference\.pattern: the pattern is not a regular expression"
    ):
        shipped().overridden(reference_pattern="(")


def test_only_part_and_over_payments_can_be_rejected() -> None:
    for name in ("reference_part", "reference_over"):
        parse_policy(f'settlement.{name}.action = "reject"', "a test")
    with pytest.raises(PolicyError, match=r"settlement.customer_exact: what does not match is tried by the next"):
        parse_policy('settlement.customer_exact.action = "reject"', "a test")
