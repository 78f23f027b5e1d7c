"""The command as a process: how soon its help is there, and that nothing heavy is drawn in for it."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

COMMAND = Path(sys.executable).parent / "kobosift"
HEAVY = {"dagster", "duckdb", "httpx", "pandera", "polars", "pydantic_settings", "sandbox", "sqlalchemy", "uvicorn"}


def seconds(*command: str) -> float:
    began = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    return time.perf_counter() - began


def test_help_is_there_in_a_fraction_of_the_time_that_dagster_takes_to_load() -> None:
    pairs = [(seconds(str(COMMAND), "--help"), seconds(sys.executable, "-c", "import dagster")) for _ in range(3)]
    assert min(ours / theirs for ours, theirs in pairs) <= 0.2, pairs


def test_nothing_heavy_is_loaded_for_help() -> None:
    program = "import sys, cli.main; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout.split()
    assert HEAVY & set(loaded) == set()


def test_every_command_has_help_and_no_command_is_a_stub() -> None:
    told = subprocess.run([str(COMMAND), "--help"], check=True, capture_output=True, text=True).stdout
    names = {line.split()[0] for line in told.partition("Commands:")[2].splitlines() if line.strip()}
    assert names == {
        *("accounts", "decide", "demo", "dev", "doctor", "drafts", "explain", "export", "invoices", "lists", "policy"),
        *("rejections", "run", "sandbox", "sql", "sync", "warehouse"),
        *("label", "replay", "sweep"),
        *("backup", "invoices", "restore"),
        *("erase", "purge", "serve", "tokens", "warehouse"),
    }
