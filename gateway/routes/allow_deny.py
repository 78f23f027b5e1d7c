"""What people allow and deny, for the organisation or one account of it; in force from the next decision on."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from typing import Annotated, Any, Literal

import duckdb
from fastapi import Query
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, field_validator

from gateway.guard import ADMIN, VIEWER, Caller, Inside, Trace, guarded_router, needs
from gateway.lists import Paged
from gateway.problems import not_found
from gateway.routes.examples import shown
from resources.warehouse import accounts, lists
from resources.warehouse.lists import Entry
from rules.lists import check_entry

router = guarded_router(prefix="/si/mono/allow-deny", tags=["lists"])

_FIRST_YEAR, _LAST_YEAR = 1900, 9998
_SHOWN = {
    "entry_id": "ent_5f2d088287702e3a",
    "list": "deny",
    "organization_id": "acme",
    "environment": "sandbox",
    "account_id": None,
    "field": "counterparty",
    "match": "exact",
    "value": "Adaeze Okwuosa",
    "note": "a cousin",
    "created_at": "2026-03-02T09:00:00+00:00",
    "expires_at": None,
}


class NewEntry(BaseModel):
    """An entry as a person gives it."""

    model_config = ConfigDict(
        extra="forbid",
        populate_by_name=True,
        json_schema_extra={
            "example": {
                "list": "deny",
                "field": "counterparty",
                "match": "exact",
                "value": "Adaeze Okwuosa",
                "note": "a cousin",
            }
        },
    )

    list: Literal["allow", "deny"]
    field: Literal["counterparty", "narration", "reference", "tag"]
    match: Literal["exact", "contains", "prefix", "regex"]
    value: Annotated[str, Field(min_length=1, max_length=500)]
    account_id: Annotated[str | None, Field(alias="accountId", max_length=200)] = None
    expires_at: Annotated[AwareDatetime | None, Field(alias="expiresAt")] = None
    note: Annotated[str | None, Field(max_length=1000)] = None

    @field_validator("expires_at")
    @classmethod
    def _a_day_of_ours(cls, value: datetime | None) -> datetime | None:
        if value is not None and not _FIRST_YEAR <= value.year <= _LAST_YEAR:
            raise ValueError(f"give a moment in the years {_FIRST_YEAR} to {_LAST_YEAR}")
        return value


@router.post("", status_code=201, responses=shown(_SHOWN, 201))
@needs(ADMIN)
async def add(entry: NewEntry, house: Inside, caller: Caller, trace: Trace) -> dict[str, Any]:
    """Put an entry in force; the same one again gets the new note and expiry."""
    check_entry(entry.list, entry.field, entry.match, entry.value)
    new = Entry(
        entry.list,
        caller.organization_id,
        caller.environment,
        entry.field,
        entry.match,
        entry.value,
        entry.account_id,
        entry.note,
        entry.expires_at,
    )
    now = house.now()

    def work(con: duckdb.DuckDBPyConnection) -> dict[str, Any] | None:
        if new.account_id is not None and accounts.of_tenant(con, new.account_id, *caller.tenant) is None:
            return None
        entry_id = lists.add(con, new, now)
        return next(row for row in _entries(con, *caller.tenant) if row["entry_id"] == entry_id)

    added = await house.write(work, trace_id=trace, note="add a list entry")
    if added is None:
        raise not_found("account")
    return added


@router.get("", responses=shown({"data": [_SHOWN], "meta": {"total": 1, "page": 1, "pages": 1, "next": None}}))
@needs(VIEWER)
async def show(
    house: Inside,
    caller: Caller,
    paging: Paged,
    list_: Annotated[Literal["allow", "deny"] | None, Query(alias="list")] = None,
    account_id: Annotated[str | None, Query(alias="accountId", max_length=200)] = None,
) -> dict[str, Any]:
    """List the entries, expired ones too, the oldest first."""
    found = [
        row
        for row in await house.read(
            partial(_entries, organization_id=caller.organization_id, environment=caller.environment)
        )
        if list_ in (None, row["list"]) and account_id in (None, row["account_id"])
    ]
    return paging.listing(found[paging.offset : paging.offset + paging.size], len(found))


@router.delete("", responses=shown({"entry_id": "ent_5f2d088287702e3a", "removed": True}))
@needs(ADMIN)
async def remove(
    house: Inside,
    caller: Caller,
    trace: Trace,
    entry_id: Annotated[str, Query(alias="id", max_length=200, description="The entry's id, as the list shows it.")],
) -> dict[str, Any]:
    """Take an entry out of force."""
    now = house.now()

    def work(con: duckdb.DuckDBPyConnection) -> bool:
        mine = any(row["entry_id"] == entry_id for row in _entries(con, *caller.tenant))
        return mine and lists.remove(con, entry_id, now)

    if not await house.write(work, trace_id=trace, note="remove a list entry"):
        raise not_found("entry")
    return {"entry_id": entry_id, "removed": True}


def _entries(con: duckdb.DuckDBPyConnection, organization_id: str, environment: str) -> list[dict[str, Any]]:
    rows = lists.show(con, organization_id, environment).to_dicts()
    return [{name: _plain(value) for name, value in row.items()} for row in rows]


def _plain(value: object) -> object:
    return value.isoformat() if isinstance(value, datetime) else value
