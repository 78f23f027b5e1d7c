"""The corpus of `reconciliation_cases/`: hand-written books and what must be made of them, side by side in one file.

A case holds `[[invoice]]`, `[[payment]]` and `[[said]]` (what a person said of a payment and an invoice, by place) as
`tests.rules.settling` builds them, and `expected`: the settlements and rejections in the words of `settling.told`;
`lost` are the candidates that lost, with why.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from rules.books import Reconciled
from rules.policy import SettlementTable, StrategyTable
from rules.reasons import SETTLEMENT_REASONS
from tests.rules.settling import invoice, numbered, payment, settled, told, word

CASES = sorted((Path(__file__).parent / "reconciliation_cases").glob("*.toml"))


def of_case(path: Path) -> tuple[dict[str, Any], Reconciled]:
    case = tomllib.loads(path.read_text("utf-8"))
    invoices = [invoice(**row) for row in case.get("invoice", [])]
    payments = numbered(payment(row.pop("naira"), *row.pop("names", []), **row) for row in case["payment"])
    said = [
        word(row["status"], payments[row["payment"] - 1], invoices[row["invoice"] - 1], row.get("allocated", 0))
        for row in case.get("said", [])
    ]
    return case, settled(payments, invoices, standing=said, policy=case.get("policy", ""))


@pytest.mark.parametrize("path", CASES, ids=[path.stem for path in CASES])
def test_the_case_comes_out_as_written(path: Path) -> None:
    case, result = of_case(path)
    assert told(result) == sorted(case["expected"])
    lost = [f"{row['transaction_id']} {row['invoice_number']} {row['why']}" for row in result.candidates.to_dicts()]
    assert lost == case.get("lost", [])


def test_every_strategy_and_every_detail_has_a_case() -> None:
    results = [of_case(path)[1] for path in CASES]
    tables = SettlementTable.model_fields.items()
    assert {row for result in results for row in result.settlements["strategy"]} == {
        name for name, field in tables if field.annotation is StrategyTable
    }
    assert {row for result in results for row in result.rejected["detail"]} == set(SETTLEMENT_REASONS)
