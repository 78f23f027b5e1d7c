"""What we lean on in DuckLake, seen to hold in the version that is installed; what fails here is to be read first."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import duckdb
import pytest

from resources.warehouse.connection import Warehouse
from resources.warehouse.engine import attach, open_engine
from tests.resources.warehouse.homes import Process, finished, touch, touches, warehouse_in

MERGE = """
MERGE INTO transactions AS t USING (SELECT * FROM incoming) AS s
ON t.account_id = s.account_id AND t.transaction_id = s.transaction_id AND t.day = s.day
WHEN MATCHED AND t.amount <> s.amount THEN UPDATE SET amount = s.amount
WHEN NOT MATCHED THEN INSERT (account_id, transaction_id, day, amount)
    VALUES (s.account_id, s.transaction_id, s.day, s.amount)
"""


@pytest.fixture
def warehouse(tmp_path: Path) -> Iterator[Warehouse]:
    made = warehouse_in(tmp_path / "home")
    yield made
    made.close()


@pytest.fixture
def two(tmp_path: Path) -> Iterator[list[duckdb.DuckDBPyConnection]]:
    """Two connections past the writers' lock, as two machines have them."""
    home = tmp_path / "home"
    warehouse_in(home).close()
    cons = []
    for _ in range(2):
        con = open_engine("sqlite", str(home / "data"), home / "tmp")
        con.execute(attach("sqlite", str(home / "catalog.sqlite"), str(home / "data"), moved=True))
        con.execute("USE kobosift")
        cons.append(con)
    yield cons
    for con in cons:
        con.close()


def offer(con: duckdb.DuckDBPyConnection, *rows: tuple[str, int]) -> None:
    con.execute(
        "CREATE OR REPLACE TEMP TABLE incoming (account_id VARCHAR, transaction_id VARCHAR, day DATE, amount BIGINT)"
    )
    for transaction_id, amount in rows:
        con.execute("INSERT INTO temp.incoming VALUES ('acc', ?, DATE '2026-03-02', ?)", [transaction_id, amount])


def amounts(con: duckdb.DuckDBPyConnection) -> list[tuple[str, int]]:
    return con.execute("SELECT transaction_id, amount FROM transactions ORDER BY ALL").fetchall()


def test_a_merge_inserts_updates_and_leaves_alone_in_one_step(warehouse: Warehouse) -> None:
    def merge(*rows: tuple[str, int]) -> None:
        def work(con: duckdb.DuckDBPyConnection) -> None:
            offer(con, *rows)
            con.execute(MERGE)

        warehouse.write(work, run_id="run", note="")

    merge(("a", 1), ("b", 2))
    merge(("b", 3), ("c", 4))
    merge(("b", 3), ("c", 4))
    with warehouse.read() as con:
        assert amounts(con) == [("a", 1), ("b", 3), ("c", 4)]


def test_a_merge_that_is_rolled_back_leaves_nothing(two: list[duckdb.DuckDBPyConnection]) -> None:
    one, other = two
    one.execute("BEGIN")
    offer(one, ("a", 1))
    one.execute(MERGE)
    assert amounts(one) == [("a", 1)]
    assert amounts(other) == []
    one.execute("ROLLBACK")
    assert amounts(one) == amounts(other) == []


@pytest.mark.parametrize("seeded", [False, True])
def test_of_two_that_merge_the_same_new_row_the_second_commit_fails(
    two: list[duckdb.DuckDBPyConnection], seeded: bool
) -> None:
    one, other = two
    if seeded:
        one.execute(
            "INSERT INTO transactions (account_id, transaction_id, day, amount) VALUES ('acc', 'z', '2026-03-02', 1)"
        )
    for con in two:
        con.execute("BEGIN")
        offer(con, ("a", 1))
        con.execute(MERGE)
    one.execute("COMMIT")
    with pytest.raises(duckdb.TransactionException, match="Failed to commit DuckLake transaction"):
        other.execute("COMMIT")
    other.execute("BEGIN")
    offer(other, ("a", 1))
    other.execute(MERGE)
    other.execute("COMMIT")
    assert amounts(one) == [("a", 1), *([("z", 1)] if seeded else [])]


