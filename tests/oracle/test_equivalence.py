"""The product's decisions equal an independent row-by-row reading of the rules, on traps and on generated rows."""

from __future__ import annotations

import csv
import os
import random
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.oracle.cases import AMBIGUOUS, NOW, POLICIES, TRAPS, Trap, chunks, generated_traps, hostile_traps
from tests.oracle.product import differences, oracle_says, same
from tests.oracle.reader import doubts, read_policy, term

SHAPES = Path(__file__).parents[2] / "sandbox" / "narration-shapes.csv"


def said(found: list[str]) -> str:
    return f"{len(found)} differ:\n" + "\n".join(found[:12])


@pytest.mark.parametrize("trap", TRAPS, ids=[trap.name for trap in TRAPS])
def test_the_oracle_reads_a_trap_as_worked_out_by_hand(trap: Trap) -> None:
    says = oracle_says(trap, read_policy(POLICIES[trap.policy]))
    by_hand = {
        "detail": trap.detail,
        "counterparty": trap.counterparty,
        "reference": trap.reference,
        "score": trap.score,
    }
    for column, expected in by_hand.items():
        if expected != "?" and (column != "score" or expected is not None):
            assert same(column, says[column], expected), (trap.name, column, says)


def test_every_open_question_has_an_example_on_which_the_readings_differ() -> None:
    for case in AMBIGUOUS:
        trap, policy = case.example, read_policy(POLICIES[case.example.policy])
        assert oracle_says(trap, policy)["detail"] == trap.detail, case.question
        assert case.question in doubts(trap.row, trap.account, policy, trap.entries, trap.invoices, now=NOW), (
            case.question
        )


@pytest.mark.parametrize("text", ["pocket-money", "wi2fi", "", "  ", "pay*ment", "**pay", "a *", "invoice.", "£"])
def test_a_term_with_any_other_character_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a term"):
        term(text)


@pytest.mark.parametrize("policy", sorted(chunks(TRAPS)))
def test_the_product_reads_every_trap_as_the_rules_do(policy: str) -> None:
    found = differences(chunks(TRAPS)[policy], policy)
    assert not found, said(found)


@pytest.mark.parametrize("policy", sorted(POLICIES))
def test_the_traps_of_all_policies_under_each_policy(policy: str) -> None:
    found = differences([trap for trap in TRAPS if not trap.name.startswith("very_long")], policy)
    assert not found, said(found)


# The same rows in every run, unless more are asked for: KOBOSIFT_TEST_EXAMPLES=20 draws twenty times as many anew.
MORE = int(os.environ.get("KOBOSIFT_TEST_EXAMPLES", "1"))


@settings(max_examples=4 * MORE, derandomize=MORE == 1, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(seed=st.integers(0, 10**9), policy=st.sampled_from(sorted(POLICIES)))
def test_generated_rows_are_decided_as_the_rules_say(seed: int, policy: str) -> None:
    found = differences(generated_traps(seed, 500, policy), policy)
    assert not found, said(found)


@settings(max_examples=40 * MORE, derandomize=MORE == 1, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data(), policy=st.sampled_from(["plain", "stars", "tongues", "shipped"]))
def test_letters_nobody_expects_are_decided_as_the_rules_say(data: st.DataObject, policy: str) -> None:
    drawn = data.draw(st.lists(hostile_traps(policy), min_size=1, max_size=15))
    found = differences([trap.placed(place) for place, trap in enumerate(drawn)], policy)
    assert not found, said(found)


def test_the_order_of_rows_and_their_company_change_nothing() -> None:
    traps = generated_traps(20260301, 300, "plain")
    shuffled = random.Random(7).sample(traps, len(traps))
    assert not differences(shuffled, "plain")
    assert not differences(shuffled[:1], "plain")
    assert not differences([], "plain")


def test_the_shapes_are_there() -> None:
    with SHAPES.open(encoding="utf-8") as file:
        assert len(list(csv.DictReader(file))) > 50
