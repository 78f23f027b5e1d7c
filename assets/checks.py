"""The proofs, as Dagster's asset checks: what `resources/warehouse/checks.py` finds, told in counts.

All are proved on one reading of the tables, after the write, as proof; what may be written is validated before.
Deciding proves by itself, and reports the results beside its run: in a run over days, Dagster would plan each check
for each day, and most would stay planned for ever. The op here is for proving alone. The rows at fault are told to
the desk and never to Dagster.
"""

from collections.abc import Iterator

import dagster as dg
from dagster._core.definitions.asset_checks.asset_check_evaluation import (
    AssetCheckEvaluationTargetMaterializationData,
)

from assets.desk import Desk
from assets.redaction import without_row_values
from resources.clock import Clock
from resources.warehouse.checks import CHECKS, Proof, Verdict, prove
from resources.warehouse.connection import Warehouse

CHECK_SPECS = tuple(
    dg.AssetCheckSpec(check.name, asset=check.table, description=f"{check.says[0].upper()}{check.says[1:]}.")
    for check in CHECKS
)


@dg.multi_asset_check(name="proofs", specs=CHECK_SPECS, can_subset=True)
def proofs(
    context: dg.AssetCheckExecutionContext,
    warehouse: dg.ResourceParam[Warehouse],
    clock: dg.ResourceParam[Clock],
    desk: dg.ResourceParam[Desk],
) -> Iterator[dg.AssetCheckResult]:
    """Judge the tables as they stand; `kobosift run` names the rows at fault."""
    for verdict in proved(warehouse, clock, desk).verdicts:
        key = dg.AssetCheckKey(dg.AssetKey(verdict.check.table), verdict.check.name)
        if key in context.selected_asset_check_keys:
            yield dg.AssetCheckResult(
                passed=verdict.passed,
                asset_key=key.asset_key,
                check_name=key.name,
                metadata=verdict.counts,
                severity=_severity(verdict),
            )


def proved(warehouse: Warehouse, clock: Clock, desk: Desk) -> Proof:
    """Judge the tables as they stand, and tell the desk.

    Raises:
        WarehouseError: the tables cannot be read.
    """
    with without_row_values(), warehouse.read() as con:
        desk.proof = prove(con, desk.touched, clock.now())
    return desk.proof


def report_proof(instance: dg.DagsterInstance, proof: Proof) -> None:
    """Tell Dagster without a run of its own, once what was made is recorded.

    Each names the newest materialisation, of which it holds: of others the page says that they have not passed.
    """
    newest = {table: _newest(instance, table) for table in {verdict.check.table for verdict in proof.verdicts}}
    for verdict in proof.verdicts:
        instance.report_runless_asset_event(
            dg.AssetCheckEvaluation(
                asset_key=dg.AssetKey(verdict.check.table),
                check_name=verdict.check.name,
                passed=verdict.passed,
                metadata=verdict.counts,
                severity=_severity(verdict),
                target_materialization_data=newest[verdict.check.table],
            )
        )


def _newest(instance: dg.DagsterInstance, table: str) -> AssetCheckEvaluationTargetMaterializationData | None:
    found = instance.fetch_materializations(dg.AssetKey(table), limit=1).records
    if not found:
        return None
    return AssetCheckEvaluationTargetMaterializationData(
        storage_id=found[0].storage_id, run_id=found[0].run_id, timestamp=found[0].timestamp
    )


def _severity(verdict: Verdict) -> dg.AssetCheckSeverity:
    return dg.AssetCheckSeverity.WARN if verdict.check.warns else dg.AssetCheckSeverity.ERROR
