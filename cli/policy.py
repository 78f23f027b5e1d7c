"""`kobosift policy`: what is in force, and what a file would say."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cli.options import Json
from cli.output import emit, say, table

group = typer.Typer(help="The policy: every tunable number and word of the rules.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add the group to the command."""
    app.add_typer(group, name="policy")


@group.command()
def show(as_json: Json = False) -> None:
    """Print the policy in force, whole, with what the settings override, and its hash.

    KOBOSIFT_POLICY wins over what was activated, and that over the shipped one.
    """
    from pipelines.policy import in_force
    from resources.settings import load_settings
    from resources.warehouse.connection import made_warehouse

    settings = load_settings()
    found = in_force(settings, made_warehouse(settings))
    policy = found.policy
    if as_json:
        emit({"name": policy.name, "hash": policy.hash, "source": found.source, "policy": policy.file.model_dump()})
        return
    say(f"# {found.source}, hash {policy.hash}")
    say(policy.canonical.rstrip("\n"))


@group.command()
def history(as_json: Json = False) -> None:
    """List the policies that decided or were activated, the newest first, with who put them in force and why."""
    from cli.session import begin
    from resources.warehouse import policies

    with begin().warehouse.read() as con:
        found = policies.history(con).to_dicts()
    if as_json:
        emit(found)
        return
    names = ["policy_hash", "name", "first_used_at", "decisions"]
    rows = [[*(each[name] for name in names), _activations(each["activations"])] for each in found]
    say(table([*names, "activated"], rows, right=("decisions",), whole=("activated",)))


def _activations(found: list[dict[str, object]]) -> str:
    return "; ".join(f"{each['activated_at']:%Y-%m-%d} by {each['activated_by']}: {each['why']}" for each in found)


@group.command()
def check(file: Annotated[Path, typer.Argument(help="The policy file (TOML).")], as_json: Json = False) -> None:
    """Read a policy file, and name its dead, shadowed and contradictory terms."""
    from pipelines.policy import read_policy
    from rules.policy_lint import lint

    policy = read_policy(file)
    findings = lint(policy)
    if as_json:
        emit({"name": policy.name, "hash": policy.hash, "findings": [each.told() for each in findings]})
        return
    for each in findings:
        say(str(each))
    say(f"{file} is a policy that can be used: {policy.name!r}, hash {policy.hash}, {len(findings)} findings.")
