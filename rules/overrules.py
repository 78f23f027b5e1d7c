"""Overrules: single lines that a person takes for business, whatever the words say (domain section 7).

An overrule counts as an allow entry of one line, ahead of all other entries' ids: it lifts the floor, the score and the
personal words, not a wrong direction, currency or reference, nor a deny entry. The decision stays one that can be
checked by hand from its evidence, which names the overrule.
"""

from __future__ import annotations

from datetime import datetime

import polars as pl

from rules.contracts import DECISIONS, TRANSACTIONS
from rules.eligibility import held, judged
from rules.lists import Lists
from rules.policy import Policy
from rules.side_by_side import in_pieces
from rules.signals import Signal, signals

OVERRULES = pl.Schema({"account_id": pl.String(), "transaction_id": pl.String(), "overrule_id": pl.String()})
"""What the rules need of an overrule."""


def lifted(shown: pl.LazyFrame, overrules: pl.DataFrame) -> pl.LazyFrame:
    """Lines with `signals` and `allow_entry`, those that were overruled with the overrule as their allow entry."""
    if overrules.is_empty():
        return shown
    overruled = pl.col("overrule_id").is_not_null()
    unlifted = overruled & ~held(Signal.ALLOW_ENTRY)
    known = overrules.lazy().select(OVERRULES.names())
    return (
        shown.join(known, on=["account_id", "transaction_id"], how="left", maintain_order="left")
        .with_columns_seq(
            signals=pl.when(unlifted).then(pl.col("signals") + Signal.ALLOW_ENTRY.bit).otherwise("signals"),
            allow_entry=pl.coalesce("overrule_id", "allow_entry"),
        )
        .drop("overrule_id")
    )


def decide_lifted(
    transactions: pl.DataFrame,
    *,
    policy: Policy,
    lists: Lists,
    invoices: pl.DataFrame,
    overrules: pl.DataFrame,
    now: datetime,
) -> pl.DataFrame:
    """Decide every transaction, with the evidence of each decision, what people overruled lifted, on all cores.

    Args:
        transactions: the columns of `contracts.TRANSACTIONS`; others are ignored.
        policy: the rules' numbers and words.
        lists: the allow and deny entries in force, of any tenants.
        invoices: `organization_id`, `environment`, `number` of the tenants' invoices.
        overrules: the columns of `OVERRULES`.
        now: the time of the decision, UTC.

    Returns:
        One row a transaction, the columns of `contracts.DECISIONS`.

    """

    def decided(lines: pl.LazyFrame) -> pl.LazyFrame:
        shown = signals(lines, policy=policy, lists=lists, invoices=invoices, now=now)
        return judged(lifted(shown, overrules), policy).select(list(DECISIONS.columns))

    return in_pieces(transactions.select(list(TRANSACTIONS.columns)), decided)
