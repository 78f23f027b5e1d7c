"""The landing folder: events from outside, one file each, on disk before they are answered, read afterwards.

Holds how an event is put down: whole, and once. Must not hold what an event means, nor who may send one
(`gateway/webhooks.py`). A BVN is cut to its last four digits before it rests anywhere.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from threading import Lock
from typing import Literal, Self

from resources.errors import KobosiftError
from resources.mono.bodies import decode_strictly

Scheme = Literal["hmac", "secret", "none"]
"""How an event was proved; `none` where proof is switched off, which production refuses."""

WEBHOOKS = "webhooks"
"""The folder below `Settings.landing` in which events wait: `<UTC moment>-<16 hex>.json`, sorted by arrival."""
SAME_FOR = timedelta(hours=80)
"""For so long an event that comes again is not landed again."""

_SEEN = "seen"
_BESIDE = ".tmp"
_KEPT_BESIDE = timedelta(minutes=1)
_LOCKS = tuple(Lock() for _ in range(64))


class LandingError(KobosiftError):
    """An event cannot be put down, such as where the disk is full; nothing of it is left."""


@dataclass(frozen=True)
class Event:
    """A body that is JSON: its text, and 64 hex digits that tell it from other events."""

    text: str
    key: str

    @classmethod
    def of(cls, body: bytes) -> Self:
        """Read a body; the key is made of `event_id` where there is one, else of the content.

        Raises:
            ValueError: it is not JSON.
        """
        value = decode_strictly(body)
        text = body.decode("utf-8-sig").strip()
        if b"bvn" in body.lower() or b"\\u" in body:
            text = json.dumps(value, separators=(",", ":"), default=str)
        identity = value.get("event_id") if isinstance(value, dict) else None
        if isinstance(identity, str) and identity:
            told = f"id {identity}"
        else:
            told = f"content {json.dumps(value, sort_keys=True, separators=(',', ':'), default=str)}"
        return cls(text, hashlib.sha256(told.encode("utf-8", "surrogatepass")).hexdigest())


@dataclass(frozen=True)
class Waiting:
    """The events that wait to be processed, and the names of the first and the last to arrive of them."""

    count: int
    first: str | None = None
    last: str | None = None


def land(landing: Path, event: Event, scheme: Scheme, *, now: datetime) -> bool:
    """Put an event down: written beside, flushed, renamed; false where it was within 80 hours.

    An event is marked as seen once it is on disk, so that one that could not be put down can be sent again. The flush
    makes the file last under the name beside; should power fail before the new name lasts too, `tidy` gives it again.

    Args:
        landing: `Settings.landing`.
        event: as read by `Event.of`.
        scheme: how it was proved.
        now: the moment of arrival, in UTC.

    Raises:
        LandingError: it cannot be written; nothing is left of it.
    """
    seen = landing / _SEEN / event.key[:2] / event.key[2:34]
    with _LOCKS[int(event.key[:8], 16) % len(_LOCKS)]:
        if _seen_since(seen, now - SAME_FOR):
            return False
        folder = landing / WEBHOOKS
        name = f"{now:%Y%m%dT%H%M%S%f}-{event.key[:16]}.json"
        content = f'{{"received_at":"{now.isoformat()}","scheme":"{scheme}","event":{event.text}}}\n'
        try:
            _write_whole(folder, name, content.encode())
        except OSError as error:
            raise LandingError(
                f"the folder {folder} cannot be written ({error.strerror}). Make room on the disk, or set "
                "KOBOSIFT_HOME to where there is; then have the event sent again."
            ) from error
        with suppress(OSError):  # it is on disk: at worst it lands twice, which changes nothing
            _mark(seen, now)
    return True


def waiting(landing: Path) -> Waiting:
    """Count the events that wait."""
    names = [path.name for path in (landing / WEBHOOKS).glob("*.json")]
    return Waiting(len(names), min(names, default=None), max(names, default=None))


def tidy(landing: Path, *, now: datetime) -> None:
    """Remove marks of events that may come anew; of what was left beside, land what is whole and remove the rest."""
    for path in (landing / _SEEN).glob("*/*"):
        if not _seen_since(path, now - SAME_FOR):
            path.unlink(missing_ok=True)
    for path in (landing / WEBHOOKS).glob(f".*{_BESIDE}"):
        if not _seen_since(path, now - _KEPT_BESIDE):
            _finish(path)


def _seen_since(path: Path, moment: datetime) -> bool:
    try:
        return path.stat().st_mtime > moment.timestamp()
    except OSError:
        return False


def _finish(beside: Path) -> None:
    """Land an event that was whole on disk when its process died, under its name; remove one that was not."""
    with suppress(FileNotFoundError):
        try:
            json.loads(beside.read_bytes())
        except ValueError:
            beside.unlink()
        else:
            beside.rename(beside.with_name(beside.name[1:].rpartition(".json.")[0] + ".json"))


def _mark(seen: Path, now: datetime) -> None:
    opened = _opened(seen, os.O_WRONLY | os.O_CREAT)
    try:
        os.utime(opened, (now.timestamp(), now.timestamp()))
    finally:
        os.close(opened)


def _opened(path: Path, flags: int) -> int:
    """Open a file, in a folder that is made where it is missing."""
    try:
        return os.open(path, flags, 0o600)
    except FileNotFoundError:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        return os.open(path, flags, 0o600)


def _write_whole(folder: Path, name: str, content: bytes) -> None:
    beside = folder / f".{name}.{secrets.token_hex(4)}{_BESIDE}"
    place = folder / name
    try:
        with os.fdopen(_opened(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        beside.rename(place)
    except OSError:
        for path in (beside, place):
            with suppress(OSError):
                path.unlink(missing_ok=True)
        raise
