"""Settling on a real DuckLake: invoices, payments and people's words in any order, in any split into runs.

Tests begin with the books of `test_decisions`: tenant org-1 has drafts of the lines `a` and `c` (NGN 5,000 each, from
SAHELIA PLC, on 2 and 5 March 2026) and no invoice.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from datetime import date, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import assets.decisions
from assets.stale import stale_range
from resources.clock import FixedClock
from resources.errors import ConfigurationError
from resources.warehouse import settlements
from rules.policy import parse_policy
from tests.assets.test_decisions import LATER, SHIPPED, Books, books, copied, row

__all__ = ["books"]

PAID = "NIP/GTB/SAHELIA PLC/INV-{} PAYMENT"
OFFICIAL = {"customer_name": "Sahelia Plc"}
SETTLED = "SELECT transaction_id, invoice_number, strategy, status, allocated FROM audit.settlements ORDER BY ALL"


def paid(name: str, number: int, naira: int, day: int = 6, **changes: Any) -> dict[str, Any]:
    """A row that names an invoice."""
    return row(name, PAID.format(number), day, amount=naira * 100, **changes)


def test_an_invoice_imported_later_withdraws_the_draft_of_what_pays_it(books: Books) -> None:
    books.bill("INV-7", **OFFICIAL)
    report = books.decide()
    assert (report.linked, report.suggested, report.drafts_withdrawn) == (1, 0, 1)
    assert books.outcomes()["a"] == ("matched", "business_signal")
    assert books.rows(SETTLED) == [("a", "INV-7", "customer_exact", "linked", 500_000)]
    assert books.rows("SELECT status FROM audit.drafts WHERE transaction_id = 'a' AND account_id = 'acc-1'") == [
        ("WITHDRAWN",)
    ]
    assert books.rows("SELECT outstanding FROM audit.invoices") == [(0,)]


def test_a_second_run_has_nothing_to_do(books: Books) -> None:
    books.bill("INV-7", **OFFICIAL)
    books.receive(paid("p", 7, 1_000))
    books.decide()
    assert stale_range(books.warehouse, SHIPPED, FixedClock(LATER)) is None
    before = books.tables()
    assert books.decide().linked == 0
    assert books.tables() == before


def test_a_tenant_whose_books_alone_changed_is_settled_without_deciding(books: Books) -> None:
    books.bill("INV-7", **OFFICIAL)
    books.decide()
    books.bill("INV-7", 700_000, **OFFICIAL)
    assert stale_range(books.warehouse, SHIPPED, FixedClock(LATER)) == (None, None)
    assert books.decide().decided == 0
    assert books.outcomes()["a"] == ("drafted", "business_signal")
    assert books.rows(SETTLED) == []


def test_what_an_invoice_rejects_is_news_once_and_leaves_when_the_invoice_opens(books: Books) -> None:
    books.bill("INV-7", 900_000, status="paid")
    books.receive(paid("p", 7, 9_000))
    assert books.decide().events == 1
    assert books.outcomes()["p"] == ("rejected", "invoice_not_open")
    assert books.decide(parse_policy('name = "another"', "a test"), trace="trace-3").events == 0
    assert books.rows("SELECT count(*) FROM audit.rejections WHERE transaction_id = 'p'") == [(1,)]
    books.bill("INV-7", 900_000)
    books.decide(parse_policy('name = "another"', "a test"), now=LATER + timedelta(hours=1), trace="trace-4")
    assert books.outcomes()["p"] == ("matched", "business_signal")
    assert books.rows("SELECT count(*) FROM audit.rejections WHERE transaction_id = 'p'") == [(0,)]
    log = "SELECT outcome, detail, superseded_at IS NULL FROM audit.decision_log WHERE transaction_id = 'p'"
    assert books.rows(f"{log} ORDER BY decided_at")[-1] == ("eligible", "business_signal", True)


def test_a_first_decision_that_its_invoice_rejects_stands_once_in_the_log(books: Books) -> None:
    books.bill("INV-7", 900_000, status="cancelled")
    books.receive(paid("p", 7, 9_000))
    books.decide()
    assert books.rows("SELECT outcome, detail FROM audit.decision_log WHERE transaction_id = 'p'") == [
        ("rejected", "invoice_not_open")
    ]


def test_an_invoice_marked_as_paid_keeps_the_payment_that_paid_it(books: Books) -> None:
    books.bill("INV-7", 900_000)
    books.receive(paid("p", 7, 9_000))
    books.decide()
    books.bill("INV-7", 900_000, status="paid")
    books.decide(trace="trace-3")
    assert books.outcomes()["p"] == ("matched", "business_signal")


def suggestion(books: Books) -> str:
    """A payment that may settle either of two invoices alike: the id of one suggestion."""
    books.bill("INV-8", 600_000, **OFFICIAL)
    books.bill("INV-9", 600_000, **OFFICIAL)
    books.receive(row("p", "NIP/GTB/SAHELIA PLC/PAYMENT", 6, amount=600_000))
    books.decide()
    assert books.outcomes()["p"] == ("review", "business_signal")
    ((found,),) = books.rows("SELECT settlement_id FROM audit.settlements WHERE invoice_number = 'INV-8'")
    return str(found)


def test_an_accepted_suggestion_settles_and_stays(books: Books) -> None:
    chosen = suggestion(books)
    books.write(lambda con: settlements.accept(con, chosen, by="ngozi", now=LATER))
    for trace in ("trace-3", "trace-4"):
        books.decide(trace=trace)
        assert books.outcomes()["p"] == ("matched", "business_signal")
        assert [each for each in books.rows(SETTLED) if each[0] == "p"] == [
            ("p", "INV-8", "customer_exact", "accepted", 600_000)
        ]


def test_a_declined_suggestion_is_never_offered_again(books: Books) -> None:
    chosen = suggestion(books)
    books.write(lambda con: settlements.decline(con, chosen, by="ngozi", now=LATER))
    books.decide(trace="trace-3")
    assert [(number, status) for _, number, _, status, _ in books.rows(SETTLED)] == [
        ("INV-8", "declined"),
        ("INV-9", "linked"),
    ]


def test_when_all_are_declined_the_line_becomes_a_draft(books: Books) -> None:
    first = suggestion(books)
    others = [name for (name,) in books.rows("SELECT settlement_id FROM audit.settlements") if name != first]
    for name in (first, *others):
        books.write(lambda con, name=name: settlements.decline(con, name, by="ngozi", now=LATER))  # type: ignore[misc]
    assert books.outcomes()["p"] == ("review", "business_signal"), "until the next run settles it anew"
    assert books.rows("SELECT sum(undecided) FROM audit.funnel") == [(0,)]
    books.decide(trace="trace-3")
    assert books.outcomes()["p"] == ("drafted", "business_signal")


def test_what_cannot_be_accepted_is_refused_with_a_sentence(books: Books) -> None:
    chosen = suggestion(books)
    with pytest.raises(ConfigurationError, match="no settlement nobody"):
        books.write(lambda con: settlements.accept(con, "nobody", by="ngozi", now=LATER))
    books.bill("INV-8", 100, **OFFICIAL)
    with pytest.raises(ConfigurationError, match="INV-8 is not owed that much"):
        books.write(lambda con: settlements.accept(con, chosen, by="ngozi", now=LATER))
    books.bill("INV-8", 600_000, **OFFICIAL)
    books.write(lambda con: settlements.accept(con, chosen, by="ngozi", now=LATER))
    with pytest.raises(ConfigurationError, match="is accepted"):
        books.write(lambda con: settlements.decline(con, chosen, by="ngozi", now=LATER))
    books.decide(trace="trace-3")


def test_a_confirmed_draft_stays_and_is_contested_when_an_invoice_fits(books: Books) -> None:
    books.sql("UPDATE drafts SET status = 'CONFIRMED' WHERE transaction_id = 'a' AND account_id = 'acc-1'")
    books.bill("INV-7", issue_date=date(2026, 1, 1), due_date=date(2026, 1, 2), **OFFICIAL)  # too old for line `c`
    books.decide()
    drafts = "SELECT status, contested FROM audit.drafts WHERE transaction_id = 'a' AND account_id = 'acc-1'"
    assert books.rows(drafts) == [("CONFIRMED", True)]
    assert books.outcomes()["a"] == ("drafted", "business_signal")
    assert {each[0]: each[3] for each in books.rows(SETTLED)} == {"a": "suggested"}


def test_a_line_that_is_reversed_gives_its_invoice_back(books: Books) -> None:
    books.bill("INV-7", 900_000)
    books.receive(paid("p", 7, 9_000))
    books.decide()
    books.receive(row("p", "RVSL NIP/GTB/SAHELIA PLC/INV-7 PAYMENT", 6, amount=900_000))
    books.decide(trace="trace-3")
    assert books.outcomes()["p"] == ("rejected", "reversal")
    assert books.rows("SELECT outstanding FROM audit.invoices") == [(900_000,)]
    kept = "SELECT status FROM superseded_settlements WHERE transaction_id = 'p'"
    assert books.rows(kept) == [("linked",)]


def test_a_run_that_dies_before_it_settles_is_finished_by_the_next(
    books: Books, monkeypatch: pytest.MonkeyPatch
) -> None:
    books.bill("INV-7", 900_000)
    books.receive(paid("p", 7, 9_000))

    def dies(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(assets.decisions, "settle_tenants", dies)
        books.decide()
    books.prove()  # what waits is not judged
    assert stale_range(books.warehouse, SHIPPED, FixedClock(LATER)) == (None, None)
    books.decide(trace="trace-3", now=LATER + timedelta(minutes=1))
    assert books.outcomes()["p"] == ("matched", "business_signal")


# Payments that are late, corrected or reversed, and invoices that come before or after them

Event = Callable[[Books], None]


def arrives(name: str, number: int, naira: int, day: int) -> Event:
    return lambda books: books.receive(paid(name, number, naira, day))


def named_only(name: str, naira: int, day: int) -> Event:
    return lambda books: books.receive(row(name, "NIP/GTB/SAHELIA PLC/PAYMENT", day, amount=naira * 100))


def billed(number: int, naira: int) -> Event:
    return lambda books: books.bill(f"INV-{number}", naira * 100, **OFFICIAL)


HISTORIES: tuple[tuple[Event, ...], ...] = (
    (billed(7, 9_000),),
    (billed(8, 6_000),),
    (arrives("p", 7, 4_000, 6),),
    (arrives("q", 7, 5_000, 8),),
    (arrives("r", 7, 2_000, 7), arrives("r", 8, 2_000, 7)),  # corrected: it meant another invoice
    (named_only("s", 6_000, 9), named_only("s", 4_000, 4)),  # corrected to another amount and day
    (arrives("t", 8, 6_000, 10),),
)
"""Events that may come in any order but for those of one line, where the later is the bank's last word."""

