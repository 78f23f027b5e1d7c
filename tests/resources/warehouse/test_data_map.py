"""The data map names every table and column there is, and the document says what the map says."""

from __future__ import annotations

import pytest

from resources.warehouse.data_map import ERASABLE, TABLES, Table
from tests.resources.warehouse.homes import ROOT, warehouse_in

DOCUMENT = ROOT / "docs/data-map.md"


@pytest.fixture(scope="module")
def columns(tmp_path_factory: pytest.TempPathFactory) -> dict[str, set[str]]:
    """The columns of every table of the catalogue."""
    warehouse = warehouse_in(tmp_path_factory.mktemp("map") / "home")
    with warehouse.read() as con:
        rows = con.execute(
            "SELECT table_name, column_name FROM duckdb_columns()"
            " SEMI JOIN duckdb_tables() USING (database_name, schema_name, table_name)"
            " WHERE database_name = 'kobosift'"
        ).fetchall()
    warehouse.close()
    found: dict[str, set[str]] = {}
    for table, column in rows:
        found.setdefault(table, set()).add(column)
    return found


def test_every_table_is_in_the_map_and_no_other(columns: dict[str, set[str]]) -> None:
    assert sorted(columns) == sorted(table.name for table in TABLES)


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_every_column_is_declared_once(columns: dict[str, set[str]], table: Table) -> None:
    declared = [*table.personal, *table.others]
    assert len(declared) == len(set(declared))
    assert set(declared) == columns.get(table.name)


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_what_holds_bank_data_is_found_by_account_and_what_does_not_says_so(table: Table) -> None:
    assert bool(table.personal) == table.holds_bank_data
    assert table.holds_bank_data or table.says.startswith(("nothing of an account", "keyed hashes"))


def test_the_document_says_of_each_table_what_the_map_says() -> None:
    rows = {
        line.split("|")[1].strip(): line for line in DOCUMENT.read_text("utf-8").splitlines() if line.startswith("| `")
    }
    assert {f"`{table.name}`" for table in TABLES} <= rows.keys()
    for table in TABLES:
        assert table.says in rows[f"`{table.name}`"]
        assert ("yes" in rows[f"`{table.name}`"].split("|")[3]) == (table in ERASABLE)
