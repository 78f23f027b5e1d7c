"""Replay on small frames: nothing flips under the same policy, and what flips says why."""

from __future__ import annotations

import json
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ConfigDict

from rules.lists import Lists
from rules.policy import Policy, PolicyFile
from rules.replay import (
    BEFORE,
    FLIPS,
    SEEN,
    beside,
    cells,
    changed_pieces,
    flips,
    renumbered,
    same_numbers,
    same_words,
    summary,
)
from rules.signals import signals
from tests.rules.scenarios import NOW, Line, decide, entries_frame, entry, frame, invoices_frame, line, policy

STRICT = policy("points.minimum = 100")
COMPANY = "NIP/GTB/SAHELIA PLC/hello"
ENTRIES = entries_frame([entry("deny", "counterparty", "contains", "okwuosa")])
INVOICES = invoices_frame("INV-2041")

narrations = st.sampled_from(
    [
        *(COMPANY, "NIP/GTB/ADA OKWUOSA/INVOICE PAYMENT", "NIP/UBA/ADA BELLO/gift", "RVSL/INVOICE", "POS hello", None),
        *("NIP/UBA/ADA BELLO/INV-2041", "NIP/GTB/TOLULOPE ADE BAMIDURO/payment", "contract work", "refund of order"),
    ]
)
lines = st.builds(
    line,
    narrations,
    naira=st.sampled_from([1, 999, 1_000, 50_000]),
    direction=st.sampled_from(["credit", "debit"]),
    currency=st.sampled_from([None, "NGN", "USD", "XXX"]),
    status=st.sampled_from(["settled", "pending", None]),
    reference=st.sampled_from([None, "INV-7"]),
)
policies = st.builds(
    lambda minimum, floor, company, days: policy(
        f'points.minimum = {minimum}\nfloor.NGN = "{floor}"\npoints.company = {company}\npending.days = {days}'
    ),
    st.sampled_from([0, 20, 50, 80, 120]),
    st.sampled_from(["0", "999.99", "1000", "60000"]),
    st.sampled_from([0, 30, 60]),
    st.sampled_from([1, 14]),
)


def stored(rows: list[Line], under: Policy, **labels: str) -> pl.DataFrame:
    """Lines as they stand after deciding them."""
    seen = frame(rows)
    said = decide(seen, policy=under, entries=ENTRIES, invoices=INVOICES, now=NOW)
    before = said.select("transaction_id", **{f"before_{name}": pl.col(name) for name in BEFORE})
    label = pl.col("transaction_id").replace_strict(labels, default=None, return_dtype=pl.String)
    return seen.join(before, on="transaction_id").with_columns(label=label, draft_status=pl.lit(None, dtype=pl.String))


def tried(rows: pl.DataFrame, under: Policy) -> pl.DataFrame:
    lists = Lists.in_force(ENTRIES, NOW)
    shown = signals(rows.lazy(), policy=under, lists=lists, invoices=INVOICES, now=NOW)
    return beside(shown, under).collect()


def flipped(rows: pl.DataFrame, under: Policy) -> list[dict[str, Any]]:
    return flips(tried(rows, under), under).to_dicts()


@given(st.lists(lines, min_size=1, max_size=20), policies)
@settings(max_examples=25, deadline=None)
def test_a_replay_of_the_policy_that_decided_flips_nothing(rows: list[Line], under: Policy) -> None:
    found = tried(stored(rows, under), under)
    assert flips(found, under).is_empty()
    told = summary(cells(found.lazy()).collect())
    assert (told.lines, told.flipped, told.undecided) == (len(rows), 0, 0)
    assert sum(int(str(cell["lines"])) for cell in told.matrix) == len(rows)


@given(st.lists(lines, min_size=1, max_size=20), policies, policies)
@settings(max_examples=25, deadline=None)
def test_what_a_replay_tells_is_what_the_policy_then_decides(rows: list[Line], old: Policy, new: Policy) -> None:
    found = tried(stored(rows, old), new)
    then = tried(stored(rows, new), new)
    assert found.sort("transaction_id")["to"].equals(then.sort("transaction_id")["from"])
    told = summary(cells(found.lazy()).collect())
    moved = flips(found, new)
    assert told.flipped == len(moved)
    assert moved.schema == FLIPS
    assert sum(int(str(cell["amount"])) for cell in told.matrix) == sum(row["amount"] for row in rows)


@given(st.lists(lines, min_size=1, max_size=20), policies, policies)
@settings(max_examples=25, deadline=None)
def test_signals_that_were_seen_are_those_seen_again_where_only_numbers_differ(
    rows: list[Line], old: Policy, new: Policy
) -> None:
    assert same_words(old, new)
    before = stored(rows, old)
    seen = before.with_columns(signals=pl.col("before_signals"), currency=pl.coalesce("currency", "account_currency"))
    again = renumbered(seen.lazy(), new, NOW).collect()
    assert again.sort("transaction_id")["signals"].equals(tried(before, new).sort("transaction_id")["signals"])


