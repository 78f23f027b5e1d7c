"""Strategies 1 to 5: payments that name invoices (domain section 5).

Payments that name the same invoice are taken in booked order, since each changes what the next one meets: that is what
an instalment is. So they go in rounds: a round takes every payment that comes first at each invoice that it names,
which is almost all of them at once.
"""

from __future__ import annotations

import polars as pl

from rules.deductions import expected_payments
from rules.ledger import LINKED, SUGGESTED, Ledger, explained, in_turn, in_window, plain
from rules.reasons import Detail


def settle_by_reference(ledger: Ledger, named: pl.DataFrame) -> None:
    """Hold payments against the invoices that they name.

    Args:
        ledger: takes the proposals, refusals and losing candidates.
        named: a row for each invoice that a payment names, in the order of the narration: `payment`, `invoice`, `cut`
            where only the beginning of its number is there, `doubtful` where another may be meant.

    """
    usable = _usable(ledger, named)
    several = usable.group_by("payment").len().filter(pl.col("len") > 1)
    others = named.join(usable, on=["payment", "invoice"], how="anti").select("payment").unique()
    doubtful = pl.concat([usable.filter("doubtful").select("payment"), others]).unique()
    facts = ledger.payments.select("payment", "day", "amount", "suggest_only")
    edges = (
        usable.drop("doubtful")
        .join(facts, on="payment", maintain_order="left")
        .join(ledger.invoices.select("invoice", "issued", "due"), on="invoice", maintain_order="left")
        .join(doubtful.with_columns(doubtful=pl.lit(value=True)), on="payment", how="left", maintain_order="left")
        .join(
            several.select("payment", names_several=pl.lit(value=True)), on="payment", how="left", maintain_order="left"
        )
        .with_columns(
            suggest_only=pl.col("suggest_only") | pl.col("doubtful").fill_null(value=False),
            names_several=pl.col("names_several").fill_null(value=False),
        )
    )
    while not edges.is_empty():
        ready = _ready(edges)
        _round(ledger, ready)
        edges = edges.join(ready.select("payment").unique(), on="payment", how="anti", maintain_order="left")


def _usable(ledger: Ledger, named: pl.DataFrame) -> pl.DataFrame:
    """The named invoices that a payment may settle; a payment that names none such is rejected."""
    undeclined = ledger.undeclined(named)
    ledger.lose(named.join(undeclined, on=["payment", "invoice"], how="anti"), None, "declined")
    met = undeclined.join(ledger.payments.select("payment", "currency"), on="payment", maintain_order="left").join(
        ledger.invoices.select("invoice", "open", currency_right="currency"), on="invoice", maintain_order="left"
    )
    same = pl.col("currency") == pl.col("currency_right")
    usable = met.filter(same & pl.col("open"))
    unusable = met.join(usable, on=["payment", "invoice"], how="anti", maintain_order="left")
    ledger.lose(unusable.filter(same), None, "invoice_not_open")
    ledger.lose(unusable.filter(~same), None, "currency_differs")
    lost = unusable.join(usable, on="payment", how="anti").filter(~pl.col("cut"))
    closed = lost.filter(same)
    ledger.refuse(closed["payment"], Detail.INVOICE_NOT_OPEN)
    ledger.refuse(lost.join(closed, on="payment", how="anti")["payment"], Detail.INVOICE_CURRENCY_DIFFERS)
    return usable.select("payment", "invoice", "cut", "doubtful")


def _ready(edges: pl.DataFrame) -> pl.DataFrame:
    """The edges of the payments that come first at each invoice that they name."""
    waits = edges.filter(pl.col("payment") > pl.col("payment").min().over("invoice")).select("payment").unique()
    return edges.join(waits, on="payment", how="anti", maintain_order="left")


def _round(ledger: Ledger, ready: pl.DataFrame) -> None:
    """Try the strategies, in their order, on payments of which no two name the same invoice."""
    met = ledger.owed(ready)
    live = met.filter(pl.col("outstanding") > 0)
    settled = met.join(live, on="payment", how="anti")
    ledger.lose(settled, None, "invoice_not_open")
    ledger.refuse(settled.filter(~pl.col("cut"))["payment"], Detail.INVOICE_NOT_OPEN)
    alone = pl.len().over("payment") == 1
    # Where one of several named invoices is left, the amount must fit it, and even then a person should look.
    one = live.filter(alone).with_columns(suggest_only=pl.col("suggest_only") | pl.col("names_several"))
    left = _exact(ledger, one)
    left = _net_of_deductions(ledger, left)
    _part_or_over(ledger, left)
    _several(ledger, live.filter(~alone))


