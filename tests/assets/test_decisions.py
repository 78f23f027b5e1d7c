"""Deciding days on a real DuckLake: what is written, what stays as it was, and that no order of work shows in it.

Most tests begin with the same few lines, decided at NOW under the shipped policy: see `begin`.
"""

from __future__ import annotations

import itertools
import json
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import assets.decisions
from assets.decisions import DecideReport, decide_days
from assets.stale import stale_range
from resources.clock import FixedClock
from resources.warehouse import accounts, checks, drafts, invoices, lists, policies, rejections, transactions
from resources.warehouse.accounts import AccountDetails, AccountState
from resources.warehouse.connection import Warehouse
from resources.warehouse.lists import Entry
from rules.passport import explain
from rules.policy import Policy, parse_policy
from rules.transactions import AccountKey, normalise
from tests.resources.warehouse.homes import OPEN, unopened, warehouse_in

NOW = datetime(2026, 3, 10, 9, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)
ONE, OTHER = AccountKey("org-1", "sandbox", "acc-1"), AccountKey("org-2", "sandbox", "acc-2")
SHIPPED = parse_policy("", "the shipped policy")
STRICT = parse_policy('name = "strict"\npoints.minimum = 100', "a test")

BUSINESS = "NIP/GTB/SAHELIA PLC/INVOICE PAYMENT"
COMPANY = "NIP/GTB/SAHELIA PLC/hello"  # eligible by 50 points, and no longer where 100 are asked for
PERSONAL = "NIP/GTB/ADA OBIORADI/birthday gift"
NOTHING = "NIP/GTB/ADA OBIORADI/hello"
DRAFTED, GIFT, WEAK = ("drafted", "business_signal"), ("rejected", "personal_keyword"), ("rejected", "low_confidence")

WRITTEN = (
    "decisions",
    "superseded_decisions",
    "drafts",
    "rejections",
    "monitoring_events",
    "decided_days",
    "touched_days",
    "policies",
)
"""The tables that deciding writes."""

Row = dict[str, Any]
touches = itertools.count()


def row(name: str, narration: str, day: int = 2, **changes: object) -> Row:
    """A row as upstream sends it: a credit of NGN 5,000 at ten o'clock of a day of March."""
    said = {"id": name, "narration": narration, "amount": 500_000, "type": "credit"}
    return said | {"date": f"2026-03-{day:02d}T10:00:00Z"} | changes


class Books:
    """A warehouse, and what a test does with it."""

    def __init__(self, warehouse: Warehouse) -> None:
        self.warehouse = warehouse

    def write(self, work: Callable[[duckdb.DuckDBPyConnection], object]) -> None:
        self.warehouse.write(work, run_id="a test", note="a test")

    def sql(self, statement: str, *values: object) -> None:
        """Change something by hand."""
        self.write(lambda con: con.execute(statement, list(values)))

    def receive(self, *rows: Row, account: AccountKey = ONE) -> None:
        """Merge rows of an account, as a sync does."""
        read = normalise(rows, account, NOW, "run-sync")
        assert read.quarantine.is_empty()
        state, touch_id = [AccountState(account.account_id)], f"touch-{next(touches)}"
        self.write(
            lambda con: transactions.merge_batch(
                con, read.transactions, read.quarantine, state, touch_id=touch_id, admission=OPEN
            )
        )

    def decide(
        self, policy: Policy = SHIPPED, now: datetime = LATER, trace: str = "trace-2", **days: Any
    ) -> DecideReport:
        return decide_days(self.warehouse, policy=policy, clock=FixedClock(now), trace_id=trace, run_id="run-1", **days)

    def add_entry(self, list_: str, value: str, expires_at: datetime | None = None) -> None:
        """Put an entry on counterparties in force for org-1."""
        entry = Entry(list_, "org-1", "sandbox", "counterparty", "contains", value, expires_at=expires_at)
        self.write(lambda con: lists.add(con, entry, NOW))

    def bill(self, number: str, total: int = 500_000, **changes: object) -> None:
        """An open invoice of the first account's tenant, of as many kobo as a `row` brings unless it says otherwise."""
        invoice = {"invoice_id": f"id {number}", "organization_id": "org-1", "environment": "sandbox"}
        invoice |= {"number": number, "customer_name": "Ada Obioradi", "currency": "NGN", "total_amount": total}
        invoice |= {"issue_date": date(2026, 2, 20), "due_date": date(2026, 3, 20), "status": "open"} | changes
        self.write(lambda con: invoices.upsert(con, pl.DataFrame([invoice])))

    def rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        with self.warehouse.read() as con:
            return con.execute(query, list(values)).fetchall()

    def outcomes(self, account: AccountKey = ONE) -> dict[str, tuple[str | None, str | None]]:
        """By transaction of an account its disposition and the detail of its decision."""
        query = "SELECT transaction_id, disposition, detail FROM audit.outcomes WHERE account_id = ?"
        found = self.rows(query, account.account_id)
        assert len(found) == len({name for name, *_ in found})
        return {name: (disposition, detail) for name, disposition, detail in found}

    def tables(self) -> dict[str, list[tuple[Any, ...]]]:
        """All that deciding writes, row by row, in an order that does not depend on how it was written."""
        with self.warehouse.read() as con:
            return {name: con.execute(f"SELECT * FROM {name} ORDER BY ALL").fetchall() for name in WRITTEN}  # noqa: S608

    def prove(self) -> None:
        """See that every proof of the warehouse holds."""
        with self.warehouse.read() as con:
            assert [
                verdict
                for verdict in checks.prove(con, None).verdicts
                if not verdict.passed and not verdict.check.warns
            ] == []


