"""Overruling a rejection: a person's word is kept, and the line's day is decided anew by it.

While it stands it counts as that person's label (view `audit.labels`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import duckdb
import polars as pl

from resources.clock import Clock
from resources.errors import ConfigurationError
from resources.warehouse import days, overrules
from resources.warehouse.connection import Warehouse
from resources.warehouse.overrules import Overrule
from rules.eligibility import first_row, table
from rules.policy import Policy
from rules.reasons import Outcome
from rules.signals import Signal


@dataclass(frozen=True)
class _Line:
    organization_id: str
    environment: str
    account_id: str
    transaction_id: str
    day: object
    outcome: str
    detail: str
    rule: int
    signals: int


def overrule(
    warehouse: Warehouse,
    transaction_id: str,
    account_id: str | None,
    *,
    by: str,
    why: str,
    policy: Policy,
    clock: Clock,
    run_id: str,
    decide: Callable[[], object],
) -> bool:
    """Take a rejected line for business, as one person says, until it is taken back; False where it is already.

    Args:
        warehouse: read and written.
        transaction_id: the bank's id of the line.
        account_id: where several accounts know the id.
        by: who says so; their label of the line becomes business.
        why: for whoever reads it.
        policy: in force.
        clock: gives the time.
        run_id: the message of the commits.
        decide: decides the days that wait.

    Raises:
        ConfigurationError: there is no such rejection, or no overrule can lift it; the sentence says what would.
    """
    now = clock.now()

    def work(con: duckdb.DuckDBPyConnection) -> bool:
        line = _line(con, transaction_id, account_id)
        if overrules.stands(con, line.account_id, line.transaction_id):
            return False
        _refuse_unliftable(line, policy)
        overrules.put(
            con, Overrule(line.organization_id, line.environment, line.account_id, line.transaction_id, by, why), now
        )
        days.touch(con, _day(line), f"{run_id}/overrule")
        return True

    said = warehouse.write(work, run_id=run_id, note="overrule a rejection")
    if said:
        decide()
    return said


def take_back(
    warehouse: Warehouse, transaction_id: str, account_id: str | None, *, run_id: str, decide: Callable[[], object]
) -> bool:
    """Let the rules decide an overruled line again; False where it was not overruled.

    Raises:
        ConfigurationError: there is no such line.
    """

    def work(con: duckdb.DuckDBPyConnection) -> bool:
        line = _line(con, transaction_id, account_id)
        taken = overrules.take_back(con, line.account_id, line.transaction_id)
        if taken:
            days.touch(con, _day(line), f"{run_id}/overrule")
        return taken

    taken = warehouse.write(work, run_id=run_id, note="take an overrule back")
    if taken:
        decide()
    return taken


def _line(con: duckdb.DuckDBPyConnection, transaction_id: str, account_id: str | None) -> _Line:
    rows = con.execute(
        """
        SELECT organization_id, environment, account_id, transaction_id, day, outcome, detail, rule, signals
        FROM decisions
        WHERE transaction_id = $transaction_id AND account_id = coalesce($account_id, account_id)
        """,
        {"transaction_id": transaction_id, "account_id": account_id},
    ).fetchall()
    if len(rows) != 1:
        fix = "several accounts have one: add --account" if rows else "kobosift rejections list shows the rejected ones"
        raise ConfigurationError(f"{len(rows)} decided lines are called {transaction_id}: {fix}.")
    return _Line(*rows[0])


def _refuse_unliftable(line: _Line, policy: Policy) -> None:
    """An overrule lifts the floor, the score and the words; whatever else rejects has its own remedy."""
    if line.outcome != Outcome.REJECTED:
        raise ConfigurationError(f"{line.transaction_id} is {line.outcome}, so there is no rejection to overrule.")
    rows = table(policy.points)
    shown = pl.DataFrame({"signals": [line.signals | Signal.ALLOW_ENTRY.bit]}, schema={"signals": pl.UInt32})
    row = rows[shown.select(first_row(rows)).item()]
    passed = line.rule in {each.number for each in rows if each.outcome is Outcome.ELIGIBLE}
    if passed or row.outcome is not Outcome.ELIGIBLE:
        raise ConfigurationError(
            f"{line.transaction_id} was rejected as {line.detail}, which an overrule does not lift: it lifts the "
            "floor, the score and the words. Mend the list entry, the currency, the reference or the invoice."
        )


def _day(line: _Line) -> pl.DataFrame:
    return pl.DataFrame(
        {"organization_id": [line.organization_id], "environment": [line.environment], "day": [line.day]}
    )
