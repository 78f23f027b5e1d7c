"""The grammar of the rails: who paid, and what was said, out of a narration (domain section 2; Mono facts section 3).

A rail is how a bank writes one kind of transfer. It says where the other party's name stands and where the remark does;
what it holds besides are the rail's own fixed words. The first rail that fits is taken; a narration that fits none has
no counterparty, and all of it is remark.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from itertools import groupby

import polars as pl

# Where a name ends that only a blank parts from the remark: at a word with a digit in it, or at a word of purpose.
_PURPOSE = (
    "REFUND|REFUNDS|REVERSAL|PAYMENT|PAYMENTS|PYMT|PMT|INV|INVOICE|INVOICES|FOR|BEING|SETTLEMENT|PART|BALANCE|CONTRACT"
    "|SUBSCRIPTION|PURCHASE|SUPPLY|RE"
)
_NAME_TO_END = rf"(?P<name>\S.*?)(?:\s+(?P<after>(?:\S*\d\S*|(?:{_PURPOSE})\b).*))?\s*$"
_TRF = ("trf frm ", "trf from ", "web: trf frm ", "web: trf from ")


@dataclass(frozen=True)
class Rail:
    """One kind of transfer as banks write it; either `field` or `pattern` says where the name and the remark are."""

    name: str
    starts: tuple[str, ...]
    """How such a narration begins, in lower case."""
    field: int | None = None
    """Between slashes: the number of the field, from 0, that is the name; all after it is remark."""
    pattern: str | None = None
    """Over the narration, ignoring case; groups `name`, and `before` or `after` it or both."""


RAILS = (
    Rail("nip_out_mobile", ("nip cr/mob/",), field=2),
    Rail("nip_out", ("nip cr/",), field=1),
    Rail("nip", ("nip/", "ft/", "mob/"), field=2),
    Rail("inflow", ("cip cr/", "niss inflow/"), field=1),
    Rail("nip_sender", ("nip from ",), pattern=r"SENDER:(?P<name>.*?)(?:REMARK:(?P<after>.*))?$"),
    Rail("nip_from", ("nip frm ",), pattern=r"^NIP FRM (?P<name>[^-]*)(?:-(?P<after>.*))?$"),
    Rail("transfer_to", _TRF, pattern=r"TRF FRO?M (?P<name>[^/]*?) TO (?P<after>.*)$"),
    Rail("transfer", _TRF, pattern=r"TRF FRO?M (?P<name>[^/]*)/(?P<after>.*)$"),
    Rail("transfer_bare", _TRF, pattern=rf"TRF FRO?M {_NAME_TO_END}"),
    Rail("gaps", ("via gaps ",), pattern=r"^VIA GAPS (?P<before>.*) FROM (?P<name>.*)$"),
    Rail(
        "between_customers",
        ("transfer between customers ",),
        pattern=rf"^TRANSFER BETWEEN CUSTOMERS(?P<before>.*?) FROM {_NAME_TO_END}",
    ),
    Rail("outward", ("outward transfer to ",), pattern=rf" - {_NAME_TO_END}"),
    Rail("instant_outward", ("nibss instant payment outward ",), pattern=r"OUTWARD \d+\s+(?P<name>\S.*)$"),
    Rail("glued", ("nxg :trf", "nxg:trf"), pattern=r"^NXG ?:TRF(?P<before>.*)FRM(?P<name>.*)$"),
    Rail("cash_by", ("csh deposit by:",), pattern=r"BY:(?P<name>[^|]*)(?:\|(?P<after>.*))?$"),
    Rail("cash", ("deposit cash (local currency)-",), pattern=r"\)-(?P<name>.*)$"),
)
"""Tried in this order; rails that begin alike stand together."""

_PHRASED = {
    starts: tuple(rails)
    for starts, rails in groupby((rail for rail in RAILS if rail.pattern), key=lambda rail: rail.starts)
}
_BEGINNING = "(?i)^(" + "|".join(re.escape(start) for starts in _PHRASED for start in starts) + ")"

PARSED = pl.Schema({"rail": pl.String(), "name": pl.String(), "before": pl.String(), "after": pl.String()})
"""What the grammar reads of a narration; every field is null where no rail fits."""

_FIELDS = 4
_NONE = pl.lit(None, dtype=pl.String)
_SLASHED = {rail.name: rail.field for rail in RAILS if rail.field is not None}


def with_parsed(lines: pl.LazyFrame, narration: str) -> pl.LazyFrame:
    """Add what the grammar reads of a normalised narration: the columns of `PARSED`, each under a `_` but `rail`.

    A name may be empty: then nobody is named. Most narrations are slashed, and read by splitting them; the phrases of
    the other rails are looked for only in what is left.
    """
    rest = pl.when(pl.col("_slashed").is_null()).then(pl.col(narration))
    phrased = rest.map_batches(_phrased, return_dtype=pl.Struct(PARSED), is_elementwise=True)
    read = pl.col("_phrased").struct
    return (
        lines.with_columns(_fields=pl.col(narration).str.splitn("/", _FIELDS))
        .with_columns(_slashed=_slashed_rail())
        .with_columns(_phrased=phrased, _position=pl.col("_slashed").replace_strict(_SLASHED, return_dtype=pl.UInt8))
        .with_columns(
            rail=pl.coalesce("_slashed", read.field("rail")),
            _name=_slashed(_field, read.field("name")),
            _before=read.field("before"),
            _after=_slashed(_rest, read.field("after")),
        )
    )


def _field(number: int) -> pl.Expr:
    return pl.col("_fields").struct.field(f"field_{number}")


def _rest(number: int) -> pl.Expr:
    """What stands after a field, its slashes kept."""
    after = [pl.when(pl.col("_position") == number).then(_field(later)) for later in range(number + 1, _FIELDS)]
    return pl.concat_str(after, separator="/", ignore_nulls=True) if len(after) > 1 else after[0]


def _slashed_rail() -> pl.Expr:
    """The name of the first slashed rail that a narration begins as and that has the field of its name; else null."""
    return pl.coalesce(
        pl.when(_begins(rail) & _field(rail.field).is_not_null()).then(pl.lit(rail.name))
        for rail in RAILS
        if rail.field is not None
    )


def _begins(rail: Rail) -> pl.Expr:
    return pl.any_horizontal(
        pl.all_horizontal(
            _field(number).str.to_lowercase() == part for number, part in enumerate(start.rstrip("/").split("/"))
        )
        for start in rail.starts
    )


def _slashed(part: Callable[[int], pl.Expr], otherwise: pl.Expr) -> pl.Expr:
    """A part of the narration by the position of its rail's name; of a narration that is not slashed, the other."""
    for number in set(_SLASHED.values()):
        otherwise = pl.when(pl.col("_position") == number).then(part(number)).otherwise(otherwise)
    return otherwise


def _phrased(narrations: pl.Series) -> pl.Series:
    """What the phrased rails read; null where there is no narration."""
    lines = pl.DataFrame({"text": narrations}).with_row_index("row")
    begins = lines.drop_nulls("text").with_columns(start=pl.col("text").str.extract(_BEGINNING, 1).str.to_lowercase())
    read = []
    for starts, rails in _PHRASED.items():
        left = begins.filter(pl.col("start").is_in(starts))
        for rail in rails:
            fields = _read(left, str(rail.pattern), rail.name)
            read.append(fields.drop_nulls("name"))
            left = left.filter(fields["name"].is_null())
    found = lines.select("row").join(pl.concat(read), on="row", how="left", maintain_order="left")
    return found.select(pl.struct(PARSED.names()).alias("parsed")).to_series()


def _read(lines: pl.DataFrame, pattern: str, rail: str) -> pl.DataFrame:
    """What one pattern reads of narrations that begin as its rail does; a null name where it does not fit."""
    found = pl.col("text").str.extract_groups(f"(?is){pattern}").struct
    fields = {
        group: found.field(group) if f"?P<{group}>" in pattern else _NONE for group in ("name", "before", "after")
    }
    return lines.select("row", rail=pl.lit(rail), **fields)
