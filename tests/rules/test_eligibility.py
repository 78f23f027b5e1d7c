"""The decision table: one test for each row, then what holds of the whole table."""

from __future__ import annotations

from datetime import timedelta
from functools import cache
from itertools import product
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.eligibility import first_row, judged, nearest_misses, score, table
from rules.policy import PointsTable
from rules.signals import Signal, bits, held_in
from tests.rules.scenarios import (
    BOOKED,
    HOLDER,
    NOW,
    decide,
    decide_one,
    decided,
    entries_frame,
    entry,
    frame,
    invoices_frame,
    line,
    missed,
    policy,
    shipped,
    shown,
)

PAYER = "NIP/GTB/ADA OBIORADI/"
COMPANY = "NIP/GTB/SAHELIA PLC/"
PERSONAL = "personal_or_low_confidence"
ALLOW, DENY = (
    entry("allow", "counterparty", "contains", "obioradi"),
    entry("deny", "counterparty", "contains", "obioradi"),
)


def ruling(decision: dict[str, Any]) -> tuple[int, str, str | None, str]:
    """Row, outcome, reason and detail of a decision."""
    return decision["rule"], decision["outcome"], decision["reason"], decision["detail"]


# Row by row


def test_row_1_a_deny_entry_rejects_whatever_else_is_shown() -> None:
    said = decide_one(f"{PAYER}INVOICE PAYMENT", entries=[DENY, ALLOW])
    assert ruling(said) == (1, "rejected", PERSONAL, "denylisted")
    assert missed(said) == {"deny_entry"}


def test_row_2_a_debit_is_rejected_unless_it_is_a_refund() -> None:
    said = decide_one(f"{PAYER}INVOICE PAYMENT", direction="debit", entries=[ALLOW])
    assert ruling(said) == (2, "rejected", PERSONAL, "debit_not_refund")
    assert missed(said) == {"refund_term"}
    refund = decide_one("NIP CR/SAHELIA PLC/GTB/REFUND OF ORDER", direction="debit")
    assert ruling(refund) == (13, "eligible", None, "business_signal")


def test_row_3_a_currency_must_be_known_and_invoiced_in() -> None:
    unknown = decide_one(f"{PAYER}INVOICE", account_currency=None, entries=[ALLOW])
    assert ruling(unknown) == (3, "rejected", "currency_mismatch", "currency_unknown")
    assert missed(unknown) == {"currency_known", "currency_invoiced"}
    other = decide_one(f"{PAYER}INVOICE", currency="USD", entries=[ALLOW])
    assert ruling(other) == (3, "rejected", "currency_mismatch", "currency_not_invoiced")
    assert missed(other) == {"currency_invoiced"}


def test_row_3_a_line_without_a_currency_has_its_accounts() -> None:
    assert decide_one(f"{PAYER}INVOICE", currency=None, account_currency="NGN")["outcome"] == "eligible"
    assert decide_one(f"{PAYER}INVOICE", currency="NGN", account_currency="USD")["outcome"] == "eligible"
    assert decide_one(f"{PAYER}INVOICE", currency=None, account_currency="USD")["detail"] == "currency_not_invoiced"


def test_row_4_an_explicit_reference_must_fit_the_pattern_where_there_is_one() -> None:
    by_pattern = policy("reference.pattern = '^INV-'")
    said = decide_one(f"{PAYER}INVOICE", reference="PO-1", policy=by_pattern, entries=[ALLOW])
    assert ruling(said) == (4, "rejected", "reference_mismatch", "reference_unparseable")
    assert decide_one(f"{PAYER}INVOICE", reference="PO-1")["outcome"] == "eligible"


def test_row_5_a_pending_line_is_held() -> None:
    said = decide_one(f"{PAYER}INVOICE", status="pending", entries=[ALLOW])
    assert ruling(said) == (5, "held", None, "pending_settlement")
    assert missed(said) is None


