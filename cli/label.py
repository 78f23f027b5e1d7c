"""`kobosift label`: what people say of lines, and which lines to ask them about."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.options import Json
from cli.output import emit, say, table

if TYPE_CHECKING:
    import polars as pl

    from rules.labels import Agreement

group = typer.Typer(help="Labels: what people say a line is, business or personal.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add the group to the command."""
    app.add_typer(group, name="label")


@group.command("import")
def import_(
    file: Annotated[Path, typer.Argument(help="CSV, XLSX, JSON or Parquet: account_id, transaction_id, label.")],
    by: Annotated[
        str | None, typer.Option("--by", metavar="WHO", help="Who labelled, where the file has no labelled_by.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Take in labels (business, or personal or not_business), all of a file or nothing.

    The newest label of each person counts; rows without one are left out.
    """
    from assets.labelling import import_labels
    from cli.session import begin

    session = begin()
    report = import_labels(session.warehouse, session.clock, file, by=by, run_id=session.command_id)
    if as_json:
        emit(vars(report))
        return
    say(
        f"{report.new:,} labels are new, {report.changed:,} changed, {report.unchanged:,} were there; "
        f"{report.blank:,} of {report.rows:,} rows have none yet."
    )
    if report.unknown:
        say(f"{report.unknown:,} are of lines that are not in the warehouse, and were left out.")


@group.command()
def sample(
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="FILE", help="A .csv, .xlsx or .parquet file to write; else they are printed."),
    ] = None,
    size: Annotated[int, typer.Option("--size", min=1, max=100_000, help="How many lines.")] = 200,
    seed: Annotated[int, typer.Option("--seed", min=0, help="The same seed draws the same lines.")] = 1,
    rejections: Annotated[
        float,
        typer.Option("--rejections", metavar="SHARE", help="The part drawn from all rejections alike, 0.05 to 1."),
    ] = 0.3,
    second: Annotated[
        bool, typer.Option("--second", help="Lines that others have labelled and --by has not, for a second opinion.")
    ] = False,
    by: Annotated[str | None, typer.Option("--by", metavar="WHO", help="Who will label.")] = None,
    as_json: Json = False,
) -> None:
    """Draw lines to label: some of every outcome, reason and size of amount, and always some rejections by chance.

    What was decided is not in the file, so that nobody labels by it. Fill the column label, then kobosift label import.
    """
    from rules.sampling import LEAST_REJECTIONS_SHARE

    if not LEAST_REJECTIONS_SHARE <= rejections <= 1:
        raise typer.BadParameter(
            f"--rejections is a share from {LEAST_REJECTIONS_SHARE} to 1: without some rejections drawn by chance "
            "nobody sees what the rules miss, and recall is a guess"
        )
    if second and not by:
        raise typer.BadParameter("--second needs --by: whose second opinion it is")
    from assets.labelling import draw_sample
    from cli.session import begin

    report = draw_sample(
        begin().warehouse, out, size=size, seed=seed, rejections_share=rejections, second_by=by if second else None
    )
    drawn = report.sheet.to_dicts()
    if as_json:
        emit({**vars(report), "lines": len(drawn), "sheet": None if out else drawn, "file": out})
        return
    if out is None:
        names = ["account_id", "transaction_id", "day", "direction", "amount", "currency", "narration"]
        say(table(names, ([row[name] for name in names] for row in drawn), right=("amount",)))
        say()
    rows = [
        [each["outcome"], each["detail"], _band(int(str(each["band"]))), f"{each['lines']:,}", f"{each['drawn']:,}"]
        for each in report.strata
    ]
    say(table(["outcome", "detail", "amount", "lines", "drawn"], rows, right=("lines", "drawn")))
    say()
    place = f" are in {out}" if out else ""
    say(f"{len(drawn):,} lines{place}, {report.random_rejections:,} from all rejections alike.")
    for outcome, margin in report.margins.items():
        if margin is not None:
            say(f"Once labelled, they tell the share of business among {outcome} lines to within ±{margin:.1%} (95 %).")


def _band(digits: int) -> str:
    """A band of amounts in words: the power of ten in major units that its amounts reach."""
    return "below 1" if digits <= 2 else f"from {10 ** (digits - 3):,}"


@group.command()
def agreement(as_json: Json = False) -> None:
    """Tell how far every two people agree on the lines that both have labelled, and where anybody says otherwise.

    What people did counts too: suggestions accepted, drafts confirmed or discarded, rejections overruled.
    """
    import polars as pl

    from cli.session import begin
    from resources.warehouse import labels
    from rules.labels import agreement as agreed
    from rules.labels import disagreements

    with begin().warehouse.read() as con:
        known, words = labels.all_labels(con), labels.all_words(con)
    pairs, disputed = agreed(known), disagreements(words)
    sources = words.group_by("source", "label").agg(lines=pl.len()).sort("source", "label")
    if as_json:
        told = {"pairs": [vars(each) for each in pairs], "disputed": disputed.to_dicts(), "sources": sources.to_dicts()}
        emit(told)
        return
    _print_agreement(pairs, disputed, sources)


def _print_agreement(pairs: list[Agreement], disputed: pl.DataFrame, sources: pl.DataFrame) -> None:
    if len(sources):
        say(table(["said by", "label", "times"], sources.iter_rows(), right=("times",)))
        say()
    if not pairs:
        say("No line is labelled by two people: kobosift label sample --second --by WHO draws lines to ask a second.")
    rows = [
        [each.one, each.other, f"{each.lines:,}", f"{each.agreed / each.lines:.1%}", _kappa(each.kappa)]
        for each in pairs
    ]
    if rows:
        say(table(["one", "other", "lines", "agree", "kappa"], rows, right=("lines", "agree", "kappa")))
    if len(disputed):
        say()
        say(table(["account", "transaction", "who says what", "counts as"], disputed.iter_rows()))


def _kappa(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.2f}"
