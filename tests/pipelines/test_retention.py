"""Erasure as people get it: a home with lines of several accounts, one of which goes, and every byte looked at."""

from __future__ import annotations

import gzip
import json
import os
import random
import shutil
import signal
import sqlite3
import threading
import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import dagster as dg
import duckdb
import polars as pl
import pytest

from pipelines.build import build_defs
from pipelines.retention import Erased, erase_account, preview, purge_expired
from resources.clock import FixedClock
from resources.erasure_home import erasure_key
from resources.landing import SEEN, WEBHOOKS, Event, Lander
from resources.remnants import search
from resources.settings import Settings
from resources.warehouse import accounts, transactions
from resources.warehouse.accounts import AccountState
from resources.warehouse.connection import Warehouse
from resources.warehouse.data_map import ERASABLE, Table
from resources.warehouse.erasures import Admission, Scope
from rules.transactions import normalise_all
from tests.resources.warehouse.homes import Process, unopened, warehouse_in

NOW = datetime(2026, 3, 20, 9, tzinfo=UTC)
LINKED = NOW - timedelta(days=60)
GOING, STAYING = "acc-going-0001", "acc-staying-0002"
CANARY = "CanaryGoing"
"""Part of every text and id of the lines that go."""


@dataclass
class Home:
    folder: Path
    warehouse: Warehouse
    settings: Settings

    def erase(self, account: str = GOING) -> list[Erased]:
        return erase_account(self.warehouse, self.settings, FixedClock(NOW), account, run_id="test")

    def purge(self, now: datetime = NOW) -> list[Erased]:
        return purge_expired(self.warehouse, self.settings, FixedClock(now), run_id="test")

    def count(self, sql: str) -> int:
        with self.warehouse.read() as con:
            row = con.execute(sql).fetchone()
        return int(row[0]) if row else 0

    def write(self, work: Callable[[duckdb.DuckDBPyConnection], object]) -> None:
        self.warehouse.write(work, run_id="test", note="")

    def sync(self, account: str, rows: list[dict[str, object]], retention_days: int | None = None) -> int:
        """What a sync does with rows that it has read; how many were new."""
        with self.warehouse.read() as con:
            found = accounts.find(con, account)
        assert found is not None
        read = normalise_all([(found.key, rows)], NOW, "run")
        first = None if retention_days is None else NOW.date() - timedelta(days=retention_days)
        admission = Admission(lambda: erasure_key(self.folder), first)
        done = self.warehouse.write(
            lambda con: transactions.merge_batch(
                con, read.transactions, read.quarantine, [AccountState(account)], touch_id="t", admission=admission
            ),
            run_id="run",
            note="sync",
        )
        return done[account].imported if account in done else 0


def row(account: str, number: int, day: date) -> dict[str, object]:
    word = CANARY if account == GOING else "Plain"
    return {
        "id": f"{word}-tx-{number:06}",
        "narration": f"{word} narration {number}",
        "amount": 100_000 + number,
        "type": "credit",
        "date": f"{day}T10:00:00.000Z",
        "counterparty": f"{word} Person {number}",
    }


DAYS = [date(2026, 1, 5) + timedelta(days=step) for step in range(0, 75, 3)]
ROWS = {account: [row(account, number, day) for number, day in enumerate(DAYS)] for account in (GOING, STAYING)}


def fill(home: Home) -> None:
    for account in (GOING, STAYING):
        home.write(lambda con, account=account: accounts.link(con, account, "org", "sandbox", now=LINKED))
        home.write(
            lambda con, account=account: con.execute(
                "UPDATE accounts SET holder = ? WHERE account_id = ?",
                [f"{CANARY} Holder" if account == GOING else "Plain Holder", account],
            )
        )
        home.sync(
            account, [*ROWS[account], {"id": f"{account}-bad", "narration": f"{CANARY if account == GOING else ''}"}]
        )
        for copy in COPIES:
            home.write(lambda con, copy=copy, account=account: con.execute(copy, {"account": account}))


