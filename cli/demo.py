"""`kobosift demo`: the main job from nothing, on invented bank lines, with nothing asked."""

from __future__ import annotations

import typer


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(demo)


def demo() -> None:
    """Run the main job on a sandbox that starts here.

    No account is needed and nothing is asked.
    """
    from cli.demonstration import show

    if not show():
        raise typer.Exit(1)
