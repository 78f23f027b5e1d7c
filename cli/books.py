"""`kobosift rejections`, `drafts`, `export` and `sql`: looking at what the runs wrote."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from cli.options import InEnvironment, Json, OneAccount, Organization
from cli.output import emit, records, say, table

rejections = typer.Typer(help="The dead-letter queue: rejected lines with their reasons.", no_args_is_help=True)
drafts = typer.Typer(help="Draft invoices and credit notes.", no_args_is_help=True)

Limit = Annotated[int, typer.Option("--limit", min=1, help="At most so many, the newest first.")]


class Exported(StrEnum):
    """What can be exported."""

    OUTCOMES = "outcomes"
    DRAFTS = "drafts"
    REJECTIONS = "rejections"


class Format(StrEnum):
    """In which form."""

    PARQUET = "parquet"
    CSV = "csv"
    XLSX = "xlsx"


def register(app: typer.Typer) -> None:
    """Add the commands and groups."""
    app.add_typer(rejections, name="rejections")
    app.add_typer(drafts, name="drafts")
    app.command()(export)
    app.command()(sql)


def export(
    what: Annotated[Exported, typer.Argument(help="Which view of schema audit.")],
    out: Annotated[
        Path, typer.Option("--out", metavar="FILE", help="The file to write; one that is there is replaced.")
    ],
    format_: Annotated[Format, typer.Option("--format", help="The form of the file.")] = Format.PARQUET,
    as_json: Json = False,
) -> None:
    """Write all outcomes, drafts or rejections to a file; cells of CSV and XLSX cannot be formulas."""
    from cli.session import begin
    from resources.warehouse import audit

    with begin().warehouse.read() as con:
        audit.export(con, what.value, format_.value, out)
    if as_json:
        emit({"what": what.value, "format": format_.value, "file": str(out)})
        return
    say(f"The {what.value} are in {out}.")


def sql(
    statement: Annotated[str, typer.Argument(metavar="SELECT", help="One statement that only reads.")],
    as_json: Json = False,
) -> None:
    """Ask the warehouse in SQL, reading only; the views of schema audit are there to be read."""
    from cli.session import begin
    from resources.warehouse import audit

    columns, rows = audit.run_sql(begin().warehouse, statement)
    if as_json:
        emit(records(columns, rows))
        return
    say(table(columns, rows))
    say(f"{len(rows):,} rows")
