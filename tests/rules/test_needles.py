"""Needles: what a text must hold for an entry to match it; a text that lacks it is never one that matches."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.needles import needles, pieces_of_regex


@pytest.mark.parametrize(
    ("pattern", "pieces"),
    [
        ("ADA obi", ["ada obi"]),
        (r"\bADA\b.*\bCement", ["ada", "cement"]),
        ("ab*c", ["a", "c"]),  # a character that may be left out
        ("ab?c", ["a", "c"]),
        ("ab{0,2}c12", ["a", "c12"]),
        ("ab+c", ["ab", "c"]),  # one that must be there
        ("ab+?c", ["ab", "c"]),
        ("x(ada)?y", ["x", "y"]),  # what is in a group may be left out
        ("[a-c]de", ["de"]),
        ("[]a]de", ["de"]),
        (r"\d\.de$", ["de"]),
        ("^de", ["de"]),
        ("a|b", []),  # none where it is unsure
        ("(?-i)ada", []),
        ("(?:ada)", []),
        (r"\p{L}ada", []),
        (r"\x41da", []),
        ("[[:alpha:]]da", []),
        (r"[\w]da", []),
        (".*", []),
    ],
)
def test_the_pieces_of_an_expression_are_what_it_cannot_do_without(pattern: str, pieces: list[str]) -> None:
    assert pieces_of_regex(pattern) == pieces


PARTS = st.sampled_from(
    [
        *("a", "B", "1", " ", ".", "-", r"\b", r"\d", r"\.", "[ab]", "[^a]", "(ab)", "(a b)", "(", ")", "a*", "b+"),
        *("1?", "a{2}", "b{0,1}", "*", "?", "+", "|", "^", "$", "(?i)", "(?:ab)", "[]a]", r"\p{L}", r"\x41"),
        *("{", "}", "\\"),
    ]
)
TEXTS = st.lists(st.sampled_from("aAbB1 .-()[]{}"), max_size=8).map("".join)


@settings(max_examples=300, deadline=None)
@given(pattern=st.lists(PARTS, max_size=6).map("".join), texts=st.lists(TEXTS, min_size=1, max_size=20))
def test_a_text_that_an_expression_finds_holds_all_of_its_pieces(pattern: str, texts: list[str]) -> None:
    try:
        found = pl.Series(texts).str.contains(f"(?i){pattern}").to_list()
    except pl.exceptions.ComputeError:
        return  # no expression at all
    for text, matches in zip(texts, found, strict=True):
        if matches:
            assert all(piece in text.lower() for piece in pieces_of_regex(pattern)), text


def test_the_needle_is_the_piece_that_the_fewest_share_and_of_those_the_longest() -> None:
    assert needles([["ada", "ltd"], ["obi", "ltd"], [], ["ltd"], ["ab", "cde"]]) == (
        ["ada", "obi", None, "ltd", "cde"],
        ["ltd", "ltd", "", "", "ab"],
    )


def test_a_piece_that_an_entry_holds_twice_is_shared_with_no_other() -> None:
    assert needles([["ada", "ada"], ["obi", "ada"]]) == (["ada", "obi"], ["", "ada"])