def test_row_5_a_line_that_is_pending_for_fourteen_days_never_settled() -> None:
    given_up = BOOKED + timedelta(days=14)
    said = decide_one(f"{PAYER}INVOICE", status="pending", now=given_up)
    assert ruling(said) == (5, "rejected", PERSONAL, "never_settled")
    assert missed(said) == {"settled", "overdue"}
    assert decide_one(f"{PAYER}INVOICE", status="pending", now=given_up - timedelta(seconds=1))["outcome"] == "held"
    assert decide_one(f"{PAYER}INVOICE", status="settled", now=given_up)["outcome"] == "eligible"


def test_row_5_how_long_is_the_policys() -> None:
    said = decide_one(f"{PAYER}INVOICE", status="pending", policy=policy("pending.days = 7"), now=BOOKED + timedelta(7))
    assert said["detail"] == "never_settled"


def test_a_line_without_a_status_is_settled() -> None:
    assert decide_one(f"{PAYER}INVOICE", status=None)["outcome"] == "eligible"


def test_row_6_an_allow_entry_lifts_the_floor_and_the_personal_words() -> None:
    said = decide_one(f"{PAYER}birthday gift", naira=5, entries=[ALLOW])
    assert ruling(said) == (6, "eligible", None, "allowlisted")
    assert shown(said) >= {"personal_term", "allow_entry"}


def test_row_7_a_credit_that_takes_something_back_is_no_income() -> None:
    said = decide_one(f"{COMPANY}RVSL INVOICE PAYMENT")
    assert ruling(said) == (7, "rejected", PERSONAL, "reversal")
    assert missed(said) == {"reversal_term"}
    refund = decide_one("NIP CR/SAHELIA PLC/GTB/RVSL REFUND", direction="debit")
    assert refund["detail"] == "business_signal"  # of a debit the word says nothing


def test_row_8_the_holders_own_money_is_no_income() -> None:
    said = decide_one(f"NIP/GTB/BAMIDURO, Tolulope Ade/INVOICE {HOLDER}")
    assert ruling(said) == (8, "rejected", PERSONAL, "self_transfer")
    assert missed(said) == {"self_transfer"}


@pytest.mark.parametrize(
    ("counterparty", "holder"),
    [
        ("TOLULOPE BAMIDURO", HOLDER),  # not the same set of words
        ("BAMIDURO", "BAMIDURO"),  # one word is no name
        ("ADA OBIORADI", None),
    ],
)
def test_row_8_takes_the_same_set_of_two_or_more_words(counterparty: str, holder: str | None) -> None:
    assert "self_transfer" not in shown(decide_one("x", counterparty=counterparty, holder=holder))


def test_row_9_a_personal_term_rejects() -> None:
    said = decide_one(f"{COMPANY}SALARY PAYMENT")
    assert ruling(said) == (9, "rejected", PERSONAL, "personal_keyword")
    assert (said["personal_term"], said["personal_at"]) == ("salary", "remark word 1")
    assert (said["business_term"], said["business_at"]) == ("*payment*", "remark word 2")
    assert missed(said) == {"personal_term"}


def test_row_10_below_the_floor_somebody_must_be_named() -> None:
    said = decide_one("INVOICE PAYMENT", naira=999)
    assert ruling(said) == (10, "rejected", PERSONAL, "below_floor_no_counterparty")
    assert missed(said) == {"at_or_above_floor"}  # or a name: as small, and less likely
    assert decide_one("INVOICE PAYMENT", naira=999, counterparty="ADA OBIORADI")["outcome"] == "eligible"


def test_row_11_below_the_floor_a_company_alone_is_not_enough() -> None:
    said = decide_one(f"{COMPANY}hello", naira=999)
    assert ruling(said) == (11, "rejected", PERSONAL, "below_floor_no_signal")
    assert missed(said) == {"business_term"}
    assert decide_one(f"{COMPANY}hello", naira=1_000)["outcome"] == "eligible"


