"""The asset of what comes in by itself: events that the gateway landed, merged, kept or answered with a pull.

How events are taken in is in `resources/webhooks.py`; here is what becomes of a file that stops its batch. Metadata
here are counts: no event is named, and why one failed stands in table `webhook_events` and beside its file.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import dagster as dg
import duckdb
import polars as pl
from pydantic import Field

from assets.described import OWNERS, of_table
from assets.desk import Desk
from assets.ingest import Upstream, read_accounts
from assets.redaction import without_row_values
from resources.clock import Clock
from resources.errors import WarehouseError
from resources.landed import LandingFolder, arrival
from resources.settings import Settings
from resources.sync import SyncReport
from resources.warehouse import webhook_events
from resources.warehouse.accounts import Account
from resources.warehouse.connection import Warehouse
from resources.warehouse.webhook_events import Record
from resources.webhooks import EVENTS_A_BATCH, LandedReport, Outcome, Pull, take_in

WEBHOOK_EVENTS = dg.AssetSpec(
    "webhook_events",
    group_name="ingest",
    description=(
        "Events that landed by webhook, each once and without its payload: lines are merged like synced ones, news of "
        "an account pull it, and what nobody knows is kept and counted."
    ),
    owners=OWNERS,
    kinds={"ducklake", "json"},
    metadata=of_table("webhook_events", view="webhooks"),
)


@dataclass(frozen=True)
class Landing:
    """Where events land, and which app's they are."""

    folder: LandingFolder
    app_id: str | None

    @classmethod
    def of(cls, settings: Settings) -> "Landing":
        """The landing of the settings."""
        return cls(LandingFolder(settings.landing), settings.mono_app_id)


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


class TakeInConfig(dg.Config):
    """How many batches of landed events to take in; left out: all that have landed when it starts."""

    batches: int | None = Field(default=None, ge=1)


@dg.multi_asset(name="take_in", specs=[WEBHOOK_EVENTS], pool="webhooks")
def take_in_landed(
    context: dg.AssetExecutionContext,
    config: TakeInConfig,
    warehouse: dg.ResourceParam[Warehouse],
    landing: dg.ResourceParam[Landing],
    upstream: dg.ResourceParam[Upstream],
    clock: dg.ResourceParam[Clock],
    desk: dg.ResourceParam[Desk],
) -> Iterator[dg.MaterializeResult[None]]:
    """Take in the events that have landed, batch by batch."""
    run_id = context.run.run_id

    def pull(accounts: list[Account]) -> SyncReport:
        return read_accounts(warehouse, upstream, clock, accounts, upstream.options(), run_id=run_id)

    taking = TakingIn(warehouse, landing.folder, pull, landing.app_id, clock, run_id)
    with without_row_values():
        batches = config.batches or -(-landing.folder.count() // EVENTS_A_BATCH)
        report = LandedReport()
        for _ in range(batches):
            report += taking.batch()
    desk.landed = report
    counts = {outcome.value: report.outcomes.get(outcome, 0) for outcome in Outcome}
    yield dg.MaterializeResult(asset_key=WEBHOOK_EVENTS.key, metadata={"files": report.files, **counts})
