"""Looking for remnants: a search of every byte of some places, and the clearing of files that hold what is looked for.

It decodes what it reads: SQLite (tables, free pages, the log beside it), Parquet (values, and the statistics in the
footer), zip (XLSX too) and gzip, JSON escapes; and every file's bytes as they are. It runs as a program of its own,
`python -m resources.remnants`, with one JSON document in and one out: nothing in a process that has the catalogue
open may open that file (`resources/warehouse/engine.py`). What is looked for comes by standard input, since others
see a process's arguments, and what is found is told by place, never by content.

It holds no knowledge of the warehouse's tables. Encrypted files cannot be decoded; their rows are looked for in SQL.
"""

from __future__ import annotations

import gzip
import io
import json
import re
import sqlite3
import struct
import subprocess
import sys
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

_FEW = 64
_CHUNK = 8 << 20
_SQLITE = b"SQLite format 3\0"
_WAL_MAGIC = (0x377F0682, 0x377F0683)
_WAL_HEADER, _WAL_FRAME = 32, 24
_BUSY_SECONDS = 30.0
_ESCAPED = re.compile(rb"\\u([0-9a-fA-F]{4})")


@dataclass(frozen=True)
class Task:
    """What to look for, and where."""

    roots: list[str]
    """Files and folders; one that is not there holds nothing."""
    needles: list[str]
    leave_out: list[str] = field(default_factory=list)
    """Files and folders below the roots that are not looked at."""
    clear: list[str] = field(default_factory=list)
    """Files to clear of the needles; the roots are not searched then."""
    vacuum: str | None = None
    """A SQLite file to write anew, so that nothing deleted is left in it."""


@dataclass(frozen=True)
class Found:
    """Where something was found: which needles, by their place in the task."""

    path: str
    needles: list[int]


def run_apart(task: Task, spill: Path) -> list[Found]:
    """Do a task in a process of its own.

    Args:
        task: what to do.
        spill: a folder for what SQLite needs room for.

    Raises:
        OSError: it could not be done; the text names no value.
    """
    environment = {"SQLITE_TMPDIR": str(spill), "PYTHONPATH": str(Path(__file__).parents[1])}
    spill.mkdir(mode=0o700, parents=True, exist_ok=True)
    done = subprocess.run(
        [sys.executable, "-m", "resources.remnants"],
        input=json.dumps(asdict(task)),
        capture_output=True,
        text=True,
        check=False,
        env=environment,
    )
    if done.returncode:
        kind = done.stderr.strip().splitlines()[-1:] or ["it was killed"]
        raise OSError(f"the search for remnants failed ({kind[0].partition(':')[0]})")
    return [Found(**found) for found in json.loads(done.stdout)]


def search(roots: Iterable[Path], needles: Sequence[str], leave_out: Iterable[Path] = ()) -> list[Found]:
    """Search places for needles; what is in `leave_out` is not looked at.

    Raises:
        OSError, sqlite3.Error: a file that should be searched cannot be.
    """
    finder = _Finder(needles)
    left_out = {path.resolve() for path in leave_out}
    found = []
    for path in sorted({path for root in roots for path in _files(root, left_out)}):
        with suppress(FileNotFoundError):  # gone since it was listed: then it holds nothing
            if places := finder.in_file(path):
                found.append(Found(str(path), sorted(places)))
    return found


def clear(path: Path, needles: Sequence[str]) -> None:
    """Take what holds a needle out of a file: rows of tables, lines of text, else the file itself."""
    finder = _Finder(needles)
    with path.open("rb") as file:
        head = file.read(16)
    if head == _SQLITE:
        _clear_sqlite(path, finder)
    elif path.suffix in (".jsonl", ".csv", ".log", ".txt"):
        lines = path.read_bytes().splitlines(keepends=True)
        _replace(path, b"".join(line for line in lines if not finder.among(_spellings(line))))
    elif head[:4] == b"PAR1" and (kept := _kept_rows(path, finder)) is not None:
        beside = path.with_name(f".{path.name}.clearing")
        pq.write_table(kept, beside)
        beside.replace(path)
    elif not path.name.endswith(("-wal", "-shm")):
        path.unlink()


