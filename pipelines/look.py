"""The proof of an erasure: files beside the warehouse are cleared of what was erased, then it is looked for everywhere.

Looked for are the ids of lines, the account's, and parts of the texts that stood in the rows, in every byte below the
home and in the warehouse's own files, decoded (`resources/remnants.py`), and the ids in the names of files and folders;
in SQL, the rows themselves. What a row in force says as well (another account's equal narration, a signed invoice, the
tenant's own books) is no remnant. It holds the order of these steps; nothing here deletes a row.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import duckdb

from resources import erasure_home, remnants
from resources.errors import WarehouseError
from resources.landing import SEEN
from resources.mono.events import event_of
from resources.remnants import Found, Task
from resources.settings import Settings
from resources.warehouse import erasures, far, traces
from resources.warehouse.connection import Warehouse
from resources.warehouse.erasures import Scope
from resources.warehouse.failures import readable
from resources.warehouse.traces import SHORTEST_ID, Traces
from rules.transactions import LAGOS

DECODED_BYTES = 64 << 20
"""Up to so many bytes of data files, all are decoded; beyond, those written since: SQL says what the others hold."""
_CLOCKS_APART = timedelta(minutes=10)


@dataclass(frozen=True)
class Look:
    """The look after one erasure."""

    warehouse: Warehouse
    settings: Settings
    scope: Scope
    known: Traces
    since: Path
    """A file last written before anything was deleted: files of the lake that are older were not touched."""

    def clear_and_look(self) -> list[str]:
        """Clear the files beside the warehouse, then look everywhere; where something is left, in words.

        Raises:
            WarehouseError: it could not be looked for; the next purge does.
        """
        if self.scope.before is not None:
            _remove_older(self.settings.landing, self.scope.before)
        (self.settings.landing / SEEN).unlink(missing_ok=True)  # a hash of what was said tells of it to who can guess
        with self.warehouse.read() as con:
            left = erasures.rows_left(con, self.scope, self.known.lines)
        try:
            sought = self.sought()
            found = self.found(sought)
            for each in found:
                self._clear(each, sought)
            return [*left, *(self._told(each) for each in (self.found(sought) if found else []))]
        except OSError as error:
            message = f"what was erased could not be looked for: {error}. Do the same again."
            raise WarehouseError(message) from error

    def sought(self) -> list[str]:
        """What to look for byte by byte: ids of lines, parts of texts, and an account of which no row stays."""
        account = self.scope.account_id
        gone = []
        if account is not None and len(account) >= SHORTEST_ID:
            with self.warehouse.read() as con:
                gone = [] if traces.stays(con, account) else [account]
        return list(dict.fromkeys([*gone, *self.known.ids(), *self.known.texts]))

    def found(self, sought: Sequence[str]) -> list[Found]:
        """Where something is found that no row in force explains, and what cannot be read.

        Raises:
            OSError: it could not be looked for.
        """
        if not sought:
            return []
        places, left_out = ([str(each) for each in paths] for paths in (self._places(), self._left_out()))
        with self._brought():
            found = self._apart(Task(places, list(sought), left_out))
        ids = set(sought).intersection([self.scope.account_id or "", *self.known.ids()])
        found = [replace(each, named=_standing(each.named, sought, ids, each.path)) for each in found]
        names = sorted({sought[place] for each in found for place in (*each.needles, *each.named)})
        with self.warehouse.read() as con:
            known = traces.explained(con, names)
        unknown = (
            Found(
                each.path,
                [place for place in each.needles if sought[place] not in known],
                each.unreadable and self._is_clearable(Path(each.path)),  # a data file may be being written just now
                [place for place in each.named if sought[place] not in known],
            )
            for each in found
            if not self._is_anothers(Path(each.path))
        )
        return [each for each in unknown if each.needles or each.unreadable or each.named]

    def _clear(self, found: Found, sought: Sequence[str]) -> None:
        """Take out what was found in a file beside the warehouse; a file that is named by it goes, with its folder."""
        path = Path(found.path)
        if not self._is_clearable(path):
            return
        if found.named:
            _remove(path, [sought[place] for place in found.named], self.settings.kobosift_home)
        elif found.needles:
            self._apart(Task([], [sought[place] for place in found.needles], clear=[found.path]))

    @contextmanager
    def _brought(self) -> Iterator[None]:
        """Keep below the home, while it is looked for, what of the warehouse is on other machines.

        Raises:
            WarehouseError: it cannot be read.
        """
        shutil.rmtree(self._from_afar, ignore_errors=True)
        try:
            if server := self.warehouse.catalog_server:
                far.bring_catalogue(server, self._from_afar / "catalogue", self.warehouse.home / "tmp")
            if address := self.warehouse.data_address:
                with self.warehouse.read() as con:
                    began = datetime.fromtimestamp(self.since.stat().st_mtime, UTC) - _CLOCKS_APART
                    far.bring_objects(con, address, self._from_afar / "objects", most=DECODED_BYTES, since=began)
            yield
        except duckdb.Error as error:
            raise readable(error) from error
        finally:
            shutil.rmtree(self._from_afar, ignore_errors=True)

    @property
    def _from_afar(self) -> Path:
        return self.settings.kobosift_home / "tmp" / "from-afar"

    def _apart(self, task: Task) -> list[Found]:
        return remnants.run_apart(task, self.settings.kobosift_home / "tmp")

    def _places(self) -> Iterator[Path]:
        yield self.settings.kobosift_home
        if catalog := self.warehouse.catalog_file:
            yield catalog
            yield catalog.with_name(catalog.name + "-wal")
        if folder := self.warehouse.data_folder:
            began = self.since.stat().st_mtime
            yield from (
                (path for path in _data_files(folder) if path.stat().st_mtime >= began)
                if _is_large(folder)
                else [folder]
            )

    def _left_out(self) -> Iterator[Path]:
        """What is not looked at: this erasure's own notes, and what a person wrote there as settings and rules."""
        home = self.settings.kobosift_home
        yield erasure_home.erasure_folder(home)
        yield from (home / ".env", home / "keys", *home.rglob("*.toml"))
        if (folder := self.warehouse.data_folder) and _is_large(folder):
            yield folder

    def _is_clearable(self, path: Path) -> bool:
        """Whether a file is one that lies beside the warehouse, and not part of it."""
        places = (self.warehouse.catalog_file, self.warehouse.data_folder, self._from_afar)
        kept = [each for each in places if each]
        return not any(path == each or each in path.parents or path.name.startswith(f"{each.name}-") for each in kept)

    def _is_anothers(self, path: Path) -> bool:
        """Whether a file is a landed event of another line or account than was erased: it may still wait."""
        if self.settings.landing not in path.parents or path.suffix != ".json":
            return False
        try:
            event = event_of(json.loads(path.read_bytes())["event"])
        except (OSError, ValueError, KeyError, TypeError):
            return False
        if self.scope.account_id is not None:
            return event.account_id not in (None, self.scope.account_id)
        line = event.content.get("id") or event.content.get("_id") if isinstance(event.content, Mapping) else None
        return line is not None and line not in self.known.lines

    def _told(self, found: Found) -> str:
        """A place as a person finds it."""
        path, home = Path(found.path), self.settings.kobosift_home
        place = str(path.relative_to(home)) if home in path.parents else found.path
        if self._from_afar in path.parents:
            place = f"{path.relative_to(self._from_afar)} of the warehouse"
        return (
            place if found.needles or found.named else f"{place} (it is damaged, and cannot be read: mend or remove it)"
        )


