"""The warehouse: DuckLake over DuckDB, opened, read, written and migrated here and nowhere else.

Holds connections and transactions, no table's SQL and no rule. One DuckDB instance a process carries the extensions and the
attached catalogue; each read and each write is a short-lived cursor of it.
"""

from __future__ import annotations

import importlib
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from importlib import resources
from pathlib import Path
from typing import TypeVar

import duckdb
import stamina
from filelock import FileLock, Timeout

from resources.errors import WarehouseError
from resources.settings import Settings

T = TypeVar("T")

CATALOG = "kobosift"
LOCK_SECONDS = 300
_CONFLICT_ATTEMPTS = 12
_INLINED_ROWS = 0
_BUSY = ("database is locked", "transaction conflict", "conflict", "serializ", "deadlock", "could not obtain lock")


class Warehouse:
    """A DuckLake: Parquet files in a folder or bucket, under a transactional catalogue."""

    def __init__(self, catalog: str, data: str, home: Path) -> None:
        """Name the places; nothing is opened before the first read or write.

        Args:
            catalog: `sqlite:PATH` or `postgres:CONNECTION`.
            data: a folder's path or an `s3://` address.
            home: where the writers' lock of a SQLite catalogue rests.
        """
        self._kind, _, self._place = catalog.partition(":")
        self._data = data
        self._home = home
        self._instance: tuple[int, duckdb.DuckDBPyConnection] | None = None
        self._opening = threading.Lock()

    @contextmanager
    def read(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """A short-lived connection that sees the last commit; times are UTC.

        Raises:
            WarehouseError: the catalogue or its files cannot be read.
        """
        con = self._cursor()
        try:
            yield con
        except duckdb.Error as error:
            raise _readable(error) from error
        finally:
            con.close()

    def write(self, work: Callable[[duckdb.DuckDBPyConnection], T], *, run_id: str, note: str) -> T:
        """Do work in one transaction: all of it is committed, or none.

        Writers to a SQLite catalogue wait for each other at a lock file, which the operating system frees when a process
        dies. A commit that still collides, as it can where several machines write, is tried again whole.

        Args:
            work: called with an open transaction, once an attempt; it must do the same each time.
            run_id: kept as the author of the commit.
            note: kept as its message.

        Raises:
            WarehouseError: it cannot be written, or other writers did not let go in time.
        """
        for attempt in stamina.retry_context(
            on=_collided, attempts=_CONFLICT_ATTEMPTS, wait_initial=0.05, wait_max=5.0
        ):
            with attempt, self._turn():
                return self._once(work, run_id, note)
        raise AssertionError  # the loop above returns or raises

    def migrate(self) -> list[str]:
        """Apply the migrations that the catalogue has not seen, in order; returns their names.

        Raises:
            WarehouseError: the catalogue was written by a newer release, or cannot be written.
        """
        steps = _migrations()
        with self.read() as con:
            if not _pending(con, steps):
                return []

        def work(con: duckdb.DuckDBPyConnection) -> list[str]:
            con.execute("CREATE TABLE IF NOT EXISTS schema_migrations (name VARCHAR, applied_at TIMESTAMPTZ)")
            names = _pending(con, steps)
            for name in names:
                for statement in steps[name]:
                    con.execute(statement)
                con.execute("INSERT INTO schema_migrations VALUES (?, now())", [name])
            return names

        return self.write(work, run_id="migration", note=", ".join(steps))

    def close(self) -> None:
        """Let go of the catalogue; the next read or write opens it again."""
        with self._opening:
            if self._instance is not None:
                self._instance[1].close()
                self._instance = None

    def _once(self, work: Callable[[duckdb.DuckDBPyConnection], T], run_id: str, note: str) -> T:
        con = self._cursor()
        try:
            con.execute("BEGIN")
            result = work(con)
            con.execute(f"CALL ducklake_set_commit_message('{CATALOG}', ?, ?)", [run_id, note])
            con.execute("COMMIT")
        except duckdb.Error as error:
            raise error if _collided(error) else _readable(error) from error
        finally:
            con.close()
        return result

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """Wait for the other writers of this machine, where the catalogue is a file."""
        if self._kind != "sqlite":
            with nullcontext():
                yield
            return
        self._home.mkdir(parents=True, exist_ok=True)
        try:
            with FileLock(self._home / "writers.lock", timeout=LOCK_SECONDS):
                yield
        except Timeout as error:
            message = (
                "the warehouse is busy: another kobosift has been writing for minutes. Wait for it, then try again."
            )
            raise WarehouseError(message) from error

    def _cursor(self) -> duckdb.DuckDBPyConnection:
        with self._opening:
            if self._instance is None or self._instance[0] != os.getpid():
                self._instance = (os.getpid(), self._opened())
            con = self._instance[1].cursor()
        con.execute(f"USE {CATALOG}")
        con.execute("SET TimeZone = 'UTC'")
        return con

    def _opened(self) -> duckdb.DuckDBPyConnection:
        """A DuckDB instance with the extensions loaded from their packages and the catalogue attached."""
        self._home.mkdir(parents=True, exist_ok=True)
        con = duckdb.connect(
            ":memory:", config={"autoinstall_known_extensions": "false", "autoload_known_extensions": "false"}
        )
        names = ["ducklake", "sqlite_scanner" if self._kind == "sqlite" else "postgres_scanner"]
        for name in [*names, *(["httpfs"] if self._data.startswith("s3://") else [])]:
            con.execute(f"LOAD {_quoted(str(_extension(name)))}")
        con.execute(f"SET temp_directory = {_quoted(str(self._home / 'tmp'))}")
        try:
            for attempt in stamina.retry_context(
                on=_collided, attempts=_CONFLICT_ATTEMPTS, wait_initial=0.05, wait_max=2.0
            ):
                with attempt:
                    con.execute(self._attach())
        except duckdb.Error as error:
            con.close()
            raise _readable(error) from error
        return con

    def _attach(self) -> str:
        options = f"DATA_PATH {_quoted(self._data.rstrip('/') + '/')}, DATA_INLINING_ROW_LIMIT {_INLINED_ROWS}"
        if self._kind == "sqlite":
            options += ", META_JOURNAL_MODE 'WAL', META_BUSY_TIMEOUT 10000"
        return f"ATTACH {_quoted(f'ducklake:{self._kind}:{self._place}')} AS {CATALOG} ({options})"


def open_warehouse(settings: Settings) -> Warehouse:
    """The warehouse of the settings, its home made and its tables up to date.

    Raises:
        WarehouseError: it cannot be opened.
    """
    warehouse = Warehouse(settings.catalog, settings.data, settings.kobosift_home)
    try:
        settings.kobosift_home.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        message = f"the home {settings.kobosift_home} cannot be made ({error.strerror}); set KOBOSIFT_HOME to a folder of yours."
        raise WarehouseError(message) from error
    warehouse.migrate()
    return warehouse


def _migrations() -> dict[str, list[str]]:
    """Each migration's statements, in order; a line that is only a semicolon ends a statement."""
    folder = resources.files("resources.warehouse.migrations")
    files = sorted((entry.name, entry.read_text("utf-8")) for entry in folder.iterdir() if entry.name.endswith(".sql"))
    return {name: [part for part in text.split("\n;\n") if part.strip()] for name, text in files}


def _pending(con: duckdb.DuckDBPyConnection, steps: dict[str, list[str]]) -> list[str]:
    known = con.execute(
        "SELECT count(*) FROM duckdb_tables() WHERE database_name = ? AND table_name = 'schema_migrations'", [CATALOG]
    ).fetchone()
    if not known or not known[0]:
        return list(steps)
    applied = {name for (name,) in con.execute("SELECT name FROM schema_migrations").fetchall()}
    if newer := sorted(applied - steps.keys()):
        message = f"the warehouse was written by a newer kobosift (it knows {newer[-1]}); install that release or a later one."
        raise WarehouseError(message)
    return [name for name in steps if name not in applied]


def _extension(name: str) -> Path:
    """The file of an extension, out of its installed package: nothing is fetched and nothing is copied."""
    package = Path(str(resources.files(importlib.import_module(f"duckdb_extension_{name}"))))
    return package / "extensions" / f"v{duckdb.__version__}" / f"{name}.duckdb_extension"


def _quoted(text: str) -> str:
    """Text as an SQL literal, for statements that take no parameters."""
    return "'" + text.replace("'", "''") + "'"


def _collided(error: Exception) -> bool:
    """Whether another writer was in the way, so that the same may succeed when tried again."""
    return isinstance(error, duckdb.Error) and any(sign in str(error).lower() for sign in _BUSY)


def _readable(error: duckdb.Error) -> WarehouseError:
    """What went wrong in the warehouse, in a sentence without row values."""
    first = str(error).splitlines()[0]
    return WarehouseError(
        f"the warehouse could not do this ({first[:300]}). Run `kobosift doctor`; if it is damaged, restore a backup."
    )
