"""Every check can fail: one wrong row of each kind is planted in a sound warehouse and found, and named."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime

import duckdb
import pytest

from resources.warehouse import checks
from resources.warehouse.checks import CHECKS, Proof, Verdict, judge, prove
from resources.warehouse.connection import Warehouse

# One account with three lines: one drafted, one rejected, one held. The rejected one was corrected once.
SOUND = """
INSERT INTO accounts BY NAME
    SELECT 'acc' AS account_id, 'org' AS organization_id, 'sandbox' AS environment, 'NGN' AS currency;
INSERT INTO transactions BY NAME
    SELECT 'org' AS organization_id, 'sandbox' AS environment, 'acc' AS account_id, t AS transaction_id, v AS version,
        DATE '2025-03-01' + n AS day, 100 * (n + 1) AS amount, 'now-' || t AS payload_hash
    FROM (VALUES ('good', 1, 0), ('bad', 2, 1), ('late', 1, 2)) AS lines(t, v, n);
INSERT INTO transaction_versions BY NAME
    SELECT * REPLACE (1 AS version, 'then' AS payload_hash) FROM transactions WHERE transaction_id = 'bad';
INSERT INTO quarantine BY NAME SELECT 'acc' AS account_id, 'unread' AS payload_hash;
INSERT INTO decisions BY NAME
    SELECT t.organization_id, t.environment, t.account_id, t.transaction_id, t.day, t.version, o AS outcome
    FROM transactions AS t
    JOIN (VALUES ('good', 'eligible'), ('bad', 'rejected'), ('late', 'held')) AS d(id, o) ON d.id = t.transaction_id;
INSERT INTO drafts BY NAME
    SELECT 'draft' AS draft_id, 'DRAFT' AS status, organization_id, environment, account_id, transaction_id, day
    FROM decisions WHERE outcome = 'eligible';
INSERT INTO rejections BY NAME
    SELECT organization_id, environment, account_id, transaction_id, day FROM decisions WHERE outcome = 'rejected'
