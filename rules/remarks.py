"""The remark: what a line says besides the counterparty's name and its rail's fixed words, and the terms it holds.

On most lines that is what the rail leaves of the narration, so terms are looked for once in each distinct text of
these; and again on the few lines that say the counterparty's name there, or that have a description or tags.
"""

from __future__ import annotations

import polars as pl

from rules.distinct import only_where
from rules.parties import may_be_named
from rules.policy import Policy
from rules.rails import ANOTHER
from rules.text import BREAK, NOT_LETTERS, normalised, word_form

KINDS = ("business", "personal", "refund", "reversal")
"""The kinds of terms that are looked for in the remark."""

_FINDS = pl.Schema({f"{kind}_{told}": pl.String() for kind in KINDS for told in ("term", "at")})
_MORE = pl.Schema({"more": pl.String()})


def with_finds(lines: pl.LazyFrame, *, policy: Policy) -> pl.LazyFrame:
    """Add, for each kind of terms, which of them stands in the remark and where: `<kind>_term` and `<kind>_at`."""
    form = policy.terms("boilerplate").removed_from(_word_form_of_said())
    kinds = [policy.terms(kind).find(pl.col("remark"), kind=kind, place="remark") for kind in KINDS]
    finds = pl.struct([found.alias(name) for find in kinds for name, found in find.items()])

    def found(batch: pl.Series) -> pl.Series:
        lines = batch.struct.unnest()
        texts = lines["said"].unique().to_frame()
        known = texts.lazy().select_seq(remark=form).collect(engine="in-memory")
        placed = lines.lazy().join(texts.lazy().with_row_index("place"), on="said", how="left", maintain_order="left")
        place = placed.select_seq("place").collect(engine="in-memory").to_series()
        likely = (
            lines.with_columns_seq(remark=known["remark"].gather(place)).with_row_index("row").filter(_may_differ())
        )
        anew = likely.filter(_differs()).select_seq("row", remark=_remark())
        remarks = pl.concat([known, anew.select_seq("remark")])
        own = place.scatter(anew["row"], pl.int_range(len(known), len(remarks), eager=True).cast(place.dtype))
        return remarks.lazy().select_seq(found=finds).collect(engine="in-memory").to_series().gather(own)

    inputs = pl.struct(
        "description", "tags", "_start", pl.col("_said").alias("said"), pl.col("counterparty").alias("name")
    )
    finding = inputs.map_batches(found, return_dtype=pl.Struct(_FINDS), is_elementwise=True)
    return lines.with_columns_seq(_found=finding).unnest("_found")


def _may_differ() -> pl.Expr:
    """Whether the remark may be another than what is said: it says the name, or there is more to say."""
    return _says_more() | may_be_named(pl.col("remark"), pl.col("name"), pl.col("_start")).fill_null(value=False)


def _differs() -> pl.Expr:
    """Whether the remark is another than what is said."""
    return _says_more() | pl.col("remark").str.contains(_words_of_name(), literal=True).fill_null(value=False)


def _words_of_name() -> pl.Expr:
    """The word form of the counterparty's name; null where it holds no word."""
    name = word_form(pl.col("name"))
    return pl.when(name.str.len_bytes() > len("  ")).then(name)


def _says_more() -> pl.Expr:
    return pl.col("description").is_not_null() | (pl.col("tags").list.len() > 0).fill_null(value=False)


def _word_form_of_said() -> pl.Expr:
    """The word form of what is said, a break between its parts."""
    words = pl.col("said").str.to_lowercase().str.replace_all(NOT_LETTERS.replace("]", f"{ANOTHER}]"), "  ")
    broken = words.str.replace_all(f" *{ANOTHER} *", f" {BREAK} ")
    return pl.concat_str([pl.lit(" "), broken.str.strip_chars(f" {BREAK}"), pl.lit(" ")])


def _remark() -> pl.Expr:
    """What is said without the counterparty's name, for Gift and Charity are given names; then description and tags."""
    said = pl.coalesce(pl.col("remark").str.split(_words_of_name()).list.join(BREAK), "remark")
    more = only_where(_says_more(), {"description": pl.col("description"), "tags": pl.col("tags")}, _with_more, _MORE)
    return pl.concat_str([_worded(said), more.struct.field("more")], separator=BREAK, ignore_nulls=True)


def _with_more(lines: pl.LazyFrame) -> pl.LazyFrame:
    """Add `more`: what is said in a line's description and tags."""
    tags = pl.col("tags").list.eval(_worded(word_form(normalised(pl.element())))).list.drop_nulls().list.join(BREAK)
    description = _worded(word_form(normalised(pl.col("description"))))
    return lines.with_columns_seq(more=pl.concat_str([description, tags], separator=BREAK, ignore_nulls=True))


def _worded(form: pl.Expr) -> pl.Expr:
    """A word form that holds a word, else null: blanks that belong to no word would be counted as words."""
    return pl.when(form.str.strip_chars(f" {BREAK}") != "").then(form)
