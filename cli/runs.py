"""Runs as a command starts them: what the person asked for, the live progress, and the figures afterwards.

Imported inside command functions only. Dagster is drawn in while DuckDB loads its extensions: each takes a good
while, and DuckDB's is not Python's.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from cli.session import Session, begin, prepared

if TYPE_CHECKING:
    from pipelines.execute import Runner
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
    settings, policy = (session.settings, session.policy) if session else prepared()
    with ThreadPoolExecutor(1) as pool:
        beginning = pool.submit(lambda: session or begin((settings, policy), narrow=True))
        from assets.desk import Desk
        from assets.ingest import Upstream
        from pipelines.execute import Runner, Work
        from pipelines.instance import open_instance

        with open_instance(settings.dagster_home) as instance:
            session = beginning.result()
            desk = Desk(accounts=wishes.accounts, start=wishes.start, end=wishes.end, full=wishes.full)
            upstream = Upstream.of(settings)
            work = Work(settings, session.policy, session.warehouse, session.clock, upstream, desk)
            yield Runs(session, Runner(work, instance))
