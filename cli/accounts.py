"""`kobosift accounts`: which bank accounts are read, by the consent of their holders."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from cli.options import EitherEnvironment, Environment, InEnvironment, Json, Organization
from cli.output import emit, say, table, warn

if TYPE_CHECKING:
    from cli.session import Session
    from resources.warehouse.accounts import Account

group = typer.Typer(help="The linked bank accounts.", no_args_is_help=True)
AccountId = Annotated[str, typer.Argument(metavar="ID", help="The account's id at Mono.")]


def register(app: typer.Typer) -> None:
    """Add the group to the command."""
    app.add_typer(group, name="accounts")


@group.command("list")
def list_(organization: Organization = None, environment: EitherEnvironment = None, as_json: Json = False) -> None:
    """List the accounts with their state, linked or not."""
    from cli.session import begin
    from resources.warehouse import accounts

    with begin().warehouse.read() as con:
        found = accounts.listed(con, organization_id=organization, environment=environment)
    if as_json:
        emit([_document(account) for account in found])
        return
    names = ["account_id", "organization_id", "environment", "status", "institution", "currency", "data_status"]
    headers = ["account", "organization", "environment", "status", "institution", "currency", "data", "synced", "error"]
    rows = [[*(getattr(each, name) for name in names), each.synced_at, each.sync_error] for each in found]
    say(table(headers, rows))


@group.command()
def link(
    account: AccountId, organization: Organization = None, environment: InEnvironment = None, as_json: Json = False
) -> None:
    """Link an account to a tenant; its details and lines are read by the next sync."""
    from cli.session import begin
    from resources.ids import check_account_id, check_organization
    from resources.warehouse import accounts

    check_account_id(account)
    check_organization(organization)
    session = begin()
    tenant = session.tenant(organization, environment, account)
    new = session.warehouse.write(
        lambda con: accounts.link(con, account, *tenant, now=session.now()),
        run_id=session.command_id,
        note="link an account",
    )
    if as_json:
        emit({"account_id": account, "organization_id": tenant[0], "environment": tenant[1], "linked": new})
        return
    say(f"Account {account} is {'now' if new else 'already'} linked to {tenant[0]} ({tenant[1]}).")


@group.command()
def unlink(
    account: AccountId,
    organization: Organization = None,
    environment: EitherEnvironment = None,
    purge: Annotated[bool, typer.Option("--purge", help="Also erase what was derived from the account.")] = False,
    as_json: Json = False,
) -> None:
    """End an account's consent at Mono and stop reading it; what was read stays, unless it is purged."""
    from cli.session import begin
    from resources.ids import check_account_id, check_organization
    from resources.warehouse import accounts

    check_account_id(account)
    check_organization(organization)
    session = begin()
    with session.warehouse.read() as con:
        known = accounts.find(con, account)
    was = known is not None and known.status == accounts.LINKED
    if known is not None:
        _in_tenant(known, organization, environment)
        _unlink(session, account, again=not was)
    if purge:
        _purge(session, account, was=was, as_json=as_json)
        return
    if as_json:
        emit({"account_id": account, "unlinked": was})
        return
    say(f"Account {account} is {'now unlinked; what was read of it stays' if was else 'not linked'}.")


def _purge(session: Session, account: str, *, was: bool, as_json: bool) -> None:
    """Erase what was derived from an account that is linked no more, and tell of it."""
    from cli.retention import documents, tell
    from pipelines.retention import erase_account

    done = erase_account(session.warehouse, session.settings, session.clock, account, run_id=session.command_id)
    if as_json:
        emit({"account_id": account, "unlinked": was, "erased": documents(done)})
    else:
        say(f"Account {account} is {'now unlinked' if was else 'not linked'}.")
    tell(done, "Nothing of it is kept.", quiet=as_json)


def _in_tenant(known: Account, organization: str | None, environment: Environment | None) -> None:
    """See that the account is of the tenant that was named, if one was."""
    from resources.errors import ConfigurationError

    wanted = (organization or known.organization_id, environment.value if environment else known.environment)
    if wanted != (known.organization_id, known.environment):
        message = (
            f"account {known.account_id} is not of {wanted[0]} ({wanted[1]}): kobosift accounts list shows whose it is"
        )
        raise ConfigurationError(message)


def _unlink(session: Session, account: str, *, again: bool) -> None:
    """Stop reading at once, then end the consent at Mono; doing it again only makes sure that Mono knows.

    Raises:
        ConfigurationError: there is no key for Mono; nothing is changed.
        UpstreamError: Mono could not be told; the account is read no more all the same.
    """
    import asyncio

    from resources.errors import KobosiftError, UpstreamError
    from resources.mono.client import MonoClient
    from resources.warehouse import accounts

    async def tell(client: MonoClient) -> None:
        async with client:
            await client.unlink(account)

    try:
        client = MonoClient.of(session.settings)
        now = session.now()
        session.warehouse.write(
            lambda con: accounts.unlink(con, account, now=now), run_id=session.command_id, note="unlink an account"
        )
        asyncio.run(tell(client))
    except UpstreamError as error:
        sentence = f"account {account} is read no more, but Mono could not be told: {error} Then unlink it again."
        if not again:
            raise UpstreamError(sentence) from error
        warn(f"kobosift: {sentence}")
    except KobosiftError:
        if not again:
            raise


def _document(account: Account) -> dict[str, object]:
    from dataclasses import asdict

    return asdict(account)
