"""Taking in what has landed: events are merged, kept, or lead to a pull, each once, whatever crashed in between.

Holds the order of steps. Must not hold how files lie (`resources/landed.py`), how an event is read
(`resources/mono/events.py`), or how lines are merged (`resources/warehouse/transactions.py`). First the events and all
that they change are committed together, then the accounts that they speak of are pulled and that is noted, then the
files are moved: a run that is killed anywhere is made good by the next, which finds the files and what was noted.

A line that came by an event counts as read at the moment of the event, so that events may come in any order: one that
is older than what stands there changes nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from hashlib import sha256
from pathlib import Path

import duckdb
import polars as pl

from resources.clock import Clock
from resources.erasure_home import admission
from resources.errors import ConfigurationError, UpstreamError
from resources.landed import LandedEvent, LandingFolder, UnreadableFileError, arrival
from resources.mono.events import Ask, Event, event_of
from resources.mono.income import income_of
from resources.sync import SyncReport
from resources.warehouse import account_facts, accounts, webhook_events
from resources.warehouse.accounts import LINKED, Account, AccountState
from resources.warehouse.connection import Warehouse
from resources.warehouse.erasures import Admission
from resources.warehouse.transactions import merge_batch
from resources.warehouse.webhook_events import Record
from rules.transactions import canonical_json, normalise_all, payload_hash

Pull = Callable[[list[Account]], SyncReport]

EVENTS_A_BATCH = 200


class Outcome(StrEnum):
    """What came of an event."""

    MERGED = "merged"
    UNCHANGED = "unchanged"
    SUPERSEDED = "superseded"
    """Older than what is known already."""
    PULLED = "pulled"
    PULL_FAILED = "pull_failed"
    MARKED = "marked"
    """The account is marked as unlinked, failed, or in need of its holder."""
    INCOME = "income"
    KEPT = "kept"
    """Nothing is known to be done about it."""
    NOT_LINKED = "not_linked"
    OTHER_APP = "other_app"
    QUARANTINED = "quarantined"
    DUPLICATE = "duplicate"


@dataclass(frozen=True)
class LandedReport:
    """What became of landed files, in counts by outcome, and why some failed."""

    outcomes: Mapping[Outcome, int] = field(default_factory=dict)
    causes: Mapping[str, int] = field(default_factory=dict)

    @property
    def files(self) -> int:
        """How many files there were."""
        return sum(self.outcomes.values())

    def __add__(self, other: LandedReport) -> LandedReport:
        return LandedReport(
            Counter(self.outcomes) + Counter(other.outcomes), Counter(self.causes) + Counter(other.causes)
        )


@dataclass(frozen=True)
class _Arrived:
    """One file, read."""

    path: Path
    key: str
    received_at: datetime
    event: Event | None = None
    fault: str | None = None
    """Why it cannot be dealt with."""

    @property
    def moment(self) -> datetime:
        """When it happened: never later than it came."""
        told = self.event.moment if self.event else None
        return min(told, self.received_at) if told else self.received_at


def take_in(
    warehouse: Warehouse,
    folder: LandingFolder,
    pull: Pull,
    *,
    app_id: str | None,
    clock: Clock,
    run_id: str,
    limit: int = EVENTS_A_BATCH,
) -> LandedReport:
    """Take in the first landed files.

    Args:
        warehouse: read and written.
        folder: where the files lie.
        pull: reads accounts, as a sync does.
        app_id: of our own app, where it is known: events of other apps are left alone.
        clock: gives the time of processing.
        run_id: the message of each commit.
        limit: at most so many files.

    Raises:
        WarehouseError: the warehouse or the folder cannot be used; the files that were not moved wait.
    """
    arrived = [each for path in folder.waiting(limit) for each in _arrived(folder, path)]
    if not arrived:
        return LandedReport()
    records = warehouse.write(
        lambda con: _Batch(con, app_id, clock.now(), run_id, admission(warehouse.home)).apply(arrived),
        run_id=run_id,
        note="webhooks",
    )
    waiting = {key: record for key, record in records.items() if record.processed_at is None}
    ends = _pulled(warehouse, pull, waiting)
    if ends:
        warehouse.write(
            lambda con: webhook_events.finish(con, ends, clock.now()), run_id=run_id, note="webhooks pulled"
        )
    told = {**{key: (record.outcome, record.cause) for key, record in records.items()}, **ends}
    return _moved(folder, arrived, told)


def _arrived(folder: LandingFolder, path: Path) -> list[_Arrived]:
    """The file, read; nothing where it is gone."""
    try:
        landed = folder.read(path)
    except UnreadableFileError as error:
        return [_Arrived(path, sha256(path.name.encode()).hexdigest(), arrival(path), fault=str(error))]
    return [] if landed is None else [_told(path, landed)]


def _told(path: Path, landed: LandedEvent) -> _Arrived:
    unread = _Arrived(path, sha256(path.name.encode()).hexdigest(), landed.received_at)
    try:
        event = event_of(landed.event)
    except ValueError as error:
        return replace(unread, fault=str(error))
    except Exception as error:  # one event that we cannot read must not stop the others
        return replace(unread, fault=f"a defect of kobosift keeps it from being read ({type(error).__name__})")
    return replace(unread, key=event.key, event=event)


class _Batch:
    """The events of one commit; made anew for each attempt at it."""

    def __init__(
        self, con: duckdb.DuckDBPyConnection, app_id: str | None, now: datetime, run_id: str, admission: Admission
    ) -> None:
        self.con, self.app_id, self.now, self.run_id, self.admission = con, app_id, now, run_id, admission
        self.accounts = {account.account_id: account for account in accounts.listed(con)}
        self.lines: list[tuple[_Arrived, Account]] = []
        self.ends: dict[str, tuple[Outcome, str | None]] = {}

    def apply(self, arrived: Sequence[_Arrived]) -> dict[str, Record]:
        """Change what the events change and keep them; all of them by key, those of before included."""
        known = webhook_events.known(self.con, [each.key for each in arrived])
        fresh = {each.key: each for each in reversed(arrived) if each.key not in known}
        for each in sorted(fresh.values(), key=lambda each: (each.moment, each.key)):
            self._take(each)
        self._merge()
        records = {key: self._record(each) for key, each in fresh.items()}
        webhook_events.insert(self.con, list(records.values()))
        return {**known, **records}

    def _take(self, each: _Arrived) -> None:
        """Do what one event asks, but for its line, which is merged with the others, and its pull, which follows."""
        event = each.event
        account = self.accounts.get(event.account_id or "") if event else None
        if event is None:
            self.ends[each.key] = Outcome.QUARANTINED, each.fault
        elif self.app_id and event.app and event.app != self.app_id:
            self.ends[each.key] = Outcome.OTHER_APP, None
        elif event.ask is Ask.KEEP:
            self.ends[each.key] = Outcome.KEPT, None
        elif account is None or account.status != LINKED:
            self.ends[each.key] = Outcome.NOT_LINKED, None
        elif event.ask is Ask.MERGE:
            self.lines.append((each, account))
        elif event.ask is Ask.INCOME:
            self.ends[each.key] = self._income(event, account)
        else:
            self._mark(each, event, account)

    def _mark(self, each: _Arrived, event: Event, account: Account) -> None:
        """Mark the account, unless what is known of it is newer."""
        since = account.linked_at if event.ask is Ask.UNLINK else account.synced_at
        con, account_id = self.con, account.account_id
        if event.ask is Ask.PULL:
            return
        if event.ask is Ask.REAUTHORISED:
            accounts.mark_reauthorisation(con, account_id, required=False)
            return
        if since is not None and each.moment < since:
            self.ends[each.key] = Outcome.SUPERSEDED, None
            return
        if event.ask is Ask.UNLINK:
            accounts.unlink(con, account_id, now=self.now)
            self.accounts[account_id] = replace(account, status=accounts.UNLINKED)
        elif event.ask is Ask.REAUTHORISE:
            accounts.mark_reauthorisation(con, account_id, required=True)
        else:
            accounts.mark_failed(con, account_id, _UPSTREAM_FAILED)
        self.ends[each.key] = Outcome.MARKED, None

    def _income(self, event: Event, account: Account) -> tuple[Outcome, str | None]:
        income = income_of(event.content)
        if income is None:
            return Outcome.QUARANTINED, "the event holds no income"
        account_facts.add_income(self.con, account, [income], "webhook", self.now)
        return Outcome.INCOME, None

    def _merge(self) -> None:
        """Merge the lines that are newer than what stands there."""
        if not self.lines:
            return
        read = normalise_all(
            [(account.key, [each.event.content if each.event else None]) for each, account in self.lines],
            self.now,
            self.run_id,
            "webhook",
        )
        told = self._by_payload()
        lines = (
            read.transactions.drop("received_at")
            .join(told.group_by("account_id", "payload_hash").agg(received_at=pl.col("moment").max()), on=_PAYLOAD)
            .select(read.transactions.columns)
            .unique(_PAYLOAD)
            .sort("received_at", "payload_hash")
        )
        standing = _standing(self.con, lines)
        newer = lines.join(standing.filter("newer"), on=_PAYLOAD, how="semi", maintain_order="left")
        states = [AccountState(account_id) for account_id in sorted({account.account_id for _, account in self.lines})]
        touch_id = f"{self.run_id}/webhooks"
        merge_batch(self.con, newer, read.quarantine, states, touch_id=touch_id, admission=self.admission)
        self._end_lines(told, standing, read.quarantine)

    def _by_payload(self) -> pl.DataFrame:
        """The events of lines, by what identifies their payloads."""
        rows = [
            (each.key, account.account_id, payload_hash(canonical_json(each.event and each.event.content)), each.moment)
            for each, account in self.lines
        ]
        schema = {"key": pl.String(), "account_id": pl.String(), "payload_hash": pl.String(), "moment": _UTC}
        return pl.DataFrame(rows, schema, orient="row")

    def _end_lines(self, told: pl.DataFrame, standing: pl.DataFrame, unreadable: pl.DataFrame) -> None:
        faults = unreadable.select(
            *_PAYLOAD, fault=pl.format("the bank line's {} is not {}", pl.col("field"), pl.col("expected"))
        ).unique(_PAYLOAD)
        ends = told.join(standing, on=_PAYLOAD, how="left").join(faults, on=_PAYLOAD, how="left")
        for key, fault, newer, same in ends.select("key", "fault", "newer", "same").iter_rows():
            outcome = Outcome.MERGED if newer else Outcome.UNCHANGED if same else Outcome.SUPERSEDED
            self.ends[key] = (Outcome.QUARANTINED, fault) if fault else (outcome, None)

    def _record(self, each: _Arrived) -> Record:
        """The event as it is kept; without an end it waits for its pull."""
        event, account = each.event, self.accounts.get(each.event.account_id or "") if each.event else None
        outcome, cause = self.ends.get(each.key, (Outcome.PULLED, None))
        return Record(
            each.key,
            event.name if event else None,
            account.organization_id if account else None,
            account.environment if account else None,
            event.account_id if event else None,
            each.received_at,
            self.now if each.key in self.ends else None,
            outcome,
            cause,
        )


_UTC = pl.Datetime("us", "UTC")
_PAYLOAD = ["account_id", "payload_hash"]
_UPSTREAM_FAILED = "Mono could not read this account's bank. It tries again by itself; sync again later."

# Among events of one moment the hash decides, so that their order of arrival does not.
_STANDING = """
SELECT l.account_id, l.payload_hash, t.payload_hash IS NOT DISTINCT FROM l.payload_hash AS same,
    t.account_id IS NULL OR NOT same AND (l.received_at, l.payload_hash) > (t.received_at, t.payload_hash) AS newer
