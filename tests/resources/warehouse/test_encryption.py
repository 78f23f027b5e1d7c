"""Data files of a warehouse made so are encrypted; their keys are in the catalogue, and go with what is erased."""

from __future__ import annotations

import base64
from pathlib import Path

import duckdb
import pytest

from resources.errors import ConfigurationError
from resources.remnants import search
from resources.warehouse.compaction import make_physical
from resources.warehouse.connection import Warehouse
from resources.warehouse.copying import copy_warehouse
from resources.warehouse.soundness import damaged_files
from tests.resources.warehouse.homes import finished, warehouse_in

SAID = "Narration of one account"


def place(home: Path, *, encrypted: bool) -> Warehouse:
    return Warehouse(f"sqlite:{home / 'catalog.sqlite'}", str(home / "data"), home, encrypted=encrypted)


def add(con: duckdb.DuckDBPyConnection) -> None:
    con.execute(
        "INSERT INTO transactions (account_id, transaction_id, day, narration) "
        "SELECT 'acc-' || i % 3, 't' || i, DATE '2026-01-05', $said || ' ' || i FROM range(30) t(i)",
        {"said": SAID},
    )


def data_files(home: Path) -> list[Path]:
    return sorted((home / "data").rglob("*.parquet"))


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("plain") / "home"
    warehouse = warehouse_in(home)
    warehouse.write(add, run_id="run", note="")
    warehouse.close()
    return home


@pytest.fixture(scope="module")
def copied(plain: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An encrypted warehouse, made of one that is not."""
    home = tmp_path_factory.mktemp("copied") / "home"
    home.mkdir()
    source, target = place(plain, encrypted=False), place(home, encrypted=True)
    assert copy_warehouse(source, target, run_id="run")["transactions"] == 30
    source.close()
    target.close()
    return home


def test_no_data_file_says_anything(plain: Path, copied: Path) -> None:
    assert search([plain / "data"], [SAID])
    assert search([copied / "data"], [SAID]) == []
    assert {path.read_bytes()[:4] for path in data_files(copied)} == {b"PARE"}


def test_it_stays_encrypted_whatever_the_setting_says(copied: Path) -> None:
    read = finished(
        copied,
        """
        insert = "INSERT INTO accounts (account_id) VALUES ('later')"
        warehouse.write(lambda con: con.execute(insert), run_id="r", note="")
        with warehouse.read() as con:
            print(con.execute("SELECT count(*) FROM transactions").fetchone()[0])
        """,
    )
    assert read == "30"
    assert {path.read_bytes()[:4] for path in data_files(copied)} == {b"PARE"}


def test_one_that_is_not_encrypted_is_refused_where_it_should_be(plain: Path) -> None:
    with pytest.raises(ConfigurationError, match="`kobosift warehouse copy`"), place(plain, encrypted=True).read():
        pass


def test_the_doctor_finds_encrypted_files_whole_and_names_one_that_is_cut(copied: Path) -> None:
    warehouse = place(copied, encrypted=False)
    with warehouse.read() as con:
        assert damaged_files(con) == []
        hurt = data_files(copied)[0]
        whole = hurt.read_bytes()
        hurt.write_bytes(whole[:-8] + whole[-4:] + b"\0" * 4)
        assert damaged_files(con) == [str(hurt)]
        hurt.write_bytes(whole)
    warehouse.close()


def test_the_key_of_an_erased_file_is_nowhere_so_that_a_copy_of_it_stays_closed(copied: Path) -> None:
    warehouse = place(copied, encrypted=True)
    keys = "SELECT encryption_key FROM __ducklake_metadata_kobosift.ducklake_data_file"
    with warehouse.read() as con:
        before = {key for (key,) in con.execute(keys).fetchall()}
    warehouse.write(lambda con: con.execute("DELETE FROM transactions"), run_id="run", note="")
    make_physical(warehouse)
    with warehouse.read() as con:
        gone = sorted(before - {key for (key,) in con.execute(keys).fetchall()})
    warehouse.close()
    assert gone
    assert all(len(base64.b64decode(key)) == 16 for key in gone)
    assert search([copied], gone) == []
