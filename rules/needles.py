"""Needles: what a text must hold for a list entry to match it, so that one scan tells which entries may match a line.

A needle is looked for in the text as it is, in lower case. That it is there proves nothing; where it is not, the entry
does not match.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

_UNREAD = re.compile(r"\||\(\?|\\[pPxuU]|\[\^?\]?[^\]]*[\[\\]")
"""Alternatives, flags, characters by name or number, sets within sets: an expression that holds any is not read."""
_TOKEN = re.compile(r"\\.|\[\^?\]?[^\]]*\]|\{[^}]*\}|.", re.DOTALL)
_PLAIN = re.compile("[A-Za-z0-9 ]")
_ANYTHING = "\0"


def pieces_of_regex(pattern: str) -> list[str]:
    """Runs of letters, digits and blanks that stand in every text which the expression finds; none where unsure.

    What is in a group may be left out, and so may a character before a `*`, `?` or `{`: neither counts.
    """
    if _UNREAD.search(pattern):
        return []
    read: list[str] = []
    depth = 0
    for token in _TOKEN.findall(pattern):
        depth += {"(": 1, ")": -1}.get(token, 0)
        if token[0] in "*?{" and read:
            read[-1] = _ANYTHING
        read.append(token if depth == 0 and _PLAIN.fullmatch(token) else _ANYTHING)
    return [piece for piece in "".join(read).lower().split(_ANYTHING) if piece]


def needles(pieces: Sequence[Sequence[str]]) -> tuple[list[str | None], list[str]]:
    """Of the pieces of each entry the one that the fewest entries share, and the one after it.

    Returns:
        The first of each entry, None where it has no piece; the second of each, empty where it has no other.

    """
    shared = Counter(piece for each in pieces for piece in set(each))
    ranked = [sorted(set(each), key=lambda piece: (shared[piece], -len(piece), piece)) for each in pieces]
    return [each[0] if each else None for each in ranked], [each[1] if len(each) > 1 else "" for each in ranked]