def vacuum(path: Path) -> None:
    """Write a SQLite file anew and empty its log: free pages, and gaps within pages, are gone then.

    Raises:
        OSError: someone kept reading the log.
    """
    with closing(sqlite3.connect(path, timeout=_BUSY_SECONDS, isolation_level=None)) as con:
        con.execute("VACUUM")
        if con.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]:
            raise OSError("the log beside the file is in use")


def _files(root: Path, left_out: set[Path]) -> Iterator[Path]:
    if root.resolve() in left_out or root.is_symlink():
        return
    if root.is_file():
        yield root
    elif root.is_dir():
        for entry in root.iterdir():
            yield from _files(entry, left_out)


class _Finder:
    """Finds needles in bytes: a few by looking for each, many at once by an automaton."""

    def __init__(self, needles: Sequence[str]) -> None:
        self._needles = [needle.encode() for needle in needles]
        self._places = {needle: place for place, needle in enumerate(self._needles)}
        self._longest = max(map(len, self._needles), default=0)

    def in_file(self, path: Path) -> set[int]:
        """The needles in a file, as it is and decoded."""
        return self.among(_decoded(path))

    def among(self, pieces: Iterable[bytes]) -> set[int]:
        """The needles in some pieces, whatever the piece."""
        found: set[int] = set()
        for joined in _gathered(pieces):
            found |= self._in_bytes(joined)
        return found

    def _in_bytes(self, data: bytes) -> set[int]:
        if len(self._needles) <= _FEW:
            return {place for place, needle in enumerate(self._needles) if needle in data}
        found: set[int] = set()
        for start in range(0, len(data), _CHUNK):
            found |= self._by_automaton(data[start : start + _CHUNK + self._longest])
        return found

    def _by_automaton(self, data: bytes) -> set[int]:
        import polars as pl

        patterns = [needle.decode("latin-1") for needle in self._needles]
        text = pl.Series([data.decode("latin-1")])  # one sign a byte
        matches = text.str.extract_many(patterns, overlapping=True).explode().drop_nulls().unique()
        return {self._places[match.encode("latin-1")] for match in matches}


