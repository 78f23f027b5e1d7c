"""What Mono's bodies say, read tolerantly: exact numbers, either spelling of names, no BVN beyond its last digits.

Holds pure functions from bytes or decoded JSON to plain values. Must not hold requests, nor what is done about an
answer. A body that has not the shape it should have is a ValueError.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from resources.warehouse.accounts import AccountDetails
from rules.money import SPELLINGS
from rules.transactions import encodable

AVAILABLE, PARTIAL, UNAVAILABLE, FAILED, PROCESSING = "AVAILABLE", "PARTIAL", "UNAVAILABLE", "FAILED", "PROCESSING"
_SHORT_NUMBER = 16
_MOST_DIGITS = 100
_REAUTHORISE = re.compile(r"\bre[-_ ]?auth", re.IGNORECASE)
_BVN_IN_TEXT = re.compile(r"(?i)(bvn\W{0,3})\d{7}(\d{4})(?!\d)")
_LONGEST_MESSAGE = 200
_ACCOUNT_NAMES = {"id", "_id", "name", "currency", "institution", "data_status"}


@dataclass(frozen=True)
class Page:
    """One page of bank lines, as they came, newest first.

    `total` counts the lines of all pages; `more` says whether upstream names a next page; null where it does not say.
    `ready` is false where there is no list at all: upstream is still fetching it, under `job_id` if it says so.
    """

    rows: list[object]
    total: int | None = None
    more: bool | None = None
    ready: bool = True
    job_id: str | None = None


@dataclass(frozen=True)
class AccountReading:
    """An account's details, whether its data are there, and which of them; null where upstream does not say."""

    details: AccountDetails
    data_status: str | None
    retrieved: frozenset[str] | None

    @property
    def lacks_transactions(self) -> bool:
        """Whether upstream says that it has data, and that bank lines are not among them."""
        return self.data_status == PARTIAL and self.retrieved is not None and "transactions" not in self.retrieved


def decode(body: bytes) -> object:
    """Decode JSON without losing a digit, fit to be kept: BVNs are cut, and no text holds half of a surrogate pair."""
    try:
        value = _decoded(body)
        return fit_to_keep(value) if may_be_unfit(body) else value
    except RecursionError:
        raise ValueError("nested too deeply") from None


def decode_strictly(body: bytes) -> object:
    """Decode JSON as `decode` does, and nothing that is not JSON: no NaN, no infinity."""
    try:
        value = _strict_decoder.decode(body.decode("utf-8-sig"))
        return fit_to_keep(value) if may_be_unfit(body) else value
    except RecursionError:
        raise ValueError("nested too deeply") from None


def may_be_unfit(body: bytes) -> bool:
    """Whether a body may name a BVN, or hold an escape of what UTF-8 cannot hold."""
    return b"bvn" in body.lower() or b"\\u" in body


def fit_to_keep(value: object) -> object:
    """Cut every BVN in a decoded body to its last four digits, and replace what UTF-8 cannot hold, in keys as well.

    A BVN stands under its own key or is named in a text; UTF-8 cannot hold half of a surrogate pair.
    """
    if isinstance(value, dict):
        return {
            encodable(key): _last_digits(item) if key.lower() == "bvn" else fit_to_keep(item)
            for key, item in value.items()
        }
    if isinstance(value, list):
        return [fit_to_keep(item) for item in value]
    return encodable(_BVN_IN_TEXT.sub(r"\1\2", value)) if isinstance(value, str) else value


def message_of(body: object) -> str:
    """Return what the body says in words, on one line and not too long; empty where it says nothing."""
    if not isinstance(body, Mapping):
        return ""
    told = [body.get(name) for name in ("message", "error_description", "error", "detail")]
    found = next((text for text in told if isinstance(text, str) and text.strip()), "")
    return " ".join(found.split())[:_LONGEST_MESSAGE].rstrip(" .")


def asks_for_reauthorisation(body: object) -> bool:
    """Whether the body says that the account's holder has to log in at the bank again."""
    if not isinstance(body, Mapping):
        return False
    told = [body.get(name) for name in ("message", "error", "error_description", "code", "detail", "sync_status")]
    return any(isinstance(text, str) and _REAUTHORISE.search(text) is not None for text in told)


def page_of(body: object, headers: Mapping[str, str]) -> Page:
    """Read a page of bank lines, of either shape."""
    if not isinstance(body, Mapping):
        raise ValueError("no object")
    if "data" not in body:
        raise ValueError("it holds no data")
    data = body["data"]
    inner = data if isinstance(data, Mapping) else {}
    rows = next((found for found in (inner.get("transactions"), inner.get("data"), data) if found is not None), None)
    if rows is None:
        return Page([], ready=False, job_id=headers.get("x-job-id"))
    if not isinstance(rows, list):
        raise ValueError("its data are no list")
    paging = next((part for part in _paging(body, inner) if isinstance(part, Mapping)), {})
    more = bool(paging["next"]) if "next" in paging else None
    return Page(rows, _count(paging.get("total")), more)


