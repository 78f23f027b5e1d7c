"""The bank lines of one account: when, how much, in which words, and as the bytes that Mono would send.

Holds `Statement` (rows newest first, with what is true of each) and `write_statement`. Must not hold how credits pay
invoices (books.py) or who the accounts are (world.py). Amounts and balances are whole kobo; a row's day is its UTC day.
"""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cache
from itertools import accumulate
from json import dumps
from json.encoder import encode_basestring_ascii
from typing import Final, NamedTuple

from sandbox.books import Books
from sandbox.names import Draw
from sandbox.narrations import Shape, Subject

LAGOS_OFFSET: Final = timedelta(hours=1)
FLOOR: Final = 100_000

_DAY_MS: Final = 86_400_000
_EPOCH: Final = date(1970, 1, 1).toordinal()
_SEVERAL: Final = frozenset(", ")
_PAYER: Final = {
    "COMPANY": Draw.company,
    "PERSON": Draw.person,
    "PERSON_GIVEN_GIFT": Draw.person_given_gift,
    "PERSON_COMPANY": Draw.person_company,
}
_FIXED: Final = {"stamp_duty": (5_000,), "card_vat": (269, 403, 806), "ussd": (698,)}
# As JSON text, since rows are written by hand for speed.
_CATEGORIES: Final = {
    "stamp_duty": (b'"bank_charges"',),
    "card_vat": (b'"bank_charges"',),
    "ussd": (b'"bank_charges"', b'"unknown"'),
    "airtime": (b'"bills"', b'"unknown"'),
    "purchase": (b'"food"', b'"entertainment"', b'"unknown"'),
    "cash": (b'"cash_deposit"',),
    "transfer_out": (b'"transfer"', b'"unknown"'),
}
_OTHER_CATEGORIES: Final = (b'"unknown"', b'"unknown"', b'"transfer"', b"null")


@dataclass(frozen=True, slots=True)
class Terms:
    """How an account's lines are drawn: how many over which Lagos days, from which shapes, richer rows or plain.

    `pending_from` is the first Lagos day (ordinal) on which lines may still be pending.
    """

    lines: int
    first_day: date
    days: int
    pending_from: int
    shapes: Sequence[Shape]
    weights: Sequence[float]
    must_occur: Sequence[Shape]
    enriched: bool
    currency: str


class Truth(NamedTuple):
    """What is true of one line, and never served."""

    label: str
    shape: str
    pays: tuple[str, ...]
    how: str


@dataclass(frozen=True, slots=True)
class Statement:
    """An account's rows as JSON bytes, newest first, with each row's UTC day (ordinal) and truth beside it.

    The first `later` rows arrive only while the account is being read; until then they are not served.
    """

    rows: list[bytes]
    days: list[int]
    truth: list[Truth]
    later: int


class _Line(NamedTuple):
    moment: int
    direction: str
    truth: Truth
    narration: str
    amount: int
    category: bytes
    extra: dict[str, object] | None
    twin: bool = False


def write_statement(terms: Terms, subject: Subject, books: Books, rng: random.Random, later: int) -> Statement:
    """Write `terms.lines` + `later` lines; the same arguments give the same bytes."""
    draw = Draw(rng)
    total = terms.lines + later
    twins = (total + 200) // 400 if total > len(terms.must_occur) + 20 else 0
    moments = _moments(draw, terms, total - twins)
    lines = [
        _line(moment, shape, terms, subject, books, draw)
        for moment, shape in zip(moments, _shapes(terms, total - twins, rng), strict=True)
    ]
    _add_twins(lines, draw, twins, later)
    rows, days = _serialised(lines, draw)
    return Statement(rows, days, [line.truth for line in reversed(lines)], later)


def _shapes(terms: Terms, total: int, rng: random.Random) -> list[Shape]:
    drawn = rng.choices(terms.shapes, terms.weights, k=total)
    for place, shape in zip(
        rng.sample(range(total), min(total, len(terms.must_occur))), terms.must_occur, strict=False
    ):
        drawn[place] = shape
    return drawn


def _moments(draw: Draw, terms: Terms, total: int) -> list[int]:
    """Draw ascending moments in milliseconds since the epoch, within the Lagos days of `terms`."""
    first = datetime.combine(terms.first_day, datetime.min.time(), UTC) - LAGOS_OFFSET
    start = int(first.timestamp()) * 1000
    return sorted(start + draw.below(terms.days) * _DAY_MS + _time_of_day(draw) for _ in range(total))


def _time_of_day(draw: Draw) -> int:
    form = draw.below(20)
    if form < 12:
        return 8 * 3_600_000 + draw.below(10 * 3_600_000)
    if form < 14:  # the quarter hour at either side of Lagos midnight, which is 23:00 UTC
        return (draw.below(900_000) - 900_000 * (form - 12)) % _DAY_MS
    if form < 16:  # banks that know the day alone: midnight UTC
        return 3_600_000
    return draw.below(_DAY_MS)


