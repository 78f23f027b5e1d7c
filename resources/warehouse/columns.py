"""The columns of the tables as the migrations declare them: name, type, and what the comment beside each says.

Holds the reading of our own SQL; it opens no warehouse. It is for showing what a table holds, not for writing to it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

from resources.warehouse.connection import migration_statements

_CREATE = re.compile(r"CREATE TABLE (?:main\.)?(\w+) \(\n(.*?)\n\)", re.DOTALL)
_ADD = re.compile(r"ALTER TABLE (?:main\.)?(\w+) ADD COLUMN (?:IF NOT EXISTS )?(\w+) ([\w\[\]]+)(?:[^-\n]*--\s*(.*))?")
_COLUMN = re.compile(r"\s+(\w+) ([\w\[\]]+)[^,\n-]*,?\s*(?:--\s*(.*))?$")


@dataclass(frozen=True)
class Column:
    """One column; its description is empty where its name says it."""

    name: str
    type: str
    description: str = ""


@cache
def columns_of(table: str) -> tuple[Column, ...]:
    """The columns of a table in their order; none of a table that no migration makes."""
    return tuple(_all().get(table, []))


@cache
def _all() -> dict[str, list[Column]]:
    tables: dict[str, list[Column]] = {}
    for statement in migration_statements():
        for table, body in _CREATE.findall(statement):
            found = (_COLUMN.match(line) for line in body.splitlines())
            tables[table] = [Column(each[1], each[2], each[3] or "") for each in found if each]
        for table, name, kind, told in _ADD.findall(statement):
            tables.setdefault(table, []).append(Column(name, kind, told))
    return tables
