"""What passes between a run and the person who started it, past Dagster.

Dagster keeps run config, tags, metadata and logs for ever and shows them to whoever opens its page, so what names
accounts or rows travels here instead: which accounts to sync, the live progress, the reports, the rows that a check
found. A run that Dagster started itself has a desk at which nobody sits.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from resources.sync import READINESS_WAITS, Progress, SyncReport
from resources.warehouse.checks import Proof
from resources.webhooks import LandedReport

if TYPE_CHECKING:
    from assets.decisions import DecideReport


@dataclass
class Desk:
    """One person's wishes and what they are told."""

    accounts: frozenset[str] | None = None
    """Only these accounts, by id; None: all that are linked."""
    start: date | None = None
    end: date | None = None
    full: bool = False
    cursor: str | None = None
    """Go on from here instead of from where the account's last reading came to."""
    most: int | None = None
    """Stop each account at the first place to go on from after so many rows."""
    waits: tuple[float, ...] = READINESS_WAITS
    """How long an account that is still PROCESSING is waited for, in seconds between the looks."""
    progress: Progress | None = None
    landed: LandedReport | None = None
    synced: SyncReport | None = None
    decided: DecideReport | None = None
    touched: tuple[date, date] | None = None
    """The first and last day that the run decides, for the checks of a big warehouse."""
    proof: Proof | None = None
