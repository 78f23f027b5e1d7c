"""Erasure, from the asking to the proof: retention, `erase`, and unlinking with purge are all this.

Delete everywhere in one transaction, make it physical, clear the files beside the warehouse, look for what was erased,
record. Each step may be done again: an erasure that was killed is finished by the next one, whatever that one is for.
Which rows go is said by the data map, how bytes go by `resources/warehouse/compaction.py`, how it is looked for by
`pipelines/look.py`; this holds their order.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import uuid4

import polars as pl

from pipelines.look import Look
from resources import backups, erasure_home
from resources.clock import Clock
from resources.erasure_home import Pending
from resources.settings import Settings
from resources.warehouse import compaction, erasures
from resources.warehouse.connection import Warehouse
from resources.warehouse.erasures import Request, Scope
from resources.warehouse.traces import Traces
from rules.retention import first_day_kept


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


def delete_in_copy(copy: Warehouse, settings: Settings, clock: Clock, scopes: Sequence[Scope], *, run_id: str) -> None:
    """Delete what was begun, and some scopes, from a copy of the warehouse that lies aside, while no one else erases.

    Its notes go to the copy's own home. Once they and the copy are in place, the next erasure finishes it.

    Raises:
        WarehouseError: it could not be done; the copy is good for nothing then.
    """
    _Eraser(copy, settings, clock, run_id).begin(scopes)


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
            backups.clear_aside(home)
            key = erasure_home.erasure_key(home)
            done = [self._carry_on(each) for each in erasure_home.pending(home, key)]
            if scope is not None:
                request = Request(str(uuid4()), scope, self.clock.now(), key)
                done.append(self._carry_on(erasure_home.keep_pending(home, request)))
            return [each for each in done if each.counts]

    def begin(self, scopes: Sequence[Scope]) -> None:
        """Only delete: what was begun, where its deletion is not in this warehouse, and then this."""
        home = self.settings.kobosift_home
        key = erasure_home.erasure_key(home)
        with self.warehouse.read() as con:
            found = erasure_home.pending(home, key)
            found = [each for each in found if erasures.begun(con, each.request.erasure_id) is None]
        for each in found:
            self._delete(each.request, each.traces)
        for scope in scopes:
            self._delete(Request(str(uuid4()), scope, self.clock.now(), key), Traces())

    def _carry_on(self, work: Pending) -> Erased:
        """Do an erasure from wherever it stands to its end."""
        request, traces = work.request, work.traces
        with self.warehouse.read() as con:
            counts = erasures.begun(con, request.erasure_id)
        if counts is None:
            counts, traces = self._delete(request, traces)
        if not counts:
            work.path.unlink()
            return Erased(request.erasure_id, request.told, {}, proved=True)
        left = compaction.make_physical(self.warehouse)
        left += Look(self.warehouse, self.settings, request.scope, traces, work.path).clear_and_look()
        self.warehouse.write(
            lambda con: erasures.finish(con, request.erasure_id, proved=not left, now=self.clock.now()),
            run_id=self.run_id,
            note="erasure",
        )
        if not left:
            with self.warehouse.read() as con:
                past = erasures.past(con, request, counts, now=self.clock.now())
            erasure_home.keep_journal(self.settings.kobosift_home, past)
            work.path.unlink()
        return Erased(request.erasure_id, request.told, counts, proved=not left, remnants=left)

    def _delete(self, request: Request, before: Traces) -> tuple[dict[str, int], Traces]:
        """Delete, and note what the rows are known by, with what was noted before: rows of a former warehouse."""
        known = Traces()

        def name(traces: Traces) -> None:
            nonlocal known
            known = traces.and_those(before)
            erasure_home.keep_pending(self.warehouse.home, request, known)

        counts = self.warehouse.write(
            lambda con: erasures.erase(con, request, name), run_id=self.run_id, note="erasure"
        )
        return counts, known
