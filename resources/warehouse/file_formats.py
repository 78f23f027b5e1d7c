"""Rows as files: Parquet, CSV and XLSX, written batch by batch in bounded memory, each whole or not at all.

Holds the forms of files and how a file takes its name only when it is done. It knows no table and no SQL.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from resources.errors import ConfigurationError, KobosiftError

SHEET_ROWS = 1_048_575
"""How many rows a sheet holds below its headings."""

_SHEET_TEXT = 32_767
_EXACT_IN_A_SHEET = 10**15

Writer = Callable[[pa.Schema, Iterable[pa.RecordBatch], Path], int]


@contextmanager
def written_whole(out: Path) -> Iterator[Path]:
    """Give a path beside the wanted one to write to; it takes the wanted name once it is whole and on disk.

    Raises:
        ConfigurationError: there is no such folder, or a folder has that name.
        KobosiftError: it cannot be written, as where the disk is full.

    """
    if out.is_dir() or not out.parent.is_dir():
        raise ConfigurationError(f"{out} cannot be written: name a file in a folder that exists.")
    path = out.with_name(f".{out.name}.{secrets.token_hex(4)}.part")
    try:
        yield path
        with path.open("rb") as file:
            os.fsync(file.fileno())
        path.replace(out)
    except OSError as error:
        raise KobosiftError(f"{out} cannot be written: {error.strerror or type(error).__name__}.") from error
    finally:
        with suppress(OSError):
            path.unlink(missing_ok=True)


def write_parquet(schema: pa.Schema, batches: Iterable[pa.RecordBatch], path: Path) -> int:
    """Write rows as Parquet, their types kept, and return how many."""
    rows = 0
    with pyarrow.parquet.ParquetWriter(path, schema, compression="zstd") as writer:
        for batch in batches:
            writer.write_batch(batch)
            rows += batch.num_rows
    return rows


def write_csv(schema: pa.Schema, batches: Iterable[pa.RecordBatch], path: Path) -> int:
    """Write rows as CSV with headings, texts in quotes and what is missing left empty, and return how many."""
    rows = 0
    with pyarrow.csv.CSVWriter(path, schema) as writer:
        for batch in batches:
            writer.write_batch(batch)
            rows += batch.num_rows
    return rows


def write_xlsx(schema: pa.Schema, batches: Iterable[pa.RecordBatch], path: Path) -> int:
    """Write rows as one sheet with headings, and return how many.

    Raises:
        KobosiftError: they do not fit a sheet.

    """
    import xlsxwriter  # drawn in for sheets only

    rows = 0
    with xlsxwriter.Workbook(path, {"constant_memory": True, "tmpdir": str(path.parent)}) as book:
        sheet = book.add_worksheet()
        forms = {"datetime": "yyyy-mm-dd hh:mm:ss", "date": "yyyy-mm-dd"}
        formats = {kind: book.add_format({"num_format": form}) for kind, form in forms.items()}
        sheet.write_row(0, 0, schema.names, book.add_format({"bold": True}))
        sheet.freeze_panes(1, 0)
        for batch in batches:
            if rows + batch.num_rows > SHEET_ROWS:
                raise KobosiftError(f"a sheet holds {SHEET_ROWS:,} rows, and there are more: export parquet or csv.")
            for values in zip(*(column.to_pylist() for column in batch.columns), strict=True):
                rows += 1
                for column, value in enumerate(values):
                    _write_cell(sheet, rows, column, value, formats)
    return rows


WRITERS: dict[str, Writer] = {"parquet": write_parquet, "csv": write_csv, "xlsx": write_xlsx}


def _write_cell(sheet: Any, row: int, column: int, value: object, formats: dict[str, Any]) -> None:
    if value is None:
        return
    if isinstance(value, bool):
        sheet.write_boolean(row, column, value)
    elif isinstance(value, int) and abs(value) < _EXACT_IN_A_SHEET:
        sheet.write_number(row, column, value)
    elif isinstance(value, (datetime, date)):
        sheet.write_datetime(row, column, value, formats[type(value).__name__])
    else:
        sheet.write_string(row, column, str(value)[:_SHEET_TEXT])
