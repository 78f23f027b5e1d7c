"""What has landed: the files of events, listed, read, and moved away once they are dealt with.

Holds the reading side of the landing folder; how files get there is `resources/landing.py`. It must not hold what an
event means. Files are found by looking at the whole folder, so that one whose name sorts early but arrives late is
found as well. A file that is moved by another process meanwhile is simply gone.
"""

from __future__ import annotations

import heapq
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from resources.errors import WarehouseError
from resources.mono.bodies import decode

_WAITING, _PROCESSED, _QUARANTINE = "webhooks", "processed", "quarantine"
_REASON = ".reason.txt"
_MOST_BYTES = 4 * 2**20
_STAMP = "%Y%m%dT%H%M%S%f"


class UnreadableFileError(ValueError):
    """A landed file that is not what the gateway writes; its text holds nothing of the file."""


@dataclass(frozen=True)
class LandedEvent:
    """What one file holds."""

    received_at: datetime
    event: object
    """The event as it came, decoded."""


@dataclass(frozen=True)
class LandingFolder:
    """The landing folder of an installation, there or not yet."""

    folder: Path

    def count(self) -> int:
        """How many files wait."""
        return len(self._names())

    def waiting(self, limit: int) -> list[Path]:
        """The first files by name, that is by arrival; none where nothing has ever landed."""
        return [self.folder / _WAITING / name for name in heapq.nsmallest(limit, self._names())]

    def _names(self) -> list[str]:
        try:
            with os.scandir(self.folder / _WAITING) as entries:
                return [each.name for each in entries if each.name.endswith(".json") and each.name[0] != "."]
        except FileNotFoundError:
            return []
        except OSError as error:
            raise _no_place(self.folder / _WAITING, error) from error

    def read(self, path: Path) -> LandedEvent | None:
        """What a file holds; None where it is gone.

        Raises:
            UnreadableFileError: it is not what the gateway writes.
        """
        try:
            if path.stat().st_size > _MOST_BYTES:
                raise UnreadableFileError("the file is larger than any event")
            value = decode(path.read_bytes())
        except FileNotFoundError:
            return None
        except OSError as error:
            raise UnreadableFileError("the file cannot be read") from error
        except UnreadableFileError:
            raise
        except ValueError as error:
            raise UnreadableFileError("the file is not JSON") from error
        if not isinstance(value, Mapping) or "event" not in value:
            raise UnreadableFileError("the file holds no event")
        return LandedEvent(_moment(value.get("received_at")) or arrival(path), value["event"])

    def keep(self, path: Path) -> None:
        """Move a file away that was dealt with."""
        self._move(path, _PROCESSED)

    def refuse(self, path: Path, reason: str) -> None:
        """Move a file away that cannot be dealt with, the reason beside it."""
        place = self._place(_QUARANTINE)
        with suppress(OSError):
            (place / f"{path.name}{_REASON}").write_text(f"{reason}\n", encoding="utf-8")
        self._move(path, _QUARANTINE)

    def tidy(self, before: datetime) -> int:
        """Remove the files that were dealt with before a moment; how many there were."""
        removed = 0
        for path in (self.folder / _PROCESSED).glob("*.json"):
            with suppress(OSError):
                if path.stat().st_mtime < before.timestamp():
                    path.unlink()
                    removed += 1
        return removed

    def _move(self, path: Path, where: str) -> None:
        try:
            path.replace(self._place(where) / path.name)
        except FileNotFoundError:
            return
        except OSError as error:
            raise _no_place(self.folder / where, error) from error

    def _place(self, name: str) -> Path:
        place = self.folder / name
        try:
            place.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise _no_place(place, error) from error
        return place


def arrival(path: Path) -> datetime:
    """When a file arrived, by its name, else by its time on disk, else long ago."""
    with suppress(ValueError):
        return datetime.strptime(path.name.partition("-")[0], _STAMP).replace(tzinfo=UTC)
    with suppress(OSError):
        return datetime.fromtimestamp(path.stat().st_mtime, UTC)
    return datetime.fromtimestamp(0, UTC)


def _moment(value: object) -> datetime | None:
    try:
        found = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    return found.astimezone(UTC) if found and found.tzinfo else None


def _no_place(folder: Path, error: OSError) -> WarehouseError:
    return WarehouseError(
        f"the landing folder {folder} cannot be used ({error.strerror}). Make room or give this user the right to "
        "write there, then do the same again."
    )
