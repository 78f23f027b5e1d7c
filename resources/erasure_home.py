"""What an erasure keeps in the home, outside the warehouse: the key of its hashes, and the work it has begun.

`erasure/key` is made once; whoever has it can tell whether a known id was erased, and nothing more. A file in
`erasure/pending` names what is being erased, by the ids of lines and by parts of their texts, until it is gone and was
looked for: that is what lets a purge that was killed go on and prove it. `erasure/journal` remembers what was erased,
by keyed hashes. Holds no SQL and deletes nothing else.
"""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import date, datetime
from pathlib import Path

from filelock import FileLock, Timeout

from resources.errors import WarehouseError
from resources.warehouse.erasures import Admission, Past, Request, Scope
from resources.warehouse.traces import Traces

_KEY_BYTES = 32
_LOCK_SECONDS = 600


@dataclass(frozen=True)
class Pending:
    """One erasure that is not finished."""

    path: Path
    request: Request
    traces: Traces
    """What the rows were known by, once that is gathered."""


def erasure_key(home: Path) -> bytes:
    """The key that erased ids are hashed with; made where there is none.

    Raises:
        WarehouseError: it cannot be made or read.
    """
    path = _folder(home) / "key"
    try:
        if not path.exists():
            beside = path.with_name(f"key.{os.getpid()}.{secrets.token_hex(4)}")
            _write(beside, secrets.token_bytes(_KEY_BYTES))
            with suppress(FileExistsError):  # another process was first: its key counts
                path.hardlink_to(beside)
            beside.unlink()
        key = path.read_bytes()
    except OSError as error:
        raise WarehouseError(f"the key of erasures {path} cannot be read or made ({error.strerror}).") from error
    if len(key) != _KEY_BYTES:
        raise WarehouseError(f"the key of erasures {path} is damaged: bring it back from a backup.")
    return key


def admission(home: Path, first_day: date | None = None) -> Admission:
    """What may come into the warehouse of this home.

    Args:
        home: where the key is.
        first_day: the first booked day that is kept; left out, retention counts as far as it has erased.
    """
    return Admission(lambda: erasure_key(home), first_day)


@contextmanager
def one_at_a_time(home: Path) -> Iterator[None]:
    """Let one process erase at a time.

    Raises:
        WarehouseError: another one has been erasing for long.
    """
    let_go = hold_off(home, _LOCK_SECONDS)
    try:
        yield
    finally:
        let_go()


def hold_off(home: Path, seconds: float) -> Callable[[], None]:
    """Let no erasure begin until what is returned is called, from any thread.

    Raises:
        WarehouseError: one is going on, and was for so many seconds.
    """
    lock = FileLock(_folder(home) / "lock", timeout=seconds, thread_local=False)
    try:
        lock.acquire()
    except Timeout as error:
        raise WarehouseError("another erasure is still going on: wait for it, then do the same again.") from error
    return lock.release


def keep_pending(home: Path, request: Request, traces: Traces | None = None) -> Pending:
    """Write down what is being erased, whole or not at all, flushed to disk."""
    traces = traces or Traces()
    path = _pending(home) / f"{request.erasure_id}.json"
    scope = request.scope
    told = {
        "account_id": scope.account_id,
        "before": scope.before and scope.before.isoformat(),
        "requested_at": request.requested_at.isoformat(),
        **asdict(traces),
    }
    beside = path.with_suffix(".part")
    _write(beside, json.dumps(told).encode())
    beside.replace(path)
    return Pending(path, request, traces)


def pending(home: Path, key: bytes) -> list[Pending]:
    """The erasures that were begun and not finished, the oldest first."""
    found = []
    for path in _pending(home).glob("*.json"):
        told = json.loads(path.read_bytes())
        scope = Scope(told["account_id"], told["before"] and date.fromisoformat(told["before"]))
        request = Request(path.stem, scope, datetime.fromisoformat(told["requested_at"]), key)
        found.append(Pending(path, request, Traces(told["lines"], told.get("texts", []))))
    return sorted(found, key=lambda each: (each.request.requested_at, each.request.erasure_id))


def pending_ids(home: Path) -> set[str]:
    """The ids of erasures that were begun and not finished; nothing is made for the asking."""
    return {path.stem for path in (erasure_folder(home) / "pending").glob("*.json")}


def put_pending(aside: Path, home: Path) -> None:
    """Take over what is being erased of a warehouse that lay aside, notes of the same erasures replaced."""
    for path in _pending(aside).glob("*.json"):
        beside = _pending(home) / f"{path.stem}.part"
        _write(beside, path.read_bytes())
        beside.replace(beside.with_suffix(".json"))


def keep_journal(home: Path, past: Past) -> None:
    """Remember an erasure outside the warehouse, by keyed hashes, for backups that are put back."""
    folder = _folder(home) / "journal"
    folder.mkdir(mode=0o700, exist_ok=True)
    beside = folder / f"{past.erasure_id}.part"
    _write(beside, json.dumps(asdict(past), default=str).encode())
    beside.replace(folder / f"{past.erasure_id}.json")


def journal(home: Path) -> list[Past]:
    """The erasures that this home remembers, the oldest first.

    Raises:
        WarehouseError: one of its files is damaged.
    """
    found = []
    for path in (erasure_folder(home) / "journal").glob("*.json"):
        try:
            told = json.loads(path.read_bytes())
            told["requested_at"] = datetime.fromisoformat(told["requested_at"])
            told["finished_at"] = datetime.fromisoformat(told.get("finished_at") or str(told["requested_at"]))
            told["before"] = told["before"] and date.fromisoformat(told["before"])
            told["hashes"] = [(account, line) for account, line in told["hashes"]]
            found.append(Past(**told))
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise WarehouseError(f"the record of an erasure {path} is damaged: bring it back from a copy.") from error
    return sorted(found, key=lambda each: (each.requested_at, each.erasure_id))


def erasure_folder(home: Path) -> Path:
    """Where all of it is."""
    return home / "erasure"


def _folder(home: Path) -> Path:
    folder = erasure_folder(home)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


def _pending(home: Path) -> Path:
    folder = _folder(home) / "pending"
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder


def _write(path: Path, data: bytes) -> None:
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        view = memoryview(data)
        while view:
            view = view[os.write(file, view) :]
        os.fsync(file)
    finally:
        os.close(file)