def document_of(body: object, _: Mapping[str, str]) -> dict[str, object]:
    """Read a body that is passed on as Mono words it."""
    if not isinstance(body, dict):
        raise ValueError("no object")
    return body


def exchanged_of(body: object, _: Mapping[str, str]) -> str:
    """Read the id of the account that a code was exchanged for, of either shape."""
    data = body.get("data", body) if isinstance(body, Mapping) else None
    found = data.get("id") or data.get("_id") if isinstance(data, Mapping) else None
    if not isinstance(found, str):
        raise ValueError("it holds no account id")
    return found


def account_of(body: object, _: Mapping[str, str]) -> AccountReading | None:
    """Read an account's details; null where the body holds none yet."""
    if not isinstance(body, Mapping):
        raise ValueError("no object")
    data = body.get("data", body)
    if data is None:
        return None
    if not isinstance(data, Mapping):
        raise ValueError("its data are no object")
    account, meta = data.get("account", data), data.get("meta") or body.get("meta") or {}
    if not isinstance(account, Mapping) or not isinstance(meta, Mapping) or not _ACCOUNT_NAMES & account.keys():
        raise ValueError("it holds no account")
    status = _status(meta.get("data_status")) or _status(account.get("data_status"))
    retrieved = meta.get("retrieved_data")
    return AccountReading(
        _details(account, status),
        status,
        frozenset(str(name).lower() for name in retrieved) if isinstance(retrieved, list) else None,
    )


def _decoded(body: bytes) -> object:
    text = body.decode("utf-8-sig")
    try:
        return _decoder.decode(text)
    except json.JSONDecodeError:
        raise
    except ValueError:  # a whole number of thousands of digits
        return _patient_decoder.decode(text)


def _details(account: Mapping[str, object], data_status: str | None) -> AccountDetails:
    institution = account.get("institution")
    bank = institution if isinstance(institution, Mapping) else {"name": institution}
    return AccountDetails(
        holder=_text(account.get("name")),
        currency=_currency(account.get("currency")),
        account_type=_text(account.get("type")),
        institution=_text(bank.get("name")),
        institution_type=_text(bank.get("type")),
        bank_code=_text(bank.get("bank_code")) or _text(bank.get("bankCode")),
        data_status=data_status,
    )


def _paging(body: Mapping[str, object], inner: Mapping[str, object]) -> list[object]:
    return [body.get("meta"), body.get("paging"), inner.get("meta"), inner.get("paging")]


def _currency(value: object) -> str | None:
    """The ISO 4217 code of a currency as upstream spells it; null where it is none."""
    text = (_text(value) or "").upper()
    code = SPELLINGS.get(text, text)
    return code if len(code) == 3 and code.isascii() and code.isalpha() else None


def _status(value: object) -> str | None:
    text = _text(value)
    return text and text.upper()


def _text(value: object) -> str | None:
    return (value.strip() or None) if isinstance(value, str) else None


def _count(value: object) -> int | None:
    if isinstance(value, str) and value.isdecimal() and value.isascii():
        return int(value)
    return value if type(value) is int and value >= 0 else None


def _last_digits(value: object) -> str | None:
    """The last four digits of a BVN, null where it has none ("N/A")."""
    return "".join(character for character in str(value) if character.isdigit())[-4:] or None


def _exact(text: str) -> float | Decimal | str:
    """A number with a point or an exponent, as a float only where that loses nothing.

    One with an exponent beyond anything here stays the text it is: as a number it could be too long to be written out.
    """
    if len(text) <= _SHORT_NUMBER and "e" not in text and "E" not in text:
        return float(text)
    try:
        number = Decimal(text)
    except InvalidOperation:
        return text
    return number if abs(number.adjusted()) <= _MOST_DIGITS else text


def _whole(text: str) -> int | str:
    """A whole number; one of more digits than anything here can mean stays the text it is."""
    return int(text) if len(text) <= _MOST_DIGITS else text


def _no_constant(text: str) -> object:
    message = f"{text} is not JSON"
    raise ValueError(message)


_decoder = json.JSONDecoder(parse_float=_exact, parse_constant=str)
_patient_decoder = json.JSONDecoder(parse_float=_exact, parse_constant=str, parse_int=_whole)
_strict_decoder = json.JSONDecoder(parse_float=_exact, parse_constant=_no_constant, parse_int=_whole)
