"""`kobosift explain`: the decision passport of one transaction, as it stands or as it stood."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.options import Json, OneAccount, moment
from cli.output import emit, say

if TYPE_CHECKING:
    from cli.session import Session


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(explain)


def explain(
    transaction: Annotated[str, typer.Argument(metavar="TRANSACTION", help="The transaction's id.")],
    as_of: Annotated[
        str | None,
        typer.Option("--as-of", metavar="TIME", help="The decision in force at that time; a day: at its end."),
    ] = None,
    account: OneAccount = None,
    as_json: Json = False,
) -> None:
    """Tell why a transaction was decided as it was: each signal, the points, the nearest miss."""
    when = moment("--as-of", as_of) if as_of else None
    from cli.session import begin
    from rules.passport import explain as in_words

    session = begin()
    outcome = _found(session, transaction, account, when)
    if as_json:
        emit(outcome)
        return
    say(in_words(outcome, _policy_name(session, outcome)))