def _status(ledger: Ledger, strategy: str) -> pl.Expr:
    """Whether a match is linked or only suggested: `suggest_only` and `ambiguous` make a link a suggestion."""
    doubt = pl.col("suggest_only") | pl.col("ambiguous")
    link = ledger.strategy(strategy).action == "link"
    return pl.when(doubt | ~pl.lit(link)).then(pl.lit(SUGGESTED)).otherwise(pl.lit(LINKED))


def _rest(rows: pl.DataFrame, taken: pl.DataFrame) -> pl.DataFrame:
    return rows.join(taken.select("payment").unique(), on="payment", how="anti", maintain_order="left")


def _exact(ledger: Ledger, rows: pl.DataFrame) -> pl.DataFrame:
    """Strategy 1; gives the rows that it does not take."""
    strategy = ledger.strategy("reference_exact")
    gap = pl.col("outstanding") - pl.col("amount")
    fits = rows.filter(
        gap.abs() <= ledger.tolerance, in_window(strategy), pl.lit(strategy.action != "off")
    ).with_columns(ambiguous=pl.lit(value=False))
    ledger.propose(
        plain(fits).with_columns(
            strategy=pl.lit("reference_exact"),
            proposal=pl.lit(""),
            status=_status(ledger, "reference_exact"),
            allocated=pl.min_horizontal("outstanding", "amount"),
            difference=gap,
            closes=pl.lit(value=True),
        )
    )
    return _rest(rows, fits)


def explanations_of(ledger: Ledger, rows: pl.DataFrame) -> pl.DataFrame:
    """The lawful explanations of each row's gap, one row each, with what each deducts.

    Args:
        ledger: gives the pack and what the invoices are owed.
        rows: one a payment and invoice, with `day` and `amount`.

    """
    first, last = ledger.days
    owed = ledger.open_bases(rows["invoice"].unique())
    expected = expected_payments(owed, ledger.pack, first, last).join(
        owed.select("invoice", "no_tin").unique(), on="invoice"
    )
    return (
        rows.join(expected, on="invoice", maintain_order="left")
        .filter(
            (pl.col("expected") - pl.col("amount")).abs() <= ledger.tolerance,
            pl.col("day").is_between("since", "until"),
        )
        .unique(["payment", "invoice", "explanation"], keep="first", maintain_order=True)
    )


def _net_of_deductions(ledger: Ledger, rows: pl.DataFrame) -> pl.DataFrame:
    """Strategy 2; gives the rows that it does not take."""
    strategy = ledger.strategy("reference_net_of_deductions")
    fits = explanations_of(ledger, rows.filter(in_window(strategy), pl.lit(strategy.action != "off"))).with_columns(
        ambiguous=pl.len().over("payment") > 1
    )
    ledger.propose(
        explained(fits, ledger.pack).with_columns(
            strategy=pl.lit("reference_net_of_deductions"),
            proposal=pl.lit(""),
            status=_status(ledger, "reference_net_of_deductions"),
            allocated=pl.min_horizontal("amount", pl.col("outstanding") - pl.col("deducted")),
            difference=pl.col("expected") - pl.col("amount"),
            closes=pl.lit(value=True),
        )
    )
    return _rest(rows, fits)


def _part_or_over(ledger: Ledger, rows: pl.DataFrame) -> None:
    """Strategies 4 and 5: less or more than is owed, and nothing explains it."""
    short = pl.col("outstanding") > pl.col("amount")
    for name, side, detail in (
        ("reference_part", short, Detail.PART_PAYMENT),
        ("reference_over", ~short, Detail.OVER_PAYMENT),
    ):
        strategy = ledger.strategy(name)
        gap = pl.col("outstanding") - pl.col("amount")
        fits = rows.filter(side, in_window(strategy), pl.lit(strategy.action != "off"), gap.abs() > ledger.tolerance)
        if strategy.action == "reject":
            ledger.lose(fits.with_columns(gap=gap), name, "amount_differs")
            ledger.refuse(fits["payment"], detail)
            continue
        ledger.propose(
            plain(fits.with_columns(ambiguous=pl.lit(value=False))).with_columns(
                strategy=pl.lit(name),
                proposal=pl.lit(""),
                status=_status(ledger, name),
                allocated=pl.min_horizontal("amount", "outstanding"),
                difference=gap,
                closes=pl.lit(name == "reference_over"),
            )
        )


