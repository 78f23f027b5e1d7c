"""Files of invoices as rows of text: CSV, JSON and Parquet, told by their names or by how they begin.

Holds how files are read, bounded in size and rows. It knows no rule: what the columns and the texts mean is said by
`rules/invoices.py`. A number keeps the digits that it was written with, so that no amount passes through a float.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet

from resources.errors import ConfigurationError
from rules.errors import RulesError
from rules.invoices import FIELDS, ROWS, Columns, columns_of

LARGEST = 64 * 2**20
"""Bytes of a file, as it is and unpacked eight times as many."""
MOST_ROWS = 2_000_000

NO_TEXT = "\x00"
"""Stands for a value that is neither text nor a number; the rules refuse every control character."""

_DELIMITERS = ",;\t|"
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")


class Form(StrEnum):
    """How a file is written."""

    CSV = "csv"
    JSON = "json"
    PARQUET = "parquet"


_SUFFIXES = {
    **dict.fromkeys((".csv", ".tsv", ".txt"), Form.CSV),
    **dict.fromkeys((".json", ".jsonl", ".ndjson"), Form.JSON),
    **dict.fromkeys((".parquet", ".pq"), Form.PARQUET),
}


@dataclass(frozen=True)
class Rows:
    """What a file holds."""

    rows: pl.DataFrame
    """The columns of `rules.invoices.ROWS`."""
    ignored: list[str]
    """Its columns that mean nothing here."""


def read_file(path: Path) -> Rows:
    """Read a file of invoices.

    Raises:
        ConfigurationError: it cannot be read, or is too large, or is not what its name or beginning says.
        RulesError: its columns are not those of invoices.

    """
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST + 1)
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror or type(error).__name__}.") from error
    try:
        return read_content(content, form_of(content, _SUFFIXES.get(path.suffix.lower())))
    except (ConfigurationError, RulesError) as error:
        error.args = (f"{path.name}: {error}",)
        raise


def form_of(content: bytes, said: Form | None = None) -> Form:
    """How a file is written: Parquet if it begins so, else what its name or sender says, else what it looks like."""
    if content.startswith(b"PAR1"):
        return Form.PARQUET
    if said:
        return said
    return Form.JSON if content.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] in (b"[", b"{") else Form.CSV


def read_content(content: bytes, form: Form) -> Rows:
    """Read the bytes of a file of invoices.

    Raises:
        ConfigurationError: they are too many, or not of this form.
        RulesError: the columns are not those of invoices.

    """
    if len(content) > LARGEST:
        raise ConfigurationError(f"more than {LARGEST // 2**20} MiB: import it in parts.")
    if content.startswith(b"PK\x03\x04"):
        raise ConfigurationError("this is a spreadsheet or an archive: save it as CSV (UTF-8) first.")
    if not content.strip():
        raise ConfigurationError("there is nothing in it.")
    read = _READERS[form](content)
    if len(read.rows) > MOST_ROWS:
        raise ConfigurationError(f"more than {MOST_ROWS:,} rows: import it in parts.")
    return read


def _text(content: bytes) -> str:
    encoding = "utf-16" if content.startswith(_UTF_16) else "utf-8-sig"
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        raise ConfigurationError("it is no text in UTF-8: save it as CSV (UTF-8), or as JSON or Parquet.") from error
    if "\x00" in text:
        raise ConfigurationError("it is no text: there are zero bytes in it.")
    return text


def _framed(
    columns: Columns, cells: Mapping[str, Sequence[str | None]], lines: Sequence[int] | None, count: int
) -> Rows:
    """Columns of text under the names that the file gives them, as the columns of `ROWS`."""
    frame = pl.DataFrame(
        {field: pl.Series(cells[name], dtype=pl.String) for name, field in columns.fields.items()}
        | {"line": pl.Series(lines if lines is not None else [None] * count, dtype=pl.UInt32)}
    )
    return _completed(frame, columns)


def _completed(frame: pl.DataFrame, columns: Columns) -> Rows:
    missing = [pl.lit(None, pl.String).alias(field) for field in FIELDS if field not in frame.columns]
    return Rows(frame.with_row_index("row", offset=1).with_columns(missing).select(ROWS.names()), columns.ignored)


# CSV


def _read_csv(content: bytes) -> Rows:
    text = _text(content)
    records = _records(text, _delimiter(text))
    header = [name.strip() for name in next(records, (0, [""]))[1]]
    columns = columns_of([name for name in header if name])
    rows: list[list[str]] = []
    lines: list[int] = []
    for line, cells in records:
        while len(cells) > len(header) and not cells[-1].strip():
            cells.pop()
        if len(cells) != len(header):
            raise ConfigurationError(
                f"row {len(rows) + 1} (line {line}) has {len(cells)} cells, and the headings are {len(header)}: put a "
                "text with the delimiter in it into quotes."
            )
        rows.append(cells)
        lines.append(line)
    turned = dict(zip(header, zip(*rows, strict=True) if rows else [()] * len(header), strict=True))
    return _framed(columns, turned, lines, len(rows))


def _delimiter(text: str) -> str:
    """The sign that cuts the first line into most headings that are known."""
    first = text.lstrip("\r\n").splitlines()[0]
    known = {field.replace("_", "") for field in FIELDS}

    def headings(sign: str) -> int:
        return sum("".join(filter(str.isalnum, cell.lower())) in known for cell in first.split(sign))

    return max(_DELIMITERS, key=headings)


def _records(text: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """The records that hold anything, each with the line that it begins on."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    before = 0
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                yield before + 1, cells
            before = reader.line_num
    except csv.Error as error:
        raise ConfigurationError(f"the record that begins on line {before + 1} is no CSV ({error}).") from error


