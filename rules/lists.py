"""Allow and deny entries: what a person said of a counterparty, a narration, a reference or a tag (domain section 4).

An entry holds for a tenant or for one account of it, and until it expires. A scan tells which transactions any entry
may match; only those are held against the entries one by one, so that ten thousand entries cost little more than ten.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

import polars as pl

from rules.errors import ListEntryError, RulesError
from rules.text import (
    collapsed,
    letters_and_digits,
    normalised_value,
    parse_term,
    word_form,
    words_of,
)

LISTS = ("allow", "deny")
FIELDS = ("counterparty", "narration", "reference", "tag")
MATCHES = ("exact", "contains", "prefix", "regex")

ENTRIES = pl.Schema(
    {
        "entry_id": pl.String(),
        "list": pl.String(),
        "organization_id": pl.String(),
        "environment": pl.String(),
        "account_id": pl.String(),
        "field": pl.String(),
        "match": pl.String(),
        "value": pl.String(),
        "created_at": pl.Datetime("us", "UTC"),
        "expires_at": pl.Datetime("us", "UTC"),
    }
)
"""What the rules need of an entry; a null `account_id` means the whole tenant."""

_SCOPE = ["organization_id", "environment", "account_id"]
_VERDICT = pl.Struct({"deny": pl.String(), "allow": pl.String()})


def check_entry(list_: str, field: str, match: str, value: str) -> None:
    """See that an entry can ever match.

    Raises:
        ListEntryError: an unknown list, field or match, or a value that cannot be used; the message says why.

    """
    for name, given, known in (("list", list_, LISTS), ("field", field, FIELDS), ("match", match, MATCHES)):
        if given not in known:
            message = f"the {name} of an entry is one of {', '.join(known)}, not {given!r}"
            raise ListEntryError(message)
    try:
        _compared(field, match, value)
    except (RulesError, pl.exceptions.ComputeError) as error:
        fault = str(error) if isinstance(error, RulesError) else "it is not a regular expression that can be used"
        message = f"the value {value!r} cannot be matched by {match!r}: {fault}"
        raise ListEntryError(message) from error


def effective(entries: pl.DataFrame, now: datetime) -> pl.DataFrame:
    """The entries that hold at a time: those that have not expired by then."""
    return entries.filter(pl.col("expires_at").is_null() | (pl.col("expires_at") > now))


def state_hashes(entries: pl.DataFrame) -> dict[tuple[str, str], str]:
    """What identifies the entries of each tenant that has any, whatever their order: 16 hex digits."""
    told = ["list", *_SCOPE, "field", "match", "value"]
    hashes: dict[tuple[str, str], str] = {}
    for (organization, environment), group in entries.group_by("organization_id", "environment"):
        rows = sorted(json.dumps(row) for row in group.select("entry_id", *told).iter_rows())
        hashes[str(organization), str(environment)] = hashlib.sha256("\n".join(rows).encode()).hexdigest()[:16]
    return hashes


EMPTY_LISTS_HASH = hashlib.sha256(b"").hexdigest()[:16]
"""The state of a tenant without entries."""


def _compared(field: str, match: str, value: str) -> str:
    """The value in the form it is compared in; for `contains` and `regex` a pattern.

    Raises:
        RulesError, ComputeError: nothing could ever match it.

    """
    if match == "regex":
        if not value:
            message = "it is empty"
            raise RulesError(message)
        pl.Series([""]).str.contains(f"(?:(?i){value})")  # as it stands among others: a comment would run into them
        return f"(?i){value}"
    if match == "contains":
        return parse_term(value).pattern
    if match == "prefix":
        found = re.sub(r"\s+", " ", normalised_value(value)).strip()
    elif field == "reference":
        found = "".join(char for char in normalised_value(value).upper() if char.isalpha() or char.isdecimal())
    else:
        found = "".join(f" {word} " for word in words_of(value))
    if not found:
        message = "nothing is left of it to compare" if field == "reference" else "it holds no word"
        raise RulesError(message)
    return found


def _form(field: str, match: str, text: pl.Expr) -> pl.Expr:
    """A field's normalised text in the form that a match compares."""
    if match == "regex":
        return text
    if match == "prefix":
        return collapsed(text)
    if match == "exact" and field == "reference":
        return letters_and_digits(text)
    return word_form(text)


def _scans(match: str, values: list[str]) -> Iterator[str]:
    """Regular expressions that find any of the compared values: one, or as many as the engine's bound on size asks."""
    parts = [re.escape(value) if match == "prefix" else f"(?:{value})" for value in values]
    pattern = f"{'^' if match == 'prefix' else ''}(?:{'|'.join(parts)})"
    try:
        pl.Series([""]).str.contains(pattern)
    except pl.exceptions.ComputeError:
        if len(values) == 1:
            raise
        half = len(values) // 2
        yield from _scans(match, values[:half])
        yield from _scans(match, values[half:])
    else:
        yield pattern


