"""Runs as a command starts them: what the person asked for, the live progress, and the figures afterwards.

Imported inside command functions only: it draws in Dagster.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date

from assets.desk import Desk
from assets.ingest import Upstream
from cli.session import Session, begin
from pipelines.execute import Runner, Work, open_runner
from resources.sync import SyncReport


@dataclass(frozen=True)
class Wishes:
    """What a person asked of a sync."""

    accounts: frozenset[str] | None = None
    start: date | None = None
    end: date | None = None
    full: bool = False


@dataclass(frozen=True)
class Runs:
    """The runs of one command."""

    session: Session
    runner: Runner

    def ingest(self) -> SyncReport:
        """Pull, with a bar for each account where a person watches."""
        if not sys.stderr.isatty():
            return self.runner.ingest()
        from cli.progress import Bars

        with Bars() as self.runner.work.desk.progress:
            return self.runner.ingest()


@contextmanager
def open_runs(wishes: Wishes, session: Session | None = None) -> Iterator[Runs]:
    """Begin, and open what starts runs.

    Raises:
        KobosiftError, RulesError: something that the person can mend.
    """
    session = session or begin()
    desk = Desk(accounts=wishes.accounts, start=wishes.start, end=wishes.end, full=wishes.full)
    upstream = Upstream.of(session.settings)
    work = Work(session.settings, session.policy, session.warehouse, session.clock, upstream, desk)
    with open_runner(work) as runner:
        yield Runs(session, runner)
