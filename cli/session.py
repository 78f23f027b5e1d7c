"""What a command starts with: settings, policy, warehouse, clock - in that order, so that a mistake stops it in time.

Imported inside command functions only: it draws in Polars and DuckDB.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import uuid4

from cli.options import Environment
from pipelines.policy import load_policy
from resources.clock import Clock, SystemClock
from resources.errors import ConfigurationError
from resources.settings import Settings, load_settings
from resources.warehouse import accounts
from resources.warehouse.connection import Warehouse, open_warehouse
from rules.policy import Policy


@dataclass(frozen=True)
class Session:
    """One command's view of the installation."""

    settings: Settings
    policy: Policy
    warehouse: Warehouse
    clock: Clock
    command_id: str
    """Names the command in the commits that it makes itself."""

    def now(self) -> datetime:
        """The time of the command."""
        return self.clock.now()

    def overridden(self, policy: Policy) -> Policy:
        """A policy as it would be in force here: with the floor and the pattern that the settings give."""
        return policy.overridden(self.settings.mono_business_floor, self.settings.mono_reference_regex)

    def environment(self, given: Environment | None) -> str:
        """The environment that was given, else the settings' own."""
        return given.value if given else self.settings.kobosift_environment

    def tenant(self, organization: str | None, environment: Environment | None, account: str | None) -> tuple[str, str]:
        """The tenant that a command is about: as given, else the account's, else the only one that has accounts.

        Raises:
            ConfigurationError: it does not follow from what was given.
        """
        if organization:
            return organization, self.environment(environment)
        with self.warehouse.read() as con:
            known = accounts.listed(con, environment=environment.value if environment else None)
        tenants = {(each.organization_id, each.environment) for each in known if account in (None, each.account_id)}
        if len(tenants) != 1:
            message = "say which tenant is meant with --organization (and --environment)"
            raise ConfigurationError(message)
        return tenants.pop()


def prepared(settings: Settings | None = None) -> tuple[Settings, Policy]:
    """Check the settings and the policy that they name; nothing is written, and no activated policy is looked for.

    Raises:
        ConfigurationError, PolicyError: the sentence says what to mend.
    """
    settings = settings or load_settings()
    return settings, load_policy(settings)


def begin(checked: tuple[Settings, Policy] | None = None, *, narrow: bool = False) -> Session:
    """Check the settings and the policy, unless they are, and open the warehouse; `narrow` as in `Warehouse`.

    Raises:
        ConfigurationError, PolicyError: before anything is written.
        WarehouseError: the warehouse cannot be opened.
    """
    settings, _ = checked or prepared()
    warehouse = open_warehouse(settings, narrow=narrow)
    return Session(settings, load_policy(settings, warehouse), warehouse, SystemClock(), str(uuid4()))
