"""The contracts of the frames: what breaks one is named by column and count, never by value."""

from __future__ import annotations

import polars as pl
import pytest

from rules.contracts import DECISIONS, TRANSACTIONS, ContractError, checked
from tests.rules.scenarios import LINES, NOW, decide, entries_frame, frame, invoices_frame, line, policy, shipped

CANARY = "CANARY-48151623"  # stands for what must never leave: somebody's bank line


def lines() -> pl.DataFrame:
    return frame([line(f"NIP/GTB/{CANARY}/INVOICE"), line("hello")])


def decisions() -> pl.DataFrame:
    said = decide(lines(), policy=shipped(), entries=entries_frame(), invoices=invoices_frame(), now=NOW)
    assert CANARY in said["counterparty"].to_list()
    return said


def told(broken: pl.DataFrame, contract: object = TRANSACTIONS) -> str:
    """What is said of a frame that breaks its contract; no value of it is in the words."""
    with pytest.raises(ContractError) as caught:
        checked(broken, contract)
    assert CANARY not in str(caught.value)
    assert caught.value.__cause__ is None, "the cause holds the values"
    return str(caught.value)


def test_a_frame_that_keeps_its_contract_comes_back_as_it_is() -> None:
    assert checked(lines(), TRANSACTIONS).equals(lines())
    assert checked(decisions(), DECISIONS).equals(decisions())
    assert checked(lines().clear(), TRANSACTIONS).is_empty()


def test_the_small_frames_of_these_tests_have_the_columns_of_the_contract() -> None:
    assert LINES.names() == list(TRANSACTIONS.columns)


def test_columns_beside_those_of_the_contract_are_let_through_for_lines_and_refused_for_decisions() -> None:
    assert checked(lines().with_columns(payload=pl.lit(CANARY)), TRANSACTIONS).width == len(LINES) + 1
    assert told(decisions().with_columns(payload=pl.lit(CANARY)), DECISIONS) == (
        "the decisions frame breaks its contract: payload: column_not_in_schema (1)"
    )


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (pl.col("direction").replace("credit", CANARY), "direction: dataframe_check (2)"),
        (pl.lit(0, pl.Int64).alias("amount"), "amount: dataframe_check (2)"),
        (pl.lit(0, pl.Int32).alias("version"), "version: dataframe_check (2)"),
        (pl.lit(CANARY).alias("currency"), "currency: dataframe_check (2)"),
        (pl.lit("ngn").alias("currency"), "currency: dataframe_check (2)"),
        (pl.lit(None, pl.String).alias("transaction_id"), "transaction_id: series_contains_nulls (2)"),
        (pl.lit(CANARY).alias("amount"), "amount: wrong_datatype (1)"),
        (pl.col("amount").cast(pl.Float64), "amount: wrong_datatype (1)"),
        (pl.col("booked_at").dt.replace_time_zone(None), "booked_at: wrong_datatype (1)"),
        (pl.col("tags").list.join(","), "tags: wrong_datatype (1)"),
    ],
)
def test_a_broken_column_is_named_with_the_number_of_its_failures(change: pl.Expr, words: str) -> None:
    assert words in told(lines().with_columns(change))


def test_missing_columns_are_named() -> None:
    assert told(lines().drop("narration", "amount")) == (
        "the transactions frame breaks its contract:"
        " amount: column_not_in_dataframe (1); narration: column_not_in_dataframe (1)"
    )


def test_all_that_is_broken_is_told_at_once() -> None:
    broken = lines().with_columns(pl.lit(CANARY).alias("direction"), pl.lit(-1, pl.Int64).alias("amount"))
    words = told(broken)
    assert words.startswith("the transactions frame breaks its contract: ")
    assert "amount: dataframe_check (2)" in words
    assert "direction: dataframe_check (2)" in words


@pytest.mark.parametrize(
    "change",
    [
        pl.lit(CANARY).alias("outcome"),
        pl.lit("because").alias("reason"),
        pl.lit("other").alias("detail"),
        pl.lit(14, pl.UInt8).alias("rule"),
        pl.lit(None, pl.String).alias("outcome"),
    ],
)
def test_a_decision_has_only_codes_that_are_contracts(change: pl.Expr) -> None:
    assert told(decisions().with_columns(change), DECISIONS)


def test_a_decision_has_a_reason_if_and_only_if_it_rejects() -> None:
    eligible, rejected = decisions().filter(pl.col("outcome") == "eligible"), decisions().filter(pl.col("reason") != "")
    assert (len(eligible), len(rejected)) == (1, 1)
    for broken in (
        eligible.with_columns(reason=pl.lit("currency_mismatch")),
        rejected.with_columns(reason=pl.lit(None, pl.String)),
    ):
        assert told(broken, DECISIONS) == "the decisions frame breaks its contract: decisions: dataframe_check (1)"


def test_decisions_of_any_policy_keep_the_contract() -> None:
    plain = policy(
        "terms.business = []\nterms.personal = []\nterms.refund = []\nterms.reversal = []\nterms.company = []"
    )
    said = decide(lines(), policy=plain, entries=entries_frame(), invoices=invoices_frame(), now=NOW)
    assert checked(said, DECISIONS).equals(said)
