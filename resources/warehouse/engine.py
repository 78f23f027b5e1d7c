"""DuckDB itself: an in-memory instance with the extensions of its packages and the DuckLake catalogue attached.

Holds how an instance is set up (nothing fetched, nothing written below the user's own home, times in UTC, memory
bounded, what is spilled cleared away) and how paths are written into the few statements that take no parameters. No
transactions (`connection.py`), no table's SQL.

Nothing else in the process may open a SQLite catalogue, Python's `sqlite3` least of all: two SQLite libraries in one
process do not see each other's locks, and closing a file in one lets go of the locks of the other.
"""

from __future__ import annotations

import hashlib
import importlib
import os
import platform
import re
import secrets
import shutil
import time
from contextlib import suppress
from importlib import resources
from pathlib import Path
from urllib.parse import urlsplit

import duckdb

CATALOG = "kobosift"
META = f"__ducklake_metadata_{CATALOG}"
"""Where DuckLake's own tables are."""
_MANY_STORED, _MANY_COMING = 200_000, 10_000
"""Rows from which on more than one thread is of use."""
_STORED = f"SELECT coalesce(sum(record_count), 0) FROM {META}.ducklake_data_file WHERE end_snapshot IS NULL"  # noqa: S608
"""Rows in the files in force; few are elsewhere. The lake's own count of a table takes in all that ever were."""
BUSY_MILLISECONDS = 10_000
"""How long SQLite itself waits for a lock on the catalogue."""

_MOST_MEMORY = 2 * 2**30
_KEPT_FREE = "16MiB"
"""What a thread frees beyond this goes back to the system: a process that lives for days stays as large as it was."""
_UNITS = {"bytes": 1, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40}
_SPILLED_FOR_SECONDS = 24 * 3600
_ENCRYPTS = "httpfs"
"""The extension that reaches buckets also brings the cryptography that DuckDB writes encrypted files with."""
_ENCRYPTED = f"SELECT value FROM ducklake_options('{CATALOG}') WHERE option_name = 'encrypted'"  # noqa: S608
_CONFIG: dict[str, str | bool | int | float | list[str]] = {
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "allow_community_extensions": "false",
}


def open_engine(kind: str, data: str, spill: Path, *, encrypted: bool = False) -> duckdb.DuckDBPyConnection:
    """Open a DuckDB instance with the extensions that the catalogue and the data need; it uses one thread.

    Args:
        kind: of the catalogue, `sqlite` or `postgres`.
        data: a folder's path or an `s3://` address.
        spill: the folder below which rows that do not fit into memory go; made if it is missing.
        encrypted: whether data files are to be encrypted.

    Raises:
        OSError: that folder cannot be made.

    """
    spill.mkdir(mode=0o700, parents=True, exist_ok=True)
    own = spill / f"{_machine()}{os.getpid()}-{secrets.token_hex(4)}"  # two instances in one folder would collide
    places = {"temp_directory": str(own), "secret_directory": str(spill / "secrets")}  # else below ~/.duckdb
    con = duckdb.connect(":memory:", config={**_CONFIG, **places})
    con.execute("SET GLOBAL threads = 1")
    far = data.startswith("s3://")
    for name in [
        "ducklake",
        "sqlite_scanner" if kind == "sqlite" else "postgres_scanner",
        *([_ENCRYPTS] if far or encrypted else []),
    ]:
        _load(con, name)
    con.execute("SET GLOBAL TimeZone = 'UTC'")
    con.execute("SET GLOBAL ducklake_default_data_inlining_row_limit = 0")
    con.execute("SET GLOBAL ducklake_max_retry_count = 0")  # a commit that collides is done again whole: connection.py
    _bound_memory(con)
    if far:
        _let_into_bucket(con, data)
    else:
        con.execute("SET GLOBAL enable_external_file_cache = false")  # the system keeps files of this machine as well
    return con


def use_threads(con: duckdb.DuckDBPyConnection, more: int = 0) -> bool:
    """Use all threads where many rows are stored, or come to be; whether that is so.

    Args:
        con: of an instance with the catalogue attached.
        more: how many rows come.

    """
    wide = more > _MANY_COMING
    if not wide:
        wide = con.execute(_STORED).fetchall()[0][0] > _MANY_STORED  # all fetched, or the catalogue stays open
    if wide:
        con.execute("RESET GLOBAL threads")
    return bool(wide)


