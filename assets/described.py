"""What the asset graph tells: of each table its columns and where they come from, of each run its funnel.

Holds metadata only. What is told of a table is read from our own SQL, and of a run in sums: no row, name or id.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import dagster as dg

from resources.warehouse.checks import Proof
from resources.warehouse.columns import columns_of
from resources.warehouse.engine import CATALOG
from rules.money import money

OWNERS = ["team:kobosift"]
RUNBOOK = "docs/runbook.md"


def of_table(table: str, *, of: Sequence[str] = (), view: str | None = None) -> Mapping[str, object]:
    """The metadata of an asset that is a table.

    Args:
        table: its name.
        of: the assets, tables of their names, whose columns of the same name it has its own from; the first counts.
        view: the view of schema audit that shows it.
    """
    columns = columns_of(table)
    lineage = {
        column.name: [dg.TableColumnDep(dg.AssetKey(source), column.name)]
        for column in columns
        for source in reversed(of)
        if any(column.name == other.name for other in columns_of(source))
    }
    told: dict[str, object] = {
        "dagster/table_name": f"{CATALOG}.main.{table}",
        "dagster/column_schema": dg.TableSchema(
            [dg.TableColumn(column.name, column.type, column.description or None) for column in columns]
        ),
        "runbook": dg.MetadataValue.path(RUNBOOK),
    }
    if lineage:
        told["dagster/column_lineage"] = dg.TableColumnLineage(lineage)
    if view:
        told["read it with"] = dg.MetadataValue.md(f'`kobosift sql "FROM audit.{view}"`')
    return told


def of_funnel(proof: Proof) -> Mapping[str, dg.MetadataValue | int]:
    """What became of all lines that were proved, over all tenants: a table to read, and the naira that are drafted."""
    lines: Counter[tuple[str, str]] = Counter()
    amounts: Counter[tuple[str, str]] = Counter()
    for row in proof.funnel:
        end = (str(row["currency"] or ""), str(row["disposition"]))
        lines[end] += int(str(row["lines"]))
        amounts[end] += int(str(row["amount"]))
    rows = [
        f"| {name} | {lines[currency, name]:,} | {money(amounts[currency, name], currency or None)} |"
        for currency, name in sorted(lines)
    ]
    return {
        "funnel": dg.MetadataValue.md("\n".join(["| end | lines | amount |", "|---|--:|--:|", *rows])),
        "drafted_naira": amounts["NGN", "drafted"] // 100,
    }
