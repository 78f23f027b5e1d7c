"""A backup put back, wherever the restore or an erasure broke off: what was erased since is never in force."""

from __future__ import annotations

import shutil
import signal
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from pipelines import backups as restoring
from pipelines.retention import Erased, erase_account, purge_expired
from resources import backups
from resources.clock import FixedClock
from resources.erasure_home import one_at_a_time
from resources.errors import WarehouseError
from resources.settings import Settings
from resources.warehouse import accounts, compaction, erasures
from tests.pipelines.test_retention import DAYS, GOING, NOW, ROWS, Home, filled_in, home_in, row, unsigned_canaries
from tests.resources.warehouse.homes import Process

LINES = f"SELECT count(*) FROM transactions WHERE account_id = '{GOING}'"  # noqa: S608 - ours
UNPROVED = "SELECT count(*) FROM erasures WHERE proved IS DISTINCT FROM TRUE"
LATER = NOW + timedelta(hours=1)


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return filled_in(tmp_path_factory.mktemp("filled") / "home")


@pytest.fixture
def home(tmp_path: Path, filled: Path) -> Iterator[Home]:
    made = home_in(Path(shutil.copytree(filled, tmp_path / "home")))
    made.settings = Settings(kobosift_home=made.folder)
    yield made
    made.warehouse.close()


@pytest.fixture
def file(home: Home, tmp_path: Path) -> Path:
    """A backup of everything."""
    return back_up(home, tmp_path / "all.tar")


def back_up(home: Home, file: Path) -> Path:
    backups.write_backup(home.warehouse, home.settings, file, now=NOW + timedelta(minutes=1))
    return file


def erase(home: Home) -> list[Erased]:
    """Erase an account an hour after the backup."""
    return erase_account(home.warehouse, home.settings, FixedClock(LATER), GOING, run_id="test")


def purge(home: Home) -> list[Erased]:
    return purge_expired(home.warehouse, home.settings, FixedClock(LATER), run_id="test")


def restore(home: Home, file: Path) -> list[Erased]:
    home.warehouse.close()
    return restoring.restore(home.settings, FixedClock(LATER), file, run_id="test")


def waiting(home: Home) -> list[Path]:
    return list((home.folder / "erasure" / "pending").glob("*.json"))


def die(*_: object, **__: object) -> None:
    raise KeyboardInterrupt


