"""A backup put back, without what was erased since it was made.

What was erased after the backup is known by the journal that each erasure leaves in the home
(`resources/erasure_home.py`), beside the warehouse, so that it is there where the catalogue is damaged. Holds the order
of the steps.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import duckdb

from pipelines.retention import Erased, erase_scope, purge_expired
from resources import backups, erasure_home
from resources.clock import Clock
from resources.settings import Settings
from resources.warehouse import accounts, erasures
from resources.warehouse.connection import Warehouse, open_warehouse
from resources.warehouse.erasures import Past, Scope


def restore(settings: Settings, clock: Clock, file: Path, *, run_id: str) -> list[Erased]:
    """Put a backup in the place of the warehouse, and erase again what was erased since, and what expired.

    Returns:
        The erasures that it took.

    Raises:
        ConfigurationError: the file is no sound backup; nothing is changed.
        WarehouseError: it cannot be put in place; restoring it again goes on.
    """
    backup = backups.read_backup(file)
    home = settings.kobosift_home
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    since = [each for each in erasure_home.journal(home) if each.requested_at > backup.made_at]
    backups.put_in_place(Warehouse(settings.catalog, settings.data, home), settings, file)
    warehouse = open_warehouse(settings)
    try:
        scopes = _scopes(warehouse, erasure_home.erasure_key(home), since)
        warehouse.write(lambda con: _end_consents(con, scopes, since, clock), run_id=run_id, note="restore")
        done: list[Erased] = []
        for scope, _ in scopes:
            done += erase_scope(warehouse, settings, clock, scope, run_id=run_id)
        return done + purge_expired(warehouse, settings, clock, run_id=run_id)
    finally:
        warehouse.close()


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
