"""Text as the rules compare it: characters, words, terms; and the facts of Polars that the code leans on."""

from __future__ import annotations

import unicodedata

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.errors import RulesError
from rules.text import (
    BREAK,
    TermList,
    collapsed,
    letters_and_digits,
    normalised,
    normalised_value,
    parse_term,
    place_of,
    word_form,
    words_of,
)
from tests.rules.scenarios import applied

TEXT = pl.col("text")
UNUSUAL = "INVO\u0130CE \ufb01rst \u2160 e\u0301t\u00e9 \u1e8e\u1eb9\u0301 \uff29NV \u4ed8\u6b3e \u200d_\u00b2"


def terms(*texts: str) -> TermList:
    return TermList(tuple(parse_term(text) for text in texts))


def found(text: str, *texts: str) -> str | None:
    """The term that is found in a text, of a list of them."""
    listed, form = terms(*texts), word_form(normalised(TEXT))
    return applied(listed.term_of(listed.found_in(form)), text)[0]


# Characters


def test_text_is_in_unicode_form_nfkc_with_its_case_kept() -> None:
    assert applied(normalised(TEXT), "\uff29nvoice \ufb01ve \u2163", "plain", None) == [
        "Invoice five IV",
        "plain",
        None,
    ]


@settings(deadline=None)
@given(st.text(st.characters(exclude_categories=["Cn", "Cs"])))
def test_a_column_is_normalised_as_python_does(text: str) -> None:
    assert applied(normalised(TEXT), text) == [unicodedata.normalize("NFKC", text)]


def test_one_value_is_normalised_as_a_column_is() -> None:
    column = applied(normalised(TEXT).str.to_lowercase(), UNUSUAL)
    assert [normalised_value(UNUSUAL)] == column


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("INV-2024/001", "INV2024001"),
        ("inv 2024 001", "INV2024001"),
        ("\u0645\u0661\u0662", "\u0645\u0661\u0662"),  # letters and digits of any script
        ("---", ""),
    ],
)
def test_references_are_compared_by_letters_and_digits(text: str, form: str) -> None:
    assert applied(letters_and_digits(normalised(TEXT)), text) == [form]


def test_prefixes_are_compared_with_runs_of_blanks_as_one() -> None:
    assert applied(collapsed(TEXT), "  NIP/GTB/ \t ADA\nOBI ") == ["nip/gtb/ ada obi"]


# Words


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("POCKET-money 7", ["pocket", "money"]),
        ("REF2248PAYMENT", ["ref", "payment"]),  # digits separate
        ("part_payment", ["part", "payment"]),  # so does the underscore
        ("Sloane", ["sloane"]),  # one word: no loan in it
        ("e\u0301te\u0301", ["\u00e9t\u00e9"]),  # a mark belongs to its letter
        ("\uff29\uff2e\uff36", ["inv"]),  # full width letters are letters
        ("12 / 34", []),
        ("", []),
    ],
)
def test_a_word_is_a_run_of_letters_in_lower_case(text: str, words: list[str]) -> None:
    form = applied(word_form(normalised(TEXT)), text)[0]
    assert form.split() == words
    assert words_of(text) == words


def test_the_word_form_has_a_blank_on_each_side_of_each_word() -> None:
    assert applied(word_form(TEXT), "POCKET-money 7", "7") == [" pocket  money ", "  "]


@settings(deadline=None)
@given(st.text(st.characters(max_codepoint=0x2FFF, exclude_categories=["Cn", "Cs"])))  # what Python knows of Unicode
def test_the_words_of_one_value_are_those_of_a_column(text: str) -> None:
    assert words_of(text) == applied(word_form(normalised(TEXT)), text)[0].split()


# Terms


@pytest.mark.parametrize(
    ("text", "term"),
    [
        ("POCKET-MONEY", "pocket money"),  # only non-letters between the words
        ("pocket 12/money", "pocket money"),
        ("Ajo", "AJO"),
        ("invoices", "invoice*"),
        ("invoice", "invoice*"),
        ("Partalawi", "*alawi"),
        ("debtpaymentforwifi", "*payment*"),
        ("school  fees refunds", "school* fee* refund*"),  # stars within a term
        ("mtn airtime topup", "*time top*"),
        ("\u00c9t\u00e9", "e\u0301te\u0301"),
    ],
)
def test_a_term_matches_where_its_words_follow_each_other(text: str, term: str) -> None:
    assert found(text, term) == term


@pytest.mark.parametrize(
    ("text", "term"),
    [
        ("Sloane", "loan"),
        ("pocket your money", "pocket money"),
        ("money pocket", "pocket money"),
        ("prepayments", "payment"),
        ("prepayments", "payment*"),
        ("prepayments", "*payment"),
        ("schools are fees", "school* fee*"),
    ],
)
def test_a_term_does_not_match_within_words_or_across_others(text: str, term: str) -> None:
    assert found(text, term) is None


def test_the_leftmost_term_is_found_whatever_its_place_in_the_list() -> None:
    assert found("refund of a gift", "gift", "refund") == "refund"


def test_of_terms_that_match_at_one_place_the_first_of_the_list_is_found() -> None:
    assert found("school fees", "school", "school fees") == "school"
    assert found("school fees", "school fees", "school") == "school fees"


