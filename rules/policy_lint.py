"""What is lawful in a policy file and still looks like a mistake: dead, shadowed and contradictory terms, idle points.

Findings are advice: a policy with findings decides as it says.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations

from rules.currencies import CURRENCIES
from rules.money import SPELLINGS
from rules.policy import Policy
from rules.text import Term

_KINDS = ("business", "personal", "refund", "reversal", "company", "boilerplate")
_REMARK_KINDS = ("business", "personal", "refund", "reversal")


@dataclass(frozen=True)
class Finding:
    """One thing that a policy's author may want to look at."""

    kind: str
    """dead, shadowed, contradictory, repeated or idle."""
    where: str
    """The key, or the list entry, it is about."""
    message: str
    beside: str | None = None
    """The other list entry, where it is about two."""

    def __str__(self) -> str:
        """The finding as a person reads it, on one line."""
        return f"{self.kind}: {self.where}: {self.message}"

    def told(self) -> dict[str, str]:
        """The finding for JSON."""
        return {"kind": self.kind, "where": self.where, "message": self.message}


def lint(policy: Policy) -> list[Finding]:
    """Look for terms that can never decide anything, or that say two things, and for points that cannot matter."""
    return [
        *_repeated_and_shadowed(policy),
        *_contradictory(policy),
        *_dead(policy),
        *_dead_rows(policy),
        *_idle(policy),
        *_currencies(policy),
    ]


def _repeated_and_shadowed(policy: Policy) -> Iterator[Finding]:
    """Terms of one list of which one finds all that the other does."""
    for kind in _KINDS:
        for term, other in combinations(policy.terms(kind).terms, 2):
            where = f"terms.{kind}"
            if term.words == other.words:
                yield Finding("repeated", where, f"{other.text!r} stands there twice")
            elif covers(term, other):
                yield Finding("shadowed", where, f"{other.text!r} finds nothing that {term.text!r} does not find")
            elif covers(other, term):
                yield Finding("shadowed", where, f"{term.text!r} finds nothing that {other.text!r} does not find")


def _contradictory(policy: Policy) -> Iterator[Finding]:
    """Terms that are personal and business at once: the personal one always wins."""
    for business in policy.terms("business").terms:
        for personal in policy.terms("personal").terms:
            if covers(personal, business):
                yield Finding(
                    "contradictory",
                    "terms.business",
                    f"{business.text!r} can never make a line eligible: wherever it stands the personal term"
                    f" {personal.text!r} stands too and rejects it",
                )


def _dead(policy: Policy) -> Iterator[Finding]:
    """Terms that boilerplate takes out of the remark before they are looked for."""
    for kind in _REMARK_KINDS:
        for term in policy.terms(kind).terms:
            for boilerplate in policy.terms("boilerplate").terms:
                if covers(boilerplate, term):
                    yield Finding(
                        "dead",
                        f"terms.{kind}",
                        f"{term.text!r} is never seen: the boilerplate {boilerplate.text!r} removes it",
                    )


_ROWS_OF_TERMS = {
    "refund": "row 2 of the decision table rejects every debit",
    "reversal": "row 7 of the decision table never decides",
    "personal": "row 9 of the decision table never decides",
}


def _dead_rows(policy: Policy) -> Iterator[Finding]:
    """Rows of the decision table that can never hold, or always do."""
    for kind, told in _ROWS_OF_TERMS.items():
        if not policy.terms(kind).terms:
            yield Finding("dead", f"terms.{kind}", f"without a {kind} term {told}")
    floors = [policy.floors.get(currency) for currency in policy.invoice_currencies]
    if floors and not any(floor is None or floor > 0 for floor in floors):
        yield Finding("dead", "floor", "no amount is below a floor of 0, so rows 10 and 11 never decide")
    if not policy.invoice_currencies:
        yield Finding("dead", "currency.invoice", "without a currency row 3 of the decision table rejects every line")


def _currencies(policy: Policy) -> Iterator[Finding]:
    """Currencies that no line is ever in: spelled as upstream may, or no money of today."""
    for where, codes in (("currency.invoice", policy.invoice_currencies), ("floor", policy.floors)):
        for code in codes:
            if code in SPELLINGS:
                yield Finding("dead", where, f"{code} is kept as {SPELLINGS[code]}: write {SPELLINGS[code]}")
            elif code not in CURRENCIES:
                yield Finding("dead", where, f"{code} is no currency of today's (ISO 4217), and no line is in it")


def _idle(policy: Policy) -> Iterator[Finding]:
    """Points that cannot change a decision."""
    points = policy.points
    total = points.business_term + points.reference + points.company + points.at_or_above_floor
    if points.minimum > total:
        yield Finding("dead", "points.minimum", f"no line can reach {points.minimum} points: all together give {total}")
    if points.minimum == 0:
        yield Finding(
            "idle", "points.minimum", "with a minimum of 0 every line that nothing stands against is eligible"
        )
    for currency in policy.invoice_currencies:
        if currency not in policy.floors:
            yield Finding(
                "idle", f"floor.{currency}", f"{currency} has no floor, so every amount in it counts as below"
            )


def covers(wide: Term, narrow: Term) -> bool:
    """Whether one term is found wherever another is: found in the other's own words, however its stars are filled."""
    filled = ("  ".join(word.replace("*", letters) for word in narrow.words) for letters in ("", "q", "zq"))
    return all(re.search(wide.pattern, f" {text} ") for text in filled)
