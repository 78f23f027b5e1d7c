"""What waits to be decided: every run looks for it, most often in vain.

Holds the look and what decisions rest on besides lines and policy, apart from deciding itself: a run with nothing new
waits for no more of the rules to load than it takes to know that.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import duckdb
import polars as pl

from resources.clock import Clock
from resources.warehouse import days as day_tables
from resources.warehouse import invoices, lists, settlements
from resources.warehouse.connection import Warehouse
from rules.deductions import shipped_pack
from rules.lists import EMPTY_LISTS_HASH, effective, state_hashes
from rules.policy import Policy
from rules.references import number_hashes


@dataclass(frozen=True)
class RestsOn:
    """What decisions rest on now, besides lines and policy."""

    state: day_tables.State
    entries: pl.DataFrame
    """List entries in force."""
    invoices: pl.DataFrame
    """Their numbers, by tenant."""


def stale_range(warehouse: Warehouse, policy: Policy, clock: Clock) -> tuple[date, date] | tuple[None, None] | None:
    """The first and the last day that is not decided as it would be now.

    Returns:
        Two nulls where every day is, but some tenant's payments wait to be settled; None where nothing waits.

    """
    with warehouse.read() as con:
        waiting = day_tables.waiting(con, rests_on(con, policy, clock).state, None, None)
        if waiting.is_empty():
            return (None, None) if _tenants_wait(con, policy) else None
    return waiting["day"][0], waiting["day"][-1]


def rests_on(con: duckdb.DuckDBPyConnection, policy: Policy, clock: Clock) -> RestsOn:
    """Read what decisions rest on now."""
    now = clock.now()
    entries = effective(lists.all_entries(con), now)
    numbers = invoices.numbers(con)
    tenants = tenant_states(state_hashes(entries), number_hashes(numbers))
    return RestsOn(day_tables.State(policy.hash, tenants, EMPTY_LISTS_HASH, now), entries, numbers)


def tenant_states(list_states: dict[tuple[str, str], str], invoice_states: dict[tuple[str, str], str]) -> pl.DataFrame:
    """What identifies the lists and the invoices of each tenant now, the columns of `days.STATES`."""
    rows = [
        (*tenant, list_states.get(tenant, EMPTY_LISTS_HASH), invoice_states.get(tenant, EMPTY_LISTS_HASH))
        for tenant in sorted(list_states.keys() | invoice_states.keys())
    ]
    return pl.DataFrame(rows, schema=day_tables.STATES, orient="row")


def _tenants_wait(con: duckdb.DuckDBPyConnection, policy: Policy) -> bool:
    """Whether any tenant is not settled as it would be now."""
    return not settlements.waiting(con, policy.hash, shipped_pack().version).is_empty()
