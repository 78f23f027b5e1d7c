"""`kobosift doctor`: is this installation sound, and if not, what to do."""

from __future__ import annotations

import typer

from cli.options import Json


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(doctor)


def doctor(as_json: Json = False) -> None:
    """See whether this installation is sound.

    Looks at settings, home, policy, warehouse, Dagster and Mono; what is not ok comes with what to do.
    """
    from cli.diagnosis import examine
    from cli.output import emit, say

    findings = examine()
    if as_json:
        emit([{"what": each.what, "ok": each.ok, "told": each.told} for each in findings])
    else:
        for each in findings:
            say(f"{'ok    ' if each.ok else 'NOT OK'}  {each.what}: {each.told}")
    if not all(each.ok for each in findings):
        raise typer.Exit(1)
