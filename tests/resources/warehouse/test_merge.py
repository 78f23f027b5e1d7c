"""Read lines merged into the warehouse: each line once, each payload once, the days that changed and no others."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, TypeVar

import duckdb
import polars as pl
import pytest

from resources.errors import ConfigurationError
from resources.warehouse import accounts, transactions
from resources.warehouse.accounts import Account, AccountDetails, AccountState
from resources.warehouse.connection import Warehouse
from resources.warehouse.transactions import Merged
from rules.transactions import AccountKey, normalise
from tests.resources.warehouse.homes import OPEN, warehouse_in

T = TypeVar("T")
NOW = datetime(2024, 3, 1, 12, tzinfo=UTC)
numbers = itertools.count()
PRODUCT = list(itertools.product([1, 2, 3], repeat=3))


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    """One for all tests: each has accounts of its own."""
    opened = warehouse_in(tmp_path_factory.mktemp("home") / "home")
    yield opened
    opened.close()


@dataclass
class Book:
    """An account, what is merged into it and what is found of it."""

    warehouse: Warehouse
    key: AccountKey

    def write(self, work: Callable[[duckdb.DuckDBPyConnection], T]) -> T:
        return self.warehouse.write(work, run_id="test", note="test")

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        """Rows of a table of the account."""
        with self.warehouse.read() as con:
            return con.execute(f"{sql} WHERE account_id = ? ORDER BY ALL", [self.key.account_id]).fetchall()

    def merge(self, rows: Sequence[object]) -> Merged:
        """One batch in one transaction."""
        read = normalise(rows, self.key, NOW, "run")
        states, touch_id = [AccountState(self.key.account_id)], f"touch-{next(numbers)}"
        done = self.write(
            lambda con: transactions.merge_batch(
                con, read.transactions, read.quarantine, states, touch_id=touch_id, admission=OPEN
            )
        )
        return done.get(self.key.account_id, Merged())

    def lines(self) -> list[tuple[str, int, int, int]]:
        """Id, version, day of the month and amount of each line."""
        return self.query("SELECT transaction_id, version, day(day)::INTEGER, amount FROM transactions")

    def older(self) -> list[tuple[str, int, int]]:
        return self.query("SELECT transaction_id, version, amount FROM transaction_versions")

    def touched(self) -> list[int]:
        """The days of the month that wait for decisions; taken off."""

        def take(con: duckdb.DuckDBPyConnection) -> list[int]:
            found = con.execute("SELECT DISTINCT day(day)::INTEGER FROM touched_days ORDER BY ALL").fetchall()
            con.execute("DELETE FROM touched_days")
            return [day for (day,) in found]

        return self.write(take)

    def account(self) -> Account:
        with self.warehouse.read() as con:
            found = accounts.find(con, self.key.account_id)
        assert found is not None
        return found


def linked(warehouse: Warehouse) -> Book:
    """A new account."""
    key = AccountKey(f"org-{next(numbers)}", "sandbox", f"acc-{next(numbers)}")
    book = Book(warehouse, key)
    book.write(lambda con: accounts.link(con, key.account_id, key.organization_id, key.environment, now=NOW))
    return book


@pytest.fixture
def book(warehouse: Warehouse) -> Book:
    return linked(warehouse)


def row(name: str, day: int = 1, **changes: object) -> dict[str, object]:
    return {"id": name, "amount": 100, "type": "credit", "date": f"2024-02-{day:02d}T10:00:00Z", **changes}


def test_lines_are_written_once_and_touch_the_days_that_change(book: Book) -> None:
    book.touched()
    assert book.merge([row("a"), row("b", day=3)]) == Merged(imported=2)
    assert book.lines() == [("a", 1, 1, 100), ("b", 1, 3, 100)]
    assert book.touched() == [1, 3]
    before = book.query("SELECT * FROM transactions")
    assert book.merge([row("b", day=3), row("a"), row("a")]) == Merged(unchanged=2)
    assert book.query("SELECT * FROM transactions") == before
    assert (book.touched(), book.older()) == ([], [])


def test_lines_alike_but_for_their_ids_or_accounts_are_two(book: Book) -> None:
    other = linked(book.warehouse)
    book.merge([row("a"), row("b")])
    other.merge([row("a")])
    assert (len(book.lines()), len(other.lines())) == (2, 1)


def test_a_changed_line_is_a_new_version_and_the_old_one_is_kept(book: Book) -> None:
    book.merge([row("a"), row("b", day=2)])
    book.touched()
    assert book.merge([row("a", amount=200), row("b", day=2)]) == Merged(updated=1, unchanged=1)
    assert book.lines() == [("a", 2, 1, 200), ("b", 1, 2, 100)]
    assert book.older() == [("a", 1, 100)]
    assert book.touched() == [1]


def test_a_line_moved_to_another_day_is_found_and_touches_both(book: Book) -> None:
    book.merge([row("far", day=3), row("near", day=5)])
    book.touched()
    assert book.merge([row("far", day=20)]) == Merged(updated=1)  # its old day is none of those that were read
    assert book.touched() == [3, 20]
    assert book.merge([row("near", day=9), row("other", day=4)]) == Merged(imported=1, updated=1)
    assert book.touched() == [4, 5, 9]
    assert book.lines() == [("far", 2, 20, 100), ("near", 2, 9, 100), ("other", 1, 4, 100)]


def test_a_payload_that_comes_back_is_no_older_version_any_more(book: Book) -> None:
    for amount in (1, 2, 1):
        book.merge([row("a", amount=amount)])
    assert book.lines() == [("a", 3, 1, 1)]
    assert book.older() == [("a", 2, 2)]
    for amount in (3, 2, 1):
        book.merge([row("a", amount=amount)])
    assert book.lines() == [("a", 6, 1, 1)]
    assert [amount for _, _, amount in book.older()] == [3, 2]


def test_a_batch_ends_as_its_rows_one_by_one_would(book: Book) -> None:
    orders = {f"{first}{second}{third}": (first, second, third) for first, second, third in PRODUCT}
    book.merge([row(name, amount=1) for name in orders])
    book.merge([row(name, amount=order[place]) for place in range(3) for name, order in orders.items()])
    kept = {name: [(version, amount)] for name, version, _, amount in book.lines()}
    for name, version, amount in book.older():
        kept[name].append((version, amount))
    for name, order in orders.items():
        (newest, amount), *before = kept[name]
        assert amount == order[-1]
        assert sorted(amount for _, amount in before) == sorted({1, *order} - {order[-1]})
        assert all(version < newest for version, _ in before)
        assert len({version for version, _ in kept[name]}) == len(kept[name])


def test_of_a_new_line_read_twice_in_a_batch_the_later_reading_wins(book: Book) -> None:
    assert book.merge([row("a", amount=1), row("a", amount=2), row("a", amount=2)]) == Merged(imported=1)
    assert book.lines() == [("a", 2, 1, 2)]
    assert book.older() == [("a", 1, 1)]


def test_distinct_payloads_are_lines_and_older_versions_and_quarantined(book: Book) -> None:
    rows = [row("a"), row("a", amount=5), row("b"), row("b", amount=-1), {"id": None}, {"id": None}, "x"]
    for part in (rows, rows[::-1], rows[:3], rows[2:]):
        book.merge(part)
        kept = len(book.lines()) + len(book.older()) + len(book.query("SELECT payload FROM quarantine"))
        assert kept == 6


def test_an_unreadable_payload_is_kept_once_an_account(book: Book) -> None:
    assert book.merge([{"id": "a"}, {"id": "a"}]).quarantined == 1
    assert book.merge([{"id": "a"}]).quarantined == 0
    assert linked(book.warehouse).merge([{"id": "a"}]).quarantined == 1
    assert book.merge([row("a")]) == Merged(imported=1)


def test_nothing_is_written_for_an_account_unlinked_meanwhile(book: Book) -> None:
    book.write(lambda con: accounts.unlink(con, book.key.account_id, now=NOW))
    assert book.merge([row("a"), {"id": None}]) == Merged()
    assert book.lines() == []
    assert book.query("SELECT payload FROM quarantine") == []


def test_what_stands_there_already_is_told_from_what_does_not(book: Book) -> None:
    book.merge([row("a"), row("b", day=2), row("c", day=3)])
    read = normalise(
        [row("a"), row("b", day=2, amount=7), row("b", day=2), row("d")], book.key, NOW, "run"
    ).transactions
    with book.warehouse.read() as con:
        assert transactions.changed(con, read)["transaction_id"].to_list() == ["b", "b", "d"]
        assert transactions.changed(con, read.clear()).height == 0


def test_columns_arrive_as_they_were_read(book: Book) -> None:
    full = row("a", tags=["x", "y"], narration="n\u20a6", balance=-5, currency="Naira", status="pending", category="c")
    book.merge([full])
    read = normalise([full], book.key, NOW, "run").transactions
    with book.warehouse.read() as con:
        stored = con.execute(
            "SELECT * EXCLUDE (version) FROM transactions WHERE account_id = ?", [book.key.account_id]
        ).pl()
    times = ("booked_at", "received_at")
    assert stored.select(pl.exclude(times)).equals(read.select(pl.exclude(times)))
    assert stored["booked_at"].dt.convert_time_zone("UTC").to_list() == read["booked_at"].to_list()


def test_days_of_the_merge_are_lagos_days(book: Book) -> None:
    book.merge([row("a", date="2024-02-28T23:30:00Z")])
    assert book.query("SELECT day FROM transactions") == [(date(2024, 2, 29),)]


def test_accounts_are_linked_once_and_listed_by_tenant(book: Book) -> None:
    key = book.key
    other = AccountKey(key.organization_id, "production", f"{key.account_id}-b")

    def link(con: duckdb.DuckDBPyConnection) -> None:
        assert not accounts.link(con, key.account_id, key.organization_id, key.environment, now=NOW)
        assert accounts.link(con, other.account_id, other.organization_id, other.environment, now=NOW)
        found = accounts.listed(con, organization_id=key.organization_id)
        assert [account.key for account in found] == [key, other]
        found = accounts.listed(con, organization_id=key.organization_id, environment="production")
        assert [account.key for account in found] == [other]

    book.write(link)


def test_another_tenants_account_cannot_be_linked(book: Book) -> None:
    def link(con: duckdb.DuckDBPyConnection) -> bool:
        return accounts.link(con, book.key.account_id, "org-x", "sandbox", now=NOW)

    with pytest.raises(ConfigurationError, match="linked to another tenant"):
        book.write(link)
    book.merge([row("a")])
    book.write(lambda con: accounts.unlink(con, book.key.account_id, now=NOW))
    with pytest.raises(ConfigurationError, match="still kept"):
        book.write(link)
    book.write(lambda con: con.execute("DELETE FROM transactions WHERE account_id = ?", [book.key.account_id]))
    assert book.write(link)
    assert book.account().organization_id == "org-x"


def test_a_new_consent_starts_anew(book: Book) -> None:
    account_id, organization_id, environment = book.key.account_id, book.key.organization_id, book.key.environment

    def marked_unlinked_and_linked(con: duckdb.DuckDBPyConnection) -> None:
        state = AccountState(account_id, cursor="c", ended=True, sync_error="e", reauthorisation_required=True)
        accounts.update(con, [state])
        assert accounts.unlink(con, account_id, now=NOW)
        assert not accounts.unlink(con, account_id, now=NOW)
        assert account_id not in {account.account_id for account in accounts.listed(con, linked_only=True)}
        assert accounts.link(con, account_id, organization_id, environment, now=NOW)

    book.write(marked_unlinked_and_linked)
    found = book.account()
    assert (found.cursor, found.sync_error, found.unlinked_at) == (None, None, None)
    assert found.reauthorisation_required is False


def test_what_upstream_leaves_out_stays(book: Book) -> None:
    account_id = book.key.account_id
    details = AccountDetails(holder="Okoro Stores", currency="NGN", data_status="AVAILABLE")
    states = [
        AccountState(account_id, cursor="c1", details=details),
        AccountState(account_id, cursor="c2", ended=True, synced_at=NOW, sync_error="why"),
    ]
    book.write(lambda con: accounts.update(con, states))
    book.write(
        lambda con: accounts.update(con, [AccountState(account_id, details=AccountDetails(data_status="PARTIAL"))])
    )
    found = book.account()
    assert (found.holder, found.currency, found.data_status) == ("Okoro Stores", "NGN", "PARTIAL")
    assert (found.cursor, found.sync_error) == ("c2", "why")
    assert found.synced_at is not None
    assert found.synced_at.astimezone(UTC) == NOW
    book.write(lambda con: accounts.update(con, [AccountState(account_id, ended=True)]))
    assert book.account().sync_error is None


def test_another_holder_touches_every_day_of_the_account(book: Book) -> None:
    book.merge([row("a"), row("b", day=3)])
    book.touched()

    def hold(name: str) -> list[int]:
        read = normalise([], book.key, NOW, "run")
        states = [AccountState(book.key.account_id, details=AccountDetails(holder=name, currency="NGN"))]
        touch_id = f"touch-{next(numbers)}"
        book.write(
            lambda con: transactions.merge_batch(
                con, read.transactions, read.quarantine, states, touch_id=touch_id, admission=OPEN
            )
        )
        return book.touched()

    assert hold("IFEOMA TRADING LTD") == [1, 3]
    assert hold("IFEOMA TRADING LTD") == []
    assert hold("IFEOMA STORES LTD") == [1, 3]
