"""Drafts and imported invoices: listed, completed, confirmed, discarded, validated and signed by people."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Annotated, Any, Literal

import duckdb
from fastapi import Path, Query, Request

from gateway.guard import ANALYST, APPROVER, VIEWER, WITHOUT_NUL, Caller, Inside, Trace, guarded_router, needs
from gateway.house import House
from gateway.lists import Paged
from gateway.problems import Problem, not_found
from gateway.routes.examples import either, shown
from resources import drafting
from resources.drafting import Actor
from resources.signing import picture, service_id
from resources.warehouse import documents, payment_notices
from resources.warehouse.documents import Draft, Signature, Wanted
from resources.warehouse.tokens import Token
from rules.documents import Fault, changes, parsed, written
from rules.draft_states import Step, after

router = guarded_router(prefix="/si/invoices", tags=["invoices"])

InvoiceId = Annotated[
    str, Path(max_length=200, pattern=WITHOUT_NUL, description="A draft's id, or an imported invoice's.")
]
_ROW = {
    "id": "5f2d088287702e3a9c1b4d6f8e0a7c35",
    "origin": "draft",
    "kind": "invoice",
    "status": "DRAFT",
    "amount": 500000,
    "currency": "NGN",
    "reference": "INV-123",
    "buyer_name": "Invented Stores Ltd",
    "missing": ["accounting_customer_party.tin"],
    "contested": False,
}
_ONE = {**_ROW, "document": {"issue_date": "2026-03-02"}, "signature": None, "payments": [], "log": []}
_IMPORTED = {
    "id": "inv_50eceb4e87d53976",
    "origin": "imported",
    "invoice_id": "inv_50eceb4e87d53976",
    "number": "INV-123",
    "customer_name": "Invented Stores Ltd",
    "currency": "NGN",
    "total_amount": 10750000,
    "issue_date": "2026-03-02",
    "status": "open",
}
_PATCH = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {"type": "object"},
                "example": {"accounting_customer_party": {"tin": "12345678-0001", "email": "books@shop.example"}},
            }
        },
    }
}


@router.get("", responses=shown({"data": [_ROW], "meta": {"total": 1, "page": 1, "pages": 1, "next": None}}))
@needs(VIEWER)
async def list_invoices(
    house: Inside,
    caller: Caller,
    paging: Paged,
    origin: Literal["draft", "imported"] | None = None,
    kind: Literal["invoice", "credit_note"] | None = None,
    status: Annotated[str | None, Query(max_length=20)] = None,
    account_id: Annotated[str | None, Query(alias="accountId", max_length=200)] = None,
) -> dict[str, Any]:
    """List drafts and imported invoices, the newest first; amounts in minor units."""
    wanted = Wanted(*caller.tenant, origin, kind, status, account_id)
    rows, total = await house.read(partial(documents.listed, wanted=wanted, limit=paging.size, offset=paging.offset))
    return paging.listing(rows, total)


@router.get("/{id}", responses=either(_ONE, _IMPORTED))
@needs(VIEWER)
async def one(id: InvoiceId, house: Inside, caller: Caller) -> dict[str, Any]:  # noqa: A002 - the name in the address
    """Give a draft with its document, what is missing, its signature and every step; or an imported invoice."""

    def look(con: duckdb.DuckDBPyConnection) -> dict[str, Any]:
        draft = documents.find(con, id, *caller.tenant)
        if draft is not None:
            return _told(con, draft)
        imported = documents.invoice(con, id, *caller.tenant)
        if imported is None:
            raise not_found("draft or invoice")
        return imported

    return await house.read(look)


@router.patch("/{id}", responses=shown(_ONE), openapi_extra=_PATCH)
@needs(ANALYST)
async def patch(id: InvoiceId, request: Request, house: Inside, caller: Caller, trace: Trace) -> dict[str, Any]:  # noqa: A002
    """Add what is missing, by the names of the FIRS / NRS fields, nested or dotted; amounts in major units."""
    try:
        given = parsed(await request.body())
    except ValueError:
        raise Problem(400, "The body is not JSON that can be read: plain decimals, in UTF-8.") from None
    asked = changes(given)
    find, actor = _finder(id, caller), Actor(caller.token_id, house.now(), trace)

    def work(con: duckdb.DuckDBPyConnection) -> dict[str, Any]:
        return _told(con, drafting.patch(con, find, asked, actor))

    return await house.write(work, trace_id=trace, note="patch a draft")


@router.post("/{id}/confirm", responses=shown({**_ONE, "status": "CONFIRMED"}))
@needs(APPROVER)
async def confirm(id: InvoiceId, house: Inside, caller: Caller, trace: Trace) -> dict[str, Any]:  # noqa: A002
    """Confirm that the draft is to become an invoice; no rule run changes it from then on."""
    return await _move(house, caller, trace, id, "confirm")


@router.post("/{id}/discard", responses=shown({**_ONE, "status": "DISCARDED"}))
@needs(APPROVER)
async def discard(id: InvoiceId, house: Inside, caller: Caller, trace: Trace) -> dict[str, Any]:  # noqa: A002
    """Say that the draft is to become none."""
    return await _move(house, caller, trace, id, "discard")


@router.post("/{id}/validate", responses=shown({**_ONE, "status": "VALIDATED"}))
@needs(APPROVER)
async def validate(id: InvoiceId, house: Inside, caller: Caller, trace: Trace) -> dict[str, Any]:  # noqa: A002
    """See whether the confirmed draft is an invoice; what is not right is told by field."""
    find, actor = _finder(id, caller), Actor(caller.token_id, house.now(), trace)
    async with house.alone(f"draft {id}"):
        seen = await house.read(find)
        document, found = await house.read(partial(drafting.examine, draft=seen, service_id=service_id(house.settings)))
        if not found:
            found = await drafting.signer_of(house.settings).check(document)

        def work(con: duckdb.DuckDBPyConnection) -> dict[str, Any]:
            return _told(con, drafting.validated(con, find, seen, document, found, actor))

        told = await house.write(work, trace_id=trace, note="validate a draft")
    if found:
        raise _faulty(found)
    return told


@router.post("/{id}/sign", responses=shown({**_ONE, "status": "SIGNED"}))
@needs(APPROVER)
async def sign(id: InvoiceId, house: Inside, caller: Caller, trace: Trace) -> dict[str, Any]:  # noqa: A002
    """Sign the validated draft, which thereby is an invoice; an erasure waits, for it must not lose what is signed."""
    find, actor = _finder(id, caller), Actor(caller.token_id, house.now(), trace)
    async with house.alone(f"draft {id}"), house.undisturbed():
        draft = await house.read(find)
        after("sign", draft.status)
        signer, document = drafting.signer_of(house.settings), draft.document
        qr = await signer.sign(document, now=actor.at)
        signature = Signature(document["irn"], written(document), qr, signer.name, actor.at, actor.by)

        def work(con: duckdb.DuckDBPyConnection) -> dict[str, Any]:
            return _told(con, drafting.signed(con, find, signature, actor))

        told = await house.write(work, trace_id=trace, note="sign a draft")
    house.paid.set()  # by the bank line that it was made of
    return told


async def _move(house: House, caller: Token, trace: str, draft_id: str, step: Step) -> dict[str, Any]:
    find, actor = _finder(draft_id, caller), Actor(caller.token_id, house.now(), trace)

    def work(con: duckdb.DuckDBPyConnection) -> dict[str, Any]:
        return _told(con, drafting.move(con, find, step, actor))

    return await house.write(work, trace_id=trace, note=f"{step} a draft")


def _finder(draft_id: str, caller: Token) -> Callable[[duckdb.DuckDBPyConnection], Draft]:
    """Look for a draft of the caller's tenant; what is none is a problem."""

    def find(con: duckdb.DuckDBPyConnection) -> Draft:
        draft = documents.find(con, draft_id, *caller.tenant)
        if draft is not None:
            return draft
        if documents.invoice(con, draft_id, *caller.tenant) is not None:
            raise Problem(409, "This is an imported invoice, and only drafts are worked on here: import it anew.")
        raise not_found("draft")

    return find


