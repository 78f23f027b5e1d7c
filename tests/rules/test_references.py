"""References: tokens, the pattern that is searched in each, and invoice numbers where there is no pattern."""

from __future__ import annotations

import re

import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from rules import references
from rules.policy import Policy
from rules.references import first_matching_token, number_hashes, tokens_of
from tests.rules.scenarios import applied, decide_one, decided, invoices_frame, line, missed, policy, shown

TEXT = pl.col("text")
SEPARATORS = " /|,;:()\t\n"


def by(pattern: str) -> Policy:
    """The shipped policy with a pattern of references."""
    return policy(f"[reference]\npattern = '''{pattern}'''")


# Tokens


@pytest.mark.parametrize("separator", SEPARATORS)
def test_each_separator_parts_tokens(separator: str) -> None:
    assert applied(tokens_of(TEXT), f"INV-1{separator}PART") == [["INV-1", "PART"]]


@pytest.mark.parametrize("sign", "-_.#*+=[]'")
def test_other_signs_belong_to_their_token(sign: str) -> None:
    assert applied(tokens_of(TEXT), f"INV{sign}1") == [[f"INV{sign}1"]]


def test_several_separators_part_as_one_does_and_none_stands_at_the_ends() -> None:
    assert applied(tokens_of(TEXT), " /NIP/ GTB (ADA) ") == [["NIP", "GTB", "ADA"]]


# With a pattern


def test_anchors_bind_to_the_token() -> None:
    policy = by(r"^INV-\d+$")
    assert decide_one("NIP/GTB/ADA OBIORADI/INV-7 PAYMENT", policy=policy)["reference"] == "INV-7"
    assert decide_one("NIP/GTB/ADA OBIORADI/INV-7,INV-8", policy=policy)["reference"] == "INV-7"
    assert decide_one("NIP/GTB/ADA OBIORADI/XINV-7 INV-7B", policy=policy)["reference"] is None


def test_without_anchors_the_pattern_is_searched_and_the_whole_token_is_the_reference() -> None:
    assert decide_one("pay XINV-7B now", policy=by(r"INV-\d"))["reference"] == "XINV-7B"


def test_the_first_token_that_matches_is_the_reference_not_the_first_that_nearly_does() -> None:
    assert decide_one("INV-7B INV-8 INV-9", policy=by(r"^INV-\d+$"))["reference"] == "INV-8"


def test_no_match_reaches_across_a_separator() -> None:
    assert decide_one("INV 7", policy=by(r"INV.7"))["reference"] is None
    assert decide_one("INV 7 INV-7", policy=by(r"INV.7"))["reference"] == "INV-7"


def test_case_counts_unless_the_pattern_says_otherwise() -> None:
    assert decide_one("inv-7", policy=by(r"^INV-\d+$"))["reference"] is None
    assert decide_one("inv-7", policy=by(r"(?i)^INV-\d+$"))["reference"] == "inv-7"


def test_a_narration_without_a_token_has_no_reference_even_where_the_pattern_matches_nothing_at_all() -> None:
    assert decide_one("", policy=by(r"\d*"))["reference"] is None
    assert decide_one("///", policy=by(r"\d*"))["reference"] is None
    assert decide_one(None, policy=by(r"^(INV)?"))["reference"] is None


def test_an_explicit_reference_stands_alone_the_narration_is_not_searched() -> None:
    said = decide_one("INV-7 PAYMENT", reference="INV-8", policy=by(r"^INV-\d+$"))
    assert said["reference"] == "INV-8"


def test_an_explicit_reference_that_does_not_match_rejects_and_is_told() -> None:
    said = decide_one("INV-7 PAYMENT", reference="ORDER 8", policy=by(r"^INV-\d+$"))
    assert (said["reason"], said["detail"]) == ("reference_mismatch", "reference_unparseable")
    assert (said["reference"], said["refused_reference"]) == (None, "ORDER 8")
    assert missed(said) == {"reference_parses"}


def test_a_blank_explicit_reference_is_none() -> None:
    assert decide_one("INV-7 PAYMENT", reference=" ", policy=by(r"^INV-\d+$"))["reference"] == "INV-7"


# The fast path: one scan by the pattern without the anchors at its ends. It must find what a look at every token finds.


def in_every_token(text: str, pattern: str) -> str | None:
    """The reference as the specification has it, by Python's own `re`."""
    tokens = [token for token in re.split(r"[\s/|,;:()]+", text) if token]
    return next((token for token in tokens if re.search(pattern, token)), None)


