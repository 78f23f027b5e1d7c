"""Charts as SVG, by themselves and without any script: curves with a band, bars, and a grid of shades.

Pure text from numbers; all words in them are escaped. They carry their own colours and no outside address.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

_WIDTH, _HEIGHT = 640, 300
_LEFT, _RIGHT, _TOP, _BOTTOM = 70, 16, 16, 44
_COLOURS = ("#1b6ca8", "#b3541e", "#3d7a3a", "#7a3d74")
_TICKS = 5
_BAR_HEIGHT, _BAR_WIDTH = 46, 380
_MOST_CELLS = 60
"""Of each side of a grid of shades: more are thinned out."""

Point = tuple[float, float]


@dataclass(frozen=True)
class Curve:
    """A line through points, with a band where each is known to lie."""

    name: str
    points: Sequence[Point]
    band: Sequence[tuple[float, float, float]] = ()
    """x, low and high."""


def curves(title: str, found: Sequence[Curve], *, x_name: str, mark: float | None = None, percent: bool = True) -> str:
    """Curves over one axis; `mark` is the value in force."""
    every = [point for curve in found for point in curve.points]
    if not every:
        return _empty(title)
    x = _Scale([at for at, _ in every] + ([mark] if mark is not None else []), _LEFT, _WIDTH - _RIGHT)
    heights = [0.0, 1.0] if percent else [0.0, *(height for _, height in every)]
    y = _Scale(heights, _HEIGHT - _BOTTOM, _TOP)
    parts = [_axes(x, y, x_name, percent=percent)]
    if mark is not None:
        at = x.place(mark)
        parts.append(
            f'<line x1="{at}" x2="{at}" y1="{_TOP}" y2="{_HEIGHT - _BOTTOM}" stroke="#888" stroke-dasharray="4"/>'
        )
    for curve, colour in zip(found, _COLOURS, strict=False):
        if curve.band:
            edge = [(at, high) for at, _, high in curve.band] + [(at, low) for at, low, _ in reversed(curve.band)]
            parts.append(f'<polygon points="{_path(edge, x, y)}" fill="{colour}" opacity="0.15"/>')
        parts.append(f'<polyline points="{_path(curve.points, x, y)}" fill="none" stroke="{colour}" stroke-width="2"/>')
    return _figure(title, "".join(parts), _legend([curve.name for curve in found]))


def bars(title: str, found: Sequence[tuple[str, float, str]]) -> str:
    """One bar a row: its name, its length, and what is written beside it."""
    if not found:
        return _empty(title)
    longest = max(length for _, length, _ in found) or 1.0
    parts = []
    for place, (name, length, told) in enumerate(found):
        top = place * _BAR_HEIGHT
        width = max(1.0, _BAR_WIDTH * length / longest)
        parts.append(f'<text x="0" y="{top + 14}">{escape(name)}</text>')
        parts.append(f'<rect x="0" y="{top + 20}" width="{width:.1f}" height="16" fill="{_COLOURS[0]}"/>')
        parts.append(f'<text x="{width + 6:.1f}" y="{top + 33}">{escape(told)}</text>')
    return _figure(title, "".join(parts), "", height=_BAR_HEIGHT * len(found) + 8)


def shades(title: str, values: Sequence[Sequence[float | None]], *, rows: Sequence[str], columns: Sequence[str]) -> str:
    """A grid whose cells are the darker the higher their share is; a cell that nothing is known of is left open."""
    down = _thinned(len(values))
    across = _thinned(len(columns))
    wide, high = (_WIDTH - _LEFT - _RIGHT) / max(len(across), 1), (_HEIGHT - _TOP - _BOTTOM) / max(len(down), 1)
    known = [value for row in values for value in row if value is not None]
    least, most = min(known, default=0.0), max(known, default=1.0)
    parts = []
    for place, row in enumerate(down):
        for number, column in enumerate(across):
            value = values[row][column]
            depth = 0.0 if value is None else 0.1 + 0.9 * (value - least) / ((most - least) or 1.0)
            left, top = _LEFT + number * wide, _TOP + place * high
            told = f"{rows[row]}, {columns[column]}: {'unknown' if value is None else f'{value:.1%}'}"
            parts.append(
                f'<rect x="{left:.1f}" y="{top:.1f}" width="{wide:.1f}" height="{high:.1f}" fill="{_COLOURS[0]}"'
                f' opacity="{depth:.3f}"><title>{escape(told)}</title></rect>'
            )
    for place in (0, len(down) - 1):
        top = _TOP + place * high + high / 2 + 4
        parts.append(f'<text x="{_LEFT - 6}" y="{top:.1f}" text-anchor="end">{escape(rows[down[place]])}</text>')
    for number in (0, len(across) - 1):
        left = _LEFT + number * wide + wide / 2
        told = escape(columns[across[number]])
        parts.append(f'<text x="{left:.1f}" y="{_HEIGHT - _BOTTOM + 16}" text-anchor="middle">{told}</text>')
    return _figure(title, "".join(parts), f"from {least:.1%} (light) to {most:.1%} (dark)")


def _thinned(count: int) -> list[int]:
    return list(range(0, count, max(1, -(-count // _MOST_CELLS))))


class _Scale:
    """From values to places on the picture."""

    def __init__(self, values: Sequence[float], first: float, last: float) -> None:
        self.low, self.high = min(values), max(values)
        self._first, self._last = first, last

    def place(self, value: float) -> float:
        """Where a value stands."""
        part = (value - self.low) / ((self.high - self.low) or 1.0)
        return round(self._first + part * (self._last - self._first), 1)

    def ticks(self) -> list[float]:
        """A few values, evenly spread."""
        return [self.low + (self.high - self.low) * step / (_TICKS - 1) for step in range(_TICKS)]


def _axes(x: _Scale, y: _Scale, x_name: str, *, percent: bool) -> str:
    parts = []
    for value in y.ticks():
        at = y.place(value)
        told = f"{value:.0%}" if percent else _short(value)
        parts.append(f'<line x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{at}" y2="{at}" stroke="#ddd"/>')
        parts.append(f'<text x="{_LEFT - 6}" y="{at + 4}" text-anchor="end">{told}</text>')
    below = _HEIGHT - _BOTTOM + 16
    parts += [f'<text x="{x.place(at)}" y="{below}" text-anchor="middle">{_short(at)}</text>' for at in x.ticks()]
    middle = (_LEFT + _WIDTH - _RIGHT) / 2
    parts.append(f'<text x="{middle}" y="{_HEIGHT - 8}" text-anchor="middle">{escape(x_name)}</text>')
    return "".join(parts)


def _short(value: float) -> str:
    for size, name in ((1e9, "bn"), (1e6, "m"), (1e4, "k")):
        if abs(value) >= size:
            return f"{value / (1e3 if name == 'k' else size):,.4g}{name}"
    return f"{value:,.4g}"


def _path(points: Sequence[Point], x: _Scale, y: _Scale) -> str:
    return " ".join(f"{x.place(at)},{y.place(height)}" for at, height in points)


def _legend(names: Sequence[str]) -> str:
    return " ".join(
        f'<span style="color:{colour}">&#9632; {escape(name)}</span>'
        for name, colour in zip(names, _COLOURS, strict=False)
    )


def _figure(title: str, drawn: str, legend: str, *, height: int = _HEIGHT, width: int = _WIDTH) -> str:
    return (
        f"<figure><figcaption>{escape(title)}</figcaption>"
        f'<svg viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img">'
        f"<title>{escape(title)}</title>{drawn}</svg>{f'<p>{legend}</p>' if legend else ''}</figure>"
    )


def _empty(title: str) -> str:
    return f"<figure><figcaption>{escape(title)}</figcaption><p>Nothing to draw.</p></figure>"
