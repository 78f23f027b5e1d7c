"""Which entries look like a mistake: each finding by an example, and held against what the rules decide."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.lists import ENTRIES, Lists
from rules.lists_lint import lint_entries
from rules.text import normalised

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def entry(
    list_: str,
    match: str,
    value: str,
    *,
    name: str = "",
    field: str = "counterparty",
    account: str | None = None,
    organization: str = "org",
    expires: datetime | None = None,
) -> dict[str, object]:
    return {
        "entry_id": name or list_,
        "list": list_,
        "organization_id": organization,
        "environment": "live",
        "account_id": account,
        "field": field,
        "match": match,
        "value": value,
        "created_at": NOW - timedelta(days=1),
        "expires_at": expires,
    }


def found(*entries: dict[str, object]) -> list[tuple[str, str]]:
    frame = pl.DataFrame(list(entries), schema=ENTRIES)
    return [(each.kind, each.where) for each in lint_entries(frame, NOW)]


CONTRADICTORY = [("contradictory", "allow")]


@pytest.mark.parametrize(
    ("allow", "deny"),
    [
        (("exact", "Ada Stores"), ("exact", "ADA  STORES")),
        (("exact", "Ada Stores Ltd"), ("contains", "stores")),
        (("contains", "ada stores"), ("contains", "ada")),
        (("prefix", "NIP/ADA"), ("prefix", "nip/")),
        (("regex", "ada.*stores"), ("regex", "ada.*stores")),
        (("contains", "store*"), ("contains", "store*")),
    ],
)
def test_an_allow_entry_that_a_deny_entry_always_overrules(allow: tuple[str, str], deny: tuple[str, str]) -> None:
    assert found(entry("allow", *allow), entry("deny", *deny)) == CONTRADICTORY


@pytest.mark.parametrize(
    ("allow", "deny"),
    [
        (("contains", "stores"), ("exact", "Ada Stores")),  # other stores are still allowed
        (("contains", "ada"), ("contains", "ada stores")),
        (("exact", "Ada Stores"), ("prefix", "ada stores")),  # "Ada, Stores" begins otherwise
        (("exact", "Ada Stores"), ("regex", "ada stores")),
        (("contains", "ab*"), ("contains", "ab")),  # "abc" is still allowed
        (("exact", "Bola"), ("exact", "Ada")),
    ],
)
def test_an_allow_entry_that_still_decides_some_lines(allow: tuple[str, str], deny: tuple[str, str]) -> None:
    assert found(entry("allow", *allow), entry("deny", *deny)) == []


def test_entries_of_other_fields_tenants_accounts_or_times_do_not_meet() -> None:
    allow = entry("allow", "contains", "ada", account="one")
    assert found(allow, entry("deny", "contains", "ada", field="narration")) == []
    assert found(allow, entry("deny", "contains", "ada", organization="other")) == []
    assert found(allow, entry("deny", "contains", "ada", account="two")) == []
    assert found(allow, entry("deny", "contains", "ada", expires=NOW)) == []
    assert found(allow, entry("deny", "contains", "ada", account="one")) == CONTRADICTORY
    assert found(allow, entry("deny", "contains", "ada")) == CONTRADICTORY
    assert found(entry("allow", "contains", "ada"), entry("deny", "contains", "ada", account="one")) == []


@pytest.mark.parametrize("field", ["reference", "tag", "narration"])
def test_each_field_is_looked_at(field: str) -> None:
    allow, deny = (entry(name, "exact", "INV 7", field=field) for name in ("allow", "deny"))
    assert found(allow, deny) == CONTRADICTORY


def test_a_reference_is_more_than_its_words() -> None:
    allow, deny = entry("allow", "exact", "INV-7", field="reference"), entry("deny", "contains", "inv")
    assert found(allow, {**deny, "field": "reference"}) == []


def test_an_entry_of_an_account_that_its_tenant_has_already() -> None:
    whole, own = (
        entry("deny", "contains", "ada", name="whole"),
        entry("deny", "exact", "ada", name="own", account="one"),
    )
    assert found(whole, own) == [("shadowed", "own")]
    assert found(whole) == found(own) == []


texts = st.lists(st.sampled_from(["ada", "Bola", "stores", "LTD", "né"]), min_size=1, max_size=3).map(" ".join)


@given(st.sampled_from(["exact", "contains", "prefix"]), texts, st.sampled_from(["exact", "contains", "prefix"]), texts)
def test_what_a_found_entry_allows_is_denied_whatever_stands_around(
    narrow: str, value: str, wide: str, other: str
) -> None:
    allow, deny = entry("allow", narrow, value), entry("deny", wide, other)
    around = pl.DataFrame(
        {"counterparty": [value, f"{value} & sons", f"the {value}", value.replace(" ", ", "), value.upper()]}
    ).with_columns(organization_id=pl.lit("org"), environment=pl.lit("live"), account_id=pl.lit("one"))
    verdict = Lists.in_force(pl.DataFrame([allow, deny], schema=ENTRIES), NOW).verdict(
        {"counterparty": normalised(pl.col("counterparty"))}
    )
    told = around.select(verdict=verdict).unnest("verdict").filter(pl.col("allow").is_not_null())
    if found(allow, deny):
        assert told.height > 0
        assert told["deny"].null_count() == 0
