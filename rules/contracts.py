"""What frames must look like where one stage hands them to the next: one Pandera contract at each side.

A contract that does not hold is a defect of the product or of its data, so the message names columns and counts; the
values that broke it are somebody's bank lines and never leave this module.
"""

from __future__ import annotations

import pandera.polars as pa
import polars as pl
from pandera.config import ValidationDepth, config_context
from pandera.errors import SchemaErrorReason

from rules.errors import RulesError
from rules.reasons import Detail, Outcome, Reason

_UTC = pl.Datetime("us", "UTC")


class ContractError(RulesError):
    """A frame is not what its reader was promised."""


TRANSACTIONS = pa.DataFrameSchema(
    {
        "organization_id": pa.Column(pl.String),
        "environment": pa.Column(pl.String),
        "account_id": pa.Column(pl.String),
        "transaction_id": pa.Column(pl.String),
        "version": pa.Column(pl.Int32, pa.Check.ge(1)),
        "booked_at": pa.Column(_UTC),
        "day": pa.Column(pl.Date),
        "direction": pa.Column(pl.String, pa.Check.isin(["credit", "debit"])),
        "amount": pa.Column(pl.Int64, pa.Check.gt(0)),
        "currency": pa.Column(pl.String, pa.Check.str_matches("^[A-Z]{3}$"), nullable=True),
        "narration": pa.Column(pl.String, nullable=True),
        "description": pa.Column(pl.String, nullable=True),
        "counterparty": pa.Column(pl.String, nullable=True),
        "reference": pa.Column(pl.String, nullable=True),
        "tags": pa.Column(pl.List(pl.String), nullable=True),
        "status": pa.Column(pl.String, nullable=True),
        "holder": pa.Column(pl.String, nullable=True),
        "account_currency": pa.Column(pl.String, nullable=True),
    },
    name="transactions",
)
"""What `overrules.decide_lifted` reads: the newest version of each line, with its account's holder and currency."""

DECISIONS = pa.DataFrameSchema(
    {
        "organization_id": pa.Column(pl.String),
        "environment": pa.Column(pl.String),
        "account_id": pa.Column(pl.String),
        "transaction_id": pa.Column(pl.String),
        "day": pa.Column(pl.Date),
        "version": pa.Column(pl.Int32),
        "outcome": pa.Column(pl.String, pa.Check.isin(list(Outcome))),
        "reason": pa.Column(pl.String, pa.Check.isin(list(Reason)), nullable=True),
        "detail": pa.Column(pl.String, pa.Check.isin(list(Detail))),
        "rule": pa.Column(pl.UInt8, pa.Check.in_range(1, 13)),
        "score": pa.Column(pl.Int16),
        "signals": pa.Column(pl.UInt32),
        "nearest_miss": pa.Column(pl.UInt32, nullable=True),
        "counterparty": pa.Column(pl.String, nullable=True),
        "rail": pa.Column(pl.String, nullable=True),
        "reference": pa.Column(pl.String, nullable=True),
        **{
            f"{kind}_{told}": pa.Column(pl.String, nullable=True)
            for kind in ("business", "personal", "refund", "reversal", "company")
            for told in ("term", "at")
        },
        "refused_reference": pa.Column(pl.String, nullable=True),
        "deny_entry": pa.Column(pl.String, nullable=True),
        "allow_entry": pa.Column(pl.String, nullable=True),
        "floor": pa.Column(pl.Int64, nullable=True),
    },
    checks=pa.Check(
        lambda data: data.lazyframe.select((pl.col("outcome") == "rejected") == pl.col("reason").is_not_null()),
        name="a reason if and only if rejected",
    ),
    strict=True,
    name="decisions",
)
"""What `overrules.decide_lifted` gives, one row a transaction."""


def checked(frame: pl.DataFrame, contract: pa.DataFrameSchema) -> pl.DataFrame:
    """The frame as it is, once its columns, types and values are what the contract says.

    Raises:
        ContractError: which columns and checks failed, how often; never a value.

    """
    try:
        with config_context(validation_depth=ValidationDepth.SCHEMA_AND_DATA):
            contract.validate(frame, lazy=True)
    except pa.errors.SchemaErrors as errors:
        raise ContractError(_told(errors, contract)) from None
    return frame


_OF_COLUMNS = (SchemaErrorReason.COLUMN_NOT_IN_DATAFRAME, SchemaErrorReason.COLUMN_NOT_IN_SCHEMA)
"""Failures whose case is a column's name, and no value."""


def _told(errors: pa.errors.SchemaErrors, contract: pa.DataFrameSchema) -> str:
    """Columns, checks and counts of the failures, without the failing values that Pandera's own text holds."""
    counts: dict[str, int] = {}
    for error in errors.schema_errors:
        cases = error.failure_cases
        column = cases if error.reason_code in _OF_COLUMNS else getattr(error.schema, "name", None) or contract.name
        key = f"{column}: {error.reason_code.name.lower()}"
        counts[key] = counts.get(key, 0) + (len(cases) if isinstance(cases, pl.DataFrame) else 1)
    told = "; ".join(f"{key} ({count})" for key, count in sorted(counts.items()))
    return f"the {contract.name} frame breaks its contract: {told}"