def _standing(places: Sequence[int], sought: Sequence[str], ids: set[str], path: str) -> list[int]:
    """Those of some places in what is sought that are ids, and stand in a path as a word: within one, it is chance."""
    return [
        place
        for place in places
        if sought[place] in ids and re.search(rf"(?<![A-Za-z0-9]){re.escape(sought[place])}(?![A-Za-z0-9])", path)
    ]


def _remove(path: Path, names: Sequence[str], home: Path) -> None:
    """Remove a file or an empty folder of some names, and folders of these names above it that are empty then."""
    path.rmdir() if path.is_dir() else path.unlink(missing_ok=True)
    for folder in path.parents:
        if home not in folder.parents or not any(name in str(folder.relative_to(home)) for name in names):
            return
        try:
            folder.rmdir()
        except OSError:  # it holds more
            return


def _data_files(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.parquet"))


def _is_large(folder: Path) -> bool:
    return sum(path.stat().st_size for path in _data_files(folder)) > DECODED_BYTES


def _remove_older(landing: Path, before: date) -> None:
    """Remove landed files that came before a day."""
    for path in landing.rglob("*"):
        if path.is_file() and datetime.fromtimestamp(path.stat().st_mtime, ZoneInfo(LAGOS)).date() < before:
            path.unlink(missing_ok=True)
