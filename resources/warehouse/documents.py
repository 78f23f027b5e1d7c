"""Drafts and imported invoices as people work on them: tables `draft_additions`, `signatures` and `draft_log`.

A draft's document is the rules'; what a person adds is kept beside it and laid over it, so that a rule run loses
nothing of it. The steps themselves are in `resources/drafting.py`, rule runs in `resources/warehouse/drafts.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Any

import duckdb

from rules.documents import Document, filled, merged, parsed, written


@dataclass(frozen=True)
class Draft:
    """A draft with what people added; `missing` is what the bank line did not supply. Times are in UTC."""

    draft_id: str
    kind: str
    status: str
    organization_id: str
    environment: str
    account_id: str
    transaction_id: str
    day: date
    amount: int
    currency: str | None
    reference: str | None
    buyer_name: str | None
    missing: list[str]
    contested: bool
    created_at: datetime
    updated_at: datetime
    made: str
    """The document as the rules made it, as JSON."""
    fields: str | None
    """What people added, as JSON."""

    @property
    def additions(self) -> Document:
        """What people added."""
        found: Document = parsed(self.fields or "{}")
        return found

    @property
    def document(self) -> Document:
        """The whole document."""
        return merged(parsed(self.made), self.additions)

    @property
    def still_missing(self) -> list[str]:
        """What is missing after all."""
        there = filled(self.missing, self.document)
        return [name for name in self.missing if name not in there]


@dataclass(frozen=True)
class Signature:
    """What was signed, and under which invoice reference number."""

    irn: str
    document: str
    qr: str
    signer: str
    signed_at: datetime
    signed_by: str


@dataclass(frozen=True)
class Taken:
    """A step that a person took: who and when, and the names of the fields it was about."""

    step: str
    status_after: str
    by: str
    at: datetime
    trace_id: str
    fields: Sequence[str] = ()


@dataclass(frozen=True)
class Wanted:
    """Which drafts and invoices of a tenant are wanted; null leaves all."""

    organization_id: str
    environment: str
    origin: str | None = None
    kind: str | None = None
    status: str | None = None
    account_id: str | None = None


def find(con: duckdb.DuckDBPyConnection, draft_id: str, organization_id: str, environment: str) -> Draft | None:
    """Return a draft of a tenant."""
    row = con.execute(_FIND, [draft_id, organization_id, environment]).fetchone()
    return None if row is None else Draft(*row)


def invoice(
    con: duckdb.DuckDBPyConnection, invoice_id: str, organization_id: str, environment: str
) -> dict[str, Any] | None:
    """Return an imported invoice of a tenant; amounts in minor units."""
    found = con.execute(
        "SELECT * FROM invoices WHERE invoice_id = ? AND organization_id = ? AND environment = ?",
        [invoice_id, organization_id, environment],
    )
    rows = _dicts(found)
    return {"id": invoice_id, "origin": "imported", **rows[0]} if rows else None


def listed(
    con: duckdb.DuckDBPyConnection, wanted: Wanted, *, limit: int, offset: int
) -> tuple[list[dict[str, Any]], int]:
    """Return drafts and imported invoices, the newest first, and how many there are; amounts in minor units."""
    values = asdict(wanted)
    total = con.execute(f"SELECT count(*) FROM ({_ALL})", values).fetchall()[0][0]  # noqa: S608 - ours
    page = con.execute(
        f"{_ALL} ORDER BY created_at DESC, id LIMIT $limit OFFSET $offset", {**values, "limit": limit, "offset": offset}
    )
    return _dicts(page), total


def add(con: duckdb.DuckDBPyConnection, draft: Draft, additions: Document, *, now: datetime) -> None:
    """Keep what people added to a draft, all of it, in place of what was kept before."""
    con.execute("DELETE FROM draft_additions WHERE draft_id = ?", [draft.draft_id])
    there = filled(draft.missing, merged(parsed(draft.made), additions))
    con.execute(
        "INSERT INTO draft_additions VALUES (?, ?, ?, ?, ?, ?, ?)",
        [
            draft.draft_id,
            draft.organization_id,
            draft.environment,
            draft.account_id,
            written(additions),
            there,
            now,
        ],
    )


def take(con: duckdb.DuckDBPyConnection, draft: Draft, taken: Taken) -> None:
    """Move a draft to the state that a step leads to, and log the step."""
    if taken.status_after != draft.status:
        con.execute(
            "UPDATE drafts SET status = ?, updated_at = ? WHERE account_id = ? AND day = ? AND draft_id = ?",
            [taken.status_after, taken.at, draft.account_id, draft.day, draft.draft_id],
        )
    con.execute(
        "INSERT INTO draft_log VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            draft.draft_id,
            draft.organization_id,
            draft.environment,
            draft.account_id,
            taken.step,
            draft.status,
            taken.status_after,
            list(taken.fields),
            taken.by,
            taken.at,
            taken.trace_id,
        ],
    )


def sign(con: duckdb.DuckDBPyConnection, draft: Draft, signature: Signature) -> None:
    """Keep a signature."""
    con.execute(
        "INSERT INTO signatures VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            draft.draft_id,
            draft.organization_id,
            draft.environment,
            draft.account_id,
            draft.transaction_id,
            signature.irn,
            signature.document,
            signature.qr,
            signature.signer,
            signature.signed_at,
            signature.signed_by,
        ],
    )


def signature_of(con: duckdb.DuckDBPyConnection, draft_id: str) -> Signature | None:
    """Return a draft's signature."""
    row = con.execute(
        "SELECT irn, document, qr, signer, signed_at, signed_by FROM signatures WHERE draft_id = ?", [draft_id]
    ).fetchone()
    return None if row is None else Signature(*row)


