"""The `kobosift` command: its groups, and what every command does with an error.

Nothing heavy is imported here or at the top of any module of this room: `--help` must not wait for Dagster, Polars or
DuckDB. Commands are thin: they read arguments, call what the other rooms hold, and print.
"""

from __future__ import annotations

import gc
import os
import sys
from datetime import UTC, datetime
from pathlib import Path

import typer

from cli import (
    accounts,
    backups,
    books,
    decide,
    demo,
    doctor,
    explain,
    invoices,
    label,
    lists,
    local,
    policy,
    policy_labels,
    policy_life,
    rejections,
    replaying,
    retention,
    serve,
    sync,
    tokens,
    tuning,
    warehouse,
)
from cli.output import emit, warn

app = typer.Typer(
    name="kobosift",
    help="Sift Nigerian bank lines into draft invoices, with a reason for every line that is put aside.",
    rich_markup_mode=None,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for module in (
    *(
        demo,
        sync,
        decide,
        accounts,
        invoices,
        lists,
        explain,
        policy,
        policy_labels,
        policy_life,
        label,
        replaying,
        tuning,
        books,
        rejections,
    ),
    *(tokens, serve, retention, backups, warehouse, doctor, local),
):
    module.register(app)

_INTERRUPTED = 130
_STOPPED = "stopped; run the same command again to go on where this one left off"


def main() -> None:
    """Run the command and end the process: 0 done, 1 done with failures, 2 wrong use or configuration."""
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    gc.set_threshold(100_000, 50, 50)  # a short life: collecting while modules load costs a fifth of the start
    status = run()
    gc.freeze()  # what is left goes with the process: looking it through once more costs a quarter of a short run
    sys.exit(status)


def run() -> int:
    """Run the command; its exit status."""
    try:
        app()
    except SystemExit as exit_:
        wrong_use = getattr(exit_.__context__, "format_message", None)  # told on standard error already
        if wrong_use and "--json" in sys.argv:
            emit({"error": wrong_use()})
        if exit_.code == _INTERRUPTED:  # Typer ends so, without a word
            return _failed(_STOPPED, _INTERRUPTED)
        return exit_.code if isinstance(exit_.code, int) else int(exit_.code is not None)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except (Exception, KeyboardInterrupt) as error:
        return _ended_by(error)
    return 0


def _ended_by(error: BaseException) -> int:
    """Say in one sentence what ended the command; its exit status."""
    from resources.errors import KobosiftError
    from rules.errors import RulesError

    if _follows_an_interrupt(error):
        return _failed(_STOPPED, _INTERRUPTED)
    if isinstance(error, KobosiftError):
        return _failed(str(error), error.exit_code)
    if isinstance(error, RulesError):
        return _failed(str(error), 2)
    return _failed(_kept(error), 1)  # a fault of ours: its places are kept in a file


def _follows_an_interrupt(error: BaseException | None) -> bool:
    """Whether a person stopped the command, and this is that or came of it."""
    seen: list[BaseException] = []  # an error that was raised again may lead back to itself
    while error is not None and error not in seen:
        if isinstance(error, KeyboardInterrupt):
            return True
        seen.append(error)
        error = error.__cause__ or error.__context__
    return False


def _failed(sentence: str, code: int) -> int:
    warn(f"kobosift: {sentence}")
    if "--json" in sys.argv:
        emit({"error": sentence})
    return code


def _kept(error: BaseException) -> str:
    """Keep where a fault happened, without its words: they may quote a bank line."""
    from assets.redaction import UnexpectedError, describe

    told = str(error) if isinstance(error, UnexpectedError) else describe(error)
    log = Path(os.environ.get("KOBOSIFT_HOME") or ".kobosift") / "logs" / "faults.log"
    sentence = f"something unexpected went wrong ({told.splitlines()[0]})"
    try:
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("a", encoding="utf-8") as file:
            file.write(f"{datetime.now(UTC).isoformat()} {told}\n\n")
    except OSError:
        return f"{sentence}; the details could not be written to {log}"
    return f"{sentence}; the details are in {log}"


if __name__ == "__main__":
    main()
