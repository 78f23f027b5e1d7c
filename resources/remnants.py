"""Looking for remnants: a search of every byte of some places, and the clearing of files that hold what is looked for.

It searches every file's bytes as they are, what they say once they are decoded (`resources/decoding.py`), and the names
of files and folders. It runs as a program of its own, `python -m resources.remnants`, with one JSON document in and one
out: nothing in a process that has the catalogue open may open that file (`resources/warehouse/engine.py`). What is
looked for comes by standard input, since others see a process's arguments, and what is found is told by place, never by
content.

It holds no knowledge of the warehouse's tables. Encrypted files cannot be decoded; their rows are looked for in SQL.
"""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from resources.decoding import PARQUET, SQLITE, UndecodableError, said_by, spellings, wide_codec

SHORTEST = 8
"""Signs of a needle, at the least: so many are looked for at a time."""
_FEW = 64
_CHUNK = 8 << 20
_BUSY_SECONDS = 30.0
_READINGS, _PAUSE_SECONDS = 5, 0.2
_HASHED_BITS = 21
_MIXER = np.uint64(0x9E3779B97F4A7C15)


@dataclass(frozen=True)
class Task:
    """What to look for, and where."""

    roots: list[str]
    """Files and folders; one that is not there holds nothing."""
    needles: list[str]
    leave_out: list[str] = field(default_factory=list)
    """Files and folders below the roots that are not looked at, unless they are a root themselves."""
    clear: list[str] = field(default_factory=list)
    """Files to clear of the needles; the roots are not searched then."""
    vacuum: str | None = None
    """A SQLite file to write anew, so that nothing deleted is left in it."""


@dataclass(frozen=True)
class Found:
    """Where something was found: which needles, by their place in the task."""

    path: str
    needles: list[int]
    unreadable: bool = False
    """Whether the file is damaged, so that it cannot be told what it holds."""
    named: list[int] = field(default_factory=list)
    """Which needles its name, or that of a folder below the place that was searched, holds."""


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
        OSError: a file that should be searched cannot be read.
    """
    finder = _Finder(needles)
    left_out = {path.resolve() for path in leave_out}
    below = {path: root for root in reversed([*roots]) for path in _entries(root, left_out - {root.resolve()})}
    found = []
    for path in sorted(below):
        named = sorted(finder.among([os.fsencode(path.relative_to(below[path]))]))
        places, unreadable = set[int](), False
        with suppress(FileNotFoundError, IsADirectoryError):  # gone since it was listed: then it holds nothing
            places, unreadable = finder.in_file(path)
        if places or unreadable or named:
            found.append(Found(str(path), sorted(places), unreadable, named))
    return found


def clear(path: Path, needles: Sequence[str]) -> None:
    """Take what holds a needle out of a file: rows of tables, lines of text, else the file itself."""
    finder = _Finder(needles)
    with path.open("rb") as file:
        head = file.read(16)
    if head == SQLITE:
        _clear_sqlite(path, finder)
    elif path.suffix in (".jsonl", ".csv", ".log", ".txt"):
        _replace(path, _kept_lines(path.read_bytes(), finder))
    elif head[:4] == PARQUET and (kept := _kept_rows(path, finder)) is not None:
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


def _entries(root: Path, left_out: set[Path]) -> Iterator[Path]:
    """The files below a place, and the folders that are empty: they have a name."""
    if root.resolve() in left_out or root.is_symlink():
        return
    if root.is_file():
        yield root
    elif root.is_dir():
        entries = list(root.iterdir())
        yield from () if entries else (root,)
        for entry in entries:
            yield from _entries(entry, left_out)


class _Finder:
    """Finds needles in bytes: a few by looking for each, many at once by a particular piece of each.

    That piece is eight bytes, the rarest among all needles: many begin alike, as narrations do.
    """

    def __init__(self, needles: Sequence[str]) -> None:
        self._needles = [needle.encode() for needle in needles]
        self._by_piece: dict[int, list[tuple[int, int]]] = defaultdict(list)  # place of the needle, of the piece in it
        if len(self._needles) > _FEW:
            self._choose_pieces()
        self._pieces = np.array(sorted(self._by_piece), np.uint64)
        self._hashed = np.zeros(1 << _HASHED_BITS, np.bool_)
        self._hashed[_hash(self._pieces)] = True

    def in_file(self, path: Path) -> tuple[set[int], bool]:
        """The needles in a file, as it is and decoded; and whether it could not be decoded."""
        found: set[int] = set()
        for turn in range(_READINGS):
            data, log = path.read_bytes(), b""
            if data[: len(SQLITE)] == SQLITE:
                with suppress(FileNotFoundError):
                    log = path.with_name(path.name + "-wal").read_bytes()
            try:
                return found | self.among(said_by(data, log)), False
            except UndecodableError:
                found |= self.among([data])
            if data[: len(SQLITE)] != SQLITE:
                break
            time.sleep(_PAUSE_SECONDS * (turn < _READINGS - 1))  # someone wrote while it was read
        return found, True

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
            for at, piece in self._candidates(data[start : start + _CHUNK + SHORTEST - 1]):
                for place, within in self._by_piece[piece]:
                    if place not in found and data.startswith(self._needles[place], max(0, start + at - within)):
                        found.add(place)
        return found

    def _choose_pieces(self) -> None:
        pieces = [
            [int.from_bytes(needle[at : at + 8], "little") for at in range(len(needle) - 7)] for needle in self._needles
        ]
        common = Counter(piece for each in pieces for piece in set(each))
        for place, each in enumerate(pieces):
            within = min(range(len(each)), key=lambda at: common[each[at]])
            self._by_piece[each[within]].append((place, within))

    def _candidates(self, data: bytes) -> Iterator[tuple[int, int]]:
        """Where a piece of a needle stands, and which."""
        for offset in range(8):
            count = (len(data) - offset) // 8
            if count > 0:
                windows = np.frombuffer(data, "<u8", count, offset)
                (hits,) = self._hashed[_hash(windows)].nonzero()
                hits = hits[np.isin(windows[hits], self._pieces)]
                yield from zip((hits * 8 + offset).tolist(), windows[hits].tolist(), strict=True)


def _hash(windows: np.ndarray) -> np.ndarray:
    return (windows * _MIXER) >> np.uint64(64 - _HASHED_BITS)


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
                if finder.among(part for value in row[1:] for part in spellings(_as_bytes(value)))
            ]
            con.executemany(f'DELETE FROM "{table}" WHERE rowid = ?', hit)  # noqa: S608 - the file's own names
    vacuum(path)


def _kept_lines(data: bytes, finder: _Finder) -> bytes:
    """The lines of a text that hold no needle; one in UTF-16 keeps its mark, by which it is known."""
    mark = data[:2] if (codec := wide_codec(data)) else b""
    text = data[2:].decode(codec, "replace").encode() if codec else data
    kept = b"".join(line for line in text.splitlines(keepends=True) if not finder.among(spellings(line)))
    return mark + kept.decode().encode(codec) if codec else kept


def _as_bytes(value: object) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode()


def _kept_rows(path: Path, finder: _Finder) -> pa.Table | None:
    """The rows of a Parquet file that hold no needle; None where it cannot be read."""
    try:
        table = pq.read_table(path)
    except (OSError, pa.ArrowException):
        return None
    rows = table.to_pylist()
    kept = [not finder.among(part for value in row.values() for part in spellings(str(value).encode())) for row in rows]
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
