"""What each term of a policy does on stored lines, and which words of labelled lines might become terms.

A term is looked for as the rules look for it: each is tried alone in the policy's own place, on the lines that show a
term of its kind at all. Words are only candidates: a person decides whether one belongs into a policy.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from math import log, sqrt

import numpy as np
import numpy.typing as npt
import polars as pl

from rules.eligibility import first_row, held, table
from rules.labels import BUSINESS, PERSONAL
from rules.lists import Lists
from rules.metrics import Interval, share, wilson
from rules.policy import Policy
from rules.reasons import Outcome
from rules.signals import REMARK_TERMS, Signal, signals
from rules.text import TermList, normalised, word_form

KINDS = {**REMARK_TERMS, "company": Signal.COMPANY_TERM}
"""The kinds of terms that give a signal, and which."""
MINIMUM_SUPPORT = 5
"""A word stands on at least so many labelled lines before it is a candidate."""

_ARGUES_FOR = {"business": BUSINESS, "company": BUSINESS, "refund": BUSINESS}
_SURE = 1.959963984540054
_PRIOR = 0.5  # Jeffreys' for a share


@dataclass(frozen=True)
class TermStats:
    """What one term does on the lines that were looked at."""

    kind: str
    term: str
    hits: int
    business: int
    """Hits that people call business."""
    personal: int
    precision: float | None
    """The share of labelled hits that are what the term argues for: business, or personal."""
    precision_interval: Interval | None
    decides_alone: int
    """Lines that would end otherwise without it: no other term of its kind stands there, and the signal matters."""
    together: list[dict[str, object]]
    """The terms of any kind that it most often stands beside: `kind`, `term`, `lines`."""


@dataclass(frozen=True)
class Scope:
    """By what lines are judged besides the policy."""

    lists: Lists
    invoices: pl.DataFrame
    now: datetime


def term_stats(lines: pl.DataFrame, *, policy: Policy, scope: Scope) -> list[TermStats]:
    """Look at each term of a policy, those that hit most first within their kind.

    Args:
        lines: the columns of `contracts.TRANSACTIONS`, and `label`.
        policy: whose terms.
        scope: by what else lines are judged.

    """
    shown = _shown(lines, policy, scope).rename({"signals": "all"})
    lines = lines.with_columns(all=shown["all"])
    label = lines["label"]
    names: list[tuple[str, str]] = []
    columns: list[npt.NDArray[np.bool_]] = []
    for kind, term, found in _finds(lines, policy, scope):
        names.append((kind, term))
        columns.append(found)
    if not names:
        return []
    found = np.stack(columns)
    beside = found.astype(np.int32) @ found.T.astype(np.int32)
    matters = {kind: _matters(lines["all"], signal, policy) for kind, signal in KINDS.items()}
    business, personal = ((label == name).fill_null(value=False).to_numpy() for name in (BUSINESS, PERSONAL))
    kinds = np.array([kind for kind, _ in names])
    told = []
    for place, (kind, _) in enumerate(names):
        alone = found[place] & (found[kinds == kind].sum(axis=0) == 1) & matters[kind]
        labelled = (int((found[place] & business).sum()), int((found[place] & personal).sum()))
        told.append(_stats(names, place, beside[place], labelled, int(alone.sum())))
    return sorted(told, key=lambda each: (list(KINDS).index(each.kind), -each.hits, each.term))


def _shown(lines: pl.DataFrame, policy: Policy, scope: Scope) -> pl.DataFrame:
    """The signals of lines, in their order."""
    numbered = lines.with_row_index("_line").lazy()
    found = signals(numbered, policy=policy, lists=scope.lists, invoices=scope.invoices, now=scope.now)
    return found.select("_line", "signals").collect().sort("_line").select("signals")


def _finds(lines: pl.DataFrame, policy: Policy, scope: Scope) -> Iterator[tuple[str, str, npt.NDArray[np.bool_]]]:
    """For each term the lines that it is found on; several are tried at once, each in the place of another kind."""
    for kind, signal in KINDS.items():
        places = ["company"] if kind == "company" else list(REMARK_TERMS)
        texts = list(dict.fromkeys(term.text for term in policy.terms(kind).terms))
        some = lines.with_columns(_place=pl.int_range(pl.len())).filter((pl.col("all") & signal.bit) != 0)
        for first in range(0, len(texts), len(places)):
            tried = dict(zip(places, texts[first : first + len(places)], strict=False))
            variant = policy.changed({f"terms.{place}": [tried[place]] if place in tried else [] for place in places})
            bits = _shown(some, variant, scope)["signals"].to_numpy() if len(some) else np.zeros(0, np.uint32)
            for place, text in tried.items():
                found = np.zeros(len(lines), dtype=np.bool_)
                found[some["_place"].to_numpy()] = (bits & KINDS[place].bit) != 0
                yield kind, text, found


def _matters(shown: pl.Series, signal: Signal, policy: Policy) -> npt.NDArray[np.bool_]:
    """On which lines the decision would be another without a signal."""
    rows = table(policy.points)
    frame = pl.DataFrame({"signals": shown})
    without = frame.select(signals=pl.when(held(signal)).then(pl.col("signals") - signal.bit).otherwise("signals"))
    outcomes = {index: row.outcome is Outcome.ELIGIBLE for index, row in enumerate(rows)}
    eligible = first_row(rows).replace_strict(list(outcomes), list(outcomes.values()), return_dtype=pl.Boolean)
    return (frame.select(eligible).to_series() != without.select(eligible).to_series()).to_numpy()


def _stats(
    names: Sequence[tuple[str, str]],
    place: int,
    beside: npt.NDArray[np.int32],
    labelled: tuple[int, int],
    alone: int,
) -> TermStats:
    kind, term = names[place]
    business, personal = labelled
    right = business if _ARGUES_FOR.get(kind, PERSONAL) == BUSINESS else personal
    others = [other for other in np.argsort(-beside, kind="stable")[:4] if other != place and beside[other]][:3]
    return TermStats(
        kind,
        term,
        int(beside[place]),
        business,
        personal,
        share(right, business + personal),
        wilson(right, business + personal),
        alone,
        [{"kind": names[other][0], "term": names[other][1], "lines": int(beside[other])} for other in others],
    )


@dataclass(frozen=True)
class Candidate:
    """A word, or two that follow each other, that labelled lines of one kind say more often than the other's."""

    words: str
    argues_for: str
    """`business` or `personal`."""
    business: int
    """Labelled lines with it that are business."""
    personal: int
    z: float
    """Its log-odds in standard errors: 1.96 and more is unlikely to be chance, for a single word."""