def begin(books: Books) -> None:
    """Two accounts of two tenants, four lines of three days, decided."""

    def link(con: duckdb.DuckDBPyConnection) -> None:
        for key in (ONE, OTHER):
            accounts.link(con, key.account_id, key.organization_id, key.environment, now=NOW)
        details = AccountDetails(holder="TOLULOPE BAMIDURO", currency="NGN")
        accounts.update(con, [AccountState(key.account_id, details=details) for key in (ONE, OTHER)])

    books.write(link)
    books.receive(row("a", COMPANY), row("b", PERSONAL), row("c", BUSINESS, 5))
    books.receive(row("a", BUSINESS), account=OTHER)
    report = books.decide(now=NOW, trace="trace-1")
    assert report == DecideReport(
        days=3, lines=4, decided=4, changed=4, drafts_created=3, drafts_withdrawn=0, rejections_new=1, events=1
    )


@cache
def begun() -> Path:
    """The folder of a warehouse that has begun; it is moved away once made, so that a copy uses its own files."""
    home = Path(tempfile.mkdtemp(prefix="kobosift-begun-"))
    books = Books(warehouse_in(home))
    begin(books)
    books.warehouse.close()
    return home.rename(home.with_name(f"{home.name}-kept"))


def copied(home: Path) -> Books:
    """Books of their own that have begun."""
    shutil.copytree(begun(), home, dirs_exist_ok=True)
    return Books(unopened(home))


@pytest.fixture
def books(tmp_path: Path) -> Iterator[Books]:
    """Begun books; whatever a test does with them, all proofs hold in the end."""
    made = copied(tmp_path)
    yield made
    made.prove()
    made.warehouse.close()


# The first run, and one with nothing new


def test_a_first_run_decides_every_line_and_makes_what_follows(books: Books) -> None:
    assert (books.outcomes(), books.outcomes(OTHER)) == ({"a": DRAFTED, "b": GIFT, "c": DRAFTED}, {"a": DRAFTED})
    found = books.rows("SELECT account_id, transaction_id, status, amount, buyer_name FROM audit.drafts ORDER BY ALL")
    assert found == [
        ("acc-1", "a", "DRAFT", 500_000, "SAHELIA PLC"),
        ("acc-1", "c", "DRAFT", 500_000, "SAHELIA PLC"),
        ("acc-2", "a", "DRAFT", 500_000, "SAHELIA PLC"),
    ]
    assert books.rows("SELECT * EXCLUDE (event_id, day) FROM monitoring_events") == [
        (
            *("invoice_failed", "sandbox", "trace-1", "org-1", "acc-1", "b"),
            *("personal_or_low_confidence", "personal_keyword", NOW, None),
        )
    ]
    assert books.rows("SELECT * FROM touched_days") == []