COPIES = (
    "INSERT INTO transaction_versions SELECT * FROM transactions WHERE account_id = $account",
    """INSERT INTO decisions (organization_id, environment, account_id, transaction_id, day, version, outcome,
        counterparty, business_term)
    SELECT organization_id, environment, account_id, transaction_id, day, 1, 'rejected', counterparty, narration
    FROM transactions WHERE account_id = $account""",
    """INSERT INTO superseded_decisions BY NAME
    SELECT *, now() AS superseded_at FROM decisions WHERE account_id = $account""",
    """INSERT INTO drafts (draft_id, status, account_id, transaction_id, day, amount, buyer_name, document)
    SELECT md5(transaction_id), CASE amount WHEN 100003 THEN 'SIGNED' ELSE 'DRAFT' END, account_id, transaction_id, day,
        amount, counterparty, json_object('name', counterparty)
    FROM transactions WHERE account_id = $account AND amount < 100006""",
    """INSERT INTO rejections (account_id, transaction_id, day)
    SELECT account_id, transaction_id, day FROM transactions WHERE account_id = $account""",
    """INSERT INTO monitoring_events (event_id, account_id, transaction_id, day)
    SELECT md5(transaction_id), account_id, transaction_id, day FROM transactions WHERE account_id = $account""",
    """INSERT INTO labels (account_id, transaction_id, label)
    SELECT account_id, transaction_id, 'business' FROM transactions WHERE account_id = $account""",
    """INSERT INTO settlements (settlement_id, account_id, transaction_id, day, deductions)
    SELECT md5(transaction_id), account_id, transaction_id, day, narration
    FROM transactions WHERE account_id = $account""",
    """INSERT INTO list_entries (entry_id, account_id, value)
    SELECT md5(account_id), account_id, max(counterparty) FROM transactions WHERE account_id = $account GROUP BY ALL""",
    """INSERT INTO income_streams (account_id, last_income_description, received_at)
    SELECT account_id, max(narration), TIMESTAMPTZ '2026-03-19 10:00:00+00'
    FROM transactions WHERE account_id = $account GROUP BY ALL""",
)


def home_in(folder: Path) -> Home:
    return Home(folder, unopened(folder), Settings(kobosift_home=folder, mono_data_retention_days=30))


def filled_in(folder: Path) -> Path:
    """A home filled once, to be copied; it is moved, so that copies do not find its files where they were made."""
    warehouse_in(folder).close()
    made = home_in(folder)
    fill(made)
    made.warehouse.close()
    return folder.rename(folder.with_name("template"))


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return filled_in(tmp_path_factory.mktemp("filled") / "home")


@pytest.fixture
def home(tmp_path: Path, filled: Path) -> Iterator[Home]:
    made = home_in(Path(shutil.copytree(filled, tmp_path / "home")))
    yield made
    made.warehouse.close()


def unsigned_canaries(home: Home) -> list[str]:
    """Where a byte of the lines that go is found, that is no signed invoice's."""
    needles = [
        f"{CANARY} narration",
        f"{CANARY} Holder",
        *(f"{CANARY}-tx-{number:06}" for number in range(25) if number != 3),
    ]
    return [found.path for found in search([home.folder], needles)]


def test_an_erased_account_is_in_no_byte_below_the_home(home: Home) -> None:
    assert unsigned_canaries(home)
    (done,) = home.erase()
    assert done.proved, done.remnants
    assert done.counts["transactions"] == len(DAYS)
    assert set(done.counts) >= {"quarantine", "labels", "drafts", "superseded_decisions", "list_entries", "accounts"}
    assert unsigned_canaries(home) == []
    assert home.count("SELECT count(*) FROM audit.outcomes") == len(DAYS)
    assert home.count("SELECT count(*) FROM erasures WHERE proved AND finished_at IS NOT NULL") == 1
    assert home.erase() == []


def test_a_signed_invoice_stays_with_its_id_amount_and_document(home: Home) -> None:
    home.erase()
    with home.warehouse.read() as con:
        kept = con.execute(
            "SELECT transaction_id, amount, document FROM drafts WHERE account_id = ?", [GOING]
        ).fetchall()
    assert kept == [(f"{CANARY}-tx-000003", 100_003, json.dumps({"name": f"{CANARY} Person 3"}, separators=(",", ":")))]
    assert [found.path for found in search([home.folder], [f"{CANARY} narration 3"])] == []


def test_what_was_erased_does_not_come_back_until_consent_is_given_anew(home: Home) -> None:
    home.erase()
    again = [*ROWS[GOING], {"id": "bad"}, row(GOING, 900, DAYS[-1])]
    assert home.sync(GOING, again) == 1, "only the line that was never there"
    home.write(lambda con: accounts.unlink(con, GOING, now=NOW))
    home.write(lambda con: accounts.link(con, GOING, "org", "sandbox", now=NOW + timedelta(minutes=1)))
    assert home.sync(GOING, again) == len(DAYS)
    assert home.count("SELECT count(*) FROM erased_lines") == 0


