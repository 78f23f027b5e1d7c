"""The policy: every tunable number and word of the rules, read from one TOML file (interfaces section 8).

Holds the shape of the file, its checks and its hash. It decides nothing: `rules/eligibility.py` does, by it.
"""

from __future__ import annotations

import hashlib
import json
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import InvalidOperation
from functools import cached_property
from importlib import resources
from typing import Annotated, Any, Literal

import polars as pl
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictBool,
    StrictInt,
    StrictStr,
    ValidationError,
)

from rules.errors import PolicyError, RulesError
from rules.money import CURRENCY, minor_units
from rules.text import TermList, parse_term


def _major_units(value: object) -> str:
    """An amount in major units as the file may write it: text or a whole number, never a float."""
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        message = 'write the amount as text, such as "1000" or "1000.50"'
        raise ValueError(message)
    try:
        minor_units(str(value))
    except (InvalidOperation, ValueError) as error:
        message = f'write the amount as text in major units with at most two decimals, such as "1000.50", not {value!r}'
        raise ValueError(message) from error
    return str(value)


def _term(value: object) -> str:
    if not isinstance(value, str):
        message = "write each term as text"
        raise ValueError(message)
    parse_term(value)
    return value


def _currency(value: object) -> str:
    if not isinstance(value, str) or not re.fullmatch(CURRENCY, value):
        message = f"write the currency as three capital letters (ISO 4217), not {value!r}"
        raise ValueError(message)
    return value


def _pattern(value: object) -> str:
    if not isinstance(value, str):
        message = "write the pattern as text"
        raise ValueError(message)
    try:
        pl.Series([""]).str.contains(value)
    except pl.exceptions.ComputeError as error:
        message = f"the pattern is not a regular expression that can be used: {_regex_fault(error)}"
        raise ValueError(message) from error
    return value


def _regex_fault(error: Exception) -> str:
    """What the engine says is wrong, without the drawing around it."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    told = next((line for line in reversed(lines) if line.startswith("error:")), lines[-1] if lines else "unknown")
    return told.removeprefix("error:").strip()


MajorUnits = Annotated[str, BeforeValidator(_major_units)]
TermText = Annotated[str, BeforeValidator(_term)]
CurrencyCode = Annotated[str, BeforeValidator(_currency)]
Pattern = Annotated[str, BeforeValidator(_pattern)]
Count = Annotated[StrictInt, Field(ge=0, le=10_000)]
Points = Annotated[StrictInt, Field(ge=0, le=8_000)]  # four of them are summed in 16 bits


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class CurrencyTable(_Table):
    """The table `[currency]`."""

    invoice: list[CurrencyCode]


class ReferenceTable(_Table):
    """The table `[reference]`."""

    pattern: Pattern | None = None
    must_exist: StrictBool


class TermsTable(_Table):
    """The table `[terms]`."""

    business: list[TermText]
    personal: list[TermText]
    refund: list[TermText]
    reversal: list[TermText]
    company: list[TermText]
    boilerplate: list[TermText]


class PointsTable(_Table):
    """`[points]`: the scorecard, in whole points."""

    business_term: Points
    reference: Points
    company: Points
    at_or_above_floor: Points
    minimum: Points


class PendingTable(_Table):
    """The table `[pending]`."""

    days: Count


class StrategyTable(_Table):
    """The table `[settlement.<strategy>]`."""

    action: Literal["link", "suggest", "reject", "off"]
    days_before_issue: Count | None = None
    days_after_due: Count | None = None


_REJECTS_NOTHING = "what does not match is tried by the next strategy: write link, suggest or off"


def _no_rejection(table: StrategyTable) -> StrategyTable:
    if table.action == "reject":
        raise ValueError(_REJECTS_NOTHING)
    return table


MatchTable = Annotated[StrategyTable, AfterValidator(_no_rejection)]
"""A strategy that rejects nothing; only part and over payments can be rejected."""


class SettlementTable(_Table):
    """The table `[settlement]`."""

    tolerance: MajorUnits
    name_similarity: Annotated[StrictInt, Field(ge=0, le=100)]
    narration_limit: Count
    tenants_without_tin: list[StrictStr]
    reference_exact: MatchTable
    reference_net_of_deductions: MatchTable
    reference_several: MatchTable
    reference_part: StrategyTable
    reference_over: StrategyTable
    customer_exact: MatchTable
    customer_net_of_deductions: MatchTable
    customer_several: MatchTable
    amount_only: MatchTable


class DocumentTable(_Table):
    """`[document]`: the type codes of draft documents, on which the authority's own clients disagree."""

    invoice_type_code: StrictStr
    credit_note_type_code: StrictStr


class PolicyFile(_Table):
    """The whole file, every key in place."""

    name: StrictStr
    currency: CurrencyTable
    floor: dict[CurrencyCode, MajorUnits]
    reference: ReferenceTable
    terms: TermsTable
    points: PointsTable
    pending: PendingTable
    settlement: SettlementTable
    document: DocumentTable


