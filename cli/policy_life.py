"""`kobosift policy activate`, `rollback` and `shadow`: a policy's way into force, and a candidate beside it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.options import Json
from cli.output import emit, say, table, warn
from cli.policy import group

if TYPE_CHECKING:
    import duckdb

    from cli.session import Session
    from resources.warehouse.policies import Shadow
    from rules.policy import Policy

By = Annotated[str, typer.Option("--by", metavar="WHO", help="Who does it, for the history.")]
Why = Annotated[str, typer.Option("--why", metavar="TEXT", help="Why, for whoever reads the history.")]
_NOBODY, _NOTHING = "the command", "no reason given"


def register(app: typer.Typer) -> None:
    """Add the commands to the policy's group."""
    for command in (activate, rollback, shadow):
        group.command()(command)


def activate(
    file: Annotated[Path, typer.Argument(help="The policy file (TOML).")],
    by: By = _NOBODY,
    why: Why = _NOTHING,
    replay: Annotated[
        bool,
        typer.Option("--replay/--no-replay", help="Replay it over all history first, and keep the figures with it."),
    ] = True,
    as_json: Json = False,
) -> None:
    """Put a policy in force from the next run on, which decides anew what it changes."""
    from cli.session import begin
    from pipelines.policy import read_policy

    policy = read_policy(file)
    session = begin()
    figures = _replayed(session, policy) if replay else None
    _activate(session, policy, by, why, figures, as_json=as_json)


def rollback(by: By = _NOBODY, why: Why = _NOTHING, as_json: Json = False) -> None:
    """Put the policy in force again that the last activation replaced."""
    from cli.session import begin
    from pipelines.policy import shipped_policy
    from resources.errors import ConfigurationError
    from resources.warehouse import policies
    from rules.policy import parse_policy

    session = begin()
    with session.warehouse.read() as con:
        now, before = policies.active(con), policies.before_active(con)
    if now is None:
        raise ConfigurationError("no policy was ever activated here, so there is nothing to roll back.")
    policy = parse_policy(before.content, "the policy before") if before else shipped_policy()
    _activate(session, policy, by, f"{why} (rolled back from {now.policy_hash})", None, as_json=as_json)


def _replayed(session: Session, policy: Policy) -> dict[str, object] | None:
    """The figures of a replay over all history, nothing of a single line; None where there is no line yet."""
    from assets.replays import NoLinesError, Scope
    from assets.replays import replay as replayed

    try:
        found = replayed(
            session.warehouse, policy=session.overridden(policy), clock=session.clock, scope=Scope(), examples=0
        )
    except NoLinesError:
        return None
    return {**vars(found.summary), "settlements": found.settlements and found.settlements.figures}


def _activate(
    session: Session, policy: Policy, by: str, why: str, figures: dict[str, object] | None, *, as_json: bool
) -> None:
    """Put a policy in force; findings are told and hold nothing up."""
    from resources.warehouse import policies
    from rules.policy_lint import lint

    now, findings = session.now(), lint(policy)
    changed = session.warehouse.write(
        lambda con: policies.activate(con, policy, by=by, why=why, now=now, replay=figures),
        run_id=session.command_id,
        note="activate a policy",
    )
    overridden = session.settings.kobosift_policy
    if as_json:
        told = {"name": policy.name, "hash": policy.hash, "activated": changed, "replay": figures}
        told["findings"] = [each.told() for each in findings]
        emit({**told, "overridden_by": overridden})
        return
    for each in findings:
        say(str(each))
    if figures:
        say(f"Of {figures['lines']:,} decided lines {figures['flipped']:,} will flip.")
    if overridden:
        warn(f"kobosift: KOBOSIFT_POLICY names {overridden}, which wins: take the setting away to decide by this one.")
        say(f"{policy.name!r}, hash {policy.hash}, is activated.")
        return
    since = "is in force; the next run decides by it" if changed else "is in force already"
    say(f"{policy.name!r}, hash {policy.hash}, {since}.")


def shadow(
    file: Annotated[Path | None, typer.Argument(help="The candidate (TOML); left out: what was noted so far.")] = None,
    stop: Annotated[bool, typer.Option("--stop", help="Decide no candidate any more.")] = False,
    by: By = _NOBODY,
    as_json: Json = False,
) -> None:
    """Decide a candidate beside the policy in force on each run, and keep where they disagree (view audit.shadow)."""
    if file and stop:
        raise typer.BadParameter("name a candidate or --stop, not both")
    from cli.session import begin
    from pipelines.policy import read_policy

    policy = read_policy(file) if file else None
    session = begin()
    if policy:
        _start(session, session.overridden(policy), by, as_json=as_json)
    elif stop:
        _stop(session, as_json=as_json)
    else:
        _noted(session, as_json=as_json)


def _start(session: Session, policy: Policy, by: str, *, as_json: bool) -> None:
    from resources.warehouse import policies

    now = session.now()
    started = session.warehouse.write(
        lambda con: policies.start_shadow(con, policy, by=by, now=now), run_id=session.command_id, note="start a shadow"
    )
    if as_json:
        emit({"name": policy.name, "hash": policy.hash, "started": started})
        return
    told = "is decided beside the policy in force from the next run on" if started else "is decided beside it already"
    say(f"{policy.name!r}, hash {policy.hash}, {told}. kobosift policy shadow tells where they disagree.")


def _stop(session: Session, *, as_json: bool) -> None:
    from resources.warehouse import policies

    now = session.now()
    stopped = session.warehouse.write(
        lambda con: policies.stop_shadow(con, now), run_id=session.command_id, note="stop a shadow"
    )
    if as_json:
        emit({"stopped": stopped})
        return
    say("The candidate is not decided any more; what was noted stays." if stopped else "There is no candidate.")


def _nothing_noted(con: duckdb.DuckDBPyConnection, now: Shadow) -> str | None:
    """Why nothing is noted of a candidate, as far as that is kept; None where something is."""
    from resources.warehouse import shadows

    if shadows.noted(con, now.shadow_id):
        return None
    if shadows.changed_since(con, now.started_at):
        return "It has disagreed on no day that was decided since."
    return (
        "Nothing is noted since: no day was decided, or none on which anything changed or the candidate disagreed. "
        "kobosift decide --start DATE --end DATE decides days anew."
    )


def _noted(session: Session, *, as_json: bool) -> None:
    from resources.warehouse import policies, shadows
    from rules.money import money

    with session.warehouse.read() as con:
        now, found = policies.shadow(con), shadows.summary(con).to_dicts()
        note = _nothing_noted(con, now) if now else None
    if as_json:
        running = now and {"hash": now.policy_hash, "started_by": now.started_by, "started_at": now.started_at}
        if running:
            running["note"] = note
        emit({"candidate": running, "disagreements": found})
        return
    say(
        f"Candidate {now.policy_hash}, since {now.started_at:%Y-%m-%d %H:%M} UTC."
        if now
        else "There is no candidate now."
    )
    if note:
        say(note)
    rows = [
        [
            each["candidate_hash"],
            each["in_force"],
            each["candidate"],
            f"{each['lines']:,}",
            money(each["amount"], each["currency"]),
        ]
        for each in found
    ]
    if rows:
        say(table(["candidate", "in force", "it says", "lines", "amount"], rows, right=("lines", "amount")))
