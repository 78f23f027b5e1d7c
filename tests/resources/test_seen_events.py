"""Which events landed of late: known to every gateway, whatever happens to the journal, and forgotten in time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resources.seen_events import SeenEvents

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
LONG_AGO = NOW - timedelta(days=1)
KEYS = [f"{number:064x}"[::-1] for number in range(1, 40)]


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    return tmp_path / "seen.txt"


def test_a_mark_is_known_to_all_gateways_whichever_made_it_and_after_a_new_start(journal: Path) -> None:
    one, other = SeenEvents(journal), SeenEvents(journal)
    for number, key in enumerate(KEYS):
        (one, other)[number % 2].mark(key, NOW)
        assert one.since(key, LONG_AGO)
        assert other.since(key, LONG_AGO)
    assert all(SeenEvents(journal).since(key, LONG_AGO) for key in KEYS)


def test_a_mark_counts_from_its_moment_and_the_last_one_of_an_event_counts(journal: Path) -> None:
    seen = SeenEvents(journal)
    assert not seen.since(KEYS[0], LONG_AGO)
    seen.mark(KEYS[0], NOW)
    assert seen.since(KEYS[0], NOW - timedelta(microseconds=1))
    assert not seen.since(KEYS[0], NOW)
    seen.mark(KEYS[0], NOW + timedelta(hours=1))
    assert SeenEvents(journal).since(KEYS[0], NOW)
    assert not seen.since(KEYS[1], LONG_AGO)


def test_old_marks_are_forgotten_by_all_and_newer_ones_kept(journal: Path) -> None:
    one, other = SeenEvents(journal), SeenEvents(journal)
    for key in KEYS:
        one.mark(key, NOW)
    other.mark("f" * 64, NOW + timedelta(hours=2))
    one.forget(NOW + timedelta(hours=1))
    assert len(journal.read_text().splitlines()) == 1
    for each in (one, other, SeenEvents(journal)):
        assert each.since("f" * 64, LONG_AGO)
        assert not any(each.since(key, LONG_AGO) for key in KEYS)
    other.mark(KEYS[0], NOW)
    assert one.since(KEYS[0], LONG_AGO)


@given(st.binary(max_size=80))
def test_whatever_stands_in_the_journal_marks_are_found(
    tmp_path_factory: pytest.TempPathFactory, bytes_: bytes
) -> None:
    journal = tmp_path_factory.mktemp("seen") / "seen.txt"
    journal.write_bytes(bytes_ + b"\n")
    seen = SeenEvents(journal)
    seen.mark(KEYS[0], NOW)
    assert seen.since(KEYS[0], LONG_AGO)
    assert SeenEvents(journal).since(KEYS[0], LONG_AGO)
    seen.forget(NOW)


def test_a_journal_that_cannot_be_read_just_now_loses_nothing(journal: Path) -> None:
    seen = SeenEvents(journal)
    seen.mark(KEYS[0], NOW)
    seen.forget(NOW - timedelta(hours=1))
    with patch.object(Path, "open", side_effect=OSError(24, "Too many open files")):
        other = SeenEvents(journal)
        assert not other.since(KEYS[0], LONG_AGO)
        other.forget(NOW + timedelta(days=1))
    assert SeenEvents(journal).since(KEYS[0], LONG_AGO)


def test_forgetting_makes_no_journal(journal: Path) -> None:
    SeenEvents(journal).forget(NOW)
    assert not journal.exists()


def test_a_journal_that_is_gone_or_cannot_be_written_is_no_error(journal: Path) -> None:
    seen = SeenEvents(journal)
    seen.mark(KEYS[0], NOW)
    journal.unlink()
    assert not seen.since(KEYS[0], LONG_AGO)
    seen.mark(KEYS[1], NOW)
    assert SeenEvents(journal).since(KEYS[1], LONG_AGO)
    nowhere = SeenEvents(journal / "below" / "a file")
    nowhere.mark(KEYS[0], NOW)
    nowhere.forget(NOW)
    assert not nowhere.since(KEYS[1], LONG_AGO)
