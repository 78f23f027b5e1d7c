"""Events on disk: whole, once, sorted by arrival, without a BVN."""

from __future__ import annotations

import json
import os
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resources.landing import SAME_FOR, SEEN, WEBHOOKS, Event, Lander, LandingError, waiting

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


def put(landing: Path, body: object, now: datetime = NOW) -> bool:
    return Lander(landing).land(Event.of(json.dumps(body).encode()), "hmac", now=now)


def files(landing: Path) -> list[Path]:
    return sorted(path for path in landing.rglob("*") if path.is_file() and path.name != SEEN)


def test_an_event_lands_whole_under_a_name_that_sorts_by_arrival(tmp_path: Path) -> None:
    for second in (2, 1, 3):
        assert put(tmp_path, {"event": f"e{second}"}, NOW + timedelta(seconds=second))
    found = files(tmp_path)
    assert [json.loads(path.read_text())["event"]["event"] for path in found] == ["e1", "e2", "e3"]
    assert json.loads(found[0].read_text()) == {
        "received_at": "2026-03-02T09:00:01+00:00",
        "scheme": "hmac",
        "event": {"event": "e1"},
    }
    assert found[0].name.startswith("20260302T090001000000-")
    assert len(found[0].stem.partition("-")[2]) == 16
    assert waiting(tmp_path).count == 3
    assert waiting(tmp_path).first == found[0].name


def test_the_same_event_lands_once_within_eighty_hours_even_where_it_was_processed(tmp_path: Path) -> None:
    first = {"event": "x", "event_id": "evt_1", "data": 1}
    assert put(tmp_path, first)
    files(tmp_path)[0].unlink()
    assert not put(tmp_path, {**first, "data": 2}, NOW + SAME_FOR - timedelta(seconds=1))
    assert put(tmp_path, {**first, "event_id": "evt_2"})
    assert put(tmp_path, first, NOW + SAME_FOR + timedelta(seconds=1))


def test_without_an_id_events_are_told_apart_by_content(tmp_path: Path) -> None:
    assert put(tmp_path, {"event": "x", "data": {"a": 1, "b": 2}})
    assert not put(tmp_path, {"data": {"b": 2, "a": 1}, "event": "x"}, NOW + timedelta(hours=1))
    assert put(tmp_path, {"event": "x", "data": {"a": 1, "b": "2"}})
    assert put(tmp_path, {"event": "x", "event_id": None})


def test_of_many_that_send_the_same_event_at_once_one_lands(tmp_path: Path) -> None:
    lander, event = Lander(tmp_path), Event.of(b'{"event_id": "evt_1"}')
    with ThreadPoolExecutor(8) as pool:
        landed = list(pool.map(lambda _: lander.land(event, "hmac", now=NOW), range(40)))
    assert sum(landed) == len(files(tmp_path)) == 1


@pytest.mark.parametrize("broken", ["write", "close", "rename"])
def test_on_a_full_disk_nothing_is_left_and_the_event_can_come_again(tmp_path: Path, broken: str) -> None:
    full = OSError(28, "No space left on device")
    with patch(f"os.{broken}", side_effect=full), pytest.raises(LandingError, match="No space left on device"):
        put(tmp_path, {"event_id": "evt_1"})
    assert files(tmp_path) == []
    assert put(tmp_path, {"event_id": "evt_1"})


def test_a_bvn_never_rests_whole(tmp_path: Path) -> None:
    put(tmp_path, {"event": "x", "data": {"account": {"bvn": "22000000012"}}})
    Lander(tmp_path).land(Event.of(b'{"\\u0062vn": "22000000012", "share": 0.32}'), "secret", now=NOW)
    kept = "".join(path.read_text() for path in files(tmp_path))
    assert "22000000012" not in kept
    assert kept.count('"0012"') == 2
    assert '"share":0.32' in kept


@pytest.mark.parametrize("body", [b"", b"{", b"NaN", b'{"a": Infinity}', b"\xff\xfe", b"[" * 200_000, b"{'a': 1}"])
def test_what_is_not_json_is_no_event(body: bytes) -> None:
    with pytest.raises(ValueError):
        Event.of(body)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda kids: st.lists(kids) | st.dictionaries(st.text(), kids),
    )
)
def test_any_json_is_kept_as_it_is(value: object) -> None:
    event = Event.of(json.dumps(value).encode())
    assert "bvn" in str(value).lower() or json.loads(event.text) == value
    assert Event.of(json.dumps(value, indent=1).encode()).key == event.key


def test_numbers_are_kept_to_the_digit() -> None:
    text = '{"amount":12345678901234567890.10,"big":' + "9" * 5000 + ',"small":1e-400}'
    assert Event.of(text.encode()).text == text


def test_tidying_forgets_old_marks_and_removes_what_was_half_written(tmp_path: Path) -> None:
    put(tmp_path, {"event_id": "evt_1"})
    beside = tmp_path / WEBHOOKS / ".x.json.0a1b2c3d.tmp"
    beside.write_text("{")
    os.utime(beside, (NOW.timestamp(), NOW.timestamp()))
    Lander(tmp_path).tidy(now=NOW + timedelta(seconds=59))
    assert beside.exists()
    Lander(tmp_path).tidy(now=NOW + SAME_FOR + timedelta(hours=1))
    assert not beside.exists()
    assert (tmp_path / SEEN).read_text() == ""
    assert waiting(tmp_path).count == 1


def test_an_event_that_was_whole_when_its_process_died_lands_after_all(tmp_path: Path) -> None:
    with patch("os.rename", side_effect=KeyboardInterrupt), pytest.raises(KeyboardInterrupt):
        put(tmp_path, {"event_id": "evt_1"})
    assert waiting(tmp_path).count == 0
    Lander(tmp_path).tidy(now=datetime.now(UTC) + timedelta(minutes=2))
    assert waiting(tmp_path).count == 1
    (landed,) = files(tmp_path)
    assert json.loads(landed.read_text())["event"] == {"event_id": "evt_1"}
    assert landed.name.startswith("20260302T090000000000-")
