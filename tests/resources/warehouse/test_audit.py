"""What anyone may read: exports, single outcomes, the funnel, and SQL that a person typed."""

from __future__ import annotations

import csv
import zipfile
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from xml.etree import ElementTree as Xml

import duckdb
import polars as pl
import pytest

from resources.errors import ConfigurationError, KobosiftError
from resources.warehouse import audit, file_formats
from resources.warehouse.connection import Warehouse
from tests.resources.warehouse.homes import add_line, warehouse_in

OUTCOMES = [
    *("organization_id", "environment", "account_id", "transaction_id", "booked_at", "day", "direction", "amount"),
    *("currency", "narration", "counterparty", "reference", "status", "outcome", "disposition", "reason", "detail"),
    *("score", "evidence", "invoice_id", "draft_id", "policy_hash", "decided_at", "trace_id"),
]
FORMULAS = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"]
PLAIN = ["a=1", "'quoted'", 'say "hi", then\nleave', "", " =1", "naïve ₦"]
LINES = [*FORMULAS, *PLAIN]


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    """Lines in no order over some days, with every narration above; the first is rejected, the second is drafted."""
    made = warehouse_in(tmp_path_factory.mktemp("audit") / "home")

    def work(con: duckdb.DuckDBPyConnection) -> None:
        for number in (5, 0, 3, 11, 1, 2, 4, 6, 10, 7, 9, 8):
            reason = {"outcome": "rejected", "reason": "personal_or_low_confidence"} if number == 0 else {}
            decided = {"outcome": "eligible", **reason} if number < 2 else {}
            add_line(con, f"t{number:02}", day=f"2026-03-{1 + number:02}", narration=LINES[number], **decided)
        con.execute("""
            INSERT INTO rejections (account_id, transaction_id, day, rejected_at)
            VALUES ('acc-1', 't00', '2026-03-01', now())
        """)
        con.execute("""
            INSERT INTO drafts (draft_id, kind, status, account_id, transaction_id, day, buyer_name, missing)
            VALUES ('d1', 'invoice', 'DRAFT', 'acc-1', 't01', '2026-03-02', '=cmd', ['buyer.tin', 'lines'])
        """)

    made.write(work, run_id="run", note="")
    yield made
    made.close()


def export(warehouse: Warehouse, what: str, fmt: str, out: Path) -> int:
    with warehouse.read() as con:
        return audit.export(con, what, fmt, out)


def sheet(path: Path) -> list[list[str | None]]:
    """The cells of the first sheet, as the texts that the file holds."""
    space = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
    with zipfile.ZipFile(path) as book:
        root = Xml.fromstring(book.read("xl/worksheets/sheet1.xml"))  # noqa: S314 - our own file
    assert not list(root.iter(f"{space}f")), "a formula"
    rows = []
    for row in root.iter(f"{space}row"):
        cells: dict[str, str | None] = {}
        for cell in row.iter(f"{space}c"):
            name = "".join(sign for sign in cell.attrib["r"] if sign.isalpha())
            text = "".join(part.text or "" for part in cell.iter() if part.tag in (f"{space}t", f"{space}v"))
            cells[name] = text.replace("_x000D_", "\r")
        rows.append(cells)
    return [[row.get(name) for name in rows[0]] for row in rows]


