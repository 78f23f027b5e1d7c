"""What assets and sensors are given when Dagster starts them itself: plain objects, made from the settings.

Nothing is opened at import or while definitions load. None of them takes run config, so that no secret can become part
of it: what there is to configure are the settings. The command hands in its own objects instead (`pipelines/build.py`).
A sensor looks every few seconds in one process that lives long, so the warehouse is opened once a process.
"""

from collections.abc import Mapping
from functools import cache

import dagster as dg

from assets.desk import Desk
from assets.ingest import Upstream
from assets.webhooks import Landing
from pipelines.instance import own_tags
from pipelines.policy import load_policy
from resources.clock import Clock, SystemClock
from resources.settings import Settings, load_settings
from resources.warehouse.connection import Warehouse, open_warehouse
from rules.policy import Policy


@dg.resource(description="The settings of the environment.")
def settings(_context: dg.InitResourceContext) -> Settings:
    """Read the settings."""
    return load_settings()


@dg.resource(description="The warehouse of the settings, its tables up to date.")
def warehouse(context: dg.InitResourceContext) -> Warehouse:
    """Open the warehouse; a run notes which process it is, by which it is known should it die."""
    if context.run is not None and context.instance is not None:
        context.instance.add_run_tags(context.run.run_id, own_tags(context.run.run_id))
    return _opened(load_settings())


@cache
def _opened(settings: Settings) -> Warehouse:
    return open_warehouse(settings)


@dg.resource(description="Mono, as the settings name it; nothing is connected before it is used.")
def upstream(_context: dg.InitResourceContext) -> Upstream:
    """Take address, key and limits."""
    return Upstream.of(load_settings())


@dg.resource(description="The landing folder of the settings.")
def landing(_context: dg.InitResourceContext) -> Landing:
    """Take folder and app."""
    return Landing.of(load_settings())


@dg.resource(description="The policy in force.", required_resource_keys={"warehouse"})
def policy(context: dg.InitResourceContext) -> Policy:
    """Read the policy."""
    return load_policy(load_settings(), context.resources.warehouse)


@dg.resource(description="The machine's clock.")
def clock(_context: dg.InitResourceContext) -> Clock:
    """Take the clock."""
    return SystemClock()


@dg.resource(description="A desk at which nobody sits: the run's reports go nowhere.")
def desk(_context: dg.InitResourceContext) -> Desk:
    """Set the desk up."""
    return Desk()


DEFAULTS: Mapping[str, dg.ResourceDefinition] = {
    "settings": settings,
    "warehouse": warehouse,
    "landing": landing,
    "upstream": upstream,
    "policy": policy,
    "clock": clock,
    "desk": desk,
}
