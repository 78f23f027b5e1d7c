"""References: which token of a transaction names an invoice (domain section 3).

With a pattern each token is searched by it, so that `^` and `$` bind to the token. Without one a token is a reference
where it equals an invoice number of the tenant, both stripped to letters and digits; an explicit reference always is.
"""

from __future__ import annotations

import hashlib
import re

import polars as pl

from rules.distinct import put_back
from rules.text import letters_and_digits, normalised

SEPARATORS = r"[\s/|,;:()]+"
MINIMUM_LENGTH = 4
TENANT = ["organization_id", "environment"]

_NO_SEPARATOR = r"[^\s/|,;:()]*"
_ANCHORED = re.compile(r"[\^$|]|\\[AzZbB]|\(\?(?!:)|\\$")


def tokens_of(narration: pl.Expr) -> pl.Expr:
    """The tokens of a normalised narration, in order; a list column."""
    return narration.str.replace_all(SEPARATORS, "\n").str.strip_chars("\n").str.split("\n")


def first_matching_token(narrations: pl.Expr, pattern: str) -> pl.Expr:
    """The first token of a normalised narration that the pattern is found in; null where there is none."""
    loose = _loose(pattern)
    if loose is None:
        return _first_of_all_tokens(narrations, pattern)

    # A token that matches holds what the pattern finds when the anchors at its ends are left out. So one scan does away
    # with most narrations, and of the rest the token around the first find is taken where it is one and matches as one.
    def find(batch: pl.Series) -> pl.Series:
        lines = batch.alias("text").to_frame().with_row_index("row")
        text, around = pl.col("text"), pl.col("around")
        likely = lines.filter(text.str.contains(loose)).with_columns_seq(
            around=text.str.extract(f"{_NO_SEPARATOR}(?:{loose}){_NO_SEPARATOR}", 0)
        )
        is_token = (around != "") & around.str.contains(pattern) & ~around.str.contains(SEPARATORS)
        tokens = likely.select_seq(is_token).to_series()
        others = likely.filter(~tokens).with_columns_seq(around=_first_of_all_tokens(text, pattern))
        found = pl.concat([likely.filter(tokens), others])
        return put_back(found["around"], found["row"], len(lines))

    return narrations.map_batches(find, return_dtype=pl.String, is_elementwise=True)


def _first_of_all_tokens(narration: pl.Expr, pattern: str) -> pl.Expr:
    token = pl.element()  # a narration of nothing but separators splits into one empty text, which is no token
    return tokens_of(narration).list.eval(token.filter(token.str.contains(pattern) & (token != ""))).list.first()


def _loose(pattern: str) -> str | None:
    """The pattern without the anchors at its ends; None where it is not plain enough to be sure of that."""
    flags, core = ("(?i)", pattern.removeprefix("(?i)")) if pattern.startswith("(?i)") else ("", pattern)
    core = core.removeprefix("^").removesuffix("$")
    return None if _ANCHORED.search(core) else f"{flags}{core}"


def first_numbered_token(narration: pl.Expr, invoices: pl.DataFrame) -> pl.Expr:
    """The first token of a normalised narration that equals an invoice number of its tenant; null where there is none.

    Args:
        narration: beside it the frame needs `organization_id` and `environment`.
        invoices: `organization_id`, `environment`, `number`.

    """
    if invoices.is_empty():
        return pl.lit(None, dtype=pl.String)
    numbers = (
        invoices.select_seq(*TENANT, stripped=letters_and_digits(normalised(pl.col("number"))))
        .filter(_long_enough(pl.col("stripped")))
        .unique()
    )

    def find(batch: pl.Series) -> pl.Series:
        rows = batch.struct.unnest().with_row_index("row")
        tokens = (
            rows.filter(pl.col("narration").str.contains(r"\d"))
            .with_columns_seq(token=tokens_of(pl.col("narration")))
            .explode("token")
            .with_columns_seq(stripped=letters_and_digits(pl.col("token")))
            .filter(_long_enough(pl.col("stripped")))
            .join(numbers, on=[*TENANT, "stripped"], how="semi", maintain_order="left")
            .unique("row", keep="first", maintain_order=True)
        )
        return rows.select_seq("row").join(tokens, on="row", how="left", maintain_order="left")["token"]

    return pl.struct(*TENANT, narration.alias("narration")).map_batches(
        find, return_dtype=pl.String, is_elementwise=True
    )


def _long_enough(stripped: pl.Expr) -> pl.Expr:
    return (stripped.str.len_chars() >= MINIMUM_LENGTH) & stripped.str.contains(r"\d")


def number_hashes(invoices: pl.DataFrame) -> dict[tuple[str, str], str]:
    """What identifies the invoice numbers of each tenant that has any, whatever their order: 16 hex digits."""
    hashes: dict[tuple[str, str], str] = {}
    for (organization, environment), group in invoices.group_by(*TENANT):
        numbers = "\n".join(group["number"].unique().sort())
        hashes[str(organization), str(environment)] = hashlib.sha256(numbers.encode()).hexdigest()[:16]
    return hashes
