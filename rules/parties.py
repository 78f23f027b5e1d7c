"""What the parties' names show: the company term among their words, and whether the payer is the account's own holder.

Most names stand on one line only. So no more is done to all of them than scans of their plain text, and their words are
looked at where such a scan says that it may be worth it.
"""

from __future__ import annotations

import polars as pl

from rules.distinct import only_where, per_distinct
from rules.text import TermList, normalised, word_form

_COMPANY = pl.Schema({"company_term": pl.String(), "company_at": pl.String()})
_SELF = pl.Schema({"_self": pl.Boolean()})


def with_names(lines: pl.LazyFrame, *, company: TermList) -> pl.LazyFrame:
    """Add `company_term`, `company_at` and `_self`; and `_start`, the counterparty's first letters, where plain.

    Company terms are looked for in the counterparty, or in the whole narration where the counterparty is unknown.
    """
    name, holder = pl.col("counterparty"), normalised(pl.col("holder"))
    steps = [{"form": word_form(pl.col("text"))}, company.find(pl.col("form"), kind="company", place="party")]
    found = only_where(
        company.may_be_in(pl.col("_party")),
        {"party": pl.col("_party")},
        lambda few: few.with_columns_seq(_found=per_distinct(pl.col("party"), steps, _COMPANY)).unnest("_found"),
        _COMPANY,
    )
    likely = may_be_named(holder.str.to_lowercase(), name, pl.col("_start"))
    own = only_where(likely, {"name": name, "holder": holder}, _with_self, _SELF)
    start = pl.when(name.str.contains("(?i)^[a-z]{3}")).then(name.str.head(3).str.to_lowercase())
    return (
        lines.with_columns_seq(_party=pl.coalesce("counterparty", "_narration"), _start=start)
        .with_columns_seq(_found=found, _own=own)
        .unnest("_found", "_own")
    )


def may_be_named(text: pl.Expr, name: pl.Expr, start: pl.Expr) -> pl.Expr:
    """Whether a text in lower case may hold a name's first word: a look at its start, null where that is not plain."""
    return text.str.contains(start, literal=True).fill_null(name.is_not_null())


def _with_self(names: pl.LazyFrame) -> pl.LazyFrame:
    """Add `_self`: whether the name and the holder are the same set of two or more words; once for each pair."""
    pairs = names.select_seq("name", "holder").unique()
    words, others = (word_form(pl.col(name)).str.strip_chars(" ").str.split("  ") for name in ("name", "holder"))
    same = words.list.set_symmetric_difference(others).list.len() == 0
    known = pairs.with_columns_seq(_self=same & (words.list.n_unique() > 1))
    return names.join(known, on=["name", "holder"], how="left", maintain_order="left")
