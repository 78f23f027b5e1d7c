"""Reconciliation: which payments settle which open invoices, so that none becomes a second invoice (domain section 5).

`reconcile` is a pure function of all that it is given: payments, invoices, what people have decided, policy and pack.
It must be given whole tenants, since a payment may bear on any other of its tenant; then the result depends neither on
the order of rows nor on how the work was split into runs.

It works stage by stage, the stronger evidence first: references (`settle_by_reference.py`), then customers, then
amounts (`settle_by_customer.py`). Within a stage payments are taken in booked order where one bears on another.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from rules.books import CANDIDATES, REJECTED, SETTLEMENTS, Reconciled
from rules.deductions import Pack, shipped_pack
from rules.ledger import LOSERS, OVERTAKEN, PROPOSAL, PROPOSALS, REFUSALS, Ledger
from rules.policy import Policy
from rules.reasons import SETTLEMENT_REASONS, Detail, Outcome
from rules.references import MINIMUM_LENGTH, TENANT, tokens_of
from rules.settle_by_customer import settle_by_amount, settle_by_customer
from rules.settle_by_reference import settle_by_reference
from rules.text import letters_and_digits, normalised

_VAT_INCLUDED = (1_000, 1_075)  # an invoice that says neither net nor VAT may include it, or not
_ORDER = ["booked_at", "account_id", "transaction_id"]
_KEY = [*TENANT, "account_id", "transaction_id"]


def reconcile(
    payments: pl.DataFrame, invoices: pl.DataFrame, standing: pl.DataFrame, policy: Policy, pack: Pack | None = None
) -> Reconciled:
    """Settle payments against invoices.

    Args:
        payments: columns of `PAYMENTS`, whole tenants.
        invoices: columns of `INVOICES`, of the same tenants.
        standing: columns of `STANDING`; payments with a settlement that stands are left alone.
        policy: strategies, windows, tolerance.
        pack: the lawful deductions; by default the shipped ones.

    """
    taken = standing.filter(pl.col("status") != "declined").select(_KEY).unique()
    tenants = pl.concat([payments.select(TENANT), invoices.select(TENANT)]).unique().sort(TENANT)
    tenants = tenants.with_row_index("tenant")
    free = payments.join(taken, on=_KEY, how="anti").join(tenants, on=TENANT)
    free = free.sort("tenant", *_ORDER).with_row_index("payment")
    books = invoices.join(tenants, on=TENANT).sort("tenant", "invoice_id").with_row_index("invoice")
    ledger = _opened(free, books, standing, policy, pack or shipped_pack())
    if not free.is_empty():
        _settle(ledger, free, policy)
    return _told(ledger, free, books)


def ends(payments: pl.DataFrame, settled: pl.DataFrame, refused: pl.DataFrame) -> pl.DataFrame:
    """Where each payment ends: `disposition`, `outcome`, and the reason and detail of those rejected here.

    Args:
        payments: columns of `PAYMENTS`.
        settled: `account_id`, `transaction_id` of those that settle an invoice (`settled`) or may (not `settled`).
        refused: columns of `REJECTED`.

    """
    line = ["account_id", "transaction_id", "day"]
    reasons = {detail.value: reason.value for detail, reason in SETTLEMENT_REASONS.items()}
    told = refused.select(*line, "detail", reason=pl.col("detail").replace_strict(reasons, return_dtype=pl.String))
    rejected = pl.col("detail").is_not_null()
    return (
        payments.select(line)
        .join(settled, on=["account_id", "transaction_id"], how="left")
        .join(told, on=line, how="left")
        .with_columns(
            outcome=pl.when(rejected).then(pl.lit(Outcome.REJECTED.value)).otherwise(pl.lit(Outcome.ELIGIBLE.value)),
            disposition=pl.when(rejected)
            .then(pl.lit("rejected"))
            .when("settled")
            .then(pl.lit("matched"))
            .when(~pl.col("settled"))
            .then(pl.lit("review"))
            .otherwise(pl.lit("drafted")),
        )
        .drop("settled")
    )


def _opened(payments: pl.DataFrame, books: pl.DataFrame, standing: pl.DataFrame, policy: Policy, pack: Pack) -> Ledger:
    """The ledger before the first stage: what stands is taken off what the invoices are owed."""
    invoices = books.select(
        "invoice",
        "tenant",
        "number",
        "currency",
        customer="customer_name",
        total="total_amount",
        issued="issue_date",
        due=pl.coalesce("due_date", "issue_date"),
        open=pl.col("status") == "open",
        stripped=letters_and_digits(normalised(pl.col("number"))),
    )
    met = standing.join(books.select(*TENANT, "invoice_id", "invoice", "total_amount"), on=[*TENANT, "invoice_id"])
    stands = met.filter(pl.col("status") != "declined")
    settled = np.zeros(len(books), dtype=np.int64)
    np.add.at(settled, stands["invoice"].to_numpy(), (stands["allocated"] + stands["deducted"]).to_numpy())
    withheld, vat_withheld = (np.zeros(len(books), dtype=np.bool_) for _ in range(2))
    for flags, kind in ((withheld, "withholding_tax"), (vat_withheld, "vat_withheld")):
        flags[stands.filter(pl.col("deductions").str.contains(kind, literal=True))["invoice"].to_numpy()] = True
    declined = met.filter(pl.col("status") == "declined").join(payments.select(*_KEY, "payment"), on=_KEY)
    return Ledger(
        payments=payments.select("payment", "tenant", "day", "amount", "currency", "payer", "suggest_only"),
        invoices=invoices,
        bases=_bases(books, policy),
        declined=declined.select("payment", "invoice").unique(),
        policy=policy,
        pack=pack,
        outstanding=np.maximum(books["total_amount"].to_numpy() - settled, 0),
        withheld=withheld,
        vat_withheld=vat_withheld,
    )


def _bases(books: pl.DataFrame, policy: Policy) -> pl.DataFrame:
    """What withholding is worked out on: net and VAT as an invoice says, else with VAT included and without."""
    total, net, vat = pl.col("total_amount"), pl.col("net_amount"), pl.col("vat_amount")
    part, whole = _VAT_INCLUDED
    known = books.with_columns(net=pl.coalesce(net, total - vat), vat=pl.coalesce(vat, total - net))
    said = known.filter(pl.col("net").is_not_null())
    unsaid = known.filter(pl.col("net").is_null()).with_columns(net=(total * part + whole // 2) // whole)
    read = [
        said,
        unsaid.with_columns(vat=total - pl.col("net")),
        unsaid.with_columns(net=total, vat=pl.lit(0, pl.Int64)),
    ]
    without_tin = policy.file.settlement.tenants_without_tin
    env_id = pl.concat_str(TENANT, separator=":")
    return pl.concat(
        frame.select("invoice", "currency", "net", "vat", no_tin=env_id.is_in(without_tin)) for frame in read
    )


def _settle(ledger: Ledger, payments: pl.DataFrame, policy: Policy) -> None:
    """All stages; then once more for payments whose suggestions were overtaken, when nothing is linked any more."""
    named, unknown = _named(ledger, payments)
    _stages(ledger, named, unknown, policy)
    again = ledger.withdraw_overtaken()
    if not again.is_empty():
        ledger.payments = ledger.payments.join(again, on="payment", how="semi", maintain_order="left").with_columns(
            suggest_only=pl.lit(value=True)
        )
        named, unknown = (
            frame.join(again, on="payment", how="semi", maintain_order="left") for frame in (named, unknown)
        )
        _stages(ledger, named, unknown, policy)


def _stages(ledger: Ledger, named: pl.DataFrame, unknown: pl.DataFrame, policy: Policy) -> None:
    """References, customers, amounts: the payments of the ledger that nothing has been said of yet."""
    settle_by_reference(ledger, named)
    if policy.file.reference.must_exist:
        ledger.refuse(unknown.join(ledger.ended(), on="payment", how="anti")["payment"], Detail.UNKNOWN_INVOICE)
    # What a payment names and could not settle speaks against whatever else it might fit.
    naming = pl.concat([named.select("payment"), unknown]).unique()
    ledger.payments = ledger.payments.with_columns(
        suggest_only=pl.col("suggest_only") | pl.col("payment").is_in(naming["payment"].implode())
    )
    settle_by_customer(ledger)
    settle_by_amount(ledger)


def _named(ledger: Ledger, payments: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The invoices that payments name (columns as `settle_by_reference` reads them), and who names one there is not."""
    tokens = _tokens(payments, ledger.policy)
    numbers = ledger.invoices.select("tenant", "stripped", "invoice", "open")
    whole = tokens.join(numbers.drop("open"), on=["tenant", "stripped"], maintain_order="left")
    named = _with_cut(whole, _begun(tokens, numbers.filter("open"))).sort("payment", "place", "invoice")
    unknown = payments.filter(pl.col("reference").is_not_null()).join(named, on="payment", how="anti").select("payment")
    return named.unique(["payment", "invoice"], keep="first", maintain_order=True).drop("place"), unknown