def test_row_12_a_score_below_the_minimum_rejects() -> None:
    said = decide_one(f"{PAYER}hello")
    assert ruling(said) == (12, "rejected", PERSONAL, "low_confidence")
    assert (said["score"], missed(said)) == (20, {"business_term"})


def test_row_13_what_nothing_stands_against_and_enough_points_is_eligible() -> None:
    said = decide_one(f"{COMPANY}INVOICE PAYMENT")
    assert ruling(said) == (13, "eligible", None, "business_signal")
    assert (said["score"], missed(said)) == (110, None)


# The floor


def test_the_floor_is_strict_an_amount_equal_to_it_is_not_below() -> None:
    assert "at_or_above_floor" in shown(decide_one(amount=100_000))
    assert "at_or_above_floor" not in shown(decide_one(amount=99_999))
    assert decide_one(amount=99_999)["floor"] == 100_000


def test_a_currency_without_a_floor_counts_as_below() -> None:
    said = decide_one(f"{PAYER}hello", naira=9_000_000, currency="GHS", policy=policy("currency.invoice = ['GHS']"))
    assert (said["detail"], said["floor"]) == ("below_floor_no_signal", None)


# The score


@pytest.mark.parametrize(
    ("narration", "naira", "points"),
    [
        ("hello", 10, 0),
        ("hello", 1_000, 20),
        ("SAHELIA PLC", 10, 30),
        ("INVOICE", 10, 60),
        ("KB-1001", 10, 80),
        ("INVOICE KB-1001 SAHELIA PLC", 1_000, 60 + 80 + 30 + 20),
        ("INVOICE PAYMENT SUBSCRIPTION", 10, 60),  # several terms of one kind count once
    ],
)
def test_the_score_is_a_sum_of_points(narration: str, naira: int, points: int) -> None:
    said = decide_one(narration, naira=naira, invoices=invoices_frame("KB-1001"))
    assert said["score"] == points


def test_the_points_are_the_policys() -> None:
    own = policy("[points]\nbusiness_term = 1\ncompany = 2\nat_or_above_floor = 4\nminimum = 7")
    assert decide_one(f"{COMPANY}INVOICE", policy=own)["score"] == 7
    assert decide_one(f"{COMPANY}INVOICE", policy=own)["outcome"] == "eligible"
    assert decide_one(f"{PAYER}INVOICE", policy=own)["detail"] == "low_confidence"


# The table as a whole

ODD = PointsTable(business_term=10, reference=20, company=25, at_or_above_floor=5, minimum=40)
UNREACHABLE = PointsTable(business_term=1, reference=1, company=1, at_or_above_floor=1, minimum=50)
POINTS = [shipped().points, ODD, UNREACHABLE]
COMBINATIONS = st.integers(0, 2 ** len(Signal) - 1)


@cache
def judged_combinations(minimum_of: int) -> pl.DataFrame:
    """Every combination of signals there is, with the number of its first row that holds and its outcome."""
    rows = table(POINTS[minimum_of])
    places = {place: row.outcome.value for place, row in enumerate(rows)}
    combinations = pl.DataFrame({"signals": pl.int_range(2 ** len(Signal), dtype=pl.UInt32, eager=True)})
    return combinations.with_columns(place=first_row(rows)).with_columns(
        outcome=pl.col("place").replace_strict(places, return_dtype=pl.String)
    )


def test_every_combination_of_signals_is_decided() -> None:
    outcomes = judged_combinations(0)
    assert outcomes.null_count().sum_horizontal().item() == 0
    assert outcomes["place"].n_unique() == len(table(shipped().points)), "every row decides something"


def test_the_first_row_that_holds_decides() -> None:
    rows = table(shipped().points)
    holding = judged_combinations(0).select("place", pl.concat_list(row.condition for row in rows).alias("held"))
    first = holding.select(pl.col("held").list.eval(pl.element().arg_max()).list.first().alias("first"))["first"]
    assert (holding["place"] == first).all()


