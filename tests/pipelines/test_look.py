"""The look after an erasure finds a planted remnant in every place there is, by what it says: no id stands beside it.

All are planted in one home, each its own erased text with signs that formats write otherwise, and looked for once.
"""

from __future__ import annotations

import gzip
import html
import json
import sqlite3
import subprocess
import sys
import tarfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

import duckdb
import polars as pl
import pyarrow.parquet as pq
import pytest

from pipelines.look import Look
from resources.row_files import write_rows
from resources.settings import Settings
from resources.warehouse import compaction, erasures
from resources.warehouse.connection import Warehouse
from resources.warehouse.erasures import Request, Scope
from resources.warehouse.traces import Traces
from tests.resources.warehouse.homes import warehouse_in

NOW = datetime(2026, 3, 20, 9, tzinfo=UTC)
ACCOUNT = "acc-going-0001"
META = "__ducklake_metadata_kobosift"


def text(number: int) -> str:
    """What stood in one erased line."""
    return f'Rémnant & "Sons" {number:02} of Yaba'


@dataclass
class Erased:
    home: Path
    warehouse: Warehouse
    look: Look

    def write(self, statement: str, *values: object) -> None:
        self.warehouse.write(lambda con: con.execute(statement, list(values)), run_id="run", note="plant")

    def places(self, said: str) -> list[str]:
        """Where a text is found."""
        return [found.path for found in self.look.found([said, *(f"another text {n}" for n in range(99))])]

    def places_of_ids(self) -> list[str]:
        """What is named by an id that is looked for."""
        return [found.path for found in self.look.found(self.look.sought()) if found.named]


@pytest.fixture(scope="module")
def erased(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Erased]:
    """A home from which a line for each plant was erased, whole; nothing of it is found."""
    home = tmp_path_factory.mktemp("erased") / "home"
    warehouse = warehouse_in(home)
    since = home.with_name("since")
    since.touch()
    lines = [
        (f"going-tx-{number}", text(number), json.dumps({"said": text(number), "nuban": f"301234567{number}"}))
        for number in range(len(PLANTS))
    ]
    warehouse.write(lambda con: add(con, ACCOUNT, lines), run_id="run", note="")
    known: list[Traces] = []
    request = Request("e", Scope(account_id=ACCOUNT), NOW, b"k" * 32)
    warehouse.write(lambda con: erasures.erase(con, request, known.append), run_id="run", note="")
    compaction.make_physical(warehouse)
    look = Look(warehouse, Settings(kobosift_home=home), request.scope, known[0], since)
    assert look.clear_and_look() == []
    yield Erased(home, warehouse, look)
    warehouse.close()


def add(con: duckdb.DuckDBPyConnection, account: str, lines: list[tuple[str, str, str]]) -> None:
    con.executemany(
        "INSERT INTO transactions (account_id, transaction_id, narration, payload, day, amount, currency)"
        " VALUES (?, ?, ?, ?, DATE '2026-03-01', 100, 'NGN')",
        [(account, *line) for line in lines],
    )


def a_row_of_a_table(erased: Erased, said: str) -> None:
    erased.write("INSERT INTO alerts (alert_id, summary) VALUES ('a', ?)", said)


def the_monitoring_outbox(erased: Erased, said: str) -> None:
    erased.write("INSERT INTO monitoring_events (event_id, account_id, detail) VALUES ('e', 'acc-other', ?)", said)


def an_answer_to_repeat(erased: Erased, said: str) -> None:
    erased.write("INSERT INTO answers (token_id, body) VALUES ('t', ?)", json.dumps({"buyer": {"name": said}}))


def the_log_of_drafts(erased: Erased, said: str) -> None:
    erased.write("INSERT INTO draft_log (draft_id, account_id, taken_by) VALUES ('d', 'acc-other', ?)", said)


def an_older_snapshot(erased: Erased, said: str) -> None:
    erased.write(
        "INSERT INTO transactions (account_id, transaction_id, narration, day) VALUES ('acc-o', 'o', ?, '2026-03-01')",
        said,
    )
    erased.write("DELETE FROM transactions WHERE account_id = 'acc-o'")


def an_inlined_row(erased: Erased, said: str) -> None:
    erased.write("INSERT INTO identities (account_id, full_name) VALUES ('acc-i', ?)", said)
    erased.write("DELETE FROM identities WHERE account_id = 'acc-i'")


