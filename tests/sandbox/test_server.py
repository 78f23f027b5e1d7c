import json
import signal
import socket
import subprocess
import sys
import threading
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import httpx
import polars as pl
import pytest

from sandbox.faults import NO_FAULTS
from sandbox.server import Sandbox, serve, write_truth
from sandbox.world import TRUTH_SCHEMA, World
from tests.sandbox.reading import client

SERVE = """
from pathlib import Path
from sandbox.faults import Faults
from sandbox.server import serve
serve("127.0.0.1", 0, 2, 10, 5, Faults.parse("shift"), Path({out!r}), say=lambda text: print(text, flush=True))
"""


def test_a_free_port_is_taken_and_given_back(world: World) -> None:
    with Sandbox(world) as sandbox:
        address = sandbox.url
        assert address.startswith("http://127.0.0.1:")
        with client(sandbox) as http:
            assert http.get("/v2/accounts").status_code == 200
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{address}/v2/accounts")
    assert not [thread for thread in threading.enumerate() if thread.name == "mono-sandbox"]


def test_two_sandboxes_of_one_world_do_not_disturb_each_other(world: World) -> None:
    with Sandbox(world) as one, Sandbox(world) as other, client(one) as http, client(other) as other_http:
        http.post(f"/v2/accounts/{world.account_ids[0]}/unlink")
        assert len(http.get("/v2/accounts").json()["data"]) == 4
        assert len(other_http.get("/v2/accounts").json()["data"]) == 5


def test_a_taken_port_is_refused_with_a_sentence(world: World, tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(ValueError, match="choose another port"), Sandbox(world, port=port):
            pass
        with pytest.raises(ValueError, match="choose another port"):
            serve("127.0.0.1", port, 1, 2, 1, NO_FAULTS, tmp_path, say=print)


def test_the_address_is_unknown_before_the_start(world: World) -> None:
    with pytest.raises(RuntimeError, match="not running"):
        _ = Sandbox(world).url


def test_latency_is_added_to_each_answer(world: World) -> None:
    with Sandbox(world, latency=0.05) as sandbox, client(sandbox) as http:
        assert http.get("/v2/accounts").elapsed.total_seconds() >= 0.05


def test_truth_and_invoices_are_written_beside_what_is_served(world: World, tmp_path: Path) -> None:
    write_truth(world, tmp_path / "out")
    truth = pl.read_parquet(tmp_path / "out" / "truth.parquet")
    assert truth.schema == TRUTH_SCHEMA
    assert truth.equals(world.truth())
    invoices = pl.read_csv(tmp_path / "out" / "invoices.csv", infer_schema=False)
    assert invoices.equals(world.invoices())
    accounts = json.loads((tmp_path / "out" / "accounts.json").read_text(encoding="utf-8"))
    assert [account["id"] for account in accounts] == world.account_ids
    assert {"organization_id", "environment", "holder"} < set(accounts[0])
    assert "bvn" not in accounts[0]


def test_serving_says_where_it_is_and_stops_when_interrupted(tmp_path: Path) -> None:
    command = [sys.executable, "-W", "error", "-c", SERVE.format(out=str(tmp_path))]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        first = process.stdout.readline()
        url = first.split()[3].rstrip(":")
        process.stdout.readline()
        answer = httpx.get(f"{url}/v2/accounts", headers={"mono-sec-key": "k"})
        for path in ("truth.parquet", "invoices.csv"):
            assert httpx.get(f"{url}/{path}", headers={"mono-sec-key": "k"}).status_code == 404
        process.send_signal(signal.SIGINT)
        rest, errors = process.communicate(timeout=120)
    assert first.startswith("Mono sandbox on http://127.0.0.1:")
    yesterday = (datetime.now(ZoneInfo("Africa/Lagos")) - timedelta(days=1)).date()
    assert f"10 days up to {yesterday}" in first
    assert answer.json()["meta"]["total"] == 2
    assert (process.returncode, rest, errors) == (0, "Stopped.\n", "")
    assert pl.read_parquet(tmp_path / "truth.parquet")["account_id"].n_unique() == 2
