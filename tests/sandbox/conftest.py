from collections.abc import Iterator
from datetime import date

import httpx
import pytest

from sandbox.server import Sandbox
from sandbox.world import World, build_world
from tests.sandbox.reading import client

END = date(2026, 3, 31)


@pytest.fixture(scope="session")
def world() -> World:
    return build_world(accounts=5, days=60, seed=11, end=END, lines=450)


@pytest.fixture(scope="module")
def sandbox(world: World) -> Iterator[Sandbox]:
    with Sandbox(world) as running:
        yield running


@pytest.fixture(scope="module")
def http(sandbox: Sandbox) -> Iterator[httpx.Client]:
    with client(sandbox) as opened:
        yield opened
