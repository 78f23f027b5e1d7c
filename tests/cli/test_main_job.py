"""The main job at the prompt, and what can be asked of it afterwards."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

from resources.warehouse.checks import CHECKS
from tests.cli.conftest import Town


def total(document: dict[str, object], name: str) -> int:
    return sum(row[name] for row in document["funnel"])  # type: ignore[attr-defined]


def test_the_first_run_tells_what_it_did(town: Town) -> None:
    told = town.first.document
    lines = len(town.world.truth())
    assert told["sync"]["imported"] == lines
    assert told["sync"]["failed"] == []
    assert [account["account_id"] for account in told["sync"]["accounts"]] == sorted(town.world.account_ids)
    assert told["decide"]["lines"] == lines
    assert total(told, "transactions") == lines
    assert lines == sum(total(told, name) for name in ("matched", "review", "drafted", "rejected", "held"))
    assert [check["passed"] for check in told["checks"]] == [True] * len(CHECKS)
    assert town.first.err == ""


def test_a_second_run_has_nothing_to_do_and_says_so(town: Town) -> None:
    told = town.done("run")
    assert "Nothing to decide" in told.out
    assert f"{len(CHECKS)} of {len(CHECKS)} checks passed" in told.out
    assert "NGN " in told.out


def test_a_run_with_nothing_new_does_not_wait_for_what_only_deciding_needs(town: Town) -> None:
    program = "import sys; from cli.main import run; sys.argv = ['kobosift', 'run']; run(); print(*sys.modules)"
    own = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    environment = own | {"KOBOSIFT_HOME": str(town.home)} | town.settings
    command = [sys.executable, "-c", program]
    told = subprocess.run(command, check=True, capture_output=True, text=True, env=environment).stdout
    assert "Nothing to decide" in told
    loaded = set(told.splitlines()[-1].split())
    assert "dagster" in loaded
    assert {"assets.decisions", "pandera", "pipelines.retention", "rules.reconciliation"} & loaded == set()


STOPPED_AT = """
import importlib, os, signal, sys
from cli.main import run

signal.signal(signal.SIGINT, signal.default_int_handler)  # as in a terminal, wherever the suite runs
place, name, *arguments = sys.argv[1:]
module, _, owner = place.partition(":")
holder = importlib.import_module(module)
holder = getattr(holder, owner) if owner else holder
true = getattr(holder, name)

def stopped(*given, **named):
    os.kill(os.getpid(), signal.SIGINT)
    return true(*given, **named)

