"""Labels in, and samples to label out: read, checked or drawn by the rules, written whole."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import duckdb
import polars as pl

from resources.clock import Clock
from resources.errors import ConfigurationError, KobosiftError
from resources.row_files import check_form, read_rows, write_rows
from resources.warehouse import labels, rejections
from resources.warehouse.connection import Warehouse
from resources.warehouse.rejections import Asked
from rules.labels import SPELLINGS, LabelError, read_labels
from rules.money import major_units_of
from rules.sampling import REJECTIONS_SHARE, allocated, margins

SHEET = pl.Schema(
    {
        "account_id": pl.String(),
        "transaction_id": pl.String(),
        "day": pl.Date(),
        "direction": pl.String(),
        "amount": pl.String(),
        "currency": pl.String(),
        "narration": pl.String(),
        "description": pl.String(),
        "counterparty": pl.String(),
        "reference": pl.String(),
        "tags": pl.String(),
        "label": pl.String(),
        "labelled_by": pl.String(),
    }
)
"""The columns of a sample: what the bank says (amounts in major units) and two empty ones to fill. What was decided is
left out, so that nobody labels by it."""


@dataclass(frozen=True)
class LabelReport:
    """What became of a file of labels, in counts."""

    rows: int
    blank: int
    new: int
    changed: int
    unchanged: int
    unknown: int


def import_labels(warehouse: Warehouse, clock: Clock, path: Path, *, by: str | None, run_id: str) -> LabelReport:
    """Take in the labels of a file, all that are of known lines or none.

    Raises:
        ConfigurationError: the file cannot be read.
        LabelError: a row cannot be used.
        KobosiftError: no row is of a line that is in the warehouse.
    """
    rows = read_rows(path)
    read = read_labels(rows, path.name, by)
    done = warehouse.write(
        lambda con: labels.take_in(con, read.labels, clock.now()), run_id=run_id, note="import labels"
    )
    if done.unknown and done.unknown == len(read.labels):
        raise KobosiftError(
            f"none of the {done.unknown:,} labelled lines in {path.name} is in the warehouse: sync their accounts."
        )
    return LabelReport(len(rows), read.blank, done.new, done.changed, done.unchanged, done.unknown)


def label_rejection(
    warehouse: Warehouse, clock: Clock, transaction_id: str, account_id: str | None, label: str, by: str, *, run_id: str
) -> None:
    """Take in one person's label of one entry of the dead-letter queue.

    Raises:
        LabelError: the label is no label.
        ConfigurationError: the queue holds no such entry, or several accounts know the id.
    """
    if label.strip().lower() not in SPELLINGS:  # said here: for one label the words about a file's rows would not fit
        raise LabelError(f"write business or personal for what {transaction_id} is.")

    def work(con: duckdb.DuckDBPyConnection) -> None:
        asked = Asked(account_id=account_id, transaction_id=transaction_id)
        found = rejections.entries(con, asked).select("account_id", "transaction_id")
        if len(found) != 1:
            fix = "several accounts have one: add --account" if len(found) else "kobosift rejections list shows them"
            raise ConfigurationError(f"the queue holds {len(found)} rejections of {transaction_id}: {fix}.")
        read = read_labels(found.with_columns(label=pl.lit(label)), "the label", by)
        labels.take_in(con, read.labels, clock.now())

    warehouse.write(work, run_id=run_id, note="label a rejection")


@dataclass(frozen=True)
class SampleReport:
    """What a sample holds, and how much it will tell."""

    sheet: pl.DataFrame
    """The lines that were drawn, the columns of `SHEET`; fewer than asked for where there are no more."""
    candidates: int
    """How many lines there are to draw from."""
    random_rejections: int
    strata: list[dict[str, object]]
    """By outcome, detail and band of amounts (digits in minor units): how many `lines` there are, `drawn` of them."""
    margins: dict[str, float | None]
    """By outcome the margin of error of its share of business lines, at 95 % and at worst."""


def draw_sample(
    warehouse: Warehouse,
    out: Path | None,
    *,
    size: int,
    seed: int,
    rejections_share: float = REJECTIONS_SHARE,
    second_by: str | None = None,
) -> SampleReport:
    """Draw a stratified sample of lines to label, and write it to a file where one is named.

    Args:
        warehouse: only read.
        out: a CSV, XLSX or Parquet file; one that is there is replaced.
        size: how many lines.
        seed: the same draws the same from the same lines.
        rejections_share: the part that is drawn from all rejections alike.
        second_by: for a second opinion: lines that others have labelled and this person has not.

    Raises:
        ConfigurationError: the file cannot be written there.
        KobosiftError: there is no line to draw, or the file cannot be written whole.
    """
    if out:
        check_form(out)
    with warehouse.read() as con:
        con.begin()  # one snapshot, whatever others commit meanwhile
        there = labels.strata(con, second_by=second_by)
        plan = allocated(there, size, rejections_share)
        lines = labels.draw(con, plan.strata, plan.random_rejections, seed, second_by)
        con.rollback()
    if lines.is_empty():
        raise KobosiftError(_nothing(second_by))
    stratum = ["outcome", "detail", "band"]
    drawn = lines.group_by(stratum).agg(drawn=pl.len().cast(pl.Int64))
    counted = there.join(drawn, on=stratum, how="left").with_columns(pl.col("drawn").fill_null(0)).sort(stratum)
    sheet = _sheet(lines, second_by)
    if out:
        write_rows([sheet], SHEET, out)
    return SampleReport(sheet, int(there["lines"].sum()), plan.random_rejections, counted.to_dicts(), margins(counted))


def _sheet(lines: pl.DataFrame, labelled_by: str | None) -> pl.DataFrame:
    empty = pl.lit(None, dtype=pl.String)
    filled = lines.with_columns(
        amount=major_units_of(pl.col("amount")), label=empty, labelled_by=pl.lit(labelled_by, dtype=pl.String)
    )
    return filled.select(pl.col(name).cast(kind) for name, kind in SHEET.items())


def _nothing(second_by: str | None) -> str:
    if second_by:
        return f"there is no line that others have labelled and {second_by} has not."
    return "there is no decided line without a label: kobosift run decides what has come in."
