"""What is lawful among allow and deny entries and still looks like a mistake: an entry that can never decide anything.

Findings are advice: entries decide as the decision table says, a deny entry before an allow entry.
"""

from __future__ import annotations

from datetime import datetime

import polars as pl

from rules.lists import ENTRIES, FIELDS, Lists, effective
from rules.policy_lint import Finding
from rules.text import normalised

_TENANT = ["organization_id", "environment"]
_SAID = ["field", "match", "value"]
_OF_TENANT = pl.col("account_id").is_null()
_COVERED_BY = {"exact": ["exact", "contains"], "contains": ["contains"], "prefix": ["prefix"]}
"""By the match of an entry, that of entries which find all that it does where they find its own value."""


def lint_entries(entries: pl.DataFrame, now: datetime) -> list[Finding]:
    """Look for allow entries that a deny entry always overrules, and for an account's that its tenant has already.

    Args:
        entries: columns of `ENTRIES`, any number of tenants.
        now: entries that have expired by then are left out.

    """
    held = effective(entries.select(ENTRIES.names()).cast(ENTRIES), now).sort("created_at", "entry_id")
    allow, deny = (held.filter(pl.col("list") == name) for name in ("allow", "deny"))
    overruled = [
        Finding(
            "contradictory",
            narrow,
            f"it can never make a line eligible: wherever it matches, the deny entry {wide} matches and rejects",
            wide,
        )
        for narrow, wide in _covered(allow, deny, now)
    ]
    shadowed = [
        Finding("shadowed", narrow, f"it finds nothing that {wide} does not find for the whole tenant", wide)
        for own in (allow, deny)
        for narrow, wide in _covered(own.filter(~_OF_TENANT), own.filter(_OF_TENANT), now)
    ]
    return overruled + shadowed


def _covered(narrow: pl.DataFrame, wide: pl.DataFrame, now: datetime) -> list[tuple[str, str]]:
    """Entries beside one of others that matches wherever they do, by id; each once, in their order."""
    same = narrow.join(wide, on=[*_TENANT, *_SAID], suffix="_wide").filter(
        pl.col("account_id_wide").is_null() | (pl.col("account_id_wide") == pl.col("account_id"))
    )
    found: dict[str, str] = dict(same.select("entry_id", "entry_id_wide").reverse().iter_rows())
    plain = narrow.filter(~pl.col("value").str.contains("*", literal=True))
    for match, ways in _COVERED_BY.items():
        own_kind = (pl.col("field") != "reference") | (pl.col("match") == match)  # of a reference, words are not all
        lists = Lists.in_force(wide.filter(pl.col("match").is_in(ways), own_kind), now)
        found = {**dict(_matched(plain.filter(pl.col("match") == match), lists)), **found}
    return [(entry, found[entry]) for entry in narrow["entry_id"] if entry in found]


def _matched(narrow: pl.DataFrame, lists: Lists) -> list[tuple[str, str]]:
    """Entries whose own value one of the lists' entries finds, beside its id."""
    value = normalised(pl.col("value"))
    texts: dict[str, pl.Expr] = {field: pl.when(pl.col("field") == field).then(value) for field in FIELDS}
    texts["tag"] = pl.when(pl.col("field") == "tag").then(pl.concat_list(value))
    verdict = lists.verdict(texts)
    first = pl.coalesce(verdict.struct.field("deny"), verdict.struct.field("allow"))
    return list(narrow.select("entry_id", wide=first).drop_nulls().iter_rows())