def _with_cut(whole: pl.DataFrame, begun: pl.DataFrame) -> pl.DataFrame:
    """Invoices named in whole and those of which only the beginning is there; `doubtful` where it may be either."""
    place = ["payment", "place"]
    longer = begun.join(whole, on=[*place, "invoice"], how="anti")
    doubtful = longer.select(place).unique().with_columns(doubtful=pl.lit(value=True))
    spelled_out = whole.select(place).unique().with_columns(cut=pl.lit(value=False))
    named = whole.join(doubtful, on=place, how="left").with_columns(cut=pl.lit(value=False))
    meant = longer.filter("alone").join(spelled_out, on=place, how="left").with_columns(doubtful=pl.lit(value=True))
    columns = [*place, "invoice", pl.col("cut").fill_null(value=True), pl.col("doubtful").fill_null(value=False)]
    return pl.concat([named.select(columns), meant.select(columns)])


def _tokens(payments: pl.DataFrame, policy: Policy) -> pl.DataFrame:
    """What may be a reference: `payment`, `tenant`, `place`, `stripped`, `may_be_cut`.

    An explicit reference stands alone; else every token of the narration that the pattern matches counts, or without a
    pattern every token, and the last one of a narration as long as its rail allows may have lost its end.
    """
    limit = policy.file.settlement.narration_limit
    narration = normalised(pl.col("narration").fill_null("").str.strip_chars())
    given = pl.col("explicit") & pl.col("reference").is_not_null()
    spoken = (
        payments.select(
            "payment",
            "tenant",
            "reference",
            given=given,
            narration=narration,
            full=(pl.col("narration").str.len_chars() >= limit).fill_null(value=False),
        )
        .with_columns(
            token=pl.when("given").then(pl.concat_list("reference")).otherwise(tokens_of(pl.col("narration")))
        )
        .with_columns(place=pl.int_ranges(pl.col("token").list.len()), last=pl.col("token").list.len() - 1)
        .explode("token", "place")
        .with_columns(may_be_cut=pl.col("full") & (pl.col("place") == pl.col("last")) & ~pl.col("given"))
    )
    may_be_cut, has_digit = pl.col("may_be_cut"), pl.col("token").str.contains(r"\d")
    if policy.reference_pattern is None:
        certain, likely = pl.col("given"), has_digit
    else:
        certain, likely = (
            pl.col("given") | pl.col("token").str.contains(policy.reference_pattern),
            may_be_cut & has_digit,
        )
    return (
        spoken.with_columns(certain=certain)
        .filter(pl.col("certain") | likely)  # few are left to be stripped
        .with_columns(stripped=letters_and_digits(normalised(pl.col("token"))))
        .filter(pl.col("stripped") != "", pl.col("certain") | (pl.col("stripped").str.len_chars() >= MINIMUM_LENGTH))
        .select("payment", "tenant", "place", "stripped", "may_be_cut")
    )