def _told(con: duckdb.DuckDBPyConnection, draft: Draft) -> dict[str, Any]:
    """Word a draft; a signature comes with the picture of its QR code."""
    signature = documents.signature_of(con, draft.draft_id)
    names = ("draft_id", "kind", "status", "organization_id", "environment", "account_id", "transaction_id", "day")
    more = ("amount", "currency", "reference", "buyer_name", "contested", "created_at", "updated_at")
    document = draft.document if signature is None else parsed(signature.document)
    return {
        "id": draft.draft_id,
        "origin": "draft",
        **{name: getattr(draft, name) for name in (*names, *more)},
        "missing": draft.still_missing,
        "document": document,
        "irn": document.get("irn"),
        "signature": signature
        and {
            "irn": signature.irn,
            "qr": signature.qr,
            "qrCode": picture(signature.qr),
            "signer": signature.signer,
            "signedAt": signature.signed_at,
            "signedBy": signature.signed_by,
        },
        "payments": payment_notices.of_draft(con, draft.draft_id),
        "log": documents.log_of(con, draft.draft_id),
    }


def _faulty(found: list[Fault]) -> Problem:
    errors = [{"field": fault.field, "message": fault.message} for fault in found]
    told = f"The document is no invoice yet: {len(errors)} of its fields are to be mended, then validate again."
    return Problem(422, told, errors=errors)
