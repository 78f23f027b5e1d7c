"""`kobosift warehouse`: where everything rests, moved as a whole."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.options import Json
from cli.output import emit, say

if TYPE_CHECKING:
    from resources.settings import Settings

group = typer.Typer(no_args_is_help=True, help="The warehouse as a whole.")


def register(app: typer.Typer) -> None:
    """Add the group."""
    app.add_typer(group, name="warehouse")


@group.callback()
def _group() -> None:
    """Keep `copy` a command of its own."""


@group.command()
def copy(
    to: Annotated[
        str, typer.Option("--to", metavar="CATALOG", help="The new one: sqlite:PATH or postgres:CONNECTION.")
    ],
    source: Annotated[
        str | None, typer.Option("--from", metavar="CATALOG", help="The one to copy; by default that of the settings.")
    ] = None,
    to_data: Annotated[
        str | None,
        typer.Option(help="The new one's files: a folder or s3://bucket/prefix; by default data/ beside --to."),
    ] = None,
    from_data: Annotated[
        str | None, typer.Option(help="The files of --from; by default data/ beside it, or those of the settings.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Copy the warehouse into an empty one, say from here to PostgreSQL and S3; the old one stays as it is.

    Leave a password out of CONNECTION (PGPASSWORD, or a service of ~/.pg_service.conf): command lines can be read.
    """
    from uuid import uuid4

    from resources.errors import ConfigurationError
    from resources.settings import load_settings
    from resources.warehouse.connection import made_warehouse, open_warehouse
    from resources.warehouse.copying import copy_warehouse

    here = load_settings()
    there = here.model_copy(update={"kobosift_encrypted": False})  # it may be or not: what the new one is counts
    old = _elsewhere(there, "from", source, from_data) if source or from_data else there
    new = _elsewhere(here, "to", to, to_data)
    if old.catalog == new.catalog:
        message = "--from and --to are the same catalogue: name another one to copy into"
        raise ConfigurationError(message)
    warehouse = made_warehouse(old)
    if warehouse is None:
        message = f"there is no warehouse at {old.catalog.partition(':')[2]} to copy"
        raise ConfigurationError(message)
    counts = copy_warehouse(warehouse, open_warehouse(new), run_id=str(uuid4()))
    if as_json:
        emit({"rows": sum(counts.values()), "tables": counts})
        return
    say(f"{sum(counts.values()):,} rows of {len(counts)} tables are copied, each counted on both sides.")
    say("Set KOBOSIFT_CATALOG and KOBOSIFT_DATA to the new one; the old one still holds every bank line, so remove it.")


def _elsewhere(here: Settings, side: str, catalog: str | None, data: str | None) -> Settings:
    """The settings with another warehouse; its files lie beside a catalogue that is a file unless they are named."""
    from pydantic import SecretStr

    from resources.errors import ConfigurationError
    from resources.settings import CATALOGUES, STORES, is_catalogue, is_store

    if catalog and not is_catalogue(catalog):
        message = f"--{side} is {CATALOGUES}"
        raise ConfigurationError(message)
    kind, _, place = (catalog or here.catalog).partition(":")
    if data is None and kind == "postgres":
        message = f"say where the files of --{side} are with --{side}-data: {STORES}"
        raise ConfigurationError(message)
    if data and not is_store(data):
        message = f"--{side}-data is {STORES}"
        raise ConfigurationError(message)
    beside = str(Path(place).expanduser().absolute().parent / "data")
    changed = {"kobosift_catalog": SecretStr(catalog or here.catalog), "kobosift_data": data or beside}
    return here.model_copy(update=changed)
