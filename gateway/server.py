"""The gateway as a server: a port, uvicorn, and nothing written to the log that a request said.

Addresses may name accounts, so there is no access log: /metrics counts, and problems carry trace ids.
"""

from __future__ import annotations

import socket
import threading
from time import monotonic, sleep
from types import TracebackType
from typing import Self

import uvicorn
from fastapi import FastAPI

from resources.errors import ConfigurationError, KobosiftError

_START_SECONDS, _CLOSE_SECONDS = 30.0, 10
_BACKLOG = 2048


class Server:
    """Serves an application; as a context in a thread, or with `run` until it is told to stop.

    Raises:
        ConfigurationError: the port cannot be had.
    """

    def __init__(self, app: FastAPI, host: str = "127.0.0.1", port: int = 0) -> None:
        """Take the port, so that the address is known before the first answer; 0 takes a free one."""
        self._host = host
        self._socket = _listener(host, port)
        self.port = int(self._socket.getsockname()[1])
        self._server = uvicorn.Server(
            uvicorn.Config(
                app,
                access_log=False,
                log_level="warning",
                server_header=False,
                date_header=False,
                timeout_graceful_shutdown=_CLOSE_SECONDS,
                lifespan="on",
                ws="none",
            )
        )
        self._thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        """The address, without a slash at its end."""
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"http://{host}:{self.port}"

    def run(self) -> None:
        """Answer until interrupted (Ctrl-C or SIGTERM)."""
        try:
            self._server.run(sockets=[self._socket])
        finally:
            self._socket.close()

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self.run, daemon=True)
        self._thread.start()
        until = monotonic() + _START_SECONDS
        while not self._server.started:
            if not self._thread.is_alive() or monotonic() > until:
                raise KobosiftError("the gateway did not start")
            sleep(0.005)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.should_exit = True
        if self._thread is not None:
            self._thread.join()


def _listener(host: str, port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(_BACKLOG)
    except (OSError, OverflowError) as error:
        listener.close()
        reason = getattr(error, "strerror", None) or str(error)
        message = f"the gateway cannot listen on {host}:{port} ({reason}): choose others with --host and --port"
        raise ConfigurationError(message) from None
    return listener
