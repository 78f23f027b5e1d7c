"""The state of a reconciliation under way: numbered payments and invoices, what is still owed, what was proposed.

Holds the frames that the stages of `rules/reconciliation.py` share and the one place where money is allocated, so that
no stage can allocate beyond what an invoice is owed or a payment brings. It decides nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date

import numpy as np
import numpy.typing as npt
import polars as pl

from rules.deductions import WITHHOLDING, Pack, deductions_json
from rules.policy import Policy, StrategyTable

LINKED, SUGGESTED = "linked", "suggested"

PROPOSALS = pl.Schema(
    {
        "payment": pl.UInt32(),
        "invoice": pl.UInt32(),
        "strategy": pl.String(),
        "explanation_name": pl.String(),
        "proposal": pl.String(),
        "status": pl.String(),
        "allocated": pl.Int64(),
        "deducted": pl.Int64(),
        "deductions": pl.String(),
        "difference": pl.Int64(),
    }
)
"""One row a payment and invoice; rows that are alike in `PROPOSAL` stand or fall together.

Amounts are in minor units; `explanation_name` is empty where no deduction is part of the match.
"""

PROPOSAL = ["payment", "strategy", "explanation_name", "proposal"]
"""What a proposal is known by, while a reconciliation is under way."""

OVERTAKEN = "settled_by_another"
"""Why a suggestion was withdrawn: another payment has settled the invoice since, or so much of it that too little
is left."""

REFUSALS = pl.Schema({"payment": pl.UInt32(), "detail": pl.String()})
"""Payments that are rejected here, with the detail."""

LOSERS = pl.Schema(
    {"payment": pl.UInt32(), "invoice": pl.UInt32(), "strategy": pl.String(), "why": pl.String(), "gap": pl.Int64()}
)
"""Candidates that lost, with why; `gap` is what the invoice was owed less what arrived."""


@dataclass
class Ledger:
    """What a reconciliation knows and has done so far."""

    payments: pl.DataFrame
    """By `payment`, numbered in booked order: tenant, day, amount, currency, payer, `suggest_only`."""
    invoices: pl.DataFrame
    """By `invoice`: tenant, number, stripped number, customer, currency, total, issue and due day, `open`."""
    bases: pl.DataFrame
    """By `invoice` its `currency`, the readings of its `net` and `vat`, and `no_tin`."""
    declined: pl.DataFrame
    """Pairs of `payment` and `invoice` that a person has declined."""
    policy: Policy
    pack: Pack
    outstanding: npt.NDArray[np.int64]
    withheld: npt.NDArray[np.bool_]
    vat_withheld: npt.NDArray[np.bool_]
    proposals: list[pl.DataFrame] = field(default_factory=list)
    refusals: list[pl.DataFrame] = field(default_factory=list)
    losers: list[pl.DataFrame] = field(default_factory=list)

    @property
    def tolerance(self) -> int:
        """The gap that needs no explanation, in minor units."""
        return self.policy.settlement_tolerance

    def strategy(self, name: str) -> StrategyTable:
        """What the policy says of a strategy."""
        table: StrategyTable = getattr(self.policy.file.settlement, name)
        return table

    @property
    def days(self) -> tuple[date, date]:
        """The first and the last booked day of the payments."""
        first, last = self.payments.select(pl.col("day").min().alias("first"), pl.col("day").max().alias("last")).row(0)
        return first, last

    def owed(self, edges: pl.DataFrame) -> pl.DataFrame:
        """Edges with what each one's `invoice` is still owed, as `outstanding`."""
        return edges.with_columns(outstanding=pl.Series(self.outstanding[edges["invoice"].to_numpy()], dtype=pl.Int64))

    def open_bases(self, invoices: pl.Series) -> pl.DataFrame:
        """What `deductions.expected_payments` reads of these invoices."""
        bases = self.bases.filter(pl.col("invoice").is_in(invoices.implode()))
        places = bases["invoice"].to_numpy()
        return self.owed(bases).with_columns(
            withheld=pl.Series(self.withheld[places], dtype=pl.Boolean),
            vat_withheld=pl.Series(self.vat_withheld[places], dtype=pl.Boolean),
        )

    def propose(self, rows: pl.DataFrame) -> None:
        """Keep proposals, and allocate those that are linked.

        Args:
            rows: the columns of `PROPOSALS`, and `explanation` where it is no plain match. No two linked rows may be
                about the same invoice.

        """
        if rows.is_empty():
            return
        self.proposals.append(rows.select(PROPOSALS.names()).cast(PROPOSALS))
        linked = rows.filter(pl.col("status") == LINKED)
        places = linked["invoice"].to_numpy()
        settled = linked["allocated"].to_numpy() + linked["deducted"].to_numpy()
        left = self.outstanding[places] - settled
        closing = linked["closes"].to_numpy()
        self.outstanding[places] = np.where(closing, 0, left)
        self.withheld[places] |= linked["names_tax"].to_numpy()
        self.vat_withheld[places] |= linked["names_vat"].to_numpy()

    def refuse(self, payments: pl.Series, detail: str) -> None:
        """Keep that payments are rejected."""
        if len(payments):
            self.refusals.append(
                pl.DataFrame({"payment": payments.unique()}).with_columns(detail=pl.lit(detail)).cast(REFUSALS)
            )

    def lose(self, rows: pl.DataFrame, strategy: str | None, why: str) -> None:
        """Keep candidates that lost; the frame has `payment`, `invoice` and, where it is known, `gap`."""
        if rows.is_empty():
            return
        gap = pl.col("gap") if "gap" in rows.columns else pl.lit(None, pl.Int64)
        self.losers.append(
            rows.select("payment", "invoice", strategy=pl.lit(strategy, pl.String), why=pl.lit(why), gap=gap).cast(
                LOSERS
            )
        )

    def withdraw_overtaken(self) -> pl.DataFrame:
        """Withdraw suggestions of more than is still owed; give the payments left without any, one column `payment`."""
        if not self.proposals:
            return REFUSALS.to_frame().select("payment")
        owed = self.owed(pl.concat(self.proposals))
        beyond = pl.col("allocated") + pl.col("deducted") > pl.col("outstanding")
        overtaken = owed.filter(beyond, pl.col("status") == SUGGESTED)
        impossible = overtaken.select(PROPOSAL).unique()
        stands = owed.join(impossible, on=PROPOSAL, how="anti", maintain_order="left")
        withdrawn = owed.join(impossible, on=PROPOSAL, how="semi", maintain_order="left")
        self.lose(overtaken.with_columns(gap="difference"), None, OVERTAKEN)
        self.proposals = [stands.select(PROPOSALS.names())]
        return withdrawn.join(stands, on="payment", how="anti").select("payment").unique()

    def ended(self) -> pl.DataFrame:
        """The payments that need no further strategy: proposed or refused, one column `payment`."""
        done = [frame.select("payment") for frame in (*self.proposals, *self.refusals)]
        return pl.concat(done).unique() if done else REFUSALS.to_frame().select("payment")

    def remaining(self) -> pl.DataFrame:
        """The payments that no strategy has taken yet, in booked order."""
        return self.payments.join(self.ended(), on="payment", how="anti", maintain_order="left")

    def undeclined(self, edges: pl.DataFrame) -> pl.DataFrame:
        """Edges without those that a person has declined."""
        return edges.join(self.declined, on=["payment", "invoice"], how="anti", maintain_order="left")


