"""P6: webhooks landed over HTTP, beside a bare ASGI handler that writes, flushes and renames, under the same server.

Each server runs in a process of its own, the gateway as `kobosift serve` starts it and the bare handler under the same
uvicorn with the same settings; both write to the same disk. The client keeps eight connections busy with signed events
of 2 KiB, each another one. The two take turns in rounds, of which the median counts: a slow moment of the disk decides
nothing.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import os
import secrets
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

CONNECTIONS, BODY_BYTES, ROUNDS = 8, 2048, 9
LINES_AN_EVENT = 1000
"""How many lines of other workloads stand for one event here."""
FEWEST, MOST = 200, 4000
BARS = {"rate": 0.7, "p99": 3.0}
SECRET = "whsec-bench"  # noqa: S105 - invented
CONTESTANTS = ("ours", "bare")


def measure(folder: Path, lines: int, runs: int) -> dict[str, object]:
    """Land events at both, in turns; rates, the 99th percentile of waiting, and the ratios that have bars."""
    events = min(max(lines // LINES_AN_EVENT, FEWEST), MOST)
    rounds = max(runs, ROUNDS)
    waits: dict[str, list[float]] = {name: [] for name in CONTESTANTS}
    seconds: dict[str, list[float]] = {name: [] for name in CONTESTANTS}
    with _serving("ours", folder) as ours, _serving("bare", folder) as bare:
        ports = {"ours": ours, "bare": bare}
        for name in CONTESTANTS:
            asyncio.run(_send_all(ports[name], events // 10))
        for _ in range(rounds):
            for name in CONTESTANTS:
                began = time.perf_counter()
                waits[name] += asyncio.run(_send_all(ports[name], events))
                seconds[name].append(time.perf_counter() - began)
    rates = {name: events / median(seconds[name]) for name in CONTESTANTS}
    p99 = {name: sorted(waits[name])[int(len(waits[name]) * 0.99)] for name in CONTESTANTS}
    ratios = {"rate": rates["ours"] / rates["bare"], "p99": p99["ours"] / p99["bare"]}
    return {
        "workload": "p6",
        "events": rounds * events,
        "landed": len(list((folder / "home" / "landing" / "webhooks").glob("*.json"))),
        "a_second": rates,
        "p99_milliseconds": {name: 1000 * wait for name, wait in p99.items()},
        "p50_milliseconds": {name: 1000 * sorted(waits[name])[len(waits[name]) // 2] for name in CONTESTANTS},
        "ratios": ratios,
        "bars": BARS,
        "met": {"rate": ratios["rate"] >= BARS["rate"], "p99": ratios["p99"] <= BARS["p99"]},
    }


async def _send_all(port: int, events: int) -> list[float]:
    """Send events over all connections; how long each was waited for."""
    waits: list[float] = []
    shares = [events // CONNECTIONS + (number < events % CONNECTIONS) for number in range(CONNECTIONS)]
    await asyncio.gather(*(_send(port, share, waits) for share in shares))
    return waits


async def _send(port: int, events: int, waits: list[float]) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for _ in range(events):
        request = _request()
        began = time.perf_counter()
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
        await reader.readexactly(int(length.partition(b":")[2]))
        waits.append(time.perf_counter() - began)
        if not head.startswith(b"HTTP/1.1 200"):
            raise RuntimeError("an event was not taken")
    writer.close()
    await writer.wait_closed()


def _request() -> bytes:
    """One signed event of 2 KiB that never was before."""
    event: dict[str, Any] = {"event": "mono.events.account_updated", "event_id": secrets.token_hex(16), "data": {}}
    event["data"]["filler"] = "x" * (BODY_BYTES - len(json.dumps(event)) - len(', "filler": ""') + 2)
    body = json.dumps(event).encode()
    moment = str(int(time.time()))
    digest = hmac.new(SECRET.encode(), moment.encode() + b"." + body, hashlib.sha256).hexdigest()
    head = (
        "POST /si/mono/webhook HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n"
        f"x-mono-timestamp: {moment}\r\nx-mono-signature: {digest}\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


@contextmanager
def _serving(name: str, folder: Path) -> Iterator[int]:
    """A contestant in a process of its own; the port that it listens on."""
    home = folder / ("home" if name == "ours" else "bare")
    variables = {"KOBOSIFT_HOME": str(home), "MONO_WEBHOOK_SECRET": SECRET, "MONO_SECRET_KEY": "none"}
    command = [sys.executable, "-m", "bench.p6_webhooks", name, str(home)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=os.environ | variables) as process:
        try:
            assert process.stdout is not None
            yield int(process.stdout.readline())
        finally:
            process.terminate()


def _serve(name: str, home: Path) -> None:
    from gateway.server import Server
    from resources.settings import load_settings
    from resources.warehouse.connection import open_warehouse

    home.mkdir(parents=True, exist_ok=True)
    if name == "bare":
        server = Server(_bare(home))
    else:
        from gateway.app import build_app

        settings = load_settings()
        server = Server(build_app(settings, open_warehouse(settings)))
    print(server.port, flush=True)
    server.run()


def _bare(home: Path) -> Any:
    """The least that makes an event last: read it, write it beside, flush, rename, answer."""

    def write(body: bytes) -> None:
        name = secrets.token_hex(8)
        with (home / f".{name}").open("wb") as file:
            file.write(body)
            file.flush()
            os.fsync(file.fileno())
        (home / f".{name}").rename(home / f"{name}.json")

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await _lifespan(receive, send)
            return
        body, more = b"", True
        while more:
            message = await receive()
            body, more = body + message.get("body", b""), message.get("more_body", False)
        await asyncio.to_thread(write, body)
        headers = [(b"content-type", b"application/json"), (b"content-length", b"2")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"{}"})

    return app


async def _lifespan(receive: Any, send: Any) -> None:
    while (message := await receive())["type"] != "lifespan.shutdown":
        await send({"type": f"{message['type']}.complete"})
    await send({"type": "lifespan.shutdown.complete"})


if __name__ == "__main__":
    _serve(sys.argv[1], Path(sys.argv[2]))
