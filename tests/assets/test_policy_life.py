"""Activated policies, a candidate beside the one in force, the dead-letter queue asked again: on a real DuckLake."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from assets.overruling import overrule, take_back
from assets.replays import Scope, replay
from assets.requeue import requeue, try_other
from resources.clock import FixedClock
from resources.errors import ConfigurationError
from resources.warehouse import policies
from resources.warehouse.rejections import Asked
from rules.policy import Policy, parse_policy
from tests.assets.test_decisions import LATER, NOW, SHIPPED, STRICT, Books, copied, row

LOW = "personal_or_low_confidence/low_confidence"
GIFT = "personal_or_low_confidence/personal_keyword"
KIND = parse_policy('name = "kind"\nterms.personal = ["nothing at all"]', "a test")


@pytest.fixture
def books(tmp_path: Path) -> Iterator[Books]:
    books = copied(tmp_path / "home")
    yield books
    books.prove()
    books.warehouse.close()


def activate(books: Books, policy: Policy, now: datetime, by: str = "ada") -> bool:
    return books.warehouse.write(
        lambda con: policies.activate(con, policy, by=by, why="a test", now=now), run_id="a test", note="a test"
    )


def beside(books: Books, policy: Policy | None, now: datetime = NOW) -> None:
    def work(con: object) -> object:
        if policy is None:
            return policies.stop_shadow(con, now)  # type: ignore[arg-type]
        return policies.start_shadow(con, policy, by="ada", now=now)  # type: ignore[arg-type]

    books.write(work)


def noted(books: Books) -> set[tuple[str, str, str]]:
    return set(books.rows("SELECT transaction_id, in_force, candidate FROM audit.shadow"))  # type: ignore[arg-type]


def ask(books: Books, *, now: datetime = LATER, **asked: str) -> object:
    clock = FixedClock(now)
    return requeue(books.warehouse, Asked(**asked), clock=clock, run_id="a test", decide=books.decide)


def test_the_newest_activation_is_in_force_and_the_same_again_is_none(books: Books) -> None:
    with books.warehouse.read() as con:
        assert policies.active(con) is None
    assert activate(books, STRICT, NOW)
    assert not activate(books, STRICT, LATER)
    assert activate(books, KIND, LATER, by="bola")
    with books.warehouse.read() as con:
        now, before = policies.active(con), policies.before_active(con)
        history = policies.history(con).to_dicts()
    assert now is not None
    assert before is not None
    assert (now.policy_hash, now.activated_by, before.policy_hash) == (KIND.hash, "bola", STRICT.hash)
    assert parse_policy(now.content, "a test") == KIND
    assert {each["name"]: each["decisions"] for each in history} == {"strict": 0, "kind": 0, "ng-default": 4}


def test_a_policy_that_was_activated_first_decides_when_it_does(books: Books) -> None:
    activate(books, STRICT, NOW)
    books.decide(policy=STRICT)
    first = books.rows("SELECT first_used_at FROM policies WHERE policy_hash = ?", STRICT.hash)
    assert first == [(LATER,)]


def test_a_candidate_is_decided_beside_and_changes_nothing_else(books: Books) -> None:
    alone = books.tables()
    beside(books, STRICT)
    books.decide(only_stale=False)
    assert books.tables() == {**alone, "policies": books.tables()["policies"]}
    assert noted(books) == {("a", "eligible", LOW)}
    beside(books, KIND, LATER)
    books.decide(only_stale=False)
    assert ("b", GIFT, LOW) in noted(books)


def test_what_was_noted_of_a_day_is_replaced_when_the_day_is_decided_again(books: Books) -> None:
    beside(books, STRICT)
    for _ in range(2):
        books.decide(only_stale=False)
    assert books.rows("SELECT count(*) FROM shadow_disagreements") == [(1,)]
    books.receive(row("a", "NIP/GTB/SAHELIA PLC/birthday"))
    books.decide()
    assert noted(books) == set()


def test_a_stopped_candidate_is_decided_no_more_and_what_was_noted_stays(books: Books) -> None:
    beside(books, STRICT)
    books.decide(only_stale=False)
    beside(books, None, LATER)
    books.receive(row("n", "NIP/GTB/SAHELIA PLC/hello", 2))
    books.decide()
    assert noted(books) == {("a", "eligible", LOW)}


def test_entries_that_are_rejected_again_say_when_they_were_asked(books: Books) -> None:
    before = books.rows("SELECT * EXCLUDE (replayed_at) FROM rejections")
    for later in (1, 2):
        now = LATER + timedelta(hours=later)
        found = ask(books, now=now)
        assert vars(found) == {"entries": 1, "left": 0, "ends": [{"from": GIFT, "to": GIFT, "entries": 1}]}
        assert books.rows("SELECT replayed_at FROM rejections") == [(now,)]
    assert books.rows("SELECT * EXCLUDE (replayed_at) FROM rejections") == before
    assert books.rows("SELECT count(*) FROM monitoring_events") == [(1,)]


def test_entries_that_an_allow_entry_lifts_leave_the_queue(books: Books) -> None:
    books.add_entry("allow", "ada obioradi")
    found = ask(books, transaction_id="b")
    assert vars(found) == {"entries": 1, "left": 1, "ends": [{"from": GIFT, "to": "eligible", "entries": 1}]}
    assert books.rows("SELECT count(*) FROM rejections") == [(0,)]


def test_a_requeue_that_is_cut_off_leaves_its_days_to_the_next_run(books: Books) -> None:
    def cut() -> object:
        raise RuntimeError

    with pytest.raises(RuntimeError):
        requeue(books.warehouse, Asked(), clock=FixedClock(LATER), run_id="a test", decide=cut)
    assert books.rows("SELECT count(*) FROM touched_days") == [(1,)]
    assert books.decide().lines == 2


def test_only_the_entries_that_are_meant_are_asked(books: Books) -> None:
    assert vars(ask(books, detail="low_confidence"))["entries"] == 0
    assert vars(ask(books, account_id="acc-2"))["entries"] == 0
    assert vars(ask(books, organization_id="org-1", environment="sandbox"))["entries"] == 1


def test_another_policy_is_tried_and_nothing_is_written(books: Books) -> None:
    before = books.tables()
    found = try_other(books.warehouse, Asked(), policy=KIND, clock=FixedClock(LATER))
    assert vars(found) == {"entries": 1, "left": 0, "ends": [{"from": GIFT, "to": LOW, "entries": 1}]}
    assert try_other(books.warehouse, Asked(detail="none"), policy=KIND, clock=FixedClock(LATER)).entries == 0
    assert books.tables() == before
    assert try_other(books.warehouse, Asked(), policy=SHIPPED, clock=FixedClock(LATER)).left == 0


def overruled(books: Books, name: str, by: str = "ada") -> None:
    overrule(
        books.warehouse,
        name,
        "acc-1",
        by=by,
        why="a test",
        policy=SHIPPED,
        clock=FixedClock(LATER),
        run_id="a test",
        decide=books.decide,
    )


def test_an_overruled_line_is_drafted_labelled_and_changed_by_no_run(books: Books) -> None:
    overruled(books, "b")
    assert books.outcomes()["b"] == ("drafted", "allowlisted")
    assert books.rows("SELECT label, labelled_by, source FROM audit.labels") == [("business", "ada", "overruled")]
    books.decide(policy=STRICT)
    books.decide(only_stale=False)
    assert books.outcomes()["b"] == ("drafted", "allowlisted")
    assert books.rows("SELECT overruled_by, why FROM audit.overrules") == [("ada", "a test")]
    evidence = books.rows("SELECT evidence FROM audit.outcomes WHERE transaction_id = 'b'")[0][0]
    assert "ovr_" in evidence


def test_an_overrule_that_is_taken_back_leaves_the_line_to_the_rules(books: Books) -> None:
    def undo() -> bool:
        return take_back(books.warehouse, "b", None, run_id="a test", decide=books.decide)

    overruled(books, "b")
    assert undo()
    assert not undo()
    assert books.outcomes()["b"] == ("rejected", "personal_keyword")


def test_what_is_overruled_flips_in_no_replay_and_in_no_candidate(
    books: Books, monkeypatch: pytest.MonkeyPatch
) -> None:
    overruled(books, "b")
    beside(books, STRICT)
    books.decide(only_stale=False)
    assert noted(books) == {("a", "eligible", LOW)}
    clock = FixedClock(LATER)
    for _ in range(2):
        told = replay(books.warehouse, policy=STRICT, clock=clock, scope=Scope()).examples
        assert told["transaction_id"].to_list() == ["a"]
        monkeypatch.setattr("assets.replays.same_words", lambda *_: False)


def test_what_no_overrule_lifts_is_refused(books: Books) -> None:
    books.receive(row("debit", "hello", type="debit"))
    books.decide()
    for name, told in (
        ("debit", "rejected as debit_not_refund, which an overrule does not lift"),
        ("a", "a is eligible"),
        ("nowhere", "0 decided lines"),
    ):
        with pytest.raises(ConfigurationError, match=told):
            overruled(books, name)
    assert books.rows("SELECT count(*) FROM overrules") == [(0,)]