def attach(
    kind: str, place: str, data: str, *, moved: bool = False, read_only: bool = False, encrypted: bool = False
) -> str:
    """Write the statement that attaches the catalogue.

    Args:
        kind: `sqlite` or `postgres`.
        place: the catalogue's path or connection string.
        data: the folder or address of the files.
        moved: the files are no longer where the catalogue last had them.
        read_only: nothing can be written through it.
        encrypted: where the catalogue is made by it, its data files are encrypted; one that is there must be so.

    """
    options = [f"DATA_PATH {quoted(data.rstrip('/') + '/')}"]
    if kind == "sqlite":
        options.append(f"META_BUSY_TIMEOUT {BUSY_MILLISECONDS}")
        if not read_only:
            options.append("META_JOURNAL_MODE 'WAL'")  # readers and a writer do not wait for each other
    flags = {"OVERRIDE_DATA_PATH": moved, "READ_ONLY": read_only, "ENCRYPTED": encrypted}
    options += [name for name, wanted in flags.items() if wanted]
    return f"ATTACH {quoted(f'ducklake:{kind}:{place}')} AS {CATALOG} ({', '.join(options)})"


def load_cryptography(con: duckdb.DuckDBPyConnection) -> None:
    """Load what encrypted data files are written with, where the attached catalogue says that its own are."""
    if con.execute(_ENCRYPTED).fetchall() == [("true",)]:  # to its end: else the transaction would stay open
        _load(con, _ENCRYPTS)


def seal(con: duckdb.DuckDBPyConnection, data: str) -> None:
    """Take from an instance, for good, every file and address but the warehouse's own data, and its settings."""
    con.execute("SET GLOBAL python_enable_replacements = false")
    con.execute("SET GLOBAL temp_directory = ''")
    con.execute(f"SET GLOBAL allowed_directories = [{quoted(data.rstrip('/') + '/')}]")
    con.execute("SET GLOBAL enable_external_access = false")
    con.execute("SET GLOBAL lock_configuration = true")


def clear_spilled(spill: Path) -> None:
    """Remove what instances that were killed have spilled: bank lines may be in it.

    That is the folders of this machine's processes that are gone, and any that nothing has written to for a day.
    """
    for folder in spill.glob("duckdb-*"):
        with suppress(OSError):
            if _is_dead(folder.name) or time.time() - folder.stat().st_mtime > _SPILLED_FOR_SECONDS:
                shutil.rmtree(folder)


def quoted(text: str) -> str:
    """Write a text as an SQL literal, for statements that take no parameters."""
    return "'" + text.replace("'", "''") + "'"


def _load(con: duckdb.DuckDBPyConnection, name: str) -> None:
    con.execute(f"LOAD {quoted(str(_extension(name)))}")


def _machine() -> str:
    return f"duckdb-{hashlib.sha256(platform.node().encode()).hexdigest()[:8]}-"


def _is_dead(name: str) -> bool:
    """Tell whether the process that spilled into a folder was one of this machine and is gone."""
    process = name.removeprefix(_machine()).partition("-")[0]
    if not name.startswith(_machine()) or not process.isdecimal():
        return False
    try:
        os.kill(int(process), 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    return False


def _extension(name: str) -> Path:
    """Find the file of an extension in its installed package."""
    package = Path(str(resources.files(importlib.import_module(f"duckdb_extension_{name}"))))
    return package / "extensions" / f"v{duckdb.__version__}" / f"{name}.duckdb_extension"


def _bound_memory(con: duckdb.DuckDBPyConnection) -> None:
    """Take at most half of what DuckDB finds there is, and never more than the bound; the rest spills to disk."""
    con.execute(f"SET GLOBAL allocator_flush_threshold = '{_KEPT_FREE}'")
    row = con.execute("SELECT current_setting('memory_limit')").fetchone()
    given = re.fullmatch(r"([\d.]+) (\w+)", str(row[0]) if row else "")
    found = float(given[1]) * _UNITS.get(given[2], 1) if given else _MOST_MEMORY
    con.execute(f"SET GLOBAL memory_limit = '{int(min(_MOST_MEMORY, found / 2)) >> 20}MiB'")


def _let_into_bucket(con: duckdb.DuckDBPyConnection, data: str) -> None:
    """Give the instance the keys of the bucket, from where every S3 client looks for them."""
    known = {
        "KEY_ID": os.environ.get("AWS_ACCESS_KEY_ID"),
        "SECRET": os.environ.get("AWS_SECRET_ACCESS_KEY"),
        "SESSION_TOKEN": os.environ.get("AWS_SESSION_TOKEN"),
        "REGION": os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION"),
    }
    endpoint = urlsplit(os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL") or "")
    if endpoint.netloc:
        known |= {"ENDPOINT": endpoint.netloc + endpoint.path.rstrip("/"), "URL_STYLE": "path"}
        known |= {"USE_SSL": "true" if endpoint.scheme == "https" else "false"}
    options = [
        "TYPE s3",
        f"SCOPE {quoted(data)}",
        *(f"{name} {quoted(value)}" for name, value in known.items() if value),
    ]
    con.execute(f"CREATE SECRET kobosift_bucket ({', '.join(options)})")