def test_a_drafts_id_tells_lines_of_two_accounts_apart(books: Books) -> None:
    assert len(books.rows("SELECT DISTINCT draft_id FROM drafts")) == 3


def test_again_changes_nothing(books: Books) -> None:
    before = books.tables()
    assert books.decide() == DecideReport()
    again = books.decide(only_stale=False)
    assert (again.lines, again.changed, again.events) == (4, 0, 0)
    assert books.tables() == before
    assert len(books.rows("SELECT * FROM audit.decision_log")) == 4


def test_with_no_lines_at_all_nothing_happens(tmp_path: Path) -> None:
    books = Books(warehouse_in(tmp_path))
    assert books.decide() == DecideReport()
    assert stale_range(books.warehouse, SHIPPED, FixedClock(NOW)) is None
    books.warehouse.close()


def test_only_the_days_asked_for_are_decided_and_the_others_wait(books: Books) -> None:
    books.receive(row("x", BUSINESS, 2), row("y", BUSINESS, 3), row("late", BUSINESS, date="2026-03-02T23:30:00Z"))
    third, clock = date(2026, 3, 3), FixedClock(NOW)  # in Lagos the 2nd has ended at 23:30 UTC
    assert books.decide(start=third, end=third).changed == 2
    assert {name: books.outcomes()[name] for name in "axy"} == {"a": DRAFTED, "x": (None, None), "y": DRAFTED}
    assert stale_range(books.warehouse, SHIPPED, clock) == (date(2026, 3, 2), date(2026, 3, 2))
    assert books.decide().changed == 1
    assert stale_range(books.warehouse, SHIPPED, clock) is None


# Corrected lines


def test_a_corrected_line_redecides_its_day_and_the_other_decisions_stay_as_they_were(books: Books) -> None:
    books.receive(row("b", BUSINESS, amount=700_000, counterparty="ZUMARI FOODS LTD"))
    report = books.decide()
    assert (report.days, report.lines, report.changed) == (1, 2, 1)
    assert books.rows(
        "SELECT account_id, transaction_id, version, decided_at, trace_id FROM decisions ORDER BY ALL"
    ) == [
        ("acc-1", "a", 1, NOW, "trace-1"),
        ("acc-1", "b", 2, LATER, "trace-2"),
        ("acc-1", "c", 1, NOW, "trace-1"),
        ("acc-2", "a", 1, NOW, "trace-1"),
    ]
    log = "SELECT version, detail, decided_at, superseded_at FROM audit.decision_log WHERE transaction_id = 'b'"
    assert sorted(books.rows(log)) == [
        (1, "personal_keyword", NOW, LATER),
        (2, "business_signal", LATER, None),
    ]
    assert books.rows("SELECT * FROM rejections") == []
    drafted = "SELECT amount, buyer_name, created_at FROM drafts WHERE transaction_id = 'b'"
    assert books.rows(drafted) == [(700_000, "ZUMARI FOODS LTD", LATER)]


def test_a_line_that_is_corrected_while_its_day_is_decided_waits_for_the_next_run(
    books: Books, monkeypatch: pytest.MonkeyPatch
) -> None:
    follow = rejections.follow

    def meanwhile(con: duckdb.DuckDBPyConnection) -> int:
        con.execute("INSERT INTO touched_days VALUES ('unseen', 'org-1', 'sandbox', DATE '2026-03-02')")
        return follow(con)

    books.receive(row("x", BUSINESS))
    monkeypatch.setattr(rejections, "follow", meanwhile)
    books.decide()
    assert books.rows("SELECT touch_id FROM touched_days") == [("unseen",)]


# Lines that move to another day, some to a later one and some to an earlier one

MOVED = {
    "drafted": (BUSINESS, BUSINESS, None),
    "rejected": (PERSONAL, PERSONAL, None),
    "rejected_now": (BUSINESS, PERSONAL, None),
    "eligible_now": (PERSONAL, BUSINESS, None),
    "confirmed": (BUSINESS, BUSINESS, "CONFIRMED"),
    "discarded": (BUSINESS, BUSINESS, "DISCARDED"),
    "contested": (BUSINESS, PERSONAL, "CONFIRMED"),
}
"""What a line said on its first day and says on the other, and what a person did with its draft in between."""
WAYS = {"later": (6, 8), "earlier": (8, 6)}


