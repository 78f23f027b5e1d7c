"""The command's own instance of Dagster: made in the home, and tidied of runs that died.

Holds how the instance is opened, which tags tell who runs, and what is done with a run whose process is gone. It
holds no job and starts no run (`pipelines/execute.py` does).
"""

from __future__ import annotations

import logging
import os
import platform
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

from dagster import DagsterInstance, DagsterRunStatus, RunsFilter

from resources.errors import ConfigurationError

CONFIG = Path(__file__).parents[1] / "dagster.yaml"
MACHINE_TAG = "kobosift/machine"
PROCESS_TAG = "kobosift/process"
RUN_TAG = "kobosift/run"
_EVENTS_A_BATCH = "500"
_UNFINISHED = [DagsterRunStatus.NOT_STARTED, DagsterRunStatus.STARTING, DagsterRunStatus.STARTED]

logging.getLogger("sqlalchemy").addHandler(logging.NullHandler())  # it logs how a person's Ctrl-C met it, at length


@contextmanager
def open_instance(home: Path) -> Iterator[DagsterInstance]:
    """Open the instance in a folder, made if missing; runs of this machine that died are marked failed.

    Raises:
        ConfigurationError: the folder cannot be written.
    """
    prepare(home)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # notes of libraries to their users; who opens this is not one
        with DagsterInstance.from_config(str(home)) as instance:
            close_dead_runs(instance)
            yield instance


def prepare(home: Path) -> Mapping[str, str]:
    """Write `dagster.yaml` into the home and name the home to Dagster, here and in the processes started from here.

    Returns:
        The environment variables that Dagster reads.

    Raises:
        ConfigurationError: the folder cannot be written.
    """
    wanted, written = CONFIG.read_bytes(), home / "dagster.yaml"
    try:
        home.mkdir(parents=True, exist_ok=True)
        if not written.exists() or written.read_bytes() != wanted:
            beside = home / f".dagster.yaml.{os.getpid()}"
            beside.write_bytes(wanted)
            beside.replace(written)
    except OSError as error:
        message = f"KOBOSIFT_HOME: Dagster's folder {home} cannot be written ({error.strerror}); choose another home"
        raise ConfigurationError(message) from error
    names = {"DAGSTER_HOME": str(home.resolve()), "DAGSTER_EVENT_BATCH_SIZE": _EVENTS_A_BATCH}
    os.environ.update(names)
    return names


def own_tags(run_id: str = "") -> dict[str, str]:
    """The tags by which a later command tells whether the process of a run still lives.

    A run that Dagster starts again has the tags of the one before; with its `run_id` they are known to be another's.
    """
    told = {MACHINE_TAG: _machine(), PROCESS_TAG: _process(os.getpid())}
    return {**told, RUN_TAG: run_id} if run_id else told


def close_dead_runs(instance: DagsterInstance) -> int:
    """Mark as failed the unfinished runs of processes of this machine that live no more; how many there were.

    A process that was killed cannot say so itself, and Dagster would show its run as running for ever.
    """
    unfinished = instance.get_runs(RunsFilter(statuses=_UNFINISHED, tags={MACHINE_TAG: _machine()}))
    own = [run for run in unfinished if run.tags.get(RUN_TAG, run.run_id) == run.run_id]
    dead = [run for run in own if not _lives(run.tags.get(PROCESS_TAG, ""))]
    for run in dead:
        instance.report_run_failed(run, "The process of this run ended before the run did.")
    return len(dead)


@cache
def _machine() -> str:
    """Name this machine since its last start; processes of others, or of before, have other numbers."""
    started = ""
    with suppress(OSError):
        started = Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
    return f"{platform.node()}:{started}"


def _process(pid: int) -> str:
    """A process's number and, where the system tells it, its start: numbers come round again."""
    started = ""
    with suppress(OSError):
        state, *fields = Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()
        started = "ended" if state in "ZX" else fields[18]
    return f"{pid}:{started}"


def _lives(process: str) -> bool:
    pid = process.partition(":")[0]
    if not pid.isdecimal() or _process(int(pid)) != process:
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
