"""What is said of the columns of tables is what the tables have."""

from __future__ import annotations

from pathlib import Path

from resources.warehouse.columns import columns_of
from tests.resources.warehouse.homes import warehouse_in


def test_the_columns_that_are_told_are_those_that_the_migrations_make(tmp_path: Path) -> None:
    with warehouse_in(tmp_path / "home").read() as con:
        rows = con.execute(
            "SELECT table_name, column_name FROM duckdb_columns() WHERE database_name = 'kobosift' "
            "AND schema_name = 'main' AND table_name IN (SELECT table_name FROM duckdb_tables()) "
            "AND table_name <> 'schema_migrations' ORDER BY table_name, column_index"
        ).fetchall()
    tables: dict[str, list[str]] = {}
    for table, column in rows:
        tables.setdefault(table, []).append(column)
    assert len(tables) > 15
    assert {table: [column.name for column in columns_of(table)] for table in tables} == tables


def test_a_comment_beside_a_column_is_its_description() -> None:
    told = {column.name: (column.type, column.description) for column in columns_of("transactions")}
    assert told["amount"] == ("BIGINT", "minor units")
    assert told["tags"] == ("VARCHAR[]", "")


def test_a_table_that_is_none_has_no_columns() -> None:
    assert columns_of("nowhere") == ()
