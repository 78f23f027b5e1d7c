"""`kobosift sync`: pull what is new from Mono."""

from __future__ import annotations

from typing import Annotated

import typer

from cli.options import End, Json, Start, days


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(sync)


def sync(
    account: Annotated[
        list[str] | None, typer.Option("--account", metavar="ID", help="Only this account; may be repeated.")
    ] = None,
    start: Start = None,
    end: End = None,
    full: Annotated[bool, typer.Option("--full", help="Read each account's whole history anew.")] = False,
    as_json: Json = False,
) -> None:
    """Take in what has landed, and pull what is new from Mono, account by account.

    One that fails stops no other, and ends this with status 1.
    """
    first, last = days(start, end)
    from cli import reports
    from cli.output import emit
    from cli.runs import Wishes, open_runs

    with open_runs(Wishes(accounts=frozenset(account or ()) or None, start=first, end=last, full=full)) as runs:
        landed, report = runs.runner.take_in(), runs.ingest()
    if as_json:
        emit({**reports.sync_document(report), "webhooks": reports.landed_document(landed)})
    else:
        reports.print_landed(landed)
        reports.print_sync(report)
    failed = [reports.warn_of_events(landed), reports.warn_of_accounts(report)]
    if any(failed):
        raise typer.Exit(1)
