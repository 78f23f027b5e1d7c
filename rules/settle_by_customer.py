"""Strategies 6 to 9: payments that say who paid, or only how much (domain section 5).

These come after every reference has been followed: what a payment says of itself beats what can be inferred of it.
Each strategy is tried on all payments that are left before the next one is. Where a strategy links, payments that fit
the same invoice are taken in booked order.
"""

from __future__ import annotations

import polars as pl

from rules.combinations import MOST_INVOICES, adding_up
from rules.deductions import expected_payments
from rules.ledger import LINKED, SUGGESTED, Ledger, explained, in_turn, in_window, near, plain, possible
from rules.names import similar_names

MOST_SUGGESTED = 25
"""More candidates than this are no help to a person: none of them is suggested, and the payment says why."""

_SAME = ["tenant", "currency"]


def settle_by_customer(ledger: Ledger) -> None:
    """Strategies 6, 7 and 8: the counterparty is the customer."""
    payers = ledger.remaining().drop_nulls("payer")
    customers = _open_invoices(ledger)
    if payers.is_empty() or customers.is_empty():
        return
    alike = similar_names(
        payers["payer"].unique(), customers["customer"].unique(), ledger.policy.file.settlement.name_similarity
    ).select("payer", "customer")
    _customer_exact(ledger, alike)
    _customer_net(ledger, alike)
    _customer_several(ledger, alike)


def settle_by_amount(ledger: Ledger) -> None:
    """Strategy 9: an open invoice of the tenant is owed just that amount."""
    edges = near(ledger.remaining(), _open_invoices(ledger), _SAME, ("amount", "outstanding"), ledger.tolerance)
    _take_exact(ledger, "amount_only", edges)


def _open_invoices(ledger: Ledger) -> pl.DataFrame:
    """The invoices that are still owed something, with what."""
    return ledger.owed(ledger.invoices.filter("open").select("invoice", *_SAME, "customer", "issued", "due")).filter(
        pl.col("outstanding") > 0
    )


def _customer_exact(ledger: Ledger, alike: pl.DataFrame) -> None:
    payers = ledger.remaining().join(alike, on="payer")
    amounts = ("amount", "outstanding")
    edges = near(payers, _open_invoices(ledger), [*_SAME, "customer"], amounts, ledger.tolerance)
    _take_exact(ledger, "customer_exact", edges)


def _take_exact(ledger: Ledger, name: str, edges: pl.DataFrame) -> None:
    gap = pl.col("outstanding") - pl.col("amount")
    told = plain(edges).with_columns(
        allocated=pl.min_horizontal("amount", "outstanding"), difference=gap, proposal=pl.col("invoice").cast(pl.String)
    )
    _take(ledger, name, told)


def _customer_net(ledger: Ledger, alike: pl.DataFrame) -> None:
    """Join on what would arrive under each explanation, so that no pair is made that does not fit."""
    payers = ledger.remaining().join(alike, on="payer")
    owed = _open_invoices(ledger).join(payers.select("customer").unique(), on="customer", how="semi")
    if payers.is_empty() or owed.is_empty():
        return
    bases = ledger.open_bases(owed["invoice"])
    arriving = expected_payments(bases, ledger.pack, *ledger.days)
    expected = (
        possible(arriving, "expected", payers["amount"], ledger.tolerance)
        .join(owed, on="invoice")
        .join(bases.select("invoice", "no_tin").unique(), on="invoice")
    )
    edges = (
        near(payers, expected, [*_SAME, "customer"], ("amount", "expected"), ledger.tolerance)
        .filter(pl.col("day").is_between("since", "until"))
        .unique(["payment", "invoice", "explanation"], keep="first", maintain_order=True)
    )
    told = explained(edges, ledger.pack).with_columns(
        allocated=pl.min_horizontal("amount", pl.col("outstanding") - pl.col("deducted")),
        difference=pl.col("expected") - pl.col("amount"),
        proposal=pl.col("invoice").cast(pl.String),
    )
    _take(ledger, "customer_net_of_deductions", told)


def _take(ledger: Ledger, name: str, edges: pl.DataFrame) -> None:
    """Link or suggest payments to the single invoices that fit them.

    Args:
        ledger: takes the proposals.
        name: the strategy.
        edges: a row for each way in which a payment fits an invoice, as `Ledger.propose` reads it.

    """
    strategy = ledger.strategy(name)
    if strategy.action == "off" or edges.is_empty():
        return
    within = edges.filter(in_window(strategy))
    ledger.lose(_nearest(edges.filter(~in_window(strategy))), name, "outside_window")
    left = ledger.undeclined(within).with_columns(strategy=pl.lit(name), closes=pl.lit(value=True))
    ledger.lose(_nearest(within.join(left, on=["payment", "invoice"], how="anti")), name, "declined")
    left = left.sort("payment", "invoice", "explanation_name")
    if strategy.action == "link":
        left = _link_in_order(ledger, left)
    _suggest(ledger, name, left)


