"""`kobosift rejections`, `drafts`, `export` and `sql`: looking at what the runs wrote."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from cli.options import EitherEnvironment, Environment, Json, Limit, OneAccount, Organization
from cli.output import emit, records, say, table

rejections = typer.Typer(help="The dead-letter queue: rejected lines with their reasons.", no_args_is_help=True)
drafts = typer.Typer(help="Draft invoices and credit notes.", no_args_is_help=True)


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
    """Write outcomes, drafts or rejections to a file.

    No cell of a CSV or XLSX file can be a formula.
    """
    from cli.session import begin
    from resources.warehouse import audit

    with begin().warehouse.read() as con:
        rows = audit.export(con, what.value, format_.value, out)
    if as_json:
        emit({"what": what.value, "format": format_.value, "file": str(out), "rows": rows})
        return
    say(f"{rows:,} {what.value} are in {out}.")


def sql(
    statement: Annotated[str, typer.Argument(metavar="SELECT", help="One statement that only reads.")],
    as_json: Json = False,
) -> None:
    """Ask the warehouse in SQL, reading only.

    The views of schema audit are there to be read; SHOW ALL TABLES names them.
    """
    from cli.session import begin
    from resources.warehouse import audit

    columns, rows = audit.run_sql(begin().warehouse, statement)
    if as_json:
        emit(records(columns, rows))
        return
    say(table(columns, rows))
    say(f"{len(rows):,} rows")


@drafts.command("list")
def list_drafts(
    organization: Organization = None,
    environment: EitherEnvironment = None,
    account: OneAccount = None,
    limit: Limit = 50,
    as_json: Json = False,
) -> None:
    """List drafts, the newest first."""
    columns = ["draft_id", "kind", "status", "transaction_id", "amount", "reference", "buyer_name", "missing"]
    _list("drafts", columns, organization, environment, account, limit, as_json=as_json)


@rejections.command("list")
def list_rejections(
    organization: Organization = None,
    environment: EitherEnvironment = None,
    account: OneAccount = None,
    limit: Limit = 50,
    as_json: Json = False,
) -> None:
    """List rejected lines, the newest first."""
    columns = ["day", "transaction_id", "amount", "reason", "detail", "score", "counterparty", "narration"]
    _list("rejections", columns, organization, environment, account, limit, as_json=as_json)


def _list(
    what: str,
    columns: list[str],
    organization: str | None,
    environment: Environment | None,
    account: str | None,
    limit: int,
    *,
    as_json: bool,
) -> None:
    from cli.session import begin
    from resources.warehouse import audit
    from rules.money import money

    where = environment.value if environment else None
    with begin().warehouse.read() as con:
        found = audit.newest(
            con, what, limit, organization_id=organization, environment=where, account_id=account
        ).to_dicts()
    if as_json:
        emit(found)
        return
    rows = [
        [money(row["amount"], row["currency"]) if name == "amount" else row[name] for name in columns] for row in found
    ]
    say(table(columns, rows, right=("amount",)))
    say(f"{len(found):,} {what}, the newest first; --limit shows more, kobosift export {what} writes all.")
