"""What assets are given when Dagster starts a run itself: plain objects, made from the settings when the run starts.

Nothing is opened at import or while definitions load. None of them takes run config, so that no secret can become part
of it: what there is to configure are the settings. The command hands in its own objects instead (`pipelines/build.py`).
"""

from collections.abc import Mapping

import dagster as dg

from assets.desk import Desk
from assets.ingest import Upstream
from pipelines.policy import load_policy
from resources.clock import Clock, SystemClock
from resources.settings import load_settings
from resources.warehouse.connection import Warehouse, open_warehouse
from rules.policy import Policy


@dg.resource(description="The warehouse of the settings, its tables up to date.")
def warehouse(_context: dg.InitResourceContext) -> Warehouse:
    """Open the warehouse."""
    return open_warehouse(load_settings())


@dg.resource(description="Mono, as the settings name it; nothing is connected before it is used.")
def upstream(_context: dg.InitResourceContext) -> Upstream:
    """Take address, key and limits."""
    return Upstream.of(load_settings())


@dg.resource(description="The policy in force.")
def policy(_context: dg.InitResourceContext) -> Policy:
    """Read the policy."""
    return load_policy(load_settings())


@dg.resource(description="The machine's clock.")
def clock(_context: dg.InitResourceContext) -> Clock:
    """Take the clock."""
    return SystemClock()


@dg.resource(description="A desk at which nobody sits: the run's reports go nowhere.")
def desk(_context: dg.InitResourceContext) -> Desk:
    """Set the desk up."""
    return Desk()


DEFAULTS: Mapping[str, dg.ResourceDefinition] = {
    "warehouse": warehouse,
    "upstream": upstream,
    "policy": policy,
    "clock": clock,
    "desk": desk,
}
