"""`kobosift explain`: the decision passport of one transaction, as it stands or as it stood."""

from __future__ import annotations

from typing import Annotated

import typer

from cli.options import Json, OneAccount, moment
from cli.output import emit, say


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(explain)


def explain(
    transaction: Annotated[str, typer.Argument(metavar="TRANSACTION", help="The transaction's id.")],
    as_of: Annotated[
        str | None, typer.Option("--as-of", metavar="TIME", help="The decision in force then; a day: at its end.")
    ] = None,
    account: OneAccount = None,
    as_json: Json = False,
) -> None:
    """Tell why a transaction was decided as it was.

    Each signal and what it saw, the points, the row of the decision table, and the nearest miss.
    """
    when = moment("--as-of", as_of) if as_of else None
    from cli.session import begin
    from resources.errors import ConfigurationError
    from resources.warehouse import audit, policies
    from rules.passport import explain as in_words

    with begin().warehouse.read() as con:
        found = audit.find_outcome(con, transaction, account, when)
        policy = policies.find(con, found[0]["policy_hash"]) if found else None
    if not found:
        message = (
            f"there is no decision on transaction {transaction}{f' at {when}' if when else ''}: kobosift run makes them"
        )
        raise ConfigurationError(message)
    if len(found) > 1:
        owners = ", ".join(each["account_id"] for each in found)
        message = f"transaction {transaction} is known of several accounts: say which with --account ({owners})"
        raise ConfigurationError(message)
    if as_json:
        emit({**found[0], "evidence": _parsed(found[0]["evidence"])})
        return
    say(in_words(found[0], policy[0] if policy else None))


def _parsed(evidence: str | None) -> object:
    import json

    return json.loads(evidence) if evidence else None
