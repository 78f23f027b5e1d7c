"""The shapes of the source document's examples: which keys an answer has and of what kind each value is, as facts.

A shape is a type, a tuple of types, a dict of shapes (these keys must be there, with these shapes) or a list of one
shape (which all items have). What a route adds besides is no fault; `exactly` says where nothing may be added.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

NUMBER: Final = (int, float)
MAYBE: Final = (str, type(None))
NOTHING: Final = type(None)


class Moment:
    """A text that is a moment in UTC."""


DONE: Final = {"status": str, "message": str, "timestamp": Moment}
FAILED: Final = {"status": str, "message": str, "data": NOTHING}
BANK: Final = {"name": str, "bank_code": MAYBE, "type": str}
DETAILS: Final = {
    **DONE,
    "data": {
        "account": {
            "id": str,
            "name": str,
            "currency": str,
            "type": str,
            "account_number": str,
            "balance": int,
            "bvn": str,
            "institution": BANK,
        },
        "customer": {"id": str},
        "meta": {
            "data_status": str,
            "auth_method": str,
            "data_request_id": str,
            "session_id": str,
            "retrieved_data": [str],
        },
    },
}
IDENTITY: Final = {
    **DONE,
    "data": {
        **dict.fromkeys(("full_name", "bvn", "phone", "gender", "dob", "address_line1", "state_of_origin"), str),
        **dict.fromkeys(("lga_of_origin", "marital_status"), str),
        "verified": bool,
        "created_at": Moment,
        "updated_at": Moment,
    },
}
BALANCE: Final = {
    **DONE,
    "data": {"id": str, "name": str, "account_number": str, "balance": int, "currency": str},
}
INCOME: Final = {**DONE, "data": NOTHING}
STREAM: Final = {
    **dict.fromkeys(("income_type", "frequency", "currency", "first_income_date", "last_income_date"), str),
    **dict.fromkeys(("monthly_average", "average_income_amount", "last_income_amount"), int),
    **dict.fromkeys(("periods_with_income", "number_of_incomes", "number_of_months"), int),
    "last_income_description": str,
    "stability": NUMBER,
}
REPORT: Final = {
    **dict.fromkeys(("account", "account_name", "account_number", "income_source_type", "period"), str),
    **dict.fromkeys(("first_transaction_date", "last_transaction_date"), str),
    **dict.fromkeys(("number_of_income_streams", "total_income", "annual_income", "monthly_income"), int),
    **dict.fromkeys(("aggregated_monthly_average", "total_regular_income_amount"), int),
    **dict.fromkeys(("aggregated_monthly_average_regular", "aggregated_monthly_average_irregular"), int),
    "total_irregular_income_amount": int,
    "income_summary": {"total_income": int, "employer": str},
    "income_streams": [STREAM],
}
PAGES: Final = {"total": int, "pages": int, "previous": MAYBE, "next": MAYBE}
RECORDS: Final = {
    **DONE,
    "data": [{"income": REPORT, "app": str, "created_at": Moment, "updated_at": Moment}],
    "meta": PAGES,
}
ACCOUNTS: Final = {
    **DONE,
    "data": [
        {
            **dict.fromkeys(("id", "name", "account_number", "currency", "auth_method", "status", "bvn", "type"), str),
            "balance": int,
            "institution": {**BANK, "id": str},
            "customer": {"id": str, "name": str},
        }
    ],
    "meta": PAGES,
}
LINKED_ACCOUNTS: Final = {
    **DONE,
    "data": [
        {
            **dict.fromkeys(("id", "name", "account_number", "currency", "type"), str),
            "balance": int,
            "institution": BANK,
        }
    ],
    "meta": {"total": int, "pages": int, "previous": NOTHING, "next": NOTHING},
}
WIDGET_LINK: Final = {
    **DONE,
    "data": {"mono_url": str, "meta": {"ref": str}, "scope": str, "redirect_url": str, "created_at": Moment},
    "notice": str,
}
SYNCED: Final = {
    "imported": int,
    "updated": int,
    "skipped": dict,
    "cursor": str,
    "hasMore": bool,
}
DRAFT: Final = {"id": str, "status": str, "kind": str, "amount": int, "currency": str, "missing": [str]}
LISTED: Final = {"data": list, "meta": {"total": int, "next": MAYBE}}
PROBLEM: Final = {"type": str, "title": str, "status": int, "detail": str, "traceId": str}


def faults(value: Any, shape: Any, where: str = "answer", *, exactly: bool = False) -> list[str]:
    """Say where a value has not the shape."""
    if isinstance(shape, dict):
        return _object_faults(value, shape, where, exactly=exactly)
    if isinstance(shape, list):
        if not isinstance(value, list):
            return [f"{where} is no list"]
        return [
            told for n, item in enumerate(value) for told in faults(item, shape[0], f"{where}[{n}]", exactly=exactly)
        ]
    if shape is Moment:
        return [] if _is_moment(value) else [f"{where} is no moment: {value!r}"]
    kinds = shape if isinstance(shape, tuple) else (shape,)
    good = isinstance(value, kinds) and (not isinstance(value, bool) or bool in kinds)
    return [] if good else [f"{where} is {type(value).__name__}"]


def _object_faults(value: Any, shape: dict[str, Any], where: str, *, exactly: bool) -> list[str]:
    if not isinstance(value, dict):
        return [f"{where} is no object"]
    told = [f"{where}.{name} is not there" for name in shape.keys() - value.keys()]
    told += [f"{where}.{name} is new" for name in value.keys() - shape.keys()] if exactly else []
    for name in shape.keys() & value.keys():
        told += faults(value[name], shape[name], f"{where}.{name}", exactly=exactly)
    return told


def _is_moment(value: object) -> bool:
    try:
        return isinstance(value, str) and value.endswith("Z") and bool(datetime.fromisoformat(value))
    except ValueError:
        return False