"""


def write(con: duckdb.DuckDBPyConnection, sql: str) -> None:
    for statement in sql.split(";"):
        con.execute(statement)


def failed(found: Proof) -> dict[str, tuple[str, ...]]:
    return {verdict.check.name: verdict.rows for verdict in found.verdicts if not verdict.passed}


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    home = tmp_path_factory.mktemp("checks")
    warehouse = Warehouse(f"sqlite:{home / 'catalog.sqlite'}", str(home / "data"), home)
    warehouse.migrate()
    warehouse.write(lambda con: write(con, SOUND), run_id="test", note="sound")
    yield warehouse
    warehouse.close()


@pytest.fixture
def con(warehouse: Warehouse) -> Iterator[duckdb.DuckDBPyConnection]:
    """The sound warehouse, in a transaction that is thrown away."""
    with warehouse.read() as con:
        con.begin()
        yield con
        con.rollback()


def test_a_sound_warehouse_passes_every_check_and_the_funnel_adds_up(con: duckdb.DuckDBPyConnection) -> None:
    found = judge(con, None)
    assert failed(found) == {}
    assert [verdict.check for verdict in found.verdicts] == list(CHECKS)
    assert {row["disposition"]: (row["lines"], row["amount"], row["currency"]) for row in found.funnel} == {
        "drafted": (1, 100, "NGN"),
        "rejected": (1, 200, "NGN"),
        "held": (1, 300, "NGN"),
    }


DUPLICATE = "INSERT INTO {0} SELECT * FROM {0} WHERE transaction_id = '{1}'"
PLANTS = {
    "a line twice": (DUPLICATE.format("transactions", "late"), {"each_line_once": ("acc/late",)}),
    "an older version twice": (
        DUPLICATE.format("transaction_versions", "bad"),
        {"payloads_accounted_for": ("acc/bad",)},
    ),
    "an older version that is the newest": (
        "UPDATE transaction_versions SET payload_hash = 'now-bad'",
        {"payloads_accounted_for": ("acc/bad",)},
    ),
    "a quarantined payload twice": (
        "INSERT INTO quarantine SELECT * FROM quarantine",
        {"payloads_accounted_for": ("acc/quarantined payload unread",)},
    ),
    "a decision twice": (DUPLICATE.format("decisions", "late"), {"each_decision_once": ("acc/late",)}),
    "a line without a decision": (
        "DELETE FROM decisions WHERE transaction_id = 'late'",
        {"funnel_adds_up": ("acc/late",)},
    ),
    "a decision on an older version": (
        "UPDATE decisions SET version = 1 WHERE transaction_id = 'bad'",
        {"funnel_adds_up": ("acc/bad",)},
    ),
    "a decision without a line": (
        "DELETE FROM transactions WHERE transaction_id = 'late'",
        {"funnel_adds_up": ("acc/late",)},
    ),
    "a draft twice": (DUPLICATE.format("drafts", "good"), {"each_draft_once": ("acc/good",)}),
    "a second draft of a line": (
        "INSERT INTO drafts SELECT * REPLACE ('another' AS draft_id) FROM drafts",
        {"no_draft_astray": ("acc/good",)},
    ),
    "an eligible line without a draft": (
        "UPDATE drafts SET status = 'WITHDRAWN'",
        {"no_draft_astray": ("acc/good",), "funnel_adds_up": ("acc/good",)},
    ),
    "an orphan draft": (
        "INSERT INTO drafts SELECT * REPLACE ('another' AS draft_id, 'ghost' AS transaction_id) FROM drafts",
        {"no_draft_astray": ("acc/ghost",)},
    ),
    "a draft of a rejected line": (
        "UPDATE drafts SET transaction_id = 'bad', day = DATE '2025-03-02'",
        {"no_draft_astray": ("acc/bad", "acc/good"), "funnel_adds_up": ("acc/good",)},
    ),
    "a rejection twice": (DUPLICATE.format("rejections", "bad"), {"each_rejection_once": ("acc/bad",)}),
    "a rejected line without a rejection": ("DELETE FROM rejections", {"each_rejection_once": ("acc/bad",)}),
    "a rejection of an eligible line": (
        "UPDATE rejections SET transaction_id = 'good', day = DATE '2025-03-01'",
        {"each_rejection_once": ("acc/bad", "acc/good")},
    ),
}


@pytest.mark.parametrize("plant", PLANTS)
def test_what_is_wrong_is_found_and_named(con: duckdb.DuckDBPyConnection, plant: str) -> None:
    sql, expected = PLANTS[plant]
    write(con, sql)
    found = failed(judge(con, None))
    assert expected.items() <= found.items(), found


def test_a_day_that_waits_to_be_decided_is_not_judged_on_its_decisions(con: duckdb.DuckDBPyConnection) -> None:
    write(con, "DELETE FROM decisions WHERE transaction_id = 'bad'")
    write(con, "INSERT INTO touched_days VALUES ('t', 'org', 'sandbox', DATE '2025-03-02')")
    found = judge(con, None)
    assert failed(found) == {}
    assert {row["disposition"] for row in found.funnel} == {"drafted", "waiting", "held"}


def test_a_discarded_draft_still_answers_for_its_line(con: duckdb.DuckDBPyConnection) -> None:
    write(con, "UPDATE drafts SET status = 'DISCARDED'")
    assert failed(judge(con, None)) == {}


def test_a_big_warehouse_is_judged_on_the_days_of_the_run(
    con: duckdb.DuckDBPyConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checks, "LINES_PROVED_WHOLE", 1)
    write(con, DUPLICATE.format("rejections", "bad"))
    first, second = date(2025, 3, 1), date(2025, 3, 2)
    assert failed(judge(con, (first, first))) == {}
    assert failed(judge(con, (second, second))) == {"each_rejection_once": ("acc/bad",)}
    assert not judge(con, None).whole


def test_a_big_warehouse_whose_totals_disagree_is_judged_whole(
    con: duckdb.DuckDBPyConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checks, "LINES_PROVED_WHOLE", 1)
    write(con, DUPLICATE.format("transactions", "late"))
    assert "each_line_once" in failed(judge(con, None))


def test_nothing_is_written_by_looking(warehouse: Warehouse) -> None:
    def snapshots() -> object:
        with warehouse.read() as con:
            return con.execute("SELECT max(snapshot_id) FROM ducklake_snapshots('kobosift')").fetchone()

    before = snapshots()
    with warehouse.read() as con:
        assert failed(prove(con, None)) == {}
    assert snapshots() == before


NOW = datetime(2025, 4, 10, 12, tzinfo=UTC)
MIX = """
INSERT INTO decisions BY NAME
    SELECT 'org' AS organization_id, 'sandbox' AS environment, 'acc' AS account_id, '{0}' || n AS transaction_id,
        DATE '{1}' + CAST(n % 3 AS INTEGER) AS day, 1 AS version, 'rejected' AS outcome, '{2}' AS detail
    FROM range({3}) AS r(n)
