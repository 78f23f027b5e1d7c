"""Allow and deny entries: what a person said of a counterparty, a narration, a reference or a tag (domain section 4).

An entry holds for a tenant or for one account of it, and until it expires. A scan tells which transactions any entry
may match; only those are held against the entries one by one, so that ten thousand entries cost little more than ten.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property, partial

import polars as pl

from rules.distinct import put_back
from rules.errors import ListEntryError, RulesError
from rules.needles import needles, pieces_of_regex
from rules.text import (
    GROWS,
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

_TOLD = ["row", "order", "list", "entry_id"]
_Search = Callable[[pl.LazyFrame], pl.DataFrame]
"""Finds the entries that match among the texts of a field: the columns of `_TOLD`, a row a match."""
_NEEDLES_A_SCAN = 100
_MOST_SCANS = 3
_TENANT = ["organization_id", "environment"]
_SCOPE = [*_TENANT, "account_id"]
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
        if match == "regex":
            pl.Series([""]).str.contains(f"(?:(?i){value})")  # in brackets, so that a comment left open is refused
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
    """The value in the form it is compared in; for `regex`, and a term with stars inside it, a pattern.

    Raises:
        RulesError: nothing could ever match it.

    """
    if match == "regex":
        if not value:
            message = "it is empty"
            raise RulesError(message)
        return f"(?i){value}"
    if match == "contains":
        term = parse_term(value)
        return term.pattern if term.literal is None else term.literal
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


def _pieces(field: str, match: str, value: str) -> list[str]:
    """What a text in lower case must hold for the value to match it, in pieces; none where that cannot be said."""
    if match == "regex":
        return pieces_of_regex(value)
    if match == "contains":
        return [word.strip("*") for word in parse_term(value).words]
    if match == "prefix":
        return _compared(field, match, value).split(" ")
    return [] if field == "reference" else words_of(value)


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
        values = held.select("field", "match", "value").rows()
        needle, beside = needles([_pieces(*value) for value in values])
        looked_for = held.with_columns(
            compared=pl.Series([_compared(*value) for value in values], dtype=pl.String),
            needle=pl.Series(needle, dtype=pl.String),
            beside=pl.Series(beside, dtype=pl.String),
        )
        return cls(looked_for.with_columns(test=_TEST, way=_WAY).with_row_index("order"))

    def verdict(self, fields: dict[str, pl.Expr]) -> pl.Expr:
        """The first deny and the first allow entry that match: a struct of `deny` and `allow`, entry ids or null.

        Args:
            fields: for each name of `FIELDS` its normalised text, for `tag` a list of them.

        """
        if self.entries.is_empty():
            return pl.lit(None, dtype=_VERDICT)
        texts = [fields[field].alias(field) for field in dict(self._searches)]
        # Made ready here: within the work, threads that wait for each other would wait for its lock as well.
        verdicts = partial(self._verdicts, self._searches)
        return pl.struct(*_SCOPE, *texts).map_batches(verdicts, return_dtype=_VERDICT, is_elementwise=True)

    @cached_property
    def _searches(self) -> list[tuple[str, _Search]]:
        """For each field and each way to look for its entries what finds them, made ready once."""
        groups = self.entries.group_by("field", "way")
        return [(str(field), _WAYS[str(way)](group)) for (field, way), group in groups]

    def _verdicts(self, searches: list[tuple[str, _Search]], batch: pl.Series) -> pl.Series:
        lines = batch.struct.unnest().with_row_index("row")
        concerned = lines.filter(_of_organizations(self.entries)).lazy()
        matching = pl.concat(search(_texts(concerned, field)) for field, search in searches)
        first = (
            matching.sort("order")
            .group_by("row")
            .agg(*(pl.col("entry_id").filter(pl.col("list") == name).first().alias(name) for name in LISTS))
        )
        verdicts = first.select_seq(pl.struct("deny", "allow").alias("verdict")).to_series()
        return put_back(verdicts, first["row"], len(batch))


def _of_organizations(entries: pl.DataFrame) -> pl.Expr:
    return pl.col("organization_id").is_in(entries["organization_id"].unique().implode())


def _texts(lines: pl.LazyFrame, field: str) -> pl.LazyFrame:
    """The texts of one field, each beside its line and the line's scope."""
    texts = lines.select_seq("row", *_SCOPE, text=field)
    return (texts.explode("text") if field == "tag" else texts).filter(pl.col("text").is_not_null())


