"""Small frames for the tests of the rules: a bank line, a list entry, an invoice, and what is decided of them.

Plain functions with sane defaults; a test writes only what it is about. `line()` is a settled credit of NGN 5,000 to
HOLDER of tenant org-1 in the sandbox, on 2 March 2026; by itself it says nothing, so no rule finds it eligible.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import polars as pl

from rules.lists import ENTRIES, Lists
from rules.overrules import OVERRULES, decide_lifted
from rules.policy import Policy, parse_policy
from rules.signals import held_in

NOW = datetime(2026, 3, 10, 9, tzinfo=UTC)
BOOKED = datetime(2026, 3, 2, 10, tzinfo=UTC)
HOLDER = "TOLULOPE ADE BAMIDURO"
NAIRA = 100  # kobo
LAGOS = timedelta(hours=1)

LINES = pl.Schema(
    {
        "organization_id": pl.String(),
        "environment": pl.String(),
        "account_id": pl.String(),
        "transaction_id": pl.String(),
        "version": pl.Int32(),
        "booked_at": pl.Datetime("us", "UTC"),
        "day": pl.Date(),
        "direction": pl.String(),
        "amount": pl.Int64(),
        "currency": pl.String(),
        "narration": pl.String(),
        "description": pl.String(),
        "counterparty": pl.String(),
        "reference": pl.String(),
        "tags": pl.List(pl.String()),
        "status": pl.String(),
        "holder": pl.String(),
        "account_currency": pl.String(),
    }
)
INVOICES = pl.Schema({"organization_id": pl.String(), "environment": pl.String(), "number": pl.String()})

Line = dict[str, Any]


def line(narration: str | None = None, *, naira: int | None = None, **changes: Any) -> Line:
    """A bank line; `naira` is the amount in whole naira, where kobo do not matter."""
    unknown = changes.keys() - LINES.names()
    assert not unknown, unknown
    row: Line = dict.fromkeys(LINES.names())
    row |= {
        "organization_id": "org-1",
        "environment": "sandbox",
        "account_id": "acc-1",
        "transaction_id": "tx-1",
        "version": 1,
        "booked_at": BOOKED,
        "direction": "credit",
        "amount": (5_000 if naira is None else naira) * NAIRA,
        "narration": narration,
        "status": "settled",
        "holder": HOLDER,
        "account_currency": "NGN",
    }
    row |= changes
    return row | {"day": row["day"] or (row["booked_at"] + LAGOS).date()}


def frame(lines: Iterable[Line]) -> pl.DataFrame:
    """The frame that the rules read; lines that share an id get one each by their place, tx-1, tx-2 ..."""
    rows = list(lines)
    if len({row["transaction_id"] for row in rows}) < len(rows):
        rows = [row | {"transaction_id": f"tx-{place}"} for place, row in enumerate(rows, start=1)]
    return pl.DataFrame(rows, schema=LINES, orient="row")


def entry(list_: str, field: str, match: str, value: str, **changes: Any) -> dict[str, Any]:
    """An allow or deny entry of the whole tenant org-1 in the sandbox, that never expires; its id tells what it is."""
    return {
        "entry_id": f"{list_} {field} {match} {value}",
        "list": list_,
        "organization_id": "org-1",
        "environment": "sandbox",
        "account_id": None,
        "field": field,
        "match": match,
        "value": value,
        "created_at": NOW - timedelta(days=30),
        "expires_at": None,
        **changes,
    }


def entries_frame(entries: Iterable[Mapping[str, Any]] = ()) -> pl.DataFrame:
    """Entries as the rules read them."""
    return pl.DataFrame(list(entries), schema=ENTRIES, orient="row")


def invoices_frame(*numbers: str, organization_id: str = "org-1", environment: str = "sandbox") -> pl.DataFrame:
    """Invoice numbers of one tenant."""
    return pl.DataFrame([(organization_id, environment, number) for number in numbers], schema=INVOICES, orient="row")


@cache
def policy(text: str = "") -> Policy:
    """The shipped policy, changed as the text of a policy file says."""
    return parse_policy(text, "a test")


def decide(
    lines: pl.DataFrame, *, policy: Policy, entries: pl.DataFrame, invoices: pl.DataFrame, now: datetime
) -> pl.DataFrame:
    """What the rules decide of lines that nobody has overruled."""
    lists, overrules = Lists.in_force(entries, now), OVERRULES.to_frame()
    return decide_lifted(lines, policy=policy, lists=lists, invoices=invoices, overrules=overrules, now=now)


def decided(
    lines: Iterable[Line],
    *,
    policy: Policy | None = None,
    entries: Iterable[Mapping[str, Any]] = (),
    invoices: pl.DataFrame | None = None,
    now: datetime = NOW,
) -> list[dict[str, Any]]:
    """What is decided of lines, in their order."""
    rows = frame(lines)
    answer = decide(
        rows,
        policy=policy or shipped(),
        entries=entries_frame(entries),
        invoices=invoices_frame() if invoices is None else invoices,
        now=now,
    )
    ordered = rows.select("transaction_id").join(answer, on="transaction_id", maintain_order="left")
    assert len(ordered) == len(rows)
    return ordered.to_dicts()


def decide_one(narration: str | None = None, **changes: Any) -> dict[str, Any]:
    """What is decided of one line; `policy`, `entries`, `invoices` and `now` go to `decided`, the rest to `line`."""
    beside = {name: changes.pop(name) for name in ("policy", "entries", "invoices", "now") if name in changes}
    return decided([line(narration, **changes)], **beside)[0]


def shipped() -> Policy:
    """The shipped policy."""
    return policy("")


def shown(decision: Mapping[str, Any]) -> set[str]:
    """The names of the signals that a decision holds."""
    return {signal.column for signal in held_in(decision["signals"])}


def missed(decision: Mapping[str, Any]) -> set[str] | None:
    """The names of the signals of the nearest miss; None where there is none."""
    return None if decision["nearest_miss"] is None else {signal.column for signal in held_in(decision["nearest_miss"])}


def applied(expression: pl.Expr, *texts: str | None, name: str = "text") -> list[Any]:
    """What an expression over `pl.col("text")` makes of texts."""
    return pl.DataFrame({name: list(texts)}, schema={name: pl.String}).select(found=expression)["found"].to_list()