def test_an_invoice_does_not_open_again_when_the_line_that_paid_it_is_erased(home: Home) -> None:
    line = ROWS[GOING][0]["id"]

    def bill_and_settle(con: duckdb.DuckDBPyConnection) -> None:
        con.execute(
            "INSERT INTO invoices (invoice_id, organization_id, environment, number, currency, total_amount, status)"
            " VALUES ('i', 'org', 'sandbox', 'INV-1', 'NGN', 100000, 'open')"
        )
        con.execute(
            """INSERT INTO settlements (settlement_id, organization_id, environment, account_id, transaction_id, day,
                invoice_id, status, allocated)
            VALUES ('s', 'org', 'sandbox', ?, ?, ?, 'i', 'linked', 90000)""",
            [GOING, line, DAYS[0]],
        )

    owed = "SELECT outstanding FROM audit.invoices WHERE invoice_id = 'i'"
    home.write(bill_and_settle)
    assert home.count(owed) == 10_000
    home.erase()
    assert home.count(owed) == 10_000
    assert home.count("SELECT count(*) FROM settlements WHERE settlement_id = 's'") == 0
    home.write(lambda con: accounts.unlink(con, GOING, now=NOW))
    home.write(lambda con: accounts.link(con, GOING, "org", "sandbox", now=NOW + timedelta(minutes=1)))
    home.sync(GOING, ROWS[GOING])
    assert home.count(owed) == 100_000, "the lines are back, and settle it anew"


def test_retention_goes_by_booked_day_in_lagos_and_its_lines_stay_away(home: Home) -> None:
    first_kept = date(2026, 2, 18)
    expired = [day for day in DAYS if day < first_kept]
    midnight = datetime(2026, 3, 19, 23, 30, tzinfo=UTC)  # the 20th in Lagos
    (done,) = home.purge(midnight)
    assert done.proved, done.remnants
    assert done.counts["transactions"] == done.counts["labels"] == 2 * len(expired)
    assert home.count("SELECT count(*) FROM transactions WHERE day < '2026-02-18'") == 0
    assert home.count("SELECT count(*) FROM transactions") == 2 * (len(DAYS) - len(expired))
    gone = [f"{CANARY}-tx-{number:06}" for number in range(len(expired)) if number != 3]
    assert [found.path for found in search([home.folder], gone)] == []
    assert home.sync(GOING, ROWS[GOING]) == 0
    assert home.purge(midnight) == []


def test_a_line_older_than_is_kept_does_not_come_in_at_all(home: Home) -> None:
    old = [row(STAYING, 700 + number, NOW.date() - timedelta(days=number)) for number in (10, 11, 12)]
    assert home.sync(STAYING, old, retention_days=11) == 2


def test_a_dry_run_tells_counts_and_naira_and_changes_nothing(home: Home) -> None:
    before = home.count("SELECT max(snapshot_id) FROM ducklake_snapshots('kobosift')")
    told = preview(home.warehouse, Scope(account_id=GOING))
    lines = told.filter(pl.col("table") == "transactions")
    assert lines["rows"].sum() == len(DAYS)
    assert lines["amount"].sum() == sum(100_000 + number for number in range(len(DAYS)))
    assert set(lines["day"]) == set(DAYS)
    assert home.count("SELECT max(snapshot_id) FROM ducklake_snapshots('kobosift')") == before


@pytest.mark.parametrize("scope", ["account", "retention"])
def test_a_row_of_any_table_of_the_map_goes(home: Home, scope: str) -> None:
    account, mark = "acc-of-every-table", "MarkOfEveryTable"
    going = [
        table for table in ERASABLE if table.stays != "TRUE" and (scope == "account" or not only_by_account(table))
    ]
    home.write(lambda con: [insert_row(con, table.name, account, mark) for table in ERASABLE if table.stays != "TRUE"])
    (done,) = home.erase(account) if scope == "account" else home.purge()
    assert done.proved, done.remnants
    assert {table.name for table in going} <= done.counts.keys()
    if scope == "account":
        assert [found.path for found in search([home.folder], [mark, account])] == []


def only_by_account(table: Table) -> bool:
    return not (table.day or table.line or table.follows)


