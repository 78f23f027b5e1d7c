"""P7: how soon the command is there: its help, and a run that finds nothing new, beside `import dagster`.

The home holds the demo's world, synced and decided, in front of a sandbox; each contestant is a process of its own,
taken in turn, so that other work on the machine slows all alike. Wall time is compared, and CPU time is told besides.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from cli.demonstration import SANDBOX_KEY, link_world, newest_world
from cli.session import begin, prepared
from resources.settings import Settings
from sandbox.server import Sandbox

_BARS = {"help": 0.2, "run": 4.0}
_COMMAND = str(Path(sys.executable).parent / "kobosift")
_CONTESTANTS = {
    "import dagster": [sys.executable, "-c", "import dagster"],
    "help": [_COMMAND, "--help"],
    "run": [_COMMAND, "run"],
}
_ROUNDS = 3
"""For each run that is asked for: they are short."""


def measure(folder: Path, lines: int, runs: int) -> dict[str, object]:
    """Take the contestants in turn and say how the best of each compare, and whether the bars are met.

    How many lines are asked for makes no difference here: the world is the demo's.
    """
    world = newest_world()
    with Sandbox(world) as sandbox:
        settings = Settings(kobosift_home=folder / "home", mono_base_url=sandbox.url)
        session = begin(prepared(settings))
        link_world(session, world)
        session.warehouse.close()
        own = {name: value for name, value in os.environ.items() if not name.startswith(("MONO_", "KOBOSIFT_"))}
        told = {"KOBOSIFT_HOME": str(folder / "home"), "MONO_BASE_URL": sandbox.url, "MONO_SECRET_KEY": SANDBOX_KEY}
        environment = {**own, **told, "MONO_RATE_LIMIT": "500"}
        for _ in range(2):  # the first syncs and decides, the second finds nothing new and warms the caches
            _timed(_CONTESTANTS["run"], environment)
        turns = [
            {name: _timed(command, environment) for name, command in _CONTESTANTS.items()}
            for _ in range(_ROUNDS * runs)
        ]
    best = {name: min(turn[name][0] for turn in turns) for name in _CONTESTANTS}
    cpu = {name: min(turn[name][1] for turn in turns) for name in _CONTESTANTS}
    ratios = {name: best[name] / best["import dagster"] for name in _BARS}
    return {
        "workload": "p7",
        "lines": len(world.truth()),
        "seconds": best,
        "cpu_seconds": cpu,
        "to_dagster": ratios,
        "bars": _BARS,
        "met": {name: ratios[name] <= bar for name, bar in _BARS.items()},
    }


def _timed(command: list[str], environment: Mapping[str, str]) -> tuple[float, float]:
    """Seconds by the clock, and of the processor, that a command takes."""
    began = time.perf_counter()
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return time.perf_counter() - began, used.ru_utime + used.ru_stime
