"""Allow and deny entries: what each kind matches, for whom and until when, and that many are as few."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.errors import ListEntryError
from rules.lists import EMPTY_LISTS_HASH, Lists, check_entry, effective, state_hashes
from tests.rules.scenarios import NOW, decide_one, entries_frame, entry, policy, shown

ADA = "NIP/GTB/ADA OBIORADI/hello"


def denied(field: str, match: str, value: str, **line: Any) -> bool:
    """Whether a deny entry matches a line."""
    check_entry("deny", field, match, value)
    said = decide_one(line.pop("narration", None), entries=[entry("deny", field, match, value)], **line)
    assert (said["detail"] == "denylisted") is (said["deny_entry"] is not None)
    return said["deny_entry"] is not None


# Each field by each match


@pytest.mark.parametrize("field", ["counterparty", "narration"])
@pytest.mark.parametrize(
    ("match", "value", "text", "matches"),
    [
        ("exact", "ada  OBIORADI", "Ada-Obioradi 12", True),  # the same words in the same order
        ("exact", "Ada Obioradi", "Obioradi Ada", False),
        ("exact", "Ada", "Ada Obioradi", False),
        ("exact", "Ada Obioradi 12", "ADA OBIORADI", True),  # digits are no words
        ("contains", "obioradi", "MRS ADA OBIORADI NWACHIDE", True),  # a term
        ("contains", "ada obioradi", "ADA NGOZI OBIORADI", False),
        ("contains", "obio*", "ADA OBIORADI", True),
        ("contains", "obio", "ADA OBIORADI", False),
        ("prefix", "ada ob", "ADA \t OBIORADI", True),  # of the text in lower case, blanks collapsed
        ("prefix", "obioradi", "ADA OBIORADI", False),
        ("prefix", "\uff21da", "ADA OBIORADI", True),
        ("prefix", "a.a", "ADA OBIORADI", False),  # its signs are themselves
        ("regex", "a.a +obi|nwa", "ADA  OBIORADI", True),  # searched, ignoring case
        ("regex", "^obi", "ADA OBIORADI", False),
        ("regex", "(?-i)ada", "ADA OBIORADI", False),
    ],
)
def test_a_text_is_matched_in_four_ways(field: str, match: str, value: str, text: str, matches: bool) -> None:
    assert denied(field, match, value, **{field: text}) is matches


@pytest.mark.parametrize(
    ("match", "value", "matches"),
    [
        ("exact", "inv 2024/7", True),  # the same letters and digits
        ("exact", "INV-2024", False),
        ("contains", "inv", True),
        ("prefix", "inv-2024", True),
        ("prefix", "2024", False),
        ("regex", r"-\d$", True),
    ],
)
def test_a_reference_is_matched_in_four_ways(match: str, value: str, matches: bool) -> None:
    assert denied("reference", match, value, reference="INV-2024-7") is matches


def test_the_reference_that_is_matched_is_the_transactions_also_where_the_narration_holds_it() -> None:
    by_pattern = policy(r"reference.pattern = '^INV-\d+$'")
    entries = [entry("deny", "reference", "exact", "INV-7")]
    assert decide_one("for INV-7", policy=by_pattern, entries=entries)["detail"] == "denylisted"
    assert decide_one("for INV-7", entries=entries)["deny_entry"] is None  # nothing says that it is a reference


@pytest.mark.parametrize(
    ("match", "value"),
    [("exact", "point of sale"), ("contains", "sale"), ("prefix", "point"), ("regex", "^point.*sale$")],
)
def test_any_tag_may_match(match: str, value: str) -> None:
    assert denied("tag", match, value, tags=["transport", "Point of SALE"])
    assert not denied("tag", match, value, tags=["transport", "a point", "of"])
    assert not denied("tag", match, value, tags=[])
    assert not denied("tag", match, value, tags=None)


def test_the_counterparty_that_is_matched_is_the_explicit_one_or_the_rails() -> None:
    assert denied("counterparty", "exact", "Ada Obioradi", narration=ADA)
    assert not denied("counterparty", "exact", "Ada Obioradi", narration=ADA, counterparty="SAHELIA PLC")
    assert not denied("counterparty", "contains", "Ada", narration="a cheque of ADA")


def test_the_narration_that_is_matched_is_all_of_it() -> None:
    assert denied("narration", "prefix", "nip/gtb/", narration=ADA)
    assert not denied("narration", "contains", "school", narration=ADA, description="school", tags=["school"])


# For whom, until when


def test_an_entry_holds_for_its_tenant_and_no_other() -> None:
    entries = [entry("deny", "narration", "contains", "hello")]
    assert decide_one(ADA, entries=entries)["deny_entry"]
    assert decide_one(ADA, entries=entries, environment="production")["deny_entry"] is None
    assert decide_one(ADA, entries=entries, organization_id="org-2")["deny_entry"] is None


def test_an_entry_of_one_account_holds_for_that_account_alone() -> None:
    entries = [entry("deny", "narration", "contains", "hello", account_id="acc-1")]
    assert decide_one(ADA, entries=entries)["deny_entry"]
    assert decide_one(ADA, entries=entries, account_id="acc-2")["deny_entry"] is None


def test_an_entry_expires_at_its_moment_and_one_that_had_already_is_without_effect() -> None:
    entries = [entry("deny", "narration", "contains", "hello", expires_at=NOW)]
    assert decide_one(ADA, entries=entries, now=NOW - timedelta(microseconds=1))["deny_entry"]
    assert decide_one(ADA, entries=entries, now=NOW)["deny_entry"] is None
    frame = entries_frame([*entries, entry("deny", "tag", "exact", "x")])
    assert effective(frame, NOW)["field"].to_list() == ["tag"]


def test_an_entry_made_after_the_line_was_booked_holds_entries_take_effect_by_the_time_of_the_decision() -> None:
    entries = [entry("deny", "narration", "contains", "hello", created_at=NOW)]
    assert decide_one(ADA, entries=entries)["deny_entry"]


# Deny and allow


def test_deny_beats_allow_whatever_their_scope() -> None:
    narrow_allow = entry("allow", "counterparty", "exact", "Ada Obioradi", account_id="acc-1")
    wide_deny = entry("deny", "narration", "contains", "hello")
    said = decide_one(ADA, entries=[narrow_allow, wide_deny])
    assert said["detail"] == "denylisted"
    assert shown(said) >= {"deny_entry", "allow_entry"}


def test_the_oldest_entry_of_each_list_that_matches_is_told() -> None:
    young = entry("deny", "counterparty", "contains", "ada", created_at=NOW - timedelta(days=1))
    old = entry("deny", "narration", "contains", "hello", created_at=NOW - timedelta(days=2))
    allow = entry("allow", "narration", "contains", "hello")
    said = decide_one(ADA, entries=[young, allow, old])
    assert (said["deny_entry"], said["allow_entry"]) == (old["entry_id"], allow["entry_id"])


def test_one_value_may_stand_in_both_lists() -> None:
    both = [entry(list_, "counterparty", "exact", "Ada Obioradi") for list_ in ("allow", "deny")]
    said = decide_one(ADA, entries=both)
    assert (said["deny_entry"], said["allow_entry"]) == (both[1]["entry_id"], both[0]["entry_id"])


# What cannot be an entry


@pytest.mark.parametrize(
    ("list_", "field", "match", "value", "told"),
    [
        ("block", "narration", "exact", "x", "the list of an entry is one of allow, deny, not 'block'"),
        (
            "deny",
            "name",
            "exact",
            "x",
            "the field of an entry is one of counterparty, narration, reference, tag, not 'name'",
        ),
        (
            "deny",
            "narration",
            "like",
            "x",
            "the match of an entry is one of exact, contains, prefix, regex, not 'like'",
        ),
        ("deny", "narration", "exact", "12", "the value '12' cannot be matched by 'exact': it holds no word"),
        (
            "deny",
            "reference",
            "exact",
            "-/-",
            "the value '-/-' cannot be matched by 'exact': nothing is left of it to compare",
        ),
        ("deny", "narration", "prefix", "  ", "the value '  ' cannot be matched by 'prefix': it holds no word"),
        ("deny", "narration", "regex", "", "the value '' cannot be matched by 'regex': it is empty"),
        (
            "deny",
            "narration",
            "regex",
            "(ada",
            "the value '(ada' cannot be matched by 'regex': it is not a regular expression that can be used",
        ),
        (
            "deny",
            "narration",
            "regex",
            "(?x) ada # a comment takes in all that follows",
            "the value '(?x) ada # a comment takes in all that follows' cannot be matched by 'regex':"
            " it is not a regular expression that can be used",
        ),
    ],
)
def test_an_entry_that_can_never_match_is_refused_in_a_sentence(
    list_: str, field: str, match: str, value: str, told: str
) -> None:
    with pytest.raises(ListEntryError) as caught:
        check_entry(list_, field, match, value)
    assert str(caught.value) == told


@pytest.mark.parametrize("value", ["", "pay ment2", "*", "a*b"])
def test_a_value_that_is_no_term_cannot_be_contained(value: str) -> None:
    with pytest.raises(ListEntryError, match=r"^the value .* cannot be matched by 'contains': .*term"):
        check_entry("deny", "narration", "contains", value)


# Many entries


FILLERS: dict[tuple[str, str], str] = {
    ("counterparty", "exact"): "{} NOBODY",
    ("narration", "contains"): "nobody {}*",
    ("narration", "prefix"): "nobody of this name nor of any like it {}",
    ("narration", "regex"): r"^nobody {} \w+ \w{{2,3}}$",
    ("reference", "exact"): "X-{}-7",
    ("reference", "regex"): r"NOBODY{}\d+$",
    ("tag", "exact"): "nobody {}",
}


def letters(number: int) -> str:
    """A word for each number."""
    return "".join(chr(ord("a") + int(digit)) for digit in str(number))


@pytest.mark.parametrize(
    ("match", "value", "many"),
    [
        ("regex", r"NOBODY{}\d+", 2_500),
        ("prefix", "nobody of this name at all {}", 10_000),
    ],
)
def test_entries_that_are_too_many_for_one_regular_expression_are_scanned_for_by_several(
    match: str, value: str, many: int
) -> None:
    fillers = [entry("deny", "narration", match, value.format(letters(number))) for number in range(many)]
    wanted = entry("deny", "narration", match, "NIP/GTB")
    said = decide_one(ADA, entries=[*fillers, wanted])
    assert said["deny_entry"] == wanted["entry_id"]


NAMES = ["ADA OBIORADI", "ADA", "OBIORADI ADA", "Sahelia Plc", "12"]
NARRATIONS = ["hello", "ADA says hello", "hello ADA OBIORADI", "INV-7", ""]
REFERENCES = ["INV-7", "inv7", "ADA"]
VALUES = ["ada", "ada obioradi", "hello", "inv", "INV-7", "sahelia*", "a.a"]
SCOPES = [("org-1", "sandbox", None), ("org-1", "sandbox", "acc-2"), ("org-2", "sandbox", None)]

ENTRIES_DRAWN = st.lists(
    st.tuples(
        st.sampled_from(["allow", "deny"]),
        st.sampled_from(["counterparty", "narration", "reference", "tag"]),
        st.sampled_from(["exact", "contains", "prefix", "regex"]),
        st.sampled_from(VALUES),
        st.sampled_from(SCOPES),
        st.integers(0, 3),  # days ago
    ),
    max_size=6,
    unique=True,
)
TEXTS_DRAWN = st.lists(
    st.fixed_dictionaries(
        {
            "counterparty": st.none() | st.sampled_from(NAMES),
            "narration": st.sampled_from(NARRATIONS),
            "reference": st.none() | st.sampled_from(REFERENCES),
            "tag": st.none() | st.lists(st.sampled_from(NAMES), max_size=2),
            "scope": st.sampled_from([("org-1", "acc-1"), ("org-1", "acc-2"), ("org-2", "acc-3")]),
        }
    ),
    min_size=1,
    max_size=5,
)


def usable(drawn: tuple[str, str, str, str, tuple[str, str, str | None], int]) -> dict[str, Any] | None:
    """An entry as drawn; None where it can never match."""
    list_, field, match, value, (organization_id, environment, account_id), days = drawn
    try:
        check_entry(list_, field, match, value)
    except ListEntryError:
        return None
    scope = {"organization_id": organization_id, "environment": environment, "account_id": account_id}
    made = entry(list_, field, match, value, created_at=NOW - timedelta(days=days), **scope)
    return made | {"entry_id": f"{made['entry_id']} {organization_id} {account_id} {days}"}


def verdicts(entries: Sequence[Mapping[str, Any]], texts: Sequence[Mapping[str, Any]]) -> list[dict[str, str | None]]:
    """Which entries match each of some texts; the texts are normalised already."""
    rows = [
        {
            "organization_id": text["scope"][0],
            "environment": "sandbox",
            "account_id": text["scope"][1],
            **{name: text[name] for name in ("counterparty", "narration", "reference", "tag")},
        }
        for text in texts
    ]
    schema = dict.fromkeys(rows[0], pl.String()) | {"tag": pl.List(pl.String())}
    fields = {name: pl.col(name) for name in ("counterparty", "narration", "reference", "tag")}
    lists = Lists.in_force(entries_frame(entries), NOW)
    said = pl.DataFrame(rows, schema=schema).with_columns(verdict=lists.verdict(fields))["verdict"].to_list()
    return [verdict or {"deny": None, "allow": None} for verdict in said]


def one_by_one(entries: Sequence[Mapping[str, Any]], texts: Sequence[Mapping[str, Any]]) -> list[dict[str, str | None]]:
    """The same, each entry held against the texts alone."""
    found: list[dict[str, str | None]] = [{"deny": None, "allow": None} for _ in texts]
    for one in sorted(entries, key=lambda one: (one["created_at"], one["entry_id"])):
        for told, alone in zip(found, verdicts([one], texts), strict=True):
            told[one["list"]] = told[one["list"]] or alone[one["list"]]
    return found


@settings(max_examples=25, deadline=None)
@given(drawn=ENTRIES_DRAWN, texts=TEXTS_DRAWN)
def test_entries_together_say_what_they_say_one_by_one(drawn: list[Any], texts: list[Mapping[str, Any]]) -> None:
    entries = [one for one in map(usable, drawn) if one]
    assert verdicts(entries, texts) == one_by_one(entries, texts)


def test_nearly_ten_thousand_entries_beside_them_change_nothing() -> None:
    scope = SCOPES[0]
    drawn = [
        *(
            ("allow", field, match, "ada*", scope, 1)
            for field in ("counterparty", "tag")
            for match in ("contains", "regex")
        ),
        ("deny", "narration", "prefix", "hello ada", scope, 2),
        ("deny", "reference", "exact", "inv/7", ("org-1", "sandbox", "acc-2"), 3),
    ]
    texts = [
        {"counterparty": name, "narration": said, "reference": "INV-7", "tag": ["ADA"], "scope": ("org-1", account)}
        for name in NAMES
        for said in NARRATIONS
        for account in ("acc-1", "acc-2")
    ]
    entries = [one for one in map(usable, drawn) if one]
    beside = [
        entry("deny", field, match, value.format(letters(number)))
        for (field, match), value in FILLERS.items()
        for number in range(100 if match == "regex" else 1_900)
    ]
    assert len(beside) >= 9_700
    assert verdicts([*beside, *entries], texts) == one_by_one(entries, texts)


# What identifies the entries of a tenant


def test_the_state_of_a_tenants_entries_does_not_depend_on_their_order_and_leaves_out_others() -> None:
    one, two = entry("deny", "tag", "exact", "a"), entry("allow", "tag", "exact", "a")
    other = entry("deny", "tag", "exact", "a", organization_id="org-2")
    together = state_hashes(entries_frame([one, two]))
    assert together == state_hashes(entries_frame([two, one]))
    assert together.items() <= state_hashes(entries_frame([one, other, two])).items()
    assert together != state_hashes(entries_frame([one]))
    assert together.keys() == {("org-1", "sandbox")}
    assert state_hashes(entries_frame()) == {}
    assert EMPTY_LISTS_HASH not in together.values()


def test_what_an_entry_says_beside_what_it_matches_is_no_part_of_the_state() -> None:
    plain = entry("deny", "tag", "exact", "a")
    later = plain | {"expires_at": NOW + timedelta(days=9), "created_at": NOW}
    assert state_hashes(entries_frame([plain])) == state_hashes(entries_frame([later]))
