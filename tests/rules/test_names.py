"""How alike names are: the pairs of `name_pairs.csv`, all invented, and what holds for every name."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.name_words import CUT_SHORT, FAMILY_NAMES, FILLERS, GIVEN_NAMES, LEGAL, SAME, TITLES
from rules.names import SAME_NAME, similar_names, similarity
from sandbox import names as pools

PAIRS = pl.read_csv(Path(__file__).with_name("name_pairs.csv"))
WORDS = st.sampled_from(
    [
        *(
            "ADAOBI",
            "OKEZIEM",
            "OGUNDARE",
            "OGUNDARI",
            "JAMES",
            "J",
            "O",
            "MUSA",
            "MUSAH",
            "SONS",
            "BROS",
            "LTD",
            "NIG",
        ),
        *(
            "LIMITED",
            "&",
            "AND",
            "ENT",
            "STORES",
            "AGRO",
            "ZUMARI",
            "MR",
            "DR",
            "OLUWASEUN",
            "OLUWASE",
            "OLU",
            "CO",
            "2",
        ),
        *("SALAMIDE", "SALAMIDO", "COMPANY", "MOHAMMED", "MUHAMMAD"),
    ]
)
NAMES = st.lists(WORDS, min_size=1, max_size=5).map(" ".join)


def among(payers: list[str], customers: list[str], minimum: int = 1) -> dict[tuple[str, str], int]:
    """The similarity of each pair that is found."""
    found = similar_names(pl.Series(payers, dtype=pl.String), pl.Series(customers, dtype=pl.String), minimum)
    return {(payer, customer): alike for payer, customer, alike in found.iter_rows()}


@pytest.mark.parametrize("turned", [False, True])
def test_the_pairs_of_the_table_are_told_apart(turned: bool) -> None:
    payers, customers = PAIRS["payer"].to_list(), PAIRS["customer"].to_list()
    found = among(customers, payers) if turned else among(payers, customers)
    wrong = [
        (one, other, why, alike)
        for same, one, other, why in PAIRS.iter_rows()
        for alike in [found.get((other, one) if turned else (one, other), 0)]
        if (alike >= SAME_NAME) != (same == "yes")
    ]
    assert wrong == []


def test_no_two_persons_with_a_given_and_a_family_name_are_one() -> None:
    persons = [f"{given} {family}" for given in pools.GIVEN_NAMES for family in pools.FAMILY_NAMES]
    assert [pair for pair in among(persons, persons, SAME_NAME) if pair[0] != pair[1]] == []


def test_no_two_firms_with_another_trade_or_kind_are_one() -> None:
    kinds = ["LTD", "ENTERPRISES", "VENTURES", "& SONS", "& CO", "CONCEPTS LTD", "INTERNATIONAL LTD", "MULTI VENTURES"]
    firms = [f"{s} {trade} {kind}" for s in pools.COMPANY_STEMS for trade in pools.COMPANY_SECTORS for kind in kinds]
    assert [pair for pair in among(firms, firms, SAME_NAME) if pair[0] != pair[1]] == []


@settings(deadline=None, max_examples=12)
@given(st.lists(NAMES, min_size=1, max_size=3), st.lists(NAMES, min_size=1, max_size=3), st.integers(1, 100))
def test_many_names_are_compared_as_each_pair_is(payers: list[str], customers: list[str], minimum: int) -> None:
    alone = {(one, other): similarity(one, other) for one in payers for other in customers}
    assert among(payers, customers, minimum) == {pair: alike for pair, alike in alone.items() if alike >= minimum}


@settings(deadline=None, max_examples=12)
@given(st.lists(NAMES, min_size=2, max_size=12))
def test_similarity_is_the_same_both_ways(names: list[str]) -> None:
    found = among(names, names)
    assert found == {(other, one): alike for (one, other), alike in found.items()}


@settings(deadline=None, max_examples=12)
@given(st.lists(WORDS, min_size=1, max_size=5), st.randoms(use_true_random=False))
def test_neither_order_nor_case_nor_signs_count(words: list[str], random: object) -> None:
    mixed = list(words)
    random.shuffle(mixed)  # type: ignore[attr-defined]
    one, other = " ".join(words), ", ".join(mixed).lower() + "."
    assert similarity(one, other) == (100 if similarity(one, one) else 0)


@settings(deadline=None, max_examples=12)
@given(st.text(min_size=1))
def test_equal_names_that_hold_a_word_are_alike_by_a_hundred(name: str) -> None:
    assert similarity(name, name) in (0, 100)
    assert similarity(f"ADAOBI {name}", f"ADAOBI {name}") == 100


def test_nulls_and_repeated_names_are_passed_over() -> None:
    found = similar_names(pl.Series(["ZUMARI AGRO", None, "ZUMARI AGRO"]), pl.Series(["Zumari Agro Ltd"]), 95)
    assert found.rows() == [("ZUMARI AGRO", "Zumari Agro Ltd", 100)]
    assert found.schema == {"payer": pl.String, "customer": pl.String, "similarity": pl.UInt8}


def test_no_names_have_no_pairs() -> None:
    nobody = pl.Series([], dtype=pl.String)
    assert similar_names(nobody, pl.Series(["ZUMARI AGRO"]), 1).is_empty()
    assert similar_names(pl.Series([None, None]), nobody, 95).is_empty()


@pytest.mark.parametrize("minimum", [0, 101])
def test_a_minimum_out_of_bounds_is_refused(minimum: int) -> None:
    with pytest.raises(ValueError, match="from 1 to 100"):
        similar_names(pl.Series(["A"]), pl.Series(["A"]), minimum)


def test_no_word_has_two_meanings() -> None:
    meanings = [FILLERS, LEGAL, CUT_SHORT, TITLES, GIVEN_NAMES, FAMILY_NAMES]
    assert sum(map(len, meanings)) == len(frozenset().union(*meanings))
    assert not set(SAME) & set(SAME.values())
    assert not set(SAME) & (LEGAL | TITLES | FILLERS)
