"""Overruled lines: an allow entry of one line, and nothing else of it or of the others is other."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules import rails
from rules.lists import Lists
from rules.overrules import OVERRULES, decide_lifted
from tests.rules.scenarios import NOW, Line, decide, frame, line, shipped
from tests.rules.test_replay import ENTRIES, INVOICES, lines


def lifted(rows: list[Line], *overruled: str) -> list[dict[str, Any]]:
    said = pl.DataFrame([("acc-1", name, f"ovr_{name}") for name in overruled], schema=OVERRULES, orient="row")
    found = decide_lifted(
        frame(rows), policy=shipped(), lists=Lists.in_force(ENTRIES, NOW), invoices=INVOICES, overrules=said, now=NOW
    )
    return found.sort("transaction_id").to_dicts()


def plain(rows: list[Line]) -> list[dict[str, Any]]:
    found = decide(frame(rows), policy=shipped(), entries=ENTRIES, invoices=INVOICES, now=NOW)
    return found.sort("transaction_id").to_dicts()


@given(st.lists(lines, min_size=2, max_size=12))
@settings(max_examples=15, deadline=None)
def test_lines_that_nobody_overruled_are_decided_as_ever(rows: list[Line]) -> None:
    assert lifted(rows) == plain(rows)
    others = [each for each in lifted(rows, "tx-1") if each["transaction_id"] != "tx-1"]
    assert others == [each for each in plain(rows) if each["transaction_id"] != "tx-1"]


def test_an_overrule_lifts_words_floor_and_score_and_the_evidence_names_it() -> None:
    for row in (line("birthday gift"), line("hello"), line("hello", naira=10)):
        (found,) = lifted([row], "tx-1")
        assert (found["outcome"], found["rule"], found["allow_entry"]) == ("eligible", 6, "ovr_tx-1")


def test_an_overrule_lifts_no_direction_currency_or_deny_entry() -> None:
    for row in (
        line("hello", direction="debit"),
        line("hello", currency="USD"),
        line("NIP/GTB/ADA OKWUOSA/hello"),
        line("hello", status="pending"),
    ):
        (found,), (ever,) = lifted([row], "tx-1"), plain([row])
        assert (found["outcome"], found["detail"]) == (ever["outcome"], ever["detail"])


def test_lines_that_come_in_many_chunks_are_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []
    read = rails._parsed

    def noted(narrations: pl.Series) -> pl.Series:
        sizes.append(len(narrations))
        return read(narrations)

    monkeypatch.setattr(rails, "_parsed", noted)
    rows = [line(f"NIP/GTB/ADA OKWUOSA/hello {number}", transaction_id=f"tx-{number}") for number in range(40)]
    chunks = pl.concat([frame([row]) for row in rows], rechunk=False)
    found = decide(chunks, policy=shipped(), entries=ENTRIES, invoices=INVOICES, now=NOW)
    assert sizes == [40]
    assert found.sort("transaction_id").to_dicts() == plain(rows)
