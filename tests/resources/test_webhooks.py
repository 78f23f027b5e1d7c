"""Landed events into a real DuckLake: each once, in any order, whatever crashed in between."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from resources import webhooks
from resources.clock import FixedClock
from resources.errors import ConfigurationError, WarehouseError
from resources.landed import LandingFolder
from resources.sync import AccountReport, SyncReport
from resources.warehouse import accounts
from resources.warehouse.accounts import Account
from resources.warehouse.connection import Warehouse
from resources.webhooks import LandedReport, take_in
from tests.resources.warehouse.homes import warehouse_in

NOW = datetime(2025, 6, 2, 12, tzinfo=UTC)
numbers = itertools.count(1)


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    """One for all tests: each has accounts of its own."""
    opened = warehouse_in(tmp_path_factory.mktemp("home") / "home")
    yield opened
    opened.close()


class Desk:
    """A landing folder, an account, and pulls that are only noted."""

    def __init__(self, warehouse: Warehouse, folder: Path) -> None:
        self.warehouse, self.folder = warehouse, folder
        self.pulled: list[str] = []
        self.pull_error: str | Exception | None = None
        self.account = self.link()

    def link(self) -> str:
        account = f"acc-{next(numbers)}"
        self.write(lambda con: accounts.link(con, account, "org", "sandbox", now=NOW - timedelta(days=9)))
        return account

    def write(self, work: Callable[[Any], Any]) -> Any:
        return self.warehouse.write(work, run_id="test", note="test")

    def land(self, event: Any, *, at: datetime = NOW, name: str = "") -> Path:
        path = self.folder / "webhooks" / (name or f"{at:%Y%m%dT%H%M%S%f}-{next(numbers):016x}.json")
        path.parent.mkdir(parents=True, exist_ok=True)
        told = event if isinstance(event, str) else json.dumps({"received_at": at.isoformat(), "event": event})
        path.write_text(told, encoding="utf-8")
        return path

    def line(self, identity: str = "tx", *, at: datetime = NOW, kind: str = "updated", **fields: Any) -> dict[str, Any]:
        row = {"id": identity, "amount": 500_000, "type": "credit", "date": "2025-06-01T09:00:00Z"} | fields
        return self.event(f"transaction.{kind}", at=at, account=self.account, transaction=row)

    def event(self, name: str, *, at: datetime = NOW, **data: Any) -> dict[str, Any]:
        return {"event": name, "event_id": f"evt-{next(numbers)}", "timestamp": at.isoformat(), "data": data}

    def pull(self, chosen: list[Account]) -> SyncReport:
        self.pulled += [account.account_id for account in chosen]
        if isinstance(self.pull_error, Exception):
            raise self.pull_error
        error = self.pull_error
        return SyncReport([AccountReport(each.account_id, "org", "sandbox", error=error) for each in chosen])

    def take_in(self, **others: Any) -> LandedReport:
        given: dict[str, Any] = {"app_id": None, "clock": FixedClock(NOW), "run_id": f"run-{next(numbers)}"}
        return take_in(self.warehouse, LandingFolder(self.folder), self.pull, **(given | others))

    def query(self, sql: str, *values: object) -> list[Any]:
        with self.warehouse.read() as con:
            return con.execute(sql, list(values)).fetchall()

    def narrations(self) -> list[tuple[str, str]]:
        return self.query(
            "SELECT transaction_id, narration FROM transactions WHERE account_id = ? ORDER BY ALL", self.account
        )

    def events(self) -> list[tuple[Any, ...]]:
        return self.query("SELECT event, outcome, cause FROM webhook_events WHERE account_id = ?", self.account)

    def state(self) -> Account:
        with self.warehouse.read() as con:
            found = accounts.find(con, self.account)
        assert found is not None
        return found

    def files(self, place: str) -> list[str]:
        return sorted(path.name for path in (self.folder / place).glob("*"))


@pytest.fixture
def desk(warehouse: Warehouse, tmp_path: Path) -> Desk:
    return Desk(warehouse, tmp_path / "landing")


def test_a_line_is_merged_like_a_synced_one_and_its_day_waits(desk: Desk) -> None:
    path = desk.land(desk.line(narration="PAYMENT INV-1"))
    assert desk.take_in().outcomes == {"merged": 1}
    assert desk.narrations() == [("tx", "PAYMENT INV-1")]
    assert desk.query("SELECT DISTINCT day::VARCHAR FROM touched_days")[-1:] == [("2025-06-01",)]
    assert desk.files("webhooks") == []
    assert desk.files("processed") == [path.name]
    assert desk.events() == [("transaction.updated", "merged", None)]


def test_the_row_may_lie_flat_beside_the_account(desk: Desk) -> None:
    flat = {"id": "flat", "amount": 100, "type": "debit", "date": "2025-06-01"}
    desk.land(desk.event("transaction.settled", account={"_id": desk.account}, app="app", **flat))
    assert desk.take_in().outcomes == {"merged": 1}


ROW = {"id": "tx-of-it", "amount": 100, "type": "debit", "date": "2025-06-01"}


@pytest.mark.parametrize(
    "data",
    [
        {"id": "*", "transaction": ROW},
        {"accountId": "*", "transaction": ROW},
        {"account_id": "*", "transaction": ROW},
        {"id": "job", "account_id": "*", "transaction": ROW},
        {"id": "job", "transaction": ROW | {"account": {"_id": "*"}}},
        {"id": "job", "transaction": ROW | {"accountId": "*"}},
        {"id": "job", "transaction": ROW | {"account_id": "*"}},
        {"accountId": "*"} | ROW,
        {"account_id": "*"} | ROW,
        {"account": {"id": "*"}} | ROW,
    ],
)
def test_a_line_is_of_the_account_that_its_event_names_in_whatever_way(desk: Desk, data: dict[str, Any]) -> None:
    desk.land(desk.event("transaction.updated", **json.loads(json.dumps(data).replace("*", desk.account))))
    assert desk.take_in().outcomes == {"merged": 1}
    assert desk.narrations() == [("tx-of-it", None)]


@pytest.mark.parametrize("name", ["account", "accountId", "account_id"])
def test_a_flat_line_is_kept_as_upstream_would_list_it_without_its_account(desk: Desk, name: str) -> None:
    desk.land(desk.event("transaction.updated", **ROW, **{name: desk.account}))
    desk.take_in()
    (payload,) = desk.query("SELECT payload FROM transactions WHERE account_id = ?", desk.account)[0]
    assert json.loads(payload) == ROW


@pytest.mark.parametrize("name", ["accountId", "account_id"])
def test_news_of_an_account_may_name_it_beside_another_id(desk: Desk, name: str) -> None:
    desk.land(desk.event("mono.events.account_updated", **{"id": "job", name: desk.account}))
    assert desk.take_in().outcomes == {"pulled": 1}


def test_nothing_landed_is_nothing_done(desk: Desk) -> None:
    assert desk.take_in() == LandedReport()


def test_the_same_event_twice_changes_nothing(desk: Desk) -> None:
    event = desk.line(narration="A")
    desk.land(event)
    desk.land(event)
    assert desk.take_in().outcomes == {"merged": 1, "duplicate": 1}
    desk.land(event)
    desk.take_in()
    assert desk.query("SELECT version FROM transactions WHERE account_id = ?", desk.account) == [(1,)]
    assert len(desk.events()) == 1


def test_the_same_line_in_another_event_is_unchanged(desk: Desk) -> None:
    desk.land(desk.line(narration="A"))
    desk.take_in()
    desk.land(desk.line(narration="A"))
    assert desk.take_in().outcomes == {"unchanged": 1}


def test_an_older_event_that_comes_late_changes_nothing(desk: Desk) -> None:
    desk.land(desk.line(narration="NEW", at=NOW - timedelta(minutes=1)))
    desk.take_in()
    desk.land(desk.line(narration="OLD", at=NOW - timedelta(minutes=2)))
    assert desk.take_in().outcomes == {"superseded": 1}
    assert desk.narrations() == [("tx", "NEW")]


@settings(max_examples=4)
@given(order=st.permutations(range(4)), cuts=st.sets(st.integers(0, 3)))
def test_the_order_of_events_does_not_matter(
    warehouse: Warehouse, tmp_path_factory: pytest.TempPathFactory, order: list[int], cuts: set[int]
) -> None:
    desk = Desk(warehouse, tmp_path_factory.mktemp("landing"))
    history = [("pending", "A", 4), ("settled", "A", 3), ("settled", "CORRECTED", 2), ("settled", "TIE", 2)]
    for place in order:
        status, narration, minutes = history[place]
        at = NOW - timedelta(minutes=minutes)
        desk.land({**desk.line(status=status, narration=narration, at=at), "event_id": f"{desk.account}-{place}"})
        if place in cuts:
            desk.take_in()
    desk.take_in()
    assert desk.narrations() in ([("tx", "TIE")], [("tx", "CORRECTED")])
    assert desk.narrations() == [("tx", _winner(desk.account))]


def _winner(account: str) -> str:
    """Of the two events of one moment the one whose payload has the greater hash, whoever comes first."""
    from rules.transactions import canonical_json, payload_hash

    row = {"id": "tx", "amount": 500_000, "type": "credit", "date": "2025-06-01T09:00:00Z", "status": "settled"}
    return max(("TIE", "CORRECTED"), key=lambda text: payload_hash(canonical_json(row | {"narration": text})))


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("mono.events.account_updated", {"account": {"_id": "*"}, "meta": {"sync_status": "SUCCESSFUL"}}),
        ("mono.events.account_connected", {"id": "*", "meta": {"data_status": "PROCESSING"}}),
        ("mono.accounts.jobs.update", {"account": "*", "id": "job", "status": "finished"}),
        ("mono.events.account_reauthorized", {"account": {"id": "*"}}),
    ],
)
def test_news_of_an_account_pulls_it_whatever_the_shape_of_its_id(desk: Desk, name: str, data: dict[str, Any]) -> None:
    desk.land(desk.event(name, **json.loads(json.dumps(data).replace("*", desk.account))))
    assert desk.take_in().outcomes == {"pulled": 1}
    assert desk.pulled == [desk.account]
    assert desk.events() == [(name, "pulled", None)]


@pytest.mark.parametrize(
    ("name", "data", "status", "required", "error"),
    [
        ("mono.events.account_unlinked", {}, "unlinked", None, None),
        ("mono.events.reauthorisation_required", {}, "linked", True, None),
        (
            "mono.events.account_updated",
            {"meta": {"sync_status": "REAUTHORISATION_REQUIRED"}},
            "linked",
            True,
            None,
        ),
        ("mono.events.sync_failed", {}, "linked", None, webhooks._UPSTREAM_FAILED),
        ("mono.accounts.jobs.update", {"status": "failed"}, "linked", None, webhooks._UPSTREAM_FAILED),
    ],
)
def test_what_befell_an_account_is_marked(
    desk: Desk, name: str, data: dict[str, Any], status: str, required: bool | None, error: str | None
) -> None:
    desk.land(desk.event(name, account={"_id": desk.account}, **data))
    assert desk.take_in().outcomes == {"marked": 1}
    state = desk.state()
    assert (state.status, state.reauthorisation_required, state.sync_error) == (status, required, error)
    assert desk.pulled == []


def test_a_late_word_of_an_earlier_consent_does_not_end_this_one(desk: Desk) -> None:
    desk.land(desk.event("mono.events.account_unlinked", at=NOW - timedelta(days=10), account={"id": desk.account}))
    assert desk.take_in().outcomes == {"superseded": 1}
    assert desk.state().status == "linked"


def test_an_unknown_event_is_kept_and_counted(desk: Desk) -> None:
    desk.land(desk.event("mono.events.never_heard_of", anything=1))
    assert desk.take_in().outcomes == {"kept": 1}


def test_events_of_unlinked_accounts_and_of_other_apps_are_left_alone(desk: Desk) -> None:
    desk.land(desk.event("transaction.updated", account="nobody", transaction={"id": "x"}))
    desk.land(desk.event("mono.events.account_updated", account={"_id": desk.account}, app="another"))
    assert desk.take_in(app_id="ours").outcomes == {"not_linked": 1, "other_app": 1}
    assert desk.pulled == []


POISON = {
    "not json": "the file is not JSON",
    "[1]": "the file holds no event",
    '{"event": [1]}': "the event is no JSON object",
    '{"event": {"data": {}}}': "the event has no name",
    '{"event": {"event": "transaction.updated", "data": {"id": "tx"}}}': "the event names no account",
}


def test_poison_files_go_to_quarantine_with_their_reasons_and_the_others_go_on(desk: Desk) -> None:
    poison = [desk.land(told, at=NOW - timedelta(minutes=1)) for told in POISON]
    desk.land(desk.line())
    report = desk.take_in()
    assert report.outcomes == {"quarantined": len(POISON), "merged": 1}
    assert report.causes == dict.fromkeys(POISON.values(), 1)
    assert desk.files("quarantine") == sorted(
        name for path in poison for name in (path.name, f"{path.name}.reason.txt")
    )
    first = desk.folder / "quarantine" / f"{poison[0].name}.reason.txt"
    assert first.read_text() == "the file is not JSON\n"


def test_a_line_that_cannot_be_read_is_quarantined_as_row_and_as_file(desk: Desk) -> None:
    path = desk.land(desk.line(amount="plenty"))
    report = desk.take_in()
    assert report.outcomes == {"quarantined": 1}
    assert "amount" in next(iter(report.causes))
    assert "plenty" not in next(iter(report.causes))
    assert desk.query("SELECT source, field FROM quarantine WHERE account_id = ?", desk.account) == [
        ("webhook", "amount")
    ]
    assert path.name in desk.files("quarantine")


def test_a_pull_that_fails_is_told_and_keeps_no_other_event(desk: Desk) -> None:
    desk.pull_error = "Mono keeps failing (status 500). Try again later."
    desk.land(desk.event("mono.events.account_updated", account={"_id": desk.account}))
    desk.land(desk.line())
    assert desk.take_in().outcomes == {"pull_failed": 1, "merged": 1}
    assert ("mono.events.account_updated", "pull_failed", desk.pull_error) in desk.events()


def test_without_a_key_a_pull_fails_in_words(desk: Desk) -> None:
    desk.pull_error = ConfigurationError("MONO_SECRET_KEY is not set")
    desk.land(desk.event("mono.events.account_updated", account={"_id": desk.account}))
    assert desk.take_in().causes == {"MONO_SECRET_KEY is not set": 1}


def test_income_is_taken_in_once(desk: Desk) -> None:
    stream = {"income_type": "WAGES", "frequency": "MONTHLY", "monthly_average": 3000, "currency": "", "stability": 1}
    told = {"income_streams": [stream], "total_income": 11300, "last_transaction_date": "2025-05-03"}
    for _ in range(2):
        desk.land(desk.event("mono.events.account_income", account=desk.account, **told))
        assert desk.take_in().outcomes == {"income": 1}
    found = desk.query(
        "SELECT income_type, monthly_average, stability FROM audit.income WHERE account_id = ?", desk.account
    )
    assert found == [("WAGES", 3000, 1.0)]
    assert desk.query("SELECT total_income, source FROM audit.income_records WHERE account_id = ?", desk.account) == [
        (11300, "webhook")
    ]


HALF = "\ud800"
STREAM = {"income_type": "WAGES", "last_income_description": "PAYMENT"}
UNHEARD_OF = {
    "half of a pair in an account's id": ("mono.events.account_updated", {"id": HALF}, "not_linked"),
    "half of a pair in a name": (f"x{HALF}", {}, "kept"),
    "half of a pair in a key": ("mono.events.account_income", {"income_streams": [{**STREAM, HALF: 1}]}, "income"),
    "half of a pair in a text": (
        "mono.events.account_income",
        {"income_streams": [STREAM | {"last_income_description": f"A{HALF}"}]},
        "income",
    ),
    "a share of 401 digits": (
        "mono.events.account_income",
        {"income_streams": [STREAM | {"stability": 10**400}]},
        "income",
    ),
    "a share that is no number": (
        "mono.events.account_income",
        {"income_streams": [STREAM | {"stability": float("inf")}]},
        "income",
    ),
    "a count of 64 bits": (
        "mono.events.account_income",
        {"income_streams": [STREAM | {"number_of_months": 2**40}], "number_of_income_streams": 2**40},
        "income",
    ),
}


@pytest.mark.parametrize("case", UNHEARD_OF)
def test_what_no_column_holds_stops_no_event(desk: Desk, case: str) -> None:
    name, data, outcome = UNHEARD_OF[case]
    desk.land(desk.event(name, **{"account": desk.account} | data if "id" not in data else data))
    desk.land(desk.line())
    assert desk.take_in().outcomes == {outcome: 1, "merged": 1}
    assert desk.files("webhooks") == []


def test_a_number_beyond_all_exponents_stops_no_event(desk: Desk) -> None:
    streams = [STREAM | {"stability": "MUCH", "monthly_average": "MORE"}]
    told = json.dumps({"event": desk.event("mono.events.account_income", account=desk.account, income_streams=streams)})
    desk.land(told.replace('"MUCH"', "1e400").replace('"MORE"', "1e99999999999999999999"))
    assert desk.take_in().outcomes == {"income": 1}


def test_a_run_that_died_before_it_moved_its_files_changes_nothing_when_it_is_done_again(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.land(desk.line(narration="A"))
    desk.land(desk.event("mono.events.account_updated", account={"_id": desk.account}))
    with monkeypatch.context() as patch:
        patch.setattr(webhooks, "_moved", _die)
        with pytest.raises(KeyboardInterrupt):
            desk.take_in()
    before = desk.query("SELECT * FROM transactions WHERE account_id = ?", desk.account), desk.events()
    desk.take_in()
    assert (desk.query("SELECT * FROM transactions WHERE account_id = ?", desk.account), desk.events()) == before
    assert desk.pulled == [desk.account]
    assert desk.files("webhooks") == []


def test_a_run_that_died_before_its_pull_is_made_good(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.land(desk.event("mono.events.account_updated", account={"_id": desk.account}))
    with monkeypatch.context() as patch:
        patch.setattr(webhooks, "_pulled", _die)
        with pytest.raises(KeyboardInterrupt):
            desk.take_in()
    assert desk.pulled == []
    assert desk.take_in().outcomes == {"pulled": 1}
    assert desk.pulled == [desk.account]


def _die(*_: object) -> None:
    raise KeyboardInterrupt


def test_a_batch_is_bounded_and_a_late_name_is_found(desk: Desk) -> None:
    for minutes in range(5):
        desk.land(desk.line(f"tx-{minutes}"), at=NOW - timedelta(minutes=minutes))
    assert desk.take_in(limit=3).files == 3
    desk.land(desk.line("late"), at=NOW - timedelta(days=1))
    assert desk.take_in(limit=1).files == 1
    assert ("late",) in desk.query("SELECT transaction_id FROM transactions WHERE account_id = ?", desk.account)


def test_half_written_files_and_strangers_are_left_alone(desk: Desk) -> None:
    desk.land("half", name=".20250602T120000000000-0.json")
    desk.land("half", name="20250602T120000000000-0.json.tmp")
    assert desk.take_in().files == 0


def test_a_bvn_is_kept_by_its_last_digits_only(desk: Desk) -> None:
    desk.land(desk.line(narration="BVN 22000000019 PAYMENT", bvn="22000000019"))
    desk.take_in()
    (payload,) = desk.query("SELECT payload FROM transactions WHERE account_id = ?", desk.account)[0]
    assert "22000000019" not in payload


def test_where_the_folder_cannot_be_used_the_sentence_says_so(desk: Desk) -> None:
    desk.land(desk.line())
    (desk.folder / "processed").write_text("in the way")
    with pytest.raises(WarehouseError, match="landing folder"):
        desk.take_in()


def test_files_that_were_dealt_with_are_removed_in_time(desk: Desk) -> None:
    desk.land(desk.line())
    desk.take_in()
    folder = LandingFolder(desk.folder)
    assert folder.tidy(datetime(2020, 1, 1, tzinfo=UTC)) == 0
    assert folder.tidy(datetime(2200, 1, 1, tzinfo=UTC)) == 1
