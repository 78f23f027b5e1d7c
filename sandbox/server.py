"""The sandbox as a server: in a thread for tests and the demo, or blocking for a command.

Holds `Sandbox` and `serve`. Must not hold answers (app.py) or print anything: `serve` speaks through a callable. Truth
and invoices are written to a folder of the caller's choice and are never served.
"""

import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict
from datetime import UTC, date, datetime, timedelta
from json import dumps
from pathlib import Path
from time import monotonic, sleep
from types import TracebackType
from typing import Self

import uvicorn

from sandbox.app import Options, create_app
from sandbox.bank import Bank
from sandbox.faults import NO_FAULTS, FaultPlan, Faults, FaultyTransport
from sandbox.statement import LAGOS_OFFSET
from sandbox.webhooks import Sender
from sandbox.world import World, build_world

_START_SECONDS = 30.0


class Sandbox:
    """A Mono that runs here for as long as the `with` block lasts.

    `bank` changes what is served (a line that settles, is corrected or arrives), `plan` counts the requests and the
    faults shown, `url` is what MONO_BASE_URL takes. `port` 0 takes a free one; a taken port is a ValueError.
    `latency` is seconds before each answer.
    """

    def __init__(
        self,
        world: World,
        *,
        faults: Faults = NO_FAULTS,
        host: str = "127.0.0.1",
        port: int = 0,
        latency: float = 0.0,
        options: Options | None = None,
        webhooks: Sender | None = None,
    ) -> None:
        options = options or Options()
        self.world = world
        self.bank = Bank(world, faults=faults, processing_calls=options.processing_calls)
        self.plan = FaultPlan(faults, world.account_ids)
        self._app = create_app(self.bank, self.plan, options, tell=webhooks.tell if webhooks else None)
        self._transport = FaultyTransport(self._app, self.plan, latency)
        self._host = host
        self._port = port
        self._socket: socket.socket | None = None
        self._thread: threading.Thread | None = None
        self._server = uvicorn.Server(
            uvicorn.Config(
                self._transport,
                access_log=False,
                lifespan="off",
                log_config=None,
                log_level="critical",  # cut answers are made on purpose; uvicorn would log each as an error
                timeout_graceful_shutdown=1,
                ws="none",
            )
        )

    @property
    def url(self) -> str:
        """The base address, such as http://127.0.0.1:41233, known once started."""
        if self._socket is None:
            raise RuntimeError("The sandbox is not running: its address is known inside the with block.")
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"http://{host}:{self._port}"

    def __enter__(self) -> Self:
        self.listen()
        self._thread = threading.Thread(target=self.run, name="mono-sandbox", daemon=True)
        self._thread.start()
        latest = monotonic() + _START_SECONDS
        while not self._server.started:
            if not self._thread.is_alive() or monotonic() > latest:
                raise RuntimeError("The sandbox did not start.")
            sleep(0.005)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stop answering and give the port back."""
        self._server.should_exit = True
        if self._thread is not None:
            self._thread.join(_START_SECONDS)
        if self._socket is not None:
            self._socket.close()

    def listen(self) -> None:
        """Take the port, so that the address is known before the first answer."""
        listener = socket.socket(socket.AF_INET6 if ":" in self._host else socket.AF_INET)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((self._host, self._port))
        except (OSError, OverflowError) as problem:
            listener.close()
            reason = getattr(problem, "strerror", None) or str(problem)
            raise ValueError(f"Cannot listen on {self._host}:{self._port} ({reason}): choose another port.") from None
        self._port = listener.getsockname()[1]
        self._socket = listener

    def run(self) -> None:
        """Answer until told to stop; in the main thread until interrupted."""
        if self._socket is None:
            raise RuntimeError("The sandbox has no port yet: call listen() first.")
        self._server.run(sockets=[self._socket])


def serve(
    host: str,
    port: int,
    accounts: int,
    days: int,
    seed: int,
    faults: Faults,
    out: Path,
    *,
    say: Callable[[str], None] = lambda _: None,
    end: date | None = None,
    lines: int | None = None,
    latency: float = 0.0,
    options: Options | None = None,
    webhooks: Sender | None = None,
) -> None:
    """Build a world, write what is true of it to `out`, and serve it until interrupted (Ctrl-C or SIGTERM).

    `end` is the last Lagos day with lines, by default yesterday; `say` is given one sentence at a time. Numbers below
    1 and a taken port are a ValueError; a folder that cannot be written is an OSError.
    """
    last = end or (datetime.now(UTC) + LAGOS_OFFSET).date() - timedelta(days=1)
    world = build_world(accounts, days, seed, last, lines=lines)
    sandbox = Sandbox(world, faults=faults, host=host, port=port, latency=latency, options=options, webhooks=webhooks)
    sandbox.listen()
    write_truth(world, out, later="shift" in faults.rates)
    say(f"Mono sandbox on {sandbox.url}: {accounts} accounts, {days} days up to {last}, seed {seed}.")
    say(f"True labels, invoices and accounts are in {out}.")
    with suppress(KeyboardInterrupt):
        sandbox.run()
    sandbox.close()
    say("Stopped.")


def write_truth(world: World, out: Path, *, later: bool = False) -> None:
    """Write truth.parquet, invoices.csv and accounts.json to `out`, which is made where it is missing."""
    out.mkdir(parents=True, exist_ok=True)
    world.truth(later=later).write_parquet(out / "truth.parquet")
    world.invoices().write_csv(out / "invoices.csv")
    accounts = [
        {key: value for key, value in asdict(account).items() if key not in ("bvn", "bank", "born")}
        for account in world.accounts
    ]
    (out / "accounts.json").write_text(dumps(accounts, indent=2) + "\n", encoding="utf-8")
