"""Retention as Dagster runs it: one op, since it takes away from every asset and makes none.

What is done is in `pipelines/retention.py`. Metadata are counts.
"""

import dagster as dg

from assets.redaction import without_row_values
from resources.clock import Clock
from resources.errors import KobosiftError
from resources.settings import Settings
from resources.warehouse.connection import Warehouse


@dg.op(out=dg.Out(dg.Nothing), description="Erase what is older than MONO_DATA_RETENTION_DAYS; finish what was begun.")
def purge_expired_lines(
    context: dg.OpExecutionContext,
    settings: dg.ResourceParam[Settings],
    warehouse: dg.ResourceParam[Warehouse],
    clock: dg.ResourceParam[Clock],
) -> None:
    """Purge, and fail where it is not proved."""
    from pipelines.retention import purge_expired  # with all that looks through files, which other jobs need not load

    with without_row_values():
        done = purge_expired(warehouse, settings, clock, run_id=context.run.run_id)
        counts = {"erasures": len(done), "rows": sum(sum(each.counts.values()) for each in done)}
        context.add_output_metadata(counts)
        if not all(each.proved for each in done):
            message = "something that was erased is still there: kobosift purge names where, and tries again"
            raise KobosiftError(message)


@dg.graph(description="What expires goes, and is looked for afterwards.")
def retention() -> None:
    """Purge."""
    purge_expired_lines()
