"""Whether the data files that the catalogue counts on are there and whole; it reads them and mends nothing."""

from __future__ import annotations

import os
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from resources.warehouse.data_map import TABLES
from resources.warehouse.engine import CATALOG

DECODED_BYTES = 256 << 20
"""Up to so many bytes in all, files are decoded; beyond, their lengths and ends are looked at."""


def damaged_files(con: duckdb.DuckDBPyConnection) -> list[str]:
    """The data files in force that are missing, cut, or cannot be decoded.

    Those in a bucket are not looked at; of encrypted ones, length and ends are.
    """
    listed = [row for table in TABLES for row in con.execute(_FILES, {"table": table.name}).fetchall()]
    files = [(Path(name), size) for name, size in listed if "://" not in name]
    decode = sum(size for _, size in files) <= DECODED_BYTES
    return sorted(str(path) for path, size in files if not _is_whole(path, size, decode=decode))


def _is_whole(path: Path, size: int, *, decode: bool) -> bool:
    try:
        if path.stat().st_size != size:
            return False
        if _ends(path) == _ENCRYPTED:
            return True
        with pq.ParquetFile(path) as file:  # reads the end, where the file says what is in it
            for _ in file.iter_batches() if decode else ():
                pass
    except (OSError, pa.ArrowException):
        return False
    return True


def _ends(path: Path) -> tuple[bytes, bytes]:
    with path.open("rb") as file:
        first = file.read(4)
        file.seek(-4, os.SEEK_END)
        return first, file.read(4)


_ENCRYPTED = (b"PARE", b"PARE")
_FILES = f"SELECT data_file, data_file_size_bytes FROM ducklake_list_files('{CATALOG}', $table)"  # noqa: S608