def _nearest(edges: pl.DataFrame) -> pl.DataFrame:
    """At most three candidates of each payment, the ones issued nearest to its day."""
    return (
        edges.with_columns(gap=pl.col("outstanding") - pl.col("amount"))
        .sort("payment", (pl.col("day") - pl.col("issued")).abs(), "invoice")
        .unique(["payment", "invoice"], keep="first", maintain_order=True)
        .group_by("payment", maintain_order=True)
        .head(3)
    )


def _link_in_order(ledger: Ledger, edges: pl.DataFrame) -> pl.DataFrame:
    """Link the payments that fit one open invoice in one way, in booked order; give those that are to be suggested."""
    doubtful = []
    while not edges.is_empty():
        waits = edges.filter(pl.col("payment") > pl.col("payment").min().over("invoice")).select("payment").unique()
        ready = edges.join(waits, on="payment", how="anti", maintain_order="left")
        sure = (pl.len().over("payment") == 1) & ~pl.col("suggest_only")
        linked = ready.filter(sure)
        ledger.propose(linked.with_columns(status=pl.lit(LINKED)))
        doubtful.append(ready.filter(~sure))
        edges = edges.join(ready.select("payment").unique(), on="payment", how="anti", maintain_order="left").join(
            linked.select("invoice"), on="invoice", how="anti", maintain_order="left"
        )
    return pl.concat(doubtful) if doubtful else edges


def _suggest(ledger: Ledger, name: str, edges: pl.DataFrame) -> None:
    """Suggest every way that fits, unless there are too many to choose from."""
    if edges.is_empty():
        return
    edges = edges.filter(pl.Series(ledger.outstanding[edges["invoice"].to_numpy()] > 0))
    few = pl.len().over("payment") <= MOST_SUGGESTED
    ledger.lose(_nearest(edges.filter(~few)), name, "too_many_candidates")
    ledger.propose(edges.filter(few).with_columns(status=pl.lit(SUGGESTED)))


def _customer_several(ledger: Ledger, alike: pl.DataFrame) -> None:
    """Strategy 8: a few invoices of the customer add up to what arrived."""
    strategy = ledger.strategy("customer_several")
    payers = ledger.remaining().drop_nulls("payer").join(alike, on="payer")
    if strategy.action == "off" or payers.is_empty():
        return
    edges = ledger.undeclined(
        payers.join(_open_invoices(ledger), on=[*_SAME, "customer"]).filter(in_window(strategy))
    ).sort("payment", "invoice")
    if edges.is_empty():
        return
    few = pl.len().over("payment") <= MOST_INVOICES
    ledger.lose(_nearest(edges.filter(~few)), "customer_several", "too_many_candidates")
    smaller = pl.col("outstanding") < pl.col("amount") + ledger.tolerance
    enough = pl.col("outstanding").sum().over("payment") + ledger.tolerance >= pl.col("amount")
    likely = edges.filter(few).filter(smaller, enough).filter(pl.len().over("payment") > 1)
    _combine(ledger, likely, link=strategy.action == "link")


def _combine(ledger: Ledger, edges: pl.DataFrame, *, link: bool) -> None:
    """Look for the combinations of each payment's candidates; one way only is a match, more are suggested alike.

    Args:
        ledger: takes the proposals.
        edges: the candidates, those of one payment together, in booked order.
        link: whether a single combination is linked.

    """
    outstanding, invoices = edges["outstanding"].to_numpy(), edges["invoice"].to_numpy()
    firsts = (
        edges.with_row_index("row")
        .group_by("payment", maintain_order=True)
        .agg(pl.col("row").first(), pl.len(), pl.col("amount", "suggest_only").first())
    )
    found: list[tuple[int, str, bool]] = []  # row of the edge, combination, whether it is linked
    for _, first, count, amount, suggest_only in firsts.iter_rows():
        live = [row for row in range(first, first + count) if ledger.outstanding[invoices[row]] > 0]
        ways = adding_up(outstanding[live], amount, ledger.tolerance)
        if len(ways) > MOST_SUGGESTED:
            ledger.lose(_nearest(edges[first : first + count]), "customer_several", "too_many_candidates")
            continue
        sure = link and len(ways) == 1 and not suggest_only
        ways_rows = [(live[place], str(number), sure) for number, places in enumerate(ways) for place in places]
        if sure:
            _propose_combined(ledger, edges, ways_rows)
        else:
            found += ways_rows
    _propose_combined(ledger, edges, found)


def _propose_combined(ledger: Ledger, edges: pl.DataFrame, found: list[tuple[int, str, bool]]) -> None:
    if not found:
        return
    rows, proposals, sure = zip(*found, strict=True)
    ledger.propose(
        plain(edges[list(rows)])
        .with_columns(
            pl.Series("proposal", proposals, pl.String),
            pl.Series("status", [LINKED if each else SUGGESTED for each in sure], pl.String),
            strategy=pl.lit("customer_several"),
            closes=pl.lit(value=True),
        )
        .with_columns(allocated=in_turn("outstanding", ["payment", "proposal"]))
        .with_columns(difference=pl.col("outstanding") - pl.col("allocated"))
    )