def test_a_write_that_collides_with_another_program_is_done_again_whole(warehouse: Warehouse, tmp_path: Path) -> None:
    attempts = []
    body = """
    from tests.resources.warehouse.homes import touch
    with warehouse.read() as con:  # past the lock: as another machine, or another program, would
        touch(con, "other")
    """

    def work(con: duckdb.DuckDBPyConnection) -> None:
        attempts.append(con.execute("SELECT count(*) FROM touched_days").fetchone())
        touch(con, "ours")
        if len(attempts) == 1:
            finished(tmp_path / "home", body)

    warehouse.write(work, run_id="run", note="")
    assert attempts == [(0,), (1,)]
    assert touches(warehouse) == ["other", "ours"]


def test_what_was_can_be_asked_by_time_and_by_the_runs_id(warehouse: Warehouse) -> None:
    warehouse.write(lambda con: touch(con, "first"), run_id="run-1", note="")
    with warehouse.read() as con:
        (between,) = con.execute("SELECT now()").fetchone() or (None,)
    warehouse.write(lambda con: con.execute("DELETE FROM touched_days"), run_id="run-2", note="")
    with warehouse.read() as con:
        (version,) = con.execute(
            "SELECT snapshot_id FROM ducklake_snapshots('kobosift') WHERE commit_message = 'run-1'"
        ).fetchone() or (None,)
        for at in (f"TIMESTAMP => TIMESTAMPTZ '{between}'", f"VERSION => {version}"):
            assert con.execute(f"FROM touched_days AT ({at}) SELECT touch_id").fetchall() == [("first",)]
        assert con.execute("SELECT touch_id FROM touched_days").fetchall() == []