def _by_needle(entries: pl.DataFrame) -> _Search:
    """Entries looked at where an entry's needle is found in a text of its tenant."""
    looked_for = entries["needle"].unique()
    may_hold = _may_hold(pl.col("text"), looked_for)

    def search(texts: pl.LazyFrame) -> pl.DataFrame:
        spotted = (
            texts.filter(may_hold)
            .with_columns_seq(low=pl.col("text").str.to_lowercase())
            .with_columns_seq(needle=pl.col("low").str.extract_many(looked_for.implode(), overlapping=True))
            .explode("needle")
        )
        likely = (
            _joined(spotted, entries, "needle")
            .filter(pl.col("low").str.contains(pl.col("beside"), literal=True))
            .select_seq(*_TOLD, "test", "text", "compared")
            .sort("compared")  # a pattern is made ready once
            .collect(engine="in-memory")
        )
        same_tests = likely.partition_by("test", as_dict=True)
        return _told([likely.clear(), *(pairs.filter(_TESTS[str(test)]) for (test,), pairs in same_tests.items())])

    return search


def _may_hold(text: pl.Expr, looked_for: pl.Series) -> pl.Expr:
    """Whether any needle may stand in the text in lower case, by a scan for each hundred of them; true where unsure.

    Up to a hundred are looked for by an automaton that is three times as quick as that for more of them.
    """
    plain = [*looked_for, GROWS]
    if len(plain) > _MOST_SCANS * _NEEDLES_A_SCAN or not all(needle.isascii() for needle in looked_for):
        return pl.lit(value=True)
    return pl.any_horizontal(
        text.str.contains_any(plain[start : start + _NEEDLES_A_SCAN], ascii_case_insensitive=True)
        for start in range(0, len(plain), _NEEDLES_A_SCAN)
    )


def _by_value(entries: pl.DataFrame) -> _Search:
    """Entries whose value is the same letters and digits as a reference."""

    def search(texts: pl.LazyFrame) -> pl.DataFrame:
        compared = texts.filter(_of_organizations(entries)).with_columns_seq(
            compared=letters_and_digits(pl.col("text"))
        )
        return _told([_joined(compared, entries, "compared").collect(engine="in-memory")])

    return search


def _one_by_one(entries: pl.DataFrame) -> _Search:
    """Entries tried one after the other on all texts of their tenant."""

    def search(texts: pl.LazyFrame) -> pl.DataFrame:
        there = texts.join(entries.lazy(), on=_TENANT, how="semi").collect(engine="in-memory")
        tenants = there.partition_by(_TENANT, as_dict=True)
        pairs = [_joined(there.clear().lazy().with_columns_seq(compared=pl.lit("")), entries, "compared")]
        for (organization, environment, compared), _ in entries.group_by(*_TENANT, "compared"):
            own = tenants.get((organization, environment), there.clear()).lazy()
            found = own.filter(pl.col("text").str.contains(compared)).with_columns_seq(compared=pl.lit(compared))
            pairs.append(_joined(found, entries, "compared"))
        return _told(pl.collect_all(pairs, engine="in-memory"))

    return search


def _joined(texts: pl.LazyFrame, entries: pl.DataFrame, on: str) -> pl.LazyFrame:
    """Each text beside the entries of its scope that have the same in a column."""
    of_account = pl.col("account_id_entry").is_null() | (pl.col("account_id_entry") == pl.col("account_id"))
    return texts.join(entries.lazy(), on=[*_TENANT, on], suffix="_entry").filter(of_account)


def _told(pairs: list[pl.DataFrame]) -> pl.DataFrame:
    return pl.concat(frame.select_seq(_TOLD) for frame in pairs)


_TESTS = {
    "exact": word_form(pl.col("text")) == pl.col("compared"),
    "prefix": collapsed(pl.col("text")).str.starts_with(pl.col("compared")),
    "contains": word_form(pl.col("text")).str.contains(pl.col("compared"), literal=True),
    "contains stars": word_form(pl.col("text")).str.contains(pl.col("compared")),
    "regex": pl.col("text").str.contains(pl.col("compared")),
}
"""Whether a line's text is what the entry beside it looks for."""
_STARS = (pl.col("match") == "contains") & pl.col("compared").str.contains("*", literal=True)
_TEST = pl.when(_STARS).then(pl.lit("contains stars")).otherwise("match")

_WAYS = {"needle": _by_needle, "value": _by_value, "one by one": _one_by_one}
_WAY = (
    pl.when(pl.col("needle").is_not_null())
    .then(pl.lit("needle"))
    .when(pl.col("match") == "exact")
    .then(pl.lit("value"))
    .otherwise(pl.lit("one by one"))
)
