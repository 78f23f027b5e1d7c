"""`kobosift rejections replay`, `label` and `overrule`: what people do with the dead-letter queue."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.books import rejections
from cli.options import EitherEnvironment, Json, OneAccount, Organization
from cli.output import emit, say, table
from rules.reasons import Detail, Reason

if TYPE_CHECKING:
    from assets.requeue import Requeue
    from cli.session import Session


def register(app: typer.Typer) -> None:
    """Add the commands to the group of the queue."""
    for command in (replay, label, overrule):
        rejections.command()(command)


def replay(
    transaction: Annotated[
        str | None, typer.Argument(metavar="[TRANSACTION]", help="One entry; left out: all that the options name.")
    ] = None,
    reason: Annotated[
        Reason | None, typer.Option("--reason", metavar="REASON", help="Only entries with this reason.")
    ] = None,
    detail: Annotated[
        Detail | None, typer.Option("--detail", metavar="DETAIL", help="Only entries with this detail.")
    ] = None,
    account: OneAccount = None,
    organization: Organization = None,
    environment: EitherEnvironment = None,
    policy: Annotated[
        Path | None,
        typer.Option("--policy", metavar="FILE", help="Tell what this policy would say; nothing is decided by it."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Decide rejected lines anew by the policy, lists and invoices in force; or try another policy on them."""
    from assets.requeue import requeue, try_other
    from cli.reports import warn_of_checks
    from cli.runs import Wishes, open_runs
    from cli.session import begin
    from pipelines.policy import read_policy
    from resources.warehouse.rejections import Asked

    asked = Asked(organization, environment and environment.value, account, transaction, reason, detail)
    other = read_policy(policy) if policy else None
    session = begin()
    if transaction is not None:
        _see_known(session, transaction, account)
    if other:
        _print_requeue(
            try_other(session.warehouse, asked, policy=session.overridden(other), clock=session.clock),
            tried=True,
            as_json=as_json,
        )
        return
    with open_runs(Wishes(), session) as runs:
        found = requeue(
            session.warehouse,
            asked,
            clock=session.clock,
            run_id=session.command_id,
            decide=runs.runner.decide_stale,
        )
        proof = runs.runner.proof if found.entries else None
    _print_requeue(found, tried=False, as_json=as_json)
    if proof and warn_of_checks(proof):
        raise typer.Exit(1)


def _see_known(session: Session, transaction: str, account: str | None) -> None:
    """See that there is such a line; one that has left the queue is no mistake."""
    from resources.errors import ConfigurationError
    from resources.warehouse import audit

    with session.warehouse.read() as con:
        found = audit.find_outcome(con, transaction, account)
    if not found:
        message = f"there is no transaction {transaction} here: kobosift rejections list shows the queue"
        raise ConfigurationError(message)


def _print_requeue(found: Requeue, *, tried: bool, as_json: bool) -> None:
    if as_json:
        emit({**vars(found), "written": not tried})
        return
    if found.ends:
        rows = [[each["from"], each["to"], f"{each['entries']:,}"] for each in found.ends]
        say(table(["rejected for", "would be" if tried else "now", "entries"], rows, right=("entries",)))
    say(f"{found.entries:,} entries: {found.left:,} {'would leave' if tried else 'left'} the queue.")


def overrule(
    transaction: Annotated[str, typer.Argument(metavar="TRANSACTION", help="The bank's id of the line.")],
    by: Annotated[str, typer.Option("--by", metavar="WHO", help="Who says so.")],
    why: Annotated[str, typer.Option("--why", metavar="TEXT", help="Why, for whoever reads it.")] = "",
    account: OneAccount = None,
    undo: Annotated[bool, typer.Option("--undo", help="Let the rules decide the line again.")] = False,
    as_json: Json = False,
) -> None:
    """Take a rejected line for business, as one person says; no rule run changes that.

    It lifts the floor, the score and the personal words, and counts as that person's label.
    """
    from assets import overruling
    from cli.runs import Wishes, open_runs
    from cli.session import begin

    session = begin()
    with open_runs(Wishes(), session) as runs:
        decide, run_id = runs.runner.decide_stale, session.command_id
        if undo:
            done = overruling.take_back(session.warehouse, transaction, account, run_id=run_id, decide=decide)
        else:
            done = overruling.overrule(
                session.warehouse,
                transaction,
                account,
                by=by,
                why=why,
                policy=session.policy,
                clock=session.clock,
                run_id=run_id,
                decide=decide,
            )
    if as_json:
        emit({"transaction_id": transaction, "overruled": not undo, "changed": done})
        return
    if undo:
        say(f"{transaction} is {'decided by the rules again' if done else 'not overruled: nothing changed'}.")
    elif done:
        say(f"{transaction} is business, overruled by {by}.")
    else:
        say(f"{transaction} is overruled already, as it was said then: take that back with --undo to say it anew.")


def label(
    transaction: Annotated[str, typer.Argument(metavar="TRANSACTION", help="The bank's id of the line.")],
    said: Annotated[str, typer.Argument(metavar="business|personal", help="What the line is.")],
    by: Annotated[str, typer.Option("--by", metavar="WHO", help="Who says so.")],
    account: OneAccount = None,
    as_json: Json = False,
) -> None:
    """Say what a rejected line is; the newest word of each person counts."""
    from assets.labelling import label_rejection
    from cli.session import begin

    session = begin()
    label_rejection(session.warehouse, session.clock, transaction, account, said, by, run_id=session.command_id)
    if as_json:
        emit({"transaction_id": transaction, "label": said, "labelled_by": by})
        return
    say(f"{transaction} is {said}, says {by}.")
