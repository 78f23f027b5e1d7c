"""Erasure, from the asking to the proof: retention, `erase`, and unlinking with purge are all this.

Delete everywhere in one transaction, make it physical, clear the files beside the warehouse, look for what was erased,
record. Each step may be done again: an erasure that was killed is finished by the next one, whatever that one is for.
Which rows go is said by the data map, how bytes go by `resources/warehouse/compaction.py`, how it is looked for by
`resources/remnants.py`; this holds their order.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from uuid import uuid4
from zoneinfo import ZoneInfo

import duckdb
import polars as pl

from resources import erasure_home, remnants
from resources.clock import Clock
from resources.erasure_home import Pending
from resources.errors import WarehouseError
from resources.remnants import Found, Task
from resources.settings import Settings
from resources.warehouse import compaction, erasures
from resources.warehouse.connection import Warehouse
from resources.warehouse.erasures import Request, Scope
from rules.retention import first_day_kept
from rules.transactions import LAGOS

SHORTEST_SOUGHT = 8
"""A shorter id is no evidence: it is found by chance. Its rows are looked for in SQL all the same."""
MOST_SOUGHT = 20_000
"""So many ids at most are looked for byte by byte, evenly taken from all; in the tables, all are."""
DECODED_BYTES = 64 << 20
"""Up to so many bytes of data files are decoded in the look; beyond, the lake itself is asked which rows they hold."""


@dataclass(frozen=True)
class Erased:
    """What an erasure did."""

    erasure_id: str
    scope: str
    counts: dict[str, int]
    """Rows that went, by table."""
    proved: bool
    """Whether nothing of it was found afterwards."""
    remnants: list[str] = field(default_factory=list)
    """Where something was."""


def purge_expired(warehouse: Warehouse, settings: Settings, clock: Clock, *, run_id: str) -> list[Erased]:
    """Erase what is older than `MONO_DATA_RETENTION_DAYS`, by booked day; unset, only finish what was begun.

    Returns:
        What was erased, erasures that were begun before among it; empty where there was nothing to do.

    Raises:
        WarehouseError: it could not be done; the next purge goes on with it.
    """
    before = first_day_kept(settings.mono_data_retention_days, clock.now())
    return _Eraser(warehouse, settings, clock, run_id).erase(None if before is None else Scope(before=before))


def erase_account(
    warehouse: Warehouse, settings: Settings, clock: Clock, account_id: str, *, run_id: str
) -> list[Erased]:
    """Erase everything derived from an account; a link that stands keeps its row, emptied.

    Returns:
        As `purge_expired`.

    Raises:
        WarehouseError: it could not be done; the next purge or erasure goes on with it.
    """
    return _Eraser(warehouse, settings, clock, run_id).erase(Scope(account_id=account_id))


def erase_scope(warehouse: Warehouse, settings: Settings, clock: Clock, scope: Scope, *, run_id: str) -> list[Erased]:
    """Erase what a scope says; as the two above, which are what people ask for."""
    return _Eraser(warehouse, settings, clock, run_id).erase(scope)


def preview(warehouse: Warehouse, scope: Scope) -> pl.DataFrame:
    """What an erasure would delete, as `erasures.preview` gives it; nothing is written."""
    with warehouse.read() as con:
        return erasures.preview(con, scope)


@dataclass(frozen=True)
class _Eraser:
    warehouse: Warehouse
    settings: Settings
    clock: Clock
    run_id: str

    def erase(self, scope: Scope | None) -> list[Erased]:
        """Finish what was begun, then do this."""
        home = self.settings.kobosift_home
        with erasure_home.one_at_a_time(home):
            key = erasure_home.erasure_key(home)
            done = [self._carry_on(each) for each in erasure_home.pending(home, key)]
            if scope is not None and preview(self.warehouse, scope).height:
                request = Request(str(uuid4()), scope, self.clock.now(), key)
                done.append(self._carry_on(erasure_home.keep_pending(home, request)))
            return [each for each in done if each.counts]

    def _carry_on(self, work: Pending) -> Erased:
        """Do an erasure from wherever it stands to its end."""
        request, lines = work.request, work.lines
        with self.warehouse.read() as con:
            counts = erasures.begun(con, request.erasure_id)
        if counts is None:
            counts, lines = self._delete(request)
        if not counts:
            work.path.unlink()
            return Erased(request.erasure_id, request.told, {}, proved=True)
        left = compaction.make_physical(self.warehouse)
        left += self._clear_and_look(request.scope, lines)
        self.warehouse.write(
            lambda con: erasures.finish(con, request.erasure_id, proved=not left, now=self.clock.now()),
            run_id=self.run_id,
            note="erasure",
        )
        if not left:
            with self.warehouse.read() as con:
                erasure_home.keep_journal(self.settings.kobosift_home, erasures.past(con, request, counts))
            work.path.unlink()
        return Erased(request.erasure_id, request.told, counts, proved=not left, remnants=left)

    def _delete(self, request: Request) -> tuple[dict[str, int], list[str]]:
        lines: list[str] = []

        def name(found: list[str]) -> None:
            lines[:] = found
            erasure_home.keep_pending(self.settings.kobosift_home, request, found)

        counts = self.warehouse.write(
            lambda con: erasures.erase(con, request, name), run_id=self.run_id, note="erasure"
        )
        return counts, lines

    def _clear_and_look(self, scope: Scope, lines: Sequence[str]) -> list[str]:
        """Clear the files beside the warehouse, then look everywhere; where something is left."""
        if scope.before is not None:
            _remove_older(self.settings.landing, scope.before)
        with self.warehouse.read() as con:
            left = erasures.rows_left(con, scope, lines)
            sought = _sought(con, scope, lines)
        try:
            found = self._found(sought)
            for each in found:
                if self._is_clearable(Path(each.path)):
                    self._apart(Task([], [sought[place] for place in each.needles], clear=[each.path]))
            return [*left, *(self._told(each.path) for each in (self._found(sought) if found else []))]
        except OSError as error:
            message = f"what was erased could not be looked for: {error}. Do the same again."
            raise WarehouseError(message) from error

    def _found(self, sought: Sequence[str]) -> list[Found]:
        """Where ids are found that no row in force explains."""
        if not sought:
            return []
        places = self._places()
        found = self._apart(
            Task([str(each) for each in places], list(sought), [str(each) for each in self._left_out()])
        )
        names = sorted({sought[place] for each in found for place in each.needles})
        with self.warehouse.read() as con:
            known = erasures.still_named(con, names, in_part=True) if names else set()
        unknown = [Found(each.path, [place for place in each.needles if sought[place] not in known]) for each in found]
        return [each for each in unknown if each.needles]

    def _apart(self, task: Task) -> list[Found]:
        return remnants.run_apart(task, self.settings.kobosift_home / "tmp")

    def _places(self) -> Iterator[Path]:
        yield self.settings.kobosift_home
        if catalog := self.warehouse.catalog_file:
            yield catalog
            yield catalog.with_name(catalog.name + "-wal")
        if folder := self.warehouse.data_folder:
            yield folder

    def _left_out(self) -> Iterator[Path]:
        yield erasure_home.erasure_folder(self.settings.kobosift_home)
        folder = self.warehouse.data_folder
        if folder and sum(path.stat().st_size for path in folder.rglob("*.parquet")) > DECODED_BYTES:
            yield folder

    def _is_clearable(self, path: Path) -> bool:
        """Whether a file is one that lies beside the warehouse, and not part of it."""
        kept = [each for each in (self.warehouse.catalog_file, self.warehouse.data_folder) if each]
        return not any(path == each or each in path.parents or path.name.startswith(f"{each.name}-") for each in kept)

    def _told(self, path: str) -> str:
        """A place as a person finds it."""
        found, home = Path(path), self.settings.kobosift_home
        return str(found.relative_to(home)) if home in found.parents else path


def _sought(con: duckdb.DuckDBPyConnection, scope: Scope, lines: Sequence[str]) -> list[str]:
    """The ids to look for byte by byte: of lines, and of an account of which no row stays."""
    names = sorted(line for line in lines if len(line) >= SHORTEST_SOUGHT)
    step = -(-len(names) // MOST_SOUGHT) or 1
    account = scope.account_id
    whole = (
        account is not None
        and len(account) >= SHORTEST_SOUGHT
        and not erasures.still_named(con, [account], in_part=False)
    )
    return [*([account] if whole and account else []), *names[::step]]


def _remove_older(landing: Path, before: date) -> None:
    """Remove landed files that came before a day."""
    for path in landing.rglob("*"):
        if path.is_file() and datetime.fromtimestamp(path.stat().st_mtime, ZoneInfo(LAGOS)).date() < before:
            path.unlink(missing_ok=True)