def the_statistics_of_a_table(erased: Erased, said: str) -> None:
    erased.write(f"UPDATE {META}.ducklake_table_column_stats SET max_value = ? WHERE column_id = 1", said)  # noqa: S608


def the_statistics_of_a_file(erased: Erased, said: str) -> None:
    erased.write(
        f"INSERT INTO {META}.ducklake_file_column_stats (data_file_id, table_id, column_id, min_value)"  # noqa: S608
        " VALUES (9999, 9999, 1, ?)",
        said,
    )


def the_message_of_a_commit(erased: Erased, said: str) -> None:
    erased.warehouse.write(lambda con: con.execute("DELETE FROM labels WHERE FALSE"), run_id="run", note="plant")
    erased.write(f"UPDATE {META}.ducklake_snapshot_changes SET commit_extra_info = ?", said)  # noqa: S608


def a_free_page_of_the_catalogue(erased: Erased, said: str) -> None:
    code = (
        "import sqlite3, sys; con = sqlite3.connect(sys.argv[1], timeout=30, isolation_level=None);"
        "con.execute('PRAGMA secure_delete = OFF');"
        "con.execute('CREATE TABLE gone (a TEXT)'); con.execute('INSERT INTO gone VALUES (?)', [sys.argv[2]]);"
        "con.execute('DROP TABLE gone')"
    )
    subprocess.run([sys.executable, "-c", code, str(erased.home / "catalog.sqlite"), said], check=True)


def below(erased: Erased, name: str) -> Path:
    path = erased.home / name
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def a_data_file_of_no_table(erased: Erased, said: str) -> None:
    rows = pl.DataFrame({"narration": ["x", said] * 50}).to_arrow()
    pq.write_table(
        rows, below(erased, "data/main/transactions/stray.parquet"), compression="snappy", use_dictionary=True
    )


def a_landed_event(erased: Erased, said: str) -> None:
    below(erased, "landing/webhooks/1.json").write_text(json.dumps({"event": {"data": {"narration": said}}}))


def a_processed_event(erased: Erased, said: str) -> None:
    below(erased, "landing/processed/2.json").write_text(json.dumps({"event": json.dumps({"narration": said})}))


def a_quarantined_event(erased: Erased, said: str) -> None:
    below(erased, "landing/quarantine/3.json").write_text("not JSON, " + json.dumps(said, ensure_ascii=False)[1:-1])


def exported(form: str) -> Callable[[Erased, str], None]:
    def plant(erased: Erased, said: str) -> None:
        rows = pl.DataFrame({"narration": ["x", said]})
        write_rows([rows], rows.schema, below(erased, f"exports/outcomes.{form}"))

    plant.__name__ = f"a_kept_export_as_{form}"
    return plant


def a_packed_parquet_export(erased: Erased, said: str) -> None:
    rows = pl.DataFrame({"tags": [["a"], [said]], "deep": [{"n": "a"}, {"n": "b"}]})
    rows.write_parquet(below(erased, "exports/tags.parquet"), compression="zstd")


def a_gzip_export(erased: Erased, said: str) -> None:
    below(erased, "exports/rows.jsonl.gz").write_bytes(gzip.compress(json.dumps({"said": said}).encode()))


def a_unicode_text_of_excel(erased: Erased, said: str) -> None:
    below(erased, "exports/unicode.txt").write_text(f"narration\tamount\r\n{said}\t1\r\n", "utf-16", newline="")


def a_unicode_text_of_the_other_order(erased: Erased, said: str) -> None:
    below(erased, "exports/big-endian.csv").write_bytes(f"\ufeffnarration\n{said}\n".encode("utf-16-be"))


def a_report_of_a_policy(erased: Erased, said: str) -> None:
    below(erased, "reports/replay.html").write_text(f"<td>{html.escape(said)}</td>")


def a_sheet_to_label(erased: Erased, said: str) -> None:
    pl.DataFrame({"transaction_id": ["x"], "narration": [said]}).write_csv(below(erased, "labels.csv"))


def a_backup_below_the_home(erased: Erased, said: str) -> None:
    rows = below(erased, "tmp/rows.parquet")
    pl.DataFrame({"narration": [said]}).write_parquet(rows, compression="zstd")
    with tarfile.open(below(erased, "backups/old.tar"), "w") as tar:
        tar.add(rows, "data/main/transactions/1.parquet")
    rows.unlink()


