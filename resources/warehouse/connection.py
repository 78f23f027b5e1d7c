"""The warehouse: DuckLake over DuckDB, opened, read, written and migrated here and nowhere else.

Holds connections and transactions, no table's SQL and no rule. One DuckDB instance a process carries the extensions and
the attached catalogue, since loading them takes half a second; each read and each write is a short-lived cursor of it,
which sees the last commit of any process. `engine.py` sets the instance up, `failures.py` words what goes wrong.
"""

from __future__ import annotations

import os
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext, suppress
from functools import partial
from importlib import resources
from pathlib import Path
from typing import TypeVar

import duckdb
import stamina
from filelock import FileLock, Timeout

from resources.errors import ConfigurationError, WarehouseError
from resources.settings import Settings
from resources.warehouse.engine import CATALOG, attach, clear_spilled, load_cryptography, open_engine, seal, use_threads
from resources.warehouse.failures import busy, collided, environmental, readable
from resources.warehouse.gate import Gate

T = TypeVar("T")

LOCK_SECONDS = 300
"""How long a writer waits for the others of this machine."""
READERS_SECONDS = 60
"""How long who deletes old files waits for readers to come to their end."""
_LOOK_AGAIN_SECONDS = 600.0
_ATTEMPTS = 40
_RETRY_SECONDS = 300.0
_AUTHOR = "kobosift"

# The library's own hook prints what was called, and with what, to standard output.
stamina.instrumentation.set_on_retry_hooks([])


