"""Draft documents: what a bank line can say of an invoice, in the shape of the FIRS / NRS invoice (domain section 6).

A bank line supplies an amount, a date and perhaps a name; what a person must add is listed in `missing`. Payment
evidence is not an invoice: nothing here confirms, numbers or signs anything.
"""

from __future__ import annotations

import polars as pl

from rules.money import major_units_of
from rules.policy import Policy

ALWAYS_MISSING = [
    "accounting_customer_party.tin",
    "accounting_customer_party.email",
    "accounting_customer_party.postal_address",
    "invoice_line",
    "tax_total",
]
"""What no bank line supplies, by the names of the FIRS / NRS fields."""


def draft_documents(eligible: pl.LazyFrame, policy: Policy) -> pl.LazyFrame:
    """The draft of each eligible transaction: a credit's an invoice, a refund debit's a credit note.

    Args:
        eligible: the columns of `contracts.TRANSACTIONS`, with `counterparty` and `reference` as decided.
        policy: its type codes.

    Returns:
        One row a transaction: its identity, `day`, `kind`, `amount` (minor units), `currency`, `reference`,
        `buyer_name`, `missing` (a list of field names) and `document` (JSON, amounts in major units).
    """
    credit = pl.col("direction") == "credit"
    codes = policy.file.document
    return (
        eligible.select(
            "organization_id",
            "environment",
            "account_id",
            "transaction_id",
            "day",
            "amount",
            currency=pl.col("currency").fill_null(pl.col("account_currency")),
            reference=pl.col("reference"),
            buyer_name=pl.col("counterparty"),
            kind=pl.when(credit).then(pl.lit("invoice")).otherwise(pl.lit("credit_note")),
            type_code=pl.when(credit)
            .then(pl.lit(codes.invoice_type_code))
            .otherwise(pl.lit(codes.credit_note_type_code)),
        )
        .with_columns(missing=_missing(), document=_document())
        .drop("type_code")
    )


def _missing() -> pl.Expr:
    """The fields that a person must fill before the draft can be an invoice."""
    unnamed = pl.when(pl.col("buyer_name").is_null()).then(pl.lit(["accounting_customer_party.party_name"]))
    corrected = pl.when(pl.col("kind") == "credit_note").then(pl.lit(["billing_reference"]))
    none = pl.lit([], dtype=pl.List(pl.String))
    return pl.concat_list(unnamed.otherwise(none), pl.lit(ALWAYS_MISSING), corrected.otherwise(none))


def _document() -> pl.Expr:
    """The FIRS / NRS fields that the bank line fills, as JSON; no floating point touches the amounts."""
    day = pl.col("day").cast(pl.String)
    fields = pl.struct(
        invoice_type_code="type_code",
        issue_date=day,
        tax_point_date=day,
        document_currency_code="currency",
        tax_currency_code="currency",
        payment_status=pl.lit("PAID"),
        buyer_reference=pl.col("reference"),
        accounting_customer_party=pl.struct(party_name="buyer_name"),
    ).struct.json_encode()
    total = pl.lit(',"legal_monetary_total":{"payable_amount":')
    return pl.concat_str(fields.str.strip_suffix("}"), total, major_units_of(pl.col("amount")), pl.lit("}}"))