def _line(moment: int, shape: Shape, terms: Terms, subject: Subject, books: Books, draw: Draw) -> _Line:
    ordinal = _ordinal(moment + 3_600_000)
    day = _day(ordinal)
    payment = books.payment(shape, ordinal) if shape.label == "business" else None
    given = payment.given if payment else {}
    if shape.payer and shape.payer not in given:
        given[shape.payer] = _PAYER[shape.payer](draw)
    narration = shape.fill(draw, subject, day, given)
    amount = payment.amount if payment else draw_amount(shape, draw)
    truth = Truth(shape.label, shape.text, payment.pays, payment.how) if payment else _pays_nothing(shape)
    categories = _CATEGORIES.get(shape.kind, _OTHER_CATEGORIES)
    category = categories[draw.below(len(categories))]
    pending = ordinal >= terms.pending_from and draw.below(6) == 0
    extra = _extra(terms, subject, shape, given, pending) if terms.enriched and draw.below(2) else None
    if pending and extra is None:
        extra = {"status": "pending"}
    return _Line(moment, shape.direction, truth, narration, amount, category, extra)


@cache
def _pays_nothing(shape: Shape) -> Truth:
    return Truth(shape.label, shape.text, (), "none")


def _extra(
    terms: Terms, subject: Subject, shape: Shape, given: Mapping[str, str], pending: bool
) -> dict[str, object] | None:
    """Say in fields of their own what the narration says, as richer sources do beyond the seven documented ones."""
    counterparty = given[shape.payer] if shape.payer else subject.holder if "HOLDER" in shape.placeholders else None
    reference = given.get("REF", "")
    fields = {
        "counterparty": counterparty,
        "reference": reference if reference and not _SEVERAL & {*reference} else None,
    }
    present: dict[str, object] = {name: value for name, value in fields.items() if value}
    return {**present, "currency": terms.currency, "status": "pending" if pending else "settled"}


def draw_amount(shape: Shape, draw: Draw) -> int:
    """Draw an amount in kobo that suits the shape; about one business line in a hundred is below NGN 1,000."""
    fixed = _FIXED.get(shape.kind)
    if fixed:
        return fixed[draw.below(len(fixed))]
    if shape.kind == "airtime":
        return (1 + draw.below(20)) * 10_000
    if shape.kind in ("interest", "savings"):
        return 100 + draw.below(250_000)
    if shape.kind == "salary":
        return (60 + draw.below(440)) * 100_000 + draw.below(100_000)
    if shape.label == "business":
        if draw.below(100) == 0:
            return 20_000 + draw.below(80_000)
        odd = draw.below(100_000) if shape.kind == "gateway" else 0
        return draw.skewed(70_000, 9_000_000) * 100 + FLOOR + odd
    if draw.below(8) == 0:
        return (2 + draw.below(18)) * 5_000
    if shape.kind == "transfer_out":
        return (1 + draw.skewed(40, 4_000)) * 50_000
    return (1 + draw.skewed(14, 1_000)) * 50_000 + FLOOR // 2


def _add_twins(lines: list[_Line], draw: Draw, twins: int, later: int) -> None:
    """Repeat `twins` lines that pay nothing: alike but for their id."""
    for _ in range(twins):
        place = draw.below(len(lines) - later - 1)
        while lines[place].truth.how != "none" or lines[place].twin:
            place = (place + 1) % (len(lines) - later - 1)
        lines.insert(place + 1, lines[place]._replace(twin=True))


def _serialised(lines: list[_Line], draw: Draw) -> tuple[list[bytes], list[int]]:
    """Write the lines, which come oldest first, as JSON rows newest first with a running balance."""
    signed = [line.amount if line.direction == "credit" else -line.amount for line in lines]
    balances = list(accumulate(signed))
    opening = 100 * (50_000 + draw.below(2_000_000)) - min(0, *balances)
    rows: list[bytes] = []
    days: list[int] = []
    getrandbits = draw.rng.getrandbits
    known = 0
    for line, balance in zip(lines, balances, strict=True):
        known = known if line.twin else opening + balance
        unknown = (line.extra is not None and line.extra["status"] == "pending") or known % 97 == 0
        rows.append(_row(line, getrandbits(64), None if unknown else known))
        days.append(_ordinal(line.moment))
    rows.reverse()
    days.reverse()
    return rows, days


# Written by hand, since a general encoder takes several times as long for millions of rows.
_ROW: Final = (
    b'{"id":"%08x%016x","narration":%s,"amount":%d,"type":"%s","balance":%s,"date":"%s%s%03dZ","category":%s%s}'
)


def _row(line: _Line, unique: int, balance: int | None) -> bytes:
    moment, direction, _, narration, amount, category, extra, _ = line
    return _ROW % (
        moment // 1000,
        unique,
        encode_basestring_ascii(narration).encode(),
        amount,
        b"credit" if direction == "credit" else b"debit",
        b"null" if balance is None else b"%d" % balance,
        _day_bytes(moment // _DAY_MS),
        _clock_bytes(moment % _DAY_MS // 1000),
        moment % 1000,
        category,
        b"," + dumps(extra, separators=(",", ":"))[1:-1].encode() if extra else b"",
    )


def row_id(row: bytes) -> str:
    """Read the id out of a row as written here, without parsing it."""
    return row[7:31].decode()


def _ordinal(moment: int) -> int:
    return moment // _DAY_MS + _EPOCH


@cache
def _day(ordinal: int) -> date:
    return date.fromordinal(ordinal)


def day_text(ordinal: int) -> str:
    """Write the day of an ordinal as YYYY-MM-DD."""
    return date.fromordinal(ordinal).isoformat()


@cache
def _day_bytes(days_since_epoch: int) -> bytes:
    return day_text(days_since_epoch + _EPOCH).encode()


@cache
def _clock_bytes(second: int) -> bytes:
    return b"T%02d:%02d:%02d." % (second // 3600, second // 60 % 60, second % 60)