def insert_row(con: duckdb.DuckDBPyConnection, table: str, account: str, mark: str) -> None:
    """One old row with a mark in every text."""
    texts = {"account_id": account, "organization_id": "org", "environment": "sandbox", "status": "unlinked"}
    texts |= {"transaction_id": f"{mark}-of-one-line", "draft_id": f"{mark}-of-one-draft"}
    values: dict[str, object] = {
        "VARCHAR[]": [mark],
        "DATE": date(2025, 1, 1),
        "TIMESTAMP WITH TIME ZONE": datetime(2025, 1, 1, tzinfo=UTC),
        "BOOLEAN": True,
    }
    columns = con.execute(f"SELECT column_name, column_type FROM (DESCRIBE main.{table})").fetchall()  # noqa: S608
    row = {
        name: texts.get(name, f"{mark} of {account} in {table}.{name}") if kind == "VARCHAR" else values.get(kind, 7)
        for name, kind in columns
    }
    places = ", ".join("?" for _ in row)
    con.execute(f"INSERT INTO main.{table} ({', '.join(row)}) VALUES ({places})", list(row.values()))  # noqa: S608


def test_without_a_retention_nothing_expires(home: Home) -> None:
    home.settings = Settings(kobosift_home=home.folder)
    assert home.purge() == []
    assert home.count("SELECT count(*) FROM transactions") == 2 * len(DAYS)


ID = f"{CANARY}-tx-000007"


def in_text(folder: Path) -> Path:
    path = folder / "logs" / "faults.log"
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"one line\nanother of {ID}\n")
    return path


def in_landing(folder: Path) -> Path:
    path = folder / "landing" / "webhooks" / "0001.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps({"data": {"account": GOING, "id": ID.replace("C", "\\u0043", 1)}}).replace("\\\\", "\\"))
    return path


def in_parquet(folder: Path) -> Path:
    path = folder / "exports" / "outcomes.parquet"
    path.parent.mkdir()
    pl.DataFrame({"tags": [["a"], [ID]], "n": [1, 2]}).write_parquet(path, compression="zstd")
    return path


def in_a_sheet(folder: Path) -> Path:
    path = folder / "outcomes.xlsx"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as pack:
        pack.writestr("sheet1.xml", f"<v>{ID}</v>")
    return path


def in_gzip(folder: Path) -> Path:
    path = folder / "logs" / "old.gz"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(gzip.compress(f"said {ID}".encode()))
    return path


def in_dagster(folder: Path) -> Path:
    path = folder / "dagster" / "history" / "runs" / "run.db"
    path.parent.mkdir(parents=True)
    with closing(sqlite3.connect(path, isolation_level=None)) as con:
        con.execute("PRAGMA journal_mode = WAL")
        con.execute("CREATE TABLE event_logs (id INTEGER PRIMARY KEY, event TEXT)")
        con.executemany("INSERT INTO event_logs (event) VALUES (?)", [("fine",), (f"failed at {ID}" + "x" * 9_000,)])
    return path


PLANTED = (in_text, in_landing, in_parquet, in_a_sheet, in_gzip, in_dagster)


def test_a_kept_answer_goes_with_the_account_that_it_tells_of_and_what_else_it_told_is_no_remnant(home: Home) -> None:
    shared = "the-cursor-of-both-accounts"
    longer = f"{GOING}2"
    answers = [json.dumps({"accountId": account, "cursor": shared}) for account in (GOING, longer)]
    home.write(
        lambda con: con.executemany("INSERT INTO answers (token_id, body) VALUES ('t', ?)", [[a] for a in answers])
    )
    home.write(lambda con: con.execute("UPDATE accounts SET cursor = ? WHERE account_id = ?", [shared, STAYING]))
    (done,) = home.erase()
    assert done.proved, done.remnants
    with home.warehouse.read() as con:
        assert con.execute("SELECT body FROM answers").fetchall() == [(answers[1],)]


def landed(home: Home, account: str, line: dict[str, object]) -> Path:
    """An event of a line, answered and not yet taken in."""
    told = {"event": "transaction.settled", "data": {"account": account, "transaction": line}}
    before = set((home.settings.landing / WEBHOOKS).glob("*.json"))
    assert Lander(home.settings.landing).land(Event.of(json.dumps(told).encode()), "hmac", now=NOW)
    (path,) = set((home.settings.landing / WEBHOOKS).glob("*.json")) - before
    return path


def test_an_event_that_waits_stays_when_another_account_with_the_same_words_is_erased(home: Home) -> None:
    own = landed(home, GOING, row(GOING, 3, DAYS[3]))
    anothers = landed(home, STAYING, {**row(GOING, 3, DAYS[3]), "id": "another-line-0001"})
    (done,) = home.erase()
    assert done.proved, done.remnants
    assert not own.exists()
    assert anothers.exists()
    assert not (home.settings.landing / SEEN).exists()


