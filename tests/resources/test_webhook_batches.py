"""Files whose words stop a commit into a real DuckLake: put aside one by one, never for a failure of its own."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from resources import webhooks
from resources.clock import FixedClock
from resources.errors import WarehouseError
from resources.landed import LandingFolder
from resources.mono import income
from resources.warehouse import webhook_events
from resources.warehouse.connection import Warehouse
from resources.webhook_batches import TakingIn
from resources.webhooks import LandedReport
from tests.resources.test_webhooks import NOW, Desk
from tests.resources.warehouse.homes import warehouse_in

BEYOND = 2**40
"""A count that its column does not hold."""


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    """One for all tests: each has accounts of its own."""
    opened = warehouse_in(tmp_path_factory.mktemp("home") / "home")
    yield opened
    opened.close()


@pytest.fixture
def desk(warehouse: Warehouse, tmp_path: Path) -> Desk:
    return Desk(warehouse, tmp_path / "landing")


def taken(desk: Desk, limit: int = 200) -> LandedReport:
    return TakingIn(desk.warehouse, LandingFolder(desk.folder), desk.pull, None, FixedClock(NOW), "run").batch(limit)


def poison(desk: Desk, **others: Any) -> Path:
    """A report of income that stops a commit once nothing looks at how large a count is."""
    streams = [{"income_type": "WAGES", "number_of_months": BEYOND}]
    return desk.land(desk.event("mono.events.account_income", account=desk.account, income_streams=streams), **others)


@pytest.fixture
def careless(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(income, "_GREATEST_COUNT", 2**63 - 1)


@pytest.mark.usefixtures("careless")
def test_a_file_that_stops_a_commit_is_put_aside_with_a_reason_and_the_others_go_on(desk: Desk) -> None:
    desk.land(desk.line("before"), at=NOW - timedelta(minutes=2))
    path = poison(desk, at=NOW - timedelta(minutes=1))
    desk.land(desk.line("after"))
    desk.land(desk.event("mono.events.account_updated", account=desk.account))
    report = taken(desk)
    reason = "what the file says cannot be committed (ConversionException)"
    assert report == LandedReport({"merged": 2, "pulled": 1, "quarantined": 1}, {reason: 1})
    assert desk.narrations() == [("after", None), ("before", None)]
    assert desk.files("webhooks") == []
    assert desk.files("quarantine") == [path.name, f"{path.name}.reason.txt"]
    assert (desk.folder / "quarantine" / f"{path.name}.reason.txt").read_text() == f"{reason}\n"
    assert desk.query("SELECT outcome, cause FROM webhook_events WHERE cause = ?", reason) == [("quarantined", reason)]


@pytest.mark.usefixtures("careless")
def test_a_batch_of_one_that_stops_its_commit_is_put_aside_as_well(desk: Desk) -> None:
    poison(desk)
    desk.land(desk.line(), at=NOW + timedelta(minutes=1))
    assert taken(desk, 1).outcomes == {"quarantined": 1}
    assert taken(desk, 1).outcomes == {"merged": 1}


@pytest.mark.parametrize(
    "error", [UnicodeEncodeError("utf-8", "\ud800", 0, 1, "CANARY"), OverflowError("CANARY"), RecursionError("CANARY")]
)
def test_the_reason_does_not_quote_the_file(desk: Desk, monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    monkeypatch.setattr(webhooks, "income_of", raising(error))
    poison(desk)
    desk.land(desk.line())
    report = taken(desk)
    assert report.outcomes == {"quarantined": 1, "merged": 1}
    assert list(report.causes) == [f"what the file says cannot be committed ({type(error).__name__})"]


@pytest.mark.parametrize(
    "error",
    [
        duckdb.IOException("IO Error: No space left on device"),
        duckdb.IOException("IO Error: could not connect to server"),
        duckdb.HTTPException("HTTP Error: 500"),
        duckdb.TransactionException("TransactionContext Error: Failed to commit"),
        duckdb.OutOfMemoryException("Out of Memory Error"),
        duckdb.InternalException("INTERNAL Error"),
        WarehouseError("the warehouse is busy"),
        OSError("Input/output error"),
        MemoryError(),
    ],
)
def test_a_failure_of_the_warehouse_puts_no_file_aside(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    names = [poison(desk).name, desk.land(desk.line()).name]
    monkeypatch.setattr(webhook_events, "insert", raising(error))
    with pytest.raises(WarehouseError if isinstance(error, duckdb.Error) else type(error)):
        taken(desk)
    assert desk.files("webhooks") == sorted(names)
    assert desk.files("quarantine") == []


def test_a_defect_that_keeps_every_note_from_being_taken_puts_no_file_aside(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.land(desk.line())
    monkeypatch.setattr(webhook_events, "insert", raising(TypeError("of a new release")))
    with pytest.raises(TypeError):
        taken(desk)
    assert desk.files("quarantine") == []


def refused() -> WarehouseError:
    error = WarehouseError("the warehouse refused a statement")
    error.__cause__ = duckdb.ConversionException("Conversion Error")
    return error


@pytest.mark.parametrize("error", [ValueError("of a sync"), refused()])
def test_what_goes_wrong_in_the_pull_that_an_event_asks_for_puts_no_file_aside(desk: Desk, error: Exception) -> None:
    desk.pull_error = error
    desk.land(desk.event("mono.events.account_updated", account=desk.account))
    with pytest.raises(type(error)):
        taken(desk)
    assert (len(desk.files("webhooks")), desk.files("quarantine")) == (1, [])
    desk.pull_error = None
    assert taken(desk).outcomes == {"pulled": 1}


def test_where_nothing_has_landed_nothing_is_taken_in(desk: Desk) -> None:
    assert taken(desk) == LandedReport()


def raising(error: Exception) -> Any:
    def work(*_: object) -> None:
        raise error

    return work
