"""The proofs, as Dagster's asset checks: what `resources/warehouse/checks.py` finds, told in counts.

One op runs them all on one reading of the tables. They come after the write, as proof; what may be written is validated
before. The rows at fault are told to the desk and never to Dagster.
"""

from collections.abc import Iterator

import dagster as dg

from assets.desk import Desk
from assets.redaction import without_row_values
from resources.warehouse.checks import CHECKS, prove
from resources.warehouse.connection import Warehouse

CHECK_SPECS = tuple(
    dg.AssetCheckSpec(check.name, asset=check.table, description=f"{check.says[0].upper()}{check.says[1:]}.")
    for check in CHECKS
)


@dg.multi_asset_check(name="proofs", specs=CHECK_SPECS)
def proofs(warehouse: dg.ResourceParam[Warehouse], desk: dg.ResourceParam[Desk]) -> Iterator[dg.AssetCheckResult]:
    """Judge the tables as they stand; `kobosift run` names the rows at fault."""
    with without_row_values(), warehouse.read() as con:
        desk.proof = prove(con, desk.touched)
    for verdict in desk.proof.verdicts:
        yield dg.AssetCheckResult(
            passed=verdict.passed,
            asset_key=verdict.check.table,
            check_name=verdict.check.name,
            metadata=verdict.counts,
        )