# JSON


def _read_json(content: bytes) -> Rows:
    found, lines = _documents(_text(content))
    for number, record in enumerate(found, start=1):
        if not isinstance(record, dict):
            raise ConfigurationError(f"row {number} is no object: give each invoice as one, with names and values.")
    names = list(dict.fromkeys(name for record in found for name in record))
    columns = columns_of(names) if found else Columns({}, [])
    cells = {name: [_plain(record.get(name)) for record in found] for name in columns.fields}
    return _framed(columns, cells, lines, len(found))


def _documents(text: str) -> tuple[list[Any], list[int] | None]:
    """The objects of a list, of `data`, or one a line; the lines they are on if so."""
    try:
        whole = _decoded(text)
    except ValueError as error:
        lines = [(number, line) for number, line in enumerate(text.split("\n"), start=1) if line.strip()]
        if len(lines) < 2 or not lines[0][1].lstrip().startswith("{"):
            raise ConfigurationError(f"it is no JSON ({_where(error)}).") from error
        return [_decoded_line(number, line) for number, line in lines], [number for number, _ in lines]
    if isinstance(whole, dict):
        whole = whole.get("data", [whole])
    if not isinstance(whole, list):
        raise ConfigurationError('it must be a list of invoices, {"data": [...]}, or one invoice a line.')
    return whole, None


def _decoded_line(number: int, line: str) -> object:
    try:
        return _decoded(line)
    except ValueError as error:
        raise ConfigurationError(f"line {number} is no JSON ({_where(error)}).") from error


def _decoded(text: str) -> Any:
    try:
        return json.loads(text, parse_float=str, parse_int=str, parse_constant=str, object_pairs_hook=_object)
    except RecursionError as error:
        message = "it is nested too deep"
        raise ValueError(message) from error


def _where(error: ValueError) -> str:
    return f"{error.msg}, line {error.lineno}" if isinstance(error, json.JSONDecodeError) else str(error)


def _object(pairs: Iterable[tuple[str, object]]) -> dict[str, object]:
    """An object; a name that is given twice has no value that can be trusted."""
    found: dict[str, object] = {}
    for name, value in pairs:
        found[name] = NO_TEXT if name in found else value
    return found


def _plain(value: object) -> str | None:
    """A value as text; numbers are text already, as they were written."""
    if value is None:
        return None
    if not isinstance(value, str):
        return NO_TEXT
    return value if value.isascii() or not any("\ud800" <= sign <= "\udfff" for sign in value) else NO_TEXT


# Parquet


def _read_parquet(content: bytes) -> Rows:
    try:
        file = pyarrow.parquet.ParquetFile(pa.BufferReader(content))
        _refuse_large(file.metadata)
        columns = columns_of(file.schema_arrow.names)
        read = pl.from_arrow(file.read(columns=list(columns.fields)))
    except (pa.ArrowException, OSError, pl.exceptions.PolarsError) as error:
        raise ConfigurationError("it is no Parquet file, or a damaged one.") from error
    assert isinstance(read, pl.DataFrame)  # noqa: S101 - a table never becomes a column
    cells = read.select(_as_text(read[name]).alias(field) for name, field in columns.fields.items())
    return _completed(cells.with_columns(line=pl.lit(None, pl.UInt32)), columns)


def _refuse_large(metadata: pyarrow.parquet.FileMetaData) -> None:
    unpacked = sum(metadata.row_group(group).total_byte_size for group in range(metadata.num_row_groups))
    if metadata.num_rows > MOST_ROWS or unpacked > 8 * LARGEST:
        raise ConfigurationError(f"more than {MOST_ROWS:,} rows or {8 * LARGEST // 2**20} MiB: import it in parts.")


def _as_text(values: pl.Series) -> pl.Series:
    """A column as text: a day as YYYY-MM-DD, a float by its shortest decimal, a decimal without zeros beyond two."""
    kind = values.dtype
    if isinstance(kind, pl.Datetime):
        return values.cast(pl.String).str.replace(r" 00:00:00(\.0+)?$", "")
    if isinstance(kind, pl.Decimal):
        return values.cast(pl.String).str.replace(r"^(-?\d+\.\d\d)0+$", "$1")
    if kind.is_numeric() or kind in (pl.String, pl.Date, pl.Categorical, pl.Enum, pl.Null):
        return values.cast(pl.String)
    return values.is_not_null().replace_strict({True: NO_TEXT, False: None}, return_dtype=pl.String)


_READERS: dict[Form, Callable[[bytes], Rows]] = {
    Form.CSV: _read_csv,
    Form.JSON: _read_json,
    Form.PARQUET: _read_parquet,
}
