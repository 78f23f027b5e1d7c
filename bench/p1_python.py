"""The same decisions in plain Python with `re`, a line at a time: rails, remark, terms and their places, list entries,
the decision table. What can be made ready before the first line is; no line is looked at with Polars.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from bench.data import rail_pattern
from rules.lists import Lists
from rules.policy import Policy
from rules.rails import RAILS, Rail

KINDS = ("business", "personal", "refund", "reversal")
_NOT_LETTERS = re.compile(r"[\W\d_]+")
_SEPARATORS = re.compile(r"[\s/|,;:()]+")
_RAILS = [(rail, re.compile(rail_pattern(rail), re.IGNORECASE | re.DOTALL)) for rail in RAILS]
_BREAK = "\n"


def _form(text: str) -> str:
    return f" {_NOT_LETTERS.sub('  ', text.lower()).strip(' ')} "


def _normal(text: str | None) -> str:
    stripped = (text or "").strip()
    return stripped if stripped.isascii() else unicodedata.normalize("NFKC", stripped)


@dataclass
class _Entries:
    """The entries of one tenant, each with its place among all."""

    exact: dict[tuple[str, str], list[Mapping[str, Any]]] = field(default_factory=dict)
    others: list[tuple[Mapping[str, Any], re.Pattern[str] | None]] = field(default_factory=list)


class Decider:
    """A policy and lists made ready."""

    def __init__(self, policy: Policy, lists: Lists, now: datetime) -> None:
        self.now, self.pending = now, timedelta(days=policy.pending_days)
        self.patterns = {kind: re.compile(policy.terms(kind).pattern) for kind in (*KINDS, "company")}
        self.boilerplate = re.compile("|".join(term.whole_words for term in policy.terms("boilerplate").terms))
        self.reference = re.compile(str(policy.reference_pattern))
        self.points, self.floors, self.invoiced = policy.points, policy.floors, policy.invoice_currencies
        self.tenants: dict[tuple[str, str], _Entries] = {}
        for entry in lists.entries.iter_rows(named=True):
            known = self.tenants.setdefault((entry["organization_id"], entry["environment"]), _Entries())
            if entry["match"] == "exact":
                known.exact.setdefault((entry["field"], entry["compared"]), []).append(entry)
            else:
                is_pattern = entry["match"] == "regex" or entry["test"] == "contains stars"
                known.others.append((entry, re.compile(entry["compared"]) if is_pattern else None))

    def decide(self, line: Mapping[str, Any]) -> dict[str, Any]:
        """The decision of one line with its evidence."""
        narration = _normal(line["narration"])
        rail, name, said = _read(narration)
        party = _normal(line["counterparty"]) or name or None
        told: dict[str, Any] = {"rail": rail, "counterparty": party}
        party_form = _form(party if party is not None else narration)
        remark = self._remark(line, said, party_form if party is not None else None)
        for kind, text, place in (*((kind, remark, "remark") for kind in KINDS), ("company", party_form, "party")):
            told[f"{kind}_term"], told[f"{kind}_at"] = self._found(kind, text, place)
        explicit = _normal(line["reference"]) or None
        parses = explicit is None or bool(self.reference.search(explicit))
        told["reference"] = (explicit if parses else None) if explicit is not None else self._token(narration)
        told["deny_entry"], told["allow_entry"] = self._entries(line, narration, party, told["reference"])
        holder = set(_form(_normal(line["holder"])).split())
        own = party is not None and len(holder) > 1 and set(party_form.split()) == holder
        told["floor"] = self.floors.get(line["currency"] or line["account_currency"])
        told["score"], told["detail"] = self._judged(line, told, parses=parses, own=own)
        return told

    def _remark(self, line: Mapping[str, Any], said: list[str], name: str | None) -> str:
        form = _BREAK.join(map(_form, said))
        if self.boilerplate.search(form):
            form = self.boilerplate.sub(_BREAK, form)
        if name is not None and len(name) > len("  "):
            form = form.replace(name, _BREAK)
        more = [line["description"]] if line["description"] is not None else []
        return _BREAK.join([form, *(_form(_normal(text)) for text in (*more, *(line["tags"] or ())))])

    def _found(self, kind: str, text: str, place: str) -> tuple[str | None, str | None]:
        match = self.patterns[kind].search(text)
        if match is None:
            return None, None
        return match.group(), f"{place} word {len((text[: match.start()] + 'x').split())}"

    def _token(self, narration: str) -> str | None:
        search = self.reference.search
        return next((token for token in _SEPARATORS.split(narration) if token and search(token)), None)

    def _entries(
        self, line: Mapping[str, Any], narration: str, party: str | None, reference: str | None
    ) -> tuple[str | None, str | None]:
        known = self.tenants.get((line["organization_id"], line["environment"]))
        if known is None:
            return None, None
        texts = {"narration": narration, "counterparty": party, "reference": reference}
        found: dict[str, Mapping[str, Any]] = {}
        for entry in _matching(known, {name: text for name, text in texts.items() if text is not None}):
            best = found.get(entry["list"])
            if entry["account_id"] in (None, line["account_id"]) and (best is None or entry["order"] < best["order"]):
                found[entry["list"]] = entry
        return tuple(found[name]["entry_id"] if name in found else None for name in ("deny", "allow"))  # type: ignore[return-value]

    def _judged(self, line: Mapping[str, Any], told: Mapping[str, Any], *, parses: bool, own: bool) -> tuple[int, str]:
        points, credit = self.points, line["direction"] == "credit"
        business, reference = told["business_term"] is not None, told["reference"] is not None
        above = told["floor"] is not None and line["amount"] >= told["floor"]
        currency, pending = line["currency"] or line["account_currency"], line["status"] == "pending"
        score = points.business_term * business + points.reference * reference + points.at_or_above_floor * above
        score += points.company * (told["company_term"] is not None)
        rows = (
            (told["deny_entry"] is not None, "denylisted"),
            (not credit and told["refund_term"] is None, "debit_not_refund"),
            (currency in (None, "XXX"), "currency_unknown"),
            (currency not in self.invoiced, "currency_not_invoiced"),
            (not parses, "reference_unparseable"),
            (pending and line["booked_at"] + self.pending <= self.now, "never_settled"),
            (pending, "pending_settlement"),
            (told["allow_entry"] is not None, "allowlisted"),
            (credit and told["reversal_term"] is not None, "reversal"),
            (own, "self_transfer"),
            (told["personal_term"] is not None, "personal_keyword"),
            (not above and told["counterparty"] is None, "below_floor_no_counterparty"),
            (not above and not business and not reference, "below_floor_no_signal"),
            (score < points.minimum, "low_confidence"),
        )
        return score, next((detail for holds, detail in rows if holds), "business_signal")


def _read(narration: str) -> tuple[str | None, str | None, list[str]]:
    """The rail, the name and what is said besides."""
    low = narration.lower()
    for rail, pattern in _RAILS:
        if low.startswith(rail.starts):
            read = _read_by(rail, pattern, narration)
            if read is not None:
                return rail.name, read[0].strip() or None, read[1]
    return None, None, [narration]


def _read_by(rail: Rail, pattern: re.Pattern[str], narration: str) -> tuple[str, list[str]] | None:
    if rail.field is not None:
        fields = narration.split("/", rail.field + 1)
        return (fields[rail.field], fields[rail.field + 1 :] or [""]) if len(fields) > rail.field else None
    match = pattern.search(narration)
    if match is None:
        return None
    groups = match.groupdict()
    before = [groups["before"]] if groups.get("before") is not None else []
    return groups["name"], [*before, groups.get("after") or ""]


def _matching(known: _Entries, texts: Mapping[str, str]) -> Iterator[Mapping[str, Any]]:
    forms = {name: _form(text) for name, text in texts.items()}
    starts = {name: " ".join(text.lower().split()) for name, text in texts.items()}
    for name, text in texts.items():
        form = re.sub(r"[\W_]", "", text.upper()) if name == "reference" else forms[name]
        yield from known.exact.get((name, form), ())
    for entry, pattern in known.others:
        name, compared = entry["field"], entry["compared"]
        if name not in texts:
            continue
        if entry["match"] == "prefix":
            matches = starts[name].startswith(compared)
        elif pattern is None:
            matches = compared in forms[name]
        else:
            matches = pattern.search(texts[name] if entry["match"] == "regex" else forms[name]) is not None
        if matches:
            yield entry
