"""The frames that reconciliation is given and gives: payments, invoices, what stands, and what came of them.

Holds their columns and no rule, so that whoever stores or reads them need not load what settles them.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from rules.references import TENANT

PAYMENTS = pl.Schema(
    {
        "organization_id": pl.String(),
        "environment": pl.String(),
        "account_id": pl.String(),
        "transaction_id": pl.String(),
        "day": pl.Date(),
        "booked_at": pl.Datetime("us", "UTC"),
        "amount": pl.Int64(),
        "currency": pl.String(),
        "payer": pl.String(),
        "reference": pl.String(),
        "explicit": pl.Boolean(),
        "narration": pl.String(),
        "suggest_only": pl.Boolean(),
    }
)
"""Eligible credits. `payer` and `reference` are the decision's; `explicit` says that the reference was a field of its
own, else all that the `narration` names counts; `suggest_only` that a person has confirmed a draft of it. An amount is
in minor units; a narration is needed only where there is a reference or the text may be cut."""

INVOICES = pl.Schema(
    {
        "organization_id": pl.String(),
        "environment": pl.String(),
        "invoice_id": pl.String(),
        "number": pl.String(),
        "customer_name": pl.String(),
        "currency": pl.String(),
        "total_amount": pl.Int64(),
        "net_amount": pl.Int64(),
        "vat_amount": pl.Int64(),
        "issue_date": pl.Date(),
        "due_date": pl.Date(),
        "status": pl.String(),
    }
)
"""The tenants' invoices (interfaces section 7), amounts in minor units."""

STANDING = pl.Schema(
    {
        "organization_id": pl.String(),
        "environment": pl.String(),
        "account_id": pl.String(),
        "transaction_id": pl.String(),
        "invoice_id": pl.String(),
        "status": pl.String(),
        "allocated": pl.Int64(),
        "deducted": pl.Int64(),
        "deductions": pl.String(),
    }
)
"""What stands whatever the rules say: settlements that a person `accepted` or `declined`, `linked` ones to invoices
that have been marked as paid since, and what payments settled that have been `erased` since (these name none)."""

SETTLEMENTS = pl.Schema(
    {
        "organization_id": pl.String(),
        "environment": pl.String(),
        "account_id": pl.String(),
        "transaction_id": pl.String(),
        "day": pl.Date(),
        "invoice_id": pl.String(),
        "invoice_number": pl.String(),
        "proposal": pl.String(),
        "strategy": pl.String(),
        "status": pl.String(),
        "allocated": pl.Int64(),
        "deducted": pl.Int64(),
        "deductions": pl.String(),
        "difference": pl.Int64(),
    }
)
"""One row a payment and invoice, `linked` or `suggested`; rows of one payment and `proposal` stand or fall together.

`allocated` is bank money, `deducted` the sum of the named `deductions` (a JSON list), `difference` what the invoice was
owed less both; below zero it is money that is left unapplied. Minor units."""

REJECTED = pl.Schema(
    {**{name: PAYMENTS[name] for name in (*TENANT, "account_id", "transaction_id", "day")}, "detail": pl.String()}
)
"""Payments that are rejected here, with the detail."""

CANDIDATES = pl.Schema(
    {
        **{name: PAYMENTS[name] for name in (*TENANT, "account_id", "transaction_id", "day")},
        "invoice_id": pl.String(),
        "invoice_number": pl.String(),
        "strategy": pl.String(),
        "why": pl.String(),
        "gap": pl.Int64(),
    }
)
"""The best candidates that lost, at most three a payment and cause, with why; `gap` in minor units."""


@dataclass(frozen=True)
class Reconciled:
    """What became of the payments: those in no frame settle nothing."""

    settlements: pl.DataFrame
    """Columns of `SETTLEMENTS`."""
    rejected: pl.DataFrame
    """Columns of `REJECTED`."""
    candidates: pl.DataFrame
    """Columns of `CANDIDATES`."""
