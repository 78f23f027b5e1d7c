"""All definitions, put together in one place.

Holds which assets, checks, jobs, schedules, sensors and resources there are; it opens nothing. Whoever runs them hands
in what differs: the command its own objects, a test its fixed clock.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import NoReturn

import dagster as dg

from assets.accounts import look_up_accounts
from assets.checks import proofs
from assets.decide import decide
from assets.history import read_history
from assets.ingest import pull
from assets.maintenance import tidy_warehouse
from assets.webhooks import take_in_landed
from pipelines.jobs import JOBS
from pipelines.resources import DEFAULTS
from pipelines.schedules import SCHEDULES
from pipelines.sensors import SENSORS
from pipelines.watch import watch


class NoFrames(dg.IOManager):
    """Refuses to store what an asset returns: Dagster's default would pickle bank lines to disk for ever."""

    def handle_output(self, context: dg.OutputContext, obj: object) -> NoReturn:
        """Refuse."""
        message = "assets write to the warehouse and return nothing: annotate them, and yield MaterializeResult"
        raise dg.DagsterInvariantViolationError(message)

    def load_input(self, context: dg.InputContext) -> NoReturn:
        """Refuse."""
        message = "assets read from the warehouse: name what comes before them in deps"
        raise dg.DagsterInvariantViolationError(message)


@dg.logger(None, description="Says nothing: the command speaks for itself.")
def silent_logger(_context: dg.InitLoggerContext) -> logging.Logger:
    """A logger without a voice."""
    logger = logging.Logger("kobosift.silent", level=logging.CRITICAL + 1)
    logger.addHandler(logging.NullHandler())
    return logger


def build_defs(
    overrides: Mapping[str, object] | None = None, *, loggers: Mapping[str, dg.LoggerDefinition] | None = None
) -> dg.Definitions:
    """Put everything together.

    Args:
        overrides: resources by name, in place of those made from the settings.
        loggers: in place of Dagster's console.
    """
    return dg.Definitions(
        assets=[pull, take_in_landed, read_history, look_up_accounts, decide, tidy_warehouse],
        asset_checks=[proofs],
        jobs=list(JOBS),
        schedules=list(SCHEDULES),
        sensors=[*SENSORS, watch],
        resources={**DEFAULTS, "io_manager": NoFrames(), **(overrides or {})},
        executor=dg.in_process_executor,
        loggers=dict(loggers) if loggers else None,
    )
