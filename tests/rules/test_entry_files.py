"""Files of list entries that are tried: what is read and what is refused."""

from __future__ import annotations

from datetime import UTC, datetime

import polars as pl
import pytest

from rules.entry_files import read_entries
from rules.errors import ListEntryError
from rules.lists import ENTRIES
from tests.rules.scenarios import NOW

ROW = {
    "list": "deny",
    "organization_id": "org-1",
    "environment": "sandbox",
    "field": "counterparty",
    "match": "contains",
    "value": "okwuosa",
}


def rows(*said: dict[str, str | None]) -> pl.DataFrame:
    return pl.DataFrame([ROW | row for row in said], infer_schema_length=None)


def test_entries_are_read_as_the_rules_take_them() -> None:
    expiring = {"expires_at": "2026-04-01T00:00:00+00:00", "account_id": "acc-1", "entry_id": "ent_1"}
    found = read_entries(rows(expiring | {"note": "ignored"}, {"expires_at": None}), "f", NOW)
    assert found.schema == ENTRIES
    first, second = found.to_dicts()
    assert first["expires_at"] == datetime(2026, 4, 1, tzinfo=UTC)
    assert (first["entry_id"], first["account_id"], first["created_at"]) == ("ent_1", "acc-1", NOW)
    assert (second["entry_id"], second["account_id"], second["expires_at"]) == ("tried_2", None, None)


def test_a_fault_names_its_row() -> None:
    with pytest.raises(ListEntryError, match="f has no column value"):
        read_entries(rows({}).drop("value"), "f", NOW)
    with pytest.raises(ListEntryError, match="row 2: the match of an entry is one of"):
        read_entries(rows({}, {"match": "perhaps"}), "f", NOW)
    with pytest.raises(ListEntryError, match="row 1: write list, organization_id"):
        read_entries(rows({"value": ""}), "f", NOW)


def test_no_entries_are_a_state_of_the_lists_too() -> None:
    assert read_entries(pl.DataFrame(), "f.json", NOW).equals(pl.DataFrame(schema=ENTRIES))
    header = pl.DataFrame(schema=dict.fromkeys([*ROW, "note"], pl.String))
    assert read_entries(header, "f.csv", NOW).equals(pl.DataFrame(schema=ENTRIES))
    with pytest.raises(ListEntryError, match=r"f\.xlsx has no column list"):
        read_entries(pl.DataFrame(), "f.xlsx", NOW)
