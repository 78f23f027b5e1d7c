"""Read lines merged into the warehouse: each line once, each payload once, the days that changed and no others."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime
from pathlib import Path

import duckdb
import polars as pl
import pytest

from resources.errors import ConfigurationError
from resources.warehouse import accounts, transactions
from resources.warehouse.accounts import AccountDetails, AccountState
from resources.warehouse.transactions import Merged
from rules.transactions import AccountKey, normalise
from tests.resources.warehouse.lakes import empty_lake

NOW = datetime(2024, 3, 1, 12, tzinfo=UTC)
ONE, TWO = AccountKey("org-1", "sandbox", "acc-1"), AccountKey("org-1", "sandbox", "acc-2")
touches = itertools.count()


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("lake")


@pytest.fixture
def con(tmp_path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    with empty_lake(tmp_path) as lake:
        for key in (ONE, TWO):
            accounts.link(lake, key.account_id, key.organization_id, key.environment, now=NOW)
        yield lake


def row(name: str, day: int = 1, **changes: object) -> dict[str, object]:
    return {"id": name, "amount": 100, "type": "credit", "date": f"2024-02-{day:02d}T10:00:00Z", **changes}


def merge(con: duckdb.DuckDBPyConnection, rows: Sequence[object], key: AccountKey = ONE) -> Merged:
    """One batch of one account in one transaction."""
    read = normalise(rows, key, NOW, "run")
    con.begin()
    done = transactions.merge_batch(
        con, read.transactions, read.quarantine, [AccountState(key.account_id)], touch_id=f"touch-{next(touches)}"
    )
    con.commit()
    return done.get(key.account_id, Merged())


def lines(con: duckdb.DuckDBPyConnection) -> list[tuple[str, int, int, int]]:
    """Id, version, day of the month and amount of each line."""
    return con.execute(
        "SELECT transaction_id, version, day(day)::INTEGER, amount FROM transactions ORDER BY ALL"
    ).fetchall()


def older(con: duckdb.DuckDBPyConnection) -> list[tuple[str, int, int]]:
    return con.execute("SELECT transaction_id, version, amount FROM transaction_versions ORDER BY ALL").fetchall()


def touched(con: duckdb.DuckDBPyConnection) -> list[int]:
    """The days of the month that wait for decisions; taken off."""
    days = [
        day for (day,) in con.execute("SELECT DISTINCT day(day)::INTEGER FROM touched_days ORDER BY ALL").fetchall()
    ]
    con.execute("DELETE FROM touched_days")
    return days


def test_new_lines_are_written_once_and_touch_their_days(con: duckdb.DuckDBPyConnection) -> None:
    assert merge(con, [row("a"), row("b", day=3)]) == Merged(imported=2)
    assert lines(con) == [("a", 1, 1, 100), ("b", 1, 3, 100)]
    assert touched(con) == [1, 3]


def test_the_same_lines_again_change_nothing(con: duckdb.DuckDBPyConnection) -> None:
    merge(con, [row("a"), row("b")])
    touched(con)
    before = con.execute("SELECT * FROM transactions ORDER BY ALL").fetchall()
    assert merge(con, [row("b"), row("a"), row("a")]) == Merged(unchanged=2)
    assert con.execute("SELECT * FROM transactions ORDER BY ALL").fetchall() == before
    assert touched(con) == []
    assert older(con) == []


def test_lines_alike_but_for_their_ids_are_two(con: duckdb.DuckDBPyConnection) -> None:
    merge(con, [row("a"), row("b")])
    merge(con, [row("a")], TWO)
    assert con.execute("SELECT count(*) FROM transactions").fetchone() == (3,)


def test_a_changed_line_is_a_new_version_and_the_old_one_is_kept(con: duckdb.DuckDBPyConnection) -> None:
    merge(con, [row("a"), row("b", day=2)])
    touched(con)
    assert merge(con, [row("a", amount=200), row("b", day=2)]) == Merged(updated=1, unchanged=1)
    assert lines(con) == [("a", 2, 1, 200), ("b", 1, 2, 100)]
    assert older(con) == [("a", 1, 100)]
    assert touched(con) == [1]


@pytest.mark.parametrize("near", [row("z", day=20), row("z", day=3), row("z", day=10)])
def test_a_line_moved_to_another_day_is_found_and_touches_both(
    con: duckdb.DuckDBPyConnection, near: dict[str, object]
) -> None:
    merge(con, [row("a", day=3)])
    touched(con)
    merge(con, [near])
    touched(con)
    assert merge(con, [row("a", day=20)]) == Merged(updated=1)
    assert [line for line in lines(con) if line[0] == "a"] == [("a", 2, 20, 100)]
    assert touched(con) == [3, 20]


def test_a_payload_that_comes_back_is_no_older_version_any_more(con: duckdb.DuckDBPyConnection) -> None:
    for amount in (1, 2, 1):
        merge(con, [row("a", amount=amount)])
    assert lines(con) == [("a", 3, 1, 1)]
    assert older(con) == [("a", 2, 2)]
    for amount in (2, 3, 2, 1):
        merge(con, [row("a", amount=amount)])
    assert lines(con) == [("a", 7, 1, 1)]
    assert [amount for _, _, amount in older(con)] == [3, 2]


def test_within_a_batch_the_later_reading_wins_and_both_payloads_are_kept(con: duckdb.DuckDBPyConnection) -> None:
    assert merge(con, [row("a", amount=1), row("a", amount=2), row("a", amount=2)]) == Merged(imported=1)
    assert lines(con) == [("a", 2, 1, 2)]
    assert older(con) == [("a", 1, 1)]


@pytest.mark.parametrize("amounts", list(itertools.product([1, 2, 3], repeat=3)))
def test_a_batch_ends_as_its_rows_one_by_one_would(con: duckdb.DuckDBPyConnection, amounts: tuple[int, ...]) -> None:
    merge(con, [row("a", amount=1)])
    merge(con, [row("a", amount=amount) for amount in amounts])
    assert [amount for _, _, _, amount in lines(con)] == [amounts[-1]]
    assert sorted(amount for _, _, amount in older(con)) == sorted({1, *amounts} - {amounts[-1]})
    versions = [version for _, version, *_ in (*lines(con), *older(con))]
    assert max(versions) == lines(con)[0][1]
    assert len(set(versions)) == len(versions)


def test_distinct_payloads_are_lines_and_older_versions_and_quarantined(con: duckdb.DuckDBPyConnection) -> None:
    rows = [row("a"), row("a", amount=5), row("b"), row("b", amount=-1), {"id": None}, {"id": None}, "x"]
    for part in (rows, rows[::-1], rows[:3], rows[2:]):
        merge(con, part)
        kept = con.execute(
            """SELECT (SELECT count(*) FROM transactions) + (SELECT count(*) FROM transaction_versions)
            + (SELECT count(*) FROM quarantine)"""
        ).fetchone()
        assert kept == (6,)


def test_an_unreadable_payload_is_kept_once_an_account(con: duckdb.DuckDBPyConnection) -> None:
    assert merge(con, [{"id": "a"}, {"id": "a"}]).quarantined == 1
    assert merge(con, [{"id": "a"}]).quarantined == 0
    assert merge(con, [{"id": "a"}], TWO).quarantined == 1


def test_a_line_corrected_from_unreadable_is_imported(con: duckdb.DuckDBPyConnection) -> None:
    merge(con, [row("a", amount=0)])
    assert merge(con, [row("a")]) == Merged(imported=1)


def test_nothing_is_written_for_an_account_unlinked_meanwhile(con: duckdb.DuckDBPyConnection) -> None:
    accounts.unlink(con, ONE.account_id, now=NOW)
    assert merge(con, [row("a"), {"id": None}]) == Merged()
    assert lines(con) == []
    assert con.execute("SELECT count(*) FROM quarantine").fetchone() == (0,)


def test_what_stands_there_already_is_told_from_what_does_not(con: duckdb.DuckDBPyConnection) -> None:
    merge(con, [row("a"), row("b", day=2), row("c", day=3)])
    read = normalise([row("a"), row("b", day=2, amount=7), row("b", day=2), row("d")], ONE, NOW, "run").transactions
    assert transactions.changed(con, read)["transaction_id"].to_list() == ["b", "b", "d"]
    assert transactions.changed(con, read.clear()).height == 0


def test_columns_arrive_as_they_were_read(con: duckdb.DuckDBPyConnection) -> None:
    full = row("a", tags=["x", "y"], narration="n\u20a6", balance=-5, currency="Naira", status="pending", category="c")
    merge(con, [full])
    read = normalise([full], ONE, NOW, "run").transactions
    stored = con.execute("SELECT * EXCLUDE (version) FROM transactions").pl()
    assert stored.select(pl.exclude("booked_at", "received_at")).equals(
        read.select(pl.exclude("booked_at", "received_at"))
    )
    assert stored["booked_at"].dt.convert_time_zone("UTC").to_list() == read["booked_at"].to_list()


def test_an_account_is_linked_once_and_listed(con: duckdb.DuckDBPyConnection) -> None:
    assert not accounts.link(con, "acc-1", "org-1", "sandbox", now=NOW)
    assert accounts.link(con, "acc-3", "org-2", "production", now=NOW)
    assert [account.account_id for account in accounts.listed(con)] == ["acc-1", "acc-2", "acc-3"]
    assert [account.account_id for account in accounts.listed(con, organization_id="org-2")] == ["acc-3"]
    assert accounts.listed(con, organization_id="org-2", environment="sandbox") == []


def test_another_tenants_account_cannot_be_linked(con: duckdb.DuckDBPyConnection) -> None:
    with pytest.raises(ConfigurationError, match="linked to another tenant"):
        accounts.link(con, "acc-1", "org-2", "sandbox", now=NOW)
    merge(con, [row("a")])
    accounts.unlink(con, "acc-1", now=NOW)
    with pytest.raises(ConfigurationError, match="still kept"):
        accounts.link(con, "acc-1", "org-2", "sandbox", now=NOW)
    con.execute("DELETE FROM transactions")
    assert accounts.link(con, "acc-1", "org-2", "sandbox", now=NOW)
    found = accounts.find(con, "acc-1")
    assert found is not None
    assert found.key == AccountKey("org-2", "sandbox", "acc-1")


def test_a_new_consent_starts_anew(con: duckdb.DuckDBPyConnection) -> None:
    accounts.update(con, [AccountState("acc-1", cursor="c", ended=True, sync_error="e", reauthorisation_required=True)])
    assert accounts.unlink(con, "acc-1", now=NOW)
    assert not accounts.unlink(con, "acc-1", now=NOW)
    assert [account.account_id for account in accounts.listed(con, linked_only=True)] == ["acc-2"]
    assert accounts.link(con, "acc-1", "org-1", "sandbox", now=NOW)
    found = accounts.find(con, "acc-1")
    assert found is not None
    assert (found.cursor, found.sync_error, found.unlinked_at) == (None, None, None)
    assert found.reauthorisation_required is False


def test_what_upstream_leaves_out_stays(con: duckdb.DuckDBPyConnection) -> None:
    details = AccountDetails(holder="Okoro Stores", currency="NGN", data_status="AVAILABLE")
    accounts.update(
        con,
        [
            AccountState("acc-1", cursor="c1", details=details),
            AccountState("acc-1", cursor="c2", ended=True, synced_at=NOW),
            AccountState("acc-2", ended=True, sync_error="why"),
        ],
    )
    accounts.update(con, [AccountState("acc-1", details=AccountDetails(data_status="PARTIAL"))])
    found = accounts.find(con, "acc-1")
    assert found is not None
    assert (found.holder, found.currency, found.data_status) == ("Okoro Stores", "NGN", "PARTIAL")
    assert (found.cursor, found.sync_error) == ("c2", None)
    assert found.synced_at is not None
    assert found.synced_at.astimezone(UTC) == NOW
    other = accounts.find(con, "acc-2")
    assert other is not None
    assert other.sync_error == "why"


def test_days_of_the_merge_are_lagos_days(con: duckdb.DuckDBPyConnection) -> None:
    merge(con, [row("a", date="2024-02-28T23:30:00Z")])
    assert con.execute("SELECT day FROM transactions").fetchone() == (date(2024, 2, 29),)
