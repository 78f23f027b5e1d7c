"""`kobosift backup` and `kobosift restore`: the warehouse in one file, and back."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cli.options import Json
from cli.output import emit, say

File = Annotated[Path, typer.Argument(metavar="FILE", help="The backup file.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(backup)
    app.command()(restore)


def backup(file: File, as_json: Json = False) -> None:
    """Write the warehouse, what has landed, the policy and the key of erasures to one file.

    It holds bank lines: keep it where only those who may read them can, and no longer than lines are kept.
    """
    from cli.session import begin
    from resources.backups import write_backup

    session = begin()
    made = write_backup(session.warehouse, session.settings, file, now=session.now())
    size = file.stat().st_size
    if as_json:
        emit({"file": str(file), "files": len(made.files), "bytes": size, "made_at": made.made_at})
        return
    say(f"{file} holds {len(made.files):,} files, {size:,} bytes. kobosift restore {file} puts them back.")


def restore(file: File, as_json: Json = False) -> None:
    """Put a backup in the place of the warehouse, without what was erased since it was made, and what expired."""
    from uuid import uuid4

    from cli.retention import documents, tell
    from pipelines.backups import restore as put_back
    from resources.clock import SystemClock
    from resources.settings import load_settings

    done = put_back(load_settings(), SystemClock(), file, run_id=str(uuid4()))
    if as_json:
        emit({"file": str(file), "restored": True, "erased": documents(done)})
    else:
        say(f"The warehouse is as {file} has it.")
    tell(done, "Nothing had been erased since.", quiet=as_json)
