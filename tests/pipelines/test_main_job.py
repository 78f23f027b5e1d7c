"""The main job through Dagster's own API, on a real DuckLake and a real HTTP server."""

from __future__ import annotations

import pytest

from pipelines.execute import Runner
from tests.pipelines.conftest import Installation


@pytest.fixture(scope="module", autouse=True)
def first(installation: Installation, runner: Runner) -> None:
    """The first run."""
    synced = runner.ingest()
    assert [account.error for account in synced.accounts] == [None] * 3
    assert sum(account.imported for account in synced.accounts) == len(installation.world.truth())
    decided = runner.decide_stale()
    assert decided is not None
    assert decided.lines == len(installation.world.truth())


def test_every_line_is_decided_once_and_every_check_passes(installation: Installation, runner: Runner) -> None:
    assert [verdict.check.name for verdict in runner.proof.verdicts if not verdict.passed] == []
    assert sum(int(str(row["lines"])) for row in runner.proof.funnel) == len(installation.world.truth())
    assert {row["disposition"] for row in runner.proof.funnel} <= {"drafted", "rejected", "held"}
