"""What of a text tells of somebody: which parts of erased rows are looked for afterwards. Pure; texts in, texts out.

A part must be long and particular enough that finding it means something: a whole text of two words or with a digit, a
number as long as an account's (NUBAN, ten digits), an e-mail address. Single words without a digit, moments, round
numbers and whatever is shorter tell of nobody: other texts hold them by chance.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

SHORTEST = 10
"""Signs; as many as an account number has. Shorter texts are found by chance."""
LONGEST = 200
"""Of a longer text its beginning is looked for."""


def telling_parts(text: str) -> set[str]:
    """The parts of a text, or of the texts in a JSON document, that tell of somebody; none where nothing does."""
    found: set[str] = set()
    for said in _texts(text):
        whole = said.strip()[:LONGEST].strip()
        if _is_particular(whole):
            found.add(whole)
        found.update(number for number in _NUMBER.findall(said) if not _is_round(number))
        found.update(address for address in _ADDRESS.findall(said) if len(address) >= SHORTEST)
    return found


def _texts(text: str) -> Iterator[str]:
    """A text, or those in it where it is JSON; keys are not a person's."""
    if not text.lstrip().startswith(("{", "[")):
        yield text
        return
    try:
        yield from _leaves(json.loads(text))
    except (ValueError, RecursionError):
        yield text


def _leaves(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for each in value.values():
            yield from _leaves(each)
    elif isinstance(value, list):
        for each in value:
            yield from _leaves(each)


def _is_particular(text: str) -> bool:
    if len(text) < SHORTEST or _MOMENT.fullmatch(text):
        return False
    if text.isdecimal():
        return not _is_round(text)
    return any(sign.isspace() or sign.isdecimal() for sign in text)


def _is_round(number: str) -> bool:
    """Whether a number is one digit over and over, or an amount rather than a name."""
    return len(set(number)) == 1 or number.endswith("000000")


_MOMENT = re.compile(r"(\d{4}-\d\d-\d\d|\d\d-\d\d-\d{4})([T ][0-9:.]+\s*(Z|[+-][0-9:]+)?)?")
_NUMBER = re.compile(r"(?<!\d)\d{10,}(?!\d)")
_ADDRESS = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
