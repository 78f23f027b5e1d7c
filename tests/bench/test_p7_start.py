"""The bench of starting measures what it says: help and a run with nothing new, each beside `import dagster`."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench import p7_start


@pytest.mark.slow
def test_a_short_run_gives_every_figure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(p7_start, "_ROUNDS", 1)
    told = p7_start.measure(tmp_path, 0, 1)
    assert set(told["seconds"]) == set(told["cpu_seconds"]) == {"import dagster", "help", "run"}  # type: ignore[call-overload]
    assert set(told["met"]) == set(told["bars"]) == {"help", "run"}  # type: ignore[call-overload]
