"""`kobosift invoices`: what the tenants are owed, brought in and looked at."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cli.options import EitherEnvironment, InEnvironment, Json, Limit, Organization
from cli.output import emit, say, table, warn

group = typer.Typer(help="The invoices that bank lines are held against.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add the group to the command."""
    app.add_typer(group, name="invoices")


@group.command("import")
def import_(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="CSV, JSON or Parquet.")],
    organization: Organization = None,
    environment: InEnvironment = None,
    as_json: Json = False,
) -> None:
    """Bring invoices in from a file: all of it, or nothing.

    Columns: number, customer_name, currency, total_amount, issue_date; and where known invoice_id, organization_id,
    environment, net_amount, vat_amount, due_date, customer_tin, customer_email, status (open, paid, cancelled). Amounts
    as 1000.50, days as 2026-03-31. An invoice that is there already is brought up to date.
    """
    from dataclasses import asdict

    from cli.session import begin, prepared
    from resources.ids import check_organization
    from resources.invoice_files import read_file
    from resources.invoice_import import import_invoices, owners_without_accounts, says_whose
    from rules.invoices import Owner, read_invoices

    check_organization(organization)
    checked = prepared()
    found = read_file(file)
    where, whose = (environment.value if environment else None), organization or says_whose(found)
    owner = Owner(organization, where, "", checked[0].kobosift_environment)
    read_invoices(found.rows, owner)  # mistakes are told before a home is made, and before the tenant is asked for
    session = begin(checked)
    if not whose:
        owner = Owner(None, where, *session.tenant(None, environment, None))
    done = import_invoices(session.warehouse, found, owner, now=session.now(), run_id=session.command_id)
    if done.ignored_columns:
        warn(f"kobosift: not read, for they mean nothing here: {', '.join(done.ignored_columns)}.")
    if lonely := owners_without_accounts(session.warehouse, found, owner):
        told = "no bank line can pay them before kobosift accounts link; is the name spelt as it was linked?"
        warn(f"kobosift: no account is linked of {', '.join(lonely)}: {told}")
    if as_json:
        emit(asdict(done))
        return
    say(f"{done.imported:,} invoices imported, {done.updated:,} updated, {done.unchanged:,} unchanged.")
    if done.imported + done.updated:
        say("The next `kobosift run`, or `kobosift decide` alone, holds bank lines against them.")


@group.command("list")
def list_(
    only_open: Annotated[bool, typer.Option("--open", help="Open ones only.")] = False,
    organization: Organization = None,
    environment: EitherEnvironment = None,
    limit: Limit = 50,
    as_json: Json = False,
) -> None:
    """List invoices, the newest first."""
    from cli.session import begin
    from resources.warehouse import invoices
    from rules.money import money

    where, status = (environment.value if environment else None), ("open" if only_open else None)
    with begin().warehouse.read() as con:
        found = invoices.listed(
            con, organization_id=organization, environment=where, status=status, limit=limit
        ).to_dicts()
    if as_json:
        emit(found)
        return
    names = ["invoice_id", "number", "customer_name", "total_amount", "issue_date", "due_date", "status"]
    rows = [
        [money(row[name], row["currency"]) if name == "total_amount" else row[name] for name in names] for row in found
    ]
    say(table(names, rows, right=("total_amount",)))
    say(f"{len(found):,} invoices, the newest first; --limit shows more.")