@pytest.fixture(scope="class", params=[1, 1_000], ids=["in_two_batches", "in_one_batch"])
def moved(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Books]:
    """Books of lines that moved, whether their two days are decided one by one or both at once."""
    made = copied(tmp_path_factory.mktemp("moved"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(assets.decisions, "LINES_A_BATCH", request.param)
        for moment in (0, 1):
            made.receive(
                *(
                    row(f"{name} {way}", said[moment], day[moment])
                    for name, said in MOVED.items()
                    for way, day in WAYS.items()
                )
            )
            made.decide(now=(NOW, LATER)[moment], trace=f"trace-{moment + 1}")
            for name, (*_, done) in MOVED.items():
                if done and not moment:
                    made.sql("UPDATE drafts SET status = ? WHERE transaction_id LIKE ?", done, f"{name} %")
    yield made
    made.warehouse.close()


@pytest.mark.parametrize("way", list(WAYS))
class TestALineThatMovesToAnotherDay:
    def of(self, moved: Books, line: str, table: str, columns: str) -> list[tuple[Any, ...]]:
        return moved.rows(f"SELECT {columns} FROM {table} WHERE transaction_id = ? ORDER BY ALL", line)  # noqa: S608

    def test_all_proofs_hold(self, moved: Books, way: str) -> None:
        moved.prove()

    @pytest.mark.parametrize("name", list(MOVED))
    def test_it_has_one_decision_and_that_of_the_other_day_is_in_the_log(
        self, moved: Books, way: str, name: str
    ) -> None:
        first, other = (date(2026, 3, day) for day in WAYS[way])
        log = self.of(moved, f"{name} {way}", "audit.decision_log", "version, day, superseded_at")
        assert log == [(1, first, LATER), (2, other, None)]

    def test_its_draft_goes_with_it(self, moved: Books, way: str) -> None:
        ((status, day, created_at, document),) = self.of(
            moved, f"drafted {way}", "drafts", "status, day, created_at, document"
        )
        assert (status, day, created_at) == ("DRAFT", date(2026, 3, WAYS[way][1]), NOW)
        assert json.loads(document)["issue_date"] == str(day)
        assert moved.outcomes()[f"drafted {way}"] == DRAFTED

    def test_its_rejection_goes_with_it_and_is_no_news(self, moved: Books, way: str) -> None:
        found = self.of(moved, f"rejected {way}", "rejections", "day, rejected_at")
        assert found == [(date(2026, 3, WAYS[way][1]), NOW)]
        assert len(self.of(moved, f"rejected {way}", "monitoring_events", "*")) == 1

    def test_one_that_is_rejected_now_loses_its_draft(self, moved: Books, way: str) -> None:
        assert self.of(moved, f"rejected_now {way}", "drafts", "status") == [("WITHDRAWN",)]
        found = self.of(moved, f"rejected_now {way}", "rejections", "day, rejected_at")
        assert found == [(date(2026, 3, WAYS[way][1]), LATER)]
        assert len(self.of(moved, f"rejected_now {way}", "monitoring_events", "*")) == 1

    def test_one_that_is_eligible_now_leaves_the_queue(self, moved: Books, way: str) -> None:
        assert self.of(moved, f"eligible_now {way}", "rejections", "*") == []
        assert moved.outcomes()[f"eligible_now {way}"] == DRAFTED

    @pytest.mark.parametrize("name", ["confirmed", "discarded"])
    def test_what_a_person_did_with_its_draft_holds(self, moved: Books, way: str, name: str) -> None:
        ((status, contested, document),) = self.of(moved, f"{name} {way}", "drafts", "status, contested, document")
        assert (status, contested) == (name.upper(), False)
        assert json.loads(document)["issue_date"] == f"2026-03-{WAYS[way][0]:02d}"
        assert moved.outcomes()[f"{name} {way}"] == DRAFTED, "the funnel finds the draft on the line's day"

    def test_a_confirmed_draft_of_one_that_is_rejected_now_is_contested(self, moved: Books, way: str) -> None:
        assert self.of(moved, f"contested {way}", "drafts", "status, contested") == [("CONFIRMED", True)]
        assert moved.outcomes()[f"contested {way}"] == GIFT


def test_a_line_that_is_there_no_more_takes_its_draft_and_its_rejection_with_it(books: Books) -> None:
    books.sql("DELETE FROM transactions WHERE account_id = 'acc-1' AND transaction_id IN ('a', 'b')")
    assert books.decide(only_stale=False).drafts_withdrawn == 1
    assert books.rows("SELECT * FROM rejections") == []
    assert books.rows("SELECT transaction_id, superseded_at FROM superseded_decisions ORDER BY 1") == [
        ("a", LATER),
        ("b", LATER),
    ]
    books.sql("DELETE FROM transaction_versions")  # as an erasure does


# Drafts


def test_a_draft_of_a_line_that_is_rejected_now_is_withdrawn_and_revives(books: Books) -> None:
    def draft(columns: str) -> list[tuple[Any, ...]]:
        return books.rows(f"SELECT {columns} FROM drafts WHERE account_id = 'acc-1' AND transaction_id = 'a'")  # noqa: S608

    same = "draft_id, created_at, document, amount"
    first = draft(same)
    assert books.decide(STRICT).drafts_withdrawn == 1
    assert draft("status, updated_at, trace_id") == [("WITHDRAWN", LATER, "trace-2")]
    assert books.outcomes()["a"] == WEAK
    books.decide(SHIPPED, trace="trace-3")
    assert draft("status, trace_id") == [("DRAFT", "trace-3")]
    assert draft(same) == first
    assert books.outcomes()["a"] == DRAFTED


def test_what_a_person_confirmed_is_contested_and_what_they_discarded_stays_so(books: Books) -> None:
    done = ["CONFIRMED", "VALIDATED", "SIGNED", "DISCARDED"]
    changes = [{"narration": PERSONAL}, {"amount": 1}]
    lines = {f"{status} {place}": change for status in done for place, change in enumerate(changes)}
    books.receive(*(row(name, BUSINESS) for name in lines))
    books.decide(now=NOW)
    for status in done:
        books.sql("UPDATE drafts SET status = ? WHERE transaction_id LIKE ?", status, f"{status} %")
    kept = "SELECT * EXCLUDE (contested, updated_at) FROM drafts ORDER BY ALL"
    contested = "SELECT transaction_id FROM drafts WHERE contested AND updated_at = ? ORDER BY ALL"
    before = books.rows(kept)

    books.receive(*(row(name, BUSINESS) | change for name, change in lines.items()))
    books.decide()
    assert books.rows(kept) == before
    disputed = sorted(name for name in lines if not name.startswith("DISCARDED"))
    assert [name for (name,) in books.rows(contested, LATER)] == disputed

    books.receive(*(row(name, BUSINESS) for name in lines))
    books.decide()
    assert books.rows(contested, LATER) == [], "the rules agree again"
    assert books.rows(kept) == before


# What decisions rest on besides the lines


def test_a_deny_entry_redecides_and_its_expiry_redecides_back(books: Books) -> None:
    before = books.tables()
    books.add_entry("deny", "sahelia", expires_at=NOW + timedelta(days=3))
    report = books.decide()
    assert (report.days, report.changed, report.drafts_withdrawn, report.events) == (2, 2, 2, 2)
    denied = ("rejected", "denylisted")
    assert (books.outcomes(), books.outcomes(OTHER)) == ({"a": denied, "b": GIFT, "c": denied}, {"a": DRAFTED})
    assert books.rows("SELECT decided_at, trace_id FROM decisions WHERE transaction_id = 'b'") == [(NOW, "trace-1")]
    assert books.decide() == DecideReport()
    expired = books.decide(now=NOW + timedelta(days=3), trace="trace-3")
    assert (expired.changed, expired.drafts_created, expired.events) == (2, 0, 0)
    assert (books.outcomes(), books.outcomes(OTHER)) == ({"a": DRAFTED, "b": GIFT, "c": DRAFTED}, {"a": DRAFTED})
    assert books.tables()["rejections"] == before["rejections"]


def test_an_allow_entry_and_its_removal_are_followed(books: Books) -> None:
    books.add_entry("allow", "obioradi")
    books.decide()
    assert books.outcomes()["b"] == ("drafted", "allowlisted")
    books.sql("DELETE FROM list_entries")
    books.decide()
    assert books.outcomes()["b"] == GIFT


def test_an_invoice_number_that_becomes_known_redecides_the_days_of_its_tenant(books: Books) -> None:
    for account in (ONE, OTHER):
        books.receive(row("x", "NIP/GTB/ADA OBIORADI/KB-1001"), account=account)
    books.decide(now=NOW)
    books.bill("KB 1001")
    assert books.decide().days == 2
    found = "SELECT account_id, reference, disposition FROM audit.outcomes WHERE transaction_id = 'x' ORDER BY 1"
    assert books.rows(found) == [("acc-1", "KB-1001", "matched"), ("acc-2", None, "rejected")]


def test_another_policy_redecides_all_and_the_log_keeps_both(books: Books) -> None:
    report = books.decide(STRICT)
    assert (report.days, report.changed, report.events) == (3, 4, 1), "rejected as before is no news"
    log = (
        "SELECT policy_hash, detail, superseded_at FROM audit.decision_log WHERE account_id = ? AND transaction_id = ?"
    )
    assert set(books.rows(log, "acc-1", "a")) == {
        (SHIPPED.hash, "business_signal", LATER),
        (STRICT.hash, "low_confidence", None),
    }
    with books.warehouse.read() as con:
        assert policies.find(con, SHIPPED.hash) == ("ng-default", SHIPPED.canonical)
        assert policies.find(con, STRICT.hash) == ("strict", STRICT.canonical)


def test_a_line_rejected_for_another_reason_is_news_again(books: Books) -> None:
    books.receive(row("b", NOTHING))
    assert books.decide().events == 1
    assert books.rows("SELECT detail, rejected_at FROM rejections") == [("low_confidence", LATER)]
    events = "SELECT detail, occurred_at FROM monitoring_events ORDER BY occurred_at"
    assert books.rows(events) == [("personal_keyword", NOW), ("low_confidence", LATER)]


# Time alone


def test_a_pending_line_is_held_given_up_by_time_alone_and_decided_when_it_settles(books: Books) -> None:
    books.receive(row("x", BUSINESS, status="pending"), row("y", BUSINESS, 3, status="pending"))
    books.decide()
    held, given_up = ("held", "pending_settlement"), ("rejected", "never_settled")
    assert {name: books.outcomes()[name] for name in "xy"} == {"x": held, "y": held}
    due = datetime(2026, 3, 16, 10, tzinfo=UTC)
    assert books.decide(now=due - timedelta(seconds=1)) == DecideReport()
    assert books.decide(now=due).days == 1
    assert {name: books.outcomes()[name] for name in "xy"} == {"x": given_up, "y": held}
    assert books.decide(now=due) == DecideReport()
    books.receive(row("x", BUSINESS, status="settled"))
    books.decide(now=due)
    assert books.outcomes()["x"] == DRAFTED


# Failures


def test_a_failure_in_the_middle_of_a_batch_leaves_nothing_of_it(books: Books, monkeypatch: pytest.MonkeyPatch) -> None:
    before = books.tables()

    def failing(con: duckdb.DuckDBPyConnection) -> int:
        assert con.execute("SELECT count(*) FROM superseded_decisions").fetchone() == (4,), "half of it was written"
        raise OSError("no room")

    with monkeypatch.context() as patch:
        patch.setattr(rejections, "follow", failing)
        with pytest.raises(OSError, match="no room"):
            books.decide(STRICT)
    assert books.tables() == before
    assert books.decide(STRICT).changed == 4


def test_the_batches_before_a_failure_stay_and_the_next_run_goes_on(
    books: Books, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(assets.decisions, "LINES_A_BATCH", 1)
    follow, calls = drafts.follow, itertools.count(1)

    def failing_once(*given: Any, **named: Any) -> drafts.DraftCounts:
        if next(calls) == 2:
            raise OSError("no room")
        return follow(*given, **named)

    monkeypatch.setattr(drafts, "follow", failing_once)
    with pytest.raises(OSError, match="no room"):
        books.decide(STRICT)
    found = "SELECT account_id, transaction_id, policy_hash FROM decisions ORDER BY ALL"
    first, others = STRICT.hash, SHIPPED.hash
    lines = [("acc-1", "a"), ("acc-1", "b"), ("acc-1", "c"), ("acc-2", "a")]
    assert books.rows(found) == [(*line, by) for line, by in zip(lines, [first, first, others, others], strict=True)]
    assert books.decide(STRICT).days == 2
    assert books.rows(found) == [(*line, first) for line in lines]


# The passport of what is stored


def test_the_evidence_that_is_stored_can_be_told_in_words(books: Books) -> None:
    books.add_entry("deny", "nwachide")
    books.add_entry("allow", "ekwunife")
    said = {
        "denylisted": row("1", "NIP/GTB/ADA NWACHIDE/hello"),
        "debit_not_refund": row("2", BUSINESS, type="debit"),
        "currency_not_invoiced": row("3", BUSINESS, currency="USD"),
        "pending_settlement": row("4", BUSINESS, status="pending"),
        "allowlisted": row("5", "NIP/GTB/ADA EKWUNIFE/gift"),
        "reversal": row("6", "RVSL PAYMENT"),
        "self_transfer": row("7", "NIP/GTB/BAMIDURO TOLULOPE/hello"),
        "personal_keyword": row("8", PERSONAL),
        "below_floor_no_counterparty": row("9", "hello", amount=1),
        "below_floor_no_signal": row("10", NOTHING, amount=1),
        "low_confidence": row("11", NOTHING),
        "business_signal": row("12", BUSINESS),
    }
    books.receive(*said.values())
    books.decide()
    with books.warehouse.read() as con:
        outcomes = con.execute("SELECT * FROM audit.outcomes WHERE transaction_id < 'a'").pl().to_dicts()
    assert len(outcomes) == len(said)
    for outcome in outcomes:
        detail = next(detail for detail, line in said.items() if line["id"] == outcome["transaction_id"])
        told = explain(outcome, SHIPPED.name)
        assert f" {detail} (row " in told
        assert ("Nearest miss: " in told) is (outcome["outcome"] == "rejected")
        evidence = json.loads(outcome["evidence"])
        points = sum(signal.get("points") or 0 for signal in evidence["signals"].values() if signal["held"])
        assert points == outcome["score"] == evidence["score"]


# No order of work shows in the end

KINDS = {
    "business": {"narration": BUSINESS},
    "company": {"narration": COMPANY},
    "gift": {"narration": PERSONAL},
    "pending": {"narration": BUSINESS, "status": "pending"},
    "larger": {"narration": BUSINESS, "amount": 700_000},
}
SAID = st.tuples(st.sampled_from(sorted(KINDS)), st.sampled_from([6, 7]))
HISTORIES = st.lists(st.tuples(SAID, SAID, st.sampled_from(["", "CONFIRMED", "DISCARDED"])), min_size=12, max_size=20)


def after(history: Sequence[Any], lines_a_batch: int, order: Sequence[int]) -> dict[str, list[tuple[Any, ...]]]:
    """The tables after lines were received and decided, then corrected and decided under another policy."""
    home = Path(tempfile.mkdtemp(prefix="kobosift-history-"))
    books = copied(home)
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(assets.decisions, "LINES_A_BATCH", lines_a_batch)
            for step, policy in enumerate([SHIPPED, STRICT]):
                lines = [row(f"tx-{n}", day=said[step][1], **KINDS[said[step][0]]) for n, said in enumerate(history)]
                books.receive(*(lines[place] for place in order if place < len(lines)))
                books.decide(policy, LATER + timedelta(hours=step), f"trace-{step}")
                for status in ("CONFIRMED", "DISCARDED")[: 2 - 2 * step]:
                    names = [f"tx-{n}" for n, (*_, done) in enumerate(history) if done == status]
                    books.sql("UPDATE drafts SET status = ? WHERE list_contains(?, transaction_id)", status, names)
        books.prove()
        return books.tables()
    finally:
        books.warehouse.close()
        shutil.rmtree(home)


@pytest.mark.slow
@settings(max_examples=2, deadline=None)
@given(history=HISTORIES, lines_a_batch=st.sampled_from([1, 4, 9]), order=st.permutations(range(20)))
def test_any_order_of_lines_and_any_split_into_batches_give_the_same_tables(
    history: Sequence[Any], lines_a_batch: int, order: Sequence[int]
) -> None:
    assert after(history, lines_a_batch, order) == after(history, 1_000, range(20))
