"""The codes that a decision carries: outcomes, public reasons and the precise details below them.

Codes are contracts (domain section 4): they are never renamed and never used for something else.
"""

from enum import StrEnum


class Outcome(StrEnum):
    """What the rules said of a transaction."""

    ELIGIBLE = "eligible"
    REJECTED = "rejected"
    HELD = "held"


class Reason(StrEnum):
    """The public reason of a rejection."""

    PERSONAL_OR_LOW_CONFIDENCE = "personal_or_low_confidence"
    REFERENCE_MISMATCH = "reference_mismatch"
    CURRENCY_MISMATCH = "currency_mismatch"
    AMOUNT_MISMATCH = "amount_mismatch"


class Detail(StrEnum):
    """The precise cause: one for each way a row of the decision table can hold, then those found by reconciliation."""

    DENYLISTED = "denylisted"
    DEBIT_NOT_REFUND = "debit_not_refund"
    CURRENCY_UNKNOWN = "currency_unknown"
    CURRENCY_NOT_INVOICED = "currency_not_invoiced"
    REFERENCE_UNPARSEABLE = "reference_unparseable"
    PENDING_SETTLEMENT = "pending_settlement"
    NEVER_SETTLED = "never_settled"
    ALLOWLISTED = "allowlisted"
    REVERSAL = "reversal"
    SELF_TRANSFER = "self_transfer"
    PERSONAL_KEYWORD = "personal_keyword"
    BELOW_FLOOR_NO_COUNTERPARTY = "below_floor_no_counterparty"
    BELOW_FLOOR_NO_SIGNAL = "below_floor_no_signal"
    LOW_CONFIDENCE = "low_confidence"
    BUSINESS_SIGNAL = "business_signal"
    INVOICE_CURRENCY_DIFFERS = "invoice_currency_differs"
    INVOICE_NOT_OPEN = "invoice_not_open"
    UNKNOWN_INVOICE = "unknown_invoice"
    PART_PAYMENT = "part_payment"
    OVER_PAYMENT = "over_payment"


SETTLEMENT_REASONS = {
    Detail.INVOICE_CURRENCY_DIFFERS: Reason.CURRENCY_MISMATCH,
    Detail.INVOICE_NOT_OPEN: Reason.REFERENCE_MISMATCH,
    Detail.UNKNOWN_INVOICE: Reason.REFERENCE_MISMATCH,
    Detail.PART_PAYMENT: Reason.AMOUNT_MISMATCH,
    Detail.OVER_PAYMENT: Reason.AMOUNT_MISMATCH,
}
"""The public reason of each detail that reconciliation rejects with (domain section 5)."""