setattr(holder, name, stopped)
sys.argv = ["kobosift", *arguments]
sys.exit(run())
"""
"""A command that gets a Ctrl-C where it first calls the function of that name."""


@pytest.mark.parametrize(
    ("place", "name", "arguments"),
    [
        ("resources.mono.client:MonoClient", "transactions", ["run"]),  # among tasks that read accounts
        ("resources.warehouse.decisions", "lines_to_decide", ["decide", "--start", "2020-01-01"]),
        ("cli.session", "load_settings", ["run"]),  # before any run is begun
    ],
)
def test_ctrl_c_ends_a_command_with_130_and_one_sentence(
    town: Town, place: str, name: str, arguments: list[str]
) -> None:
    own = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    command = [sys.executable, "-c", STOPPED_AT, place, name, *arguments]
    environment = own | {"KOBOSIFT_HOME": str(town.home)} | town.settings
    ended = subprocess.run(command, check=False, capture_output=True, text=True, env=environment, timeout=120)
    assert ended.returncode == 130, ended
    assert ended.stderr == "kobosift: stopped; run the same command again to go on where this one left off\n"
    assert ended.stdout == ""
    town.done("run")


def test_days_can_be_decided_anew(town: Town) -> None:
    told = town.done("decide", "--start", str(town.world.end), "--end", str(town.world.end), "--json").document
    assert told["decide"]["changed"] == 0
    assert 0 < told["decide"]["lines"] < len(town.world.truth())
    assert town("decide", "--start", "2025-02-02", "--end", "2025-02-01").code == 2


def test_a_sync_of_one_account_leaves_the_others(town: Town) -> None:
    one = town.world.account_ids[0]
    told = town.done("sync", "--account", one, "--json").document
    assert [account["account_id"] for account in told["accounts"]] == [one]
    assert town("sync", "--account", "nobody").code == 2


def test_an_account_that_fails_is_named_and_ends_with_one(town: Town) -> None:
    town.done("accounts", "link", "unknown-upstream", "--organization", "org-x")
    for command in ("sync", "run"):
        result = town(command)
        assert result.code == 1
        assert "unknown-upstream" in result.err
        assert "account" in result.out
    assert town("run", "--json").document["sync"]["failed"] == ["unknown-upstream"]
    assert town.done("accounts", "unlink", "unknown-upstream", "--json").document["unlinked"] is True
    assert town.done("accounts", "unlink", "unknown-upstream", "--json").document["unlinked"] is False


def test_a_check_that_fails_ends_with_one_and_names_the_row_at_the_prompt_alone(town: Town) -> None:
    from resources.warehouse.connection import Warehouse

    warehouse = Warehouse(f"sqlite:{town.home / 'catalog.sqlite'}", str(town.home / "data"), town.home)
    line = town.done("rejections", "list", "--limit", "1", "--json").document[0]["transaction_id"]
    plant = "INSERT INTO decisions SELECT * FROM decisions WHERE transaction_id = ?"
    undo = "DELETE FROM decisions WHERE transaction_id = ?"
    keep = "CREATE OR REPLACE TEMP TABLE kept AS SELECT DISTINCT * FROM decisions WHERE transaction_id = ?"
    warehouse.write(lambda con: con.execute(plant, [line]), run_id="test", note="plant")
    result = town("run", "--json")
    warehouse.write(
        lambda con: [
            con.execute(keep, [line]),
            con.execute(undo, [line]),
            con.execute("INSERT INTO decisions FROM kept"),
        ],
        run_id="test",
        note="undo",
    )
    warehouse.close()
    assert result.code == 1
    assert "decisions/each_decision_once failed" in result.err
    assert line in result.err
    assert line not in result.out
    kept = b"".join(path.read_bytes() for path in (town.home / "dagster").rglob("*") if path.is_file())
    assert line.encode() not in kept
    town.done("run")


def test_a_decision_is_explained_now_and_as_it_was(town: Town) -> None:
    line = town.done("drafts", "list", "--limit", "1", "--json").document[0]
    words = town.done("explain", line["transaction_id"]).out
    assert "ELIGIBLE" in words
    assert line["transaction_id"] in words
    told = town.done("explain", line["transaction_id"], "--json").document
    assert told["evidence"]["row"] == 13
    assert town.done("explain", line["transaction_id"], "--as-of", told["decided_at"], "--json").document["outcome"]
    before = town("explain", line["transaction_id"], "--as-of", "2020-01-01")
    assert before.code == 2
    assert (
        f"nothing had been decided on transaction {line['transaction_id']} at the end of 2020-01-01 yet" in before.err
    )
    assert "no transaction nothing here" in town("explain", "nothing", "--as-of", "2020-01-01").err
    assert town("explain", line["transaction_id"], "--as-of", "yesterday").code == 2
    unknown = town("explain", "nothing")
    assert unknown.code == 2
    assert "no transaction nothing here" in unknown.err


def test_an_entry_changes_the_next_decision_and_can_be_taken_back(town: Town) -> None:
    line = town.done("drafts", "list", "--limit", "1", "--json").document[0]
    scope = ["--organization", line["organization_id"], "--environment", "sandbox"]
    narration = town.done("explain", line["transaction_id"], "--json").document["narration"]
    match = ["--field", "narration", "--match", "prefix", "--value", narration, "--note", "seen on paper"]
    entry = town.done("lists", "add", "deny", *match, *scope, "--json").document["entry_id"]
    assert town.done("lists", "add", "deny", *match, *scope, "--json").document["entry_id"] == entry
    told = town.done("lists", "add", "deny", *match[:-2], *scope, "--expires", "2099-01-01").out
    assert "there already: it now ends at 2099-01-02 00:00 in Lagos" in " ".join(told.split())
    assert "before that it ends at 2099-01-02 00:00 in Lagos" in " ".join(
        town.done("lists", "add", "deny", *match, *scope).out.split()
    )
    assert [each["note"] for each in town.done("lists", "show", *scope, "--json").document] == ["seen on paper"]
    town.done("decide")
    told = town.done("explain", line["transaction_id"], "--json").document
    assert (told["outcome"], told["detail"]) == ("rejected", "denylisted")
    assert town.done("lists", "remove", entry, "--json").document["removed"] is True
    assert town.done("lists", "remove", entry, "--json").document["removed"] is False
    town.done("decide")
    assert town.done("explain", line["transaction_id"], "--json").document["outcome"] == "eligible"


def test_an_allow_entry_that_a_deny_entry_overrules_is_told_at_once_and_by_a_check(town: Town) -> None:
    line = town.done("drafts", "list", "--limit", "1", "--json").document[0]
    scope = ["--organization", line["organization_id"], "--environment", "sandbox"]
    match = ["--field", "counterparty", "--match", "exact", "--value", "Nobody Anyone Knows"]
    denied = town.done("lists", "add", "deny", *match, *scope, "--json").document
    allowed = town.done("lists", "add", "allow", *match, *scope, "--json").document
    checked = town.done("lists", "check", *scope, "--json").document
    assert denied["findings"] == []
    assert [each["where"] for each in allowed["findings"]] == [allowed["entry_id"]]
    assert checked == {"entries": 2, "findings": allowed["findings"]}
    assert f"contradictory: {allowed['entry_id']}" in town.done("lists", "check").out
    for entry in (denied, allowed):
        town.done("lists", "remove", entry["entry_id"])
    assert "0 entries, 0 findings" in town.done("lists", "check").out


@pytest.mark.parametrize("what", ["outcomes", "drafts", "rejections"])
def test_exports_are_written(town: Town, what: str) -> None:
    out = town.folder / f"{what}.parquet"
    told = town.done("export", what, "--out", str(out), "--json").document
    assert told["rows"] == len(pl.read_parquet(out)) > 0


def test_sql_reads_and_does_nothing_else(town: Town) -> None:
    rows = town.done("sql", "SELECT outcome, count(*) AS n FROM audit.outcomes GROUP BY ALL", "--json").document
    assert sum(row["n"] for row in rows) == len(town.world.truth())
    assert "rows" in town.done("sql", "SELECT 1 AS one").out
    for statement in ("DELETE FROM drafts", "SELECT", "FROM read_csv('/etc/passwd')", "FROM nothing_there"):
        result = town("sql", statement)
        assert result.code == 2, statement
        assert result.err.startswith("kobosift: ")


def test_the_policies_that_decided_are_listed(town: Town) -> None:
    told = town.done("policy", "history", "--json").document
    assert [(each["name"], each["decisions"]) for each in told] == [("ng-default", len(town.world.truth()))]
    assert told[0]["policy_hash"] in town.done("policy", "history").out


def test_the_accounts_are_listed_with_their_state(town: Town) -> None:
    told = {each["account_id"]: each for each in town.done("accounts", "list", "--json").document}
    for account in town.world.accounts:
        assert told[account.id]["status"] == "linked"
        assert told[account.id]["data_status"] == "AVAILABLE"
        assert town.done("accounts", "link", account.id, "--json").document["linked"] is False
        assert account.id in town.done("accounts", "list", "--organization", account.organization_id).out


def test_an_account_of_another_tenant_is_not_unlinked(town: Town) -> None:
    result = town("accounts", "unlink", town.world.account_ids[0], "--organization", "somebody-else")
    assert result.code == 2
    assert "somebody-else" in result.err
    assert town("accounts", "unlink", town.world.account_ids[0], "--organization", "somebody-else", "--purge").code == 2


def test_the_doctor_finds_a_sound_installation_sound(town: Town) -> None:
    told = town.done("doctor", "--json").document
    assert {each["what"]: each["ok"] for each in told} == dict.fromkeys(
        ("settings", "home", "policy", "warehouse", "data files", "dagster", "mono"), True
    )
    unauthorised = town("doctor", MONO_SECRET_KEY="")
    assert unauthorised.code == 1
    assert "NOT OK  mono" in unauthorised.out


OUTCOMES = (
    "SELECT outcome, disposition, count(*) AS lines, sum(amount) AS a FROM audit.outcomes GROUP BY ALL ORDER BY ALL"
)


@pytest.mark.slow
def test_a_copy_tells_what_the_warehouse_told_and_goes_on_from_there(town: Town, tmp_path: Path) -> None:
    catalog = f"sqlite:{tmp_path / 'new' / 'catalog.sqlite'}"
    copied = town.done("warehouse", "copy", "--to", catalog, "--json").document
    assert copied["tables"]["transactions"] == sum(
        row["lines"] for row in town.done("sql", OUTCOMES, "--json").document
    )
    assert copied["rows"] == sum(copied["tables"].values())
    there = {"KOBOSIFT_CATALOG": catalog, "KOBOSIFT_DATA": str(tmp_path / "new" / "data")}
    assert town.done("sql", OUTCOMES, "--json", **there).document == town.done("sql", OUTCOMES, "--json").document
    assert "Nothing to decide" in town.done("decide", **there).out

    again = town("warehouse", "copy", "--to", catalog)
    assert again.code == 2
    assert "copied into an empty one" in again.err
    assert town.done("sql", OUTCOMES, "--json", **there).document == town.done("sql", OUTCOMES, "--json").document
