"""What DELETE does not do in a lake, and what each step of making it physical does: what `compaction.py` leans on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from resources.remnants import search
from resources.warehouse import compaction
from resources.warehouse.compaction import left_behind, make_physical
from resources.warehouse.connection import Warehouse
from tests.resources.warehouse.homes import unopened, warehouse_in

MARK = "zz-erased-text"
STATISTICS = """
SELECT max(s.max_value) FROM __ducklake_metadata_kobosift.ducklake_table_column_stats AS s
JOIN __ducklake_metadata_kobosift.ducklake_column AS c USING (table_id, column_id) WHERE c.column_name = 'narration'
"""


@pytest.fixture
def warehouse(tmp_path: Path) -> Iterator[Warehouse]:
    """A warehouse in which the greatest narration of one account, and that account's holder, are deleted."""
    made = warehouse_in(tmp_path / "home")
    made.write(
        lambda con: con.execute(
            "INSERT INTO transactions (account_id, transaction_id, day, narration) "
            "SELECT 'acc-' || i % 9, 't' || i, DATE '2026-01-05', CASE i % 9 WHEN 1 THEN $mark ELSE 'plain' END || i "
            "FROM range(900) t(i)",
            {"mark": MARK},
        ),
        run_id="run",
        note="",
    )
    made.write(
        lambda con: con.execute("INSERT INTO accounts (account_id, holder) VALUES ('acc-1', ?), ('b', 'b')", [MARK]),
        run_id="run",
        note="",
    )
    for table in ("transactions", "accounts"):
        made.write(
            lambda con, table=table: con.execute(f"DELETE FROM {table} WHERE account_id = 'acc-1'"),  # noqa: S608
            run_id="run",
            note="",
        )
    yield made
    made.close()


def places(warehouse: Warehouse) -> set[str]:
    """Where the deleted text is found: the kinds of files."""
    return {Path(found.path).suffix for found in search([warehouse.home], [MARK])}


def greatest(warehouse: Warehouse) -> str:
    with warehouse.read() as con:
        row = con.execute(STATISTICS).fetchone()
    return str(row[0]) if row else ""


def test_delete_leaves_the_rows_in_files_and_the_greatest_value_in_the_catalogue(warehouse: Warehouse) -> None:
    with warehouse.read() as con:
        assert con.execute("SELECT count(*) FROM transactions WHERE account_id = 'acc-1'").fetchone() == (0,)
    assert ".parquet" in places(warehouse)
    assert places(warehouse) & {".sqlite", ".sqlite-wal"}
    assert greatest(warehouse).startswith(MARK)


def test_the_lakes_own_steps_leave_the_statistics_and_the_free_pages(warehouse: Warehouse) -> None:
    with warehouse.maintaining(alone=True) as con:
        for step in (*compaction.STEPS, *compaction.STEPS):
            con.execute(step)
    assert ".parquet" not in places(warehouse)
    assert places(warehouse) & {".sqlite", ".sqlite-wal"}


def test_made_physical_nothing_is_left_and_the_rest_is_read_as_before(warehouse: Warehouse) -> None:
    make_physical(warehouse)
    make_physical(warehouse)
    assert places(warehouse) == set()
    with warehouse.read() as con:
        assert con.execute("SELECT count(*), max(narration) FROM transactions").fetchone() == (800, "plain99")
        assert con.execute("SELECT count(*) FROM transactions WHERE narration > 'plain98'").fetchone() == (1,)
        assert con.execute("SELECT account_id FROM accounts").fetchall() == [("b",)]
        assert left_behind(con) == []


def test_an_instance_that_knew_the_old_statistics_does_not_write_them_back(warehouse: Warehouse) -> None:
    other = unopened(warehouse.home)
    with other.read() as con:
        con.execute("SELECT count(*) FROM transactions WHERE narration > 'a'").fetchall()
    make_physical(warehouse)
    for number, each in enumerate((other, warehouse)):
        each.write(
            lambda con, number=number: con.execute(
                "INSERT INTO transactions (account_id, transaction_id, day, narration) "
                "VALUES ('n', ?, '2026-02-01', 'm')",
                [f"new{number}"],
            ),
            run_id="run",
            note="",
        )
    other.close()
    assert greatest(warehouse) == "plain99"
    assert places(warehouse) == set()
    with warehouse.read() as con:
        assert con.execute("SELECT count(*) FROM transactions WHERE narration < 'n'").fetchone() == (2,)


def test_a_file_without_deleted_rows_is_not_written_anew(warehouse: Warehouse) -> None:
    def files() -> set[str]:
        with warehouse.read() as con:
            rows = con.execute("SELECT data_file FROM ducklake_list_files('kobosift', 'transactions')").fetchall()
        return {file for (file,) in rows}

    make_physical(warehouse)
    before = files()
    warehouse.write(
        lambda con: con.execute("DELETE FROM transactions WHERE account_id = 'acc-2' AND transaction_id = 't2'"),
        run_id="run",
        note="",
    )
    make_physical(warehouse)
    assert len(before - files()) == len(files() - before) == 1
