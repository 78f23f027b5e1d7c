"""What Mono's events and the source's own say, read tolerantly: which account, and what they ask to be done.

Holds pure functions from a decoded event to plain values. Must not hold files, the warehouse, or what is done about an
event (`resources/webhooks.py`). An event that cannot be read is a ValueError whose text holds no value of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from hashlib import sha256

from rules.transactions import canonical_json


class Ask(StrEnum):
    """What an event asks to be done."""

    MERGE = "merge"
    """Take its bank line in."""
    PULL = "pull"
    """Read the account: there is news of it."""
    REAUTHORISED = "reauthorised"
    """The holder has logged in at the bank again: read the account."""
    REAUTHORISE = "reauthorise"
    """The holder has to log in at the bank again."""
    UNLINK = "unlink"
    """The consent has ended."""
    FAIL = "fail"
    """Upstream could not read the bank."""
    INCOME = "income"
    """Keep its income."""
    KEEP = "keep"
    """Nothing is known to be done about it."""


@dataclass(frozen=True)
class Event:
    """One event, read."""

    key: str
    """64 hex digits: of its id where it has one, else of its content."""
    name: str
    ask: Ask
    account_id: str | None
    app: str | None
    moment: datetime | None
    """When it happened, in UTC, where it says so."""
    content: object
    """The bank line or the income, as it came."""


_ASKS = {
    "transaction.updated": Ask.MERGE,
    "transaction.settled": Ask.MERGE,
    "mono.events.account_connected": Ask.PULL,
    "mono.events.account_reauthorized": Ask.REAUTHORISED,
    "mono.events.account_reauthorised": Ask.REAUTHORISED,
    "mono.events.account_unlinked": Ask.UNLINK,
    "mono.events.reauthorisation_required": Ask.REAUTHORISE,
    "mono.events.reauthorization_required": Ask.REAUTHORISE,
    "mono.events.sync_failed": Ask.FAIL,
    "mono.events.account_income": Ask.INCOME,
}
_BY_STATUS = {
    "successful": Ask.PULL,
    "finished": Ask.PULL,
    "failed": Ask.FAIL,
    "reauthorisation_required": Ask.REAUTHORISE,
    "reauthorization_required": Ask.REAUTHORISE,
}
_UPDATED, _JOB = "mono.events.account_updated", "mono.accounts.jobs.update"
_ACCOUNT_NAMES = ("account", "accountId", "account_id")
_BESIDE_A_LINE = frozenset({*_ACCOUNT_NAMES, "app", "business", "meta", "customer"})
_LONGEST_NAME = 100


def event_of(value: object) -> Event:
    """Read a decoded event."""
    if not isinstance(value, Mapping):
        raise ValueError("the event is no JSON object")
    name = value.get("event")
    if not isinstance(name, str) or not name.strip() or len(name) > _LONGEST_NAME:
        raise ValueError("the event has no name")
    data = value.get("data")
    data = data if isinstance(data, Mapping) else {}
    ask = _ask(name, data)
    account = account_id_of(data, of_line=ask is Ask.MERGE)
    if account is None and ask is not Ask.KEEP:
        raise ValueError("the event names no account")
    return Event(
        key=event_key(value),
        name=name,
        ask=ask,
        account_id=account,
        app=_id(data.get("app")),
        moment=_moment(value.get("timestamp")),
        content=_line(data) if ask is Ask.MERGE else data if ask is Ask.INCOME else None,
    )


def event_key(value: Mapping[str, object]) -> str:
    """What tells an event from all others: of its `event_id` where it has one, else of all it says."""
    identity = value.get("event_id")
    told = f"id {identity}" if isinstance(identity, str) and identity else f"content {canonical_json(value)}"
    return sha256(told.encode("utf-8", "surrogatepass")).hexdigest()


def account_id_of(data: Mapping[str, object], *, of_line: bool = False) -> str | None:
    """The account's id: at `account._id`, `account.id`, `account`, `accountId`, `account_id`, or else at `id`.

    All but the last are looked for in a nested `transaction` as well. Where the data are a line themselves (`of_line`,
    nothing nested), `id` is the line's own.
    """
    line = data.get("transaction")
    nested = line if isinstance(line, Mapping) else {}
    named = (_id(each.get(name)) for each in (data, nested) for name in _ACCOUNT_NAMES)
    found = next((each for each in named if each is not None), None)
    return _text(data.get("id")) if found is None and (nested or not of_line) else found


def _ask(name: str, data: Mapping[str, object]) -> Ask:
    if name == _UPDATED:
        meta = data.get("meta")
        status = _text(meta.get("sync_status")) if isinstance(meta, Mapping) else None
        return _BY_STATUS.get((status or "successful").lower(), Ask.PULL)
    if name == _JOB:
        return _BY_STATUS.get((_text(data.get("status")) or "").lower(), Ask.KEEP)
    return _ASKS.get(name, Ask.KEEP)


def _line(data: Mapping[str, object]) -> object:
    """The bank line as upstream would list it: under `transaction`, else what is left of the data."""
    line = data.get("transaction")
    if line is not None:
        return line
    return {key: value for key, value in data.items() if key not in _BESIDE_A_LINE}


def _id(value: object) -> str | None:
    if isinstance(value, Mapping):
        return _text(value.get("_id")) or _text(value.get("id"))
    return _text(value)


def _text(value: object) -> str | None:
    return (value.strip() or None) if isinstance(value, str) else None


def _moment(value: object) -> datetime | None:
    try:
        found = datetime.fromisoformat(value) if isinstance(value, str) else None
        return found and (found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC))
    except (ValueError, OverflowError):
        return None
