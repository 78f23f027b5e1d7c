"""Warehouses in temporary homes, other processes that use them, and a few decided lines to read back."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path
from textwrap import dedent
from typing import Self

import duckdb

from resources.warehouse.connection import Warehouse
from resources.warehouse.erasures import Admission

ROOT = Path(__file__).parents[3]
OPEN = Admission(lambda: b"k" * 32)
"""Everything comes in that was not erased under this key."""


def warehouse_in(home: Path) -> Warehouse:
    """A warehouse with all its tables, its home made anew from a template that is migrated once."""
    shutil.copytree(_template(), home, dirs_exist_ok=True)
    return unopened(home)


def unopened(home: Path) -> Warehouse:
    return Warehouse(f"sqlite:{home / 'catalog.sqlite'}", str(home / "data"), home)


@cache
def _template() -> Path:
    home = Path(tempfile.mkdtemp(prefix="kobosift-home-"))
    made = unopened(home)
    made.migrate()
    made.close()
    # What is copied from here finds its files where it is copied to only if they are no longer here.
    kept = home.with_name(home.name + "-template")
    home.rename(kept)
    return kept


class Process:
    """Another Python, in which `warehouse` is the one in the home; killed where its block ends before it does."""

    def __init__(self, home: Path, body: str, **environment: str) -> None:
        code = dedent(f"""
            import sys, time
            from pathlib import Path
            from resources.warehouse.connection import Warehouse
            home = Path({str(home)!r})
            warehouse = Warehouse(f"sqlite:{{home / 'catalog.sqlite'}}", str(home / "data"), home)
        """)
        self._child = subprocess.Popen(
            [sys.executable, "-c", code + dedent(body)],
            cwd=environment.get("HOME", ROOT),
            env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
            text=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.kill()

    def kill(self) -> None:
        """End it at once, without a word (SIGKILL)."""
        self._child.kill()
        self._child.communicate()

    def line(self) -> str:
        """Wait for its next line."""
        assert self._child.stdout is not None
        return self._child.stdout.readline().strip()

    def told(self, text: str) -> int:
        """How it ended after it was told a text."""
        self._child.communicate(text, timeout=300)
        return self._child.returncode

    def finished(self) -> str:
        """What it printed, once it has ended well."""
        out, err = self._child.communicate(timeout=300)
        assert self._child.returncode == 0, err
        return out.strip()


def finished(home: Path, body: str, **environment: str) -> str:
    """What another Python printed that ran to its end."""
    with Process(home, body, **environment) as child:
        return child.finished()


def touch(con: duckdb.DuckDBPyConnection, touch_id: str, day: str = "2026-03-02") -> None:
    con.execute("INSERT INTO touched_days VALUES (?, 'org', 'sandbox', CAST(? AS DATE))", [touch_id, day])


def touches(warehouse: Warehouse) -> list[str]:
    with warehouse.read() as con:
        return [touch_id for (touch_id,) in con.execute("SELECT touch_id FROM touched_days ORDER BY 1").fetchall()]


def add_line(
    con: duckdb.DuckDBPyConnection, transaction_id: str, *, day: str, narration: str, **others: object
) -> None:
    """A transaction of account `acc-1` at noon of a day, and the decision `outcome` on it where one is given."""
    con.execute(
        """
        INSERT INTO transactions (
            organization_id, environment, account_id, transaction_id, version, booked_at, day, direction, amount,
            currency, narration, tags, status, payload, payload_hash
        ) VALUES (
            'org', 'sandbox', 'acc-1', $id, 1, CAST($day || ' 12:00:00+00' AS TIMESTAMPTZ), CAST($day AS DATE),
            'credit', 250000, 'NGN', $narration, [], 'settled', '{}', $id
        )
        """,
        {"id": transaction_id, "day": day, "narration": narration},
    )
    if "outcome" in others:
        con.execute(
            """
            INSERT INTO decisions (
                organization_id, environment, account_id, transaction_id, day, version, outcome, reason, detail, rule,
                score, signals, nearest_miss, policy_hash, lists_hash, invoices_hash, decided_at, trace_id
            ) VALUES (
                'org', 'sandbox', 'acc-1', $id, CAST($day AS DATE), 1, $outcome, $reason, $detail, 13, 80, 1, 0,
                'p', 'l', 'i', CAST($decided_at AS TIMESTAMPTZ), 'trace'
            )
            """,
            {
                "id": transaction_id,
                "day": day,
                "outcome": others["outcome"],
                "reason": others.get("reason"),
                "detail": others.get("detail", "business_signal"),
                "decided_at": others.get("decided_at", "2026-03-10 09:00:00+00"),
            },
        )
