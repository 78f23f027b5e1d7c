"""A small invented world behind a real HTTP server, and a home with one run of the main job in it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from assets.desk import Desk
from assets.ingest import Upstream
from pipelines.execute import Runner, Work
from pipelines.instance import open_instance
from pipelines.policy import load_policy
from resources.clock import SystemClock
from resources.settings import Settings
from resources.warehouse import accounts
from resources.warehouse.connection import Warehouse, open_warehouse
from sandbox.server import Sandbox
from sandbox.world import World, build_world


@dataclass
class Installation:
    """A home, and the world that it reads from."""

    settings: Settings
    warehouse: Warehouse
    world: World
    sandbox: Sandbox

    def work(self) -> Work:
        """What a new command runs with."""
        return Work(
            self.settings,
            load_policy(self.settings),
            self.warehouse,
            SystemClock(),
            Upstream.of(self.settings),
            Desk(),
        )


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """Three linked accounts, nothing synced yet."""
    home = tmp_path_factory.mktemp("installation") / "home"
    world = build_world(3, 12, 5, (datetime.now(UTC) - timedelta(days=1)).date(), lines=60)
    before = dict(os.environ)
    with Sandbox(world) as sandbox:
        settings = Settings(
            kobosift_home=home, mono_base_url=sandbox.url, mono_secret_key="invented", mono_rate_limit=1000
        )
        warehouse = open_warehouse(settings)
        now = datetime.now(UTC)
        for each in world.accounts:
            warehouse.write(
                lambda con, each=each: accounts.link(con, each.id, each.organization_id, each.environment, now=now),
                run_id="test",
                note="link",
            )
        yield Installation(settings, warehouse, world, sandbox)
        warehouse.close()
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture(scope="module")
def runner(installation: Installation) -> Iterator[Runner]:
    """What starts runs in that home."""
    with open_instance(installation.settings.dagster_home) as instance:
        yield Runner(installation.work(), instance)