def test_a_restore_that_dies_right_after_the_swap_has_no_erased_row_in_force_and_the_next_purge_proves_it(
    home: Home, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    erase(home)
    with monkeypatch.context() as dying:
        dying.setattr(restoring, "open_warehouse", die)
        with pytest.raises(KeyboardInterrupt):
            restore(home, file)
    assert home.count(LINES) == 0
    assert home.count("SELECT count(*) FROM transactions") == len(DAYS)
    assert len(waiting(home)) == home.count(UNPROVED) == 1
    (done,) = purge(home)
    assert done.proved, done.remnants
    assert unsigned_canaries(home) == waiting(home) == []
    assert home.count(UNPROVED) == 0
    assert home.sync(GOING, ROWS[GOING]) == 0


KILLED = """
    import os, signal, sys
    from datetime import datetime
    from unittest.mock import patch
    from pipelines.backups import restore
    from resources.clock import FixedClock
    from resources.settings import Settings
    target, file, moment = sys.stdin.read().split()
    with patch(target, side_effect=lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL)):
        restore(Settings(kobosift_home=home), FixedClock(datetime.fromisoformat(moment)), Path(file), run_id="killed")
"""


@pytest.mark.slow
def test_a_restore_that_is_killed_at_any_step_brings_nothing_back_once_it_is_purged_or_done_again(
    home: Home, file: Path
) -> None:
    erase(home)
    home.warehouse.close()
    steps = ["pipelines.backups.delete_in_copy", "resources.backups.put_pending", "pipelines.backups.open_warehouse"]
    for step in steps:
        with Process(home.folder, KILLED) as child:
            assert child.told(f"{step} {file} {LATER.isoformat()}") == -signal.SIGKILL
        if step != "resources.backups.put_pending":  # no catalogue is in place then: only a restore goes on
            assert home.count(LINES) == 0, step
            assert all(each.proved for each in purge(home))
            assert unsigned_canaries(home) == waiting(home) == []
            home.warehouse.close()
    assert home.count("SELECT count(*) FROM transactions") == len(DAYS)


def test_a_restore_that_dies_within_the_swap_is_done_again(
    home: Home, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    erase(home)
    with monkeypatch.context() as dying:
        dying.setattr("resources.backups._put_landed", die)
        with pytest.raises(KeyboardInterrupt):
            restore(home, file)
    (done,) = restore(home, file)
    assert done.proved, done.remnants
    assert home.count(LINES) == 0
    assert unsigned_canaries(home) == waiting(home) == []


def test_a_restore_that_fails_before_the_swap_changes_nothing_and_leaves_nothing_to_erase(
    home: Home, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    erase(home)
    newer = row(GOING, 900, DAYS[-1])
    assert home.sync(GOING, [newer]) == 1
    with monkeypatch.context() as dying:
        dying.setattr(restoring, "delete_in_copy", die)
        with pytest.raises(KeyboardInterrupt):
            restore(home, file)
    assert not (home.folder / "restoring").exists()
    assert waiting(home) == []
    assert purge(home) == []
    assert home.count(LINES) == 1, "what came in after the erasure stays"


def test_what_a_killed_restore_left_aside_goes_with_the_next_purge(home: Home, file: Path) -> None:
    erase(home)
    home.warehouse.close()
    backups.unpack(home.warehouse, home.settings, file)
    assert unsigned_canaries(home)
    assert purge(home) == []
    assert unsigned_canaries(home) == []


@pytest.mark.parametrize("step", ["erase", "make_physical"])
def test_an_erasure_asked_for_before_the_backup_and_finished_after_it_is_honoured(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    with monkeypatch.context() as dying:
        dying.setattr({"erase": erasures, "make_physical": compaction}[step], step, die)
        with pytest.raises(KeyboardInterrupt):
            home.erase()
    file = back_up(home, tmp_path / "between.tar")
    (done,) = purge(home)
    assert done.proved, done.remnants
    assert all(each.proved for each in restore(home, file))
    assert home.count(LINES) == home.count(UNPROVED) == 0
    assert home.count("SELECT count(*) FROM transactions") == len(DAYS)
    assert unsigned_canaries(home) == waiting(home) == []


def test_an_erasure_that_waits_while_a_backup_is_put_back_is_finished_there(
    home: Home, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as dying:
        dying.setattr(compaction, "make_physical", die)
        with pytest.raises(KeyboardInterrupt):
            erase(home)
    assert len(waiting(home)) == 1
    (done,) = restore(home, file)
    assert done.proved, done.remnants
    assert home.count(LINES) == 0
    assert unsigned_canaries(home) == waiting(home) == []


def test_an_erasure_of_a_former_warehouse_of_the_home_takes_nothing_of_a_later_one(home: Home, tmp_path: Path) -> None:
    home.erase()
    home.warehouse.close()
    (home.folder / "catalog.sqlite").unlink()
    shutil.rmtree(home.folder / "data")
    home.warehouse.migrate()
    home.write(lambda con: accounts.link(con, GOING, "org", "sandbox", now=NOW))
    assert home.sync(GOING, ROWS[GOING]) == len(DAYS)
    assert restore(home, back_up(home, tmp_path / "anew.tar")) == []
    assert home.count(LINES) == len(DAYS)


def test_a_backup_is_not_put_back_while_another_erasure_goes_on(
    home: Home, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("resources.erasure_home._LOCK_SECONDS", 0)
    with one_at_a_time(home.folder), pytest.raises(WarehouseError, match="another erasure"):
        restore(home, file)
