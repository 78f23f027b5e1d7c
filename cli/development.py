"""Dagster's page and daemon, the gateway and a sandbox in one go, for `kobosift dev`; imported inside it only.

Each server but the sandbox is a process group of its own, so that Ctrl-C reaches this process alone, which then ends
them in order and leaves none behind, nor any run that they started.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any, Self

from cli.demonstration import SANDBOX_KEY, link_world, newest_world, refuse_a_home_of_others
from cli.output import say
from cli.session import Session, begin
from pipelines.instance import prepare
from resources.errors import ConfigurationError, KobosiftError
from sandbox.server import Sandbox, write_truth

_WORKSPACE = Path(__file__).parents[1] / "workspace.yaml"
_HOST = "127.0.0.1"
_LOOK_SECONDS = 0.3
_Handler = Callable[[int, FrameType | None], Any] | signal.Handlers
PATIENCE_SECONDS = 30.0
"""So long servers may take to end; then they are killed."""


def serve_all(page: int, gateway: int, sandbox: int) -> None:
    """Serve Dagster's page, the gateway and the sandbox on these ports of loopback until interrupted.

    Raises:
        ConfigurationError: a port is taken or given twice, or a setting is wrong; nothing was started.
        KobosiftError: a server ended by itself.
    """
    ports = {"--port": page, "--gateway-port": gateway, "--sandbox-port": sandbox}
    _refuse_bad_ports(ports)
    session = begin()
    settings = session.settings
    environment = {**os.environ, **prepare(settings.dagster_home), "KOBOSIFT_HOME": str(settings.kobosift_home)}
    with _sandbox_unless_set(session, sandbox) as upstream, Servers() as servers:
        environment |= upstream
        servers.start("Dagster", _dagster(page), environment)
        servers.start("the gateway", _gateway(gateway), environment)
        say(f"Mono:    {environment.get('MONO_BASE_URL', settings.mono_base_url)}")
        say(f"Dagster: http://{_HOST}:{page}")
        say(f"Gateway: http://{_HOST}:{gateway}")
        say(f"Home:    {settings.kobosift_home}")
        if upstream:
            told = " ".join(f"{name}={value}" for name, value in upstream.items())
            say(f"Another terminal reads from this sandbox with: {told} kobosift run")
        say("Stop with Ctrl-C.")
        servers.wait()


class Servers:
    """Processes that serve together and end together; as a context, which ends them."""

    def __init__(self, patience: float = PATIENCE_SECONDS) -> None:
        self._patience = patience
        self._started: dict[str, subprocess.Popen[bytes]] = {}

    def __enter__(self) -> Self:
        _on_signals(signal.default_int_handler)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        _on_signals(signal.SIG_IGN)  # a second Ctrl-C must not leave half of them
        self._end()
        _on_signals(signal.default_int_handler)
        return kind is KeyboardInterrupt

    def start(self, name: str, command: Sequence[str], environment: Mapping[str, str]) -> None:
        """Start a process; its name is for the sentence that says that it ended."""
        self._started[name] = subprocess.Popen(command, env=environment, start_new_session=True)  # noqa: S603 - our own

    def wait(self) -> None:
        """Wait until interrupted.

        Raises:
            KobosiftError: one of them ended by itself.
        """
        while True:
            for name, process in self._started.items():
                if process.poll() is not None:
                    message = f"{name} ended by itself ({process.returncode}); what it printed says why."
                    raise KobosiftError(message)
            time.sleep(_LOOK_SECONDS)

    def _end(self) -> None:
        for process in self._started.values():
            with suppress(ProcessLookupError):
                process.send_signal(signal.SIGINT)
        latest = time.monotonic() + self._patience
        for process in self._started.values():
            with suppress(subprocess.TimeoutExpired):
                process.wait(max(latest - time.monotonic(), 0))
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)  # what it left: runs under way, which are started again
            process.wait()


def _on_signals(handler: _Handler) -> None:
    """Let Ctrl-C, SIGTERM and the closing of the terminal do the same."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, handler)


def _refuse_bad_ports(ports: Mapping[str, int]) -> None:
    """See that each port can be had, before anything is started.

    Raises:
        ConfigurationError: one is taken, or given twice.
    """
    given = [port for port in ports.values() if port]
    if twice := sorted({port for port in given if given.count(port) > 1}):
        options = ", ".join(name for name, port in ports.items() if port in twice)
        raise ConfigurationError(f"port {twice[0]} cannot serve for {options} at once: give each its own.")
    for name, port in ports.items():
        with socket.socket() as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                listener.bind((_HOST, port))
            except OSError as error:
                message = f"port {port} of {_HOST} cannot be had ({error.strerror}): choose another with {name}."
                raise ConfigurationError(message) from None


def _dagster(port: int) -> list[str]:
    options = ["-w", str(_WORKSPACE), "-h", _HOST, "-p", str(port)]
    return [sys.executable, "-W", "ignore", "-m", "dagster", "dev", *options]


def _gateway(port: int) -> list[str]:
    return [sys.executable, "-m", "cli.main", "serve", "--host", _HOST, "--port", str(port)]


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
