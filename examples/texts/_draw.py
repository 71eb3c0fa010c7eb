"""Small pictures as SVG: lines, and dots with intervals. Colours that read on light and dark pages.

480 units wide with letters of 14, so that they can still be read on a phone 400 pixels wide.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

WIDTH, LETTERS = 480, 14
INK, FAINT = "#7d8794", "#7d879455"
COLOURS = ("#2f86d1", "#dd7a1f", "#2f9e6b", "#a05fd0", "#d2455a", "#8a8f3c", "#14a3ac", "#c2559b")
DASHES = ("", "7 4", "2 3", "9 3 2 3", "12 4", "4 2", "1 2", "6 2 1 2")
RAISED = str.maketrans("0123456789-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻")

Number = float | int


@dataclass(frozen=True)
class Line:
    """A named curve; ``dots`` draws its points alone."""

    name: str
    x: Sequence[float]
    y: Sequence[float]
    dots: bool = False


@dataclass(frozen=True)
class Span:
    """A named mean with the ends of its interval."""

    name: str
    mean: float
    low: float
    high: float


def shown(value: Number) -> str:
    """A number as the pages print it: three digits, powers of ten where it is far from 1."""
    if isinstance(value, int) and abs(value) < 10**6:
        return f"{value:,}"
    if value == 0 or 1e-3 <= abs(value) < 1e5:
        return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
    digits, power = f"{value:.2e}".split("e")
    return f"{digits}·10{str(int(power)).translate(RAISED)}"


@dataclass(frozen=True)
class _Axis:
    """From data to the picture's units."""

    low: float
    high: float
    start: float
    end: float
    log: bool

    def at(self, value: float) -> float:
        place = math.log10(value) if self.log else value
        return self.start + (place - self.low) / (self.high - self.low) * (self.end - self.start)

    def ticks(self) -> list[tuple[float, str]]:
        span = self.high - self.low
        if self.log:
            every = next(n for n in (1, 2, 3, 5, 10, 20, 50, 100) if span / n <= 5 or n == 100)
            first = math.ceil(self.low / every - 1e-9) * every
            powers = range(first, math.floor(self.high + 1e-9) + 1, every)
            return [(10.0**p, _power(p)) for p in powers]
        rough = span / 4
        unit = 10.0 ** math.floor(math.log10(rough))
        gap = unit * min((1, 2, 2.5, 5, 10), key=lambda factor: abs(factor * unit - rough))
        first = math.ceil(self.low / gap - 1e-9)
        return [(k * gap, f"{k * gap:g}") for k in range(first, math.floor(self.high / gap) + 1)]


def _power(p: int) -> str:
    if -3 <= p <= 3:
        return f"{10.0**p:g}"
    return f"10{str(p).translate(RAISED)}"


def _axis(values: Sequence[float], start: float, end: float, log: bool, room: float) -> _Axis:
    places = [math.log10(v) if log else v for v in values]
    low, high = min(places), max(places)
    spare = (high - low) * room if high > low else 1.0
    return _Axis(low - spare, high + spare, start, end, log)


def _text(x: float, y: float, words: str, anchor: str = "start", colour: str = INK) -> str:
    where = f'x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"'
    return f'<text {where} fill="{colour}">{escape(words)}</text>'


def _stroke(x1: float, y1: float, x2: float, y2: float, colour: str, width: float = 1) -> str:
    return (
        f'<path d="M{x1:.1f} {y1:.1f}L{x2:.1f} {y2:.1f}" stroke="{colour}" stroke-width="{width}"/>'
    )


def _dash(i: int) -> str:
    return f' stroke-dasharray="{DASHES[i]}"' if DASHES[i] else ""


def _page(height: float, title: str, parts: Sequence[str]) -> str:
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:.0f}" '
            f'width="{WIDTH}" height="{height:.0f}" fill="none" font-family="system-ui, '
            f'-apple-system, Segoe UI, Helvetica, Arial, sans-serif" font-size="{LETTERS}">',
            f"<title>{escape(title)}</title>",
            *parts,
            "</svg>\n",
        ]
    )


def _legend(curves: Sequence[Line], left: float, top: float) -> tuple[list[str], float]:
    """Names beside their marks, in as many rows as they need; and where the next thing begins."""
    parts, x, y = [], left, top
    for i, curve in enumerate(curves):
        name, colour = curve.name, COLOURS[i]
        wide = 30 + 7.4 * len(name) + 16
        if x > left and x + wide > WIDTH:
            x, y = left, y + 20
        if curve.dots:
            parts.append(f'<circle cx="{x + 12:.0f}" cy="{y - 5:.0f}" r="4" fill="{colour}"/>')
        else:
            parts.append(
                f'<path d="M{x:.0f} {y - 5:.0f}h24" stroke="{colour}" stroke-width="3"{_dash(i)}/>'
            )
        parts.append(_text(x + 30, y, name, colour=colour))
        x += wide
    return parts, y + 12


def _thinned(line: Line, log: bool, most: int = 160) -> list[tuple[float, float]]:
    """At most so many points, evenly spread on the axis, so that pictures stay small."""
    pairs = [p for p in zip(line.x, line.y, strict=True) if math.isfinite(p[1])]
    if len(pairs) <= most or line.dots:
        return pairs
    last = len(pairs) - 1
    if log:
        kept = {round(last ** (i / (most - 1))) for i in range(most)} | {0}
    else:
        kept = {round(last * i / (most - 1)) for i in range(most)}
    return [pairs[i] for i in sorted(kept)]