def test_an_event_that_waits_stays_when_an_older_line_with_the_same_words_expires(home: Home) -> None:
    old = landed(home, GOING, row(GOING, 1, DAYS[1]))
    new = landed(home, GOING, {**row(GOING, 1, NOW.date()), "id": "another-line-0001"})
    (done,) = home.purge()
    assert done.proved, done.remnants
    assert not old.exists()
    assert new.exists()


def test_what_lies_beside_the_warehouse_goes_too(home: Home) -> None:
    planted = {plant: plant(home.folder) for plant in PLANTED}
    found = {found.path for found in search([home.folder], [ID])}
    assert {str(path) for path in planted.values()} <= found
    (done,) = home.erase()
    assert done.proved, done.remnants
    assert [found.path for found in search([home.folder], [ID])] == []
    assert pl.read_parquet(planted[in_parquet])["n"].to_list() == [1]
    assert planted[in_text].read_text() == "one line\n"


STEPS = [
    "resources.warehouse.erasures.erase",
    "resources.warehouse.compaction.make_physical",
    "resources.warehouse.compaction._narrow_statistics",
    "resources.warehouse.compaction._vacuum",
    "resources.remnants.run_apart",
    "resources.warehouse.erasures.finish",
    "pathlib.Path.unlink",
]
"""Where a process is killed: each further on than the one before."""
KILLED = """
    import os, signal, sys
    from datetime import datetime, UTC
    from unittest.mock import patch
    from pipelines.retention import erase_account
    from resources.clock import FixedClock
    from resources.settings import Settings
    settings = Settings(kobosift_home=home)
    target, account, moment = sys.stdin.read().split()
    with patch(target, side_effect=lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL)):
        erase_account(warehouse, settings, FixedClock(datetime.fromisoformat(moment)), account, run_id="killed")
"""


@pytest.mark.slow
def test_an_erasure_that_is_killed_at_any_step_is_finished_by_the_next_purge(home: Home) -> None:
    home.warehouse.close()
    for step in STEPS:
        with Process(home.folder, KILLED) as child:
            assert child.told(f"{step} {GOING} {NOW.isoformat()}") == -signal.SIGKILL
        left = list((home.folder / "erasure" / "pending").iterdir())
        assert len(left) == 1, step
        assert home.count("SELECT count(*) FROM audit.outcomes") in (len(DAYS), 2 * len(DAYS)), step
    home.settings = Settings(kobosift_home=home.folder)
    (done,) = home.purge()
    assert done.proved, done.remnants
    assert unsigned_canaries(home) == []
    assert list((home.folder / "erasure" / "pending").iterdir()) == []
    assert home.count("SELECT count(*) FROM erasures WHERE proved") == home.count("SELECT count(*) FROM erasures") == 1
    assert home.sync(GOING, ROWS[GOING]) == 0


KILLS = int(os.environ.get("KOBOSIFT_TEST_ERASE_KILLS", "2"))
SEED = int(os.environ.get("KOBOSIFT_TEST_KILLS_SEED", "20260302"))
MOST_STATEMENTS = 75
"""An erasure takes some more than so many: a kill at one of them comes before its end."""
KILLED_SOMEWHERE = """
    import os, signal, sys, threading
    from datetime import datetime
    from pipelines.retention import erase_account
    from resources.clock import FixedClock
    from resources.settings import Settings
    from resources.warehouse.connection import Warehouse
    account, moment, turn, delay = sys.stdin.read().split()
    waiting = [int(turn)]

    class Counted:
        def __init__(self, con):
            self.con = con

        def execute(self, *statement):
            waiting[0] -= 1
            if waiting[0] == 0:
                threading.Timer(float(delay), os.kill, (os.getpid(), signal.SIGKILL)).start()
            return self.con.execute(*statement)

        def __getattr__(self, name):
            return getattr(self.con, name)

    opened = Warehouse._cursor
    Warehouse._cursor = lambda self, **how: Counted(opened(self, **how))
    settings = Settings(kobosift_home=home)
    erase_account(warehouse, settings, FixedClock(datetime.fromisoformat(moment)), account, run_id="killed")
"""