ENDS = """
SELECT o.transaction_id, o.disposition, o.detail, s.invoice_number, s.strategy, s.status, s.allocated, s.difference
FROM audit.outcomes AS o LEFT JOIN audit.settlements AS s USING (account_id, transaction_id)
WHERE o.account_id = 'acc-1' ORDER BY ALL
"""


@st.composite
def orders(draw: st.DrawFn) -> list[tuple[Event, bool]]:
    """The events in some order that keeps each line's own, and after which of them a run decides."""
    left = [list(history) for history in HISTORIES]
    order: list[tuple[Event, bool]] = []
    while left:
        place = draw(st.integers(0, len(left) - 1))
        order.append((left[place].pop(0), draw(st.booleans())))
        left = [history for history in left if history]
    return order


def end_of(order: list[tuple[Event, bool]]) -> list[tuple[Any, ...]]:
    with tempfile.TemporaryDirectory() as folder:
        made = copied(Path(folder))
        for number, (event, decides) in enumerate(order):
            event(made)
            if decides:
                made.decide(trace=f"trace-{number}", now=LATER + timedelta(minutes=number))
        made.decide(trace="the last", now=LATER + timedelta(hours=1))
        made.prove()
        ends = made.rows(ENDS)
        made.warehouse.close()
        return ends


@cache
def straight_end() -> list[tuple[Any, ...]]:
    """Where it ends when the last of each history comes at once."""
    return end_of([(history[-1], False) for history in HISTORIES])


@pytest.mark.slow
@settings(deadline=None, max_examples=4)
@given(orders())
def test_any_order_and_any_split_into_runs_ends_the_same(order: list[tuple[Event, bool]]) -> None:
    assert end_of(order) == straight_end()