def test_another_word_currency_or_pattern_is_no_number() -> None:
    assert same_words(policy(), STRICT)
    for changed in ('terms.personal = ["hello"]', 'currency.invoice = ["USD"]', "reference.pattern = '^A'"):
        assert not same_words(policy(), policy(changed))


TERMS = (
    "gift",
    "gift*",
    "*ment",
    "payment",
    "invoice pay*",
    "hello",
    "ltd",
    "plc",
    "okwu*",
    "contract work",
    "ﬁt",
    "é*",
)
word_lists = st.lists(st.sampled_from(TERMS), max_size=6, unique=True)
wordings = st.builds(
    lambda **lists: policy("\n".join(f"terms.{kind} = {json.dumps(terms)}" for kind, terms in lists.items())),
    **dict.fromkeys(("business", "personal", "refund", "reversal", "company"), word_lists),
)
FULL_WIDTH_GIFT = "\uff27\uff29\uff26\uff34"
GLUED, CUT = "NXG :TRFPaymentforCementFRMADA OKWUOSA", "NIP FROM SENDER:HELLO LTDREMARK:INVOICE  PAYMENT"
SAID = [GLUED, CUT, FULL_WIDTH_GIFT, "gift/payment gift", "ﬁt", "İNVOICE", "café", "TRF FRM ADA-PLC TO GIFT"]
SAID += ["invoice;payment", "POS hello", "HELLO-contract/work"]
texts = st.lists(st.sampled_from([*SAID, "é", " ", "/"]), min_size=1, max_size=3).map(" ".join)


@given(texts, st.none() | texts, st.none() | texts, st.none() | st.lists(texts, max_size=2), wordings, wordings)
@settings(max_examples=150, deadline=None)
def test_a_line_that_holds_no_changed_piece_shows_the_same_under_either_policy(
    said: str, description: str | None, payer: str | None, tags: list[str] | None, old: Policy, new: Policy
) -> None:
    pieces = changed_pieces(old, new)
    assert pieces is not None
    read = " ".join([said, description or "", payer or "", *(tags or [])])
    if not read.isascii() or any(piece in read.lower() for piece in pieces):
        return
    rows = frame([line(said, description=description, counterparty=payer, tags=tags)])
    lists = Lists.in_force(ENTRIES, NOW)
    one, other = (
        signals(rows.lazy(), policy=each, lists=lists, invoices=INVOICES, now=NOW).select("signals", *SEEN).collect()
        for each in (old, new)
    )
    assert one.equals(other)


def test_boilerplate_currencies_and_patterns_let_any_line_be_seen_otherwise() -> None:
    for changed in ('terms.boilerplate = ["hello"]', 'currency.invoice = ["USD"]', "reference.pattern = '^A'"):
        assert changed_pieces(policy(), policy(changed)) is None
    assert changed_pieces(policy(), policy("points.minimum = 1")) == frozenset()
    one, other = (policy(f"terms.personal = {terms}") for terms in ('["gift*", "fuel money"]', '["charity", "gift*"]'))
    assert changed_pieces(one, other) == {"money", "charity"}


@pytest.mark.parametrize(
    ("changed", "words", "numbers"),
    [
        ('name = "another"', True, True),
        ("floor.NGN = 7", True, False),
        ("points.reference = 1", True, False),
        ("pending.days = 1", True, False),
        ('terms.personal = ["gift"]', False, True),
        ('currency.invoice = ["USD"]', False, True),
        ("reference.pattern = '^A'", False, True),
        ("reference.must_exist = true", True, True),
        ("settlement.narration_limit = 1", True, True),
        ('document.invoice_type_code = "1"', True, True),
    ],
)
def test_each_table_of_a_policy_is_known_as_words_or_numbers_or_neither(
    changed: str, words: bool, numbers: bool
) -> None:
    assert policy(changed).file != policy().file
    assert same_words(policy(), policy(changed)) is words
    assert same_numbers(policy(), policy(changed)) is numbers


def test_a_table_that_is_neither_counts_as_both() -> None:
    class Later(PolicyFile):
        model_config = ConfigDict(extra="allow")

    before = policy()
    after = Policy(Later.model_validate({**before.file.model_dump(), "later": 1}))
    assert not same_words(before, after)
    assert not same_numbers(before, after)


