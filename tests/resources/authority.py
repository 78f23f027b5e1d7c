"""A tax authority's service over real HTTP, which answers as it is told and keeps what it was asked."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from resources.nrs import NrsClient

_NUMBER = re.compile(r"/[A-Z0-9]+-[A-Z0-9]{8}-\d{8}$")


@dataclass
class Authority:
    """A service that answers as it is told, and keeps what it was asked."""

    url: str = ""
    answers: dict[str, tuple[int, Any]] = field(default_factory=dict)
    asked: list[tuple[str, str, Any, dict[str, str]]] = field(default_factory=list)

    def client(self) -> NrsClient:
        return NrsClient(self.url, "key-canary", "secret-canary", "biz-1")


@contextmanager
def open_authority() -> Iterator[Authority]:
    told = Authority()

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            raw = self.rfile.read(int(self.headers.get("content-length") or 0))
            body = json.loads(raw) if raw else None
            headers = {name.lower(): value for name, value in self.headers.items()}
            told.asked.append((self.command, self.path, body, headers))
            status, reply = told.answers.get(_NUMBER.sub("", self.path.rpartition("v1/")[2]), (200, {"code": 200}))
            content = json.dumps(reply).encode()
            self.send_response(status)
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PATCH = answer  # noqa: N815 - names of the library

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    told.url = f"http://127.0.0.1:{server.server_address[1]}"
    yield told
    server.shutdown()
    server.server_close()
    thread.join()
