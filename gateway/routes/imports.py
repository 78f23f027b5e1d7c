"""Invoices in: the tenant's own, as JSON or CSV, all of them or none."""

from __future__ import annotations

import asyncio
from typing import Any

from fastapi import Request

from gateway.guard import ANALYST, Caller, Inside, Trace, guarded_router, needs
from gateway.problems import Problem, sentence
from gateway.routes.examples import shown
from resources.errors import ConfigurationError
from resources.invoice_files import Form, form_of, read_content
from resources.invoice_import import Imported, import_invoices
from rules.errors import InvoiceRowsError
from rules.invoices import Owner

router = guarded_router(prefix="/si/invoices", tags=["invoices"])

_FORMS = {"text/csv": Form.CSV, "application/csv": Form.CSV, "application/json": Form.JSON}
_ROW = {
    "number": "INV-123",
    "customer_name": "Invented Buyer Ltd",
    "currency": "NGN",
    "total_amount": "107500.00",
    "issue_date": "2026-03-02",
}
_CSV = "number,customer_name,currency,total_amount,issue_date\nINV-123,Invented Buyer Ltd,NGN,107500.00,2026-03-02\n"
_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {"schema": {"type": "array", "items": {"type": "object"}}, "example": [_ROW]},
            "text/csv": {"schema": {"type": "string"}, "example": _CSV},
        },
    }
}


@router.post("/import", responses=shown({"imported": 1, "updated": 0, "unchanged": 0}), openapi_extra=_BODY)
@needs(ANALYST)
async def import_(request: Request, house: Inside, caller: Caller, trace: Trace) -> dict[str, Any]:
    """Import the tenant's open invoices: new ones, and those that say something else than before."""
    content, now = await request.body(), house.now()
    said = _FORMS.get(request.headers.get("content-type", "").partition(";")[0].strip().lower())
    owner = Owner(*caller.tenant, *caller.tenant)

    def work() -> Imported:
        found = read_content(content, form_of(content, said))
        return import_invoices(house.warehouse, found, owner, now=now, run_id=trace)

    try:
        done = await asyncio.get_running_loop().run_in_executor(house.writers, work)
    except InvoiceRowsError as error:
        errors = [{"field": f"row {each.row}", "message": str(each)} for each in error.mistakes[: error.SHOWN]]
        raise Problem(422, sentence(error), errors=errors) from None
    except ConfigurationError as error:
        raise Problem(422, sentence(error)) from None
    return {
        "imported": done.imported,
        "updated": done.updated,
        "unchanged": done.unchanged,
        "ignoredColumns": done.ignored_columns,
    }
