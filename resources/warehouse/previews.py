"""What was decided of late, for whoever watches: previews with their reasons, and what a sync passed over.

Reads views and tables, and writes nothing.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

import duckdb


@dataclass(frozen=True)
class Filters:
    """Which previews of a tenant are wanted; null leaves all."""

    organization_id: str
    environment: str
    account_id: str | None = None
    outcome: str | None = None
    disposition: str | None = None
    reason: str | None = None
    detail: str | None = None
    start: date | None = None
    end: date | None = None


@dataclass(frozen=True)
class PassedOver:
    """Of the lines that one run wrote of an account: how many are rejected, by reason and by detail, or held."""

    reasons: dict[str, int]
    details: dict[str, int]
    held: int


def decided(
    con: duckdb.DuckDBPyConnection, filters: Filters, *, limit: int, offset: int
) -> tuple[list[dict[str, Any]], int]:
    """Return outcomes, with the columns of `audit.outcomes`, and how many there are.

    The newest decision comes first, and of one run the newest line.
    """
    values = asdict(filters)
    total = con.execute(_COUNT, values).fetchall()[0][0]
    page = con.execute(_PAGE, {**values, "limit": limit, "offset": offset}).fetchall()
    days = [day for _, _, day in page]
    bounds = {"first": min(days, default=None), "last": max(days, default=None)}
    lines = {"accounts": sorted({account for account, _, _ in page}), "lines": [line for _, line, _ in page]}
    rows = con.execute(_SHOWN, {**bounds, **lines})
    names = [column[0] for column in rows.description or ()]
    found = [dict(zip(names, row, strict=True)) for row in rows.fetchall()]
    by_line = {
        (row["account_id"], row["transaction_id"]): {**row, "evidence": row["evidence"] and json.loads(row["evidence"])}
        for row in found
    }
    keys = [(account, line) for account, line, _ in page]
    return [by_line[key] for key in keys if key in by_line], total


def passed_over(con: duckdb.DuckDBPyConnection, run_id: str, account_ids: Collection[str]) -> dict[str, PassedOver]:
    """Count, by account, the lines of one run that are no eligible ones."""
    rows = con.execute(_PASSED_OVER, {"run_id": run_id, "accounts": list(account_ids)}).fetchall()
    found = {account: PassedOver({}, {}, 0) for account in account_ids}
    for account, outcome, reason, detail, count in rows:
        so_far = found[account]
        if outcome == "held":
            found[account] = PassedOver(so_far.reasons, so_far.details, so_far.held + count)
            continue
        so_far.reasons[reason] = so_far.reasons.get(reason, 0) + count
        so_far.details[detail] = so_far.details.get(detail, 0) + count
    return found


_WANTED = """
WHERE organization_id = $organization_id AND environment = $environment
    AND ($account_id IS NULL OR account_id = $account_id)
    AND ($outcome IS NULL OR outcome = $outcome)
    AND ($disposition IS NULL OR disposition = $disposition)
    AND ($reason IS NULL OR reason = $reason)
    AND ($detail IS NULL OR detail = $detail)
    AND ($start IS NULL OR day >= $start)
    AND ($end IS NULL OR day <= $end)
"""
_COUNT = f"SELECT count(*) FROM audit.outcomes {_WANTED}"  # noqa: S608 - ours
# Which lines first, then all there is to tell of these few: to sort the evidence of all takes five times as long.
_PAGE = f"""
SELECT account_id, transaction_id, day FROM audit.outcomes {_WANTED}
ORDER BY decided_at DESC NULLS LAST, booked_at DESC, account_id, transaction_id
LIMIT $limit OFFSET $offset
"""  # noqa: S608 - ours
_SHOWN = """
SELECT * FROM audit.outcomes
WHERE day BETWEEN $first AND $last AND list_contains($accounts, account_id) AND list_contains($lines, transaction_id)
"""
_PASSED_OVER = """
SELECT t.account_id, d.outcome, d.reason, d.detail, count(*)
FROM transactions AS t
JOIN decisions AS d USING (account_id, transaction_id, day)
WHERE t.run_id = $run_id AND list_contains($accounts, t.account_id) AND d.outcome <> 'eligible'
GROUP BY ALL
ORDER BY ALL
"""
