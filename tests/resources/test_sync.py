"""The sync over real HTTP into a real DuckLake: everything readable is imported once, everything else is named."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from resources import batches, sync
from resources.clock import FixedClock
from resources.errors import ConfigurationError, WarehouseError
from resources.mono import walk
from resources.mono.client import MonoClient, Retries
from resources.mono.cursor import Cursor
from resources.settings import Settings
from resources.sync import AccountReport, SyncOptions, SyncReport
from resources.warehouse import accounts
from resources.warehouse.accounts import Account, AccountState
from resources.warehouse.connection import Warehouse
from resources.warehouse.transactions import merge_batch
from rules.transactions import AccountKey, normalise, normalise_all
from tests.resources.mono.scripted import Answer, Bank, Mono, Request, Row, Trick, once, row
from tests.resources.warehouse.homes import OPEN, warehouse_in

T = TypeVar("T")
NOW = datetime(2024, 3, 1, 12, tzinfo=UTC)
QUICK = Retries(attempts=5, in_all=20.0, first_wait=0.001, longest_wait=0.002, jitter=0.001, longest_asked_for=0.05)
numbers = itertools.count(1)


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    """One for all tests: each has accounts of its own."""
    opened = warehouse_in(tmp_path_factory.mktemp("home") / "home")
    yield opened
    opened.close()


@dataclass
class Setting:
    """A server and a warehouse, and accounts that are linked in one and served by the other."""

    warehouse: Warehouse
    mono: Mono
    waits: list[float] = field(default_factory=list)
    on_wait: Callable[[], None] = lambda: None

    def link(self, bank: Bank | None = None) -> str:
        """Link a new account, served where there is a bank."""
        account_id = f"acc-{next(numbers)}"
        if bank is not None:
            self.mono.accounts[account_id] = bank
        self.write(lambda con: accounts.link(con, account_id, "org-1", "sandbox", now=NOW))
        return account_id

    def write(self, work: Callable[[duckdb.DuckDBPyConnection], T]) -> T:
        return self.warehouse.write(work, run_id="test", note="test")

    def account(self, account_id: str) -> Account:
        with self.warehouse.read() as con:
            found = accounts.find(con, account_id)
        assert found is not None
        return found

    def sync(
        self, *account_ids: str, now: datetime = NOW, warehouse: Warehouse | None = None, **others: Any
    ) -> SyncReport:
        """Sync these accounts, with waits that take no time."""

        async def wait(seconds: float) -> None:
            self.waits.append(seconds)
            self.on_wait()

        async def run() -> SyncReport:
            realtime = others.pop("realtime", False)
            progress = others.pop("progress", None)
            async with MonoClient(
                self.mono.url, SecretStr("sk_canary"), rate_limit=5000, retries=QUICK, realtime=realtime
            ) as client:
                return await sync.sync(
                    warehouse or self.warehouse,
                    client,
                    [self.account(account_id) for account_id in account_ids],
                    clock=FixedClock(now),
                    run_id=f"run-{next(numbers)}",
                    options=SyncOptions(**others),
                    progress=progress,
                    sleep=wait,
                )

        return asyncio.run(run())

    def one(self, account_id: str, **others: Any) -> AccountReport:
        (report,) = self.sync(account_id, **others).accounts
        return report

    def lines(self, account_id: str) -> list[str]:
        return [
            name for (name,) in self.query("SELECT transaction_id FROM transactions WHERE account_id = ?", account_id)
        ]

    def query(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        with self.warehouse.read() as con:
            return con.execute(f"{sql} ORDER BY ALL", list(values)).fetchall()

    def snapshots(self) -> int:
        with self.warehouse.read() as con:
            return len(con.execute("SELECT snapshot_id FROM ducklake_snapshots('kobosift')").fetchall())


@pytest.fixture
def setting(warehouse: Warehouse) -> Iterator[Setting]:
    with Mono({}).running() as mono:
        yield Setting(warehouse, mono)


def many(count: int, day: str = "2024-02-20") -> list[Row]:
    """Rows, the newest first."""
    return [row(f"t{number:03d}", day) for number in reversed(range(count))]


def names(rows: Sequence[Row]) -> list[str]:
    return sorted(str(each["id"]) for each in rows)


def asks_lines(page: int | None = None) -> Callable[[Request], bool]:
    return lambda request: request.page is not None and page in (None, request.page)


def test_every_line_is_imported_with_what_upstream_says_of_the_account(setting: Setting) -> None:
    bank = Bank(many(35), currency="KSH")
    account_id = setting.link(bank)
    assert setting.one(account_id) == AccountReport(
        account_id, "org-1", "sandbox", imported=35, data_status="AVAILABLE"
    )
    assert setting.lines(account_id) == names(bank.rows)
    found = setting.account(account_id)
    assert (found.holder, found.currency, found.institution) == ("Okoro Stores Ltd", "KES", "A Bank")
    assert (found.institution_type, found.bank_code, found.data_status) == ("BUSINESS_BANKING", "058", "AVAILABLE")
    assert found.synced_at is not None
    assert found.synced_at.astimezone(UTC) == NOW
    assert found.cursor is not None
    assert Cursor.read(found.cursor) == Cursor(date(2024, 2, 20))


def test_the_first_reading_goes_back_so_many_days_and_the_next_ones_overlap(setting: Setting) -> None:
    account_id = setting.link(Bank(many(3)))
    setting.one(account_id, initial_history_days=60)
    setting.one(account_id, lookback_days=5)
    setting.one(account_id, full=True)
    days = [(request.query["start"], request.query["end"]) for request in setting.mono.requests if request.page]
    # A day more on either side: whose days they are, upstream does not say.
    assert days == [("31-12-2023", "02-03-2024"), ("14-02-2024", "02-03-2024"), ("01-12-2023", "02-03-2024")]


def test_a_range_of_days_is_read_and_leaves_the_cursor_alone(setting: Setting) -> None:
    account_id = setting.link(Bank([*many(2), row("old", "2023-06-05")]))
    assert setting.one(account_id, start=date(2023, 6, 1), end=date(2023, 6, 30)).imported == 1
    assert setting.account(account_id).cursor is None
    setting.one(account_id)
    cursor = setting.account(account_id).cursor
    setting.one(account_id, start=date(2023, 6, 1))
    assert setting.account(account_id).cursor == cursor
    with pytest.raises(ConfigurationError, match="before it starts"):
        setting.one(account_id, start=date(2024, 2, 1), end=date(2024, 1, 1))


def test_again_changes_nothing_and_makes_one_commit(setting: Setting) -> None:
    first, second = setting.link(Bank(many(25))), setting.link(Bank([*many(5), {"id": None}], v1=True))
    assert [report.quarantined for report in setting.sync(first, second).accounts] == [0, 1]
    before, commits = setting.query("SELECT * FROM transactions"), setting.snapshots()
    again = setting.sync(first, second, now=NOW + timedelta(hours=1)).accounts
    assert [(report.imported, report.updated, report.unchanged, report.quarantined) for report in again] == [
        (0, 0, 25, 0),
        (0, 0, 5, 0),
    ]
    assert setting.query("SELECT * FROM transactions") == before
    assert setting.snapshots() == commits + 1


def test_a_corrected_line_is_updated_and_its_days_wait(setting: Setting) -> None:
    bank = Bank([row("a"), row("b", "2024-02-10")])
    account_id = setting.link(bank)
    setting.one(account_id)
    setting.write(lambda con: con.execute("DELETE FROM touched_days"))
    bank.rows = [row("a"), row("b", "2024-02-12", amount=7)]
    report = setting.one(account_id)
    assert (report.updated, report.unchanged) == (1, 1)
    assert setting.query("SELECT DISTINCT day FROM touched_days") == [(date(2024, 2, 10),), (date(2024, 2, 12),)]


@pytest.mark.parametrize(
    "bad",
    [
        Answer({"message": "slow down"}, 429, {"retry-after": "1"}),
        Answer({"message": "oops"}, 500),
        Answer(b"<html>Bad gateway</html>", 502),
        Answer(b"<html>Back soon</html>"),
        Answer(b'{"data": [{"id":'),
        Answer({"status": "successful", "data": "none", "meta": 7}),
        Answer({"data": []}, cut=True),
    ],
)
def test_what_passes_loses_nothing(setting: Setting, bad: Answer) -> None:
    bank = Bank(many(35))
    account_id = setting.link(bank)
    for page in (1, 3):
        setting.mono.tricks.append(once(asks_lines(page), lambda _: bad, times=2))
    setting.mono.tricks.append(once(lambda request: request.page is None, lambda _: bad))
    assert setting.one(account_id).imported == 35


def test_a_request_that_gets_no_answer_is_made_again(setting: Setting, monkeypatch: pytest.MonkeyPatch) -> None:
    from resources.mono import client

    monkeypatch.setattr(client, "_READ_SECONDS", 0.2)
    account_id = setting.link(Bank(many(15)))
    setting.mono.tricks.append(once(asks_lines(2), lambda request: Answer({}, hang=1.0)))
    assert setting.one(account_id).imported == 15


def repeated(request: Request, mono: Mono) -> Answer:
    """The page before the one that is asked for."""
    before = Request(
        request.method, request.path, request.query | {"page": str((request.page or 2) - 1)}, {}, None, request.moment
    )
    return mono.honest(before)


def test_pages_that_repeat_or_shift_lose_nothing(setting: Setting) -> None:
    for change in ("repeat", "arrive", "vanish", "both"):
        bank = Bank(many(35))
        account_id = setting.link(bank)

        def shift(request: Request, bank: Bank = bank, change: str = change) -> Answer | None:
            if change in ("arrive", "both"):
                bank.rows[:0] = [row(f"new-{change}-{place}") for place in range(3)]
            if change in ("vanish", "both"):
                del bank.rows[5:9]
            return repeated(request, setting.mono) if change == "repeat" else None

        setting.mono.tricks.append(once(asks_lines(2), shift))
        report = setting.one(account_id)
        assert report.error is None
        assert set(names(bank.rows)) <= set(setting.lines(account_id))
        setting.mono.tricks.clear()


def test_a_page_smaller_than_asked_for_is_no_end(setting: Setting) -> None:
    setting.mono.cap = 3
    account_id = setting.link(Bank(many(10)))
    assert setting.one(account_id).imported == 10
    assert setting.mono.pages(account_id) == [1, 2, 3, 4]


def test_rows_that_cannot_be_read_are_named_and_the_rest_is_imported(setting: Setting) -> None:
    good = many(3)
    account_id = setting.link(
        Bank([good[0], row("x", amount="5"), {"narration": "n"}, *good[1:], row("y", "2024-02-31")])
    )
    report = setting.one(account_id)
    assert (report.imported, report.quarantined, report.error) == (3, 3, None)
    found = setting.query("SELECT field FROM quarantine WHERE account_id = ?", account_id)
    assert found == [("amount",), ("date",), ("id",)]


def test_one_account_that_is_dead_stops_no_other(setting: Setting) -> None:
    ids = [setting.link(Bank(many(12))) for _ in range(3)]
    gone = setting.link()
    dead, asks = ids[1], lambda request: ids[1] in request.path
    setting.mono.tricks.append(lambda request: Answer({"message": "oops"}, 500) if asks(request) else None)
    report = setting.sync(*ids, gone)
    assert [each.imported for each in report.accounts] == [12, 0, 12, 0]
    assert [each.account_id for each in report.failed] == [dead, gone]
    assert "keeps failing" in str(report.accounts[1].error)
    assert "This account does not exist" in str(report.accounts[3].error)
    assert setting.account(dead).sync_error == report.accounts[1].error
    assert setting.account(gone).synced_at is None


def test_half_of_a_surrogate_pair_in_a_holders_name_stops_no_account(setting: Setting) -> None:
    odd, other = setting.link(Bank(many(3), holder="Okoro \ud800")), setting.link(Bank(many(2)))
    report = setting.sync(odd, other)
    assert [each.error for each in report.accounts] == [None, None]
    assert setting.account(odd).holder == "Okoro \ufffd"
    assert (len(setting.lines(odd)), len(setting.lines(other))) == (3, 2)


def test_pages_before_one_that_cannot_be_had_are_kept(setting: Setting) -> None:
    bank = Bank(many(25))
    account_id = setting.link(bank)
    setting.mono.tricks.append(lambda request: Answer({}, 500) if request.page == 3 else None)
    report = setting.one(account_id)
    assert (report.imported, report.error is None) == (20, False)
    setting.mono.tricks.clear()
    assert setting.one(account_id).imported == 5
    assert setting.account(account_id).sync_error is None


def test_an_account_that_needs_its_holder_is_marked_and_unmarked(setting: Setting) -> None:
    account_id, other = setting.link(Bank(many(2))), setting.link(Bank(many(1)))
    asks: Trick = lambda request: (  # noqa: E731
        Answer({"message": "Re-authentication required"}, 401) if account_id in request.path else None
    )
    setting.mono.tricks.append(asks)
    report = setting.sync(account_id, other)
    assert [each.account_id for each in report.failed] == [account_id]
    assert "log in at the bank" in str(report.failed[0].error)
    assert setting.account(account_id).reauthorisation_required is True
    setting.mono.tricks.clear()
    setting.one(account_id)
    assert setting.account(account_id).reauthorisation_required is False


def test_readiness_is_waited_for(setting: Setting) -> None:
    bank = Bank(many(4), status="PROCESSING")
    account_id = setting.link(bank)
    setting.on_wait = lambda: setattr(bank, "status", "AVAILABLE" if len(setting.waits) == 3 else "PROCESSING")
    assert setting.one(account_id).imported == 4
    assert setting.waits == [1.0, 2.0, 4.0]


def test_readiness_is_waited_for_with_a_bound(setting: Setting) -> None:
    account_id, other = setting.link(Bank(many(4), status="PROCESSING")), setting.link(Bank(many(2)))
    report = setting.sync(account_id, other)
    assert "still fetching" in str(report.accounts[0].error)
    assert sum(setting.waits) == 60
    assert report.accounts[1].imported == 2
    assert setting.mono.pages(account_id) == []


def test_an_empty_list_while_upstream_fetches_is_no_end(setting: Setting) -> None:
    bank = Bank(many(4))
    account_id = setting.link(bank)

    def begin(request: Request) -> None:
        bank.status = "PROCESSING"

    setting.mono.tricks.append(once(asks_lines(1), begin))
    setting.on_wait = lambda: setattr(bank, "status", "AVAILABLE")
    assert setting.one(account_id).imported == 4


def test_an_account_without_lines_is_read_to_its_end(setting: Setting) -> None:
    account_id = setting.link(Bank([]))
    assert setting.one(account_id).error is None
    assert setting.account(account_id).synced_at is not None


@pytest.mark.parametrize(
    ("status", "retrieved"),
    [("PARTIAL", ["balance"]), ("UNAVAILABLE", []), ("FAILED", []), ("FAILED", ["transactions"]), ("PARTIAL", None)],
)
def test_data_that_are_not_there_are_never_no_transactions(
    setting: Setting, status: str, retrieved: list[str] | None
) -> None:
    bank = Bank(many(2))
    account_id = setting.link(bank)
    setting.one(account_id)
    setting.mono.accounts[account_id] = Bank([], status=status, retrieved=retrieved)
    report = setting.one(account_id)
    assert status in str(report.error)
    assert (report.data_status, setting.account(account_id).data_status) == (status, status)
    assert len(setting.lines(account_id)) == 2


@pytest.mark.parametrize(("status", "retrieved"), [("PARTIAL", ["transactions"]), (None, None), ("CACHED", None)])
def test_data_that_are_there_are_read(setting: Setting, status: str | None, retrieved: list[str] | None) -> None:
    account_id = setting.link(Bank(many(2), status=status, retrieved=retrieved))
    assert setting.one(account_id).imported == 2


def test_a_real_time_read_that_is_put_off_is_waited_for(setting: Setting) -> None:
    account_id = setting.link(Bank(many(4)))
    setting.mono.tricks.append(
        once(asks_lines(), lambda _: Answer({"status": "successful", "data": None}, headers={"x-job-id": "job-1"}))
    )
    states = iter(["processing", "finished"])
    setting.mono.tricks.append(
        lambda request: Answer({"data": {"status": next(states)}}) if request.path.endswith("/jobs/job-1") else None
    )
    assert setting.one(account_id, realtime=True).imported == 4
    fresh = [request.headers.get("x-realtime") for request in setting.mono.requests if request.page]
    assert fresh == ["true", None]


def test_an_upstream_that_refuses_the_key_is_one_sentence_for_all(setting: Setting) -> None:
    ids = [setting.link(Bank(many(2))) for _ in range(3)]
    setting.mono.tricks.append(lambda _: Answer({"message": "Unauthorized: invalid mono-sec-key sk_canary"}, 401))
    report = setting.sync(*ids)
    assert len({each.error for each in report.accounts}) == 1
    assert "MONO_SECRET_KEY" in str(report.accounts[0].error)
    assert "sk_canary" not in str(report.accounts[0].error)


def test_an_upstream_that_is_not_there_is_one_sentence_for_all(setting: Setting) -> None:
    ids = [setting.link(Bank(many(2))) for _ in range(10)]
    setting.mono.tricks.append(lambda _: Answer({}, cut=True))
    report = setting.sync(*ids)
    assert len(report.failed) == 10
    assert len({each.error for each in report.accounts}) == 1
    assert setting.query("SELECT count(*) FROM transactions WHERE account_id IN (SELECT unnest(?))", ids) == [(0,)]


class Dying(Warehouse):
    """A warehouse whose process dies at its n-th write, before or after it is committed."""

    def __init__(self, real: Warehouse, writes: int, *, committed: bool) -> None:
        self.real, self.left, self.committed = real, writes, committed

    def __getattribute__(self, name: str) -> Any:
        if name in ("read", "home", "widen"):
            return getattr(object.__getattribute__(self, "real"), name)
        return object.__getattribute__(self, name)

    def write(self, work: Callable[[duckdb.DuckDBPyConnection], T], *, run_id: str, note: str) -> T:
        self.left -= 1
        if self.left < 0 and not self.committed:
            raise WarehouseError("killed")
        done = self.real.write(work, run_id=run_id, note=note)
        if self.left < 0:
            raise WarehouseError("killed")
        return done


@pytest.mark.parametrize("committed", [False, True])
@pytest.mark.parametrize("writes", [0, 1, 3])
def test_a_death_between_commits_costs_only_reading_again(
    setting: Setting, monkeypatch: pytest.MonkeyPatch, writes: int, committed: bool
) -> None:
    monkeypatch.setattr(batches, "ROWS_A_COMMIT", 20)
    monkeypatch.setattr(sync, "ROWS_A_COMMIT", 20)
    monkeypatch.setattr(walk, "ROWS_A_PORTION", 10)
    banks = [Bank(many(55)), Bank(many(45, "2024-01-05"))]
    ids = [setting.link(bank) for bank in banks]
    dying = Dying(setting.warehouse, writes, committed=committed)
    with pytest.raises(WarehouseError, match="killed"):
        setting.sync(*ids, warehouse=dying)
    report = setting.sync(*ids)
    assert not report.failed
    for account_id, bank in zip(ids, banks, strict=True):
        assert setting.lines(account_id) == names(bank.rows)
        assert (
            setting.query(
                "SELECT DISTINCT day FROM transactions ANTI JOIN touched_days USING (day) WHERE account_id = ?",
                account_id,
            )
            == []
        )


def test_a_reading_that_died_goes_on_where_it_was(setting: Setting, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "ROWS_A_COMMIT", 20)
    monkeypatch.setattr(sync, "ROWS_A_COMMIT", 20)
    monkeypatch.setattr(walk, "ROWS_A_PORTION", 20)
    account_id = setting.link(Bank(many(100)))
    with pytest.raises(WarehouseError):
        setting.sync(account_id, warehouse=Dying(setting.warehouse, 2, committed=True))
    before = len(setting.mono.pages(account_id))
    setting.sync(account_id)
    assert setting.mono.pages(account_id)[before:][0] > 1
    assert setting.lines(account_id) == names(many(100))


def test_what_waits_in_memory_is_bounded(setting: Setting, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "ROWS_A_COMMIT", 30)
    monkeypatch.setattr(sync, "ROWS_A_COMMIT", 30)
    monkeypatch.setattr(walk, "ROWS_A_PORTION", 10)
    taken: list[int] = []
    real = batches.Batches.take

    def take(self: batches.Batches, pieces: Sequence[batches.Piece], *, last: bool) -> list[str]:
        taken.append(sum(len(piece.rows) for piece in pieces))
        return real(self, pieces, last=last)

    monkeypatch.setattr(batches.Batches, "take", take)
    ids = [setting.link(Bank(many(100))) for _ in range(3)]
    setting.sync(*ids)
    assert sum(taken) == 300
    assert max(taken) <= 40


def test_an_old_cursor_reads_again_without_harm(setting: Setting) -> None:
    bank = Bank(many(5, "2024-01-10"))
    account_id = setting.link(bank)
    setting.one(account_id)
    old = setting.account(account_id).cursor
    bank.rows[:0] = [row("new", "2024-02-28")]
    setting.one(account_id)
    setting.write(lambda con: accounts.update(con, [AccountState(account_id, cursor=old)]))
    report = setting.one(account_id)
    assert (report.imported, report.unchanged) == (0, 6)
    assert setting.account(account_id).cursor != old


def test_a_cursor_that_is_none_is_told_of_and_read_past(setting: Setting) -> None:
    account_id = setting.link(Bank(many(5)))
    setting.write(lambda con: accounts.update(con, [AccountState(account_id, cursor="garbage")]))
    report = setting.one(account_id)
    assert (report.imported, report.error) == (5, None)
    assert "cursor" in str(report.note)


def test_a_line_of_days_to_come_does_not_carry_the_cursor_past_today(setting: Setting) -> None:
    account_id = setting.link(Bank([row("a", "2024-03-02"), row("b")]))
    setting.one(account_id)
    cursor = setting.account(account_id).cursor
    assert cursor is not None
    assert Cursor.read(cursor).through == date(2024, 3, 1)


def test_lines_that_upstream_learns_late_are_found(setting: Setting) -> None:
    bank = Bank(many(3, "2024-02-01"))
    account_id = setting.link(bank)
    setting.one(account_id)
    bank.rows[:0] = [row("late", "2024-02-05")]
    assert setting.one(account_id, now=NOW + timedelta(days=40)).imported == 1


def test_an_account_unlinked_meanwhile_is_read_no_more(setting: Setting) -> None:
    account_id = setting.link(Bank(many(5)))

    def unlink(request: Request) -> None:
        setting.write(lambda con: accounts.unlink(con, account_id, now=NOW))

    setting.mono.tricks.append(once(asks_lines(), unlink))
    assert setting.one(account_id).imported == 0
    assert setting.lines(account_id) == []


def test_progress_is_told_of_each_account(setting: Setting) -> None:
    told: list[tuple[object, ...]] = []

    class Watching:
        def account_started(self, account_id: str) -> None:
            told.append(("started", account_id))

        def rows(self, account_id: str, count: int) -> None:
            told.append(("rows", account_id, count))

        def account_done(self, report: AccountReport) -> None:
            told.append(("done", report.account_id, report.imported, report.error is None))

    good, gone = setting.link(Bank(many(3))), setting.link()
    setting.sync(good, gone, progress=Watching())
    assert [each for each in told if each[1] == good] == [("started", good), ("rows", good, 3), ("done", good, 3, True)]
    assert [each for each in told if each[1] == gone] == [("started", gone), ("done", gone, 0, False)]


def test_a_defect_is_raised_once_the_others_are_done(setting: Setting, monkeypatch: pytest.MonkeyPatch) -> None:
    good, bad = setting.link(Bank(many(3))), setting.link(Bank(many(3)))
    real = MonoClient.account

    async def account(self: MonoClient, account_id: str) -> Any:
        if account_id == bad:
            raise ZeroDivisionError
        return await real(self, account_id)

    monkeypatch.setattr(MonoClient, "account", account)
    with pytest.raises(ZeroDivisionError):
        setting.sync(good, bad)
    assert len(setting.lines(good)) == 3
    assert "defect" in str(setting.account(bad).sync_error)


def test_a_caller_without_an_event_loop_is_served(setting: Setting, tmp_path: Path) -> None:
    account_id = setting.link(Bank(many(3)))
    chosen = Settings(mono_base_url=setting.mono.url, kobosift_home=tmp_path, _env_file=None)
    report = sync.run_sync(
        setting.warehouse, chosen, [setting.account(account_id)], clock=FixedClock(NOW), run_id="run"
    )
    assert report.accounts[0].imported == 3


def test_a_sync_of_no_account_does_nothing(setting: Setting) -> None:
    commits = setting.snapshots()
    assert setting.sync() == SyncReport([])
    assert setting.snapshots() == commits


ROWS = [row(f"r{number}", f"2024-02-{1 + number % 3:02d}") for number in range(12)] + [
    {"id": None, "n": n} for n in (1, 2)
]


@settings(max_examples=3, deadline=None)
@given(st.data())
def test_any_split_order_and_repetition_of_pages_gives_the_same_table(
    warehouse: Warehouse, data: st.DataObject
) -> None:
    keys = [AccountKey("org-1", "sandbox", f"acc-{next(numbers)}") for _ in range(8)]
    books = {key: _pages(data) for key in keys}

    def merge(con: duckdb.DuckDBPyConnection, number: int) -> None:
        for key in keys if number == 0 else ():
            accounts.link(con, key.account_id, key.organization_id, key.environment, now=NOW)
        read = normalise_all([(key, pages[number]) for key, pages in books.items()], NOW, "run")
        states = [AccountState(key.account_id) for key in keys]
        merge_batch(
            con, read.transactions, read.quarantine, states, touch_id=f"{keys[0].account_id}/{number}", admission=OPEN
        )

    for number in range(4):
        warehouse.write(partial(merge, number=number), run_id="test", note="test")
    for key in keys:
        _is_whole(warehouse, key)


def _pages(data: st.DataObject) -> list[list[Row]]:
    """Two pages of any rows, then all rows in any order, cut anywhere."""
    rest = data.draw(st.permutations(ROWS))
    cut = data.draw(st.integers(0, len(rest)))
    return [data.draw(st.lists(st.sampled_from(ROWS), max_size=6)) for _ in range(2)] + [rest[:cut], rest[cut:]]


def _is_whole(warehouse: Warehouse, key: AccountKey) -> None:
    """The account's table holds each row once, in its first version."""
    whole = normalise(ROWS, key, NOW, "run")
    with warehouse.read() as con:
        found = con.execute(
            """SELECT transaction_id, day, amount, narration, payload, payload_hash, version FROM transactions
            WHERE account_id = ? ORDER BY ALL""",
            [key.account_id],
        ).fetchall()
        older = con.execute("SELECT 1 FROM transaction_versions WHERE account_id = ?", [key.account_id]).fetchall()
        refused = con.execute("SELECT payload FROM quarantine WHERE account_id = ?", [key.account_id]).fetchall()
    names = ["transaction_id", "day", "amount", "narration", "payload", "payload_hash"]
    assert found == sorted((*each, 1) for each in whole.transactions.select(names).iter_rows())
    assert older == []
    assert sorted(refused) == sorted((text,) for text in whole.quarantine["payload"])