def test_replacing_a_day_leaves_the_files_of_other_months_and_accounts_untouched(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    def fill(con: duckdb.DuckDBPyConnection) -> None:
        con.execute("""
            INSERT INTO transactions (account_id, transaction_id, day, amount)
            SELECT 'acc-' || (i % 4), 't' || i, DATE '2026-01-15' + CAST(i % 90 AS INTEGER), i FROM range(3600) t(i)
        """)

    def live() -> dict[str, str | None]:
        with warehouse.read() as con:
            files = con.execute(
                "SELECT data_file, delete_file FROM ducklake_list_files('kobosift', 'transactions')"
            ).fetchall()
        return dict(files)

    def replace(con: duckdb.DuckDBPyConnection) -> None:
        con.execute("DELETE FROM transactions WHERE day = DATE '2026-02-10' AND account_id = 'acc-1'")
        con.execute(
            "INSERT INTO transactions (account_id, transaction_id, day) VALUES ('acc-1', 'new', DATE '2026-02-10')"
        )

    warehouse.write(fill, run_id="run", note="")
    before = live()
    warehouse.write(replace, run_id="run", note="")
    after = live()
    assert before.keys() <= after.keys()
    changed = [name for name in after if after[name] != before.get(name, "new")]
    assert changed
    assert all("month=2" in name for name in changed)
    assert len([name for name in changed if name in before]) <= 1


def test_a_day_is_read_from_the_files_of_its_month_only(warehouse: Warehouse) -> None:
    def fill(con: duckdb.DuckDBPyConnection) -> None:
        con.execute("""
            INSERT INTO transactions (account_id, transaction_id, day)
            SELECT 'acc', 't' || i, DATE '2026-01-01' + CAST(i AS INTEGER) FROM range(300) t(i)
        """)

    warehouse.write(fill, run_id="run", note="")
    with warehouse.read() as con:
        plan = con.execute(
            "EXPLAIN ANALYZE SELECT transaction_id FROM transactions WHERE day = DATE '2026-03-05'"
        ).fetchall()
    assert "Total Files Read: 1" in " ".join(plan[0][1].split())


class TestRowsKeptInTheCatalogue:
    """Small tables make no files, and are read, merged and deleted from like any other."""

    SMALL = ("accounts", "touched_days", "decided_days", "list_entries", "policies", "erasures")
    SMALL += ("touched_tenants", "settled_tenants", "erased_days")

    def test_a_few_rows_make_no_file_in_small_tables_and_one_in_others(
        self, warehouse: Warehouse, tmp_path: Path
    ) -> None:
        def work(con: duckdb.DuckDBPyConnection) -> None:
            touch(con, "a")
            con.execute("INSERT INTO accounts (account_id, holder) VALUES ('acc', 'it''s \"é\"')")
            con.execute(
                "INSERT INTO drafts (draft_id, account_id, day, missing) VALUES ('d', 'a', '2026-03-02', ['x', NULL])"
            )

        warehouse.write(work, run_id="run", note="")
        tables = {
            path.relative_to(tmp_path / "home/data/main").parts[0] for path in (tmp_path / "home").rglob("*.parquet")
        }
        assert tables == {"drafts", "schema_migrations"}
        with warehouse.read() as con:
            assert con.execute("SELECT holder FROM accounts").fetchone() == ('it\'s "é"',)
            assert con.execute("SELECT missing FROM drafts").fetchone() == (["x", None],)

    def test_only_tables_without_partitions_keep_rows_there(self, warehouse: Warehouse) -> None:
        with warehouse.read() as con:
            kept = con.execute(
                "SELECT scope_entry FROM ducklake_options('kobosift') "
                "WHERE option_name = 'data_inlining_row_limit' AND value <> '0'"
            ).fetchall()
            partitioned = con.execute("""
                SELECT t.table_name FROM __ducklake_metadata_kobosift.ducklake_partition_info AS p
                JOIN __ducklake_metadata_kobosift.ducklake_table AS t USING (table_id)
            """).fetchall()
        names = {name.removeprefix("main.") for (name,) in kept}
        assert names >= set(self.SMALL)
        assert not names & {name for (name,) in partitioned}

    def test_they_are_merged_deleted_and_written_out_without_loss(self, warehouse: Warehouse) -> None:
        expected: dict[str, str] = {}

        def change(step: int) -> None:
            def work(con: duckdb.DuckDBPyConnection) -> None:
                for number in range(step, step + 6):
                    con.execute(
                        "MERGE INTO accounts AS a USING (SELECT $id AS account_id) AS s ON a.account_id = s.account_id "
                        "WHEN MATCHED THEN UPDATE SET cursor = $cursor "
                        "WHEN NOT MATCHED THEN INSERT (account_id, cursor) VALUES ($id, $cursor)",
                        {"id": f"a{number:02}", "cursor": str(step)},
                    )
                    expected[f"a{number:02}"] = str(step)
                con.execute("DELETE FROM accounts WHERE account_id = ?", [f"a{step:02}"])
                expected.pop(f"a{step:02}")

            warehouse.write(work, run_id="run", note="")

        for step in range(12):
            change(step)
            if step % 4 == 3:
                with warehouse.read() as con:
                    con.execute("CALL ducklake_flush_inlined_data('kobosift', table_name => 'accounts')")
            with warehouse.read() as con:
                assert dict(con.execute("SELECT account_id, cursor FROM accounts").fetchall()) == expected
                assert con.execute("SELECT count(*) FROM accounts").fetchone() == (len(expected),)


def test_a_reader_keeps_its_snapshot_while_others_write(warehouse: Warehouse, tmp_path: Path) -> None:
    body = """
    from tests.resources.warehouse.homes import touch
    warehouse.write(lambda con: touch(con, "later"), run_id="run", note="")
    """
    with warehouse.read() as con:
        con.begin()
        assert con.execute("SELECT count(*) FROM touched_days").fetchone() == (0,)
        with Process(tmp_path / "home", body) as child:
            child.finished()
        assert con.execute("SELECT count(*) FROM touched_days").fetchone() == (0,)
        con.rollback()
        assert con.execute("SELECT count(*) FROM touched_days").fetchone() == (1,)


def test_times_days_and_big_amounts_come_back_as_they_went(warehouse: Warehouse) -> None:
    moment = datetime(2026, 3, 1, 23, 30, 0, 123456, tzinfo=UTC)
    warehouse.write(
        lambda con: con.execute(
            "INSERT INTO transactions (account_id, booked_at, day, amount, tags) VALUES ('a', ?, ?, ?, ?)",
            [moment, date(2026, 3, 2), 2**63 - 1, ["é", "it's"]],
        ),
        run_id="run",
        note="",
    )
    with warehouse.read() as con:
        frame = con.execute("SELECT booked_at, day, amount, tags FROM transactions").pl()
    assert frame.row(0) == (moment, date(2026, 3, 2), 2**63 - 1, ["é", "it's"])