FROM webhook_lines AS l
LEFT JOIN (
    SELECT account_id, transaction_id, payload_hash, received_at FROM transactions
    SEMI JOIN webhook_lines USING (account_id, transaction_id)
) AS t USING (account_id, transaction_id)
"""


def _standing(con: duckdb.DuckDBPyConnection, lines: pl.DataFrame) -> pl.DataFrame:
    """Of each line, whether it stands there just so, and whether it is newer than what does."""
    con.register("webhook_lines", lines.to_arrow())
    found = con.execute(_STANDING).pl()
    con.unregister("webhook_lines")
    return found


def _pulled(warehouse: Warehouse, pull: Pull, waiting: Mapping[str, Record]) -> dict[str, tuple[str, str | None]]:
    """Pull the accounts of events that wait for it; by key what came of it."""
    if not waiting:
        return {}
    wanted = {record.account_id for record in waiting.values()}
    with warehouse.read() as con:
        linked = [each for each in accounts.listed(con, linked_only=True) if each.account_id in wanted]
    try:
        report = pull(linked)
    except (ConfigurationError, UpstreamError) as error:
        return {key: (Outcome.PULL_FAILED, str(error)) for key in waiting}
    errors = {each.account_id: each.error for each in report.accounts}
    return {key: _end_of_pull(errors, record.account_id or "") for key, record in waiting.items()}


def _end_of_pull(errors: Mapping[str, str | None], account_id: str) -> tuple[str, str | None]:
    if account_id not in errors:
        return Outcome.NOT_LINKED, None
    error = errors[account_id]
    return (Outcome.PULL_FAILED, error) if error else (Outcome.PULLED, None)


def _moved(
    folder: LandingFolder, arrived: Sequence[_Arrived], told: Mapping[str, tuple[str, str | None]]
) -> LandedReport:
    """Move the files away, and count; of files of one event the first stands for it."""
    outcomes: Counter[Outcome] = Counter()
    causes: Counter[str] = Counter()
    counted: set[str] = set()
    for each in arrived:
        name, cause = told[each.key]
        outcome = Outcome.DUPLICATE if each.key in counted else Outcome(name)
        counted.add(each.key)
        outcomes[outcome] += 1
        if cause and outcome is not Outcome.DUPLICATE:
            causes[cause] += 1
        if outcome is Outcome.QUARANTINED:
            folder.refuse(each.path, cause or "it cannot be dealt with")
        else:
            folder.keep(each.path)
    return LandedReport(outcomes, causes)
