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
from itertools import count
from pathlib import Path
from threading import Lock
from typing import Literal, Self

from resources.errors import KobosiftError
from resources.mono.bodies import decode_strictly, may_be_unfit
from resources.seen_events import SeenEvents

Scheme = Literal["hmac", "secret", "none"]
"""How an event was proved; `none` where proof is switched off, which production refuses."""

WEBHOOKS = "webhooks"
"""The folder below `Settings.landing` in which events wait: `<UTC moment>-<16 hex>.json`, sorted by arrival."""
SEEN = "seen.txt"
"""The journal of the events that landed of late, in the same folder."""
SAME_FOR = timedelta(hours=80)
"""For so long an event that comes again is not landed again."""

_BESIDE = ".tmp"
_KEPT_BESIDE = timedelta(minutes=1)
_NUMBERS = count(secrets.randbits(63))
"""Tell apart what is written beside by threads and by processes."""
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
        try:
            text = _compact(value) if may_be_unfit(body) else body.decode("utf-8-sig").strip()
            identity = value.get("event_id") if isinstance(value, dict) else None
            named = isinstance(identity, str) and identity
            told = f"id {identity}" if named else f"content {_compact(value, sort_keys=True)}"
        except RecursionError:
            raise ValueError("nested too deeply") from None
        return cls(text, hashlib.sha256(told.encode("utf-8", "surrogatepass")).hexdigest())


@dataclass(frozen=True)
class Waiting:
    """The events that wait to be processed, and the names of the first and the last to arrive of them."""

    count: int
    first: str | None = None
    last: str | None = None


class Lander:
    """Puts events down in the landing folder, whole and once; for any number of threads, and of processes."""

    def __init__(self, folder: Path) -> None:
        """Take `Settings.landing`, there or not yet."""
        self._folder = folder
        self._seen = SeenEvents(folder / SEEN)

    def land(self, event: Event, scheme: Scheme, *, now: datetime) -> bool:
        """Put an event down: written beside, flushed, renamed; false where it was within 80 hours.

        An event is marked as seen once it is on disk, so that one that could not be put down can be sent again. The
        flush makes the file last under the name beside; should power fail before the new name lasts too, `tidy` gives
        it again.

        Args:
            event: as read by `Event.of`.
            scheme: how it was proved.
            now: the moment of arrival, in UTC.

        Raises:
            LandingError: it cannot be written; nothing is left of it.
        """
        with _LOCKS[int(event.key[:8], 16) % len(_LOCKS)]:
            if self._seen.since(event.key, now - SAME_FOR):
                return False
            folder = self._folder / WEBHOOKS
            name = f"{now:%Y%m%dT%H%M%S%f}-{event.key[:16]}.json"
            content = f'{{"received_at":"{now.isoformat()}","scheme":"{scheme}","event":{event.text}}}\n'
            try:
                _write_whole(folder, name, content.encode())
            except OSError as error:
                raise LandingError(
                    f"the folder {folder} cannot be written ({error.strerror}). Make room on the disk, or set "
                    "KOBOSIFT_HOME to where there is; then have the event sent again."
                ) from error
            self._seen.mark(event.key, now)
        return True

    def tidy(self, *, now: datetime) -> None:
        """Forget events that may come anew; of what was left beside, land what is whole and remove the rest."""
        self._seen.forget(now - SAME_FOR)
        for path in (self._folder / WEBHOOKS).glob(f".*{_BESIDE}"):
            if not _touched_since(path, now - _KEPT_BESIDE):
                _finish(path)
        for path in self._folder.glob(f".{SEEN}.*"):
            if not _touched_since(path, now - _KEPT_BESIDE):
                path.unlink(missing_ok=True)

    def close(self) -> None:
        """Let go of what is open."""
        self._seen.close()


def waiting(landing: Path) -> Waiting:
    """Count the events that wait."""
    names = [path.name for path in (landing / WEBHOOKS).glob("*.json")]
    return Waiting(len(names), min(names, default=None), max(names, default=None))


def _compact(value: object, *, sort_keys: bool = False) -> str:
    return json.dumps(value, sort_keys=sort_keys, separators=(",", ":"), default=str)


def _touched_since(path: Path, moment: datetime) -> bool:
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


# Names are texts here: what paths cost is much where a file is written in a hundred microseconds.
def _write_whole(folder: Path, name: str, content: bytes) -> None:
    beside = f"{folder}/.{name}.{next(_NUMBERS):016x}{_BESIDE}"
    place = f"{folder}/{name}"
    try:
        file = _opened(beside)
        try:
            written = os.write(file, content)
            while written < len(content):
                written += os.write(file, content[written:])
        finally:
            os.close(file)
        os.rename(beside, place)  # noqa: PTH104
    except OSError:
        for each in (beside, place):
            with suppress(OSError):
                os.unlink(each)  # noqa: PTH108
        raise


def _opened(path: str) -> int:
    """Open a new file of which every write is on disk when it returns, in a folder that is made where it is missing."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_DSYNC
    try:
        return os.open(path, flags, 0o600)
    except FileNotFoundError:
        folder = Path(path).parent
        for each in (folder.parent, folder):
            each.mkdir(mode=0o700, parents=True, exist_ok=True)
        return os.open(path, flags, 0o600)