class TestExport:
    """Whole files, in one order, with the view's own columns."""

    def test_parquet_keeps_columns_types_and_order(self, warehouse: Warehouse, tmp_path: Path) -> None:
        assert export(warehouse, "outcomes", "parquet", tmp_path / "o.parquet") == len(LINES)
        frame = pl.read_parquet(tmp_path / "o.parquet")
        assert frame.columns == OUTCOMES
        assert frame.schema["booked_at"] == pl.Datetime("us", "UTC")
        assert (frame.schema["day"], frame.schema["amount"], frame.schema["evidence"]) == (pl.Date, pl.Int64, pl.String)
        assert frame["transaction_id"].to_list() == [f"t{number:02}" for number in range(len(LINES))]
        assert frame["narration"].to_list() == LINES
        assert frame.row(0, named=True)["booked_at"] == datetime(2026, 3, 1, 12, tzinfo=UTC)
        assert frame["outcome"].to_list() == ["rejected", "eligible", *[None] * 10]

    def test_the_same_rows_give_the_same_bytes(self, warehouse: Warehouse, tmp_path: Path) -> None:
        for fmt in ("parquet", "csv"):
            for name in ("one", "two"):
                export(warehouse, "outcomes", fmt, tmp_path / name)
            assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()

    @pytest.mark.parametrize("fmt", ["csv", "xlsx"])
    def test_cells_hold_no_formulas_and_other_texts_as_they_are(
        self, warehouse: Warehouse, tmp_path: Path, fmt: str
    ) -> None:
        out = tmp_path / f"o.{fmt}"
        export(warehouse, "outcomes", fmt, out)
        if fmt == "csv":
            with out.open(newline="", encoding="utf-8") as file:
                rows: list[list[str | None]] = list(csv.reader(file))  # type: ignore[arg-type]
        else:
            rows = sheet(out)
        assert rows[0] == OUTCOMES
        column = OUTCOMES.index("narration")
        assert [row[column] or "" for row in rows[1:]] == [*(f"'{text}" for text in FORMULAS), *PLAIN]
        assert [row[OUTCOMES.index("amount")] for row in rows[1:]] == ["250000"] * len(LINES)

    def test_csv_tells_times_with_their_zone_and_empty_from_missing(self, warehouse: Warehouse, tmp_path: Path) -> None:
        export(warehouse, "outcomes", "csv", tmp_path / "o.csv")
        line = next(line for line in (tmp_path / "o.csv").read_text().splitlines() if '"t09"' in line)
        assert "2026-03-10 12:00:00.000000Z,2026-03-10," in line
        assert ',"",,,"settled",' in line  # an empty narration; no counterparty, no reference

    def test_rejections_and_drafts_have_their_own_columns(self, warehouse: Warehouse, tmp_path: Path) -> None:
        assert export(warehouse, "rejections", "parquet", tmp_path / "r.parquet") == 1
        assert export(warehouse, "drafts", "csv", tmp_path / "d.csv") == 1
        rejected = pl.read_parquet(tmp_path / "r.parquet")
        assert rejected.columns == [*OUTCOMES, "rejected_at", "replayed_at", "label", "labelled_by"]
        assert rejected["transaction_id"].to_list() == ["t00"]
        with (tmp_path / "d.csv").open(newline="") as file:
            (draft,) = csv.DictReader(file)
        assert (draft["buyer_name"], draft["missing"]) == ("'=cmd", '["buyer.tin","lines"]')

    def test_an_empty_warehouse_gives_the_columns(self, tmp_path: Path) -> None:
        empty = warehouse_in(tmp_path / "home")
        for fmt in ("parquet", "csv", "xlsx"):
            assert export(empty, "outcomes", fmt, tmp_path / f"o.{fmt}") == 0
        assert pl.read_parquet(tmp_path / "o.parquet").columns == OUTCOMES
        assert pl.read_csv(tmp_path / "o.csv").columns == OUTCOMES
        assert sheet(tmp_path / "o.xlsx") == [list(OUTCOMES)]
        empty.close()

    def test_days_are_written_in_spans_and_come_out_as_one(
        self, warehouse: Warehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        export(warehouse, "outcomes", "csv", tmp_path / "whole.csv")
        monkeypatch.setattr(audit, "_LINES_A_SPAN", 5)
        monkeypatch.setattr(audit, "_ROWS_A_BATCH", 2)
        export(warehouse, "outcomes", "csv", tmp_path / "parts.csv")
        assert (tmp_path / "parts.csv").read_bytes() == (tmp_path / "whole.csv").read_bytes()

    def test_what_fails_leaves_the_old_file_and_nothing_beside_it(
        self, warehouse: Warehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        out = tmp_path / "o.xlsx"
        out.write_text("the old one")
        monkeypatch.setattr(file_formats, "SHEET_ROWS", 3)
        with pytest.raises(KobosiftError, match="a sheet holds 3 rows, and there are more: export parquet or csv"):
            export(warehouse, "outcomes", "xlsx", out)
        assert out.read_text() == "the old one"
        assert [path.name for path in tmp_path.iterdir()] == ["o.xlsx"]

    def test_a_place_that_cannot_be_written_is_named(self, warehouse: Warehouse, tmp_path: Path) -> None:
        for out in (tmp_path, tmp_path / "missing" / "o.csv"):
            with pytest.raises(ConfigurationError, match="name a file in a folder that exists"):
                export(warehouse, "outcomes", "csv", out)
        with pytest.raises(ConfigurationError, match="there are outcomes, rejections, drafts to export"):
            export(warehouse, "accounts", "csv", tmp_path / "o.csv")


class TestOutcomes:
    """One transaction, as it stands and as it stood."""

    def test_a_transaction_is_found_with_the_outcomes_columns(self, warehouse: Warehouse) -> None:
        with warehouse.read() as con:
            (found,) = audit.find_outcome(con, "t00")
            assert list(found) == OUTCOMES
            assert (found["outcome"], found["disposition"], found["narration"]) == ("rejected", "rejected", "=1+1")
            assert audit.find_outcome(con, "t00", account_id="acc-2") == []
            assert audit.find_outcome(con, "nothing") == []

    def test_what_was_decided_then_is_told_of_the_line_as_it_was_then(self, tmp_path: Path) -> None:
        warehouse = warehouse_in(tmp_path / "home")

        def work(con: duckdb.DuckDBPyConnection) -> None:
            add_line(
                con, "t1", day="2026-03-01", narration="gift", outcome="rejected", decided_at="2026-03-02 09:00:00+00"
            )
            con.execute("INSERT INTO transaction_versions BY NAME SELECT * FROM transactions")
            con.execute("UPDATE transactions SET version = 2, narration = 'invoice'")
            con.execute(
                "INSERT INTO superseded_decisions BY NAME "
                "SELECT *, TIMESTAMPTZ '2026-03-05 09:00:00+00' AS superseded_at FROM decisions"
            )
            con.execute(
                "UPDATE decisions SET version = 2, outcome = 'eligible', "
                "decided_at = TIMESTAMPTZ '2026-03-05 09:00:00+00'"
            )

        warehouse.write(work, run_id="run", note="")

        def stood(*at: int) -> list[tuple[str, str]]:
            with warehouse.read() as con:
                found = audit.find_outcome(con, "t1", as_of=datetime(2026, 3, *at, tzinfo=UTC))
            assert all(list(each) == OUTCOMES for each in found)
            return [(each["narration"], each["outcome"]) for each in found]

        assert stood(2, 8) == []
        assert stood(2, 9) == [("gift", "rejected")]
        assert stood(5, 8, 59) == [("gift", "rejected")]
        assert stood(5, 9) == [("invoice", "eligible")]
        warehouse.close()

    def test_the_funnel_counts_by_day(self, warehouse: Warehouse) -> None:
        with warehouse.read() as con:
            counts = audit.funnel(con)
        assert counts["transactions"].sum() == len(LINES)
        assert counts.filter(pl.col("day") == date(2026, 3, 1))["rejected"].to_list() == [1]
        assert counts.filter(pl.col("day") == date(2026, 3, 2))["amount_drafted"].to_list() == [250000]
        assert counts.schema["amount"] == pl.Int64


class TestSql:
    """A person's SQL reads the warehouse, and does and reads nothing else."""

    @pytest.mark.parametrize(
        "sql",
        [
            "SELECT count(*) FROM audit.outcomes",
            "select 12 -- with a remark",
            "FROM transactions LIMIT 1;",
            "WITH few AS (SELECT * FROM audit.rejections) SELECT count(*) FROM few",
            "VALUES (1), (2)",
            "DESCRIBE audit.outcomes",
            "SHOW ALL TABLES",
            "SHOW TABLES",
            "SUMMARIZE transactions",
            "EXPLAIN SELECT 1",
            "/* why */ EXPLAIN ANALYZE SELECT count(*) FROM transactions",
            "EXPLAIN (FORMAT JSON) FROM transactions",
            "SELECT * FROM range(3), unnest([1, 2])",
            "SELECT count(*) FROM kobosift.main.transactions AT (VERSION => 3)",
            "SELECT snapshot_id FROM ducklake_snapshots('kobosift')",
            "SELECT json_extract(evidence, '$.row') FROM audit.outcomes WHERE evidence IS NOT NULL",
            "SELECT table_name FROM information_schema.tables",
        ],
    )
    def test_what_reads_is_answered(self, warehouse: Warehouse, sql: str) -> None:
        columns, rows = audit.run_sql(warehouse, sql)
        assert columns
        assert all(len(row) == len(columns) for row in rows)

    def test_columns_and_rows_are_given_as_they_are(self, warehouse: Warehouse) -> None:
        columns, rows = audit.run_sql(
            warehouse, "SELECT transaction_id, booked_at, day, amount FROM audit.outcomes ORDER BY 1 LIMIT 1"
        )
        assert columns == ["transaction_id", "booked_at", "day", "amount"]
        assert rows == [("t00", datetime(2026, 3, 1, 12, tzinfo=UTC), date(2026, 3, 1), 250000)]

    @pytest.mark.parametrize(
        "sql",
        [
            "DELETE FROM transactions",
            "INSERT INTO touched_days VALUES ('a', 'b', 'c', NULL)",
            "UPDATE transactions SET amount = 0",
            "CREATE TABLE mine (a INTEGER)",
            "CREATE TEMP TABLE mine (a INTEGER)",
            "DROP TABLE transactions",
            "ALTER TABLE transactions ADD COLUMN a INTEGER",
            "COPY transactions TO '{file}'",
            "COPY (SELECT 1) TO '{file}'",
            "EXPORT DATABASE '{file}'",
            "ATTACH '{file}'",
            "DETACH kobosift",
            "INSTALL httpfs",
            "LOAD httpfs",
            "PRAGMA database_list",
            "SET threads = 1",
            "USE memory",
            "CALL ducklake_expire_snapshots('kobosift', older_than => now())",
            "FROM ducklake_expire_snapshots('kobosift', older_than => now())",
            "FROM ducklake_cleanup_old_files('kobosift', cleanup_all => true)",
            "BEGIN",
            "VACUUM",
            "CHECKPOINT",
            "PREPARE p AS DELETE FROM transactions",
            "EXPLAIN ANALYZE DELETE FROM transactions",
            "EXPLAIN ANALYZE COPY transactions TO '{file}'",
            "SELECT 1; DELETE FROM transactions",
            "SELECT 1; SELECT 2",
            "",
            "-- nothing",
            "FROM read_csv('{secret}')",
            "FROM read_text('{secret}')",
            "FROM read_blob('{secret}')",
            "FROM read_parquet('{data}/**/*.parquet')",
            "FROM '{secret}'",
            "FROM '{data}/main/transactions/*.parquet'",
            'SELECT * FROM "{secret}"',
            "SUMMARIZE FROM '{secret}'",
            "DESCRIBE TABLE '{secret}'",
            "FROM glob('/etc/*')",
            "FROM sniff_csv('{secret}')",
            "FROM sqlite_scan('{catalog}', 'ducklake_metadata')",
            "FROM query('SELECT 1')",
            "FROM query_table('transactions')",
            "SELECT (SELECT content FROM read_text('{secret}'))",
            "WITH a AS (FROM read_text('{secret}')) FROM a",
            "SELECT * FROM transactions WHERE narration IN (SELECT content FROM read_text('{secret}'))",
            "SELECT getenv('HOME')",
            "SELECT current_setting('s3_secret_access_key')",
            "FROM duckdb_databases()",
            "FROM duckdb_databases",
            "FROM duckdb_secrets()",
            "FROM pragma_database_list",
            "FROM __ducklake_metadata_kobosift.ducklake_metadata",
            "FROM 'https://example.com/a.csv'",
        ],
    )
    def test_what_does_anything_else_is_refused_in_a_sentence(
        self, warehouse: Warehouse, tmp_path: Path, sql: str
    ) -> None:
        secret = tmp_path / "secret.csv"
        secret.write_text("a\ncanary\n")
        home = Path(warehouse._data).parent
        places = {"file": tmp_path / "out", "secret": secret, "data": home / "data", "catalog": home / "catalog.sqlite"}
        with pytest.raises(ConfigurationError) as caught:
            audit.run_sql(warehouse, sql.format(**places))
        assert caught.value.exit_code == 2
        assert "\n" not in str(caught.value)
        assert "canary" not in str(caught.value)
        assert not (tmp_path / "out").exists()

    @pytest.mark.parametrize(
        ("sql", "told"),
        [
            ("SELEC 1", "this is not SQL that can be read: syntax error at or near"),
            ("SELECT nothing FROM transactions", "the statement cannot be answered: Referenced column"),
            ("FROM outcomes", "the statement cannot be answered: Table with name outcomes does not exist!"),
            ("SELECT CAST('a' AS INTEGER)", "TRY_CAST gives NULL for such values"),
            ("SELECT (SELECT unnest([1, 2]))", "More than one row returned by a subquery"),
            ("SELECT " + "+".join(["1"] * 950), "nested too deeply"),
        ],
    )
    def test_a_mistake_is_told_in_one_sentence(self, warehouse: Warehouse, sql: str, told: str) -> None:
        with pytest.raises(ConfigurationError) as caught:
            audit.run_sql(warehouse, sql)
        assert told in str(caught.value)
        assert "\n" not in str(caught.value)

    @pytest.mark.parametrize(
        ("asked", "told"),
        [
            ("CAST(said AS INTEGER)", "TRY_CAST gives NULL"),
            ("CAST(said AS JSON)", "TRY_CAST gives NULL"),
            ("strptime(said, '%d')", "TRY(...) gives NULL"),
            ("json_extract(said, '$.x')", "TRY(...) gives NULL"),
            ("error(said)", "TRY(...) gives NULL"),
            ("regexp_matches(said, said || '(')", "TRY(...) gives NULL"),
            ("CAST(9223372036854775807 AS BIGINT) + length(said)", "cast it to a wider type"),
        ],
    )
    def test_a_mistake_that_a_rows_value_shows_is_told_without_the_value(
        self, warehouse: Warehouse, asked: str, told: str
    ) -> None:
        with pytest.raises(ConfigurationError) as caught:
            audit.run_sql(warehouse, f"SELECT {asked} FROM (SELECT 'canary' || unnest([1, 2]) AS said)")  # noqa: S608
        assert told in str(caught.value)
        assert "canary" not in str(caught.value)
        assert "9223372036854775807" not in str(caught.value)

    def test_the_seal_alone_keeps_files_and_settings_away(self, warehouse: Warehouse, tmp_path: Path) -> None:
        (tmp_path / "secret.csv").write_text("a\n1\n")
        with warehouse.sealed() as con:
            for sql in (
                f"FROM read_csv('{tmp_path}/secret.csv')",
                f"COPY (SELECT 1) TO '{tmp_path}/out.csv'",
                f"ATTACH '{tmp_path}/out.db'",
                "SET threads = 1",
                "SET enable_external_access = true",
                "DELETE FROM transactions",
            ):
                with pytest.raises(duckdb.Error):
                    con.execute(sql).fetchall()
        assert [path.name for path in tmp_path.iterdir()] == ["secret.csv"]
