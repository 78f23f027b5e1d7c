"""`kobosift decide` and `kobosift run`: the main job, in part and whole."""

from __future__ import annotations

import typer

from cli.options import End, Json, Start, days


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(run)
    app.command()(decide)


def run(as_json: Json = False) -> None:
    """Do the main job once: take in what has landed, sync, decide, draft, prove."""
    from cli import reports
    from cli.output import emit, say, warn
    from cli.runs import Wishes, open_runs

    with open_runs(Wishes()) as runs:
        landed, synced = runs.runner.take_in(), runs.ingest()
        if not as_json:
            reports.print_landed(landed)
            reports.print_sync(synced)
        decided, proof = runs.runner.decide_stale(), runs.runner.proof
        delivery, payments = runs.runner.deliver(), runs.runner.tell_payments()
    if as_json:
        told = {"webhooks": reports.landed_document(landed), "sync": reports.sync_document(synced)}
        emit({**told, **reports.decision_document(decided, proof)})
    else:
        say()
        reports.print_decisions(decided, proof)
    for error in (delivery.error, payments.error):
        if error:
            warn(f"kobosift: {error}")
    failed = [reports.warn_of_events(landed), reports.warn_of_accounts(synced), reports.warn_of_checks(proof)]
    if any(failed):
        raise typer.Exit(1)


def decide(start: Start = None, end: End = None, as_json: Json = False) -> None:
    """Decide what changed, or some days anew.

    Without days: those whose lines, policy, lists or invoices changed since they were decided.
    """
    first, last = days(start, end)
    from cli import reports
    from cli.output import emit
    from cli.runs import Wishes, open_runs

    with open_runs(Wishes()) as runs:
        decided = runs.runner.decide(first, last) if first or last else runs.runner.decide_stale()
        proof = runs.runner.proof
    if as_json:
        emit(reports.decision_document(decided, proof))
    else:
        reports.print_decisions(decided, proof)
    if reports.warn_of_checks(proof):
        raise typer.Exit(1)
