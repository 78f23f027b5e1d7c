"""A real PostgreSQL and a real S3 endpoint on loopback, each a process of its own in a temporary folder."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
MOTO = ROOT / ".servers" / "bin" / "moto_server"
_SECONDS = 120


def postgres_programs() -> Path | None:
    """The folder of PostgreSQL's programs, the newest there is."""
    return max(Path("/usr/lib/postgresql").glob("*/bin"), default=None)


@dataclass(frozen=True)
class Postgres:
    """A server that trusts whoever comes from this machine."""

    folder: Path
    port: int

    def connection(self, database: str) -> str:
        return f"host=127.0.0.1 port={self.port} user=kobosift dbname={database}"

    def run(self, *arguments: str) -> str:
        """Run one of its programs as a user that it lets itself be run by: never as root."""
        programs = postgres_programs()
        assert programs is not None
        su = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
        command = [*su, str(programs / arguments[0]), *arguments[1:]]
        return subprocess.run(command, check=True, capture_output=True, text=True, cwd="/").stdout

    def execute(self, statement: str, database: str = "postgres") -> str:
        place = ("-h", "127.0.0.1", "-p", str(self.port), "-U", "kobosift", "-d", database)
        return self.run("psql", *place, "-v", "ON_ERROR_STOP=1", "-Atc", statement)

    def files(self) -> Path:
        """The files of its tables, once everything is written to them."""
        self.execute("CHECKPOINT")
        return self.folder / "data" / "base"


@contextmanager
def postgres(folder: Path) -> Iterator[Postgres]:
    """A server with an empty cluster."""
    server = Postgres(folder, _free_port())
    folder.mkdir()
    if os.geteuid() == 0:
        shutil.chown(folder, "postgres")
    data = str(folder / "data")
    server.run("initdb", "-D", data, "-A", "trust", "-U", "kobosift", "--no-sync")
    options = f"-p {server.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={folder} -c fsync=off"
    log = str(folder / "log")
    server.run("pg_ctl", "-D", data, "-w", "-t", str(_SECONDS), "-l", log, "-o", options, "start")
    try:
        yield server
    finally:
        server.run("pg_ctl", "-D", data, "-m", "immediate", "stop")


@dataclass(frozen=True)
class Bucket:
    """A bucket at an S3 endpoint, and how a client is told of it."""

    url: str
    name: str

    @property
    def environment(self) -> dict[str, str]:
        return {
            "AWS_ACCESS_KEY_ID": "invented",
            "AWS_SECRET_ACCESS_KEY": "invented",
            "AWS_REGION": "us-east-1",
            "AWS_ENDPOINT_URL_S3": self.url,
        }


@contextmanager
def bucket(name: str) -> Iterator[Bucket]:
    """An empty bucket; the endpoint keeps it in memory."""
    url = f"http://127.0.0.1:{_free_port()}"
    port = url.rpartition(":")[2]
    process = subprocess.Popen(
        [str(MOTO), "-H", "127.0.0.1", "-p", port], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        _make_bucket(url, name, process)
        yield Bucket(url, name)
    finally:
        process.terminate()
        process.wait(_SECONDS)


def _make_bucket(url: str, name: str, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + _SECONDS
    while True:
        assert process.poll() is None, "the S3 endpoint ended"
        try:
            request = urllib.request.Request(f"{url}/{name}", method="PUT")  # noqa: S310 - loopback
            with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 - loopback
                assert answer.status == 200
                return
        except (urllib.error.URLError, ConnectionError):
            assert time.monotonic() < until, "the S3 endpoint does not answer"
            time.sleep(0.05)


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def main() -> None:
    """Start and stop each server once, and end with 1 where this machine does not let them."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)  # PostgreSQL is another user's
        try:
            with postgres(Path(folder) / "postgres") as server, bucket("try") as _:
                server.execute("SELECT 1")
        except (OSError, LookupError, AssertionError, subprocess.CalledProcessError) as error:
            sys.exit(f"no PostgreSQL or no S3 endpoint can be started here: {error}")


if __name__ == "__main__":
    main()