def _begun(tokens: pl.DataFrame, numbers: pl.DataFrame) -> pl.DataFrame:
    """The invoices whose number begins as a token that may be cut, or is it; `alone` where it is one invoice's only."""
    tokens = tokens.filter("may_be_cut", pl.col("stripped").str.len_chars() >= MINIMUM_LENGTH)
    found = [
        tokens.filter(pl.col("stripped").str.len_chars() == length).join(
            numbers.with_columns(stripped=pl.col("stripped").str.head(length)), on=["tenant", "stripped"]
        )
        for length in sorted(tokens["stripped"].str.len_chars().unique())
    ]
    begun = pl.concat(found) if found else tokens.with_columns(invoice=pl.lit(0, pl.UInt32)).clear()
    return begun.select("payment", "place", "invoice", alone=pl.len().over("payment") == 1)


def _told(ledger: Ledger, payments: pl.DataFrame, books: pl.DataFrame) -> Reconciled:
    """The ledger in the words of its callers."""
    stands = pl.concat(ledger.proposals) if ledger.proposals else PROPOSALS.to_frame()
    who = payments.select("payment", *_KEY, "day")
    which = books.select("invoice", "invoice_id", invoice_number="number")
    proposed = stands.join(who, on="payment", maintain_order="left").join(which, on="invoice", maintain_order="left")
    several, invoice = pl.col("strategy").str.ends_with("several"), pl.col("invoice_id")
    settlements = (
        pl.concat(
            [
                proposed.filter(~several).with_columns(proposal=_proposal(invoice)),
                proposed.filter(several).with_columns(proposal=_proposal(invoice.sort().str.join("+").over(PROPOSAL))),
            ]
        )
        .sort("payment", "proposal", "invoice_id")
        .select(SETTLEMENTS.names())
    )
    refusals = pl.concat(ledger.refusals) if ledger.refusals else REFUSALS.to_frame()
    losers = pl.concat(ledger.losers) if ledger.losers else LOSERS.to_frame()
    return Reconciled(
        settlements,
        refusals.unique("payment", keep="first", maintain_order=True).join(who, on="payment").select(REJECTED.names()),
        _worth_telling(losers, stands)
        .unique(maintain_order=True)
        .join(who, on="payment", maintain_order="left")
        .join(which, on="invoice", maintain_order="left")
        .sort("payment", "invoice", "why")
        .select(CANDIDATES.names()),
    )


def _worth_telling(losers: pl.DataFrame, stands: pl.DataFrame) -> pl.DataFrame:
    """Without what was overtaken and then suggested anew, nor twice that an invoice is closed by now."""
    pair = ["payment", "invoice"]
    overtaken = losers.filter(pl.col("why") == OVERTAKEN)
    others = losers.filter(pl.col("why") != OVERTAKEN)
    closed = others.filter(pl.col("why") == "invoice_not_open").join(overtaken, on=pair, how="anti")
    rest = others.filter(pl.col("why") != "invoice_not_open")
    return pl.concat([rest, closed, overtaken.join(stands, on=pair, how="anti")])


def _proposal(invoices: pl.Expr) -> pl.Expr:
    """What a proposal is, in words that are the same in every run: strategy, explanation, invoices."""
    return pl.concat_str(["strategy", "explanation_name", invoices], separator="|")
