"""Puts cases into the product's frames and its answers beside the oracle's; knows the columns, not the rules."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime

import polars as pl

from tests.oracle.cases import NOW, POLICIES, Trap
from tests.oracle.reader import LAGOS, Policy, decide, doubts, normal, read_line, read_policy

LINE_SCHEMA = {
    "organization_id": pl.String,
    "environment": pl.String,
    "account_id": pl.String,
    "transaction_id": pl.String,
    "version": pl.Int32,
    "booked_at": pl.Datetime("us", "UTC"),
    "day": pl.Date,
    "direction": pl.String,
    "amount": pl.Int64,
    "currency": pl.String,
    "narration": pl.String,
    "description": pl.String,
    "counterparty": pl.String,
    "reference": pl.String,
    "tags": pl.List(pl.String),
    "status": pl.String,
    "holder": pl.String,
    "account_currency": pl.String,
}
ENTRY_SCHEMA = {
    "entry_id": pl.String,
    "list": pl.String,
    "organization_id": pl.String,
    "environment": pl.String,
    "account_id": pl.String,
    "field": pl.String,
    "match": pl.String,
    "value": pl.String,
    "note": pl.String,
    "created_at": pl.Datetime("us", "UTC"),
    "expires_at": pl.Datetime("us", "UTC"),
}
INVOICE_SCHEMA = {
    "invoice_id": pl.String,
    "organization_id": pl.String,
    "environment": pl.String,
    "number": pl.String,
    "customer_name": pl.String,
    "customer_tin": pl.String,
    "customer_email": pl.String,
    "currency": pl.String,
    "total_amount": pl.Int64,
    "net_amount": pl.Int64,
    "vat_amount": pl.Int64,
    "issue_date": pl.Date,
    "due_date": pl.Date,
    "status": pl.String,
    "imported_at": pl.Datetime("us", "UTC"),
}
COMPARED = ("outcome", "reason", "detail", "score", "rule", "counterparty", "reference")


def lines_frame(traps: Sequence[Trap]) -> pl.DataFrame:
    """The traps' lines as the product takes them."""
    rows = []
    for trap in traps:
        line = read_line(trap.row)
        rows.append(
            {
                "organization_id": trap.account.organization_id,
                "environment": trap.account.environment,
                "account_id": trap.account.account_id,
                "transaction_id": line.transaction_id,
                "version": 1,
                "booked_at": line.booked_at,
                "day": (line.booked_at + LAGOS).date(),
                "direction": line.direction,
                "amount": line.amount,
                "currency": line.currency,
                "narration": trap.row.get("narration"),
                "description": trap.row.get("description"),
                "counterparty": trap.row.get("counterparty"),
                "reference": trap.row.get("reference"),
                "tags": trap.row.get("tags"),
                "status": line.status,
                "holder": trap.account.holder,
                "account_currency": trap.account.currency,
            }
        )
    return pl.DataFrame(rows, schema=LINE_SCHEMA)


def entries_frame(traps: Sequence[Trap]) -> pl.DataFrame:
    """All list entries of the traps."""
    rows = [
        asdict(entry) | {"note": None, "created_at": datetime(2026, 1, 1, tzinfo=NOW.tzinfo)}
        for trap in traps
        for entry in trap.entries
    ]
    return pl.DataFrame(rows, schema=ENTRY_SCHEMA)


def invoices_frame(traps: Sequence[Trap]) -> pl.DataFrame:
    """All invoice numbers of the traps, each an open invoice of the trap's tenant."""
    rows = [
        {
            "invoice_id": f"{trap.account.organization_id}-{number}",
            "organization_id": trap.account.organization_id,
            "environment": trap.account.environment,
            "number": number,
            "customer_name": "NOBODY",
            "currency": "NGN",
            "total_amount": 1_234,
            "issue_date": NOW.date(),
            "status": "open",
            "imported_at": NOW,
        }
        for trap in traps
        for number in trap.invoices
    ]
    return pl.DataFrame(rows, schema=INVOICE_SCHEMA)


def product_says(traps: Sequence[Trap], policy: str, now: datetime = NOW) -> dict[str, dict[str, object]]:
    """The product's decisions by transaction id."""
    from rules.policy import parse_policy
    from tests.rules.scenarios import decide as product_decide

    found = product_decide(
        lines_frame(traps),
        policy=parse_policy(POLICIES[policy], "a test"),
        entries=entries_frame(traps),
        invoices=invoices_frame(traps),
        now=now,
    )
    return {str(row["transaction_id"]): row for row in found.to_dicts()}


def oracle_says(trap: Trap, policy: Policy, now: datetime = NOW) -> dict[str, object]:
    """The oracle's decision in the product's column names."""
    verdict = asdict(decide(trap.row, trap.account, policy, trap.entries, trap.invoices, now=now))
    return {("rule" if name == "row" else name): value for name, value in verdict.items()}


def same(column: str, ours: object, theirs: object) -> bool:
    """Whether two answers are the same; of a name only the text counts, not its case or blanks."""
    if column in ("counterparty", "reference") and isinstance(ours, str) and isinstance(theirs, str):
        return normal(" ".join(ours.split())) == normal(" ".join(theirs.split()))
    return ours == theirs


def differences(traps: Sequence[Trap], policy: str, now: datetime = NOW) -> list[str]:
    """One line for each case where the product and every reading of the rules part."""
    answers, read = product_says(traps, policy, now), read_policy(POLICIES[policy])
    found = []
    if len(answers) != len(traps):
        found.append(f"{policy}: {len(traps)} lines in, {len(answers)} decisions out")
    for trap in traps:
        ours, theirs = oracle_says(trap, read, now), answers.get(str(trap.row["id"]), {})
        wrong = [column for column in COMPARED if not same(column, ours[column], theirs.get(column))]
        if wrong and not doubts(trap.row, trap.account, read, trap.entries, trap.invoices, now=now):
            says = "; ".join(f"{column}: rules {ours[column]!r}, product {theirs.get(column)!r}" for column in wrong)
            found.append(f"{policy}/{trap.name}: {shown(trap)} -> {says}")
    return found


def shown(trap: Trap) -> str:
    """The case in one line, long texts cut."""
    row = {key: value for key, value in trap.row.items() if key not in ("id", "date") and value is not None}
    parts = [f"{key}={str(value)[:160]!r}" for key, value in row.items()]
    entries = [f"{entry.list} {entry.field} {entry.match} {entry.value!r}" for entry in trap.entries[:3]]
    return " ".join([*parts, *entries, f"holder={trap.account.holder!r}" if trap.account.holder else "no holder"])
