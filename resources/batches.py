"""What a sync has read, gathered across accounts and committed in batches, each with the cursors it stands for.

Holds how much waits in memory and when it is written. Must not hold how it is read (`resources/sync.py`) or merged
(`resources/warehouse/transactions.py`). Lines that stand in the warehouse already are told apart by a look, so that an
overlap that was read again writes nothing; where nothing is new, all accounts share one small commit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import polars as pl

from resources.clock import Clock
from resources.warehouse import quarantine
from resources.warehouse.accounts import Account, AccountState
from resources.warehouse.connection import Warehouse
from resources.warehouse.erasures import Admission
from resources.warehouse.transactions import Merged, changed, merge_batch
from rules.transactions import QUARANTINE_SCHEMA, TRANSACTION_SCHEMA, normalise_all

ROWS_A_COMMIT = 50_000


@dataclass(frozen=True)
class Piece:
    """Rows that were read of an account, in the order of reading, and what to write of the account once they are."""

    account: Account
    rows: list[object]
    state: AccountState


@dataclass
class Batches:
    """Takes pieces and commits them; not for several threads at once."""

    warehouse: Warehouse
    clock: Clock
    run_id: str
    admission: Admission
    merged: dict[str, Merged] = field(default_factory=dict)
    """What was done so far, by account."""
    _lines: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=TRANSACTION_SCHEMA))
    _unreadable: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=QUARANTINE_SCHEMA))
    _states: list[AccountState] = field(default_factory=list)
    _commits: int = 0

    def take(self, pieces: Sequence[Piece], *, last: bool) -> list[str]:
        """Gather pieces, and commit where enough has come together or nothing follows.

        Returns:
            The ids of the accounts whose end of reading is committed by now.

        Raises:
            WarehouseError: it cannot be written; nothing of the commit is.
        """
        read = normalise_all([(piece.account.key, piece.rows) for piece in pieces], self.clock.now(), self.run_id)
        self._lines = pl.concat([self._lines, read.transactions])
        self._unreadable = pl.concat([self._unreadable, read.quarantine])
        self._states += [piece.state for piece in pieces]
        if any(piece.account.synced_at or piece.account.cursor for piece in pieces):
            self._leave_out_known()
        enough = self._lines.height + self._unreadable.height >= ROWS_A_COMMIT // 2
        return self._commit() if self._states and (last or enough) else []

    def _leave_out_known(self) -> None:
        """Drop what the warehouse holds already, counting it as unchanged."""
        with self.warehouse.read() as con:
            lines = changed(con, self._lines)
            self._unreadable = quarantine.unknown(con, self._unreadable)
        same = self._lines.join(lines, on=["account_id", "transaction_id"], how="anti")
        counts = same.group_by("account_id").agg(pl.col("transaction_id").n_unique())
        self._count({account: Merged(unchanged=unchanged) for account, unchanged in counts.iter_rows()})
        self._lines = lines

    def _commit(self) -> list[str]:
        touch_id = f"{self.run_id}/{self._commits}"
        self.warehouse.widen(self._lines.height)
        done = self.warehouse.write(
            lambda con: merge_batch(
                con, self._lines, self._unreadable, self._states, touch_id=touch_id, admission=self.admission
            ),
            run_id=self.run_id,
            note="sync",
        )
        self._count(done)
        ended = [state.account_id for state in self._states if state.ended]
        self._lines, self._unreadable, self._states = self._lines.clear(), self._unreadable.clear(), []
        self._commits += 1
        return ended

    def _count(self, done: dict[str, Merged]) -> None:
        for account, more in done.items():
            so_far = self.merged.get(account, Merged())
            self.merged[account] = Merged(
                so_far.imported + more.imported,
                so_far.updated + more.updated,
                so_far.unchanged + more.unchanged,
                so_far.quarantined + more.quarantined,
            )
