"""The signals: what a transaction shows, each true or false, with what it saw (domain sections 2 to 4).

One lazy pass over the transactions computes them all. They are facts only; what follows from them is the decision
table's (`rules/eligibility.py`). In the warehouse they are one whole number, a bit a signal, in the order of `Signal`.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from enum import IntEnum

import polars as pl

from rules import rails
from rules.distinct import only_where
from rules.lists import Lists
from rules.money import NO_CURRENCY
from rules.parties import with_names
from rules.policy import Policy, floor_of
from rules.references import first_matching_token, first_numbered_token
from rules.remarks import KINDS, with_finds
from rules.text import normalised


class Signal(IntEnum):
    """A bit of `signals`; the order is a contract with the audit views, so new ones go to the end."""

    CREDIT = 0
    REFUND_TERM = 1
    CURRENCY_KNOWN = 2
    CURRENCY_INVOICED = 3
    REFERENCE_PARSES = 4
    SETTLED = 5
    OVERDUE = 6
    DENY_ENTRY = 7
    ALLOW_ENTRY = 8
    REVERSAL_TERM = 9
    SELF_TRANSFER = 10
    PERSONAL_TERM = 11
    AT_OR_ABOVE_FLOOR = 12
    COUNTERPARTY_KNOWN = 13
    BUSINESS_TERM = 14
    REFERENCE = 15
    COMPANY_TERM = 16

    @property
    def column(self) -> str:
        """Its name in frames and in evidence."""
        return self.name.lower()

    @property
    def bit(self) -> int:
        """Its value within `signals`."""
        return 1 << self.value


def bits(held: Iterable[Signal]) -> int:
    """A set of signals as one whole number."""
    return sum(signal.bit for signal in set(held))


def held_in(value: int) -> list[Signal]:
    """The signals of one whole number, in order."""
    return [signal for signal in Signal if value & signal.bit]


REMARK_TERMS = {kind: Signal[f"{kind.upper()}_TERM"] for kind in KINDS}
"""The signal that each kind of terms in the remark gives."""


def signals(
    transactions: pl.LazyFrame, *, policy: Policy, lists: Lists, invoices: pl.DataFrame, now: datetime
) -> pl.LazyFrame:
    """Add what each transaction shows.

    Args:
        transactions: the columns of `contracts.TRANSACTIONS`.
        policy: its words, floors and pattern.
        lists: the entries in force.
        invoices: `organization_id`, `environment`, `number` of the tenants' invoices, for references without a pattern.
        now: the time of the decision.

    Returns:
        The frame with `signals` (one bit a signal), `counterparty`, `rail`, `reference`, `floor` (minor units),
        `refused_reference`, `deny_entry`, `allow_entry`, and for each kind of terms `<kind>_term` and `<kind>_at`.

    """
    return (
        transactions.pipe(_with_parties)
        .pipe(with_names, company=policy.terms("company"))
        .pipe(with_finds, policy=policy)
        .pipe(_with_references, pattern=policy.reference_pattern, invoices=invoices)
        .pipe(_with_verdicts, lists=lists)
        .pipe(_with_bits, policy=policy, now=now)
    )


def _with_parties(lines: pl.LazyFrame) -> pl.LazyFrame:
    """Normalise the texts; read the narration by its rail's grammar; say who the counterparty is."""
    return (
        lines.with_columns_seq(
            pl.col("currency").fill_null(pl.col("account_currency")),
            _narration=pl.col("narration").fill_null("").str.strip_chars(),
            _explicit=_given(pl.col("counterparty")),
            _explicit_reference=_given(pl.col("reference")),
        )
        .with_columns_seq(_narration=normalised(pl.col("_narration")))
        .pipe(rails.with_parsed, "_narration")
        .with_columns_seq(counterparty=pl.coalesce("_explicit", _not_blank(pl.col("_name"))))
    )


def _given(text: pl.Expr) -> pl.Expr:
    """What stands in a column that few lines have, normalised; null where that is blank."""
    given = _not_blank(normalised(pl.col("text")))
    few = only_where(
        text.is_not_null(),
        {"text": text},
        lambda lines: lines.with_columns_seq(given=given),
        pl.Schema({"given": pl.String()}),
    )
    return few.struct.field("given")


def _not_blank(text: pl.Expr) -> pl.Expr:
    trimmed = text.str.strip_chars()
    return pl.when(trimmed != "").then(trimmed)


def _with_references(lines: pl.LazyFrame, *, pattern: str | None, invoices: pl.DataFrame) -> pl.LazyFrame:
    """The transaction's reference, and whether an explicit one is what the pattern asks for."""
    explicit = pl.col("_explicit_reference")
    searched = pl.when(explicit.is_null()).then(pl.col("_narration"))
    if pattern is None:
        fits, found = pl.lit(value=True), first_numbered_token(searched, invoices)
    else:
        fits, found = explicit.str.contains(pattern), first_matching_token(searched, pattern)
    return lines.with_columns_seq(
        _reference_parses=explicit.is_null() | fits,
        refused_reference=pl.when(~fits).then(explicit),
        reference=pl.when(explicit.is_not_null()).then(pl.when(fits).then(explicit)).otherwise(found),
    )


def _with_verdicts(lines: pl.LazyFrame, *, lists: Lists) -> pl.LazyFrame:
    """The list entries that match."""
    verdict = lists.verdict(
        {
            "counterparty": pl.col("counterparty"),
            "narration": pl.col("_narration"),
            "reference": pl.col("reference"),
            "tag": pl.col("tags").list.eval(normalised(pl.element())),
        }
    )
    return lines.with_columns_seq(_verdict=verdict).with_columns_seq(
        deny_entry=pl.col("_verdict").struct.field("deny"), allow_entry=pl.col("_verdict").struct.field("allow")
    )


def _with_bits(lines: pl.LazyFrame, *, policy: Policy, now: datetime) -> pl.LazyFrame:
    """All signals as one whole number; a signal that cannot be computed is not held."""
    pending = pl.col("status") == "pending"
    held = {
        Signal.CREDIT: pl.col("direction") == "credit",
        Signal.CURRENCY_KNOWN: pl.col("currency") != NO_CURRENCY,
        Signal.CURRENCY_INVOICED: pl.col("currency").is_in(policy.invoice_currencies),
        Signal.REFERENCE_PARSES: pl.col("_reference_parses"),
        Signal.SETTLED: pending.not_().fill_null(value=True),
        Signal.OVERDUE: pending & (pl.col("booked_at") + timedelta(days=policy.pending_days) <= now),
        Signal.DENY_ENTRY: pl.col("deny_entry").is_not_null(),
        Signal.ALLOW_ENTRY: pl.col("allow_entry").is_not_null(),
        Signal.SELF_TRANSFER: pl.col("_self"),
        Signal.AT_OR_ABOVE_FLOOR: pl.col("amount") >= pl.col("floor"),
        Signal.COUNTERPARTY_KNOWN: pl.col("counterparty").is_not_null(),
        Signal.REFERENCE: pl.col("reference").is_not_null(),
        Signal.COMPANY_TERM: pl.col("company_term").is_not_null(),
        **{signal: pl.col(f"{kind}_term").is_not_null() for kind, signal in REMARK_TERMS.items()},
    }
    bit_values = [test.fill_null(value=False).cast(pl.UInt32) * signal.bit for signal, test in held.items()]
    return lines.with_columns_seq(floor=floor_of(policy, pl.col("currency"))).with_columns_seq(
        signals=pl.sum_horizontal(bit_values).cast(pl.UInt32)
    )
