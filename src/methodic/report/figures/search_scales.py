"""Axes of searched numbers and choices in figures: ticks, and several of them below each other.

All are even axes in the units of `Axis.place`, so that numbers on logarithmic, linear and named
axes can be drawn by the same few lines; the ticks say what stands there.
"""

from __future__ import annotations

import html
import math
from collections.abc import Sequence
from typing import Any

from methodic.evidence.axes import Axis
from methodic.report.drawing import MUTED, digits, tag

MOST_TICKS = 6
_MARGIN = 0.04  # of an axis, beyond its ends


def ticks(axis: Axis) -> tuple[list[float], list[str]]:
    """Where ticks stand, and their words.

    Example:
        >>> ticks(Axis("lr", "log", low=0.001, high=0.1))
        ([-3.0, -2.0, -1.0], ['0.001', '0.01', '0.1'])
    """
    if axis.scale == "options":
        return [float(i) for i in range(len(axis.options))], [word(x) for x in axis.options]
    low, high = axis.ends
    if axis.scale == "log":
        first, last = math.ceil(low - 1e-9), math.floor(high + 1e-9)
        if last > first:
            every = math.ceil((last - first + 1) / MOST_TICKS)
            places = [float(k) for k in range(first, last + 1, every)]
            return places, [f"{10**k:g}" for k in places]
        found = [low, (low + high) / 2, high]
        return found, [f"{10**x:.2g}" for x in found]
    step = _round((high - low) / (MOST_TICKS - 1))
    whole = range(math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9) + 1)
    return [k * step for k in whole], [f"{k * step:.3g}" for k in whole]


def _round(x: float) -> float:
    """The next number of the kind 1, 2, 5, 10, … that isn't smaller."""
    power: float = 10 ** math.floor(math.log10(x))
    return next(k * power for k in (1, 2, 5, 10) if k * power >= x * (1 - 1e-9))


def word(value: object) -> str:
    """An option on an axis."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return tag(value) if isinstance(value, str) else f"{value:g}"


def scale(axis: Axis) -> dict[str, Any]:
    """The part of a plotly axis that is about what stands where."""
    places, words = ticks(axis)
    low, high = axis.ends
    margin = 0.5 if axis.scale == "options" else _MARGIN * (high - low)
    return {
        "tickvals": [digits(x) for x in places],
        "ticktext": words,
        "range": [digits(low - margin), digits(high + margin)],
    }


def stacked(canvas: dict[str, Any], heights: int, gap: int, titles: Sequence[str]) -> None:
    """Make room for rows of axes below each other: xaxis, xaxis2, … each with its y axis.

    Args:
        canvas: of one row, as `layout` makes it; gets one x and one y axis for each title, copied
            from the first, whose ranges are still to be set.
        heights: pixels of a row.
        gap: pixels between two, for ticks and title of the upper one.
        titles: of the x axes.
    """
    n = len(titles)
    whole = n * heights + (n - 1) * gap
    x, y = canvas["xaxis"], canvas["yaxis"]
    for i, title in enumerate(titles):
        name = "" if i == 0 else str(i + 1)
        top = 1 - i * (heights + gap) / whole
        heading = x["title"] | {"text": title, "standoff": 4}
        canvas[f"xaxis{name}"] = x | {"title": heading, "anchor": f"y{name}"}
        canvas[f"yaxis{name}"] = y | {
            "anchor": f"x{name}",
            "domain": [max(0.0, digits(top - heights / whole)), digits(top)],
        }
    canvas["height"] = whole + 2 * gap


def crosses(x: Sequence[float], bad: float, words: Sequence[str]) -> dict[str, Any]:
    """Marks at the bad end of the scores, for candidates that diverged."""
    return {
        "type": "scatter",
        "mode": "markers",
        "name": "diverged",
        "showlegend": False,
        "cliponaxis": False,
        "marker": {
            "color": MUTED,
            "size": 9,
            "symbol": "x-thin",
            "line": {"width": 2, "color": MUTED},
        },
        "x": list(x),
        "y": [digits(bad)] * len(x),
        "text": [html.escape(each) for each in words],
        "hovertemplate": "%{text}: diverged<extra></extra>",
    }