def a_restore_that_broke_off(erased: Erased, said: str) -> None:
    with closing(sqlite3.connect(below(erased, "restoring/catalog.sqlite"))) as con, con:
        con.execute("CREATE TABLE t (a TEXT)")
        con.execute("INSERT INTO t VALUES (?)", ["x" * 4_090 + said + "x" * 9_000])  # over two pages


def what_a_query_spilled(erased: Erased, said: str) -> None:
    below(erased, "tmp/duckdb-x/1.block").write_bytes(b"\xff\x00" + said.encode() + b"\x00\x07")


def an_event_of_dagster(erased: Erased, said: str) -> None:
    with closing(sqlite3.connect(below(erased, "dagster/history/runs/r.db"), isolation_level=None)) as con:
        con.execute("CREATE TABLE event_logs (id INTEGER PRIMARY KEY, event TEXT)")
        event = json.dumps({"message": "failed", "metadata": json.dumps({"value": said})})
        con.execute("INSERT INTO event_logs (event) VALUES (?)", [event])


def a_snapshot_of_dagster(erased: Erased, said: str) -> None:
    with closing(sqlite3.connect(below(erased, "dagster/history/runs.db"), isolation_level=None)) as con:
        con.execute("CREATE TABLE snapshots (body BLOB)")
        con.execute("INSERT INTO snapshots VALUES (?)", [zlib.compress(json.dumps({"tags": said}).encode())])


def a_log_of_dagster(erased: Erased, said: str) -> None:
    below(erased, "dagster/storage/run/compute_logs/step.err").write_text(f"failed at {said}\n")


def the_log_of_alerts(erased: Erased, said: str) -> None:
    below(erased, "logs/alerts.log").write_text(json.dumps({"summary": said}) + "\n")


def the_log_of_faults(erased: Erased, said: str) -> None:
    below(erased, "logs/faults.log").write_text(f"ValueError: {said}\n")


PLANTS: dict[Callable[[Erased, str], None], str] = {
    a_row_of_a_table: "",
    the_monitoring_outbox: "",
    an_answer_to_repeat: "",
    the_log_of_drafts: "",
    an_older_snapshot: "data/main/transactions",
    an_inlined_row: "catalog.sqlite",
    the_statistics_of_a_table: "catalog.sqlite",
    the_statistics_of_a_file: "catalog.sqlite",
    the_message_of_a_commit: "catalog.sqlite",
    a_free_page_of_the_catalogue: "catalog.sqlite",
    a_data_file_of_no_table: "data/main/transactions/stray.parquet",
    a_landed_event: "landing/webhooks/1.json",
    a_processed_event: "landing/processed/2.json",
    a_quarantined_event: "landing/quarantine/3.json",
    exported("csv"): "exports/outcomes.csv",
    exported("xlsx"): "exports/outcomes.xlsx",
    exported("parquet"): "exports/outcomes.parquet",
    a_packed_parquet_export: "exports/tags.parquet",
    a_gzip_export: "exports/rows.jsonl.gz",
    a_unicode_text_of_excel: "exports/unicode.txt",
    a_unicode_text_of_the_other_order: "exports/big-endian.csv",
    a_report_of_a_policy: "reports/replay.html",
    a_sheet_to_label: "labels.csv",
    a_backup_below_the_home: "backups/old.tar",
    a_restore_that_broke_off: "restoring/catalog.sqlite",
    what_a_query_spilled: "tmp/duckdb-x/1.block",
    an_event_of_dagster: "dagster/history/runs/r.db",
    a_snapshot_of_dagster: "dagster/history/runs.db",
    a_log_of_dagster: "dagster/storage/run/compute_logs/step.err",
    the_log_of_alerts: "logs/alerts.log",
    the_log_of_faults: "logs/faults.log",
}
"""What is planted, and where it is found: a row in force of a small table is in the catalogue, else in a data file."""


@pytest.fixture(scope="module")
def found(erased: Erased) -> dict[str, set[str]]:
    """Where each text is found once all are planted."""
    for number, plant in enumerate(PLANTS):
        plant(erased, text(number))
    sought = erased.look.sought()
    places: dict[str, set[str]] = {}
    for each in erased.look.found(sought):
        for place in each.needles:
            places.setdefault(sought[place], set()).add(str(Path(each.path).relative_to(erased.home)))
    return places


