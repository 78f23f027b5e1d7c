"""What can be wrong with the words, numbers and lists that people write for the rules.

Holds the errors of this room; each carries one sentence that says what to mend. Errors of the outside world are in
`resources/errors.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


class RulesError(ValueError):
    """Something a person wrote for the rules cannot be used."""


class PolicyError(RulesError):
    """A policy file cannot be used; the message names the key."""


class PackError(RulesError):
    """A pack of deductions cannot be used; the message names the row and the key."""


class ListEntryError(RulesError):
    """An allow or deny entry cannot be used; the message says why."""


@dataclass(frozen=True)
class Mistake:
    """What is wrong with one row that people gave us, and what was expected; never the value itself."""

    row: int
    """Counted from 1, headings left out."""
    line: int | None
    """Where it begins in the file, where that has lines."""
    field: str
    expected: str

    def __str__(self) -> str:
        """One line for people."""
        place = f"row {self.row}" if self.line is None else f"row {self.row} (line {self.line})"
        return f"{place}, {self.field}: expected {self.expected}"


class InvoiceRowsError(RulesError):
    """Rows that are no invoices; nothing of their file is taken."""

    SHOWN = 20

    def __init__(self, mistakes: Sequence[Mistake]) -> None:
        self.mistakes = sorted(mistakes, key=lambda mistake: mistake.row)
        rows, shown = len({mistake.row for mistake in mistakes}), self.mistakes[: self.SHOWN]
        told = [f"nothing was imported: {_count(len(mistakes), 'mistake')} in {_count(rows, 'row')}", *map(str, shown)]
        if len(mistakes) > len(shown):
            told.append(f"and {len(mistakes) - len(shown)} more")
        super().__init__("\n  ".join(told))


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'s' if number != 1 else ''}"
