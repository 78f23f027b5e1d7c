"""Files of rows that people hand in and take away: read as text, column by column, and written whole.

Holds forms and faults of files; what the rows mean is for the rules. A cell of a CSV or XLSX file that a spreadsheet
would take for a formula is written with an apostrophe before it, which is taken off again where it is read.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path

import polars as pl
import pyarrow as pa

from resources.errors import ConfigurationError
from resources.warehouse.file_formats import WRITERS, written_whole

LARGEST = 512 * 1024 * 1024
"""Bytes of a file that is read: whoever hands in more has taken the wrong file."""

_FORMULA = r"^([=+\-@\t\r])"
_GUARDED = r"^'([=+\-@\t\r])"


def read_rows(path: Path) -> pl.DataFrame:
    """The rows of a CSV, XLSX (its first sheet), JSON (a list of objects) or Parquet file, each value as text.

    Raises:
        ConfigurationError: it cannot be read; the sentence says why, and tells no value.

    """
    form = path.suffix.lower().lstrip(".")
    if form not in _READERS:
        raise ConfigurationError(f"{path} is no .csv, .xlsx, .json or .parquet file: save the rows as one of these.")
    try:
        if path.stat().st_size > LARGEST:
            raise ConfigurationError(f"{path} is larger than {LARGEST // 1024**2} MiB: hand it in in parts.")
        rows = _READERS[form](path)
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror or type(error).__name__}.") from None
    except (pl.exceptions.PolarsError, ValueError, zipfile.BadZipFile):
        raise ConfigurationError(
            f"{path} is not the {form.upper()} file that its name says, or it is damaged."
        ) from None
    return rows


def _read_csv(path: Path) -> pl.DataFrame:
    rows = pl.read_csv(path, infer_schema=False, truncate_ragged_lines=False)
    return rows.with_columns(pl.all().str.replace(_GUARDED, "$1"))


def _read_xlsx(path: Path) -> pl.DataFrame:
    import fastexcel  # drawn in for sheets only

    with zipfile.ZipFile(path) as parts:
        if sum(part.file_size for part in parts.infolist()) > LARGEST:
            raise ConfigurationError(f"{path} is larger than {LARGEST // 1024**2} MiB unpacked: hand it in in parts.")
    try:
        rows = fastexcel.read_excel(path).load_sheet(0, dtypes="string").to_polars()
    except fastexcel.FastExcelError as error:
        raise ValueError from error
    return rows.with_columns(pl.col(pl.String).str.replace(_GUARDED, "$1"))


def _read_json(path: Path) -> pl.DataFrame:
    rows = json.loads(path.read_text("utf-8-sig"))
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise ConfigurationError(f"{path} must be a list of objects, one a row.")
    names = list(dict.fromkeys(name for row in rows for name in row))
    if rows and not names:  # a frame without columns has no rows either, and would pass for an empty list
        raise ConfigurationError(f"{path} must be a list of rows, each row an object with keys.")
    return pl.DataFrame({name: [_text(row.get(name)) for row in rows] for name in names}, schema=_all_text(names))


def _read_parquet(path: Path) -> pl.DataFrame:
    rows = pl.read_parquet(path)
    plain = [name for name, kind in rows.schema.items() if not kind.is_nested()]
    return rows.select(pl.col(plain).cast(pl.String, strict=False))


_READERS = {"csv": _read_csv, "xlsx": _read_xlsx, "json": _read_json, "parquet": _read_parquet}


def _text(value: object) -> str | None:
    return value if value is None or isinstance(value, str) else json.dumps(value)


def _all_text(names: list[str]) -> dict[str, type[pl.String]]:
    return dict.fromkeys(names, pl.String)


def check_form(out: Path) -> None:
    """See that a file's name says in which form it is to be written.

    Raises:
        ConfigurationError: it does not.

    """
    if out.suffix.lower().lstrip(".") not in WRITERS:
        raise ConfigurationError(f"{out} must end in .csv, .xlsx or .parquet: the name says the form.")


def write_rows(frames: Iterable[pl.DataFrame], schema: pl.Schema, out: Path) -> int:
    """Write frames of one schema below each other to a CSV, XLSX or Parquet file, whole or not at all.

    Returns:
        The number of rows.

    Raises:
        ConfigurationError: the name says no form, or it cannot be written there.
        KobosiftError: it cannot be written whole.

    """
    check_form(out)
    form = out.suffix.lower().lstrip(".")
    empty = _cells(pl.DataFrame(schema=schema), form).to_arrow()
    with written_whole(out) as path:
        return WRITERS[form](empty.schema, _batches(frames, form, empty.schema), path)


def write_text(text: str, out: Path) -> None:
    """Write a text file, whole or not at all.

    Raises:
        ConfigurationError: it cannot be written there.
        KobosiftError: it cannot be written whole.

    """
    with written_whole(out) as path:
        path.write_text(text, encoding="utf-8")


def _batches(frames: Iterable[pl.DataFrame], form: str, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    for frame in frames:
        yield from _cells(frame, form).to_arrow().cast(schema).to_batches()


def _cells(frame: pl.DataFrame, form: str) -> pl.DataFrame:
    """The values as such a file can hold them: lists as text, no formulas, in a sheet no zones."""
    if form == "parquet":
        return frame
    lists = [name for name, kind in frame.schema.items() if isinstance(kind, pl.List)]
    frame = frame.with_columns(pl.col(lists).cast(pl.List(pl.String)).list.join(", "))
    zoned = [name for name, kind in frame.schema.items() if isinstance(kind, pl.Datetime)] if form == "xlsx" else []
    guarded = pl.col(pl.String).str.replace(_FORMULA, "'$1")
    return frame.with_columns(guarded).with_columns(pl.col(zoned).dt.replace_time_zone(None))