@dataclass(frozen=True)
class Lists:
    """The entries in force, ready to be held against transactions."""

    entries: pl.DataFrame

    @classmethod
    def in_force(cls, entries: pl.DataFrame, now: datetime) -> Lists:
        """The entries that hold at a time.

        Args:
            entries: columns of `ENTRIES`, any number of tenants.
            now: the time of the decision.

        """
        held = effective(entries.select(ENTRIES.names()).cast(ENTRIES), now).sort("created_at", "entry_id")
        compared = [
            _compared(field, match, value) for field, match, value in held.select("field", "match", "value").iter_rows()
        ]
        return cls(held.with_columns(compared=pl.Series(compared, dtype=pl.String)).with_row_index("order"))

    def verdict(self, fields: dict[str, pl.Expr]) -> pl.Expr:
        """The first deny and the first allow entry that match: a struct of `deny` and `allow`, entry ids or null.

        Args:
            fields: for each name of `FIELDS` its normalised text, for `tag` a list of them.

        """
        if self.entries.is_empty():
            return pl.lit(None, dtype=_VERDICT)
        inputs: list[str | pl.Expr] = [*_SCOPE, *(text.alias(f"{field}_text") for field, text in fields.items())]
        return pl.struct(*inputs, self._likely(fields).alias("likely")).map_batches(
            self._verdicts, return_dtype=_VERDICT, is_elementwise=True
        )

    @cached_property
    def _groups(self) -> list[tuple[str, str, pl.DataFrame]]:
        return [
            (str(field), str(match), group)
            for (field, match), group in self.entries.group_by("field", "match", maintain_order=True)
        ]

    def _likely(self, fields: dict[str, pl.Expr]) -> pl.Expr:
        """Whether any entry may match, of whatever tenant: one scan for each kind of entry there is."""
        tests = []
        for field, match, group in self._groups:
            values = group["compared"].unique(maintain_order=True).to_list()
            if field == "tag":
                tests.append(fields["tag"].list.len() > 0)
            elif match == "exact":
                tests.append(_form(field, match, fields[field]).is_in(values))
            else:
                text = _form(field, match, fields[field])
                tests.extend(text.str.contains(scan) for scan in _scans(match, values))
        return pl.any_horizontal(test.fill_null(value=False) for test in tests)

    def _verdicts(self, batch: pl.Series) -> pl.Series:
        rows = batch.struct.unnest().with_row_index("row")
        likely = rows.filter("likely")
        if likely.is_empty():
            return pl.Series([None], dtype=_VERDICT).new_from_index(0, len(rows))
        found = pl.concat([self._matches(likely, *group) for group in self._groups])
        first = (
            found.join(self.entries, on="order")
            .join(likely.select("row", *_SCOPE), on="row", suffix="_line")
            .filter(
                pl.col("organization_id") == pl.col("organization_id_line"),
                pl.col("environment") == pl.col("environment_line"),
                pl.col("account_id").is_null() | (pl.col("account_id") == pl.col("account_id_line")),
            )
            .sort("order")
            .group_by("row")
            .agg(*(pl.col("entry_id").filter(pl.col("list") == name).first().alias(name) for name in ("deny", "allow")))
        )
        return (
            rows.select("row")
            .join(first, on="row", how="left", maintain_order="left")
            .select(pl.struct("deny", "allow").alias("verdict"))
            .to_series()
        )

    @staticmethod
    def _matches(likely: pl.DataFrame, field: str, match: str, group: pl.DataFrame) -> pl.DataFrame:
        """Which lines match which entries of one kind, whatever their tenant: `row` and `order`."""
        texts = likely.select("row", text=f"{field}_text")
        if field == "tag":
            texts = texts.explode("text")
        texts = texts.drop_nulls("text").with_columns(text=_form(field, match, pl.col("text")))
        entries = group.select("order", "compared")
        if match == "exact":
            return texts.join(entries, left_on="text", right_on="compared").select("row", "order")
        pairs = []
        if match == "prefix":
            lengths = entries.with_columns(length=pl.col("compared").str.len_chars())
            for (length,), same in lengths.group_by("length"):
                starts = texts.with_columns(pl.col("text").str.head(length))
                pairs.append(starts.join(same, left_on="text", right_on="compared").select("row", "order"))
        else:
            for (pattern,), same in entries.group_by("compared"):
                hits = texts.filter(pl.col("text").str.contains(pattern)).select("row")
                pairs.append(hits.join(same.select("order"), how="cross"))
        return pl.concat(pairs)
