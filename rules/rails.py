"""The grammar of the rails: who paid, and what was said, out of a narration (domain section 2; Mono facts section 3).

A rail is how a bank writes one kind of transfer. It says where the other party's name stands and where the remark does;
what it holds besides are the rail's own fixed words. The first rail that fits is taken; a narration that fits none has
no counterparty, and all of it is remark.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import groupby

import polars as pl

from rules.distinct import put_back

# Where a name ends that only a blank parts from the remark: at a word with a digit in it, or at a word of purpose.
_PURPOSE = (
    "REFUND|REFUNDS|REVERSAL|PAYMENT|PAYMENTS|PYMT|PMT|INV|INVOICE|INVOICES|FOR|BEING|SETTLEMENT|PART|BALANCE|CONTRACT"
    "|SUBSCRIPTION|PURCHASE|SUPPLY|RE"
)
REMARK = rf"(?:\S*\d\S*|(?:{_PURPOSE})\b).*"
"""A remark that only a blank parts from the name before it, over a narration and ignoring case."""

_REMARK = rf"(?is)\s{REMARK}$"
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
    runs_on: bool = False
    """Whether only a blank parts the name from the remark: the pattern takes both for the name."""


RAILS = (
    Rail("nip_out_mobile", ("nip cr/mob/",), field=2),
    Rail("nip_out", ("nip cr/",), field=1),
    Rail("nip", ("nip/", "ft/", "mob/"), field=2),
    Rail("inflow", ("cip cr/", "niss inflow/"), field=1),
    Rail("nip_sender", ("nip from ",), pattern=r"SENDER:(?P<name>.*?)(?:REMARK:(?P<after>.*))?$"),
    Rail("nip_from", ("nip frm ",), pattern=r"^NIP FRM (?P<name>[^-]*)(?:-(?P<after>.*))?$"),
    Rail("transfer_to", _TRF, pattern=r"TRF FRO?M (?P<name>[^/]*?) TO (?P<after>.*)$"),
    Rail("transfer", _TRF, pattern=r"TRF FRO?M (?P<name>[^/]*)/(?P<after>.*)$"),
    Rail("transfer_bare", _TRF, pattern=r"TRF FRO?M (?P<name>\S.*)$", runs_on=True),
    Rail("gaps", ("via gaps ",), pattern=r"^VIA GAPS (?P<before>.*) FROM (?P<name>.*)$"),
    Rail(
        "between_customers",
        ("transfer between customers ",),
        pattern=r"^TRANSFER BETWEEN CUSTOMERS(?P<before>.*?) FROM (?P<name>\S.*)$",
        runs_on=True,
    ),
    Rail("outward", ("outward transfer to ",), pattern=r" - (?P<name>\S.*)$", runs_on=True),
    Rail("instant_outward", ("nibss instant payment outward ",), pattern=r"OUTWARD \d+\s+(?P<name>\S.*)$"),
    Rail("glued", ("nxg :trf", "nxg:trf"), pattern=r"^NXG ?:TRF(?P<before>.*)FRM(?P<name>.*)$"),
    Rail("cash_by", ("csh deposit by:",), pattern=r"BY:(?P<name>[^|]*)(?:\|(?P<after>.*))?$"),
    Rail("cash", ("deposit cash (local currency)-",), pattern=r"\)-(?P<name>.*)$"),
)
"""Tried in this order; rails that begin alike stand together."""

_KINDS = {starts: tuple(rails) for starts, rails in groupby(RAILS, key=lambda rail: rail.starts)}
_RAILS_OF = {start: rails for starts, rails in _KINDS.items() for start in starts}
"""The rails of each beginning; only these are tried on a narration that begins so."""
_BEGINNING = "(?i)^(?:" + "|".join(re.escape(start) for start in _RAILS_OF) + ")"
ANOTHER = "1"
"""Stands between what is said before the name and after it; free, since every number that is said is made `0`."""

PARSED = pl.Schema({"rail": pl.String(), "name": pl.String(), "said": pl.String()})
"""What the grammar reads of a narration.

