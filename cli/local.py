"""`kobosift sandbox` and `kobosift dev`: a Mono that runs here, and Dagster's page and the gateway beside it.

The only commands that start servers. They need no account, and leave the settings of a real one alone.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cli.output import say
from cli.serve import PORT as GATEWAY_PORT

ACCOUNTS, DAYS, SEED = 6, 60, 7
PORT = 8787


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(sandbox)
    app.command()(dev)


def sandbox(
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="The port; 0 takes a free one.", min=0, max=65535)] = PORT,
    accounts: Annotated[int, typer.Option(help="How many bank accounts.", min=1)] = ACCOUNTS,
    days: Annotated[int, typer.Option(help="How many days of bank lines, up to yesterday.", min=1)] = DAYS,
    seed: Annotated[int, typer.Option(help="The same seed gives the same world.")] = SEED,
    faults: Annotated[str, typer.Option(help="`all`, or names with rates, such as 429,500=0.2,dead.")] = "",
    latency: Annotated[float, typer.Option(help="Seconds before each answer.", min=0)] = 0.0,
    out: Annotated[Path | None, typer.Option(help="Folder for the truth; left out: sandbox in the home.")] = None,
) -> None:
    """Serve a Mono of invented accounts.

    Its true labels and its tenants' invoices are kept apart, in files.
    """
    from resources.errors import ConfigurationError
    from resources.settings import load_settings
    from sandbox.faults import Faults
    from sandbox.server import serve

    folder = out or load_settings().kobosift_home / "sandbox"
    try:
        plan = Faults.parse(faults, seed=seed)
        serve(host, port, accounts, days, seed, plan, folder, say=say, latency=latency)
    except ValueError as error:
        raise ConfigurationError(str(error)) from error
    except OSError as error:
        message = f"the folder {folder} cannot be written ({error.strerror}): choose another with --out"
        raise ConfigurationError(message) from error


def dev(
    port: Annotated[int, typer.Option(help="The port of Dagster's page.", min=1, max=65535)] = 3000,
    gateway_port: Annotated[int, typer.Option(help="The port of the gateway.", min=1, max=65535)] = GATEWAY_PORT,
    sandbox_port: Annotated[int, typer.Option(help="The port of the sandbox.", min=0, max=65535)] = PORT,
) -> None:
    """Start Dagster's page and daemon, the gateway and a sandbox.

    The sandbox is started where the settings name no Mono that would answer.
    """
    from cli.development import serve_all

    serve_all(port, gateway_port, sandbox_port)