def in_window(strategy: StrategyTable) -> pl.Expr:
    """Whether `day` is not earlier before `issued` nor later after `due` than a strategy allows."""
    tests = [pl.lit(value=True)]
    if strategy.days_before_issue is not None:
        tests.append(pl.col("day") >= pl.col("issued") - pl.duration(days=strategy.days_before_issue))
    if strategy.days_after_due is not None:
        tests.append(pl.col("day") <= pl.col("due") + pl.duration(days=strategy.days_after_due))
    return pl.all_horizontal(tests)


def near(
    left: pl.DataFrame, right: pl.DataFrame, on: list[str], amounts: tuple[str, str], tolerance: int
) -> pl.DataFrame:
    """Join where two amounts differ by no more than a tolerance, without a cross product.

    Args:
        left: with the columns `on` and the first of `amounts`.
        right: with the columns `on` and the second of `amounts`; other columns must not be those of `left`.
        on: columns that must be equal.
        amounts: the names of the two amounts, in minor units.
        tolerance: the greatest difference.

    """
    one, other = amounts
    if tolerance == 0:
        same = right.with_columns(_amount=pl.col(other))
        return left.with_columns(_amount=pl.col(one)).join(same, on=[*on, "_amount"]).drop("_amount")
    width = tolerance + 1
    buckets = left.with_columns(_bucket=pl.concat_list([pl.col(one) // width + step for step in (-1, 0, 1)])).explode(
        "_bucket"
    )
    found = buckets.join(right.with_columns(_bucket=pl.col(other) // width), on=[*on, "_bucket"])
    return found.filter((pl.col(one) - pl.col(other)).abs() <= tolerance).drop("_bucket")


def possible(right: pl.DataFrame, amount: str, amounts: pl.Series, tolerance: int) -> pl.DataFrame:
    """A cheap sieve before joins: the rows whose `amount` may lie within a tolerance of one of `amounts`."""
    steps = (-1, 0, 1) if tolerance else (0,)
    buckets = pl.concat([amounts.unique() // (tolerance + 1) + step for step in steps]).unique()
    return right.filter((pl.col(amount) // (tolerance + 1)).is_in(buckets.implode()))


def in_turn(want: str, group: list[str]) -> pl.Expr:
    """What each invoice of a group gets of the payment's `amount`, one after the other, at most what it wants."""
    before = pl.col(want).cum_sum().over(group) - pl.col(want)
    return pl.min_horizontal(want, pl.col("amount") - before).clip(lower_bound=0)


def plain(rows: pl.DataFrame) -> pl.DataFrame:
    """Rows of a match that no deduction is part of, ready for `Ledger.propose` but for what the strategy says."""
    return rows.with_columns(
        deducted=pl.lit(0, pl.Int64),
        deductions=pl.lit("[]"),
        explanation_name=pl.lit(""),
        names_tax=pl.lit(value=False),
        names_vat=pl.lit(value=False),
    )


def explained(rows: pl.DataFrame, pack: Pack) -> pl.DataFrame:
    """Rows of a match by an `explanation`, its deductions named, ready as those of `plain` are."""
    numbers = list(range(len(pack.explanations)))

    def told(values: list[object], dtype: pl.DataType) -> pl.Expr:
        return pl.col("explanation").replace_strict(numbers, values, return_dtype=dtype)

    return rows.with_columns(
        deductions=deductions_json(pack, pl.col("no_tin")),
        explanation_name=told([each.name for each in pack.explanations], pl.String()),
        names_tax=told(
            [each.tax is not None and each.tax.kind == WITHHOLDING for each in pack.explanations], pl.Boolean()
        ),
        names_vat=told([each.vat is not None for each in pack.explanations], pl.Boolean()),
    )