@pytest.mark.parametrize("plant", PLANTS, ids=lambda plant: plant.__name__)
def test_a_remnant_is_found_in(plant: Callable[[Erased, str], None], found: dict[str, set[str]]) -> None:
    places = found.get(text(list(PLANTS).index(plant)), set())
    assert any(place.startswith(PLANTS[plant]) for place in places), places


@pytest.mark.slow
def test_what_is_planted_is_taken_away_or_named(erased: Erased, found: dict[str, set[str]]) -> None:
    compaction.make_physical(erased.warehouse)
    left = erased.look.clear_and_look()
    assert left, "rows in force of other tables stay where they are"
    assert {each.partition("/")[0] for each in left} <= {"catalog.sqlite", "data"}
    for table in ("alerts", "monitoring_events", "answers", "draft_log"):
        erased.write(f"DELETE FROM {table}")  # noqa: S608 - ours
    erased.write(f"DELETE FROM {META}.ducklake_file_column_stats WHERE data_file_id = 9999")  # noqa: S608
    compaction.make_physical(erased.warehouse)
    assert erased.look.clear_and_look() == []
    assert pl.read_parquet(erased.home / "exports/outcomes.parquet")["narration"].to_list() == ["x"]


def test_an_equal_text_of_another_account_is_no_remnant(erased: Erased, found: object) -> None:
    said = text(0)
    assert erased.places(said) == []
    erased.warehouse.write(lambda con: add(con, "acc-staying", [("staying-1", said, "{}")]), run_id="run", note="")
    assert erased.places(said) == []
    assert erased.places("staying-1") == []


def test_a_customer_of_the_tenants_own_invoice_is_no_remnant(erased: Erased, found: object) -> None:
    erased.write("INSERT INTO invoices (invoice_id, customer_name) VALUES ('i', ?)", f"Messrs {text(1)}")
    assert erased.places(text(1)) == []


def test_a_policy_file_is_a_persons_own_words(erased: Erased, found: object) -> None:
    policy = below(erased, "drafts/policy.toml")
    policy.write_text(text(2))
    assert erased.look.clear_and_look() == []
    assert policy.read_text() == text(2)


@pytest.mark.parametrize(
    "name",
    [f"exports/{ACCOUNT}/rows.csv", f"{ACCOUNT}.xlsx", "landing/quarantine/going-tx-2.json", f"reports/{ACCOUNT}/"],
)
def test_what_is_named_by_an_erased_id_is_found_and_goes_with_its_folder(
    erased: Erased, found: object, name: str
) -> None:
    path = below(erased, name)
    path.mkdir() if name.endswith("/") else path.write_text("of nothing else")
    assert str(path) in erased.places_of_ids()
    erased.look.clear_and_look()
    assert erased.places_of_ids() == []
    assert not path.exists()
    assert not (erased.home / "exports" / ACCOUNT).exists()
    assert path.parent.exists() or path.parent.name == ACCOUNT


def test_an_id_within_a_longer_word_of_a_name_and_a_text_in_a_name_are_chance(erased: Erased, found: object) -> None:
    longer, said = below(erased, f"exports/{ACCOUNT}2.csv"), below(erased, f"exports/{text(3)}.csv")
    for path in (longer, said):
        path.write_text("of nothing else")
    erased.look.clear_and_look()
    assert longer.exists()
    assert said.exists()


def test_a_file_of_the_lake_that_is_named_by_an_erased_id_is_told(erased: Erased, found: object) -> None:
    path = below(erased, f"data/{ACCOUNT}.txt")
    path.write_text("of nothing else")
    assert f"data/{ACCOUNT}.txt" in erased.look.clear_and_look()
    path.unlink()


def test_a_damaged_file_that_cannot_be_looked_into_is_named(erased: Erased, found: object) -> None:
    hurt = below(erased, "exports/hurt.parquet")
    hurt.write_bytes(b"PAR1" + b"\0" * 40)
    (told,) = erased.look.clear_and_look()
    assert told.startswith("exports/hurt.parquet (it is damaged")
    hurt.unlink()


def test_account_numbers_are_looked_for_too(erased: Erased) -> None:
    assert "3012345670" in erased.look.known.texts
    assert date(2026, 3, 1).isoformat() not in erased.look.known.texts
