"""The upkeep of the warehouse and of the landing folder, as an asset, so that its history is seen in the graph.

How the warehouse is tidied is in `resources/warehouse/upkeep.py`. Metadata are counts.
"""

from collections.abc import Iterator
from datetime import timedelta

import dagster as dg

from assets.described import OWNERS, RUNBOOK
from assets.redaction import without_row_values
from assets.webhooks import Landing
from resources.clock import Clock
from resources.warehouse.connection import Warehouse
from resources.warehouse.upkeep import tidy

FILES_KEPT = timedelta(days=7)
"""For so long the files of events that were taken in stay, for whoever looks into an event."""

MAINTENANCE = dg.AssetSpec(
    "warehouse_upkeep",
    deps=["drafts", "rejections"],  # the ends of the graph: all else comes before them
    group_name="operations",
    description="The warehouse kept tidy: small files merged, old snapshots let go, files nobody needs removed.",
    owners=OWNERS,
    kinds={"ducklake"},
    metadata={"runbook": dg.MetadataValue.path(RUNBOOK)},
)


@dg.multi_asset(name="tidy_warehouse", specs=[MAINTENANCE], pool="upkeep")
def tidy_warehouse(
    context: dg.AssetExecutionContext,
    warehouse: dg.ResourceParam[Warehouse],
    landing: dg.ResourceParam[Landing],
    clock: dg.ResourceParam[Clock],
) -> Iterator[dg.MaterializeResult[None]]:
    """Tidy, while writers wait."""
    with without_row_values():
        done = tidy(warehouse, clock, run_id=context.run.run_id)
        events = landing.folder.tidy(clock.now() - FILES_KEPT)
    yield dg.MaterializeResult(asset_key=MAINTENANCE.key, metadata={**vars(done), "landed_files_removed": events})