def _gathered(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Pieces put together into larger ones, apart from each other by a zero byte."""
    waiting: list[bytes] = []
    size = 0
    for piece in pieces:
        waiting.append(piece)
        size += len(piece)
        if size >= _CHUNK:
            yield b"\0".join(waiting)
            waiting, size = [], 0
    yield b"\0".join(waiting)


def _decoded(path: Path) -> Iterator[bytes]:
    """A file's bytes, and what they say."""
    data = path.read_bytes()
    yield data
    if data[:16] == _SQLITE:
        log = path.with_name(path.name + "-wal")
        yield from _sqlite_values(data, log.read_bytes() if log.exists() else b"")
    else:
        yield from _said_by(data)


def _said_by(data: bytes) -> Iterator[bytes]:
    """What bytes say that are packed or escaped."""
    if data[:4] == b"PAR1" == data[-4:]:
        for batch in pq.ParquetFile(pa.BufferReader(data)).iter_batches():
            for column in batch.columns:
                yield from _arrow_values(column)
    elif data[:4] == b"PK\x03\x04":
        with suppress(zipfile.BadZipFile), zipfile.ZipFile(io.BytesIO(data)) as pack:
            for name in pack.namelist():
                inner = pack.read(name)
                yield inner
                yield from _said_by(inner)
    elif data[:2] == b"\x1f\x8b":
        with suppress(OSError, EOFError, zlib.error):
            inner = gzip.decompress(data)
            yield inner
            yield from _said_by(inner)
    elif b"\\u" in data or b"\\/" in data:
        yield from _spellings(data)


def _spellings(data: bytes) -> Iterator[bytes]:
    """Bytes as they are, unpacked, and with JSON's escapes undone."""
    yield data
    if data[:1] == b"x":  # a packed snapshot, as Dagster keeps of its jobs
        with suppress(zlib.error):
            yield zlib.decompress(data)
    if b"\\" in data:
        yield _ESCAPED.sub(lambda found: chr(int(found[1], 16)).encode("utf-8", "replace"), data.replace(b"\\/", b"/"))


def _arrow_values(column: pa.Array) -> Iterator[bytes]:
    while pa.types.is_list(column.type) or pa.types.is_large_list(column.type):
        column = column.flatten()
    if pa.types.is_dictionary(column.type):
        column = column.dictionary
    if pa.types.is_struct(column.type):
        for inner in column.flatten():
            yield from _arrow_values(inner)
    elif pa.types.is_string(column.type) or pa.types.is_large_string(column.type) or pa.types.is_binary(column.type):
        for value in column.drop_null().unique().to_pylist():
            yield value.encode() if isinstance(value, str) else value


def _sqlite_values(data: bytes, log: bytes) -> Iterator[bytes]:
    """Every text and blob of a SQLite file with its log played over it, without opening the file itself."""
    with closing(sqlite3.connect(":memory:")) as con:
        con.deserialize(_played(data, log))
        with suppress(sqlite3.DatabaseError):  # damaged: its bytes were searched as they are
            tables = con.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND rootpage > 0").fetchall()
            for (table,) in tables:
                for row in con.execute(f'SELECT * FROM "{table}"'):  # noqa: S608 - the file's own names
                    for value in row:
                        if isinstance(value, (str, bytes)):
                            yield from _spellings(_as_bytes(value))


def _played(data: bytes, log: bytes) -> bytes:
    """A SQLite file's image with the pages of its write-ahead log in place, marked as having no log."""
    image = bytearray(data)
    size = int.from_bytes(image[16:18], "big") or 1
    size = 65536 if size == 1 else size
    if len(log) >= _WAL_HEADER and struct.unpack(">I", log[:4])[0] in _WAL_MAGIC:
        for start in range(_WAL_HEADER, len(log) - _WAL_FRAME - size + 1, _WAL_FRAME + size):
            page = struct.unpack(">I", log[start : start + 4])[0]
            if page:
                image.extend(bytes(max(0, page * size - len(image))))
                image[(page - 1) * size : page * size] = log[start + _WAL_FRAME : start + _WAL_FRAME + size]
    image[18:20] = b"\x01\x01"
    image[28:32] = (len(image) // size).to_bytes(4, "big")
    image[92:96] = image[24:28]
    return bytes(image)


def _clear_sqlite(path: Path, finder: _Finder) -> None:
    """Delete the rows that hold a needle, and write the file anew."""
    with closing(sqlite3.connect(path, timeout=_BUSY_SECONDS, isolation_level=None)) as con:
        for (table,) in con.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND rootpage > 0").fetchall():
            if table.startswith("sqlite_"):
                continue
            rows = con.execute(f'SELECT rowid, * FROM "{table}"')  # noqa: S608 - the file's own names
            hit = [
                (row[0],)
                for row in rows
                if finder.among(part for value in row[1:] for part in _spellings(_as_bytes(value)))
            ]
            con.executemany(f'DELETE FROM "{table}" WHERE rowid = ?', hit)  # noqa: S608 - the file's own names
    vacuum(path)


def _as_bytes(value: object) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode()


def _kept_rows(path: Path, finder: _Finder) -> pa.Table | None:
    """The rows of a Parquet file that hold no needle; None where it cannot be read."""
    try:
        table = pq.read_table(path)
    except (OSError, pa.ArrowException):
        return None
    rows = table.to_pylist()
    kept = [
        not finder.among(part for value in row.values() for part in _spellings(str(value).encode())) for row in rows
    ]
    return table.filter(pa.array(kept, pa.bool_()))


def _replace(path: Path, data: bytes) -> None:
    beside = path.with_name(f".{path.name}.clearing")
    beside.write_bytes(data)
    beside.replace(path)


def _main() -> None:
    task = Task(**json.load(sys.stdin))
    if task.vacuum:
        vacuum(Path(task.vacuum))
    for path in task.clear:
        with suppress(FileNotFoundError):
            clear(Path(path), task.needles)
    roots = [] if task.clear else [Path(root) for root in task.roots]
    found = search(roots, task.needles, [Path(path) for path in task.leave_out]) if task.needles else []
    print(json.dumps([asdict(each) for each in found]))  # noqa: T201 - the answer of this program


if __name__ == "__main__":
    _main()
