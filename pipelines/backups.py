"""A backup put back, without what was erased since it was made.

What was erased after the backup is known by the journal that each erasure leaves in the home
(`resources/erasure_home.py`), beside the warehouse, so that it is there where the catalogue is damaged. It is deleted
from the backup while that lies aside, so that no reader sees it and no kill brings it back; the proof follows once the
backup is in place, or with the next purge. Holds the order of the steps.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import duckdb

from pipelines.retention import Erased, delete_in_copy, purge_expired
from resources import backups, erasure_home
from resources.backups import Backup
from resources.clock import Clock
from resources.settings import Settings
from resources.warehouse import accounts, compaction, erasures
from resources.warehouse.connection import Warehouse, open_warehouse
from resources.warehouse.erasures import Past, Scope


def restore(settings: Settings, clock: Clock, file: Path, *, run_id: str) -> list[Erased]:
    """Put a backup in the place of the warehouse, and erase again what was erased since, and what expired.

    Returns:
        The erasures that it took.

    Raises:
        ConfigurationError: the file is no sound backup; nothing is changed.
        WarehouseError: it cannot be put in place, or not yet be proved; doing the same again goes on.
    """
    backup = backups.read_backup(file)
    home = settings.kobosift_home
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    place = Warehouse(settings.catalog, settings.data, home)
    with erasure_home.one_at_a_time(home):  # one that ends now would be in neither the journal nor the backup
        try:
            _erase_aside(backups.unpack(place, settings, file), settings, clock, backup, run_id)
            backups.put_in_place(place, settings)
        finally:
            backups.clear_aside(home)
    warehouse = open_warehouse(settings)
    try:
        return purge_expired(warehouse, settings, clock, run_id=run_id)
    finally:
        warehouse.close()


def _erase_aside(copy: Warehouse, settings: Settings, clock: Clock, backup: Backup, run_id: str) -> None:
    """Delete what was erased since from what was unpacked, before anybody can read it."""
    home = settings.kobosift_home
    try:
        copy.migrate()
        since = _since(copy, home, backup)
        scopes = _scopes(copy, erasure_home.erasure_key(home), since)
        copy.write(lambda con: _end_consents(con, scopes, since, clock), run_id=run_id, note="restore")
        delete_in_copy(copy, settings, clock, [scope for scope, _ in scopes], run_id=run_id)
        _finish_half_done(copy, home, clock, run_id)
    finally:
        copy.close()


def _since(copy: Warehouse, home: Path, backup: Backup) -> list[Past]:
    """The erasures that a backup does not have.

    Those that it has not recorded, and that were finished after it was made: one that was asked for before it may have
    been killed and finished later; one that was finished before it was another warehouse's of this home.
    """
    with copy.read() as con:
        return [
            each
            for each in erasure_home.journal(home)
            if each.finished_at >= backup.made_at and erasures.begun(con, each.erasure_id) is None
        ]


def _finish_half_done(copy: Warehouse, home: Path, clock: Clock, run_id: str) -> None:
    """Make erasures physical that a backup has as begun, and that were finished since.

    What their rows said is known no more, so it cannot be looked for in the events that landed before the backup:
    these are not put back. What of them is not in the warehouse, the next sync reads.
    """
    with copy.read() as con:
        unproved = erasures.unproved(con)
    begun = [each.erasure_id for each in erasure_home.journal(home) if each.erasure_id in unproved]
    if not begun or compaction.make_physical(copy):
        return
    shutil.rmtree(copy.home / "landing", ignore_errors=True)
    for name in begun:
        finish = partial(erasures.finish, erasure_id=name, proved=True, now=clock.now())
        copy.write(finish, run_id=run_id, note="restore")


def _scopes(warehouse: Warehouse, key: bytes, since: Sequence[Past]) -> list[tuple[Scope, bool]]:
    """What of the backup was erased since it was made, and whether its account was unlinked."""
    with warehouse.read() as con:
        known = {erasures.account_hash(key, account): account for account in erasures.accounts_kept(con)}
    found = [(known.get(each.account_hash or ""), each.unlinked) for each in since]
    scopes = [(Scope(account_id=account), unlinked) for account, unlinked in found if account is not None]
    before = max((each.before for each in since if each.before), default=None)
    return [*scopes, *([(Scope(before=before), False)] if before else [])]


def _end_consents(
    con: duckdb.DuckDBPyConnection, scopes: Sequence[tuple[Scope, bool]], since: Sequence[Past], clock: Clock
) -> None:
    """Unlink again what was unlinked when it was erased, and remember what must not come back."""
    erasures.remember_again(con, since)
    for scope, unlinked in scopes:
        if scope.account_id is not None and unlinked:
            accounts.unlink(con, scope.account_id, now=clock.now())
