"""The search finds what is planted, wherever and however it is packed; what is cleared is found no more."""

from __future__ import annotations

import codecs
import gzip
import json
import sqlite3
import zipfile
import zlib
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import polars as pl
import pytest

from resources.remnants import Task, clear, run_apart, search

CANARY = "Kánárì-0042"
MANY = [f"needle-{number:05}" for number in range(500)] + [CANARY]


def as_it_is(path: Path) -> None:
    path.write_bytes(b"\xff\x00" + CANARY.encode() + b"\x00")


def beyond_the_first_chunk(path: Path) -> None:
    path.write_bytes(b" " * ((8 << 20) - 5) + CANARY.encode())


def escaped(path: Path) -> None:
    path.write_text(json.dumps({"a": CANARY}))


def in_utf_16(path: Path) -> None:
    path.write_bytes(codecs.BOM_UTF16_LE + f"a\tb\r\nx\t{CANARY}\r\n".encode("utf-16-le"))


def in_utf_16_of_the_other_order(path: Path) -> None:
    path.write_bytes(codecs.BOM_UTF16_BE + json.dumps({"a": CANARY}).encode("utf-16-be"))


def gzipped(path: Path) -> None:
    path.write_bytes(gzip.compress(CANARY.encode()))


def zipped(path: Path) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as pack:
        pack.writestr("inside", CANARY * 2)


def in_parquet(path: Path) -> None:
    rows = [{"n": 1, "deep": [{"text": "a"}]}, {"n": 2, "deep": [{"text": CANARY}]}]
    pl.DataFrame(rows).write_parquet(path, compression="zstd")


def in_a_table(path: Path) -> None:
    with closing(sqlite3.connect(path)) as con, con:
        con.execute("CREATE TABLE t (a TEXT)")
        con.executemany("INSERT INTO t VALUES (?)", [["a"], ["x" * 4_090 + CANARY + "x" * 9_000]])  # over two pages


def in_a_packed_value(path: Path) -> None:
    with closing(sqlite3.connect(path)) as con, con:
        con.execute("CREATE TABLE t (a BLOB)")
        con.execute("INSERT INTO t VALUES (?)", [zlib.compress(CANARY.encode() * 3)])


def in_a_free_page(path: Path) -> None:
    in_a_table(path)
    with closing(sqlite3.connect(path)) as con, con:
        con.execute("DELETE FROM t")


PLANTS = [
    *(as_it_is, beyond_the_first_chunk, escaped, gzipped, zipped),
    *(in_utf_16, in_utf_16_of_the_other_order),
    *(in_parquet, in_a_table, in_a_packed_value),
]


@pytest.mark.parametrize("needles", [[CANARY], MANY], ids=["one", "many"])
@pytest.mark.parametrize("plant", PLANTS)
def test_what_is_planted_is_found(tmp_path: Path, plant: Callable[[Path], None], needles: list[str]) -> None:
    folder = tmp_path / "below" / "it"
    folder.mkdir(parents=True)
    plant(folder / "file")
    (found,) = search([tmp_path], needles)
    assert (found.path, found.needles) == (str(folder / "file"), [needles.index(CANARY)])
    assert search([tmp_path], ["what is not there"]) == []
    assert search([tmp_path], needles, leave_out=[folder]) == []


@pytest.mark.parametrize("plant", [*PLANTS[2:], in_a_free_page])
def test_what_is_cleared_is_found_no_more(tmp_path: Path, plant: Callable[[Path], None]) -> None:
    file = tmp_path / ("file.db" if plant in (in_a_table, in_a_packed_value, in_a_free_page) else "file")
    plant(file)
    clear(file, [CANARY])
    assert search([tmp_path], [CANARY]) == []


def test_a_row_that_is_only_in_the_log_of_a_database_is_found(tmp_path: Path) -> None:
    file = tmp_path / "file.db"
    with closing(sqlite3.connect(file, isolation_level=None)) as con:
        con.execute("PRAGMA journal_mode = WAL")
        con.execute("CREATE TABLE t (a TEXT)")
        con.execute("INSERT INTO t VALUES (?)", ["x" * 4_090 + CANARY + "x" * 9_000])
        assert str(file) in [found.path for found in search([tmp_path], [CANARY])]


def test_a_search_in_another_process_tells_places_and_no_content(tmp_path: Path) -> None:
    as_it_is(tmp_path / "file")
    (found,) = run_apart(Task([str(tmp_path)], [CANARY], [str(tmp_path / "spill")]), tmp_path / "spill")
    assert (found.path, found.needles) == (str(tmp_path / "file"), [0])
    with pytest.raises(OSError, match="failed") as error:
        run_apart(Task([], [], clear=[], vacuum=str(tmp_path / "file")), tmp_path / "spill")
    assert CANARY not in str(error.value)


@pytest.mark.parametrize("mark", [codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE])
def test_a_text_in_utf_16_keeps_its_mark_and_its_other_lines(tmp_path: Path, mark: bytes) -> None:
    codec = "utf-16-le" if mark == codecs.BOM_UTF16_LE else "utf-16-be"
    file = tmp_path / "unicode.txt"
    file.write_bytes(mark + f"{CANARY}\tof the first line\r\nkept\t1\r\nx\t{CANARY}\r\nkept\t2\r\n".encode(codec))
    clear(file, [CANARY])
    assert file.read_bytes() == mark + "kept\t1\r\nkept\t2\r\n".encode(codec)
    assert search([tmp_path], ["kept\t2"])


@pytest.mark.parametrize("needles", [[CANARY], MANY], ids=["one", "many"])
def test_names_of_files_and_of_empty_folders_are_searched_below_the_place_alone(
    tmp_path: Path, needles: list[str]
) -> None:
    place = tmp_path / CANARY / "home"
    (place / "a" / f"of {CANARY}").mkdir(parents=True)
    (place / CANARY / "b").mkdir(parents=True)
    (place / CANARY / "b" / "c.txt").touch()
    (place / "other.txt").touch()
    found = {each.path: (each.needles, each.named) for each in search([place], needles)}
    named = ([], [needles.index(CANARY)])
    assert found == {str(place / "a" / f"of {CANARY}"): named, str(place / CANARY / "b" / "c.txt"): named}
