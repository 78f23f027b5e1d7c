"""The main job and erasure as a team has them: the catalogue in a real PostgreSQL, the data behind a real S3 endpoint.

Runs by `make test-scale`, which installs both. Typed as a user types; looked at from outside: PostgreSQL's own files,
every object of the bucket.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path

import duckdb
import pytest

from pipelines.look import Look
from resources.remnants import search
from resources.settings import Settings
from resources.warehouse.compaction import make_physical
from resources.warehouse.connection import Warehouse
from resources.warehouse.erasures import Scope
from resources.warehouse.far import bring_objects
from resources.warehouse.traces import Traces
from tests.blackbox.command import KEY, Kobosift
from tests.blackbox.mono_server import BankAccount, MonoServer
from tests.scale.servers import MOTO, Bucket, Postgres, bucket, postgres, postgres_programs

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif("KOBOSIFT_TEST_SCALE" not in os.environ, reason="make test-scale runs it"),
    pytest.mark.skipif(postgres_programs() is None, reason="no PostgreSQL is installed: make test-scale installs it"),
    pytest.mark.skipif(not MOTO.exists(), reason="no S3 endpoint is installed: make test-scale installs it"),
]

GOING, STAYING = "acc-going-0001", "acc-staying-0002"
LINES = 40
BEGAN = datetime.now(UTC).replace(microsecond=0)


def line(account: str, number: int) -> dict[str, object]:
    who = "Gone" if account == GOING else "Kept"
    moment = BEGAN - timedelta(days=1 + number % 50, hours=1)
    return {
        "id": f"{who}-tx-{number:06}",
        "narration": f"NIP/GTB/{who} Okonkwo {number:02} Ventures/payment for invoice",
        "amount": 200_000 + number,
        "type": "credit",
        "date": moment.strftime("%Y-%m-%dT%H:%M:%S.000Z"),
    }


@dataclass
class Team:
    kobosift: Kobosift
    postgres: Postgres
    bucket: Bucket
    folder: Path

    @cached_property
    def warehouse(self) -> Warehouse:
        """The same warehouse, opened by ourselves."""
        settings = self.kobosift.settings
        return Warehouse(settings["KOBOSIFT_CATALOG"], settings["KOBOSIFT_DATA"], self.folder / "beside")

    def traces(self, said: str) -> list[str]:
        """Where a text is found, in whatever there is."""
        objects = Path(tempfile.mkdtemp(dir=self.folder)) / "objects"
        with self.warehouse.read() as con:
            bring_objects(con, f"s3://{self.bucket.name}/lake", objects, most=1 << 30, since=BEGAN)
        return [found.path for found in search([self.kobosift.home, self.postgres.files(), objects], [said])]

    def proved(self, *arguments: str, **settings: str) -> list[bool]:
        """Whether what a command erases is proved to be gone."""
        told = json.loads(self.kobosift.done(*arguments, "--json", **settings).out)
        return [each["proved"] for each in told["erased"]]


@pytest.fixture(scope="module")
def team() -> Iterator[Team]:
    folder = Path(tempfile.mkdtemp(prefix="kobosift-team-"))
    folder.chmod(0o755)  # PostgreSQL runs as another user, whom pytest lets into no folder of its own
    accounts = [BankAccount(account, "IFEANYI OBINNA CHUKS") for account in (GOING, STAYING)]
    for account in accounts:
        for number in range(LINES):
            account.put(line(account.account_id, number))
    with (
        postgres(folder / "postgres") as server,
        bucket("kobo") as store,
        MonoServer(accounts, key=KEY).running() as mono,
    ):
        server.execute("CREATE DATABASE lake")
        os.environ.update(store.environment)
        settings = {
            "KOBOSIFT_CATALOG": f"postgres:{server.connection('lake')}",
            "KOBOSIFT_DATA": f"s3://{store.name}/lake",
            "MONO_RATE_LIMIT": "1000",
            **store.environment,
        }
        kobosift = Kobosift(folder / "home", mono.url, settings)
        for account in (GOING, STAYING):
            kobosift.link(account, "org-a")
        kobosift.done("run")
        made = Team(kobosift, server, store, folder)
        yield made
        made.warehouse.close()
    shutil.rmtree(folder)
    for name in store.environment:
        os.environ.pop(name, None)


def test_the_main_job_is_done(team: Team) -> None:
    (funnel,) = team.kobosift.query(
        "SELECT sum(transactions) AS lines, sum(matched + review + drafted + rejected + held) AS parts"
        " FROM audit.funnel"
    )
    assert [int(str(value)) for value in funnel.values()] == [2 * LINES, 2 * LINES]
    team.kobosift.done("run")
    assert len(team.kobosift.query("SELECT 1 FROM audit.outcomes")) == 2 * LINES
    team.kobosift.done("doctor")


def test_an_erased_account_is_in_no_table_file_and_no_object(team: Team) -> None:
    said = "Gone Okonkwo 07 Ventures"
    assert team.traces(said), "what is looked for is there before"
    assert team.proved("erase", "--account", GOING) == [True]
    for each in (said, "Gone-tx-000007", "Gone Okonkwo"):
        assert team.traces(each) == []
    assert team.traces("Kept Okonkwo 07 Ventures")
    team.kobosift.done("run")
    assert len(team.kobosift.query("SELECT 1 FROM audit.outcomes")) == LINES
    assert team.traces(said) == []


def stray(con: duckdb.DuckDBPyConnection, address: str, said: str) -> None:
    """An object as a writer leaves it that died before its commit."""
    place = f"{address}/main/transactions/stray.parquet"
    con.execute(f"COPY (SELECT '{said}' AS narration) TO '{place}' (COMPRESSION zstd)")


def test_a_remnant_far_away_is_found_and_named(team: Team) -> None:
    said = ["Remnant of an object 1", "Remnant of a catalogue 2"]
    since = team.folder / "since"
    since.touch()
    settings = Settings(kobosift_home=team.kobosift.home)
    look = Look(team.warehouse, settings, Scope(account_id=GOING), Traces(texts=said), since)
    assert look.clear_and_look() == []
    with team.warehouse.read() as con:
        stray(con, f"s3://{team.bucket.name}/lake", said[0])
    planted = f"UPDATE ducklake_snapshot_changes SET commit_extra_info = '{said[1]}'"  # noqa: S608 - ours
    team.postgres.execute(planted, "lake")
    assert sorted(look.clear_and_look()) == [
        "catalogue/public.ducklake_snapshot_changes.parquet of the warehouse",
        "objects/main/transactions/stray.parquet of the warehouse",
    ]
    assert not (team.kobosift.home / "tmp" / "from-afar").exists()


def test_an_object_of_no_table_is_swept_where_one_machine_writes(team: Team, tmp_path: Path) -> None:
    address = f"s3://{team.bucket.name}/alone"
    warehouse = Warehouse(f"sqlite:{tmp_path / 'catalog.sqlite'}", address, tmp_path)
    with warehouse.read():  # makes it
        pass
    warehouse.write(lambda con: con.execute("CREATE TABLE t AS SELECT 1 AS n"), run_id="run", note="")
    with warehouse.read() as con:
        stray(con, address, "stray")
    assert make_physical(warehouse) == []
    with warehouse.read() as con:
        assert con.execute("SELECT count(*) FROM glob(?)", [f"{address}/**/stray.parquet"]).fetchone() == (0,)
        assert con.execute("SELECT n FROM t").fetchall() == [(1,)]
    warehouse.close()


def test_what_no_client_reaches_is_left_in_the_log_of_postgres(team: Team) -> None:
    """What docs/data-map.md says of it is so: whoever runs PostgreSQL lets go of its log and of backups."""
    assert search([team.postgres.folder / "data" / "pg_wal"], ["Remnant of a catalogue 2"])


def test_retention_erases_here_too(team: Team) -> None:
    assert team.proved("purge") == []
    gone, kept = (f"Kept Okonkwo {number:02} Ventures" for number in (39, 3))
    assert team.traces(gone)
    assert team.proved("purge", MONO_DATA_RETENTION_DAYS="20") == [True]
    assert team.traces(gone) == []
    assert team.traces(kept)
