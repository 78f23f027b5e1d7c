"""`kobosift dev`: ports that cannot be had, and servers that start and end together, none left behind."""

from __future__ import annotations

import fcntl
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cli.development import Servers
from resources.errors import KobosiftError
from tests.cli.conftest import Place

# Takes a lock, and so does a child of its own that will not be interrupted; each says that it has begun.
STUBBORN = """
import fcntl, os, signal, sys, time
child = os.fork() == 0
if child:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
name = sys.argv[1] + ("/child" if child else "/parent")
held = open(name, "w")
fcntl.flock(held, fcntl.LOCK_EX)
os.mkdir(name + ".begun")
time.sleep(600)
"""
SHORT = "import time; time.sleep(0.2); raise SystemExit(3)"


def until(look: Callable[[], bool]) -> bool:
    latest = time.monotonic() + 60
    while time.monotonic() < latest:
        if look():
            return True
        time.sleep(0.01)
    return False


def free(path: Path) -> bool:
    """Whether the process that held a file is gone: the system lets go of its lock."""
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
    return True


@pytest.fixture(autouse=True)
def handlers() -> Iterator[None]:
    """Signals are the whole process's."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield int(listener.getsockname()[1])


@pytest.mark.parametrize("option", ["--port", "--gateway-port", "--sandbox-port"])
def test_a_port_that_is_taken_is_named_with_its_option_and_nothing_is_started(
    nowhere: Place, taken: int, option: str
) -> None:
    with socket.socket() as one, socket.socket() as other:
        for listener in (one, other):  # bound, so that nobody else takes them, and yet to be had
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(("127.0.0.1", 0))
        spare = [str(listener.getsockname()[1]) for listener in (one, other)]
        names = ["--port", "--gateway-port", "--sandbox-port"]
        given = [text for name in names for text in (name, str(taken) if name == option else spare.pop())]
        result = nowhere("dev", *given)
    assert result.code == 2
    assert f"port {taken} of 127.0.0.1 cannot be had" in result.err
    assert option in result.err
    assert not nowhere.home.exists()


def test_one_port_for_two_servers_is_refused(nowhere: Place) -> None:
    result = nowhere("dev", "--port", "4999", "--gateway-port", "4999")
    assert (result.code, nowhere.home.exists()) == (2, False)
    assert "port 4999 cannot serve for --port, --gateway-port at once" in result.err


def test_servers_end_with_the_one_that_is_interrupted_and_so_does_what_they_started(tmp_path: Path) -> None:
    with Servers(patience=60) as servers:
        servers.start("stubborn", [sys.executable, "-c", STUBBORN, str(tmp_path)], os.environ)
        assert until(lambda: len(list(tmp_path.glob("*.begun"))) == 2)
        assert not free(tmp_path / "child")
        raise KeyboardInterrupt  # as the handlers of all three signals do
    assert until(lambda: free(tmp_path / "parent") and free(tmp_path / "child"))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_that_ends_is_an_interrupt(number: signal.Signals) -> None:
    waited = False
    with Servers():
        signal.raise_signal(number)
        waited = True
    assert not waited


def test_a_server_that_ends_by_itself_is_named_and_ends_the_others(tmp_path: Path) -> None:
    with pytest.raises(KobosiftError, match=r"short ended by itself \(3\)"), Servers(patience=60) as servers:
        servers.start("stubborn", [sys.executable, "-c", STUBBORN, str(tmp_path)], os.environ)
        assert until(lambda: len(list(tmp_path.glob("*.begun"))) == 2)
        servers.start("short", [sys.executable, "-c", SHORT], os.environ)
        servers.wait()
    assert until(lambda: free(tmp_path / "parent") and free(tmp_path / "child"))