def lines(
    title: str,
    curves: Sequence[Line],
    *,
    x: str,
    y: str,
    log_x: bool = False,
    log_y: bool = False,
    floor: float | None = None,
) -> str:
    """Curves over one pair of axes.

    Args:
        title: what the picture shows; for readers who can't see it.
        curves: at most eight. Values that a logarithm can't take are left out.
        x, y: what the axes count.
        log_x, log_y: by powers of ten.
        floor: the least value drawn; smaller ones are raised to it.
    """
    taken = []
    for curve in curves:
        raised = [v if floor is None else max(v, floor) for v in curve.y]
        points = [
            (a, b)
            for a, b in _thinned(Line(curve.name, curve.x, raised, curve.dots), log_x)
            if (a > 0 or not log_x) and (b > 0 or not log_y)
        ]
        taken.append(points)
    parts, top = _legend(curves, 8, 18)
    parts.append(_text(8, top + 12, y))
    top += 24
    bottom, left, right = top + 210, 62, WIDTH - 22
    across = _axis([a for points in taken for a, _ in points], left, right, log_x, 0)
    up = _axis([b for points in taken for _, b in points], bottom, top, log_y, 0.04)
    for value, words in up.ticks():
        parts.append(_stroke(left, up.at(value), right, up.at(value), FAINT))
        parts.append(_text(left - 8, up.at(value) + 5, words, "end"))
    for value, words in across.ticks():
        parts.append(_stroke(across.at(value), bottom, across.at(value), bottom + 5, INK))
        parts.append(_text(across.at(value), bottom + 20, words, "middle"))
    parts.append(_stroke(left, bottom, right, bottom, INK))
    parts.append(_text(right, bottom + 40, x, "end"))
    for i, (curve, points) in enumerate(zip(curves, taken, strict=True)):
        places = [(across.at(a), up.at(b)) for a, b in points]
        if curve.dots:
            size = 3 if len(places) > 10 else 6
            parts += [
                f'<circle cx="{a:.1f}" cy="{b:.1f}" r="{size}" fill="{COLOURS[i]}" '
                'fill-opacity="0.7"/>'
                for a, b in places
            ]
        else:
            drawn = "L".join(f"{a:.1f} {b:.1f}" for a, b in places)
            parts.append(
                f'<path d="M{drawn}" stroke="{COLOURS[i]}" stroke-width="2.5" '
                f'stroke-linejoin="round"{_dash(i)}/>'
            )
    return _page(bottom + 52, title, parts)


def spans(title: str, rows: Sequence[Span], *, x: str, digits: int = 1) -> str:
    """A dot and its interval for each row, named above it."""
    top, gap, left, right = 10, 48, 14, WIDTH - 24
    bottom = top + gap * len(rows) + 8
    ends = [end for row in rows for end in (row.low, row.high)]
    across = _axis(ends, left, right, False, 0.08)
    parts = []
    for value, words in across.ticks():
        parts.append(_stroke(across.at(value), top, across.at(value), bottom, FAINT))
        parts.append(_text(across.at(value), bottom + 20, words, "middle"))
    parts.append(_stroke(left, bottom, right, bottom, INK))
    parts.append(_text(right, bottom + 40, x, "end"))
    for i, row in enumerate(rows):
        colour, y = COLOURS[i], top + gap * i + 34
        parts.append(_text(left, y - 16, f"{row.name}: {row.mean:.{digits}f}", colour=colour))
        parts.append(_stroke(across.at(row.low), y, across.at(row.high), y, colour, 3))
        parts.append(f'<circle cx="{across.at(row.mean):.1f}" cy="{y}" r="5.5" fill="{colour}"/>')
    return _page(bottom + 52, title, parts)


def ranking(title: str, rows: Sequence[tuple[str, float]], *, x: str, low: float = 1e-8) -> str:
    """A named dot on a logarithmic axis for each row; what is below ``low`` is drawn there."""
    top, gap, left, right = 8, 22, 214, WIDTH - 16
    bottom = top + gap * len(rows) + 4
    across = _axis([low, 1.0], left, right, True, 0.03)
    parts = []
    for value, words in across.ticks():
        parts.append(_stroke(across.at(value), top, across.at(value), bottom, FAINT))
        parts.append(_text(across.at(value), bottom + 20, words, "middle"))
    for i, (name, value) in enumerate(rows):
        place, y = across.at(min(max(value, low), 1.0)), top + gap * i + 14
        parts.append(_text(left - 12, y + 5, name, "end"))
        parts.append(_stroke(left, y, place, y, FAINT))
        parts.append(f'<circle cx="{place:.1f}" cy="{y}" r="4.5" fill="{COLOURS[0]}"/>')
    parts.append(_stroke(left, bottom, right, bottom, INK))
    parts.append(_text(right, bottom + 40, x, "end"))
    return _page(bottom + 52, title, parts)


def command(
    about: str | None, numbers: Callable[[], Mapping[str, Number]], picture: Callable[[], str]
) -> None:
    """What a script does when it is run: print its numbers, and draw its picture where asked."""
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("--picture", metavar="FILE", help="draw an SVG into this file, too")
    arguments = parser.parse_args()
    report(numbers())
    if arguments.picture:
        Path(arguments.picture).write_text(picture(), encoding="utf-8")


def report(numbers: Mapping[str, Number]) -> None:
    """Print numbers by name."""
    width = max(len(name) for name in numbers)
    for name, value in numbers.items():
        print(f"{name:{width}}  {shown(value)}")
