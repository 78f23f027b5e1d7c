"""What DuckDB, DuckLake, SQLite and PostgreSQL say when they fail, read once, here.

Holds which failures are collisions, worth doing again, and what sentence a person gets for each other. Their own words
are brought on only where they name files: elsewhere they may hold row values or a password.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import duckdb

from resources.errors import WarehouseError

_COLLISIONS = (
    "database is locked",
    "database table is locked",
    "exceeded the maximum retry count",
    "transaction conflict",
    "could not serialize access",
    "deadlock detected",
    "could not obtain lock",
    "ducklake_metadata already exists",
    'relation "ducklake_',
    "pg_type_typname_nsp_index",
    "pg_class_relname_nsp_index",
)
_ABOUT_NAMES = (duckdb.BinderException, duckdb.CatalogException, duckdb.ParserException)
"""These speak of tables and columns, never of values: values are parameters."""
_FILE = re.compile(r'(?:file |directory )?["\']([^"\']+)["\']')


def _named(text: str) -> str:
    found = _FILE.search(text)
    return f" ({found[1]})" if found else ""


_SENTENCES: tuple[tuple[tuple[str, ...], Callable[[str], str]], ...] = (
    (
        ("no space left", "disk is full", "file too large", "disk quota"),
        lambda text: "the disk is full. Nothing was written half: make room, then do the same again.",
    ),
    (
        ("disk i/o error",),
        lambda text: "the disk does not take or give its catalogue. See whether it is full or failing.",
    ),
    (
        ("file is not a database", "disk image is malformed", "corrupt ducklake", "failed to load ducklake"),
        lambda text: "its catalogue is damaged. Restore the last backup; `kobosift doctor` looks at it more closely.",
    ),
    (
        ("does not match existing data path",),
        lambda text: "its catalogue belongs to the files of another place. Set KOBOSIFT_DATA to where those files are.",
    ),
    (
        ("no magic bytes", "failed to read file", "decompression failure", "invalid footer", "tprotocolexception"),
        lambda text: (
            f"a data file is damaged{_named(text)}. Restore the last backup; `kobosift doctor` names what is hurt."
        ),
    ),
    (
        ("cannot open file", "no files found", "404 (not found)", "http 404"),
        lambda text: f"a data file is missing{_named(text)}. Bring it back or restore the last backup.",
    ),
    (
        (
            "permission denied",
            "read-only file system",
            "readonly database",
            "operation not permitted",
            "403 (forbidden)",
        ),
        lambda text: (
            f"this user may not write there{_named(text)}. Give the rights, or set KOBOSIFT_HOME to another folder."
        ),
    ),
    (
        ("unable to open database", "failed to create directory"),
        lambda text: (
            f"it cannot be opened{_named(text)}. See that the folder exists and that this user may write to it."
        ),
    ),
    (
        ("unable to connect to postgres", "connection refused", "server closed the connection", "could not connect"),
        lambda text: (
            "the catalogue's PostgreSQL cannot be reached. See that it runs and that KOBOSIFT_CATALOG names it."
        ),
    ),
    (
        ("out of memory", "failed to allocate"),
        lambda text: "it needs more memory than there is. Close other programs, or take fewer days at once.",
    ),
)


def collided(error: Exception) -> bool:
    """Tell whether another writer was in the way, so that the same may succeed when it is done again."""
    text = str(error).lower()
    hard = any(sign in text for signs, _ in _SENTENCES for sign in signs)  # DuckLake words every failed commit alike
    return isinstance(error, duckdb.Error) and not hard and any(sign in text for sign in _COLLISIONS)


def environmental(error: Exception) -> bool:
    """Tell whether a failure lies in files, disk, network or other processes, and not in the statement."""
    text = str(error).lower()
    return collided(error) or any(sign in text for signs, _ in _SENTENCES for sign in signs)


def readable(error: duckdb.Error) -> WarehouseError:
    """Say what went wrong in a sentence that tells what to do, without row values or passwords."""
    if collided(error):
        return busy()
    text = str(error)
    for signs, sentence in _SENTENCES:
        if any(sign in text.lower() for sign in signs):
            return WarehouseError(f"the warehouse: {sentence(text)}")
    told = text.splitlines()[0] if isinstance(error, _ABOUT_NAMES) else type(error).__name__
    return WarehouseError(
        f"the warehouse refused a statement ({told}). Run `kobosift doctor` to see whether it is sound."
    )


def busy() -> WarehouseError:
    """Say that the others did not let go in time."""
    return WarehouseError(
        "the warehouse is busy: other processes kept writing to it. Wait for them to finish, then try again."
    )
