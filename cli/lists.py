"""`kobosift lists`: what a person said about counterparties, narrations, references and tags."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from cli.options import LAGOS, EitherEnvironment, InEnvironment, Json, OneAccount, Organization, moment
from cli.output import emit, say, table, warn

if TYPE_CHECKING:
    from datetime import datetime

    import duckdb

    from resources.warehouse.lists import Entry

group = typer.Typer(help="Allow and deny entries, in force from the next decision on.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add the group to the command."""
    app.add_typer(group, name="lists")


@group.command()
def add(
    list_: Annotated[str, typer.Argument(metavar="allow|deny", help="Which list.")],
    field: Annotated[str, typer.Option("--field", help="counterparty, narration, reference or tag.")],
    match: Annotated[str, typer.Option("--match", help="exact, contains, prefix or regex.")],
    value: Annotated[str, typer.Option("--value", help="What it is compared with.")],
    account: OneAccount = None,
    expires: Annotated[
        str | None, typer.Option("--expires", metavar="DATE", help="From when it no longer holds; a day ends in Lagos.")
    ] = None,
    note: Annotated[str | None, typer.Option("--note", metavar="TEXT", help="Why, for whoever reads it.")] = None,
    organization: Organization = None,
    environment: InEnvironment = None,
    as_json: Json = False,
) -> None:
    """Put an entry in force for a tenant, or for one account of it; the same entry twice is one."""
    from cli.session import begin
    from resources.ids import check_account_id, check_organization
    from resources.warehouse import lists
    from rules.lists import check_entry
    from rules.lists_lint import lint_entries

    check_entry(list_, field, match, value)
    check_account_id(account)
    check_organization(organization)
    expires_at = moment("--expires", expires) if expires else None
    session = begin()
    tenant = session.tenant(organization, environment, account)
    entry = lists.Entry(list_, *tenant, field, match, value, account, note, expires_at)
    now = session.now()
    entry_id, before = session.warehouse.write(
        lambda con: _put(con, entry, now), run_id=session.command_id, note="add a list entry"
    )
    with session.warehouse.read() as con:
        findings = lint_entries(lists.show(con, *tenant), now)
    own = [each for each in findings if entry_id in (each.where, each.beside)]
    if as_json:
        emit({"entry_id": entry_id, "findings": [each.told() for each in own]})
        return
    say(f"Entry {entry_id} is on the {list_} list of {tenant[0]} ({tenant[1]}); the next run decides by it.")
    if before is not None and before.expires_at != expires_at:
        say(f"It was there already: it now {_ends(expires_at)}, and before that it {_ends(before.expires_at)}.")
    for each in own:
        say(str(each))


def _put(con: duckdb.DuckDBPyConnection, entry: Entry, now: datetime) -> tuple[str, Entry | None]:
    """Put an entry in force, unless it is for another tenant's account; one that is not linked yet may come.

    Returns its id, and the entry as it stood where it was there already.
    """
    from resources.errors import ConfigurationError
    from resources.warehouse import accounts, lists

    known = entry.account_id and accounts.find(con, entry.account_id)
    if known and (known.organization_id, known.environment) != (entry.organization_id, entry.environment):
        message = (
            f"there is no account {entry.account_id} of {entry.organization_id} ({entry.environment}): "
            "kobosift accounts list shows whose each is"
        )
        raise ConfigurationError(message)
    if entry.account_id and not known:
        warn(f"kobosift: account {entry.account_id} is not linked here; the entry waits for it.")
    before = lists.find(con, entry.entry_id)
    return lists.add(con, entry, now), before


def _ends(expires_at: datetime | None) -> str:
    return f"ends at {expires_at.astimezone(LAGOS):%Y-%m-%d %H:%M} in Lagos" if expires_at else "never ends"


@group.command()
def show(organization: Organization = None, environment: EitherEnvironment = None, as_json: Json = False) -> None:
    """List the entries, expired ones too."""
    from cli.session import begin
    from resources.warehouse import lists

    with begin().warehouse.read() as con:
        entries = lists.show(con, organization, environment.value if environment else None).to_dicts()
    if as_json:
        emit(entries)
        return
    names = [
        "entry_id",
        "list",
        "organization_id",
        "environment",
        "account_id",
        "field",
        "match",
        "value",
        "expires_at",
    ]
    say(table(names, ([entry[name] for name in names] for entry in entries)))


@group.command()
def check(organization: Organization = None, environment: EitherEnvironment = None, as_json: Json = False) -> None:
    """Name the entries that can never decide anything: allow entries that a deny entry overrules, and repeated ones."""
    from cli.session import begin
    from resources.warehouse import lists
    from rules.lists_lint import lint_entries

    session = begin()
    with session.warehouse.read() as con:
        entries = lists.show(con, organization, environment.value if environment else None)
    findings = lint_entries(entries, session.now())
    if as_json:
        emit({"entries": entries.height, "findings": [each.told() for each in findings]})
        return
    for each in findings:
        say(str(each))
    say(f"{entries.height} entries, {len(findings)} findings.")


@group.command()
def remove(
    entry: Annotated[str, typer.Argument(metavar="ID", help="The entry's id, as `lists show` tells it.")],
    as_json: Json = False,
) -> None:
    """Take an entry out of force; one that is not there is no mistake."""
    from cli.session import begin
    from resources.warehouse import lists

    session = begin()
    now = session.now()
    removed = session.warehouse.write(
        lambda con: lists.remove(con, entry, now), run_id=session.command_id, note="remove a list entry"
    )
    if as_json:
        emit({"entry_id": entry, "removed": removed})
        return
    say(f"Entry {entry} {'is removed; the next run decides without it' if removed else 'is not there'}.")
