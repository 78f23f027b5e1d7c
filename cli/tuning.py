"""`kobosift sweep`: what every value of a number of the policy would give, in lines and in naira."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.options import End, Json, ReportFile, Start, days
from cli.output import emit, say, table

if TYPE_CHECKING:
    from assets.sweeps import Sweep
    from cli.session import Session

_POINTS_SHOWN = 25
_SWEPT = ("eligible", "held", "naira_eligible", "precision", "recall", "f1", "naira_wrongly_drafted", "naira_missed")


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(sweep)


def about(session: Session, first: date | None, last: date | None) -> str:
    """Which lines a report is about, and when it was made."""
    return f"Booked days {first or 'from the first'} to {last or 'the last'}, made {session.now():%Y-%m-%d %H:%M} UTC."


def sweep(
    knob: Annotated[
        list[str],
        typer.Option(
            "--knob", metavar="NAME=FROM:TO:STEP", help="A key of the policy file and its values; repeatable."
        ),
    ],
    policy: Annotated[
        Path | None, typer.Option("--policy", metavar="FILE", help="What the knobs do not move; else that in force.")
    ] = None,
    where: Annotated[
        str | None, typer.Option("--where", metavar="CONDITION", help='For the best points: "precision >= 0.98".')
    ] = None,
    start: Start = None,
    end: End = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Write every point (.csv, .xlsx, .parquet).")
    ] = None,
    report: ReportFile = None,
    as_json: Json = False,
) -> None:
    """Tell what every value of a number of the policy would give: precision, recall and naira against the labels.

    Floors are in major units. Two knobs or more make a grid.
    """
    first, last = days(start, end)
    from assets.replays import Scope
    from assets.sweeps import sweep as swept
    from cli.session import begin
    from pipelines.policy import read_policy
    from resources.row_files import check_form, write_text
    from rules.knobs import parse_knob
    from rules.sweep import best, left_out

    knobs = [parse_knob(text) for text in knob]
    best([], where)
    if out:
        check_form(out)
    given = read_policy(policy) if policy else None
    session = begin()
    base = session.overridden(given) if given else session.policy
    found = swept(session.warehouse, policy=base, knobs=knobs, clock=session.clock, scope=Scope(first, last))
    finest, few = best(found.points, where), left_out(found.points, where)
    cannot_know = [*found.cannot_know, *few]
    if out:
        _write_points(found, out)
    now = {each.name: base.value(each.name) for each in knobs}
    if report:
        from rules.tuning_report import sweep_page

        lines = about(session, first, last) + (f" Best points: {where}." if where else "")
        said = sweep_page(found.points, finest, knobs, cannot_know=cannot_know, in_force=now, about=lines)
        write_text(said, report)
    if as_json:
        emit({**vars(found), "cannot_know": cannot_know, "best": finest, "where": where, "in_force": now, "file": out})
        return
    _print_sweep(found, [each.name for each in knobs])
    for sentence in cannot_know:
        say(sentence)
    judged = not few and any(point["f1"] is not None for point in found.points)
    _print_best(finest, [each.name for each in knobs], where, judged=judged)
    if out:
        say(f"All {len(found.points):,} points are in {out}.")


def _write_points(found: Sweep, out: Path) -> None:
    import polars as pl

    from resources.row_files import write_rows
    from rules.sweep import flat

    points = pl.DataFrame([flat(point) for point in found.points], infer_schema_length=None)
    write_rows([points], points.schema, out)


def _print_sweep(found: Sweep, names: list[str]) -> None:
    shown = found.points[:: -(-len(found.points) // _POINTS_SHOWN)]
    some = "; some of them:" if len(shown) < len(found.points) else ""
    say(f"{found.lines:,} lines, {len(found.points):,} points{some}")
    say(_points_table(shown, names))
    say()


def _print_best(finest: list[dict[str, object]], names: list[str], where: str | None, *, judged: bool) -> None:
    """The best points; where there is none, whether none meets the condition or labels are too few to judge them."""
    if finest:
        say(f"Best by F1{f' where {where}' if where else ''}:")
        say(_points_table(finest, names, intervals=True))
        say("In brackets: 95 % intervals of the labelled lines.")
    elif not judged:
        say("So no point can be called the best.")
    elif where:
        say(f"At no point {where}.")
    else:
        say("At no point is a line eligible, so none can be called the best.")


def _points_table(points: list[dict[str, Any]], names: list[str], *, intervals: bool = False) -> str:
    from rules.metrics import worded
    from rules.money import major_units
    from rules.sweep import flat

    def cell(name: str, point: dict[str, Any]) -> object:
        value = flat(point)[name]
        if value is None:
            return "unknown"
        if name.startswith("naira"):
            return f"{Decimal(major_units(int(str(value)))):,}"
        if isinstance(value, float):
            return worded(value, point.get(f"{name}_interval") if intervals else None)
        return f"{value:,}" if isinstance(value, int) else value

    columns = [*names, *_SWEPT]
    rows = [[cell(name, point) for name in columns] for point in points]
    headers = [name.replace("_", " ") if name in _SWEPT else name for name in columns]
    return table(headers, rows, right=headers)
