"""`kobosift replay`: what another policy, pack or list would change, in lines and in naira, before it does."""

from __future__ import annotations

from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.options import End, Json, ReportFile, Start, days, moment
from cli.output import emit, say, table, warn
from cli.tuning import about

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from assets.replays import Replay

_EXAMPLES_SHOWN = 10


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(replay)


def replay(
    policy: Annotated[
        Path | None,
        typer.Option("--policy", metavar="FILE", help="The policy file (TOML) to try; left out: that in force."),
    ] = None,
    deductions: Annotated[
        Path | None,
        typer.Option("--deductions", metavar="FILE", help="Settle by this pack (TOML) of lawful deductions."),
    ] = None,
    start: Start = None,
    end: End = None,
    as_of: Annotated[
        str | None,
        typer.Option("--as-of", metavar="TIME", help="Against what stood then; a day is meant to its end, in Lagos."),
    ] = None,
    lists: Annotated[
        Path | None,
        typer.Option("--lists", metavar="FILE", help="Judge by these entries, as `lists show --json` tells them."),
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
    payments_out: Annotated[
        Path | None,
        typer.Option("--payments-out", metavar="FILE", help="Write every payment that would be settled otherwise."),
    ] = None,
    report: ReportFile = None,
    as_json: Json = False,
) -> None:
    """Tell what a policy, a pack of deductions or other lists would change in stored lines, without changing anything.

    Compared is what is in force with what the files would say under today's lists (or those given) and invoices.
    """
    if not isfinite(minutes):
        raise typer.BadParameter("--minutes is a number of minutes")
    first, last = days(start, end)
    then = moment("--as-of", as_of) if as_of else None
    from assets.replays import Scope
    from assets.replays import replay as replayed
    from cli.session import begin
    from pipelines.policy import read_pack, read_policy
    from resources.row_files import check_form, read_rows, write_rows, write_text
    from rules.entry_files import read_entries
    from rules.resettling import CHANGES

    given = read_policy(policy) if policy else None
    pack = read_pack(deductions) if deductions else None
    if payments_out:
        check_form(payments_out)
    session = begin()
    tried = session.overridden(given) if given else session.policy
    entries = read_entries(read_rows(lists), lists.name, session.now()) if lists else None
    found = replayed(
        session.warehouse,
        policy=tried,
        clock=session.clock,
        scope=Scope(first, last, then, entries),
        pack=pack,
        examples=examples,
        minutes_a_line=minutes,
        out=out,
    )
    if payments_out:
        write_rows([found.settlements.changes] if found.settlements else [], CHANGES, payments_out)
    named = f"{tried.name}, hash {tried.hash}" + (f", deductions {pack.version}" if pack else "")
    if report:
        from rules.tuning_report import replay_page

        lines = about(session, first, last) + (f" Against what stood at {then.isoformat()}." if then else "")
        page = replay_page(
            found.summary, found.examples.iter_rows(named=True), found.settlements, policy=named, about=lines
        )
        write_text(page, report)
    if as_json:
        emit(
            {
                "policy": {"name": tried.name, "hash": tried.hash},
                "deductions": pack and pack.version,
                **_document(found, examples, out),
            }
        )
        return
    _print(found, named, out)


def _document(found: Replay, examples: int, out: Path | None) -> dict[str, object]:
    changes, settled = found.examples.to_dicts(), found.settlements
    return {
        **vars(found.summary),
        "settlements": settled and {**settled.figures, "changes": settled.changes.head(examples).to_dicts()},
        "waiting_days": found.waiting_days,
        "waiting_tenants": found.waiting_tenants,
        "changes": changes,
        "changes_left_out": found.summary.flipped - len(changes),
        "file": out,
    }


def _print(found: Replay, named: str, out: Path | None) -> None:
    told = found.summary
    say(f"{named}: {told.flipped:,} of {told.lines:,} decided lines would flip.")
    if told.undecided:
        say(f"{told.undecided:,} lines are not decided yet, and are left out.")
    if found.waiting_days:
        warn(
            f"kobosift: {found.waiting_days:,} days wait to be decided and may differ for that alone: kobosift decide."
        )
    if found.waiting_tenants:
        warn(f"kobosift: {found.waiting_tenants:,} tenants wait to be settled and may differ for that alone.")
    _print_matrix(told.matrix)
    _print_settlements(found)
    say()
    _print_metrics(told.metrics)
    _print_drafts(told.drafts)
    minutes = told.review_minutes
    say(f"Looking at every eligible line takes {minutes['after']:,.0f} minutes instead of {minutes['before']:,.0f}.")
    _print_examples(found)
    if out:
        say(f"All {told.flipped:,} are in {out}.")


def _print_matrix(matrix: Sequence[Mapping[str, Any]]) -> None:
    from rules.money import money

    moved = [row for row in matrix if row["from"] != row["to"]]
    if moved:
        rows = [[r["from"], r["to"], f"{r['lines']:,}", money(r["amount"], r["currency"])] for r in moved]
        say()
        say(table(["from", "to", "lines", "amount"], rows, right=("lines", "amount")))


def _print_settlements(found: Replay) -> None:
    settled = found.settlements
    if settled is None or not (found.summary.dispositions["flipped"] or len(settled.changes)):
        return
    figures: dict[str, Any] = settled.figures
    elsewhere = f", {figures['other_days']:,} of them on other days" if figures["other_days"] else ""
    say()
    say(
        f"Where lines end: {found.summary.dispositions['flipped']:,} otherwise. "
        f"{figures['changed']:,} payments would be settled otherwise{elsewhere}."
    )
    _print_matrix(found.summary.dispositions["matrix"])
    undone = figures["undone"]
    say()
    say(
        f"Linked: {figures['linked']['after']['settlements']:,} instead of "
        f"{figures['linked']['before']['settlements']:,}; suggested: "
        f"{figures['suggested']['after']['settlements']:,} instead of "
        f"{figures['suggested']['before']['settlements']:,}. Undone: {undone['linked']['settlements']:,} links, "
        f"{undone['accepted']['settlements']:,} that a person accepted."
    )
    told = settled.changes.drop_nulls("settled")
    for row in told.head(_EXAMPLES_SHOWN).iter_rows(named=True):
        say(
            f"{row['day']} {row['transaction_id']}: {row['settled'] or 'nothing'} -> {row['would_settle'] or 'nothing'}"
        )
        say(f"  {row['why']}")
    if len(settled.changes) > min(len(told), _EXAMPLES_SHOWN):
        say(f"All {len(settled.changes):,} payments that end or are settled otherwise: --payments-out FILE.")


def _print_metrics(metrics: dict[str, Any]) -> None:
    from rules.metrics import worded

    for sentence in metrics["cannot_know"]:
        say(sentence)
    before, after = metrics["before"], metrics["after"]
    if before["precision"] is None and after["precision"] is None:
        return
    rows = [
        [name, worded(before[name], before[f"{name}_interval"]), worded(after[name], after[f"{name}_interval"])]
        for name in ("precision", "recall", "f1")
    ]
    naira = [
        [f"{name} by naira", worded(before["naira"][name]), worded(after["naira"][name])]
        for name in ("precision", "recall", "f1")
    ]
    estimated = metrics["estimated"]
    whole = [
        [f"{name} of all lines, estimated", worded(estimated["before"][name]), worded(estimated["after"][name])]
        for name in ("precision", "recall")
    ]
    say(table([f"of {before['labels']:,} labels", "before", "after"], [*rows, *naira, *whole]))


def _print_drafts(drafts: dict[str, Any]) -> None:
    contested, withdrawn = drafts["confirmed_contested"]["lines"], drafts["waiting_withdrawn"]["lines"]
    say(f"Drafts: {withdrawn:,} would be withdrawn; {contested:,} that a person confirmed would be contested.")


def _print_examples(found: Replay) -> None:
    shown = found.examples.head(_EXAMPLES_SHOWN)
    if shown.is_empty():
        return
    from rules.money import money

    say()
    for row in shown.iter_rows(named=True):
        amount = money(row["amount"], row["currency"])
        say(f"{row['day']} {row['transaction_id']} {amount}: {row['from']} -> {row['to']}")
        say(f"  {row['why']}")
    if found.summary.flipped > len(shown):
        say(f"... {found.summary.flipped - len(shown):,} more; --out FILE writes them all.")
