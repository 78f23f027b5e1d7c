"""Which events were landed of late: a journal beside the landing folder, shared by every gateway on one home.

Holds keys and moments, nothing of an event. What is lost of it costs no event: one that is not known as seen is landed
again, and taken in once all the same. So nothing is flushed, and a journal that cannot be used is never an error.

A line is 32 hex digits of an event's key, a blank, and microseconds since the epoch. Each gateway keeps what the
journal says in memory, some 150 bytes an event, and reads on where another one has written.
"""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Lock

_DIGITS = 32
_EPOCH, _MICROSECOND = datetime(1970, 1, 1, tzinfo=UTC), timedelta(microseconds=1)


class SeenEvents:
    """The journal; for any number of threads, and of processes."""

    def __init__(self, path: Path) -> None:
        """Name the file, in a folder that is there or not yet; it is made with the first mark."""
        self._path = path
        self._lock = Lock()
        self._moments: dict[bytes, int] = {}
        self._file: int | None = None
        self._read = 0, 0
        """The file that was read, by its number, and how many of its bytes."""
        self._written = 0
        """Bytes written to it since by this gateway."""

    def since(self, key: str, moment: datetime) -> bool:
        """Whether the event of a key (64 hex digits) was marked after a moment."""
        with self._lock:
            self._read_on()
            return self._moments.get(_short(key), 0) > _microseconds(moment)

    def mark(self, key: str, now: datetime) -> None:
        """Keep that an event is on disk."""
        at = _microseconds(now)
        with self._lock, suppress(OSError):
            if self._file is None:
                self._file = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            self._moments[_short(key)] = at
            self._written += os.write(self._file, f"{key[:_DIGITS]} {at}\n".encode())

    def forget(self, moment: datetime) -> None:
        """Write the journal anew without what was marked up to a moment."""
        last = _microseconds(moment)
        with self._lock:
            if not self._read_on():
                return
            kept = {key: at for key, at in self._moments.items() if at > last}
            if len(kept) == len(self._moments):
                return
            beside = self._path.with_name(f".{self._path.name}.{secrets.token_hex(4)}")
            with suppress(OSError):
                beside.touch(0o600)
                beside.write_text("".join(f"{key.hex()} {at}\n" for key, at in kept.items()))
                beside.replace(self._path)
                self._let_go()

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            self._let_go()

    def _read_on(self) -> bool:
        """Read what was written since, all of it where the file is another one; false where it cannot be read."""
        try:
            status = os.stat(self._path)  # noqa: PTH116 - asked for each event
            number, size = status.st_ino, status.st_size
            if self._read == (number, size - self._written):
                self._read, self._written = (number, size), 0
                return True
            if self._read[0] != number or self._read[1] > size:
                self._let_go()
            with self._path.open("rb") as file:
                file.seek(self._read[1])
                text = file.read()
        except OSError:
            self._let_go()
            return False
        whole = text[: text.rfind(b"\n") + 1]
        self._moments.update(filter(None, map(_line, whole.splitlines())))
        self._read, self._written = (number, self._read[1] + len(whole)), 0
        return True

    def _let_go(self) -> None:
        if self._file is not None:
            os.close(self._file)
        self._file, self._moments, self._read, self._written = None, {}, (0, 0), 0


def _line(line: bytes) -> tuple[bytes, int] | None:
    """A line read; nothing where it was cut short."""
    key, _, at = line.partition(b" ")
    try:
        return (bytes.fromhex(key.decode()), int(at)) if len(key) == _DIGITS else None
    except ValueError:
        return None


def _short(key: str) -> bytes:
    return bytes.fromhex(key[:_DIGITS])


def _microseconds(moment: datetime) -> int:
    return (moment - _EPOCH) // _MICROSECOND
