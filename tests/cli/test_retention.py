"""Purge, erase, unlink with purge, backup and restore, as typed."""

from __future__ import annotations

import json
import shutil
import tarfile
from datetime import UTC, datetime
from pathlib import Path

import pytest

from resources.erasure_home import erasure_key, keep_pending
from resources.remnants import search
from resources.warehouse.connection import Warehouse
from resources.warehouse.erasures import Request, Scope
from tests.cli.conftest import Place, Town


def lines_of(town: Town, account: str) -> list[str]:
    query = f"SELECT transaction_id FROM audit.outcomes WHERE account_id = '{account}'"  # noqa: S608 - a sandbox's id
    return [row["transaction_id"] for row in town.done("sql", query, "--json").document]


def traces(town: Town, needles: list[str]) -> list[str]:
    return [found.path for found in search([town.home], needles)]


@pytest.fixture(scope="module")
def erased(town: Town, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, list[str]]]:
    """A backup, and the ids of the lines that were erased after it was made."""
    file = tmp_path_factory.mktemp("backups") / "before.tar"
    made = town.done("backup", str(file), "--json").document
    assert made["files"] > 10
    return file, {account: lines_of(town, account) for account in town.world.account_ids}


def test_a_dry_run_of_an_erasure_tells_what_would_go_and_leaves_it(town: Town, erased: object) -> None:
    account = town.world.account_ids[0]
    told = town.done("erase", "--account", account, "--dry-run", "--json").document
    rows = [each for each in told["would_erase"] if each["table"] == "transactions"]
    assert sum(each["rows"] for each in rows) == len(lines_of(town, account)) > 0
    assert all(each["day"] and each["amount"] and each["organization_id"] for each in rows)
    assert "nothing was changed" in town.done("erase", "--account", account, "--dry-run").out


def test_an_erased_account_stays_linked_and_its_lines_stay_away(
    town: Town, erased: tuple[Path, dict[str, list[str]]]
) -> None:
    account = town.world.account_ids[0]
    told = town.done("erase", "--account", account, "--json").document
    assert [each["proved"] for each in told["erased"]] == [True]
    assert traces(town, erased[1][account]) == []
    assert town.done("erase", "--account", account, "--json").document["erased"] == []
    town.done("sync", "--full", "--json")
    assert lines_of(town, account) == []
    (record,) = town.done("sql", "SELECT * FROM audit.erasures", "--json").document
    assert record["proved"] is True
    assert json.loads(record["counts"])["transactions"] == len(erased[1][account])


def test_unlinking_with_purge_leaves_nothing_and_may_be_done_again(
    town: Town, erased: tuple[Path, dict[str, list[str]]]
) -> None:
    account = town.world.account_ids[1]
    export = town.home / "exports" / account / f"{account}.csv"
    export.parent.mkdir(parents=True)
    export.write_text("day,lines\n", encoding="utf-8")
    told = town.done("accounts", "unlink", account, "--purge", "--json").document
    assert told["unlinked"] is True
    assert [each["proved"] for each in told["erased"]] == [True]
    assert traces(town, erased[1][account]) == []
    assert not export.parent.exists()
    again = town.done("accounts", "unlink", account, "--purge", "--json").document
    assert (again["unlinked"], again["erased"]) == (False, [])
    town.done("run", "--json")


def test_a_backup_put_back_is_purged_again(town: Town, erased: tuple[Path, dict[str, list[str]]]) -> None:
    file, lines = erased
    waiting = town.home / "landing" / "webhooks" / "20260301T100000000000-00000000000000aa.json"
    waiting.parent.mkdir(parents=True, exist_ok=True)
    waiting.write_text('{"event": {"event": "app.invented", "data": {}}}', encoding="utf-8")
    told = town.done("restore", str(file), "--json").document
    assert waiting.exists()
    assert [each["proved"] for each in told["erased"]] == [True, True]
    assert all(traces(town, ids) == [] for ids in lines.values())
    states = {each["account_id"]: each["status"] for each in town.done("accounts", "list", "--json").document}
    assert states == {town.world.account_ids[0]: "linked"}
    town.done("run", "--json")
    assert lines_of(town, town.world.account_ids[0]) == []


def test_purge_without_a_retention_says_that_nothing_expires(town: Town) -> None:
    assert "MONO_DATA_RETENTION_DAYS is not set" in town.done("purge").out


