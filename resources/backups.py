"""Backups: one file that holds a warehouse whole, and putting it back.

Holds the file: a tar of the catalogue, the data files, what has landed, the policy in use and the key of erasures,
with a list of checksums. It is made while writers wait and readers do not. What was erased since must be erased again
from what is put back: `pipelines/backups.py` does.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import Any

from resources.erasure_home import erasure_folder, erasure_key, put_pending
from resources.errors import ConfigurationError, WarehouseError
from resources.landing import WEBHOOKS
from resources.settings import Settings
from resources.warehouse.connection import Warehouse

_LIST = "backup.json"
_RELEASE = 1
_CHUNK = 1 << 20
_ASIDE = "restoring"
_COPY = "import sqlite3, sys; sqlite3.connect(sys.argv[1], timeout=30).execute('VACUUM INTO ?', [sys.argv[2]])"


@dataclass(frozen=True)
class Backup:
    """What a backup file says of itself."""

    made_at: datetime
    files: dict[str, str]
    """SHA-256 by name."""


def write_backup(warehouse: Warehouse, settings: Settings, file: Path, *, now: datetime) -> Backup:
    """Write the warehouse and what lies beside it to a file, whole or not at all; one that is there is replaced.

    Raises:
        ConfigurationError: the warehouse is not on this machine, or the file would lie below the home or in no folder.
        WarehouseError: it cannot be read or written.
    """
    catalog, data = _places(warehouse)
    if settings.kobosift_home.resolve() in file.resolve().parents:
        raise ConfigurationError(f"{file} lies below the home, and would be lost with it: name a file elsewhere.")
    if file.is_dir() or not file.parent.is_dir():
        raise ConfigurationError(f"{file} cannot be written: name a file in a folder that exists.")
    erasure_key(settings.kobosift_home)
    copy = settings.kobosift_home / "tmp" / f"catalog.{os.getpid()}.copy"
    beside = file.with_name(f".{file.name}.part")
    try:
        with warehouse.maintaining(alone=False):
            _copy_catalog(catalog, copy)
            backup = _write(beside, _sources(settings, copy, data), now)
        beside.replace(file)
    except OSError as error:
        raise WarehouseError(f"the backup {file} could not be written ({error.strerror or error}).") from error
    finally:
        for path in (copy, beside):
            path.unlink(missing_ok=True)
    return backup


def read_backup(file: Path) -> Backup:
    """Read what a backup says of itself, and see that all it lists is there unharmed.

    Raises:
        ConfigurationError: it is not there, no backup, of another release, or damaged.
    """
    found: dict[str, str] = {}
    told: dict[str, Any] = {}
    try:
        with tarfile.open(file) as tar:
            for member in tar:
                content = tar.extractfile(member)
                if content is None:
                    raise ValueError("it holds more than files")
                if member.name == _LIST:
                    told = json.load(content)
                else:
                    found[member.name] = hashlib.file_digest(content, "sha256").hexdigest()  # type: ignore[arg-type]
        backup = Backup(datetime.fromisoformat(told["made_at"]), told["files"])
    except FileNotFoundError as error:
        raise ConfigurationError(f"there is no file {file}; nothing was changed.") from error
    except (OSError, tarfile.TarError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ConfigurationError(f"{file} is no backup of kobosift, or it is damaged; nothing was changed.") from error
    if told.get("release") != _RELEASE or found != backup.files or not all(map(_inside, found)):
        raise ConfigurationError(f"the backup {file} is damaged or of another release; nothing was changed.")
    return backup


def unpack(warehouse: Warehouse, settings: Settings, file: Path) -> Warehouse:
    """Unpack a backup that was read beside the warehouse, as a home of its own, which nobody reads.

    The home's own key of erasures stays; where it has none, it takes the backup's.

    Raises:
        ConfigurationError: the warehouse is not on this machine.
        WarehouseError: it cannot be written.
    """
    _places(warehouse)
    aside = settings.kobosift_home / _ASIDE
    clear_aside(settings.kobosift_home)
    with _written():
        (aside / "data").mkdir(mode=0o700, parents=True)
        aside.chmod(0o700)
        with tarfile.open(file) as tar:
            tar.extractall(aside, filter="data")
        _name_data(aside / "catalog.sqlite", aside / "data")
        if not (key := erasure_folder(settings.kobosift_home) / "key").exists():
            key.parent.mkdir(mode=0o700, exist_ok=True)
            shutil.move(aside / "erasure" / "key", key)
    place = f"sqlite:{aside / 'catalog.sqlite'}"
    return Warehouse(place, str(aside / "data"), aside, encrypted=settings.kobosift_encrypted)


def put_in_place(warehouse: Warehouse, settings: Settings) -> None:
    """Put what was unpacked, and nobody has open, in the place of what is there; events that wait stay.

    Notes of erasures that were begun in it come with it. They come between the old catalogue and the new one: with the
    old one in force they would erase what came in since they were finished there.

    Raises:
        ConfigurationError: the warehouse is not on this machine.
        WarehouseError: it cannot be written, or others did not let go in time.
    """
    catalog, data = _places(warehouse)
    aside = settings.kobosift_home / _ASIDE
    with _written():
        _name_data(aside / "catalog.sqlite", data)
        with warehouse.locked():
            for name in ("", "-wal", "-shm"):
                catalog.with_name(catalog.name + name).unlink(missing_ok=True)
            put_pending(aside, settings.kobosift_home)
            _replace(aside / "data", data)
            _put_landed(aside / "landing", settings.landing)
            shutil.move(aside / "catalog.sqlite", catalog)


def clear_aside(home: Path) -> None:
    """Remove what was unpacked, also by a restore that broke off: it holds what was erased since."""
    shutil.rmtree(home / _ASIDE, ignore_errors=True)


@contextmanager
def _written() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        message = f"the backup could not be put in place ({error.strerror or error}). Make room, then restore it again."
        raise WarehouseError(message) from error


def _places(warehouse: Warehouse) -> tuple[Path, Path]:
    catalog, data = warehouse.catalog_file, warehouse.data_folder
    if catalog is None or data is None:
        raise ConfigurationError(
            "backup and restore are for a catalogue and data files on this machine; back up PostgreSQL and the bucket "
            "with their own tools, both at once."
        )
    return catalog, data


def _copy_catalog(catalog: Path, copy: Path) -> None:
    """Copy the catalogue by another process, since this one may have it open (`resources/warehouse/engine.py`)."""
    copy.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    copy.unlink(missing_ok=True)
    command = [sys.executable, "-I", "-c", _COPY, str(catalog), str(copy)]
    if subprocess.run(command, capture_output=True, check=False).returncode:  # noqa: S603 - our own program
        raise OSError("the catalogue cannot be read; kobosift doctor looks at it more closely")


def _sources(settings: Settings, catalog: Path, data: Path) -> Iterator[tuple[str, Path]]:
    yield "catalog.sqlite", catalog
    yield "erasure/key", erasure_folder(settings.kobosift_home) / "key"
    if settings.kobosift_policy:
        yield "policy.toml", settings.kobosift_policy
    for name, folder in (("data", data), ("landing", settings.landing)):
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                yield str(PurePosixPath(name, *path.relative_to(folder).parts)), path


def _write(file: Path, sources: Iterator[tuple[str, Path]], now: datetime) -> Backup:
    listed = list(sources)
    sums = {name: _sum(path) for name, path in listed}
    told = json.dumps({"release": _RELEASE, "made_at": now.isoformat(), "files": sums}).encode()
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as out:
        with tarfile.open(fileobj=out, mode="w") as tar:
            head = tarfile.TarInfo(_LIST)
            head.size = len(told)
            tar.addfile(head, io.BytesIO(told))
            for name, path in listed:
                tar.add(path, name, recursive=False)
        out.flush()
        os.fsync(out.fileno())
    return Backup(now, sums)


def _sum(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _inside(name: str) -> bool:
    """Whether a name leads nowhere but below where it is unpacked."""
    path = PurePosixPath(name)
    return not path.is_absolute() and ".." not in path.parts


def _name_data(catalog: Path, data: Path) -> None:
    """Write into the catalogue where its files will be; it is nobody's yet."""
    with suppress(sqlite3.Error), closing(sqlite3.connect(catalog)) as con, con:
        con.execute("UPDATE ducklake_metadata SET value = ? WHERE key = 'data_path'", [f"{data}/"])


def _put_landed(new: Path, old: Path) -> None:
    """Put landed files in place; an event that waits stays: it was answered, and nobody sends it again."""
    (old / WEBHOOKS).mkdir(mode=0o700, parents=True, exist_ok=True)
    for path in old.iterdir():
        if path.name != WEBHOOKS:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    for path in new.rglob("*"):
        if path.is_file():
            place = old / path.relative_to(new)
            place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            path.replace(place)


def _replace(new: Path, old: Path) -> None:
    shutil.rmtree(old, ignore_errors=True)
    new.mkdir(mode=0o700, exist_ok=True)
    shutil.move(new, old)