@dataclass(frozen=True)
class Policy:
    """A checked policy, ready to decide by."""

    file: PolicyFile

    @property
    def name(self) -> str:
        """The name that its author gave it."""
        return self.file.name

    @cached_property
    def hash(self) -> str:
        """What identifies the policy: 16 hex digits of the SHA-256 of its content."""
        return hashlib.sha256(self.canonical.encode()).hexdigest()[:16]

    @cached_property
    def canonical(self) -> str:
        """The whole policy as TOML, the shipped values filled in, always in the same order."""
        content = self.file.model_dump(exclude_none=True)
        return _toml({**content, "floor": dict(sorted(content["floor"].items()))})

    @property
    def points(self) -> PointsTable:
        """The scorecard."""
        return self.file.points

    @property
    def invoice_currencies(self) -> list[str]:
        """The currencies that the tenant invoices in."""
        return self.file.currency.invoice

    @cached_property
    def floors(self) -> dict[str, int]:
        """The floor of each currency that has one, in minor units."""
        return {code: minor_units(amount) for code, amount in self.file.floor.items()}

    @property
    def reference_pattern(self) -> str | None:
        """The pattern of references, where one is set."""
        return self.file.reference.pattern

    @property
    def settlement_tolerance(self) -> int:
        """The gap that a settlement need not explain, in minor units."""
        return minor_units(self.file.settlement.tolerance)

    @property
    def pending_days(self) -> int:
        """After how many days a pending transaction is given up."""
        return self.file.pending.days

    def terms(self, kind: str) -> TermList:
        """The terms of one kind: business, personal, refund, reversal, company or boilerplate."""
        return self._term_lists[kind]

    @cached_property
    def _term_lists(self) -> dict[str, TermList]:
        return {kind: TermList(tuple(map(parse_term, texts))) for kind, texts in self.file.terms}

    def overridden(self, floor_ngn: str | None = None, reference_pattern: str | None = None) -> Policy:
        """The policy with the floor and the pattern that the settings give, where they give one.

        Raises:
            PolicyError: a value cannot be used.

        """
        changes: dict[str, Any] = {}
        if floor_ngn is not None:
            changes["floor"] = {"NGN": floor_ngn}
        if reference_pattern is not None:
            changes["reference"] = {"pattern": reference_pattern}
        if not changes:
            return self
        return _checked(_merged(self.file.model_dump(exclude_none=True), changes), "the settings")

    def value(self, key: str) -> object:
        """What the file says for a key such as `points.minimum`; None where it has none."""
        found: object = self.file.model_dump()
        for name in key.split("."):
            found = found.get(name) if isinstance(found, dict) else None
        return found

    def changed(self, values: Mapping[str, object], source: str = "the changed policy") -> Policy:
        """The policy with other values for some keys, each named as in `points.minimum`.

        Args:
            values: by key what the file would say.
            source: how the messages name the policy.

        Raises:
            PolicyError: a key is unknown or a value cannot be used.

        """
        content = self.file.model_dump(exclude_none=True)
        for key, value in values.items():
            *tables, name = key.split(".")
            change: dict[str, Any] = {name: value}
            for table in reversed(tables):
                change = {table: change}
            content = _merged(content, change)
        return _checked(content, source)


def shipped_policy_text() -> str:
    """The policy file that comes with the product."""
    return resources.files("rules").joinpath("policy.toml").read_text("utf-8")


def parse_policy(text: str, source: str) -> Policy:
    """Read a policy file; a key that it leaves out takes the shipped value.

    Args:
        text: the file's content.
        source: how the messages name the file.

    Raises:
        PolicyError: not TOML, an unknown key, a wrong type or a value that cannot be used; the message names the key.

    """
    try:
        given = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        message = f"{source} is not TOML: {error}"
        raise PolicyError(message) from error
    return _checked(_merged(tomllib.loads(shipped_policy_text()), given), source)


def _merged(shipped: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    """The shipped values with the given ones over them, table by table; lists are replaced whole."""
    result = dict(shipped)
    for key, value in given.items():
        under = result.get(key)
        result[key] = _merged(under, value) if isinstance(under, dict) and isinstance(value, dict) else value
    return result


def _checked(content: dict[str, Any], source: str) -> Policy:
    reference = content.get("reference")
    if isinstance(reference, dict) and reference.get("pattern") == "":
        content = {**content, "reference": {key: value for key, value in reference.items() if key != "pattern"}}
    try:
        return Policy(PolicyFile.model_validate(content))
    except (ValidationError, RulesError) as error:
        raise PolicyError(_sentence(error, source)) from error


_WANTED = {
    "string_type": "write it as text",
    "int_type": "write it as a whole number",
    "bool_type": "write true or false",
    "list_type": "write it as a list",
    "dict_type": "write it as a table",
    "model_type": "write it as a table",
}
"""What to write instead, by the kind of fault; of others Pydantic's own words tell."""


def _sentence(error: ValidationError | RulesError, source: str) -> str:
    if isinstance(error, RulesError):
        return f"{source}: {error}"
    told = []
    for fault in error.errors(include_url=False):
        key = ".".join(str(part) for part in fault["loc"] if part != "[key]")
        if fault["type"] == "extra_forbidden":
            told.append(f"unknown key {key!r}")
        else:
            told.append(f"{key}: {_WANTED.get(fault['type']) or fault['msg'].removeprefix('Value error, ')}")
    return f"{source}: {'; '.join(told)}"


def _toml(content: dict[str, Any]) -> str:
    """Write nested tables of text, whole numbers, truths and lists of text as TOML."""
    lines: list[str] = []

    def table(path: list[str], values: dict[str, Any]) -> None:
        if path:
            lines.append(f"\n[{'.'.join(path)}]")
        lines.extend(f"{key} = {_toml_value(value)}" for key, value in values.items() if not isinstance(value, dict))
        for key, value in values.items():
            if isinstance(value, dict):
                table([*path, key], value)

    table([], content)
    return "\n".join(lines).lstrip("\n") + "\n"


def _toml_value(value: object) -> str:
    """Text, a whole number, a truth or a list of text: as in JSON but for one character that TOML escapes."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def floor_of(policy: Policy, currency: pl.Expr) -> pl.Expr:
    """The floor in minor units by currency; null where the currency has none."""
    codes, floors = list(policy.floors), list(policy.floors.values())
    if not codes:
        return pl.lit(None, dtype=pl.Int64)
    return currency.replace_strict(codes, floors, default=None, return_dtype=pl.Int64)
