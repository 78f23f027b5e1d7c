"""Documents in the shape of the FIRS / NRS invoice: what a person adds, what is still missing, and whether it is right.

Pure functions over decoded JSON, its numbers decimals: no floating point touches an amount (domain section 6). What the
authority checks besides, it says itself (`resources/nrs.py`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from rules.errors import RulesError

Document = dict[str, Any]

FIELDS = frozenset(
    [
        "accounting_cost",
        "accounting_customer_party",
        "accounting_supplier_party",
        "actual_delivery_date",
        "additional_document_reference",
        "allowance_charge",
        "billing_reference",
        "business_id",
        "buyer_reference",
        "contract_document_reference",
        "dispatch_document_reference",
        "document_currency_code",
        "due_date",
        "invoice_delivery_period",
        "invoice_kind",
        "invoice_line",
        "invoice_type_code",
        "irn",
        "issue_date",
        "issue_time",
        "legal_monetary_total",
        "note",
        "order_reference",
        "originator_document_reference",
        "payee_party",
        "payment_means",
        "payment_status",
        "payment_terms_note",
        "receipt_document_reference",
        "tax_currency_code",
        "tax_point_date",
        "tax_representative_party",
        "tax_total",
    ]
)
"""The fields of a FIRS / NRS invoice, at the top of the document."""

IRN = re.compile(r"([A-Za-z0-9]+)-([A-Za-z0-9]{8})-(\d{8})", re.ASCII)
_TIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{4,29}", re.ASCII)
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_CURRENCY = re.compile(r"[A-Z]{3}", re.ASCII)
_KOBO = Decimal("0.01")
_LARGEST = Decimal(10) ** 15
_LONGEST_NUMBER = 40
_DEEPEST = 20


@dataclass(frozen=True)
class Fault:
    """A field that is missing or wrong, and what is to be done about it."""

    field: str
    message: str


class DocumentError(RulesError):
    """Something that cannot be a part of the document; the message names the field."""


def parsed(text: str | bytes) -> Any:
    """Decode JSON, its numbers decimals or whole.

    Raises:
        ValueError: it is not JSON, or holds a number that no amount needs, or text that is no Unicode.
    """
    try:
        value = json.loads(text, parse_float=_number, parse_int=_whole, parse_constant=_number)
        json.dumps(value, ensure_ascii=False, default=str).encode()  # half a character cannot be written anywhere
        return value
    except RecursionError:
        raise ValueError("nested too deeply") from None


def written(value: Any) -> str:
    """Encode a document as JSON, its decimals to the digit."""
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, Mapping):
        return "{" + ",".join(f"{json.dumps(str(key))}:{written(item)}" for key, item in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ",".join(written(item) for item in value) + "]"
    return json.dumps(value)


def changes(given: object) -> Document:
    """Read what a person adds: fields of the document, nested or under dotted names.

    Raises:
        DocumentError: no object, or a field that is none of the document's.
    """
    if not isinstance(given, dict) or not given:
        raise DocumentError('send the fields to change, such as {"accounting_customer_party": {"tin": "..."}}')
    found: Document = {}
    for name, value in given.items():
        path = name.split(".")
        if path[0] not in FIELDS or not all(path):
            raise DocumentError(f"{name!r} is no field of the invoice; its fields are those of the FIRS / NRS invoice")
        if len(path) + _depth(value) > _DEEPEST:
            raise DocumentError(f"{name!r} is nested too deeply")
        nested: Any = value
        for part in reversed(path[1:]):
            nested = {part: nested}
        found = merged(found, {path[0]: nested})
    return found


def merged(document: Document, additions: Mapping[str, Any]) -> Document:
    """The document with additions over it: objects are merged, everything else is replaced, null stays as null."""
    result = dict(document)
    for name, value in additions.items():
        under = result.get(name)
        result[name] = merged(under, value) if isinstance(under, dict) and isinstance(value, dict) else value
    return result


def filled(names: Iterable[str], document: Document) -> list[str]:
    """Which of the dotted names have a value in the document."""
    return [name for name in names if not _empty(_at(document, name))]


def completed(document: Document) -> Document:
    """The document with the totals that follow from its lines and taxes, where it leaves them out."""
    if list(_amount_faults(document)):
        return document
    totals = document.get("legal_monetary_total") or {}
    net, exclusive, inclusive = _totals(document)
    computed = {"line_extension_amount": net, "tax_exclusive_amount": exclusive, "tax_inclusive_amount": inclusive}
    return {**document, "legal_monetary_total": {**computed, **{k: v for k, v in totals.items() if not _empty(v)}}}


def irn_of(number: str, service_id: str, day: str) -> str:
    """Make an invoice reference number of an invoice's number, the service's id and the day of issue."""
    plain = "".join(char for char in number if char.isascii() and char.isalnum()).upper()
    return f"{plain}-{service_id}-{day.replace('-', '')}"


def faults(document: Document, required: Iterable[str]) -> list[Fault]:
    """Everything that keeps a document from being an invoice: required fields, forms, arithmetic of the totals.

    Args:
        document: as `merged` and `completed` leave it.
        required: the dotted names that must have a value, besides those that every document needs.
    """
    found = {fault.field: fault for fault in _wanting(document, required)}
    for fault in (*_form_faults(document), *_amount_faults(document)):
        found.setdefault(fault.field, fault)
    if not any(name.partition(".")[0] in _COUNTED for name in found):
        for fault in _sum_faults(document):
            found.setdefault(fault.field, fault)
    return list(found.values())


_COUNTED = ("invoice_line", "tax_total", "allowance_charge", "legal_monetary_total")
_ALWAYS = ("irn", "invoice_type_code", "issue_date", "document_currency_code", "legal_monetary_total.payable_amount")
_CUSTOMER = "accounting_customer_party"


def _wanting(document: Document, required: Iterable[str]) -> Iterator[Fault]:
    for name in (*_ALWAYS, *required):
        value = _at(document, name)
        if name == f"{_CUSTOMER}.postal_address" and not _empty(_at(document, f"{_CUSTOMER}.postal_address_id")):
            continue
        if _empty(value):
            yield Fault(name, "it is required: add it with PATCH")


def _form_faults(document: Document) -> Iterator[Fault]:
    """What has a form has it: IRN, days, currency, TIN, e-mail, address."""
    yield from _irn_fault(document.get("irn"))
    for name in ("issue_date", "due_date", "tax_point_date"):
        if not _empty(document.get(name)) and _day(document[name]) is None:
            yield Fault(name, "write the day as YYYY-MM-DD")
    issued, due = _day(document.get("issue_date")), _day(document.get("due_date"))
    if issued and due and due < issued:
        yield Fault("due_date", "it is before issue_date")
    forms = {
        "document_currency_code": (_CURRENCY, "write three capital letters (ISO 4217)"),
        f"{_CUSTOMER}.tin": (_TIN, "write the TIN in letters, digits and hyphens, such as 12345678-0001"),
        f"{_CUSTOMER}.email": (_EMAIL, "write an e-mail address"),
        f"{_CUSTOMER}.party_name": (re.compile(r"(?s).*\S.*"), "write the name as text"),
    }
    for name, (form, message) in forms.items():
        value = _at(document, name)
        if not _empty(value) and not (isinstance(value, str) and form.fullmatch(value)):
            yield Fault(name, message)
    yield from _address_faults(_at(document, f"{_CUSTOMER}.postal_address"))
    references = document.get("billing_reference")
    if not _empty(references) and not (isinstance(references, list) and all(map(_names_an_irn, references))):
        yield Fault("billing_reference", "write a list of objects, each with the irn and issue_date of an invoice")


def _irn_fault(irn: object) -> Iterator[Fault]:
    if _empty(irn):
        return
    form = IRN.fullmatch(irn) if isinstance(irn, str) else None
    if form is None or _day(f"{form[3][:4]}-{form[3][4:6]}-{form[3][6:]}") is None:
        yield Fault("irn", "its form is {letters and digits}-{8 letters and digits}-{YYYYMMDD}")


def _address_faults(address: object) -> Iterator[Fault]:
    if _empty(address):
        return
    where = f"{_CUSTOMER}.postal_address"
    if not isinstance(address, dict):
        yield Fault(where, "write an object with street_name, city_name and country")
        return
    for name in ("street_name", "city_name", "country"):
        if not isinstance(address.get(name), str) or not address[name].strip():
            yield Fault(f"{where}.{name}", "it is required: write it as text")


def _amount_faults(document: Document) -> Iterator[Fault]:
    """Lists are lists of objects, and what is counted is an amount of at most two decimals."""
    for name in ("invoice_line", "tax_total", "allowance_charge"):
        value = document.get(name)
        if not _empty(value) and not (isinstance(value, list) and all(isinstance(each, dict) for each in value)):
            yield Fault(name, "write a list of objects")
            return
    totals = document.get("legal_monetary_total")
    if not isinstance(totals, dict):
        yield Fault("legal_monetary_total", "write an object of amounts")
        return
    for number, line in enumerate(_list(document, "invoice_line")):
        if not isinstance(_at(line, "item.name"), str) or not _at(line, "item.name").strip():
            yield Fault(f"invoice_line.{number}.item.name", "it is required: say what was sold")
    for name, value in _amounts(document):
        if _amount(value) is None:
            yield Fault(name, "write an amount in major units, 0 or more, with at most two decimals")


def _amounts(document: Document) -> Iterator[tuple[str, object]]:
    for number, line in enumerate(_list(document, "invoice_line")):
        yield f"invoice_line.{number}.line_extension_amount", line.get("line_extension_amount")
    for number, tax in enumerate(_list(document, "tax_total")):
        yield f"tax_total.{number}.tax_amount", tax.get("tax_amount")
    for number, charge in enumerate(_list(document, "allowance_charge")):
        yield f"allowance_charge.{number}.amount", charge.get("amount")
    for name, value in (document.get("legal_monetary_total") or {}).items():
        if not _empty(value):
            yield f"legal_monetary_total.{name}", value


def _sum_faults(document: Document) -> Iterator[Fault]:
    """The totals add up: lines, allowances and charges, taxes, and what is to be paid."""
    for number, line in enumerate(_list(document, "invoice_line")):
        yield from _line_fault(f"invoice_line.{number}", line)
    for number, tax in enumerate(_list(document, "tax_total")):
        yield from _tax_faults(f"tax_total.{number}", tax)
    totals = document["legal_monetary_total"]
    net, exclusive, inclusive = _totals(document)
    for name, expected, what in (
        ("line_extension_amount", net, "the lines add up to"),
        ("tax_exclusive_amount", exclusive, "the lines with allowances and charges come to"),
        ("tax_inclusive_amount", inclusive, "with the taxes it comes to"),
        ("payable_amount", inclusive, "the lines and the taxes come to"),
    ):
        if not _empty(totals.get(name)) and _amount(totals[name]) != expected:
            yield Fault(f"legal_monetary_total.{name}", f"{what} {expected:.2f}, not {_amount(totals[name]):.2f}")


def _line_fault(where: str, line: Document) -> Iterator[Fault]:
    quantity, price = _decimal(line.get("invoiced_quantity")), _decimal(_at(line, "price.price_amount"))
    if quantity is None or price is None:
        return
    base = _decimal(_at(line, "price.base_quantity")) or Decimal(1)
    less = _decimal(line.get("discount_amount", line.get("dicount_amount"))) or Decimal(0)  # the authority's spelling
    more = _decimal(line.get("fee_amount")) or Decimal(0)
    expected = _rounded(quantity * price / base - less + more)
    if _amount(line["line_extension_amount"]) != expected:
        yield Fault(f"{where}.line_extension_amount", f"quantity and price make it {expected:.2f}")


def _tax_faults(where: str, tax: Document) -> Iterator[Fault]:
    parts = tax.get("tax_subtotal")
    if not isinstance(parts, list) or not parts:
        return
    total = Decimal(0)
    for number, part in enumerate(parts):
        amount = _amount(part.get("tax_amount")) if isinstance(part, dict) else None
        if amount is None:
            yield Fault(f"{where}.tax_subtotal.{number}.tax_amount", "write an amount with at most two decimals")
            return
        total += amount
        taxable, percent = _amount(part.get("taxable_amount")), _decimal(_at(part, "tax_category.percent"))
        if taxable is not None and percent is not None and abs(_rounded(taxable * percent / 100) - amount) > _KOBO:
            told = f"{percent.normalize():f} % of {taxable:.2f} is {_rounded(taxable * percent / 100):.2f}"
            yield Fault(f"{where}.tax_subtotal.{number}.tax_amount", told)
    if total != _amount(tax["tax_amount"]):
        yield Fault(f"{where}.tax_amount", f"its parts add up to {total:.2f}")


def _totals(document: Document) -> tuple[Decimal, Decimal, Decimal]:
    """The sum of the lines, that with allowances and charges, and that with taxes."""
    net = sum(
        (_amount(line["line_extension_amount"]) or Decimal(0) for line in _list(document, "invoice_line")), Decimal(0)
    )
    exclusive = net
    for charge in _list(document, "allowance_charge"):
        amount = _amount(charge["amount"]) or Decimal(0)
        exclusive += amount if charge.get("charge_indicator") is True else -amount
    taxes = (_amount(tax["tax_amount"]) or Decimal(0) for tax in _list(document, "tax_total"))
    return net, exclusive, sum(taxes, exclusive)


def _list(document: Document, name: str) -> list[Document]:
    value = document.get(name)
    return value if isinstance(value, list) else []


def _at(document: Any, name: str) -> Any:
    for part in name.split("."):
        if not isinstance(document, Mapping):
            return None
        document = document.get(part)
    return document


def _empty(value: object) -> bool:
    """Whether there is nothing: null, an empty or blank text, an empty list or object."""
    return value is None or (isinstance(value, str) and not value.strip()) or value in ([], {})


def _names_an_irn(reference: object) -> bool:
    return isinstance(reference, dict) and not list(_irn_fault(reference.get("irn") or "-"))


def _day(value: object) -> date | None:
    try:
        return date.fromisoformat(value) if isinstance(value, str) and len(value) == len("2026-01-31") else None
    except ValueError:
        return None


def _amount(value: object) -> Decimal | None:
    """An amount in major units; null where it is none."""
    found = _decimal(value)
    fits = found is not None and 0 <= found < _LARGEST and found == _rounded(found)
    return found if fits else None


def _decimal(value: object) -> Decimal | None:
    """A number, or a text that is one."""
    if isinstance(value, str) and re.fullmatch(r"\d{1,20}(\.\d{1,20})?", value, re.ASCII):
        return Decimal(value)
    if isinstance(value, bool) or not isinstance(value, (int, Decimal)):
        return None
    return Decimal(value)


def _rounded(value: Decimal) -> Decimal:
    return value.quantize(_KOBO, ROUND_HALF_UP) if abs(value) < _LARGEST * 1000 else value


def _number(text: str) -> Decimal:
    if len(text) > _LONGEST_NUMBER or not re.fullmatch(r"-?\d+(\.\d+)?", text, re.ASCII):
        raise ValueError(f"write numbers as plain decimals of at most {_LONGEST_NUMBER} signs")
    return Decimal(text)


def _whole(text: str) -> int:
    return int(_number(text))


def _depth(value: object) -> int:
    """How deeply a value is nested."""
    parts = list(value.values()) if isinstance(value, dict) else value if isinstance(value, list) else []
    return 1 + max(map(_depth, parts), default=0)
