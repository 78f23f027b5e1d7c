"""What `kobosift doctor` looks at, one thing after the other. Imported inside that command only."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from pipelines.instance import open_instance
from pipelines.policy import load_policy
from resources import erasure_home
from resources.errors import KobosiftError, WarehouseError
from resources.mono.client import MonoClient
from resources.settings import Settings, load_settings
from resources.warehouse import accounts, erasures
from resources.warehouse.connection import made_warehouse, open_warehouse
from resources.warehouse.soundness import damaged_files
from rules.errors import RulesError
from rules.policy_lint import lint

_NAMED = 5


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at."""

    what: str
    ok: bool
    told: str
    """What was found; where it is not ok, what to do."""


def examine() -> list[Finding]:
    """Look at everything; what cannot be looked at because of something before it is left out."""
    settings: list[Settings] = []

    def read_settings() -> str:
        settings.append(load_settings())
        return f"environment {settings[0].kobosift_environment}, Mono at {settings[0].mono_base_url}"

    findings = [_finding("settings", read_settings)]
    if settings:
        findings += [_finding(what, look) for what, look in _looks(settings[0])]
    return findings


def _looks(settings: Settings) -> Iterator[tuple[str, Callable[[], str]]]:
    yield "home", lambda: _home(settings)
    yield "policy", lambda: _policy(settings)
    yield "warehouse", lambda: _warehouse(settings)
    yield "data files", lambda: _data_files(settings)
    yield "dagster", lambda: _dagster(settings)
    if settings.mono_secret_key is not None or not settings.upstream_is_mono:
        yield "mono", lambda: _mono(settings)


def _finding(what: str, look: Callable[[], str]) -> Finding:
    try:
        return Finding(what, ok=True, told=look())
    except (KobosiftError, RulesError) as error:
        return Finding(what, ok=False, told=str(error))
    except OSError as error:
        told = f"{error.filename}: {error.strerror}. Give this user the right, or set KOBOSIFT_HOME."
        return Finding(what, ok=False, told=told)
    except Exception as error:  # a doctor examines whatever there is, and names what it could not
        return Finding(what, ok=False, told=f"{type(error).__name__}: install kobosift anew (make clean setup).")


def _home(settings: Settings) -> str:
    settings.kobosift_home.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=settings.kobosift_home):
        return f"{settings.kobosift_home} can be written"


def _policy(settings: Settings) -> str:
    policy = load_policy(settings, made_warehouse(settings))
    findings = lint(policy)
    return f"{policy.name}, hash {policy.hash}, {len(findings)} findings (kobosift policy check FILE names them)"


def _warehouse(settings: Settings) -> str:
    """Load the extensions, attach the catalogue, and read the tables."""
    warehouse = open_warehouse(settings)
    with warehouse.read() as con:
        row = con.execute("SELECT max(name) FROM schema_migrations").fetchone()
        linked = accounts.listed(con, linked_only=True)
        lines = con.execute("SELECT count(*) FROM transactions").fetchone()
    return f"schema {row and row[0]}, {len(linked)} linked accounts, {lines[0] if lines else 0:,} transactions"


def _data_files(settings: Settings) -> str:
    """See that each file is there, as long as it was written, and readable; and that no erasure waits."""
    with open_warehouse(settings).read() as con:
        damaged = damaged_files(con)
        unproved = erasures.unproved(con)
    if damaged:
        named = ", ".join(damaged[:_NAMED])
        more = f" and {len(damaged) - _NAMED} more" if len(damaged) > _NAMED else ""
        raise WarehouseError(f"damaged or missing: {named}{more}. Restore the last backup: kobosift restore FILE.")
    if waiting := unproved | erasure_home.pending_ids(settings.kobosift_home):
        raise WarehouseError(f"{len(waiting)} erasures are not finished: kobosift purge goes on with them.")
    return "all there and whole; no erasure waits"


def _dagster(settings: Settings) -> str:
    with open_instance(settings.dagster_home) as instance:
        return f"{settings.dagster_home}, {instance.get_runs_count():,} runs"


def _mono(settings: Settings) -> str:
    async def ask() -> None:
        async with MonoClient.of(settings) as client:
            await client.reachable()

    asyncio.run(ask())
    return f"{settings.mono_base_url} answers and takes the key"