`rail` and `name` are null where no rail fits. `said` is all that is said besides the name and the rail's fixed words,
with every number the same: numbers are no words, and make texts differ.
"""


def with_parsed(lines: pl.LazyFrame, narration: str) -> pl.LazyFrame:
    """Add what the grammar reads of a normalised narration: the columns of `PARSED`, each under a `_` but `rail`.

    A name may be empty: then nobody is named.
    """
    names = {field: field if field == "rail" else f"_{field}" for field in PARSED}
    read = pl.col(narration).map_batches(_parsed, return_dtype=pl.Struct(PARSED), is_elementwise=True)
    return lines.with_columns_seq(_parsed=read.struct.rename_fields(list(names.values()))).unnest("_parsed")


def _parsed(narrations: pl.Series) -> pl.Series:
    """What the rails read, each kind of them on the narrations that begin as it does."""
    lines = pl.DataFrame({"text": narrations}).with_row_index("row")
    begun = lines.with_columns_seq(start=pl.col("text").str.extract(_BEGINNING, 0))
    alike: dict[tuple[Rail, ...], list[pl.DataFrame]] = {}
    for (start,), left in begun.partition_by("start", as_dict=True, include_key=False).items():
        alike.setdefault(_RAILS_OF.get(str(start or "").lower(), ()), []).append(left)
    read = [_unread(lines.clear())]
    for rails, parts in alike.items():
        left = pl.concat(parts)
        for rail in rails:
            fields = _read(left, rail)
            misfits = fields["name"].null_count()
            read.append(fields.filter(pl.col("name").is_not_null()) if misfits else fields)
            left = left.filter(fields["name"].is_null()) if misfits else left.clear()
            if left.is_empty():
                break
        else:
            read.append(_unread(left))
    told = pl.concat(read)
    return put_back(told.select_seq(pl.struct(PARSED.names()).alias("parsed")).to_series(), told["row"], len(told))


def _unread(lines: pl.DataFrame) -> pl.DataFrame:
    """Narrations that no rail fits: nobody is named, and all is said."""
    nothing = pl.lit(None, dtype=pl.String)
    return lines.select_seq("row", rail=nothing, name=nothing, said=_numberless(pl.col("text")))


def _read(lines: pl.DataFrame, rail: Rail) -> pl.DataFrame:
    """What one rail reads of narrations that begin as it does; a null name where it does not fit."""
    if rail.pattern is not None:
        found = pl.col("text").str.extract_groups(f"(?is){rail.pattern}").struct
        fields = {group: found.field(group) for group in ("name", "before", "after") if f"?P<{group}>" in rail.pattern}
    else:
        number = rail.field or 0
        found = pl.col("text").str.splitn("/", number + 2).struct
        fields = {"name": found.field(f"field_{number}"), "after": found.field(f"field_{number + 1}")}
    fields = {"after": pl.lit(""), **fields}
    read = lines.lazy().select_seq("row", rail=pl.lit(rail.name), **fields)
    if rail.runs_on:
        read = read.pipe(_parted)
    parts = [_numberless(pl.col(part)) for part in ("before", "after") if part in fields]
    said = pl.concat_str(parts, separator=ANOTHER, ignore_nulls=True)
    return read.select_seq("row", "rail", "name", said=said).collect(engine="in-memory")


def _parted(read: pl.LazyFrame) -> pl.LazyFrame:
    """What was read as the name, parted from the remark after it; one search without groups, which are slow."""
    remark = pl.col("name").str.extract(_REMARK, 0)
    name = pl.coalesce(pl.col("name").str.strip_suffix(pl.col("after")), "name").str.strip_chars_end()
    return read.with_columns_seq(after=remark).with_columns_seq(name=name, after=pl.col("after").str.slice(1))


def _numberless(text: pl.Expr) -> pl.Expr:
    return text.str.replace_all("[0-9]+", "0").fill_null("")
