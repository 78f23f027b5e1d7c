"""`kobosift replay` and `kobosift sweep`: what another policy would change, in lines and in naira, before it does."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.options import End, Json, Start, days, moment
from cli.output import emit, say, table, warn

if TYPE_CHECKING:
    from assets.replays import Replay
    from rules.policy import Policy

_EXAMPLES_SHOWN = 10


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(replay)


def replay(
    policy: Annotated[Path, typer.Option("--policy", metavar="FILE", help="The policy file (TOML) to try.")],
    start: Start = None,
    end: End = None,
    as_of: Annotated[
        str | None,
        typer.Option("--as-of", metavar="TIME", help="Against what stood then; a day is meant to its end, in Lagos."),
    ] = None,
    examples: Annotated[
        int, typer.Option("--examples", min=0, max=10_000, help="How many flipped lines to tell.")
    ] = 100,
    minutes: Annotated[
        float, typer.Option("--minutes", min=0.0, help="How long a person looks at an eligible line.")
    ] = 2.0,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Write every flipped line (.csv, .xlsx, .parquet).")
    ] = None,
    as_json: Json = False,
) -> None:
    """Tell what a policy would change in stored lines, without changing anything.

    Compared is what is in force with what the file would say under today's lists and invoices.
    """
    first, last = days(start, end)
    then = moment("--as-of", as_of) if as_of else None
    from assets.replays import Scope
    from assets.replays import replay as replayed
    from cli.session import begin
    from pipelines.policy import read_policy

    tried = read_policy(policy)
    session = begin()
    tried = tried.overridden(session.settings.mono_business_floor, session.settings.mono_reference_regex)
    found = replayed(
        session.warehouse,
        policy=tried,
        clock=session.clock,
        scope=Scope(first, last, then),
        examples=examples,
        minutes_a_line=minutes,
        out=out,
    )
    if as_json:
        emit(_document(found, tried, out))
        return
    _print(found, tried, out)


def _document(found: Replay, policy: Policy, out: Path | None) -> dict[str, object]:
    changes = found.examples.to_dicts()
    return {
        "policy": {"name": policy.name, "hash": policy.hash},
        **vars(found.summary),
        "waiting_days": found.waiting_days,
        "changes": changes,
        "changes_left_out": found.summary.flipped - len(changes),
        "file": out,
    }


def _print(found: Replay, policy: Policy, out: Path | None) -> None:
    from rules.passport import money

    told = found.summary
    say(f"{policy.name!r}, hash {policy.hash}: {told.flipped:,} of {told.lines:,} decided lines would flip.")
    if told.undecided:
        say(f"{told.undecided:,} lines are not decided yet, and are left out.")
    if found.waiting_days:
        warn(
            f"kobosift: {found.waiting_days:,} days wait to be decided and may differ for that alone: kobosift decide."
        )
    moved = [row for row in told.matrix if row["from"] != row["to"]]
    if moved:
        rows = [[r["from"], r["to"], f"{r['lines']:,}", money(_int(r["amount"]), _text(r["currency"]))] for r in moved]
        say()
        say(table(["from", "to", "lines", "amount"], rows, right=("lines", "amount")))
    say()
    _print_metrics(told.metrics)
    _print_drafts(told.drafts)
    minutes = told.review_minutes
    say(f"Looking at every eligible line takes {minutes['after']:,.0f} minutes instead of {minutes['before']:,.0f}.")
    _print_examples(found)
    if out:
        say(f"All {told.flipped:,} are in {out}.")


def _print_metrics(metrics: dict[str, Any]) -> None:
    for sentence in metrics["cannot_know"]:
        say(sentence)
    before, after = metrics["before"], metrics["after"]
    if before["precision"] is None and after["precision"] is None:
        return
    rows = [
        [name, _share(before[name], before[f"{name}_interval"]), _share(after[name], after[f"{name}_interval"])]
        for name in ("precision", "recall", "f1")
    ]
    naira = [
        [f"{name} by naira", _share(before["naira"][name]), _share(after["naira"][name])]
        for name in ("precision", "recall", "f1")
    ]
    say(table([f"of {before['labels']:,} labels", "before", "after"], [*rows, *naira]))


def _share(value: float | None, interval: tuple[float, float] | None = None) -> str:
    if value is None:
        return "unknown"
    return f"{value:.2%}" + (f" ({interval[0]:.2%} to {interval[1]:.2%})" if interval else "")


def _print_drafts(drafts: dict[str, Any]) -> None:
    contested, withdrawn = drafts["confirmed_contested"]["lines"], drafts["waiting_withdrawn"]["lines"]
    say(f"Drafts: {withdrawn:,} would be withdrawn; {contested:,} that a person confirmed would be contested.")


def _print_examples(found: Replay) -> None:
    shown = found.examples.head(_EXAMPLES_SHOWN)
    if shown.is_empty():
        return
    from rules.passport import money

    say()
    for row in shown.iter_rows(named=True):
        amount = money(row["amount"], row["currency"])
        say(f"{row['day']} {row['transaction_id']} {amount}: {row['from']} -> {row['to']}")
        say(f"  {row['why']}")
    if found.summary.flipped > len(shown):
        say(f"... {found.summary.flipped - len(shown):,} more; --out FILE writes them all.")


def _int(value: object) -> int:
    return int(str(value))


def _text(value: object) -> str | None:
    return None if value is None else str(value)
