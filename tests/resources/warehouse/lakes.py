"""An empty DuckLake with the product's tables, for tests of single statements."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import duckdb
import duckdb_extension_ducklake
import duckdb_extension_sqlite_scanner

MIGRATIONS = Path(__file__).parents[3] / "resources" / "warehouse" / "migrations"


@contextmanager
def empty_lake(home: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection to a new lake in the folder."""
    shutil.copytree(_template(), home / "lake")
    con = _attached(home / "lake")
    yield con
    con.close()


@cache
def _template() -> Path:
    home = Path(tempfile.mkdtemp(prefix="kobosift-lake-"))
    con = _attached(home)
    for path in sorted(MIGRATIONS.glob("*.sql")):
        for statement in path.read_text().split("\n;"):
            if statement.strip():
                con.execute(statement)
    con.close()
    return home


def _attached(home: Path) -> duckdb.DuckDBPyConnection:
    con = duckdb.connect()
    for package in (duckdb_extension_sqlite_scanner, duckdb_extension_ducklake):
        con.load_extension(str(next(Path(package.__path__[0]).rglob("*.duckdb_extension"))))
    con.execute("SET enable_progress_bar = false")
    con.execute(
        f"ATTACH 'ducklake:sqlite:{home}/catalog.sqlite' AS kobosift (DATA_PATH '{home}/data/', OVERRIDE_DATA_PATH)"
    )
    con.execute("USE kobosift")
    con.execute("SET TimeZone = 'UTC'")
    return con
