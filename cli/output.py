"""How commands speak: one JSON document, or lines for people. It knows no command and reads nothing.

Bank lines hold what strangers wrote; nothing of it may steer a terminal, so signs that do not print are replaced.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from itertools import count
from math import isfinite
from pathlib import Path

SIGN_FOR_UNPRINTABLE = "\N{REPLACEMENT CHARACTER}"
_WIDEST = 60


def emit(document: object) -> None:
    """Print a document as JSON on standard output: times as ISO 8601, decimals as text, what is no number as null."""
    try:
        text = json.dumps(document, default=_plain, indent=2, allow_nan=False)
    except (TypeError, ValueError):  # a key that is no text, or a number that JSON has not: seldom, so looked for late
        text = json.dumps(_sayable(document), default=_plain, indent=2, allow_nan=False)
    print(text)


def say(text: str = "") -> None:
    """Print text for people on standard output."""
    print(printable(text))


def warn(text: str) -> None:
    """Print a sentence on standard error."""
    print(printable(text), file=sys.stderr)


def printable(text: str) -> str:
    """The text without signs that would steer a terminal; line breaks stay."""
    return "".join(sign if sign.isprintable() or sign == "\n" else SIGN_FOR_UNPRINTABLE for sign in text)


def table(
    headers: Sequence[str], rows: Iterable[Sequence[object]], right: Iterable[str] = (), whole: Iterable[str] = ()
) -> str:
    """Rows below headers in aligned columns, those named in `right` to the right; long cells are cut but in `whole`."""
    numbers, uncut = ({headers.index(name) for name in names} for names in (right, whole))
    cells = [[_cell(value, cut=column not in uncut) for column, value in enumerate(row)] for row in rows]
    widths = [max(len(line[column]) for line in [list(headers), *cells]) for column in range(len(headers))]

    def line(row: Sequence[str]) -> str:
        aligned = (
            cell.rjust(width) if column in numbers else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        return "  ".join(aligned).rstrip()

    return "\n".join(line(row) for row in [list(headers), ["-" * width for width in widths], *cells])


def records(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> list[dict[str, object]]:
    """Rows as one mapping each; of columns of one name the later are `name_2`, `name_3`."""
    names = _told_apart(columns)
    return [dict(zip(names, row, strict=True)) for row in rows]


def _told_apart(columns: Sequence[str]) -> list[str]:
    names: list[str] = []
    for name in columns:
        others = (f"{name}_{number}" for number in count(2))
        names.append(name if name not in names else next(each for each in others if each not in {*columns, *names}))
    return names


def _cell(value: object, *, cut: bool = True) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime):
        text = value.isoformat(sep=" ", timespec="seconds")
    elif isinstance(value, (list, tuple)):
        text = ", ".join(str(each) for each in value)
    else:
        text = str(value)
    text = printable(text).replace("\n", " ")
    return text if len(text) <= _WIDEST or not cut else text[: _WIDEST - 1] + "…"


def _sayable(value: object) -> object:
    """A value that JSON can hold: keys as text, and no number that is not finite."""
    if isinstance(value, float):
        return value if isfinite(value) else None
    if isinstance(value, Mapping):
        return {_key(key): _sayable(each) for key, each in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_sayable(each) for each in value]
    return value


def _key(key: object) -> str | int | None:
    return key if key is None or isinstance(key, (str, int)) else str(_plain(key))


def _plain(value: object) -> object:
    if isinstance(value, (date, datetime)):
        return value.isoformat()
    if isinstance(value, (Decimal, Path)):
        return str(value)
    if isinstance(value, (set, frozenset, tuple)):
        return list(value)
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, (bytes, bytearray)):
        return bytes(value).hex()
    return str(value)
