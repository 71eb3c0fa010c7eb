"""What the figures share: the look of a method, axes, short numbers.

Colours are middle tones that read on white and on black; text and grid are coloured by the page.
Names from outside are escaped here, since plotly reads some HTML in labels.
"""

from __future__ import annotations

import html
import json
import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from methodic.metrics import METRICS

COLOURS = (
    "#3d85c6",
    "#e07b39",
    "#2f9e77",
    "#c2559d",
    "#8072d6",
    "#b58a1b",
    "#1aa0b5",
    "#9c6b4f",
)
SQUARE = 640
"""Pixels, at most, of a figure whose both axes go from 0 to 1."""
MUTED = "#8a949e"
"""What stands behind: zero lines, effects that were not detected."""
_DASHES = ("solid", "dash", "dot", "dashdot")
_SYMBOLS = ("circle", "square", "diamond", "triangle-up")


@dataclass(frozen=True)
class Figure:
    """A figure for the page. ``caption`` says in words what the picture shows."""

    key: str
    title: str
    caption: str
    data: list[dict[str, Any]]
    layout: dict[str, Any]
    widest: int = 0  # pixels; 0: as wide as the page

    def json(self) -> str:
        """What plotly draws; without "<", so that no text in it can end a script element."""
        document = {"data": self.data, "layout": self.layout}
        text = json.dumps(document, separators=(",", ":"), allow_nan=False)
        return text.replace("<", "\\u003c")


@dataclass(frozen=True)
class Style:
    """How one method is drawn, in every figure alike."""

    colour: str
    dash: str
    symbol: str


def styles(methods: Iterable[str]) -> dict[str, Style]:
    """A colour for each method; past eight, line and marker change too."""
    n = len(COLOURS)
    return {
        method: Style(COLOURS[i % n], _DASHES[i // n % 4], _SYMBOLS[i // n % 4])
        for i, method in enumerate(methods)
    }


def window(scores: Iterable[float], greater_is_better: bool) -> tuple[float, float, bool]:
    """The part of an axis worth showing: from the best score to the worst that isn't an outlier.

    It reaches from the best score at most twice as far as to the worst quarter of them.

    Returns:
        (low, high, whether some scores lie beyond).
    """
    sign = 1.0 if greater_is_better else -1.0
    values = sign * np.asarray([x for x in scores if math.isfinite(x)])
    top, worst = float(values.max()), float(values.min())
    quarter = float(np.quantile(values, 0.25))
    edge = max(worst, top - 2 * (top - quarter)) if quarter < top else worst
    margin = 0.06 * (top - edge) or 0.02 * abs(top) or 0.01
    low, high = sorted((sign * (top + margin), sign * (edge - margin)))
    return low, high, worst < edge - margin


def layout(height: int, x: str, y: str = "") -> dict[str, Any]:
    """The canvas: ``height`` in pixels, the titles of both axes."""
    clear = "rgba(0,0,0,0)"

    def heading(words: str) -> dict[str, Any]:
        return {"text": words, "font": {"size": 13}, "standoff": 12}

    axis = {"automargin": True, "zeroline": False, "ticks": "", "tickfont": {"size": 12}}
    return {
        "height": height,
        "autosize": True,
        "margin": {"l": 8, "r": 14, "t": 8, "b": 8},
        "paper_bgcolor": clear,
        "plot_bgcolor": clear,
        "font": {"family": "system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif", "size": 13},
        "hovermode": "closest",
        "hoverlabel": {"font": {"color": "#ffffff"}, "namelength": -1},
        "showlegend": True,
        "legend": {"orientation": "h", "x": 0, "xanchor": "left", "y": 1.02, "yanchor": "bottom"},
        "xaxis": axis | {"title": heading(x)},
        "yaxis": axis | {"title": heading(y)},
    }


def score_axis(metric: str, low: float, high: float) -> dict[str, Any]:
    axis: dict[str, Any] = {"range": [digits(low), digits(high)]}
    if METRICS[metric].percent:
        axis["tickformat"] = ".0%" if high - low > 0.05 else ".1%" if high - low > 0.005 else ".2%"
    return axis


def hover_format(metric: str) -> str:
    return ".1%" if METRICS[metric].percent else ".4~g"


def label(name: str) -> str:
    """A name that leaves room for the picture on a phone."""
    return html.escape(name if len(name) <= 22 else name[:20] + "…")


def tag(name: str) -> str:
    """A shorter one, with both ends: names of classes often differ at their end only."""
    return html.escape(name if len(name) <= 14 else f"{name[:7]}…{name[-6:]}")


def legend_below() -> dict[str, Any]:
    """A legend of many names, under the picture instead of above it."""
    return {
        "orientation": "h",
        "x": 0,
        "xanchor": "left",
        "y": -0.16,
        "yanchor": "top",
        "font": {"size": 12},
    }


def line(**ends: float | str) -> dict[str, Any]:
    """A dashed line behind the data, as the zero of an axis; ``ends`` are plotly's x0, x1, …"""
    style = {"color": MUTED, "width": 1.25, "dash": "dash"}
    return {"type": "line", "layer": "below", "line": style, **ends}


def clear(colour: str, opacity: float) -> str:
    """A colour that lets the paper through, so that it suits light and dark.

    Example:
        >>> clear("#3d85c6", 0.5)
        'rgba(61,133,198,0.5)'
    """
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red},{green},{blue},{opacity:g})"


def short(values: Iterable[float | None]) -> list[float | None]:
    return [None if x is None or not math.isfinite(x) else digits(x) for x in values]


def digits(x: float) -> float:
    return float(f"{x:.5g}")
