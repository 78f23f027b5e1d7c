"""`kobosift explain`: the decision passport of one transaction, as it stands or as it stood."""

from __future__ import annotations

from typing import Annotated, Any

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

    Each signal and what it saw, the points, the row of the decision table, the nearest miss; what it settles and why.
    """
    when = moment("--as-of", as_of) if as_of else None
    from cli.session import begin
    from resources.errors import ConfigurationError
    from resources.warehouse import audit, policies, settlements
    from rules.passport import explain as in_words

    with begin().warehouse.read() as con:
        found = audit.find_outcome(con, transaction, account, when)
        known = bool(found or (when and audit.find_outcome(con, transaction, account)))
        policy = policies.find(con, found[0]["policy_hash"]) if found else None
        owner = found[0]["account_id"] if found else ""
        settled = settlements.of_transaction(con, owner, transaction, when)
        lost = settlements.candidates_of(con, owner, transaction) if when is None else []
    if not found:
        raise ConfigurationError(_undecided(transaction, str(as_of)) if known else _unknown(transaction))
    if len(found) > 1:
        owners = ", ".join(each["account_id"] for each in found)
        message = f"transaction {transaction} is known of several accounts: say which with --account ({owners})"
        raise ConfigurationError(message)
    if as_json:
        beside = {"settlements": [_readable(row) for row in settled], "candidates": lost}
        emit({**found[0], "evidence": _parsed(found[0]["evidence"]), **beside})
        return
    say(in_words(found[0], policy[0] if policy else None, settled, lost))


def _unknown(transaction: str) -> str:
    return f"there is no transaction {transaction} here: look for its id in `audit.outcomes`, or sync its account first"


def _undecided(transaction: str, as_of: str) -> str:
    then = f"at the end of {as_of}" if len(as_of) == len("2025-01-31") else f"at {as_of}"
    return (
        f"nothing had been decided on transaction {transaction} {then} yet: ask for a later time, or leave --as-of out"
    )


def _readable(row: dict[str, Any]) -> dict[str, Any]:
    return {**row, "deductions": _parsed(row["deductions"])}


def _parsed(evidence: str | None) -> object:
    import json

    return json.loads(evidence) if evidence else None