"""
LATELY, BEFORE = "2025-04-08", "2025-03-20"


class TestWarnings:
    def verdict(self, con: duckdb.DuckDBPyConnection, name: str) -> Verdict:
        found = {verdict.check.name: verdict for verdict in judge(con, None, NOW).verdicts}
        assert found[name].check.warns
        return found[name]

    def test_an_account_that_is_read_no_more_is_named(self, con: duckdb.DuckDBPyConnection) -> None:
        write(con, "UPDATE accounts SET status = 'linked', synced_at = TIMESTAMPTZ '2025-04-09 09:00:00+00'")
        found = self.verdict(con, "accounts_fresh")
        assert found.counts == {"accounts": 1, "at_fault": 1}
        assert found.rows == ("acc/last read 2025-04-09 09:00 UTC",)
        write(con, "UPDATE accounts SET synced_at = TIMESTAMPTZ '2025-04-09 11:00:00+00'")
        assert self.verdict(con, "accounts_fresh").passed

    def test_many_unreadable_rows_are_told_of(self, con: duckdb.DuckDBPyConnection) -> None:
        plant = """INSERT INTO quarantine BY NAME SELECT 'acc' AS account_id, 'p' || n AS payload_hash,
            TIMESTAMPTZ '{0} 09:00:00+00' AS quarantined_at FROM range(20) AS r(n)"""
        write(con, plant.format("2025-04-01"))
        assert self.verdict(con, "few_unreadable").passed
        write(con, plant.format("2025-04-09"))
        found = self.verdict(con, "few_unreadable")
        assert found.counts["at_fault"] == 20
        assert found.rows[0] == "acc/quarantined payload p0"

    def test_another_mix_of_reasons_is_told_of_and_the_reason_that_grew_is_named(
        self, con: duckdb.DuckDBPyConnection
    ) -> None:
        write(con, "INSERT INTO decided_days BY NAME SELECT DATE '2025-04-10' AS day")
        for which, day, detail, lines in (
            ("a", BEFORE, "low_confidence", 300),
            ("b", BEFORE, "personal_keyword", 300),
            ("c", LATELY, "low_confidence", 250),
        ):
            write(con, MIX.format(which, day, detail, lines))
        assert self.verdict(con, "reasons_steady").counts["at_fault"] == 1
        assert all(row.startswith("acc/c") for row in self.verdict(con, "reasons_steady").rows)
        write(con, MIX.format("d", LATELY, "personal_keyword", 230))
        assert self.verdict(con, "reasons_steady").passed

    def test_few_lines_say_nothing_of_a_mix(self, con: duckdb.DuckDBPyConnection) -> None:
        write(con, "INSERT INTO decided_days BY NAME SELECT DATE '2025-04-10' AS day")
        write(con, MIX.format("a", BEFORE, "low_confidence", 300))
        write(con, MIX.format("b", LATELY, "personal_keyword", 150))
        assert self.verdict(con, "reasons_steady").counts == {"tenants": 0, "index_thousandths": 0, "at_fault": 0}
