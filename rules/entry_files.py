"""List entries as people write them in a file, to be tried and not to be put in force: checked row by row.

The form is that of `kobosift lists show --json`, so that what is in force can be taken, changed and tried.
"""

from __future__ import annotations

from datetime import datetime

import polars as pl

from rules.errors import ListEntryError
from rules.lists import ENTRIES, check_entry

_REQUIRED = ("list", "organization_id", "environment", "field", "match", "value")
_FAULTS_TOLD = 10


def read_entries(rows: pl.DataFrame, source: str, now: datetime) -> pl.DataFrame:
    """Check the rows of a file of list entries and give them as `lists.ENTRIES`.

    Args:
        rows: the file's columns as text; those that are not known are ignored.
        source: how the messages name the file.
        now: since when entries hold that do not say.

    Raises:
        ListEntryError: a column is missing, or rows cannot be used; the message names them.

    """
    if not rows.width and source.lower().endswith(".json"):  # a list of nothing has no keys to name, and is a state too
        return pl.DataFrame(schema=ENTRIES)
    if missing := [name for name in _REQUIRED if name not in rows.columns]:
        raise ListEntryError(f"{source} has no column {', '.join(missing)}: each entry needs {', '.join(_REQUIRED)}.")
    times = {name: _time(rows, name) for name in ("created_at", "expires_at")}
    told = rows.with_row_index("row", offset=1).select(
        "row",
        *(pl.col(name) for name in _REQUIRED),
        *(_column(rows, name) for name in ("entry_id", "account_id")),
        created_at=times["created_at"].fill_null(now),
        expires_at=times["expires_at"],
    )
    if faults := [fault for row in told.iter_rows(named=True) if (fault := _fault(row))]:
        more = f"; and {len(faults) - _FAULTS_TOLD:,} more" if len(faults) > _FAULTS_TOLD else ""
        raise ListEntryError(f"{source}: {'; '.join(faults[:_FAULTS_TOLD])}{more}.")
    named = told.with_columns(pl.col("entry_id").fill_null(pl.format("tried_{}", "row")))
    return named.select(ENTRIES.names()).cast(ENTRIES)


def _fault(row: dict[str, object]) -> str | None:
    """What is wrong with a row, without its value."""
    values = [row[name] for name in _REQUIRED]
    if not all(isinstance(value, str) and value for value in values):
        return f"row {row['row']}: write {', '.join(_REQUIRED)}"
    try:
        check_entry(str(row["list"]), str(row["field"]), str(row["match"]), str(row["value"]))
    except ListEntryError as error:
        return f"row {row['row']}: {error}"
    return None


def _column(rows: pl.DataFrame, name: str) -> pl.Expr:
    text = pl.col(name) if name in rows.columns else pl.lit(None, dtype=pl.String)
    return pl.when(text != "").then(text).alias(name)


def _time(rows: pl.DataFrame, name: str) -> pl.Expr:
    """A moment with a zone in ISO 8601; null where there is none, or none that can be read."""
    return _column(rows, name).str.to_datetime(time_unit="us", time_zone="UTC", strict=False)