@settings(deadline=None)
@given(combination=COMBINATIONS)
def test_the_score_of_a_combination_can_be_added_up_by_hand(combination: int) -> None:
    worth = {Signal.BUSINESS_TERM: 60, Signal.REFERENCE: 80, Signal.COMPANY_TERM: 30, Signal.AT_OR_ABOVE_FLOOR: 20}
    by_hand = sum(points for signal, points in worth.items() if signal in held_in(combination))
    one = pl.DataFrame({"signals": [combination]}, schema={"signals": pl.UInt32})
    assert one.select(score(shipped().points)).item() == by_hand


@pytest.mark.parametrize("points", range(len(POINTS)))
@settings(deadline=None)
@given(combinations=st.lists(COMBINATIONS, min_size=1, max_size=20, unique=True))
def test_the_nearest_miss_makes_it_eligible_and_nothing_smaller_does(points: int, combinations: list[int]) -> None:
    fixed = Signal.ALLOW_ENTRY.bit | Signal.CREDIT.bit  # an allow entry would explain everything; a debit is one
    all_of_them = judged_combinations(points)
    eligible = all_of_them.filter(pl.col("outcome") == "eligible")["signals"]
    for combination, miss in nearest_misses(combinations, POINTS[points]).items():
        if all_of_them["outcome"][combination] != "rejected":
            assert miss is None
            continue
        reachable = eligible.filter((eligible & fixed) == (combination & fixed))
        sizes = (reachable ^ combination).bitwise_count_ones()
        if miss is None:
            assert sizes.is_empty()
        else:
            assert all_of_them["outcome"][combination ^ miss] == "eligible"
            assert miss.bit_count() == sizes.min()


def test_of_equally_small_misses_the_likeliest_is_told() -> None:
    nothing_but_a_name = bits(
        {Signal.CREDIT, Signal.CURRENCY_KNOWN, Signal.CURRENCY_INVOICED, Signal.REFERENCE_PARSES, Signal.SETTLED}
        | {Signal.AT_OR_ABOVE_FLOOR, Signal.COUNTERPARTY_KNOWN}
    )
    (miss,) = nearest_misses([nothing_but_a_name], shipped().points).values()
    assert miss == Signal.BUSINESS_TERM.bit  # a reference or a company's name would do as well


def test_a_minimum_out_of_reach_leaves_no_nearest_miss() -> None:
    said = decide_one(f"{COMPANY}INVOICE", policy=policy("points.minimum = 8000"))
    assert (said["detail"], said["nearest_miss"]) == ("low_confidence", None)


def test_signals_are_judged_alike_however_they_came_about() -> None:
    lines = [line(f"{PAYER}{said}", naira=naira) for said, naira in product(["hello", "gift", "INVOICE"], [5, 5_000])]
    again = pl.LazyFrame({"signals": [row["signals"] for row in decided(lines)]}, schema={"signals": pl.UInt32})
    told = judged(again, shipped()).select("rule", "detail", "score", "nearest_miss").collect().to_dicts()
    assert told == [{name: row[name] for name in told[0]} for row in decided(lines)]


# Frames


def test_no_lines_give_no_decisions() -> None:
    assert decided([]) == []


def test_lines_are_decided_one_by_one_as_together_and_in_any_order() -> None:
    said = [f"{PAYER}hello", f"{COMPANY}INVOICE", "gift", f"{PAYER}INVOICE KB-1001", "", "STAMP DUTY"]
    lines = [line(text, transaction_id=f"tx-{place}") for place, text in enumerate(said)]
    together = decided(lines)
    assert together == [decided([one])[0] for one in lines]
    assert together == decided(lines[::-1])[::-1]


def test_other_columns_of_the_lines_are_left_out() -> None:
    lines = frame([line(f"{COMPANY}INVOICE")]).with_columns(payload=pl.lit("{}"), outcome=pl.lit("?"))
    said = decide(lines, policy=shipped(), entries=entries_frame(), invoices=invoices_frame(), now=NOW)
    assert said["outcome"].to_list() == ["eligible"]
    assert "payload" not in said.columns