def candidates(
    lines: pl.DataFrame, policy: Policy, *, support: int = MINIMUM_SUPPORT, most: int = 20
) -> list[Candidate]:
    """Words of labelled lines that no term of the policy finds and that speak for one label, the surest first.

    Args:
        lines: `narration`, `description`, `counterparty` (as decided) and `label`; lines without a label are ignored.
        policy: whose terms are known already.
        support: on how many labelled lines a word stands at least.
        most: how many to name.

    """
    labelled = lines.filter(pl.col("label").is_in([BUSINESS, PERSONAL])).with_row_index("line")
    business = int((labelled["label"] == BUSINESS).sum())
    counted = (
        _words(labelled)
        .group_by("words")
        .agg(business=(pl.col("label") == BUSINESS).sum(), personal=(pl.col("label") == PERSONAL).sum())
        .filter(pl.col("business") + pl.col("personal") >= support)
        .filter(_unknown(policy))
    )
    found = [
        Candidate(words, BUSINESS if z > 0 else PERSONAL, in_business, in_personal, z)
        for words, in_business, in_personal in counted.iter_rows()
        for z in [_log_odds(in_business, business, in_personal, len(labelled) - business)]
        if abs(z) >= _SURE
    ]
    return sorted(found, key=lambda each: (-abs(each.z), each.words))[:most]


def _words(labelled: pl.DataFrame) -> pl.DataFrame:
    """The words and pairs of words of each line but for the counterparty's name: `line`, `label`, `words`."""
    said = pl.concat_str(
        [normalised(pl.col(name).fill_null("")) for name in ("narration", "description")], separator=" / "
    )
    name = word_form(normalised(pl.col("counterparty").fill_null("-"))).str.strip_chars(" ").str.split("  ")
    words = word_form(said).str.strip_chars(" ").str.split("  ")
    own = labelled.select("line", "label", word=words.list.set_difference(name), all=words, name=name)
    single = own.select("line", "label", words="word").explode("words")
    following = (
        own.select("line", "label", word="all", name="name")
        .explode("word")
        .with_columns(free=~pl.col("word").is_in(pl.col("name")))
    )
    pairs = following.with_columns(
        words=pl.concat_str("word", pl.col("word").shift(-1).over("line"), separator=" "),
        free=pl.col("free") & pl.col("free").shift(-1).over("line"),
    )
    double = pairs.filter("free").select("line", "label", "words")
    both = pl.concat([single, double])
    return both.filter(pl.col("words").str.len_chars() > 1).unique(["line", "words"])


def _unknown(policy: Policy) -> pl.Expr:
    """Whether no term that is looked for in the remark finds a word already."""
    terms = tuple(term for kind in (*REMARK_TERMS, "boilerplate") for term in policy.terms(kind).terms)
    form = pl.concat_str(pl.lit(" "), pl.col("words").str.replace_all(" ", "  "), pl.lit(" "))
    return TermList(terms).found_in(form).is_null()


def _log_odds(part: int, whole: int, other_part: int, other_whole: int) -> float:
    """The log of the ratio of the odds of a word in two sets of lines, in standard errors, with Jeffreys' prior."""
    mine, others = part + _PRIOR, other_part + _PRIOR
    delta = log(mine / (whole - part + _PRIOR)) - log(others / (other_whole - other_part + _PRIOR))
    return delta / sqrt(1 / mine + 1 / others)
