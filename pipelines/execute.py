"""Runs started by the command: the same assets and checks as on Dagster's page, in this process.

Holds how a run is started, which days it is recorded under, and how its errors come back as they were raised. The
page shows these runs like its own, since both use the instance in the home.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from typing import TYPE_CHECKING, TypeVar

import dagster as dg
from dagster import DagsterExecutionInterruptedError

from assets.checks import proved, report_proof
from assets.desk import Desk
from assets.ingest import Upstream
from assets.partitions import range_tags
from assets.stale import stale_range
from assets.webhooks import Landing
from pipelines.build import build_defs, silent_logger
from pipelines.instance import own_tags
from resources.clock import Clock
from resources.errors import KobosiftError
from resources.outbox import Delivery, Receiver, deliver, open_log
from resources.payment_status import Told, tell_payments
from resources.settings import Settings
from resources.sync import SyncReport
from resources.warehouse.checks import Proof
from resources.warehouse.connection import Warehouse
from resources.webhooks import LandedReport
from rules.policy import Policy

if TYPE_CHECKING:
    from assets.decisions import DecideReport

Report = TypeVar("Report")


@dataclass(frozen=True)
class Work:
    """What the runs of one command have in common."""

    settings: Settings
    policy: Policy
    warehouse: Warehouse
    clock: Clock
    upstream: Upstream
    desk: Desk = field(default_factory=Desk)


@dataclass
class Runner:
    """Starts runs one after the other and waits for each."""

    work: Work
    instance: dg.DagsterInstance

    def take_in(self) -> LandedReport | None:
        """Take in the events that have landed; None where there were none.

        Raises:
            KobosiftError: they could not be taken in; they wait.
        """
        if not self._landing.folder.count():
            return None
        self._run("webhooks")
        return _told(self.work.desk.landed)

    def ingest(self, run_id: str | None = None) -> SyncReport:
        """Pull what is new from Mono, as the desk asks; failures of single accounts are in the report.

        The run has that id, by default a new one.

        Raises:
            KobosiftError: nothing could be pulled at all.
        """
        self._run("ingest", run_id=run_id)
        return _told(self.work.desk.synced)

    def decide_stale(self, run_id: str | None = None) -> DecideReport | None:
        """Decide the days whose lines, policy, lists or invoices changed, and prove; None where there were none.

        The run has that id, by default a new one, and the decisions its trace id.

        Raises:
            KobosiftError: the days could not be decided; what was decided before stands.
        """
        work = self.work
        stale = stale_range(work.warehouse, work.policy, work.clock)
        if stale is None:
            work.desk.touched = None
            report_proof(self.instance, proved(work.warehouse, work.clock, work.desk))
            return None
        return self.decide(*stale, only_stale=True, run_id=run_id)

    def decide(
        self, start: date | None, end: date | None, *, only_stale: bool = False, run_id: str | None = None
    ) -> DecideReport:
        """Decide the days of a range, both ends included, and prove.

        Raises:
            KobosiftError: the days could not be decided; what was decided before stands.
        """
        desk = self.work.desk
        desk.touched = (start or date.min, end or date.max)
        wanted = {"start": start and start.isoformat(), "end": end and end.isoformat(), "only_stale": only_stale}
        config = {
            "ops": {"decide_days": {"config": {name: value for name, value in wanted.items() if value is not None}}}
        }
        self._run("decide", range_tags(start, end), config, run_id)
        return _told(desk.decided)

    def deliver(self) -> Delivery:
        """Deliver what the outbox holds, where an address is set; without one it is left to the watch.

        Raises:
            WarehouseError: the outbox cannot be read or written.
        """
        work = self.work
        receiver = Receiver.of(work.settings)
        if receiver is None:
            return Delivery(0)
        log = open_log(work.settings.kobosift_home)
        return deliver(work.warehouse, receiver, log, clock=work.clock, run_id="outbox")

    def tell_payments(self) -> Told:
        """Tell whoever registered signed invoices which of them bank money has paid.

        Raises:
            WarehouseError: the notices cannot be read or written.
        """
        work = self.work
        return tell_payments(work.warehouse, work.settings, work.clock, run_id="payments")

    @property
    def proof(self) -> Proof:
        """What the checks of the last run found, and the funnel."""
        return _told(self.work.desk.proof)

    @cached_property
    def _landing(self) -> Landing:
        return Landing.of(self.work.settings)

    @cached_property
    def _defs(self) -> dg.Definitions:
        work = self.work
        return build_defs(
            {
                "settings": work.settings,
                "warehouse": work.warehouse,
                "landing": self._landing,
                "upstream": work.upstream,
                "policy": work.policy,
                "clock": work.clock,
                "desk": work.desk,
            },
            loggers={"console": silent_logger},
        )

    def _run(
        self,
        job: str,
        tags: Mapping[str, str] | None = None,
        config: Mapping[str, object] | None = None,
        run_id: str | None = None,
    ) -> None:
        try:
            self._defs.resolve_job_def(job).execute_in_process(
                run_config={"loggers": {"console": {}}, **(config or {})},
                instance=self.instance,
                run_id=run_id,
                tags={**own_tags(), **(tags or {})},
            )
        except BaseException as error:
            if _is_interrupt(error):
                raise KeyboardInterrupt from error
            raise


def _is_interrupt(error: BaseException) -> bool:
    """Whether a person stopped the run; tasks that read accounts at once hand such an end over in a group."""
    kinds = (KeyboardInterrupt, DagsterExecutionInterruptedError)
    return isinstance(error, kinds) or (isinstance(error, BaseExceptionGroup) and error.subgroup(kinds) is not None)


def _told(report: Report | None) -> Report:
    if report is None:
        message = "the run ended without a report; run the same command again"
        raise KobosiftError(message)
    return report