@pytest.mark.slow
@pytest.mark.parametrize("number", range(KILLS))
def test_an_erasure_that_is_killed_at_any_moment_is_proved_by_a_second_run(home: Home, number: int) -> None:
    pick = random.Random(SEED + number)
    turn, delay = pick.randrange(1, MOST_STATEMENTS), pick.uniform(0, 0.03)  # within a statement, or a little later
    home.warehouse.close()
    with Process(home.folder, KILLED_SOMEWHERE) as child:
        assert child.told(f"{GOING} {NOW.isoformat()} {turn} {delay}") == -signal.SIGKILL
    done = home.erase()
    assert all(each.proved for each in done), done
    assert unsigned_canaries(home) == []
    assert list((home.folder / "erasure" / "pending").iterdir()) == []
    assert home.count("SELECT count(*) FROM audit.outcomes") == len(DAYS)
    assert home.count("SELECT count(*) FROM erasures WHERE proved") == home.count("SELECT count(*) FROM erasures") == 1
    assert home.sync(GOING, ROWS[GOING]) == 0


YEAR_STEP = int(os.environ.get("KOBOSIFT_TEST_YEAR_STEP", "75"))
"""Days from one purge of the simulated year to the next; 1 is every night of it, as a schedule runs."""


@pytest.mark.slow
def test_over_a_year_storage_follows_the_window(tmp_path: Path) -> None:
    """Two accounts get a line a day; what is kept for 30 days takes no more room at the end than at the beginning."""
    warehouse_in(tmp_path / "home").close()
    home = home_in(tmp_path / "home")
    for account in (GOING, STAYING):
        home.write(lambda con, account=account: accounts.link(con, account, "org", "sandbox", now=LINKED))
    began = date(2025, 1, 1)
    sizes, told = [], 0
    for last in range(YEAR_STEP, 366, YEAR_STEP):
        days = [began + timedelta(days=number) for number in range(last - YEAR_STEP, last)]
        for account in (GOING, STAYING):
            lines = [row(account, (day - began).days, day) for day in days]
            assert home.sync(account, lines) == len(lines)
        now = datetime.combine(days[-1], datetime.min.time(), UTC) + timedelta(hours=12)
        told += sum(each.counts["transactions"] for each in home.purge(now))
        with home.warehouse.read() as con:
            span = con.execute("SELECT min(day), max(day), count(*) FROM transactions").fetchone()
        first = max(began, days[-1] - timedelta(days=30))
        assert span == (first, days[-1], 2 * ((days[-1] - first).days + 1))
        sizes.append(sum(path.stat().st_size for path in home.folder.rglob("*") if path.is_file()))
    assert told + 2 * 31 == 2 * last
    window = sizes[-(-31 // YEAR_STEP) :]
    assert max(window) <= 1.25 * min(window), sizes
    gone = [f"{CANARY}-tx-{number:06}" for number in range(last - 31)]
    assert [found.path for found in search([home.folder], gone)] == []
    home.warehouse.close()


def test_readers_are_unharmed_while_an_account_is_erased(home: Home) -> None:
    seen: set[int] = set()
    stop = threading.Event()

    def read() -> None:
        while not stop.is_set():
            with home.warehouse.read() as con:
                con.begin()
                first = con.execute("SELECT count(*), count(narration) FROM transactions").fetchone()
                second = con.execute("SELECT count(*), count(payload) FROM transactions").fetchone()
                con.rollback()
            assert first == second
            seen.add(first[0] if first else -1)

    with ThreadPoolExecutor(2) as pool:
        readers = [pool.submit(read) for _ in range(2)]
        (done,) = home.erase()
        stop.set()
        for each in readers:
            each.result()
    assert done.proved, done.remnants
    assert seen <= {len(DAYS), 2 * len(DAYS)}
    assert len(DAYS) in seen


def test_a_remnant_in_a_file_of_the_lake_that_no_one_knows_is_swept(home: Home) -> None:
    stray = home.folder / "data" / "main" / "transactions" / "stray.parquet"
    pl.DataFrame({"narration": [f"{CANARY} narration 1"]}).write_parquet(stray)
    (done,) = home.erase()
    assert done.proved
    assert not stray.exists()


def test_the_nightly_job_purges_and_tells_counts_only(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KOBOSIFT_HOME", str(home.folder))
    monkeypatch.setenv("MONO_DATA_RETENTION_DAYS", "30")
    defs = build_defs({"warehouse": home.warehouse, "clock": FixedClock(NOW)})
    with dg.DagsterInstance.ephemeral() as instance:
        result = defs.resolve_job_def("retention").execute_in_process(instance=instance)
        told = str([each.message for each in instance.all_logs(result.run_id)])
    assert result.success
    assert home.count("SELECT count(*) FROM transactions WHERE day < '2026-02-18'") == 0
    assert CANARY not in told
