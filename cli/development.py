"""Dagster's page, its daemon and the sandbox in one go, for `kobosift dev`. Imported inside that command only."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from cli.demonstration import SANDBOX_KEY, link_world, newest_world, refuse_a_home_of_others
from cli.output import say
from cli.session import Session, begin
from pipelines.instance import prepare
from resources.errors import ConfigurationError, KobosiftError
from sandbox.server import Sandbox, write_truth

_WORKSPACE = Path(__file__).parents[1] / "workspace.yaml"


def serve_all(port: int, sandbox_port: int) -> None:
    """Serve until interrupted.

    Raises:
        ConfigurationError: the sandbox's port is taken, or a setting is wrong.
        KobosiftError: Dagster ended by itself.
    """
    session = begin()
    settings = session.settings
    environment = {**os.environ, **prepare(settings.dagster_home), "KOBOSIFT_HOME": str(settings.kobosift_home)}
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with _sandbox_unless_set(session, sandbox_port) as upstream:
        environment |= upstream
        say(f"Mono:    {environment.get('MONO_BASE_URL', settings.mono_base_url)}")
        say(f"Dagster: http://127.0.0.1:{port}")
        say(f"Home:    {settings.kobosift_home}")
        if upstream:
            told = " ".join(f"{name}={value}" for name, value in upstream.items())
            say(f"Another terminal reads from this sandbox with: {told} kobosift run")
        say("Stop with Ctrl-C.")
        _dagster(port, environment)


def _dagster(port: int, environment: dict[str, str]) -> None:
    command = [
        sys.executable,
        "-W",
        "ignore",
        "-m",
        "dagster",
        "dev",
        "-w",
        str(_WORKSPACE),
        "-h",
        "127.0.0.1",
        "-p",
        str(port),
    ]
    process = subprocess.Popen(command, env=environment)  # noqa: S603 - our own arguments
    try:
        code = process.wait()
    except KeyboardInterrupt:
        process.terminate()
        process.wait()
        return
    if code:
        message = f"Dagster ended with {code}; what it printed says why. Is port {port} taken? --port names another."
        raise KobosiftError(message)


@contextmanager
def _sandbox_unless_set(session: Session, port: int) -> Iterator[dict[str, str]]:
    """A sandbox with its accounts linked, where no Mono is set that would answer; the settings that lead to it."""
    settings = session.settings
    if settings.mono_secret_key is not None or not settings.upstream_is_mono:
        yield {}
        return
    world = newest_world()
    refuse_a_home_of_others(session, world)
    with ExitStack() as stack:
        try:
            sandbox = stack.enter_context(Sandbox(world, port=port))
        except ValueError as error:
            message = f"{error} (--sandbox-port)"
            raise ConfigurationError(message) from error
        write_truth(world, settings.kobosift_home / "sandbox")
        link_world(session, world)
        yield {"MONO_BASE_URL": sandbox.url, "MONO_SECRET_KEY": SANDBOX_KEY}
