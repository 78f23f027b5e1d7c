"""`kobosift purge` and `kobosift erase`: bank lines that are not to be kept, gone and looked for."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from typing import TYPE_CHECKING, Annotated

import typer

from cli.options import Json
from cli.output import emit, say, table, warn

if TYPE_CHECKING:
    from pipelines.retention import Erased
    from resources.warehouse.erasures import Scope

_UNSET = "Nothing expires: MONO_DATA_RETENTION_DAYS is not set."
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only tell what would go; change nothing.")]
_DAYS_SHOWN = 40


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(purge)
    app.command()(erase)


def purge(dry_run: DryRun = False, as_json: Json = False) -> None:
    """Erase what is older than MONO_DATA_RETENTION_DAYS, and finish erasures that were begun.

    By booked day (Africa/Lagos). Signed invoices stay. It is looked for afterwards, and recorded in audit.erasures.
    """
    from cli.session import begin
    from pipelines.retention import purge_expired
    from resources.warehouse.erasures import Scope
    from rules.retention import first_day_kept

    session = begin()
    before = first_day_kept(session.settings.mono_data_retention_days, session.now())
    if dry_run:
        _would_go(None if before is None else Scope(before=before), as_json=as_json)
        return
    done = purge_expired(session.warehouse, session.settings, session.clock, run_id=session.command_id)
    if as_json:
        emit({"before": before, "erased": documents(done)})
    tell(done, _UNSET if before is None else f"Nothing is kept from before {before}.", quiet=as_json)


def erase(
    account: Annotated[str, typer.Option("--account", metavar="ID", help="The account's id at Mono.")],
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Erase everything derived from one account; a link that stands goes on reading what is new.

    Signed invoices stay. It is looked for afterwards, and recorded in audit.erasures.
    """
    from cli.session import begin
    from pipelines.retention import erase_account
    from resources.warehouse.erasures import Scope

    _check(account)
    if dry_run:
        _would_go(Scope(account_id=account), as_json=as_json)
        return
    session = begin()
    done = erase_account(session.warehouse, session.settings, session.clock, account, run_id=session.command_id)
    if as_json:
        emit({"account_id": account, "erased": documents(done)})
    tell(done, f"Nothing is kept of account {account}.", quiet=as_json)


def _check(account: str) -> None:
    """See that an account's id can be one, or is one that was linked once: that can be erased however odd it is.

    Raises:
        ConfigurationError: it is neither.
    """
    from resources.errors import ConfigurationError
    from resources.ids import check_account_id
    from resources.settings import load_settings
    from resources.warehouse import accounts
    from resources.warehouse.connection import made_warehouse

    try:
        check_account_id(account)
    except ConfigurationError:
        warehouse = made_warehouse(load_settings()) if account.strip() else None
        if warehouse is None:
            raise
        with closing(warehouse), warehouse.read() as con:
            if accounts.find(con, account) is None:
                raise


def documents(done: Sequence[Erased]) -> list[dict[str, object]]:
    """Erasures as JSON tells them."""
    names = ("erasure_id", "scope", "counts", "proved", "remnants")
    return [{name: getattr(each, name) for name in names} for each in done]


def tell(done: Sequence[Erased], nothing: str, *, quiet: bool) -> None:
    """Tell of erasures; one that is not proved ends the command with 1.

    Raises:
        typer.Exit: something was found where nothing should be.
    """
    if not done and not quiet:
        say(nothing)
    for each in done:
        if not quiet:
            counts = ", ".join(f"{rows:,} {name}" for name, rows in each.counts.items())
            say(
                f"Erased ({each.scope}): {counts}. {'Looked for everywhere, and gone.' if each.proved else ''}".rstrip()
            )
        if not each.proved:
            warn(f"kobosift: of erasure {each.erasure_id} something is left: {', '.join(each.remnants)}. Run it again.")
    if not all(each.proved for each in done):
        raise typer.Exit(1)


def _would_go(scope: Scope | None, *, as_json: bool) -> None:
    """Tell what an erasure would delete, by table, tenant and day, in counts and naira."""
    from cli.session import begin
    from pipelines.retention import preview
    from rules.money import major_units

    found = preview(begin().warehouse, scope).to_dicts() if scope else []
    for each in found:
        each["amount"] = None if each["amount"] is None else major_units(each["amount"])
    if as_json:
        emit({"dry_run": True, "would_erase": found})
        return
    if scope is None:
        say(f"{_UNSET} Nothing would go; nothing was changed.")
        return
    names = ["table", "organization_id", "environment", "day", "rows", "amount"]
    headers = ["table", "organization", "environment", "day", "rows", "NGN"]
    say(table(headers, ([each[name] for name in names] for each in found), right=["rows", "NGN"]))
    say(f"{sum(each['rows'] for each in found):,} rows would go; nothing was changed.")
