"""The bench of webhooks measures what it says: every event of both lands, and each ratio stands beside its bar."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench import p6_webhooks
from bench.__main__ import SHOWN
from bench.p6_webhooks import BODY_BYTES, measure


def test_a_small_run_lands_every_event_and_gives_every_figure(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told = measure(tmp_path, 0, 1)
    SHOWN[str(told["workload"])](told)
    assert "Our rate to that of the bare handler" in capsys.readouterr().out
    assert told["landed"] == told["events"] + p6_webhooks.FEWEST // 10  # type: ignore[operator]
    assert len(list((tmp_path / "bare").glob("*.json"))) == told["landed"]
    assert set(told["met"]) == set(told["bars"]) == {"rate", "p99"}  # type: ignore[call-overload]


def test_an_event_has_two_kibibytes() -> None:
    assert len(p6_webhooks._request().partition(b"\r\n\r\n")[2]) == BODY_BYTES
