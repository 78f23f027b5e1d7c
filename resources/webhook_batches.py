"""Landed events in batches: taken in together, or one by one where what a file says keeps them from being committed.

Holds which errors are a file's own and what becomes of it; how events are read and merged is in `webhooks.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import duckdb
import polars as pl

from resources.clock import Clock
from resources.errors import WarehouseError
from resources.landed import LandingFolder, arrival
from resources.sync import SyncReport
from resources.warehouse import webhook_events
from resources.warehouse.accounts import Account
from resources.warehouse.connection import Warehouse
from resources.warehouse.webhook_events import Record
from resources.webhooks import EVENTS_A_BATCH, LandedReport, Outcome, Pull, take_in


@dataclass(frozen=True)
class _OneFile(LandingFolder):
    """The landing folder as if one file alone waited there."""

    path: Path

    def waiting(self, limit: int) -> list[Path]:
        """That file."""
        return [self.path][:limit]


@dataclass(frozen=True)
class TakingIn:
    """What it takes to take events in; a file whose words stop a commit does not stop the files behind it."""

    warehouse: Warehouse
    folder: LandingFolder
    pull: Pull
    app_id: str | None
    clock: Clock
    run_id: str

    def batch(self, limit: int = EVENTS_A_BATCH) -> LandedReport:
        """Take in the first landed files: together, or one by one where they cannot be committed for what they say.

        Raises:
            WarehouseError: the warehouse or the folder cannot be used; no file is put aside for that.
        """
        paths = self.folder.waiting(limit)
        taken = self._taken(self.folder, limit)
        return sum(map(self._one, paths), LandedReport()) if isinstance(taken, str) else taken

    def _one(self, path: Path) -> LandedReport:
        taken = self._taken(_OneFile(self.folder.folder, path), 1)
        return self._refused(path, taken) if isinstance(taken, str) else taken

    def _taken(self, folder: LandingFolder, limit: int) -> LandedReport | str:
        """Take in what lies there; where what it says keeps it from being committed, the reason, without its words."""
        committed = False

        def pull(chosen: list[Account]) -> SyncReport:
            nonlocal committed
            committed = True
            return self.pull(chosen)

        try:
            return take_in(
                self.warehouse, folder, pull, app_id=self.app_id, clock=self.clock, run_id=self.run_id, limit=limit
            )
        except Exception as error:
            cause = error.__cause__ if isinstance(error, WarehouseError) else error
            if committed or not isinstance(cause, _OF_WORDS):
                raise
            return f"what the file says cannot be committed ({type(cause).__name__})"

    def _refused(self, path: Path, reason: str) -> LandedReport:
        """Put a file aside once that is noted: where no note can be taken, it is not the file that is at fault."""
        now = self.clock.now()
        key = sha256(path.name.encode()).hexdigest()
        record = Record(key, None, None, None, None, arrival(path), now, Outcome.QUARANTINED, reason)

        def note(con: duckdb.DuckDBPyConnection) -> None:
            if not webhook_events.known(con, [key]):
                webhook_events.insert(con, [record])

        self.warehouse.write(note, run_id=self.run_id, note="webhooks")
        self.folder.refuse(path, reason)
        return LandedReport({Outcome.QUARANTINED: 1}, {reason: 1})


_OF_WORDS = (
    ValueError,
    TypeError,
    ArithmeticError,
    LookupError,
    AttributeError,
    RecursionError,
    pl.exceptions.PolarsError,
    duckdb.DataError,
    duckdb.IntegrityError,
)
"""Errors that values cause; what disks, locks, networks and the memory of this machine cause is none of these."""
