"""Dagster's page, its daemon and the sandbox in one go, for `kobosift dev`. Imported inside that command only."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cli.demonstration import at_sandbox, link_world, newest_world
from cli.output import say
from cli.session import begin
from pipelines.instance import prepare
from resources.errors import ConfigurationError
from resources.settings import Settings, load_settings
from sandbox.server import Sandbox, write_truth

_WORKSPACE = Path(__file__).parents[1] / "workspace.yaml"


def serve_all(port: int, sandbox_port: int) -> None:
    """Serve until interrupted.

    Raises:
        ConfigurationError: a port is taken, or a setting is wrong.
        KobosiftError: Dagster ended by itself.
    """
    settings = load_settings()
    begin(settings)
    environment = {**os.environ, **prepare(settings.dagster_home)}
    with _sandbox_unless_set(settings, sandbox_port) as address:
        if address:
            environment["MONO_BASE_URL"] = address
            say(f"Sandbox: {address} (linked accounts are read from it: MONO_BASE_URL={address} kobosift run)")
        say(f"Dagster: http://127.0.0.1:{port}")
        say(f"Home:    {settings.kobosift_home}")
        say("Stop with Ctrl-C.")
        _dagster(port, environment)


def _dagster(port: int, environment: dict[str, str]) -> None:
    command = [sys.executable, "-m", "dagster", "dev", "-w", str(_WORKSPACE), "-h", "127.0.0.1", "-p", str(port)]
    process = subprocess.Popen(command, env=environment)  # noqa: S603 - our own arguments
    try:
        code = process.wait()
    except KeyboardInterrupt:
        process.terminate()
        code = process.wait() and 0
    if code:
        message = (
            f"Dagster ended with {code}; what it printed above says why (is port {port} taken? choose another --port)"
        )
        raise ConfigurationError(message)


@contextmanager
def _sandbox_unless_set(settings: Settings, port: int) -> Iterator[str | None]:
    """A sandbox where the settings name no Mono that would answer; its address."""
    if settings.mono_secret_key is not None or not settings.upstream_is_mono:
        say(f"Mono:    {settings.mono_base_url}")
        yield None
        return
    world = newest_world()
    write_truth(world, settings.kobosift_home / "sandbox")
    try:
        sandbox = Sandbox(world, port=port).__enter__()
    except ValueError as error:
        raise ConfigurationError(str(error)) from error
    try:
        yield sandbox.url
    finally:
        sandbox.close()
