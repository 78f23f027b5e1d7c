"""`kobosift tokens`: who may speak to the gateway, for which tenant and in which role."""

from __future__ import annotations

from dataclasses import asdict
from enum import StrEnum
from typing import Annotated

import typer

from cli.options import EitherEnvironment, InEnvironment, Json, Organization
from cli.output import emit, say, table

group = typer.Typer(help="Tokens for the gateway.", no_args_is_help=True)


class Role(StrEnum):
    """The roles, each of which may do what those before it may."""

    VIEWER = "viewer"
    ANALYST = "analyst"
    APPROVER = "approver"
    ADMIN = "admin"


def register(app: typer.Typer) -> None:
    """Add the group to the command."""
    app.add_typer(group, name="tokens")


@group.command()
def create(
    role: Annotated[Role, typer.Option(help="What its bearer may do; each role includes those before it.")],
    organization: Organization = None,
    environment: InEnvironment = None,
    as_json: Json = False,
) -> None:
    """Make a token and show it, this once."""
    from cli.session import begin
    from resources.ids import check_organization
    from resources.warehouse import tokens

    check_organization(organization)
    session = begin()
    tenant = session.tenant(organization, environment, None)
    secret = tokens.new_secret()
    token = session.warehouse.write(
        lambda con: tokens.create(con, secret, role.value, *tenant, now=session.now()),
        run_id=session.command_id,
        note="create a token",
    )
    if as_json:
        emit({"token": secret, **asdict(token)})
        return
    say(f"Token {token.token_id} of {tenant[0]} ({tenant[1]}), role {role.value}. Keep it: it is shown this once.")
    say(secret)


@group.command("list")
def list_(organization: Organization = None, environment: EitherEnvironment = None, as_json: Json = False) -> None:
    """List the tokens, revoked ones too; never the tokens themselves."""
    from cli.session import begin
    from resources.warehouse import tokens

    with begin().warehouse.read() as con:
        found = tokens.listed(con, organization, environment.value if environment else None)
    if as_json:
        emit([asdict(token) for token in found])
        return
    rows = [list(asdict(token).values()) for token in found]
    say(table(["token", "role", "organization", "environment", "created", "revoked"], rows))


@group.command()
def revoke(
    token_id: Annotated[str, typer.Argument(metavar="ID", help="The token's id, as `list` shows it.")],
    as_json: Json = False,
) -> None:
    """Shut a token out for good."""
    from cli.session import begin
    from resources.errors import ConfigurationError
    from resources.warehouse import tokens

    session = begin()
    done = session.warehouse.write(
        lambda con: tokens.revoke(con, token_id, now=session.now()), run_id=session.command_id, note="revoke a token"
    )
    if done is None:
        message = "there is no token of this id: kobosift tokens list shows them"
        raise ConfigurationError(message)
    if as_json:
        emit({"token_id": token_id, "revoked": done})
        return
    say(f"Token {token_id} is {'now' if done else 'already'} revoked.")
