"""The bench of tuning measures what it says: all lines, all points, each beside a decide of the same lines."""

from __future__ import annotations

from pathlib import Path

from bench.p5_tuning import measure


def test_a_small_run_gives_every_figure(tmp_path: Path) -> None:
    told = measure(tmp_path, 2_000, 1)
    barred = {"replay_all_words", "replay_a_word", "replay_numbers", "sweep"}
    assert set(told["lines_per_second"]) == {"decide", *barred}  # type: ignore[call-overload]
    assert set(told["met"]) == set(told["bars"]) == barred  # type: ignore[call-overload]