def _several(ledger: Ledger, rows: pl.DataFrame) -> None:
    """Strategy 3: several named invoices, whole or each less the same deductions; failing that, what may be meant."""
    strategy = ledger.strategy("reference_several")
    fits = rows.filter(in_window(strategy), pl.lit(strategy.action != "off"))
    total = pl.col("outstanding").sum().over("payment")
    whole = fits.filter((total - pl.col("amount")).abs() <= ledger.tolerance)
    _propose_several(ledger, plain(whole).with_columns(ways=pl.lit(1), expected=pl.col("outstanding")))
    fits = _rest(fits, whole)
    less = _several_less_deductions(ledger, fits)
    _propose_several(ledger, explained(less, ledger.pack))
    _guess_several(ledger, _rest(fits, less))


def _several_less_deductions(ledger: Ledger, rows: pl.DataFrame) -> pl.DataFrame:
    """The explanations that, applied to each of the named invoices alike, leave just what arrived."""
    first, last = ledger.days
    owed = ledger.open_bases(rows["invoice"].unique())
    taxes = [
        place for place, each in enumerate(ledger.pack.explanations) if each.vat or (each.tax and not each.tax.amount)
    ]
    expected = (
        expected_payments(owed, ledger.pack, first, last)
        .filter(pl.col("explanation").is_in(taxes))
        .join(owed.select("invoice", "no_tin").unique(), on="invoice")
        .unique(["invoice", "explanation", "rounding"], keep="first", maintain_order=True)
    )
    way = ["payment", "explanation", "rounding"]
    caps = [each.tax.cap if each.tax else None for each in ledger.pack.explanations]
    cap = pl.col("explanation").replace_strict(range(len(caps)), caps, return_dtype=pl.Int64)
    invoices = pl.col("invoice").n_unique().over("payment")
    return (
        rows.with_columns(_invoices=invoices)
        .join(expected, on="invoice", maintain_order="left")
        .filter(
            pl.col("day").is_between("since", "until"),
            pl.len().over(way) == pl.col("_invoices"),
            (pl.col("deducted").sum().over(way) <= cap).fill_null(value=True),  # one payment, one cap
            (pl.col("expected").sum().over(way) - pl.col("amount")).abs() <= ledger.tolerance,
        )
        .with_columns(ways=pl.col("explanation").n_unique().over("payment"))
        .unique(["payment", "invoice", "explanation"], keep="first", maintain_order=True)
    )


def _propose_several(ledger: Ledger, rows: pl.DataFrame) -> None:
    ledger.propose(
        rows.with_columns(ambiguous=pl.col("ways") > 1)
        .with_columns(
            strategy=pl.lit("reference_several"),
            proposal=pl.lit(""),
            status=_status(ledger, "reference_several"),
            allocated=in_turn("expected", ["payment", "explanation_name"]),
            closes=pl.lit(value=True),
        )
        .with_columns(difference=pl.col("outstanding") - pl.col("deducted") - pl.col("allocated"))
    )


def _guess_several(ledger: Ledger, rows: pl.DataFrame) -> None:
    """Several are named and no sum fits: suggest the ones that fit alone, else the named ones in turn."""
    gap = pl.col("outstanding") - pl.col("amount")
    alone = rows.filter(gap.abs() <= ledger.tolerance).with_columns(
        strategy=pl.lit("reference_exact"),
        proposal=pl.col("invoice").cast(pl.String),
        allocated=pl.min_horizontal("outstanding", "amount"),
        difference=gap,
    )
    shared = (
        _rest(rows, alone)
        .with_columns(
            strategy=pl.lit("reference_several"), proposal=pl.lit(""), allocated=in_turn("outstanding", ["payment"])
        )
        .filter(pl.col("allocated") > 0)
        .with_columns(difference=pl.col("outstanding") - pl.col("allocated"))
    )
    for guess in (alone, shared.select(alone.columns)):
        ledger.propose(plain(guess).with_columns(status=pl.lit(SUGGESTED), closes=pl.lit(value=False)))
