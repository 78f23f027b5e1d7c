"""What terms do on a few lines, and which words of labelled lines are candidates."""

from __future__ import annotations

from typing import Any

import polars as pl

from rules.lists import Lists
from rules.policy import Policy
from rules.word_stats import Scope, TermStats, candidates, term_stats
from tests.rules.scenarios import NOW, Line, entries_frame, frame, invoices_frame, line, policy

SMALL = policy(
    """
    terms.business = ["invoice*", "supply", "pay"]
    terms.personal = ["gift*"]
    terms.refund = ["refund*"]
    terms.reversal = []
    terms.company = ["plc", "ltd"]
    """
)
NOWHERE = Scope(Lists.in_force(entries_frame(), NOW), invoices_frame(), NOW)


def told(rows: list[Line], labels: list[str | None], under: Policy = SMALL) -> dict[str, TermStats]:
    lines = frame(rows).with_columns(label=pl.Series(labels, dtype=pl.String))
    return {each.term: each for each in term_stats(lines, policy=under, scope=NOWHERE)}


def said(*lines: tuple[str, str | None], counterparty: str | None = None) -> pl.DataFrame:
    names = {"narration": pl.String, "label": pl.String}
    return pl.DataFrame(lines, schema=names, orient="row").with_columns(
        description=pl.lit(None, dtype=pl.String), counterparty=pl.lit(counterparty, dtype=pl.String)
    )


def test_each_term_says_how_often_it_hits_and_how_right_it_is() -> None:
    rows = [line("INVOICE FOR SUPPLY"), line("invoices"), line("supply of gifts"), line("hello")]
    found = told(rows, ["business", None, "personal", "business"])
    assert (found["invoice*"].hits, found["invoice*"].business, found["invoice*"].personal) == (2, 1, 0)
    assert (found["supply"].hits, found["supply"].precision) == (2, 0.5)
    assert (found["gift*"].hits, found["gift*"].precision) == (1, 1.0)
    assert found["pay"].hits == 0
    assert found["pay"].precision is None
    assert found["supply"].together == [
        {"kind": "business", "term": "invoice*", "lines": 1},
        {"kind": "personal", "term": "gift*", "lines": 1},
    ]


def test_a_term_decides_alone_where_no_other_of_its_kind_stands_and_it_matters() -> None:
    rows = [
        line("invoice"),
        line("invoice supply"),
        line("supply gift"),
        line("NIP/GTB/SAHELIA PLC/supply", naira=5_000),
        line("NIP/GTB/SAHELIA PLC/hello"),
    ]
    found = told(rows, [None] * 5)
    assert found["invoice*"].decides_alone == 1
    assert found["supply"].decides_alone == 0
    assert found["plc"].decides_alone == 1
    assert found["gift*"].decides_alone == 1


def test_a_term_is_looked_for_as_the_rules_do_and_not_in_the_counterparty_s_name() -> None:
    found = told([line("NIP/GTB/GIFT OKWUOSA/invoice"), line("NIP/UBA/ADA BELLO/PLC matters")], [None, None])
    assert found["gift*"].hits == 0
    assert found["plc"].hits == 0


def test_words_that_speak_for_one_label_and_that_no_term_finds_are_candidates() -> None:
    rows = [("haulage to kano", "business")] * 12 + [("rent for mama", "personal")] * 12
    rows += [("invoice haulage", "business"), ("hello", "personal"), ("kano", None)] * 3
    found = {each.words: each for each in candidates(said(*rows), SMALL)}
    assert found["haulage"].argues_for == "business"
    assert (found["haulage"].business, found["haulage"].personal) == (15, 0)
    assert found["for mama"].argues_for == "personal"
    assert found["kano"].business == 12
    assert "invoice" not in found
    assert "hello" not in found


def test_the_counterparty_s_own_words_are_no_candidates() -> None:
    rows: list[tuple[str, str | None]] = [("NIP/UBA/ADA BELLO/haulage", "business")] * 12
    rows += [("POS hello", "personal")] * 12
    found = {each.words for each in candidates(said(*rows, counterparty="ADA BELLO"), SMALL)}
    assert "haulage" in found
    assert {"ada", "bello", "ada bello", "bello haulage"}.isdisjoint(found)


def test_few_lines_give_no_candidates() -> None:
    assert candidates(said(("haulage", "business"), ("rent", "personal")), SMALL) == []
    rows: list[Any] = [("haulage", None)] * 30
    assert candidates(said(*rows), SMALL) == []
