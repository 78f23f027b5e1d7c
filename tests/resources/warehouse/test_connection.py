"""The warehouse's connections: whole transactions, fresh reads, many processes, sentences where something is wrong."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import duckdb
import pytest

from resources.errors import WarehouseError
from resources.settings import Settings
from resources.warehouse import connection, engine
from resources.warehouse.connection import Warehouse, open_warehouse
from tests.resources.warehouse.homes import ROOT, Process, finished, touch, touches, unopened, warehouse_in


@pytest.fixture
def warehouse(tmp_path: Path) -> Iterator[Warehouse]:
    made = warehouse_in(tmp_path / "home")
    yield made
    made.close()


def sentence(warehouse: Warehouse, sql: str = "SELECT sum(amount) FROM transactions") -> str:
    with pytest.raises(WarehouseError) as caught, warehouse.read() as con:
        con.execute(sql).fetchall()
    assert caught.value.exit_code == 1
    assert "\n" not in str(caught.value)
    return str(caught.value)


def fill(con: duckdb.DuckDBPyConnection) -> None:
    con.execute(
        "INSERT INTO transactions (account_id, day, amount) SELECT 'acc', DATE '2026-03-02', i FROM range(9999) t(i)"
    )


def test_what_is_written_is_read_with_the_runs_id_as_the_commits_message(warehouse: Warehouse) -> None:
    assert warehouse.write(lambda con: touch(con, "a") or "done", run_id="run-7", note="a note") == "done"
    assert touches(warehouse) == ["a"]
    with warehouse.read() as con:
        last = con.execute(
            "SELECT author, commit_message, commit_extra_info FROM ducklake_snapshots('kobosift') "
            "ORDER BY snapshot_id DESC LIMIT 1"
        ).fetchone()
    assert last == ("kobosift", "run-7", "a note")


def test_work_that_fails_leaves_nothing_behind_and_its_own_error(warehouse: Warehouse) -> None:
    def work(con: duckdb.DuckDBPyConnection) -> None:
        touch(con, "a")
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        warehouse.write(work, run_id="run", note="")
    assert touches(warehouse) == []
    warehouse.write(lambda con: touch(con, "b"), run_id="run", note="")
    assert touches(warehouse) == ["b"]


def test_work_that_changes_nothing_makes_no_snapshot(warehouse: Warehouse) -> None:
    def count() -> int:
        with warehouse.read() as con:
            return len(con.execute("FROM ducklake_snapshots('kobosift')").fetchall())

    before = count()
    warehouse.write(lambda con: con.execute("DELETE FROM touched_days"), run_id="run", note="")
    assert count() == before


def test_a_connection_that_stays_open_sees_what_another_process_commits(warehouse: Warehouse, tmp_path: Path) -> None:
    with warehouse.read() as con:
        assert con.execute("SELECT count(*) FROM touched_days").fetchone() == (0,)
        body = """
        from tests.resources.warehouse.homes import touch
        warehouse.write(lambda con: touch(con, "elsewhere"), run_id="run", note="")
        warehouse.write(lambda con: con.execute("ALTER TABLE labels ADD COLUMN later INTEGER"), run_id="run", note="")
        """
        finished(tmp_path / "home", body)
        assert con.execute("SELECT touch_id FROM touched_days").fetchone() == ("elsewhere",)
        assert con.execute("SELECT count(later) FROM labels").fetchone() == (0,)


def test_a_process_loads_the_extensions_once(warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = []
    monkeypatch.setattr(
        connection, "open_engine", lambda *args, **named: opened.append(args) or engine.open_engine(*args, **named)
    )
    for name in "abc":
        warehouse.write(lambda con, name=name: touch(con, name), run_id="run", note="")
        assert name in touches(warehouse)
    assert len(opened) == 1


def threads(warehouse: Warehouse) -> int:
    with warehouse.read() as con:
        return int(con.execute("SELECT current_setting('threads')").fetchall()[0][0])


EVERY = int(duckdb.connect().execute("SELECT current_setting('threads')").fetchall()[0][0])


def test_one_thread_is_enough_for_few_rows_and_many_that_come_take_all(warehouse: Warehouse) -> None:
    assert threads(warehouse) == 1
    warehouse.widen()
    warehouse.widen(100)
    assert threads(warehouse) == 1
    warehouse.widen(20_000)
    assert threads(warehouse) == EVERY
    warehouse.close()
    assert threads(warehouse) == 1


def test_a_process_that_lives_on_sees_that_many_rows_are_stored_by_now(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert threads(warehouse) == 1
    monkeypatch.setattr("resources.warehouse.engine._MANY_STORED", 2)
    assert threads(warehouse) == 1
    monkeypatch.setattr("resources.warehouse.connection._LOOK_AGAIN_SECONDS", 0.0)
    assert threads(warehouse) == EVERY


def test_where_many_rows_are_stored_all_threads_read_them_but_for_who_asks_for_one(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert threads(warehouse) == 1
    warehouse.close()
    monkeypatch.setattr("resources.warehouse.engine._MANY_STORED", 2)  # the list of migrations is as long
    assert threads(warehouse) == EVERY
    with warehouse.sealed() as con:
        assert con.execute("SELECT current_setting('threads')").fetchall() == [(EVERY,)]
    assert threads(warehouse) == EVERY
    places = f"sqlite:{warehouse.home / 'catalog.sqlite'}", str(warehouse.home / "data"), warehouse.home
    narrow = Warehouse(*places, narrow=True)
    assert threads(narrow) == 1
    narrow.widen()
    assert threads(narrow) == EVERY
    narrow.close()


def test_times_are_utc_whatever_the_machine_says(tmp_path: Path) -> None:
    body = """
    with warehouse.read() as con:
        zone, = con.execute("SELECT current_setting('TimeZone')").fetchone()
        print(zone, con.execute("SELECT CAST(TIMESTAMPTZ '2026-03-01 23:30:00+00' AS VARCHAR)").fetchone()[0])
    """
    warehouse_in(tmp_path / "home")
    assert finished(tmp_path / "home", body, TZ="Asia/Tokyo") == "UTC 2026-03-01 23:30:00+00"


def test_processes_that_start_at_once_on_nothing_make_one_warehouse(tmp_path: Path) -> None:
    with ExitStack() as stack:
        body = "print(len(warehouse.migrate()))"
        children = [stack.enter_context(Process(tmp_path / "home", body)) for _ in range(4)]
        applied = [int(child.finished()) for child in children]
    whole = unopened(tmp_path / "home")
    assert whole.migrate() == []
    with whole.read() as con:
        names = [name for (name,) in con.execute("SELECT name FROM schema_migrations ORDER BY 1").fetchall()]
    assert names == sorted(path.name for path in (ROOT / "resources/warehouse/migrations").glob("*.sql"))
    assert sum(applied) == len(names)


def test_processes_that_write_the_same_rows_lose_nothing_and_readers_see_whole_commits(tmp_path: Path) -> None:
    warehouse = warehouse_in(tmp_path / "home")
    warehouse.write(
        lambda con: con.execute("INSERT INTO accounts (account_id, cursor) VALUES ('a', '0')"), run_id="", note=""
    )
    writer = """
    from tests.resources.warehouse.homes import touch
    def work(con):
        con.execute("UPDATE accounts SET cursor = CAST(CAST(cursor AS INTEGER) + 1 AS VARCHAR)")
        (now,) = con.execute("SELECT cursor FROM accounts").fetchone()
        touch(con, f"{int(now):03}")
    for _ in range(5):
        warehouse.write(work, run_id="run", note="")
    """
    reader = """
    for _ in range(10):
        with warehouse.read() as con:
            con.begin()
            (cursor,) = con.execute("SELECT cursor FROM accounts").fetchone()
            (touched,) = con.execute("SELECT count(*) FROM touched_days").fetchone()
            con.rollback()
            assert int(cursor) == touched, (cursor, touched)
    """
    with ExitStack() as stack:
        bodies = (writer, writer, writer, reader)
        for child in [stack.enter_context(Process(tmp_path / "home", body)) for body in bodies]:
            child.finished()
    assert touches(warehouse) == [f"{number:03}" for number in range(1, 16)]
    warehouse.close()


def test_a_process_killed_in_the_middle_of_writing_leaves_the_last_commit_whole(tmp_path: Path) -> None:
    warehouse = warehouse_in(tmp_path / "home")
    body = """
    from tests.resources.warehouse.homes import touch
    warehouse.write(lambda con: touch(con, "whole"), run_id="run", note="")
    def work(con):
        touch(con, "half")
        con.execute("INSERT INTO transactions (account_id, day) SELECT 'acc', DATE '2026-03-02' FROM range(50000)")
        print("written", flush=True)
        time.sleep(60)
    warehouse.write(work, run_id="run", note="")
    """
    with Process(tmp_path / "home", body) as child:
        assert child.line() == "written"
        child.kill()
    assert touches(warehouse) == ["whole"]
    warehouse.write(lambda con: touch(con, "next"), run_id="run", note="")  # the dead hold no lock
    assert touches(warehouse) == ["next", "whole"]
    warehouse.close()


def test_a_process_killed_while_it_makes_the_warehouse_does_not_spoil_it(tmp_path: Path) -> None:
    for moment in range(4):
        with Process(tmp_path / "home", 'print("go", flush=True); warehouse.migrate()') as child:
            assert child.line() == "go"
            time.sleep(0.25 + 0.1 * moment)
            child.kill()
    whole = unopened(tmp_path / "home")
    whole.migrate()
    whole.write(lambda con: touch(con, "a"), run_id="run", note="")
    assert touches(whole) == ["a"]
    whole.close()


def test_a_writer_that_waits_too_long_says_that_the_warehouse_is_busy(
    warehouse: Warehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = """
    def work(con):
        print("in", flush=True)
        sys.stdin.readline()
    warehouse.write(work, run_id="run", note="")
    """
    with Process(tmp_path / "home", body) as child:
        assert child.line() == "in"
        monkeypatch.setattr(connection, "LOCK_SECONDS", 0.2)
        with pytest.raises(WarehouseError, match="busy: other processes kept writing to it"):
            warehouse.write(lambda con: touch(con, "a"), run_id="run", note="")
        assert touches(warehouse) == []  # a reader waits for nobody


def test_a_program_that_locks_the_catalogue_past_our_patience_is_named_busy(
    warehouse: Warehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "BUSY_MILLISECONDS", 50)
    monkeypatch.setattr(connection, "_ATTEMPTS", 3)
    body = """
    import sqlite3
    held = sqlite3.connect(home / "catalog.sqlite", isolation_level=None)
    held.execute("BEGIN IMMEDIATE")
    print("held", flush=True)
    sys.stdin.readline()
    """
    with Process(tmp_path / "home", body) as child:
        assert child.line() == "held"
        with pytest.raises(WarehouseError, match="busy"):
            warehouse.write(lambda con: touch(con, "a"), run_id="run", note="")
    warehouse.write(lambda con: touch(con, "b"), run_id="run", note="")
    assert touches(warehouse) == ["b"]


def test_two_lakes_of_one_process_do_not_meet(tmp_path: Path) -> None:
    one, two = warehouse_in(tmp_path / "one"), warehouse_in(tmp_path / "two")
    one.write(lambda con: touch(con, "a"), run_id="run", note="")
    assert (touches(one), touches(two)) == (["a"], [])
    one.close()
    two.close()


def test_places_with_odd_names_are_opened(tmp_path: Path) -> None:
    home = tmp_path / 'O\'Neill; "data" é %20 (1)'
    warehouse = unopened(home)
    warehouse.migrate()
    warehouse.write(fill, run_id="run", note="")
    with warehouse.read() as con:
        assert con.execute("SELECT count(*) FROM transactions").fetchone() == (9999,)
    warehouse.close()


def test_a_home_that_was_moved_is_found_where_it_is_now(tmp_path: Path) -> None:
    warehouse = warehouse_in(tmp_path / "here")
    warehouse.write(fill, run_id="run", note="")
    warehouse.close()
    (tmp_path / "here").rename(tmp_path / "there")
    moved = unopened(tmp_path / "there")
    moved.write(fill, run_id="run", note="")
    with moved.read() as con:
        assert con.execute("SELECT count(*) FROM transactions").fetchone() == (2 * 9999,)
    assert not (tmp_path / "here").exists()
    moved.close()


def test_files_of_another_place_are_not_taken_for_its_own(tmp_path: Path) -> None:
    made = unopened(tmp_path / "home")
    made.migrate()
    made.close()
    (tmp_path / "other").mkdir()
    other = Warehouse(f"sqlite:{tmp_path}/home/catalog.sqlite", str(tmp_path / "other"), tmp_path / "home")
    assert "Set KOBOSIFT_DATA to where those files are" in sentence(other)


def test_opening_makes_a_home_that_only_its_owner_reads(tmp_path: Path) -> None:
    settings = Settings(_env_file=None, kobosift_home=tmp_path / "new" / "home")
    warehouse = open_warehouse(settings)
    assert touches(warehouse) == []
    assert (tmp_path / "new" / "home").stat().st_mode & 0o077 == 0
    warehouse.close()


def test_nothing_is_written_outside_the_home(tmp_path: Path) -> None:
    elsewhere = tmp_path / "user"
    elsewhere.mkdir()
    body = """
    warehouse.migrate()
    with warehouse.read() as con:
        con.execute("SET memory_limit = '60MB'")
        con.execute("SELECT * FROM range(6000000) t(i) ORDER BY hash(i) OFFSET 5999999").fetchall()
    """
    finished(tmp_path / "home", body, HOME=str(elsewhere))
    assert list(elsewhere.iterdir()) == []
    assert list((tmp_path / "home" / "tmp").iterdir()) == []  # what was spilled is gone


def test_what_a_killed_process_spilled_is_cleared_and_what_a_living_one_did_stays(tmp_path: Path) -> None:
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    name = engine._machine()
    for folder in (
        f"{name}{dead.pid}-aa",
        f"{name}{os.getpid()}-bb",
        "duckdb-elsewhere-1-cc",
        "duckdb-elsewhere-1-old",
    ):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "rows.tmp").write_text("a bank line")
    os.utime(tmp_path / "duckdb-elsewhere-1-old", (0, 0))
    engine.clear_spilled(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {f"{name}{os.getpid()}-bb", "duckdb-elsewhere-1-cc"}


def test_a_warehouse_of_a_newer_release_is_refused(warehouse: Warehouse) -> None:
    warehouse.write(
        lambda con: con.execute("INSERT INTO schema_migrations VALUES ('9999_later.sql', now())"), run_id="", note=""
    )
    with pytest.raises(WarehouseError, match=r"newer kobosift \(its tables are at 9999_later.sql\)"):
        warehouse.migrate()


class TestDamage:
    """What is missing or damaged is named, with what to do; nothing is made in its place."""

    @pytest.fixture
    def home(self, tmp_path: Path) -> Path:
        warehouse = warehouse_in(tmp_path / "home")
        warehouse.write(fill, run_id="run", note="")
        warehouse.close()
        return tmp_path / "home"

    def test_a_catalogue_that_is_no_database(self, home: Path) -> None:
        (home / "catalog.sqlite").write_bytes(b"no database" * 5000)
        assert "its catalogue is damaged. Restore the last backup" in sentence(unopened(home))

    def test_a_catalogue_cut_short(self, home: Path) -> None:
        whole = (home / "catalog.sqlite").read_bytes()
        (home / "catalog.sqlite").write_bytes(whole[: len(whole) // 2])
        assert "its catalogue is damaged" in sentence(unopened(home))

    def test_a_catalogue_that_is_gone_while_its_files_are_there(self, home: Path) -> None:
        (home / "catalog.sqlite").unlink()
        assert "is missing, though its files are in" in sentence(unopened(home))
        assert not (home / "catalog.sqlite").exists()

    def test_a_data_folder_that_is_gone(self, home: Path) -> None:
        shutil.rmtree(home / "data")
        assert f"the data folder {home / 'data'} of the warehouse is missing" in sentence(unopened(home))

    def test_a_data_file_that_is_gone(self, home: Path) -> None:
        gone = next((home / "data" / "main" / "transactions").rglob("*.parquet"))
        gone.unlink()
        assert f"a data file is missing ({gone})" in sentence(unopened(home))

    def test_a_data_file_that_is_cut_short(self, home: Path) -> None:
        hurt = next((home / "data" / "main" / "transactions").rglob("*.parquet"))
        hurt.write_bytes(hurt.read_bytes()[:500])
        assert f"a data file is damaged ({hurt})" in sentence(unopened(home))

    def test_a_data_file_with_other_bytes_inside(self, home: Path) -> None:
        hurt = next((home / "data" / "main" / "transactions").rglob("*.parquet"))
        whole = hurt.read_bytes()
        hurt.write_bytes(whole[:200] + bytes(800) + whole[1000:])
        assert "a data file is damaged" in sentence(unopened(home))

    def test_a_home_that_cannot_be_made(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("in the way")
        assert "cannot be written" in sentence(unopened(tmp_path / "file" / "home"))

    def test_a_password_and_a_value_are_in_no_sentence(self, tmp_path: Path, home: Path) -> None:
        far = Warehouse("postgres:host=127.0.0.1 port=1 password=canary", str(tmp_path / "data"), tmp_path)
        told = sentence(far)
        assert "PostgreSQL cannot be reached" in told
        assert "canary" not in told
        assert "canary" not in sentence(unopened(home), "SELECT CAST('canary' AS INTEGER)")

    def test_a_full_disk(self, home: Path) -> None:
        files = set((home / "data").rglob("*.parquet"))
        body = """
        import resource, signal
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        def work(con):
            con.execute("INSERT INTO transactions (account_id, day, amount) "
                        "SELECT 'a', DATE '2026-03-02', CAST(hash(i) // 4 AS BIGINT) FROM range(400000) t(i)")
        warehouse.migrate()
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000000, resource.RLIM_INFINITY))
        try:
            warehouse.write(work, run_id="run", note="")
        except Exception as error:
            print(type(error).__name__, error)
        """
        assert finished(home, body).startswith(
            "WarehouseError the warehouse: the disk is full. Nothing was written half"
        )
        assert set((home / "data").rglob("*.parquet")) == files
        whole = unopened(home)
        with whole.read() as con:
            assert con.execute("SELECT count(*) FROM transactions").fetchone() == (9999,)
        whole.close()