PIECES = [
    "A",
    "B",
    "AB",
    r"\d",
    r"\d+",
    "A?",
    "B*",
    "(?:A|B)",
    "[^A]",
    ".",
    "-",
    r"[A-Z]{2}",
    r"\s",
    "/",
    r"\$",
    r"\b",
    "|",
]
PATTERNS = st.builds(
    "{}{}{}{}".format,
    st.sampled_from(["", "", "(?i)"]),
    st.sampled_from(["", "^"]),
    st.lists(st.sampled_from(PIECES), min_size=1, max_size=4).map("".join),
    st.sampled_from(["", "$"]),
)


@settings(max_examples=300, deadline=None)
@given(pattern=PATTERNS, texts=st.lists(st.text("ABa1$- /|,;:()", max_size=12), min_size=1, max_size=4))
@example(pattern=r"^A.B$", texts=["A B", "A/B A-B", "B A-B", "A-BB A-B"])
@example(pattern=r"A*", texts=["", " ", "/B", "B/A"])
def test_the_fast_path_finds_what_a_look_at_every_token_finds(pattern: str, texts: list[str]) -> None:
    assert applied(first_matching_token(TEXT, pattern), *texts) == [in_every_token(text, pattern) for text in texts]


@pytest.mark.parametrize("pattern", [r"^INV-\d+$", r"INV-\d+", r"(?i)^INV\d{3,}", r"(?:INV)?\d+$"])
def test_everyday_patterns_take_the_fast_path(pattern: str) -> None:
    assert references._loose(pattern) is not None


@pytest.mark.parametrize(
    "pattern", ["^A|B$", "(?:KB|PO)-1", r"\bA", r"A\$", "[^A]", "(?x)A # a comment", r"\AA\z", "(?P<n>A)"]
)
def test_a_pattern_that_may_hold_anchors_within_takes_the_slow_path(pattern: str) -> None:
    assert references._loose(pattern) is None


# Without a pattern


@pytest.mark.parametrize(
    ("narration", "reference"),
    [
        ("NIP/GTB/ADA OBIORADI/INV-2024-7 PAYMENT", "INV-2024-7"),
        ("inv20247", "inv20247"),  # stripped to letters and digits, upper-cased
        ("#INV.2024.7!", "#INV.2024.7!"),
        ("INV-2024-71", None),
        ("INV 2024 7", None),  # three tokens
        ("AB-1", None),  # three letters and digits are too few, though there is such an invoice
        ("ABCD", None),  # no digit, though there is such an invoice
        ("PO-88 INV-2024-7", "PO-88"),
        ("INV-2024-7 PO-88", "INV-2024-7"),
    ],
)
def test_a_token_that_equals_an_invoice_number_of_the_tenant_is_a_reference(
    narration: str, reference: str | None
) -> None:
    said = decide_one(narration, invoices=invoices_frame("INV-2024-7", "PO88", "AB1", "ABCD"))
    assert said["reference"] == reference
    assert ("reference" in shown(said)) is (reference is not None)


def test_the_numbers_of_one_tenant_are_no_references_of_another() -> None:
    invoices = pl.concat(
        [
            invoices_frame("INV-1001"),
            invoices_frame("INV-2002", environment="production"),
            invoices_frame("INV-3003", organization_id="org-2"),
        ]
    )
    narration = "INV-3003 INV-2002 INV-1001"
    said = decided(
        [line(narration), line(narration, environment="production"), line(narration, organization_id="org-2")],
        invoices=invoices,
    )
    assert [row["reference"] for row in said] == ["INV-1001", "INV-2002", "INV-3003"]


def test_without_a_pattern_an_explicit_reference_is_always_the_reference() -> None:
    said = decide_one("INV-1001", reference=" ORDER 8 ", invoices=invoices_frame("INV-1001"))
    assert (said["reference"], said["refused_reference"]) == ("ORDER 8", None)


def test_with_a_pattern_invoice_numbers_do_not_count() -> None:
    assert decide_one("PO-8800", policy=by(r"^INV"), invoices=invoices_frame("PO-8800"))["reference"] is None


# What identifies the numbers of a tenant


def test_the_state_of_a_tenants_numbers_does_not_depend_on_order_or_repeats_and_leaves_out_others() -> None:
    first = number_hashes(invoices_frame("A-1001", "A-1002", "A-1002"))
    assert first == number_hashes(invoices_frame("A-1002", "A-1001"))
    assert first != number_hashes(invoices_frame("A-1001"))
    assert first.keys() == {("org-1", "sandbox")}
    both = number_hashes(
        pl.concat([invoices_frame("A-1001", "A-1002"), invoices_frame("A-1001", organization_id="org-2")])
    )
    assert both.items() >= first.items()
    assert number_hashes(invoices_frame()) == {}
