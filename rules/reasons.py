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
    """The precise cause, one for each way a row of the decision table can hold."""

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