def test_a_flipped_line_says_which_row_decided_and_what_is_seen_now() -> None:
    (raised,) = flipped(stored([line(COMPANY)], policy()), STRICT)
    assert (raised["from"], raised["to"]) == ("eligible", "personal_or_low_confidence/low_confidence")
    assert raised["why"] == "row 13 decided, row 12 would: 50 points are below 100"
    (worded,) = flipped(stored([line(COMPANY)], policy()), policy('terms.personal = ["hello"]'))
    assert worded["why"] == "row 13 decided, row 9 would: now seen: personal term"
    assert worded["personal_term"] == "hello"


def test_a_line_rejected_for_its_invoice_counts_as_eligible_on_both_sides() -> None:
    settled = stored([line(COMPANY)], policy()).with_columns(
        before_outcome=pl.lit("rejected"),
        before_reason=pl.lit("reference_mismatch"),
        before_detail=pl.lit("invoice_not_open"),
    )
    assert flipped(settled, policy()) == []
    assert flipped(settled, STRICT)[0]["from"] == "eligible"


def test_a_line_that_nothing_stands_of_is_counted_apart() -> None:
    nothing = [pl.lit(None).cast(pl.Int64).alias(f"before_{name}") for name in ("rule", "score", "signals")]
    texts = [pl.lit(None, dtype=pl.String).alias(f"before_{name}") for name in ("outcome", "reason", "detail")]
    found = tried(stored([line(COMPANY)], policy()).with_columns(*nothing, *texts), policy())
    told = summary(cells(found.lazy()).collect())
    assert (told.lines, told.undecided, told.flipped, told.matrix) == (0, 1, 0, [])
    assert flips(found, policy()).is_empty()


def test_metrics_are_told_before_and_after_by_lines_and_by_naira() -> None:
    rows = [line(COMPANY, naira=2_000) for _ in range(15)] + [line("NIP/UBA/ADA BELLO/gift") for _ in range(10)]
    labels = {f"tx-{place}": "business" if place <= 15 else "personal" for place in range(1, 26)}
    told = summary(cells(tried(stored(rows, policy(), **labels), STRICT).lazy()).collect(), 3.0)
    before, after = told.metrics["before"], told.metrics["after"]
    assert isinstance(before, dict)
    assert isinstance(after, dict)
    assert (before["precision"], before["recall"], after["recall"]) == (1.0, 1.0, 0.0)
    assert after["precision"] is None
    assert after["naira"]["missed"] == 15 * 2_000 * 100
    assert told.metrics["cannot_know"] == []
    assert told.review_minutes == {"before": 45.0, "after": 0.0}


def test_shares_of_all_lines_are_estimated_from_what_each_labelled_line_stands_for() -> None:
    rows = [line(COMPANY) for _ in range(100)] + [line("NIP/UBA/ADA BELLO/hello") for _ in range(300)]
    few = {f"tx-{place}": "business" if place <= 9 else "personal" for place in range(1, 11)}
    labels = few | {f"tx-{place}": "business" if place <= 101 else "personal" for place in range(101, 116)}
    found = summary(cells(tried(stored(rows, policy(), **labels), policy()).lazy()).collect()).metrics["estimated"]
    assert isinstance(found, dict)
    # Of 100 eligible 9 in 10 are business, of 300 rejected 1 in 15: 90 and 20.
    assert found["before"]["precision"] == pytest.approx(0.9)
    assert found["after"]["recall"] == pytest.approx(90 / 110)
    assert found["lines_unlike_any_labelled"] == 0


def test_an_estimate_says_how_many_lines_stand_as_no_labelled_line_does() -> None:
    rows = [line(COMPANY)] * 30 + [line("NIP/UBA/ADA BELLO/hello")] * 40 + [line("NIP/UBA/ADA BELLO/gift")] * 7
    labels = {f"tx-{place}": "business" if place % 2 else "personal" for place in range(11, 51)}
    told = summary(cells(tried(stored([dict(row) for row in rows], policy(), **labels), policy()).lazy()).collect())
    assert told.metrics["cannot_know"] == [
        "7 of 77 lines stand as no labelled line does, so the estimate of all lines leaves them out: "
        "kobosift label sample draws some of each."
    ]


def test_drafts_that_would_be_withdrawn_or_contested_are_told() -> None:
    rows = stored([line(COMPANY), line(COMPANY), line(COMPANY)], policy()).with_columns(
        draft_status=pl.Series(["DRAFT", "CONFIRMED", None])
    )
    told = summary(cells(tried(rows, STRICT).lazy()).collect()).drafts
    assert told["waiting_withdrawn"] == {"lines": 1, "amounts": {"NGN": 500_000}}
    assert told["confirmed_contested"] == {"lines": 1, "amounts": {"NGN": 500_000}}
    assert told["lines_newly_eligible"] == {"lines": 0, "amounts": {}}
