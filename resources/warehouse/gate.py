"""The gate between readers and whoever takes old files away: a lock shared by readers, alone for the other.

Readers never wait for each other nor for writers. Where files of an older snapshot are to be deleted, new readers wait
at the gate and those inside read to their end first, so that none finds a file gone. Two files beside the catalogue
carry it; the system lets go of both where a process dies.
"""

from __future__ import annotations

import fcntl
import os
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

_POLL_SECONDS = 0.01


class Gate:
    """The gate of one catalogue that is a file."""

    def __init__(self, catalog: Path) -> None:
        """Name the files; they are made when they are first needed."""
        self._doors = [catalog.with_name(f"{catalog.name}.{name}") for name in ("gate", "readers")]
        self._counting = threading.Lock()
        self._inside: dict[int, tuple[int, ExitStack]] = {}  # by thread: how often it is inside, and what it holds

    @contextmanager
    def reading(self, seconds: float) -> Iterator[None]:
        """Read inside the gate; a thread that is inside already just goes on.

        Raises:
            TimeoutError: whoever is alone did not let go in time.
        """
        thread = threading.get_ident()
        self._enter(thread, seconds)
        try:
            yield
        finally:
            self._leave(thread)

    @contextmanager
    def alone(self, seconds: float) -> Iterator[None]:
        """Keep readers out, once those inside have read to their end.

        Raises:
            TimeoutError: they did not in time; they go on undisturbed.
        """
        outer, inner = self._doors
        with ExitStack() as held:
            held.enter_context(_held(outer, fcntl.LOCK_EX, seconds))
            held.enter_context(_held(inner, fcntl.LOCK_EX, seconds))
            thread = threading.get_ident()
            with self._counting:
                self._inside[thread] = (1, ExitStack())
            try:
                yield
            finally:
                self._leave(thread)

    def _enter(self, thread: int, seconds: float) -> None:
        with self._counting:
            count, held = self._inside.get(thread, (0, ExitStack()))
            if count:
                self._inside[thread] = (count + 1, held)
                return
        outer, inner = self._doors
        with _held(outer, fcntl.LOCK_SH, seconds):
            held.enter_context(_held(inner, fcntl.LOCK_SH, seconds))
        with self._counting:
            self._inside[thread] = (1, held)

    def _leave(self, thread: int) -> None:
        with self._counting:
            count, held = self._inside.pop(thread)
            if count > 1:
                self._inside[thread] = (count - 1, held)
                return
        held.close()


@contextmanager
def _held(path: Path, how: int, seconds: float) -> Iterator[None]:
    """Hold a lock on a file; each holding has its own open file, so that threads exclude each other too."""
    file = _opened(path)
    try:
        if file is not None:
            _lock(file, how, seconds)
        yield
    finally:
        if file is not None:
            os.close(file)


def _opened(path: Path) -> int | None:
    """The file, made if missing; None where this user may not even read there: then there is nothing to guard."""
    for way in (os.O_RDWR | os.O_CREAT, os.O_RDONLY):
        with suppress(OSError):
            return os.open(path, way | os.O_CLOEXEC, 0o600)
    return None


def _lock(file: int, how: int, seconds: float) -> None:
    until = time.monotonic() + seconds
    while True:
        try:
            return fcntl.flock(file, how | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > until:
                raise TimeoutError from None
            time.sleep(_POLL_SECONDS)
