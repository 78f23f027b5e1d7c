"""Replaying what settles invoices, on a real DuckLake: it tells what comes, by the reconciliation that runs use."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.replays import Replay, Scope, replay
from resources.clock import FixedClock
from resources.warehouse import settlements
from rules.deductions import Pack, parse_pack, shipped_pack
from rules.policy import Policy, parse_policy
from tests.assets.test_decisions import LATER, SHIPPED, Books, copied, row
from tests.assets.test_settling import OFFICIAL, paid

AFTER = LATER + timedelta(hours=1)
SUGGESTING = parse_policy('settlement.customer_exact.action = "suggest"', "a test")
NO_LAW = parse_pack('version = "none"\ndeduction = []')
DISPOSITIONS = """
SELECT transaction_id, CASE WHEN outcome = 'rejected' THEN reason || '/' || detail ELSE disposition END
FROM audit.outcomes WHERE account_id = 'acc-1' ORDER BY ALL
"""


@pytest.fixture
def books(tmp_path: Path) -> Iterator[Books]:
    """Lines `a` and `c` pay NGN 5,000 each; invoice 7 is of that customer, `w` pays 95 of 107.50 of invoice 8."""
    books = copied(tmp_path / "home")
    fill(books)
    books.decide()
    yield books
    books.prove()
    books.warehouse.close()


def fill(books: Books) -> None:
    books.bill("INV-7", **OFFICIAL)
    books.bill("INV-8", 10_750_00, net_amount=10_000_00, vat_amount=750_00)
    books.receive(paid("w", 8, 9_500))


def tried(books: Books, policy: Policy = SHIPPED, pack: Pack | None = None, **scope: Any) -> Replay:
    return replay(books.warehouse, policy=policy, clock=FixedClock(AFTER), scope=Scope(**scope), pack=pack)


def moved(found: Replay) -> dict[tuple[Any, Any], Any]:
    """By `from` and `to` the lines that would end otherwise."""
    cells: Any = found.summary.dispositions["matrix"]
    return {(cell["from"], cell["to"]): cell["lines"] for cell in cells if cell["from"] != cell["to"]}


def unchanged(found: Replay) -> bool:
    settled = found.settlements
    assert settled is not None
    return (moved(found), settled.figures["changed"], len(settled.changes)) == ({}, 0, 0)


def test_what_is_in_force_settles_as_it_stands(books: Books) -> None:
    before = books.tables()
    found = tried(books)
    assert unchanged(found)
    assert found.waiting_tenants == 0
    cells: Any = found.summary.dispositions["matrix"]
    assert sum(cell["lines"] for cell in cells) == found.summary.lines == 5
    assert {cell["to"]: cell["lines"] for cell in cells}["matched"] == 2
    assert books.tables() == before


def test_a_strategy_that_only_suggests_undoes_the_link_and_the_run_then_does_what_was_told(books: Books) -> None:
    found = tried(books, SUGGESTING)
    assert found.summary.flipped == 0
    assert moved(found) == {("matched", "review"): 1, ("drafted", "review"): 1}
    assert found.summary.drafts["waiting_withdrawn"] == {"lines": 1, "amounts": {"NGN": 500_000}}
    settled = found.settlements
    assert settled is not None
    assert settled.figures["undone"] == {
        "linked": {"settlements": 1, "amounts": {"NGN": 500_000}},
        "accepted": {"settlements": 0, "amounts": {}},
    }
    first = settled.changes.row(0, named=True)
    assert (first["settled"], first["would_settle"]) == (
        "linked INV-7 by customer_exact (5000.00)",
        "suggested INV-7 by customer_exact (5000.00)",
    )
    books.decide(SUGGESTING)
    told = {each["transaction_id"]: each["to"] for each in settled.changes.iter_rows(named=True)}
    then = dict(books.rows(DISPOSITIONS))
    assert {name: then[name] for name in told} == told


def test_a_pack_without_the_law_leaves_the_rest_owed(books: Books) -> None:
    found = tried(books, pack=NO_LAW)
    settled = found.settlements
    assert settled is not None
    (change,) = settled.changes.iter_rows(named=True)
    assert change["transaction_id"] == "w"
    assert "reference_net_of_deductions" in change["settled"]
    assert "vat withheld 7.5 % and withholding tax 5 %" in change["settled"]
    assert change["would_settle"] == "linked INV-8 by reference_part (9500.00)"
    assert unchanged(tried(books, pack=shipped_pack()))


def test_lists_and_words_bear_on_what_settles(books: Books) -> None:
    found = tried(books, parse_policy('terms.personal = ["payment"]', "a test"))
    assert moved(found)["matched", "personal_or_low_confidence/personal_keyword"] == 1
    settled = found.settlements
    assert settled is not None
    assert "no payment any more" in " ".join(settled.changes["why"])


def test_days_outside_the_range_stay_as_decided_and_may_be_settled_otherwise_for_what_changes_inside(
    books: Books,
) -> None:
    gone = parse_policy('terms.company = ["gmbh"]', "a test")  # `a` is no payment any more, and leaves invoice 7 to `c`
    found = tried(books, gone, end=date(2026, 3, 3))
    assert found.summary.lines == 3
    settled = found.settlements
    assert settled is not None
    assert settled.figures["other_days"] == 1
    assert moved(found) == {("matched", "personal_or_low_confidence/low_confidence"): 1}
    assert unchanged(tried(books, start=date(2026, 3, 5)))


def test_what_a_person_accepted_stays_unless_its_payment_goes(books: Books) -> None:
    books.decide(SUGGESTING)
    ((name,),) = books.rows("SELECT settlement_id FROM settlements WHERE transaction_id = 'a'")
    books.write(lambda con: settlements.accept(con, name, by="ada", now=AFTER))
    assert tried(books, SUGGESTING).waiting_tenants == 1
    books.decide(SUGGESTING, now=AFTER)
    assert unchanged(tried(books, SUGGESTING))
    off = parse_policy('settlement.customer_exact.action = "off"', "a test")
    told = tried(books, off).settlements
    assert told is not None
    assert told.figures["undone"]["accepted"]["settlements"] == 0  # type: ignore[index]
    told = tried(books, parse_policy("points.minimum = 100", "a test")).settlements
    assert told is not None
    assert told.figures["undone"]["accepted"]["settlements"] == 1  # type: ignore[index]


def test_a_confirmed_draft_that_the_policy_disagrees_with_would_be_contested(books: Books) -> None:
    books.sql("UPDATE drafts SET status = 'CONFIRMED' WHERE transaction_id = 'c' AND account_id = 'acc-1'")
    books.sql("UPDATE invoices SET issue_date = DATE '2026-03-04', due_date = DATE '2026-03-04' WHERE number = 'INV-7'")
    books.decide(now=AFTER)
    narrow = parse_policy("settlement.customer_exact.days_before_issue = 0", "a test")
    found = tried(books, narrow)
    assert found.summary.drafts["confirmed_contested"]["lines"] == 1  # type: ignore[index]
    books.decide(narrow, now=AFTER)
    assert books.rows("SELECT contested FROM drafts WHERE transaction_id = 'c' AND account_id = 'acc-1'") == [(True,)]


def test_as_of_a_time_what_settles_is_not_told(books: Books) -> None:
    assert tried(books, as_of=LATER).settlements is None


BILLS = st.lists(
    st.tuples(
        st.integers(1, 6),
        st.sampled_from([100_000, 200_000, 300_000, 500_000]),
        st.sampled_from(["open", "open", "paid", "cancelled"]),
        st.sampled_from(["Sahelia Plc", "Ada Obioradi"]),
    ),
    max_size=5,
    unique_by=lambda each: each[0],
)
PAYMENTS = st.lists(
    st.tuples(
        st.sampled_from(["NIP/GTB/SAHELIA PLC/INV-{}", "NIP/GTB/ADA OBIORADI/payment {}", "POS {} gift"]),
        st.integers(1, 7),
        st.sampled_from([95_000, 100_000, 200_000, 300_000]),
        st.integers(2, 9),
    ),
    max_size=8,
)
POLICIES = st.sampled_from(
    [
        "",
        'settlement.customer_exact.action = "suggest"',
        'settlement.reference_part.action = "reject"',
        'settlement.tolerance = "500"\nsettlement.amount_only.action = "link"',
        "reference.must_exist = true",
        "settlement.name_similarity = 60",
    ]
)


@pytest.mark.slow
@given(bills=BILLS, payments=PAYMENTS, text=POLICIES, other=POLICIES)
@settings(max_examples=4, deadline=None)
def test_over_any_history_the_policy_in_force_flips_nothing_and_another_tells_what_comes(
    bills: list[tuple[int, int, str, str]], payments: list[tuple[str, int, int, int]], text: str, other: str
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        books = copied(Path(folder) / "home")
        for number, total, status, customer in bills:
            books.bill(f"INV-{number}", total, status=status, customer_name=customer)
        told = [
            row(f"p{place}", said.format(n), day, amount=kobo) for place, (said, n, kobo, day) in enumerate(payments)
        ]
        books.receive(*told)
        policy, another = parse_policy(text, "a test"), parse_policy(other, "a test")
        books.decide(policy)
        found = tried(books, policy)
        assert found.summary.flipped == 0
        assert found.settlements is None or unchanged(found)
        foreseen = tried(books, another)
        before = dict(books.rows(DISPOSITIONS))
        books.decide(another, now=AFTER)
        then = dict(books.rows(DISPOSITIONS))
        changed = {name for name, end in then.items() if end != before[name]}
        settled = foreseen.settlements
        changes = (
            {} if settled is None else {each["transaction_id"]: each for each in settled.changes.iter_rows(named=True)}
        )
        assert foreseen.summary.dispositions["flipped"] == len(changed)
        assert {name: changes[name]["to"] for name in changed} == {name: then[name] for name in changed}
        books.warehouse.close()