def is_taken(con: duckdb.DuckDBPyConnection, irn: str, draft: Draft) -> bool:
    """Whether another document of the tenant was signed under that invoice reference number."""
    found = con.execute(
        "SELECT 1 FROM signatures WHERE irn = ? AND organization_id = ? AND environment = ? AND draft_id <> ? LIMIT 1",
        [irn, draft.organization_id, draft.environment, draft.draft_id],
    )
    return found.fetchone() is not None


def log_of(con: duckdb.DuckDBPyConnection, draft_id: str) -> list[dict[str, Any]]:
    """Return the steps that people took with a draft, in their order."""
    return _dicts(
        con.execute(
            """SELECT step, status_before, status_after, fields, taken_by, taken_at, trace_id FROM audit.draft_log
            WHERE draft_id = ? ORDER BY taken_at""",
            [draft_id],
        )
    )


def _dicts(found: duckdb.DuckDBPyConnection) -> list[dict[str, Any]]:
    names = [column[0] for column in found.description or ()]
    return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


_FIND = """
SELECT d.draft_id, d.kind, d.status, d.organization_id, d.environment, d.account_id, d.transaction_id, d.day, d.amount,
    d.currency, d.reference, d.buyer_name, d.missing, d.contested, d.created_at, d.updated_at, d.document, a.fields
FROM drafts AS d
LEFT JOIN draft_additions AS a USING (draft_id)
WHERE d.draft_id = ? AND d.organization_id = ? AND d.environment = ?
"""
_ALL = """
SELECT * FROM (
    SELECT draft_id AS id, 'draft' AS origin, *, NULL AS number, NULL AS issue_date, NULL AS due_date FROM audit.drafts
    UNION ALL BY NAME
    SELECT invoice_id AS id, 'imported' AS origin, 'invoice' AS kind, status, organization_id, environment,
        total_amount AS amount, currency, number AS reference, customer_name AS buyer_name, imported_at AS created_at,
        number, issue_date, due_date
    FROM invoices
)
WHERE organization_id = $organization_id AND environment = $environment
    AND ($origin IS NULL OR origin = $origin)
    AND ($kind IS NULL OR kind = $kind)
    AND ($status IS NULL OR lower(status) = lower($status))
    AND ($account_id IS NULL OR account_id = $account_id)
"""
