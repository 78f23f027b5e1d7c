"""A replay or a sweep as one page of HTML that needs nothing else: no script, no outside address, all words escaped."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from itertools import groupby
from typing import Any

from rules.charts import Curve, bars, curves, shades
from rules.knobs import Knob
from rules.metrics import worded
from rules.money import major_units, money
from rules.replay import Summary
from rules.resettling import Resettled
from rules.sweep import flat

_STYLE = """
:root { color-scheme: light dark; --ink: #222; --paper: #fff; --rule: #ddd; --note: #7a3d00; --tint: #fff6e9; }
@media (prefers-color-scheme: dark) {
:root { --ink: #e6e6e6; --paper: #16181b; --rule: #3a3f45; --note: #ffc37d; --tint: #2b2318; } }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: var(--ink);
background: var(--paper); } h1 { font-size: 1.6rem; line-height: 1.25; overflow-wrap: anywhere; }
h2 { font-size: 1.2rem; margin-top: 2rem; } .wide, figure { overflow-x: auto; } .wide { margin: 1rem 0; }
table { border-collapse: collapse; } th { text-align: left; } th, td { padding: .3rem .8rem .3rem 0;
border-bottom: 1px solid var(--rule); vertical-align: top; } td:first-child { white-space: nowrap; }
td.number, th.number { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums; }
figure { margin: 1.5rem 0; } figcaption { font-weight: 600; margin-bottom: .5rem; }
svg { max-width: 100%; min-width: 32rem; height: auto; } svg text { font-size: 12px; fill: var(--ink); }
.note { color: var(--note); background: var(--tint); padding: .4rem .8rem; border-left: 3px solid var(--note); }
"""
_MOVES_SHOWN = 20
_POINTS_SHOWN = 10
_PAYMENTS_SHOWN = 50
_FIGURES = ("precision", "recall", "f1")


def replay_page(
    found: Summary, examples: Iterable[Mapping[str, Any]], settled: Resettled | None, *, policy: str, about: str
) -> str:
    """A replay: what would move in lines and money, how well the labels are met before and after, and examples.

    Args:
        found: the replay's figures.
        examples: flipped lines, the columns of `replay.FLIPS`.
        settled: what would be settled otherwise, where that is told.
        policy: the name and hash of the policy that was tried.
        about: one line on which lines, when.

    """
    metrics: dict[str, Any] = found.metrics
    body = [
        f"<p>{escape(about)}</p>",
        f"<p><strong>{found.flipped:,}</strong> of {found.lines:,} decided lines would flip.</p>",
        bars("What would move, in lines and money", _moved(found.matrix)),
        _notes(metrics["cannot_know"]),
        _table(["", "before", "after"], _before_and_after(metrics), numbers=(1, 2)),
        _drafts(found),
        *_settled(found, settled),
        "<h2>Some of the lines</h2>",
        _table(
            ["day", "amount", "stands as", "would be", "why"],
            (
                [str(row["day"]), money(row["amount"], row["currency"]), row["from"], row["to"], row["why"]]
                for row in examples
            ),
            numbers=(1,),
        ),
    ]
    return _page(f"Replay of {policy}", body)


def sweep_page(
    points: Sequence[dict[str, object]],
    finest: Sequence[dict[str, object]],
    knobs: Sequence[Knob],
    *,
    cannot_know: Sequence[str],
    in_force: Mapping[str, object],
    about: str,
) -> str:
    """A sweep: curves over one knob, or grids over two, the best points, and what cannot be known.

    Args:
        points: what `sweep.points` gives.
        finest: the best of them.
        knobs: what was moved.
        cannot_know: what the labels do not tell.
        in_force: by knob what the policy in force says.
        about: one line on which lines, when and under which condition.

    """
    told = [flat(point) for point in points]
    charts = _curves(told, knobs[0], in_force) if len(knobs) == 1 else _grids(told, knobs)
    names = [knob.name for knob in knobs]
    columns = [*names, "eligible", *_FIGURES, "naira_wrongly_drafted", "naira_missed"]
    rows = ([_cell(name, flat(point)[name], point) for name in columns] for point in finest[:_POINTS_SHOWN])
    headers = [name.replace("_", " ") if name not in names else name for name in columns]
    body = [f"<p>{escape(about)}</p>", _notes(cannot_know), *charts, "<h2>Best by F1, with 95 % intervals</h2>"]
    body.append(_table(headers, rows, numbers=range(len(columns))) if finest else "<p>No point.</p>")
    return _page(f"Sweep of {', '.join(names)}", body)


def _moved(matrix: Iterable[Mapping[str, Any]]) -> list[tuple[str, float, str]]:
    moved = [cell for cell in matrix if cell["from"] != cell["to"]]
    return [(f"{cell['from']} → {cell['to']}", float(cell["lines"]), _lines(cell)) for cell in moved[:_MOVES_SHOWN]]


def _settled(found: Summary, settled: Resettled | None) -> Iterable[str]:
    """Where lines would end, and which payments would be settled otherwise."""
    if settled is None:
        return
    figures: dict[str, Any] = settled.figures
    undone = figures["undone"]
    yield "<h2>Settlements</h2>"
    yield (
        f"<p>{figures['changed']:,} payments would be settled otherwise, {figures['other_days']:,} of them on other "
        f"days; {undone['linked']['settlements']:,} links would be undone, and {undone['accepted']['settlements']:,} "
        "settlements that a person accepted.</p>"
    )
    yield bars("Where lines would end, in lines and money", _moved(found.dispositions["matrix"]))
    told = settled.changes.drop_nulls("settled")
    rows = (
        [
            str(row["day"]),
            money(row["amount"], row["currency"]),
            row["settled"],
            row["would_settle"] or "nothing",
            row["why"],
        ]
        for row in told.head(_PAYMENTS_SHOWN).iter_rows(named=True)
    )
    if len(told):
        yield _table(["day", "amount", "is settled by", "would be", "why"], rows, numbers=(1,))


def _lines(cell: Mapping[str, object]) -> str:
    currency = cell["currency"]
    amount = money(int(str(cell["amount"])), str(currency) if currency else None)
    return f"{int(str(cell['lines'])):,} lines, {amount}"


def _before_and_after(metrics: dict[str, Any]) -> Iterable[list[str]]:
    sides = (metrics["before"], metrics["after"])
    yield ["labelled lines", *(f"{side['labels']:,}" for side in sides)]
    for name in _FIGURES:
        yield [name, *(worded(side[name], side[f"{name}_interval"]) for side in sides)]
    for name in _FIGURES:
        yield [f"{name} by naira", *(worded(side["naira"][name]) for side in sides)]
    if estimated := metrics["estimated"]:
        for name in ("precision", "recall"):
            told = (worded(estimated[side][name]) for side in ("before", "after"))
            yield [f"{name} of all lines, estimated", *told]
    for name in ("wrongly_drafted", "missed"):
        sums = (side["naira"][name] for side in sides)
        yield [f"naira {name.replace('_', ' ')}", *("unknown" if each is None else money(each, "NGN") for each in sums)]


def _drafts(found: Summary) -> str:
    drafts: dict[str, Any] = found.drafts
    minutes = found.review_minutes
    return (
        f"<p>{drafts['waiting_withdrawn']['lines']:,} drafts would be withdrawn; "
        f"{drafts['confirmed_contested']['lines']:,} that a person confirmed would be contested. "
        f"Looking at every eligible line takes {minutes['after']:,.0f} minutes instead of {minutes['before']:,.0f}.</p>"
    )


def _curves(told: Sequence[dict[str, Any]], knob: Knob, in_force: Mapping[str, object]) -> list[str]:
    at = [float(str(point[knob.name])) for point in told]
    now = in_force.get(knob.name)
    mark = None if now is None else float(str(now))

    def curve(name: str, column: str, scale: float = 1.0) -> Curve:
        known = [(x, point[column] * scale) for x, point in zip(at, told, strict=True) if point[column] is not None]
        band = [
            (x, point[f"{column}_low"], point[f"{column}_high"])
            for x, point in zip(at, told, strict=True)
            if point.get(f"{column}_low") is not None
        ]
        return Curve(name, known, band)

    shares = [curve(name, name) for name in _FIGURES]
    naira = [curve("wrongly drafted", "naira_wrongly_drafted", 0.01), curve("missed", "naira_missed", 0.01)]
    return [
        curves("By lines, with 95 % intervals; the dashed line is in force", shares, x_name=knob.name, mark=mark),
        curves("By naira", [curve(name, f"naira_{name}") for name in _FIGURES], x_name=knob.name, mark=mark),
        curves("Naira of labelled lines", naira, x_name=knob.name, mark=mark, percent=False),
    ]


def _grids(told: Sequence[dict[str, Any]], knobs: Sequence[Knob]) -> list[str]:
    """One grid a figure over the first two knobs; of further knobs the best point counts."""
    down, across = knobs[0], knobs[1]
    charts = []
    for name in _FIGURES:
        best: dict[tuple[Any, Any], float | None] = {}
        for point in told:
            key = (point[down.name], point[across.name])
            known = [value for value in (best.get(key), point[name]) if value is not None]
            best[key] = max(known, default=None)
        rows = [list(group) for _, group in groupby(best.items(), key=lambda each: each[0][0])]
        charts.append(
            shades(
                f"{name}: {down.name} down, {across.name} across",
                [[value for _, value in row] for row in rows],
                rows=[f"{row[0][0][0]}" for row in rows],
                columns=[f"{key[1]}" for key, _ in rows[0]],
            )
        )
    return charts


def _cell(name: str, value: object, point: Mapping[str, Any]) -> str:
    """A figure of a point, a share with its interval."""
    if value is None:
        return "unknown"
    if name.startswith("naira"):
        whole, decimals = major_units(int(str(value))).split(".")
        return f"{int(whole):,}.{decimals}"
    if isinstance(value, float):
        return worded(value, point.get(f"{name}_interval"))
    return f"{value:,}" if isinstance(value, int) else str(value)


def _notes(sentences: Sequence[str]) -> str:
    return "".join(f'<p class="note">{escape(sentence)}</p>' for sentence in sentences)


def _table(headers: Sequence[str], rows: Iterable[Sequence[str]], numbers: Iterable[int] = ()) -> str:
    right = set(numbers)

    def cells(tag: str, row: Sequence[str]) -> str:
        return "".join(
            f'<{tag} class="number">{escape(cell)}</{tag}>' if place in right else f"<{tag}>{escape(cell)}</{tag}>"
            for place, cell in enumerate(row)
        )

    body = "".join(f"<tr>{cells('td', row)}</tr>" for row in rows)
    return f'<div class="wide"><table><tr>{cells("th", headers)}</tr>{body}</table></div>'


def _page(title: str, body: Iterable[str]) -> str:
    policy = "default-src 'none'; style-src 'unsafe-inline'"
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"/>'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"/>'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}"/>'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head>"
        f"<body><h1>{escape(title)}</h1>{''.join(body)}</body></html>\n"
    )
