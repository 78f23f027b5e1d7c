"""Replaying and labelling on a real DuckLake: what it reads, that it writes nothing, and that it tells what comes."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import assets.decisions
from assets.labelling import draw_sample, import_labels
from assets.replays import Replay, Scope, replay
from assets.sweeps import sweep
from resources.clock import FixedClock
from resources.errors import ConfigurationError, KobosiftError
from resources.row_files import read_rows
from resources.warehouse import lists, replays, settlements
from resources.warehouse.labels import all_words
from resources.warehouse.lists import Entry
from rules.knobs import parse_knob
from rules.labels import LabelError
from rules.policy import Policy, parse_policy
from rules.replay import ELIGIBLE, FLIPS
from tests.assets.test_decisions import LATER, NOW, ONE, OTHER, SHIPPED, STRICT, Books, copied, row

LOW = "personal_or_low_confidence/low_confidence"


@pytest.fixture
def books(tmp_path: Path) -> Iterator[Books]:
    books = copied(tmp_path / "home")
    yield books
    books.warehouse.close()


def tried(
    books: Books,
    policy: Policy,
    out: Path | None = None,
    now: datetime = LATER + timedelta(hours=1),
    **scope: Any,
) -> Replay:
    return replay(books.warehouse, policy=policy, clock=FixedClock(now), scope=Scope(**scope), out=out)


def label(books: Books, tmp_path: Path, text: str, **by: str) -> object:
    file = tmp_path / "labels.csv"
    file.write_text(f"account_id,transaction_id,label\n{text}", encoding="utf-8")
    return import_labels(books.warehouse, FixedClock(LATER), file, by=by.get("by"), run_id="a test")


def test_the_policy_in_force_flips_nothing_over_all_history(books: Books) -> None:
    books.add_entry("deny", "sahelia")
    books.receive(row("a", "NIP/GTB/SAHELIA PLC/birthday"), row("p", "POS", status="pending", day=1))
    books.decide()
    told = tried(books, SHIPPED).summary
    assert (told.lines, told.flipped, told.undecided) == (5, 0, 0)


def test_a_replay_tells_what_deciding_then_writes_and_writes_nothing_itself(books: Books) -> None:
    before = books.tables()
    told = tried(books, STRICT)
    assert books.tables() == before
    books.decide(policy=STRICT)
    standing = books.rows("SELECT account_id, transaction_id, reason || '/' || detail FROM decisions")
    then = {(account, line): outcome for account, line, outcome in standing}
    flipped = {(each["account_id"], each["transaction_id"]): each["to"] for each in told.examples.to_dicts()}
    assert flipped == {(ONE.account_id, "a"): LOW}
    assert then[ONE.account_id, "a"] == LOW
    assert tried(books, STRICT).summary.flipped == 0
    assert told.summary.drafts["waiting_withdrawn"] == {"lines": 1, "amounts": {"NGN": 500_000}}


def test_batches_of_days_add_up_to_the_same(books: Books, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    whole = tried(books, STRICT, tmp_path / "whole.parquet")
    monkeypatch.setattr(assets.decisions, "LINES_A_BATCH", 1)
    parts = tried(books, STRICT, tmp_path / "parts.parquet")
    assert parts.summary == whole.summary
    assert parts.examples.equals(whole.examples)
    assert pl.read_parquet(tmp_path / "whole.parquet").equals(pl.read_parquet(tmp_path / "parts.parquet"))


def test_a_replay_of_other_numbers_reads_no_text_again_and_tells_the_same(
    books: Books, monkeypatch: pytest.MonkeyPatch
) -> None:
    books.receive(row("p", "POS", status="pending", day=1), row("d", "refund of order", type="debit"))
    books.decide()
    other = parse_policy('points.company = 10\nfloor.NGN = "6000"\npending.days = 1', "a test")
    quick = tried(books, other)
    monkeypatch.setattr("assets.replays.same_words", lambda *_: False)
    slow = tried(books, other)
    assert quick.summary.flipped == 3
    assert quick.summary == slow.summary
    assert quick.examples.equals(slow.examples)


@pytest.mark.parametrize("billed", [False, True])
@pytest.mark.parametrize(
    "words",
    [
        "",
        'terms.personal = ["hello"]',
        'terms.personal = ["hello"]\npending.days = 1',
        'terms.business = ["birthday"]\nterms.personal = ["payment"]\nfloor.NGN = "6000"',
        'terms.company = ["ﬁt*", "plc"]\nterms.refund = ["order"]',
        'terms.personal = ["nobody", "says", "this"]',
    ],
)
def test_a_replay_of_other_words_reads_the_texts_that_may_hold_them_and_tells_the_same(
    books: Books, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, words: str, billed: bool
) -> None:
    books.receive(
        row("p", "POS", status="pending", day=1),
        row("o", "cafe", description="Ｈｅｌｌｏ"),  # noqa: RUF001 - it is "Hello"
        row("f", "NIP/GTB/FIT FORMS/hello"),
        row("d", "refund of order", type="debit"),
        row("t", "POS", tags=["a birthday"]),
        row("x", "POS", counterparty="Hello Plc"),
    )
    if billed:
        books.bill("INV-7", customer_name="Sahelia Plc", total=500_000)
    books.decide()
    label(books, tmp_path, "acc-1,t,personal\nacc-1,x,business\n")
    other = parse_policy(words, "a test")
    quick = tried(books, other)
    monkeypatch.setattr("assets.replays.changed_pieces", lambda *_: None)
    monkeypatch.setattr("assets.replays.same_words", lambda *_: False)
    slow = tried(books, other)
    assert quick.summary == slow.summary
    assert quick.examples.equals(slow.examples)
    of_payments = [each.settlements.lines.sort(pl.all()) for each in (quick, slow) if each.settlements]
    assert len(of_payments) == 2 * billed
    assert not billed or of_payments[0].equals(of_payments[1])


def test_lines_that_hold_no_word_that_changed_are_counted_and_not_read(
    books: Books, monkeypatch: pytest.MonkeyPatch
) -> None:
    books.receive(row("x", "POS xylophone"), row("y", "POS"))
    books.decide()
    counted: list[int] = []

    def noted(*asked: Any) -> pl.DataFrame:
        found = others_counted(*asked)
        counted.append(found["lines"].sum())
        return found

    others_counted = replays.others_counted
    monkeypatch.setattr(replays, "others_counted", noted)
    found = tried(books, parse_policy('terms.personal = ["xylophone"]', "a test"))
    assert 0 < sum(counted) < found.summary.lines


def test_a_sweep_under_other_words_is_at_each_point_what_a_replay_tells(books: Books) -> None:
    books.receive(row("g", "NIP/GTB/SAHELIA PLC/hello gift"), row("n", "NIP/GTB/ADA OBIORADI/invoice", day=4))
    books.decide()
    wording = 'terms.personal = ["hello"]\nterms.business = ["gift"]'
    knobs = [parse_knob("points.minimum=0:120:60"), parse_knob("floor.NGN=0:10000:5000")]
    found = sweep(
        books.warehouse, policy=parse_policy(wording, "a test"), knobs=knobs, clock=FixedClock(LATER), scope=Scope()
    )
    for point in found.points:
        changes = {name: point[name] for name in ("points.minimum", "floor.NGN")}
        told = tried(books, parse_policy(wording, "a test").changed(changes), now=LATER)
        eligible = sum(int(str(cell["lines"])) for cell in told.summary.matrix if cell["to"] == ELIGIBLE)
        assert point["eligible"] == eligible, point


def test_what_was_seen_is_not_taken_again_where_a_day_waits_or_lists_differ(
    books: Books, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: object) -> None:
        raise AssertionError

    monkeypatch.setattr("assets.replays.renumbered", never)
    with pytest.raises(AssertionError):
        tried(books, STRICT)
    tried(books, STRICT, as_of=NOW)
    books.add_entry("deny", "sahelia")
    assert tried(books, SHIPPED).summary.flipped == 2
    books.decide()
    books.receive(row("new", "NIP/GTB/SAHELIA PLC/hello", 9))
    assert tried(books, STRICT).summary.undecided == 1


def test_days_bound_a_replay(books: Books) -> None:
    assert tried(books, STRICT, start=date(2026, 3, 3)).summary.lines == 1
    assert tried(books, STRICT, end=date(2026, 3, 2)).summary.lines == 3
    with pytest.raises(KobosiftError, match="no lines"):
        tried(books, STRICT, start=date(2027, 1, 1))


def test_what_stood_then_is_what_a_replay_as_of_then_compares_with(books: Books) -> None:
    books.decide(policy=STRICT)
    assert tried(books, STRICT, as_of=NOW).summary.flipped == 1
    assert tried(books, SHIPPED, as_of=NOW).summary.flipped == 0
    assert tried(books, SHIPPED).summary.flipped == 1
    assert tried(books, SHIPPED, as_of=NOW - timedelta(days=1)).summary.undecided == 4


def test_entries_lines_and_pending_days_are_those_of_the_time(books: Books) -> None:
    entry = Entry("deny", "org-1", "sandbox", "counterparty", "contains", "sahelia")
    books.write(lambda con: lists.add(con, entry, LATER))
    books.receive(row("p", "POS", status="pending", day=8))
    books.decide(now=LATER)
    books.write(lambda con: lists.remove(con, entry.entry_id, LATER + timedelta(minutes=10)))
    books.receive(row("b", "NIP/GTB/SAHELIA PLC/INVOICE PAYMENT", day=4))  # corrected, and on another day
    later = LATER + timedelta(days=30)
    books.decide(now=later)
    for then, lines in ((NOW, 4), (LATER, 5), (later, 5)):
        told = tried(books, SHIPPED, now=later, as_of=then).summary  # a time to come would be judged as of now
        assert (told.lines, told.flipped) == (lines, 0), then
    with_entry = tried(books, SHIPPED, as_of=LATER).summary.matrix
    assert sum(int(str(cell["lines"])) for cell in with_entry if str(cell["to"]).endswith("/denylisted")) == 2


def test_an_entry_that_got_another_expiry_holds_as_it_did_then(books: Books) -> None:
    books.add_entry("deny", "sahelia", expires_at=LATER + timedelta(days=9))
    entry = Entry("deny", "org-1", "sandbox", "counterparty", "contains", "sahelia", expires_at=NOW)
    books.write(lambda con: lists.add(con, entry, LATER))
    with books.warehouse.read() as con:
        (before,), (after,) = (lists.entries_then(con, then)["expires_at"] for then in (NOW, LATER))
        assert lists.entries_then(con, NOW - timedelta(days=1)).is_empty()
    assert (before, after) == (LATER + timedelta(days=9), NOW)


def test_lines_that_came_since_are_told_apart(books: Books) -> None:
    books.receive(row("new", "NIP/GTB/SAHELIA PLC/hello", 9))
    told = tried(books, SHIPPED)
    assert (told.summary.lines, told.summary.undecided, told.waiting_days) == (4, 1, 1)


def test_lists_that_a_person_brings_are_judged_by(books: Books) -> None:
    books.add_entry("deny", "sahelia")
    with books.warehouse.read() as con:
        entries = con.execute("SELECT * FROM list_entries").pl()
    assert tried(books, SHIPPED).summary.flipped == 2
    assert tried(books, SHIPPED, entries=entries.clear()).summary.flipped == 0


def test_every_flipped_line_can_be_written_and_no_cell_is_a_formula(books: Books, tmp_path: Path) -> None:
    personal = parse_policy('terms.personal = ["payment", "hello"]', "a test")
    found = tried(books, personal, tmp_path / "flips.csv")
    with (tmp_path / "flips.csv").open(encoding="utf-8") as file:
        written = list(csv.DictReader(file))
    assert len(written) == found.summary.flipped > 0
    assert list(written[0]) == FLIPS.names()
    with pytest.raises(ConfigurationError, match="must end in"):
        tried(books, personal, tmp_path / "flips.txt")


def test_labels_are_taken_in_once_and_the_newest_of_a_person_counts(books: Books, tmp_path: Path) -> None:
    first = label(books, tmp_path, "acc-1,a,business\nacc-1,b,personal\nacc-1,nowhere,personal\nacc-1,c,\n")
    assert vars(first) == {"rows": 4, "blank": 1, "new": 2, "changed": 0, "unchanged": 0, "unknown": 1}
    again = label(books, tmp_path, "acc-1,a,personal\nacc-1,b,not_business\n")
    assert vars(again) == {"rows": 2, "blank": 0, "new": 0, "changed": 1, "unchanged": 1, "unknown": 0}
    second = label(books, tmp_path, "acc-1,a,business\n", by="ada")
    assert vars(second) == {"rows": 1, "blank": 0, "new": 1, "changed": 0, "unchanged": 0, "unknown": 0}
    assert books.rows("SELECT label, labelled_by FROM labels WHERE transaction_id = 'a' ORDER BY ALL") == [
        ("business", "ada"),
        ("personal", "import"),
    ]


def test_a_file_with_a_fault_leaves_no_label(books: Books, tmp_path: Path) -> None:
    with pytest.raises(LabelError, match="row 2"):
        label(books, tmp_path, "acc-1,a,business\nacc-1,b,perhaps\n")
    with pytest.raises(KobosiftError, match="none of the 1 labelled lines"):
        label(books, tmp_path, "acc-9,a,business\n")
    assert books.rows("SELECT count(*) FROM labels") == [(0,)]


def test_what_people_do_with_a_line_counts_where_nobody_said_what_it_is(books: Books, tmp_path: Path) -> None:
    def step(account: str, line: str, name: str, before: str, hours: int) -> None:
        books.sql(
            "INSERT INTO draft_log BY NAME SELECT draft_id, account_id, ? AS step, ? AS status_before,"
            " 'tok' AS taken_by, ?::TIMESTAMPTZ AS taken_at FROM drafts WHERE account_id = ? AND transaction_id = ?",
            *(name, before, LATER + timedelta(hours=hours), account, line),
        )

    def counted() -> dict[str, str]:
        with books.warehouse.read() as con:
            return {f"{row['account_id']} {row['transaction_id']}": row["counts"] for row in all_words(con).to_dicts()}

    step("acc-1", "a", "confirm", "DRAFT", 1)
    step("acc-1", "c", "discard", "DRAFT", 1)
    step("acc-2", "a", "discard", "DRAFT", 1)
    assert counted() == {"acc-1 a": "business", "acc-1 c": "personal", "acc-2 a": "personal"}
    step("acc-1", "a", "discard", "CONFIRMED", 2)  # a document that is given up says nothing of the line
    label(books, tmp_path, "acc-1,c,business\n")
    assert counted() == {"acc-1 c": "business", "acc-2 a": "personal"}
    assert tried(books, SHIPPED).summary.metrics["before"]["labels"] == 2  # type: ignore[index]
    books.bill("INV-7", customer_name="Sahelia Plc")
    books.decide(parse_policy('settlement.customer_exact.action = "suggest"', "a test"))
    ((name,),) = books.rows("SELECT settlement_id FROM settlements WHERE transaction_id = 'a'")
    books.write(lambda con: settlements.decline(con, name, by="bola", now=LATER))
    assert "acc-1 a" not in counted()
    books.sql("UPDATE settlements SET status = 'accepted' WHERE settlement_id = ?", name)
    assert counted()["acc-1 a"] == "business"


def test_a_sample_comes_back_from_a_sheet(books: Books, tmp_path: Path) -> None:
    out = tmp_path / "sample.xlsx"
    books.receive(row("007", "POS +hello", day=6))
    books.decide()
    draw_sample(books.warehouse, out, size=9, seed=3)
    filled = read_rows(out).with_columns(label=pl.lit("business"))
    filled.write_excel(out)
    report = import_labels(books.warehouse, FixedClock(LATER), out, by="ada", run_id="a test")
    assert (report.rows, report.new, report.unknown) == (5, 5, 0)
    filled.with_columns(label=pl.lit("perhaps")).write_excel(out)
    with pytest.raises(LabelError, match="row 5"):
        import_labels(books.warehouse, FixedClock(LATER), out, by="bola", run_id="a test")
    out.write_bytes(b"PK nothing")
    with pytest.raises(ConfigurationError, match="is not the XLSX file"):
        import_labels(books.warehouse, FixedClock(LATER), out, by="ada", run_id="a test")
    assert books.rows("SELECT count(*) FROM labels") == [(5,)]


def test_a_sample_is_drawn_by_its_seed_and_leaves_labelled_lines_out(books: Books, tmp_path: Path) -> None:
    books.receive(*[row(f"s{number}", "POS hello", 6) for number in range(40)], account=OTHER)
    books.decide()
    label(books, tmp_path, "acc-1,a,business\n")
    files = [tmp_path / f"{name}.csv" for name in ("one", "same", "other")]
    reports = [
        draw_sample(books.warehouse, out, size=12, seed=seed) for out, seed in zip(files, (1, 1, 2), strict=True)
    ]
    assert files[0].read_text("utf-8") == files[1].read_text("utf-8") != files[2].read_text("utf-8")
    assert (len(reports[0].sheet), reports[0].candidates, reports[0].random_rejections) == (12, 43, 4)
    drawn = pl.read_csv(files[0])
    assert len(drawn.unique(["account_id", "transaction_id"])) == 12
    assert {"outcome", "detail"}.isdisjoint(drawn.columns)
    assert ("acc-1", "a") not in set(drawn.select("account_id", "transaction_id").iter_rows())
    assert sum(int(str(each["drawn"])) for each in reports[0].strata) == 12
    assert draw_sample(books.warehouse, files[0], size=500, seed=1).sheet.height == 43


def test_a_filled_sample_comes_back_as_labels_and_a_second_person_is_asked_of_the_same(
    books: Books, tmp_path: Path
) -> None:
    out = tmp_path / "sample.csv"
    draw_sample(books.warehouse, out, size=2, seed=3)
    pl.read_csv(out).with_columns(label=pl.lit("business"), labelled_by=pl.lit("ada")).write_csv(out)
    report = import_labels(books.warehouse, FixedClock(LATER), out, by=None, run_id="a test")
    assert report.new == 2
    second = draw_sample(books.warehouse, out, size=10, seed=3, second_by="bola")
    assert second.sheet.height == 2
    with pytest.raises(KobosiftError, match="ada has not"):
        draw_sample(books.warehouse, out, size=10, seed=3, second_by="ada")


def test_what_its_invoice_rejects_flips_in_no_replay_of_the_policy_in_force(
    books: Books, monkeypatch: pytest.MonkeyPatch
) -> None:
    books.bill("INV-2041", status="cancelled")
    books.receive(row("i", "NIP/GTB/SAHELIA PLC/INV-2041"))
    books.decide()
    assert books.outcomes()["i"] == ("rejected", "invoice_not_open")
    for _ in range(2):
        told = tried(books, SHIPPED).summary
        assert (told.lines, told.flipped) == (5, 0)
        monkeypatch.setattr("assets.replays.same_words", lambda *_: False)
