from __future__ import annotations

from pathlib import Path

from bench.p1_decide import measure


def test_the_sql_of_the_bench_decides_as_the_rules_do(tmp_path: Path) -> None:
    figures = measure(tmp_path, lines=3_000, runs=1)
    assert figures["alike_with_sql"] == 1.0
    assert set(figures["met"]) == {"sql", "floor", "python", "business_rules"}  # type: ignore[call-overload]