def test_a_term_is_told_as_its_author_wrote_it() -> None:
    assert found("my wedding", "My Wedding") == "My Wedding"


def test_an_empty_list_finds_nothing() -> None:
    assert applied(terms().found_in(TEXT), " payment ") == [None]


@pytest.mark.parametrize("term", ["", "  ", "*", "**", "a**", "pay*ment", "e-mail", "inv1", "fees*!", "loan ** fees"])
def test_a_term_of_anything_but_letters_and_outer_stars_is_an_error_in_a_sentence(term: str) -> None:
    with pytest.raises(RulesError, match="term"):
        parse_term(term)


WORDS = st.text("abc", min_size=1, max_size=3)


@settings(deadline=None)
@given(
    text=st.lists(WORDS, max_size=5).map("-".join),
    term=st.lists(st.tuples(st.booleans(), WORDS, st.booleans()), min_size=1, max_size=3),
)
def test_a_term_is_found_exactly_where_its_words_are(text: str, term: list[tuple[bool, str, bool]]) -> None:
    def fits(word: str, part: tuple[bool, str, bool]) -> bool:
        before, bare, after = part
        ways = {(False, False): word == bare, (True, False): word.endswith(bare), (False, True): word.startswith(bare)}
        return ways.get((before, after), bare in word)

    words = text.split("-")
    starts = range(len(words) - len(term) + 1)
    expected = any(all(fits(word, part) for word, part in zip(words[start:], term, strict=False)) for start in starts)
    written = " ".join(f"{'*' * before}{bare}{'*' * after}" for before, bare, after in term)
    assert (found(text, written) == written) is expected


# Terms taken out


def test_removed_terms_leave_a_break_that_no_term_reaches_across() -> None:
    form = word_form(TEXT)
    removed = terms("nibss instant payment*").removed_from(form)
    assert applied(removed, "pocket NIBSS INSTANT PAYMENTS money") == [f" pocket {BREAK} money "]
    assert applied(terms("pocket money").found_in(removed), "pocket NIBSS INSTANT PAYMENTS money") == [None]


def test_text_without_such_a_term_stays_as_it_is() -> None:
    assert applied(terms("web app").removed_from(TEXT), " medical  bill ") == [" medical  bill "]
    assert applied(terms().removed_from(TEXT), " medical  bill ") == [" medical  bill "]


# Places


@pytest.mark.parametrize(
    ("text", "term", "place"),
    [
        ("gift", "gift", "remark word 1"),
        ("a birthday gift", "gift", "remark word 3"),
        ("a birthday gift", "birthday gift", "remark word 2"),
        ("1 2 3 gift", "gift", "remark word 1"),  # numbers are no words
        ("my debtpaymentforwifi", "*payment*", "remark word 2"),
        ("my payments", "payment*", "remark word 2"),
        ("no such", "gift", None),
    ],
)
def test_a_place_is_the_number_of_the_word_where_the_find_begins(text: str, term: str, place: str | None) -> None:
    form = word_form(TEXT)
    assert applied(place_of(form, terms(term).found_in(form), "remark"), text) == [place]


def test_words_are_counted_on_across_a_break() -> None:
    assert applied(place_of(TEXT, pl.lit(" gift "), "remark"), f" my  own {BREAK} gift ") == ["remark word 3"]


# What the code above leans on in Polars


def test_extract_of_group_0_gives_the_whole_match() -> None:
    assert applied(TEXT.str.extract("[a-z]*(?:b|c)[a-z]*", 0), "1 abd 2", "xyz") == ["abd", None]


def test_the_leftmost_of_alternatives_is_found_and_at_one_place_the_first_written() -> None:
    assert applied(TEXT.str.extract("(b|ab|a)", 1), "xab") == ["ab"]


def test_a_text_can_be_split_by_another_column() -> None:
    both = pl.DataFrame({"text": ["a-b-a", "x", None], "by": ["-", "-", "-"]})
    assert both.select(parts=TEXT.str.split(pl.col("by")))["parts"].to_list() == [["a", "b", "a"], ["x"], None]


def test_split_in_n_gives_null_for_the_parts_that_are_not_there() -> None:
    parts = pl.DataFrame({"text": ["a/b", "a/b/c/d/e"]}).select(TEXT.str.splitn("/", 3).struct.unnest())
    assert parts.rows() == [("a", "b", None), ("a", "b", "c/d/e")]


def test_an_elementwise_batch_function_may_see_the_rows_in_pieces() -> None:
    sizes: list[int] = []

    def noted(batch: pl.Series) -> pl.Series:
        sizes.append(len(batch))
        return batch + 1

    rows = pl.LazyFrame({"n": range(300_000)})
    added = rows.select(pl.col("n").map_batches(noted, return_dtype=pl.Int64, is_elementwise=True))
    assert added.collect(engine="streaming")["n"].to_list() == list(range(1, 300_001))
    assert sum(sizes) == 300_000
    assert len(sizes) > 1, "the streaming engine hands over pieces, so such a function must look at single rows only"


def test_a_regular_expression_of_ten_thousand_literals_compiles() -> None:
    many = "|".join(f" WORD{number} " for number in range(10_000))
    assert applied(TEXT.str.contains(many), " WORD9999 ", " WORD ") == [True, False]
