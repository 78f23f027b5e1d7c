"""Labels as people write them in files: read, checked row by row, and held against each other.

A label says of one line that it is `business` or `personal`. Rows come as text; a fault names its row and what to
write instead, never the line's content.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import polars as pl

from rules.errors import RulesError
from rules.metrics import kappa

BUSINESS, PERSONAL = "business", "personal"
SPELLINGS = {BUSINESS: BUSINESS, PERSONAL: PERSONAL, "not_business": PERSONAL}
"""What a file may say, and the label that it means."""

NAMELESS = "import"
"""Who labelled where neither the file nor the command says."""

_REQUIRED = ("account_id", "transaction_id", "label")
_FAULTS_TOLD = 10


class LabelError(RulesError):
    """A file of labels cannot be used; the message names the rows."""


@dataclass(frozen=True)
class ReadLabels:
    """The labels of a file."""

    labels: pl.DataFrame
    """`account_id`, `transaction_id`, `label`, `labelled_by`; one row a line and person."""
    blank: int
    """Rows without a label: lines of a sample that nobody has labelled yet."""


def read_labels(rows: pl.DataFrame, source: str, by: str | None = None) -> ReadLabels:
    """Check the rows of a file of labels.

    Args:
        rows: the file's columns as text; those that are not known are ignored.
        source: how the messages name the file.
        by: who labelled, where the file has no `labelled_by` of its own.

    Raises:
        LabelError: a column is missing, or rows cannot be used; nothing of the file is.

    """
    if missing := [name for name in _REQUIRED if name not in rows.columns]:
        raise LabelError(f"{source} has no column {' and none called '.join(missing)}: each row needs {_listed()}.")
    person = _trimmed("labelled_by") if "labelled_by" in rows.columns else pl.lit(None, dtype=pl.String)
    told = rows.with_row_index("row", offset=1).select(
        "row",
        *(_trimmed(name) for name in ("account_id", "transaction_id")),
        given=_trimmed("label").str.to_lowercase(),
        labelled_by=pl.coalesce(person, pl.lit(by or NAMELESS)),
    )
    filled = told.filter(pl.col("given").is_not_null()).with_columns(
        label=pl.col("given").replace_strict(SPELLINGS, default=None, return_dtype=pl.String)
    )
    _refuse(_faults(filled), source)
    labels = filled.select("account_id", "transaction_id", "label", "labelled_by").unique(maintain_order=True)
    return ReadLabels(labels, len(told) - len(filled))


def _listed() -> str:
    return "account_id, transaction_id and label (business or personal)"


def _trimmed(name: str) -> pl.Expr:
    text = pl.col(name).cast(pl.String).str.strip_chars()
    return pl.when(text != "").then(text).alias(name)


def _faults(rows: pl.DataFrame) -> list[tuple[int, str]]:
    """The rows that cannot be used, each with what to write instead."""
    key = ["account_id", "transaction_id", "labelled_by"]
    blank = rows.filter(pl.any_horizontal(pl.col("account_id", "transaction_id").is_null()))
    unknown = rows.filter(pl.col("label").is_null())
    twice = rows.filter(pl.col("label").n_unique().over(key) > 1, pl.col("label").is_not_null())
    return sorted(
        [
            *((row, "write both account_id and transaction_id") for row in blank["row"]),
            *((row, "write business or personal as the label") for row in unknown["row"]),
            *((row, "another row labels the same line otherwise by the same person") for row in twice["row"]),
        ]
    )


def _refuse(faults: list[tuple[int, str]], source: str) -> None:
    if not faults:
        return
    told = "; ".join(f"row {row}: {what}" for row, what in faults[:_FAULTS_TOLD])
    more = f"; and {len(faults) - _FAULTS_TOLD:,} more" if len(faults) > _FAULTS_TOLD else ""
    raise LabelError(f"{source}: {told}{more}. Nothing was imported.")


@dataclass(frozen=True)
class Agreement:
    """How far two people agree on the lines that both have labelled."""

    one: str
    other: str
    lines: int
    agreed: int
    kappa: float | None
    """Cohen's; None where chance alone explains all (both say the same of every line, say)."""


def agreement(labels: pl.DataFrame) -> list[Agreement]:
    """The agreement of every two people that labelled lines in common.

    Args:
        labels: `account_id`, `transaction_id`, `label`, `labelled_by`, one row a line and person.

    """
    key = ["account_id", "transaction_id"]
    people = sorted(labels["labelled_by"].unique())
    by_person = {name: labels.filter(pl.col("labelled_by") == name).select(*key, "label") for name in people}
    found = []
    for one, other in combinations(people, 2):
        both = by_person[one].join(by_person[other], on=key, suffix="_other")
        if len(both):
            counted = both.group_by("label", "label_other").len()
            pairs = {(first, second): count for first, second, count in counted.iter_rows()}
            agreed = sum(count for (first, second), count in pairs.items() if first == second)
            found.append(Agreement(one, other, len(both), agreed, kappa(pairs)))
    return found


def disagreements(words: pl.DataFrame) -> pl.DataFrame:
    """The lines of which people say different things: `account_id`, `transaction_id`, `said`, `counts`.

    Args:
        words: `account_id`, `transaction_id`, `label`, `labelled_by`, `source` and `counts`, the label that counts.

    """
    act = pl.when(pl.col("source") != "labelled").then(pl.format(" ({})", "source")).otherwise(pl.lit(""))
    said = pl.format("{}{}: {}", "labelled_by", act, "label").sort_by("labelled_by").str.join(", ")
    return (
        words.group_by("account_id", "transaction_id", maintain_order=True)
        .agg(said=said, counts=pl.col("counts").first(), different=pl.col("label").n_unique() > 1)
        .filter("different")
        .drop("different")
    )
