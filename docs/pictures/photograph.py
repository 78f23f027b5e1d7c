"""Take the README's pictures of Dagster's page: the graph of the assets, and a run that decided.

`make pictures` calls this with a Playwright and Pillow of its own; Debian's `chromium` must be there. It starts
`kobosift dev` on invented bank lines, lets every asset be made once, and keeps what an operator then sees.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import Request, urlopen

from PIL import Image
from playwright.sync_api import Page, expect, sync_playwright

HERE = Path(__file__).parent
COMMAND = HERE.parents[1] / ".venv" / "bin" / "kobosift"
CHROMIUM = "/usr/bin/chromium"
GROUPS = ("ingest", "accounts", "decide", "operations")
HISTORY = {"start": "2026-01-01", "end": "2026-01-07"}
KEY = "invented"
PATIENCE_SECONDS = 240
SETTLE_MILLISECONDS = 4_000
COLOURS = 96
WIDTH = 1800
LAUNCH = """mutation($p: ExecutionParams!) { launchRun(executionParams: $p) {
    __typename ... on LaunchRunSuccess { run { runId } } } }"""
RUNS = "{ runsOrError(limit: 100) { ... on Runs { results { runId jobName status } } } }"
LOADED = "{ repositoriesOrError { ... on RepositoryConnection { nodes { name } } } }"


def main() -> None:
    """Start everything, make every asset, keep the pictures, stop."""
    with tempfile.TemporaryDirectory() as folder, serving(Path(folder)) as (page, gateway):
        account = until(lambda: json.loads((Path(folder) / "sandbox" / "accounts.json").read_text())[0]["id"], "Mono")
        photograph(page, make_all(page, gateway, account))


@contextmanager
def serving(home: Path) -> Iterator[tuple[str, str]]:
    """`kobosift dev` on a home; the addresses of the page and of the gateway."""
    page, gateway, sandbox = free_ports()
    own = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    environment = {**own, "KOBOSIFT_HOME": str(home), "MONO_WEBHOOK_SECRET": KEY}
    ports = {"--port": page, "--gateway-port": gateway, "--sandbox-port": sandbox}
    command = [str(COMMAND), "dev", *(text for name, port in ports.items() for text in (name, str(port)))]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # noqa: S603
    try:
        yield f"http://127.0.0.1:{page}", f"http://127.0.0.1:{gateway}"
    finally:
        process.send_signal(signal.SIGINT)
        process.wait()


def free_ports() -> list[int]:
    """Three ports that nobody holds."""
    with ExitStack() as stack:
        held = [stack.enter_context(socket.socket()) for _ in range(3)]
        for each in held:
            each.bind(("127.0.0.1", 0))
        return [int(each.getsockname()[1]) for each in held]


def make_all(page: str, gateway: str, account: str) -> str:
    """Make every asset once, as an operator would; the id of the run that decided."""

    def ended(job: str) -> list[dict[str, str]]:
        runs = ask(page, RUNS)["runsOrError"]["results"]
        return [run for run in runs if run["jobName"] == job and run["status"] == "SUCCESS"]

    def launch(job: str, ops: dict[str, Any] | None = None) -> None:
        selector = {"repositoryLocationName": "kobosift", "repositoryName": "__repository__", "jobName": job}
        ask(page, LAUNCH, p={"selector": selector, "runConfigData": {"ops": ops or {}}})
        until(lambda: ended(job), f"the run of {job}")

    until(lambda: ask(page, LOADED)["repositoriesOrError"]["nodes"], "Dagster's page")
    before = len(until(lambda: ended("decide"), "a first look at the days"))
    launch("ingest")
    decided = until(lambda: (runs := ended("decide"))[: len(runs) - before], "the decisions")[0]
    data = {"account": {"_id": account}, "meta": {"data_status": "AVAILABLE"}}
    event = {"event": "mono.events.account_updated", "data": data}
    until(lambda: post(f"{gateway}/si/mono/webhook", event, **{"mono-webhook-secret": KEY}), "the gateway")
    until(lambda: ended("webhooks"), "the event")
    launch("bank_history", {"read_history": {"config": HISTORY}})
    launch("account_details")
    launch("maintenance")
    return decided["runId"]


def until(look: Callable[[], Any], what: str) -> Any:
    """Look until there is something."""
    latest = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < latest:
        try:
            if found := look():
                return found
        except (OSError, URLError, KeyError, ValueError):
            pass  # not there yet
        time.sleep(0.5)
    raise SystemExit(f"not within {PATIENCE_SECONDS} s: {what}")


def ask(page: str, query: str, **variables: Any) -> dict[str, Any]:
    """Ask Dagster's page."""
    answer: dict[str, Any] = post(f"{page}/graphql", {"query": query, "variables": variables})["data"]
    return answer


def post(url: str, document: dict[str, Any], **headers: str) -> Any:
    """Post a document and read the answer."""
    request = Request(url, json.dumps(document).encode(), {"content-type": "application/json", **headers})  # noqa: S310
    with urlopen(request, timeout=60) as answer:  # noqa: S310 - loopback
        return json.loads(answer.read())


def photograph(page: str, run_id: str) -> None:
    """Open the page as an operator does, and keep what is seen."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        try:
            seen = browser.new_page(viewport={"width": 2700, "height": 1900})
            graph(seen, page)
            seen.set_viewport_size({"width": 1500, "height": 860})
            run(seen, page, run_id)
        finally:
            browser.close()


def graph(seen: Page, page: str) -> None:
    """The graph of the assets, its groups opened."""
    opened = ",".join(f"global@global:{group}" for group in GROUPS)
    seen.goto(f"{page}/asset-groups?expanded={opened}")
    seen.get_by_text("warehouse_upkeep").first.wait_for(timeout=PATIENCE_SECONDS * 1_000)
    seen.get_by_text("Hide navigation").click()
    expect(seen.get_by_text("Loading")).to_have_count(0, timeout=PATIENCE_SECONDS * 1_000)
    keep(seen, "assets.png")


def run(seen: Page, page: str, run_id: str) -> None:
    """A run that decided, and what it told of the assets that it made."""
    seen.goto(f"{page}/runs/{run_id}")
    seen.get_by_text("RUN_SUCCESS").first.wait_for(timeout=PATIENCE_SECONDS * 1_000)
    seen.get_by_placeholder("Filter").fill("Materialized value decisions")
    seen.get_by_text("Show Markdown").last.evaluate("link => link.click()")  # a mouse would scroll to it
    keep(seen, "run.png")


def keep(seen: Page, name: str) -> None:
    """Keep what is seen once it has come to rest, in few colours: the files are read over the network."""
    seen.wait_for_timeout(SETTLE_MILLISECONDS)
    seen.screenshot(path=HERE / name)
    picture = Image.open(HERE / name).convert("RGB")
    picture.thumbnail((WIDTH, WIDTH))
    picture.quantize(COLOURS).save(HERE / name, optimize=True)


if __name__ == "__main__":
    main()
