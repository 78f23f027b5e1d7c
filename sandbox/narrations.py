"""The narration shapes, and the filling of their placeholders anew for each line.

Holds `Shape` (one row of narration-shapes.csv, ready to fill), the reading of the file, and what kind of money a shape
is about. Must not hold amounts, dates or invoices (statement.py, books.py), nor any rule of the product.
"""

import csv
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Final

from sandbox.names import MONTHS, Draw, short_holder, written_date

SHAPES_FILE: Final = Path(__file__).with_name("narration-shapes.csv")

PAYERS: Final = ("COMPANY", "PERSON", "PERSON_GIVEN_GIFT", "PERSON_COMPANY")

_PLACEHOLDER: Final = re.compile(r"\{([A-Z_]+)\}")

# First fragment found decides: what money the line is about, for its amount and category.
_KINDS: Final = (
    ("STAMP DUTY", "stamp_duty"),
    ("VAT on Card fee", "card_vat"),
    ("USSD Session", "ussd"),
    ("Airtime//", "airtime"),
    ("Interest", "interest"),
    ("SALARY", "salary"),
    ("Salary", "salary"),
    ("POS Settlement", "gateway"),
    ("Paystack", "gateway"),
    ("Prch", "purchase"),
    ("OUTWARD", "transfer_out"),
    ("NIP CR/", "transfer_out"),
    ("Outward", "transfer_out"),
    ("OWealth", "savings"),
    ("Deposit Cash", "cash"),
)


@dataclass(frozen=True, slots=True)
class Subject:
    """Whose account the lines are on, and how the tenant writes its invoice numbers (a `str.format` pattern)."""

    holder: str
    number_format: str


@dataclass(frozen=True, slots=True, eq=False)
class Shape:
    """One narration shape with its true label, equal to itself alone.

    `parts` alternates literal text and the placeholder after it; `payer` is the first placeholder that names a payer,
    None where the shape names nobody.
    """

    text: str
    direction: str
    label: str
    kind: str
    parts: tuple[tuple[str, str], ...]
    placeholders: frozenset[str]
    payer: str | None

    def fill(self, draw: Draw, subject: Subject, day: date, given: Mapping[str, str]) -> str:
        """Fill the placeholders, each anew but for those `given`, which are used as they are wherever they stand."""
        written: list[str] = []
        for literal, name in self.parts:
            written.append(literal)
            if name:
                written.append(given[name] if name in given else _drawn(name, draw, subject, day))
        return "".join(written)


def load_shapes(path: Path = SHAPES_FILE) -> tuple[Shape, ...]:
    """Read the shapes file (columns shape, direction, label); an unknown placeholder or value is a ValueError."""
    with path.open(encoding="utf-8", newline="") as file:
        return tuple(_shape(row["shape"], row["direction"], row["label"]) for row in csv.DictReader(file))


def _shape(text: str, direction: str, label: str) -> Shape:
    if direction not in ("credit", "debit") or label not in ("business", "not_business"):
        raise ValueError(f"narration shape {text!r}: direction {direction!r} or label {label!r} is unknown")
    pieces = _PLACEHOLDER.split(text)
    names = pieces[1::2]
    unknown = sorted(set(names) - PLACEHOLDERS)
    if unknown:
        raise ValueError(f"narration shape {text!r}: unknown placeholder {unknown[0]!r}")
    kind = next((kind for fragment, kind in _KINDS if fragment in text), label)
    parts = tuple(zip(pieces[::2], [*names, ""], strict=True))
    payer = next((name for name in names if name in PAYERS), None)
    return Shape(text, direction, label, kind, parts, frozenset(names), payer)


_SIMPLE: Final = {
    "BANK": Draw.bank,
    "COMPANY": Draw.company,
    "PERSON": Draw.person,
    "PERSON_GIVEN_GIFT": Draw.person_given_gift,
    "PERSON_COMPANY": Draw.person_company,
    "PERSON_GLUED": Draw.person_glued,
    "N": Draw.number,
    "SESSION": Draw.session,
    "TERMINAL": Draw.terminal,
    "PHONE": Draw.phone,
    "GOODS": Draw.goods,
}

PLACEHOLDERS: Final = frozenset({*_SIMPLE, "HOLDER", "HOLDER_SHORT", "REF", "DATE", "MONTH"})


def _drawn(name: str, draw: Draw, subject: Subject, day: date) -> str:
    simple = _SIMPLE.get(name)
    if simple is not None:
        return simple(draw)
    if name == "HOLDER":
        return subject.holder
    if name == "HOLDER_SHORT":
        return short_holder(draw, subject.holder)
    if name == "MONTH":
        return MONTHS[day.month - 1]
    if name == "DATE":
        return written_date(draw, day)
    # A reference that nobody gave is one of the payer's own: no invoice of the tenant reaches this number.
    return subject.number_format.format(900_000 + draw.below(90_000))
