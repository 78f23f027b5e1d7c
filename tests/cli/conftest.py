"""The command in this process, as a user without a terminal would run it."""

from __future__ import annotations

import io
import json
import os
import sys
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from cli.main import run
from sandbox.server import Sandbox
from sandbox.world import World, build_world


@dataclass(frozen=True)
class Result:
    """How a command ended and what it said."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """What it said as JSON, all of it."""
        return json.loads(self.out)


@dataclass
class Place:
    """A home, the settings that lead to it, and where commands are typed."""

    folder: Path
    settings: dict[str, str] = field(default_factory=dict)

    @property
    def home(self) -> Path:
        return self.folder / "home"

    def __call__(self, *arguments: str, **settings: str) -> Result:
        """Run the command."""
        own = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        environment = own | {"KOBOSIFT_HOME": str(self.home)} | self.settings | settings
        out, err, before = io.StringIO(), io.StringIO(), Path.cwd()
        os.chdir(self.folder)
        try:
            with (
                patch.dict(os.environ, environment, clear=True),
                patch.object(sys, "argv", ["kobosift", *arguments]),
                redirect_stdout(out),
                redirect_stderr(err),
            ):
                code = run()
        finally:
            os.chdir(before)
        result = Result(code, out.getvalue(), err.getvalue())
        assert "Traceback" not in result.out + result.err
        return result

    def done(self, *arguments: str, **settings: str) -> Result:
        """Run the command; it must end well."""
        result = self(*arguments, **settings)
        assert result.code == 0, (arguments, result)
        return result


@pytest.fixture
def nowhere(tmp_path: Path) -> Place:
    """A place without a home, and with no Mono to reach."""
    return Place(tmp_path, {"MONO_BASE_URL": "http://127.0.0.1:9", "MONO_SECRET_KEY": "invented"})


@dataclass
class Town(Place):
    """A place with a sandbox whose accounts are linked and synced once."""

    world: World = field(kw_only=True)
    sandbox: Sandbox = field(kw_only=True)
    first: Result = field(init=False)


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    world = build_world(2, 8, 11, (datetime.now(UTC) - timedelta(days=1)).date(), lines=60)
    with Sandbox(world) as sandbox:
        settings = {"MONO_BASE_URL": sandbox.url, "MONO_SECRET_KEY": "invented", "MONO_RATE_LIMIT": "1000"}
        town = Town(tmp_path_factory.mktemp("town"), settings, world=world, sandbox=sandbox)
        for account in world.accounts:
            town.done("accounts", "link", account.id, "--organization", account.organization_id)
        town.first = town.done("run", "--json")
        yield town
