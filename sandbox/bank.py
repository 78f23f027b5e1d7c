"""What changes while the sandbox runs: lines that arrive, settle or are corrected, links, readiness, jobs.

Holds `Bank` and its `Ledger`s, made from a `World`. Must not hold HTTP (app.py) nor any truth: of the world's
statements only the rows come here. Listings are swapped as a whole, so that a test may change one from its own thread.
"""

import threading
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from hashlib import blake2b
from json import dumps, loads
from operator import itemgetter
from typing import Final, NamedTuple

from sandbox.faults import MALFORMED, NO_FAULTS, Faults, malformed_rows
from sandbox.world import Account, World

REALTIME_SESSION: Final = timedelta(minutes=5)

Row = dict[str, object]


class Listing(NamedTuple):
    """An account's rows newest first, and beside each the negated ordinal of its UTC day, ascending."""

    rows: list[bytes]
    keys: list[int]

    def window(self, start: date | None, end: date | None) -> tuple[int, int]:
        """Give the half-open range of rows booked on the UTC days from `start` up to and including `end`."""
        low = bisect_left(self.keys, -end.toordinal()) if end else 0
        high = bisect_right(self.keys, -start.toordinal()) if start else len(self.rows)
        return low, max(low, high)


@dataclass(frozen=True, slots=True)
class Job:
    """A real-time refresh that was asked for."""

    id: str
    name: str
    started: datetime


@dataclass(slots=True)
class Ledger:
    """One account as the sandbox serves it now."""

    account: Account
    listing: Listing
    waiting: list[tuple[bytes, int]]
    processing_left: int
    linked: bool = True
    reauthorisation_required: bool = False
    pages_read: int = 0
    job: Job | None = None
    past_jobs: dict[str, Job] = field(default_factory=dict)

    @property
    def ready(self) -> bool:
        """Whether details have been asked for often enough that the account is AVAILABLE."""
        return self.processing_left <= 0

    @property
    def balance(self) -> int:
        """The newest balance that a row states, in kobo."""
        stated = (loads(row).get("balance") for row in self.listing.rows)
        return next((balance for balance in stated if isinstance(balance, int)), 0)


class Bank:
    """All ledgers by account id, and the changes that a test or a request makes to them."""

    def __init__(self, world: World, *, faults: Faults = NO_FAULTS, processing_calls: int = 1) -> None:
        self.codes: dict[str, str] = {}
        self._lock = threading.Lock()
        self._jobs = 0
        self.ledgers: dict[str, Ledger] = {}
        for account, statement in zip(world.accounts, world.statements, strict=True):
            later = statement.later
            listing = Listing(statement.rows[later:], [-day for day in statement.days[later:]])
            waiting = list(zip(statement.rows[:later], statement.days[:later], strict=True))
            calls = max(processing_calls, 4) if faults.touches("processing", account.id) else processing_calls
            ledger = Ledger(account, listing, waiting, calls)
            if faults.touches("rows", account.id):
                ledger.listing = _with_malformed(ledger)
            self.ledgers[account.id] = ledger

    def linked(self, account_id: str) -> Ledger | None:
        """Give the ledger of a linked account, None where there is no such account or it was unlinked."""
        ledger = self.ledgers.get(account_id)
        return ledger if ledger and ledger.linked else None

    def arrive(self, account_id: str) -> bool:
        """Let the next waiting line arrive on top; False where none is waiting."""
        with self._lock:
            ledger = self.ledgers[account_id]
            if not ledger.waiting:
                return False
            row, day = ledger.waiting.pop()
            ledger.listing = Listing([row, *ledger.listing.rows], [-day, *ledger.listing.keys])
            return True

    def add(self, account_id: str, row: Mapping[str, object]) -> None:
        """Add a line of one's own, placed by its `date`; one that cannot be read counts as just booked."""
        self._change(account_id, lambda rows: [dict(row), *rows])

    def correct(self, account_id: str, transaction_id: str, **changes: object) -> None:
        """Change fields of a line, as a bank does when it corrects one; KeyError where there is no such line."""

        def corrected(rows: list[Row]) -> list[Row]:
            if all(row.get("id") != transaction_id for row in rows):
                raise KeyError(transaction_id)
            return [{**row, **changes} if row.get("id") == transaction_id else row for row in rows]

        self._change(account_id, corrected)

    def require_reauthorisation(self, account_id: str) -> None:
        """Make an account answer nothing but that it must be authorised anew, until it is."""
        self.ledgers[account_id].reauthorisation_required = True

    def settle(self, account_id: str) -> int:
        """Settle all pending lines of an account and give their number."""
        pending = sum(1 for row in self.rows(account_id) if row.get("status") == "pending")
        self._change(account_id, lambda rows: [_settled(row) for row in rows])
        return pending

    def rows(self, account_id: str) -> list[Row]:
        """Give the rows that are served now, newest first."""
        return [loads(row) for row in self.ledgers[account_id].listing.rows]

    def refresh(self, ledger: Ledger, name: str, now: datetime) -> tuple[Job, bool]:
        """Give the account's real-time job, one a session of five minutes, and whether it brought a new line."""
        if ledger.job and now - ledger.job.started < REALTIME_SESSION:
            return ledger.job, False
        self._jobs += 1
        ledger.job = Job(blake2b(f"job/{self._jobs}".encode(), digest_size=12).hexdigest(), name, now)
        ledger.past_jobs[ledger.job.id] = ledger.job
        return ledger.job, self.arrive(ledger.account.id)

    def _change(self, account_id: str, change: Callable[[list[Row]], list[Row]]) -> None:
        with self._lock:
            ledger = self.ledgers[account_id]
            rows = change([loads(row) for row in ledger.listing.rows])
            newest = max((str(row["date"]) for row in rows if _readable(row)), default="1970-01-01")
            dated = sorted(((_when(row, newest), row) for row in rows), key=itemgetter(0), reverse=True)
            written = [dumps(row, separators=(",", ":")).encode() for _, row in dated]
            ledger.listing = Listing(written, [-date.fromisoformat(when[:10]).toordinal() for when, _ in dated])


def _when(row: Mapping[str, object], newest: str) -> str:
    """Say when a row is booked; what cannot be read counts as just booked, so that every window to today has it."""
    return str(row["date"]) if _readable(row) else newest


def _readable(row: Mapping[str, object]) -> bool:
    try:
        date.fromisoformat(str(row.get("date"))[:10])
    except ValueError:
        return False
    return True


def _settled(row: Row) -> Row:
    return {**row, "status": "settled"} if row.get("status") == "pending" else row


def _with_malformed(ledger: Ledger) -> Listing:
    """Spread rows that cannot be read evenly over the listing, each on the day of the row it is put before."""
    rows, keys = ledger.listing
    places = [count * len(rows) // MALFORMED for count in range(MALFORMED)]
    moments = [str(loads(rows[place])["date"]) for place in places]
    made = dict(zip(places, malformed_rows(ledger.account.id, moments), strict=False))
    mixed = Listing([], [])
    for place, (row, key) in enumerate(zip(rows, keys, strict=True)):
        if place in made:
            mixed.rows.append(made[place])
            mixed.keys.append(key)
        mixed.rows.append(row)
        mixed.keys.append(key)
    return mixed