class Warehouse:
    """A DuckLake: Parquet files in a folder or bucket, under a transactional catalogue."""

    def __init__(self, catalog: str, data: str, home: Path, *, narrow: bool = False, encrypted: bool = False) -> None:
        """Name the places; nothing is opened before the first read or write.

        Args:
            catalog: `sqlite:PATH` or `postgres:CONNECTION`.
            data: a folder's path or an `s3://` address.
            home: the folder for rows that do not fit into memory.
            narrow: use one thread until `widen`, even where many rows are stored; else all threads are used there.
                Statements on few rows take half the time on one, since each thread opens the catalogue for itself.
            encrypted: whether data files are to be encrypted: where the warehouse is made, and it must have been so.

        """
        self._kind, _, self._place = catalog.partition(":")
        self._data = data
        self._encrypted = encrypted
        self.home = home
        self._spill = home / "tmp"
        self._gate = Gate(Path(self._place)) if self._kind == "sqlite" else None
        self._narrow = narrow
        self._wide = False
        self._looked = 0.0
        self._instances: dict[bool, tuple[int, duckdb.DuckDBPyConnection]] = {}  # by whether it is sealed
        self._opening = threading.Lock()

    @property
    def catalog_file(self) -> Path | None:
        """The catalogue, where it is a file; nothing in this process may open it (`engine.py`)."""
        return Path(self._place) if self._kind == "sqlite" else None

    @property
    def catalog_server(self) -> str | None:
        """The connection of the catalogue, where it is on a server; it may hold a password."""
        return self._place if self._kind == "postgres" else None

    @property
    def data_address(self) -> str | None:
        """The address of the data files, where they are in a bucket."""
        return self._data if self._data.startswith("s3://") else None

    @property
    def data_folder(self) -> Path | None:
        """The folder of the data files, where they are in one."""
        return None if self._data.startswith("s3://") else Path(self._data)

    @contextmanager
    def read(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """Give a short-lived connection that sees the last commit; times are UTC.

        Raises:
            WarehouseError: the catalogue or its files cannot be read.

        """
        with self._inside(), self._lent() as con:
            yield con

    @contextmanager
    def sealed(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """Give a connection for a stranger's SQL: it writes nothing and reaches no file but the warehouse's own data.

        Raises:
            WarehouseError: the catalogue cannot be opened.

        """
        with self._inside(), self._lent(sealed=True) as con:
            yield con

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep every other reader and writer of this machine out, and hold no connection oneself.

        Raises:
            WarehouseError: the others did not let go in time.

        """
        self.close()
        with self._turn(), self._emptied():
            yield

    @contextmanager
    def maintaining(self, *, alone: bool) -> Iterator[duckdb.DuckDBPyConnection]:
        """Give a connection that commits each statement, while no other writer of this machine is at work.

        Args:
            alone: nor any reader: those inside read to their end first, new ones wait.

        Raises:
            WarehouseError: the others did not let go in time, or it cannot be written.

        """
        with self._turn(), self._emptied() if alone else nullcontext(), self._lent() as con:
            yield con

    def write(self, work: Callable[[duckdb.DuckDBPyConnection], T], *, run_id: str, note: str) -> T:
        """Do work in one transaction: all of it is committed, or none.

        Writers to a SQLite catalogue wait for each other at a lock file beside it, which the system frees where a
        process dies. A commit that still collides, as it can where several machines write, is done again whole: what
        DuckLake tries again by itself does not see that another has inserted what this one looked for in vain.

        Args:
            work: called with an open transaction, once an attempt; it must do the same each time.
            run_id: kept as the commit's message.
            note: kept beside it.

        Raises:
            WarehouseError: it cannot be written, or other writers did not let go in time.

        """
        try:
            for attempt in stamina.retry_context(
                on=collided,
                attempts=_ATTEMPTS,
                timeout=_RETRY_SECONDS,
                wait_initial=0.02,
                wait_max=2.0,
                wait_jitter=0.5,
            ):
                with attempt, self._turn():
                    return self._once(work, run_id, note)
        except duckdb.Error as error:
            self._forget_broken(error)
            raise readable(error) from error
        raise AssertionError  # the loop above returns or raises

    def widen(self, more: int = 0) -> None:
        """Use all threads from now on, if many rows are stored or coming.

        Args:
            more: how many rows are about to be written.

        Raises:
            WarehouseError: the catalogue cannot be opened.

        """
        self._narrow = False
        if self._wide:
            return
        with self._lent() as con:
            self._wide = use_threads(con, more)

    def migrate(self) -> list[str]:
        """Apply the migrations that the catalogue has not seen, in order, each once, and return their names.

        Raises:
            WarehouseError: the catalogue was written by a newer release, or cannot be written.

        """
        steps = _migrations()
        with self.read() as con:
            names = _pending(con, steps)

        def apply(name: str, con: duckdb.DuckDBPyConnection) -> bool:
            con.execute("CREATE TABLE IF NOT EXISTS schema_migrations (name VARCHAR, applied_at TIMESTAMPTZ)")
            if name not in _pending(con, steps):
                return False
            for statement in steps[name]:
                con.execute(statement)
            con.execute("INSERT INTO schema_migrations VALUES (?, now())", [name])
            return True

        return [name for name in names if self.write(partial(apply, name), run_id=name, note="migration")]

    def close(self) -> None:
        """Let go of the catalogue; the next read or write opens it again."""
        with self._opening:
            for process, con in self._instances.values():
                if process == os.getpid():
                    con.close()
            self._instances.clear()
            self._wide = False

    def _once(self, work: Callable[[duckdb.DuckDBPyConnection], T], run_id: str, note: str) -> T:
        con = self._cursor()
        try:
            con.execute("BEGIN")
            result = work(con)
            con.execute(
                f"CALL ducklake_set_commit_message('{CATALOG}', ?, ?, extra_info => ?)", [_AUTHOR, run_id, note]
            )
            con.execute("COMMIT")
        except BaseException as error:
            with suppress(duckdb.Error):
                con.execute("ROLLBACK")
            self._sweep(con, error)
            raise
        finally:
            con.close()
        return result

    def _sweep(self, con: duckdb.DuckDBPyConnection, error: BaseException) -> None:
        """Take back the room of files that a failed write left, such as those that the disk was too full for.

        Only while this writer is alone, that is on a catalogue that is a file: what others write is an orphan as well.
        """
        if self._kind == "sqlite" and isinstance(error, duckdb.Error) and environmental(error) and not collided(error):
            with suppress(duckdb.Error):
                con.execute(f"CALL ducklake_delete_orphaned_files('{CATALOG}', cleanup_all => true)")

    @contextmanager
    def _lent(self, *, sealed: bool = False) -> Iterator[duckdb.DuckDBPyConnection]:
        con = self._cursor(sealed=sealed)
        try:
            yield con
        except duckdb.Error as error:
            self._forget_broken(error)
            raise readable(error) from error
        finally:
            con.close()

    @contextmanager
    def _inside(self) -> Iterator[None]:
        """Keep the files of the last commits where they are while they are read."""
        if self._gate is None or not self._is_made():
            yield
            return
        with _in_time(self._gate.reading(LOCK_SECONDS)):
            yield

    @contextmanager
    def _emptied(self) -> Iterator[None]:
        """Wait until no process of this machine reads, and keep others from starting to."""
        if self._gate is None:
            yield
            return
        with _in_time(self._gate.alone(READERS_SECONDS)):
            yield

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """Wait for the other writers of this machine, where the catalogue is a file."""
        if self._kind != "sqlite":
            yield
            return
        path = Path(self._place)
        lock = FileLock(path.with_name(path.name + ".lock"), timeout=LOCK_SECONDS, poll_interval=0.01)
        try:
            lock.acquire()
        except Timeout as error:
            raise busy() from error
        except OSError as error:
            raise _no_place(path.parent, error) from error
        try:
            yield
        finally:
            lock.release()

    def _cursor(self, *, sealed: bool = False) -> duckdb.DuckDBPyConnection:
        with self._opening:
            process, instance = self._instances.get(sealed, (None, None))
            if instance is None or process != os.getpid():  # a forked process opens its own
                instance = self._sealed() if sealed else self._opened()
                self._instances[sealed] = (os.getpid(), instance)
            con = instance.cursor()
        try:
            con.execute(f"USE {CATALOG}")
            if not sealed:
                self._look_again(con)
        except duckdb.Error as error:
            con.close()
            self._forget_broken(error)
            raise readable(error) from error
        return con

    def _look_again(self, con: duckdb.DuckDBPyConnection) -> None:
        """See now and then whether many rows are stored by now: a process may live for months."""
        if self._narrow or self._wide or time.monotonic() - self._looked < _LOOK_AGAIN_SECONDS:
            return
        self._looked = time.monotonic()
        self._wide = use_threads(con)

    def _opened(self) -> duckdb.DuckDBPyConnection:
        """Attach the catalogue; where there is none, one process makes it while the others wait."""
        if self._kind == "sqlite" and not self._is_made():
            _make(Path(self._place).parent)
            with self._turn():
                self._make_places()
                return self._attached()
        self._refuse_missing_places()
        return self._attached()

    def _sealed(self) -> duckdb.DuckDBPyConnection:
        self._refuse_missing_places()
        con = self._attached(read_only=True)
        seal(con, self._data)
        return con

    def _attached(self, *, read_only: bool = False) -> duckdb.DuckDBPyConnection:
        try:
            con = open_engine(self._kind, self._data, self._spill, encrypted=self._encrypted)
        except OSError as error:
            raise _no_place(self._spill, error) from error
        try:
            for attempt in stamina.retry_context(
                on=collided, attempts=20, timeout=60.0, wait_initial=0.05, wait_max=2.0
            ):
                with attempt:
                    self._attach(con, read_only)
            load_cryptography(con)
            wide = not self._narrow and use_threads(con)
            if not read_only:
                self._wide, self._looked = wide, time.monotonic()
        except duckdb.Error as error:
            con.close()
            if _NOT_ENCRYPTED in str(error):
                raise ConfigurationError(_COPY_IT) from error
            raise readable(error) from error
        return con

    def _attach(self, con: duckdb.DuckDBPyConnection, read_only: bool) -> None:
        """Attach the catalogue, whose files may have been moved with their home since it was made."""
        try:
            con.execute(self._attachment(read_only=read_only))
        except duckdb.Error as error:
            before = _OTHER_PLACE.search(str(error))
            if not before or Path(before[1]).exists() or not Path(self._data).is_dir():
                raise
            con.execute(self._attachment(read_only=read_only, moved=True))

    def _attachment(self, *, read_only: bool, moved: bool = False) -> str:
        return attach(self._kind, self._place, self._data, moved=moved, read_only=read_only, encrypted=self._encrypted)

    def _is_made(self) -> bool:
        path = Path(self._place)
        return path.exists() and (not path.is_file() or path.stat().st_size > 0)

    def _make_places(self) -> None:
        if self._data.startswith("s3://") or self._is_made():
            return
        folder = Path(self._data)
        if any(folder.glob("**/*.parquet")):
            raise WarehouseError(
                f"the catalogue {self._place} is missing, though its files are in {folder}. Restore the last backup, "
                "or move that folder away to begin anew."
            )
        _make(folder)

    def _refuse_missing_places(self) -> None:
        if self._kind == "sqlite" and not self._is_made():
            raise WarehouseError(
                f"there is no warehouse at {self._place} yet: `kobosift run` or `kobosift demo` makes one."
            )
        if self._data.startswith("s3://"):
            return
        if self._kind == "postgres":
            _make(Path(self._data))
        elif not Path(self._data).is_dir():
            raise WarehouseError(
                f"the data folder {self._data} of the warehouse is missing. Bring it back, restore the last backup, or "
                "set KOBOSIFT_DATA to where it is."
            )

    def _forget_broken(self, error: duckdb.Error) -> None:
        """Drop an instance that DuckDB has given up on; the next read or write opens another."""
        if isinstance(error, (duckdb.FatalException, duckdb.InternalException)):
            with suppress(duckdb.Error):
                self.close()


def open_warehouse(settings: Settings, *, narrow: bool = False) -> Warehouse:
    """Open the warehouse of the settings, its home made and its tables up to date; `narrow` as in `Warehouse`.

    Raises:
        WarehouseError: it cannot be opened.

    """
    _make(settings.kobosift_home)
    clear_spilled(settings.kobosift_home / "tmp")
    places = (settings.catalog, settings.data, settings.kobosift_home)
    warehouse = Warehouse(*places, narrow=narrow, encrypted=settings.kobosift_encrypted)
    warehouse.migrate()
    return warehouse


def made_warehouse(settings: Settings) -> Warehouse | None:
    """Open the warehouse of the settings where one was made; None where nothing has run yet, and nothing is made.

    Raises:
        WarehouseError: it cannot be opened.

    """
    kind, _, place = settings.catalog.partition(":")
    return None if kind == "sqlite" and not Path(place).exists() else open_warehouse(settings)


@contextmanager
def _in_time(lock: AbstractContextManager[None]) -> Iterator[None]:
    """Hold a lock; where it is not to be had in time, the warehouse is busy."""
    with ExitStack() as held:
        try:
            held.enter_context(lock)
        except TimeoutError as error:
            raise busy() from error
        yield


_NOT_ENCRYPTED = "Failed to set encryption"
_COPY_IT = (
    "the data files of the warehouse are not encrypted, and KOBOSIFT_ENCRYPTED wants them to be: `kobosift warehouse "
    "copy` makes another warehouse of it, whose files are; or leave KOBOSIFT_ENCRYPTED out."
)
_OTHER_PLACE = re.compile(r'existing data path in the catalog "([^"]+)"')


def _make(folder: Path) -> None:
    """Make a folder that only its owner reads: bank lines rest there."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise _no_place(folder, error) from error


def _no_place(folder: Path, error: OSError) -> WarehouseError:
    return WarehouseError(
        f"the folder {folder} cannot be written ({error.strerror}). Give this user the right to, or name another one "
        "in the settings (KOBOSIFT_HOME, KOBOSIFT_CATALOG, KOBOSIFT_DATA)."
    )


def _migrations() -> dict[str, list[str]]:
    """Read each migration's statements, in order; a line that is only a semicolon ends a statement."""
    folder = resources.files("resources.warehouse.migrations")
    files = sorted((entry.name, entry.read_text("utf-8")) for entry in folder.iterdir() if entry.name.endswith(".sql"))
    return {name: [part for part in text.split("\n;\n") if part.strip()] for name, text in files}


def migration_statements() -> list[str]:
    """All statements of the migrations, in the order in which a new warehouse is made by them."""
    return [statement for statements in _migrations().values() for statement in statements]


def _pending(con: duckdb.DuckDBPyConnection, steps: dict[str, list[str]]) -> list[str]:
    try:
        applied = {name for (name,) in con.execute("SELECT name FROM schema_migrations").fetchall()}
    except duckdb.CatalogException:  # a catalogue just made
        return list(steps)
    if newer := sorted(applied - steps.keys()):
        raise WarehouseError(
            f"the warehouse was written by a newer kobosift (its tables are at {newer[-1]}). Install that release or a "
            "later one."
        )
    return [name for name in steps if name not in applied]
