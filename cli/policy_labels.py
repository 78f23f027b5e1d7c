"""`kobosift policy words` and `policy fit`: what labels say of a policy's words and weights."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.options import End, Json, Start, days
from cli.output import emit, say, table
from cli.policy import group

if TYPE_CHECKING:
    from assets.mining import Words
    from rules.metrics import Tally
    from rules.scorecard import Fitted
    from rules.word_stats import TermStats

Tried = Annotated[Path | None, typer.Option("--policy", metavar="FILE", help="Another policy than the one in force.")]


_IDLE_SHOWN = 20


def register(app: typer.Typer) -> None:
    """Add the commands to the policy's group."""
    for command in (words, fit):
        group.command()(command)


def words(
    policy: Tried = None,
    start: Start = None,
    end: End = None,
    lines: Annotated[
        int,
        typer.Option("--lines", min=0, max=1_000_000, help="On how many lines without a label, besides the others."),
    ] = 20_000,
    as_json: Json = False,
) -> None:
    """Tell what each term does: hits, precision against the labels, and which lines it alone decides.

    Words of labelled lines that speak for one label and that no term finds are named as candidates.
    """
    first, last = days(start, end)
    from assets import mining
    from assets.replays import Scope
    from cli.session import begin
    from pipelines.policy import read_policy

    given = read_policy(policy) if policy else None
    session = begin()
    judged = session.overridden(given) if given else session.policy
    found = mining.words(session.warehouse, policy=judged, clock=session.clock, scope=Scope(first, last), most=lines)
    if as_json:
        emit(
            {
                **vars(found),
                "terms": [vars(each) for each in found.terms],
                "candidates": [vars(each) for each in found.candidates],
            }
        )
        return
    _print_words(found)


def _print_words(found: Words) -> None:
    say(f"{found.lines:,} lines were looked at, {found.labels:,} of them labelled.")
    for sentence in found.cannot_know:
        say(sentence)
    hit = [each for each in found.terms if each.hits]
    rows = [
        [
            each.kind,
            each.term,
            f"{each.hits:,}",
            f"{each.business:,}",
            f"{each.personal:,}",
            _precision(each),
            f"{each.decides_alone:,}",
            ", ".join(f"{other['term']} ({other['lines']})" for other in each.together[:2]),
        ]
        for each in hit
    ]
    headers = ["kind", "term", "lines", "business", "personal", "precision", "decides alone", "beside"]
    say(table(headers, rows, right=headers[2:7]))
    idle = [f"{each.kind} {each.term}" for each in found.terms if not each.hits]
    if idle:
        more = f" and {len(idle) - _IDLE_SHOWN} more" if len(idle) > _IDLE_SHOWN else ""
        say()
        say(f"On none of these lines: {', '.join(idle[:_IDLE_SHOWN])}{more}.")
    if found.candidates:
        say()
        say("Words that no term finds and that speak for one label, to be judged by a person:")
        rows = [[c.words, c.argues_for, f"{c.business:,}", f"{c.personal:,}", f"{c.z:+.1f}"] for c in found.candidates]
        say(table(["words", "speaks for", "business", "personal", "z"], rows, right=("business", "personal", "z")))


def _precision(term: TermStats) -> str:
    """The share with its interval: of few labels it says little."""
    if term.precision is None or term.precision_interval is None:
        return "unknown"
    low, high = term.precision_interval
    return f"{term.precision:.0%} ({low:.0%} to {high:.0%})"


def fit(
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="The policy file to write; never overwritten.")],
    policy: Tried = None,
    start: Start = None,
    end: End = None,
    as_json: Json = False,
) -> None:
    """Fit the points to the labels and write the policy with them to a file; nothing is put in force."""
    first, last = days(start, end)
    from assets.mining import fit_points
    from assets.replays import Scope
    from cli.session import begin
    from pipelines.policy import read_policy, write_policy

    given = read_policy(policy) if policy else None
    session = begin()
    base = given or session.policy
    found = fit_points(
        session.warehouse, policy=session.overridden(base), clock=session.clock, scope=Scope(first, last)
    )
    points = found.points.model_dump()
    proposed = base.changed(
        {"name": f"{base.name}-fitted", **{f"points.{name}": value for name, value in points.items()}}
    )
    write_policy(proposed, out)
    if as_json:
        emit({"file": out, "hash": proposed.hash, "points": points, **_figures(found)})
        return
    _print_fit(found, out)


def _figures(found: Fitted) -> dict[str, object]:
    from rules.metrics import figures

    sides = {
        "held_out": (found.held_out, found.held_out_naira),
        "fitted": (found.fitted, found.fitted_naira),
        "present": (found.present, found.present_naira),
    }
    return {
        "lines": found.lines,
        "penalty": found.penalty,
        **{name: figures(lines, naira) for name, (lines, naira) in sides.items()},
    }


def _print_fit(found: Fitted, out: Path) -> None:
    from rules.metrics import f1, share

    def row(name: str, tally: Tally) -> list[object]:
        shares = (share(tally.right, tally.right + tally.wrong), share(tally.right, tally.business), f1(tally))
        return [name, *("unknown" if each is None else f"{each:.2%}" for each in shares)]

    say(table(["signal", "points"], found.points.model_dump().items(), right=("points",)))
    say()
    say(f"On the {found.lines:,} labelled lines that the score decides:")
    rows = [
        row("points in force", found.present),
        row("proposed", found.fitted),
        row("proposed, on lines held out", found.held_out),
    ]
    say(table(["", "precision", "recall", "f1"], rows, right=("precision", "recall", "f1")))
    say(f"The policy with these points is in {out}; kobosift replay tries it. Nothing is in force yet.")