def test_purge_erases_what_expired(town: Town, erased: tuple[Path, dict[str, list[str]]]) -> None:
    shutil.rmtree(town.home / "erasure" / "journal", ignore_errors=True)
    town.done("restore", str(erased[0]))
    told = town.done("purge", "--json", MONO_DATA_RETENTION_DAYS="3").document
    assert [each["proved"] for each in told["erased"]] == [True]
    days = town.done("sql", "SELECT min(day) AS day FROM audit.outcomes", "--json").document
    assert days[0]["day"] >= told["before"]
    assert "Nothing is kept from before" in town.done("purge", MONO_DATA_RETENTION_DAYS="3").out
    assert "rows would go" in town.done("purge", "--dry-run", MONO_DATA_RETENTION_DAYS="3").out
    assert "Nothing expires: MONO_DATA_RETENTION_DAYS is not set." in town.done("purge", "--dry-run").out


@pytest.mark.slow
def test_the_doctor_names_a_damaged_file_and_a_restore_mends_it(
    town: Town, erased: tuple[Path, dict[str, list[str]]]
) -> None:
    town.done("restore", str(erased[0]))
    hurt = sorted((town.home / "data" / "main" / "transactions").rglob("*.parquet"))[0]
    for harm in (lambda: hurt.write_bytes(hurt.read_bytes()[:-9]), hurt.unlink):
        harm()
        result = town("doctor", "--json")
        assert result.code == 1
        (told,) = [each["told"] for each in result.document if not each["ok"]]
        assert hurt.name in told
        assert "kobosift restore" in told
    town.done("restore", str(erased[0]))
    town.done("doctor")


def test_a_file_that_is_no_backup_changes_nothing(nowhere: Place, tmp_path: Path) -> None:
    file = tmp_path / "no.tar"
    file.write_bytes(b"not a tar")
    assert nowhere("restore", str(file)).code == 2
    missing = nowhere("restore", "nofile.tar")
    assert (missing.code, "there is no file nofile.tar; nothing was changed" in missing.err) == (2, True)
    with tarfile.open(file, "w") as tar:
        tar.add(__file__, "../outside")
    assert nowhere("restore", str(file)).code == 2
    assert not nowhere.home.exists()


def test_a_backup_below_the_home_is_refused(town: Town) -> None:
    result = town("backup", str(town.home / "backup.tar"))
    assert result.code == 2
    assert "below the home" in result.err


def test_an_account_that_was_linked_under_an_odd_id_can_be_erased_and_a_blank_one_names_nothing(nowhere: Place) -> None:
    nowhere.done("accounts", "link", "acc-1", "--organization", "org-1")
    nowhere.done("accounts", "link", "acc-2", "--organization", "org-1")
    warehouse = Warehouse(f"sqlite:{nowhere.home / 'catalog.sqlite'}", str(nowhere.home / "data"), nowhere.home)
    odd = "UPDATE accounts SET account_id = 'an/odd one ' WHERE account_id = 'acc-1'"
    warehouse.write(lambda con: con.execute(odd), run_id="test", note="")
    label = "INSERT INTO labels VALUES ('org-1', 'sandbox', 'an/odd one ', 't', 'business', 'ada', now())"
    warehouse.write(lambda con: con.execute(label), run_id="test", note="")
    warehouse.close()
    assert nowhere("erase", "--account", "odd/too").code == 2
    assert nowhere("erase", "--account", " ").code == 2
    assert nowhere.done("erase", "--account", "an/odd one ", "--json").document["erased"][0]["proved"] is True
    listed = nowhere.done("accounts", "list", "--json").document
    assert {each["account_id"] for each in listed} == {"an/odd one ", "acc-2"}


def test_the_doctor_tells_of_an_erasure_that_was_killed_before_its_deletion(town: Town) -> None:
    request = Request("e", Scope(account_id="acc-of-nobody"), datetime.now(UTC), erasure_key(town.home))
    keep_pending(town.home, request)
    told = {each["what"]: each for each in town("doctor", "--json").document}["data files"]
    assert (told["ok"], told["told"]) == (False, "1 erasures are not finished: kobosift purge goes on with them.")
    town.done("purge")
    told = {each["what"]: each for each in town("doctor", "--json").document}["data files"]
    assert told["ok"]
