"""All searched numbers side by side, each candidate a line."""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import Any

import numpy as np

from methodic.evidence.axes import Axis
from methodic.evidence.searched import Tuning
from methodic.report import cells
from methodic.report.drawing import COLOURS, MUTED, Figure, clear, layout, short
from methodic.report.figures.search_pairs import FEWEST_MARKS, Pairs, scored, share
from methodic.report.figures.search_scales import ticks

MOST = 7
"""So many numbers stand side by side on a phone."""
LINES = 150
"""So many candidates can be told apart as lines, the best ones."""


def parallel(
    tuning: Tuning, axis: Sequence[Axis], metric: str, greater_is_better: bool
) -> Figure | None:
    """Each candidate as a line through all its numbers, the better ones in stronger colour.

    Args:
        tuning: of one method.
        axis: its numbers, the most important first.
        metric: what the scores are.
        greater_is_better: its direction.

    Returns:
        The figure; None with fewer than two numbers or five candidates.
    """
    sign = 1.0 if greater_is_better else -1.0
    pairs = sorted(scored(tuning, ()), key=lambda pair: sign * pair[1])[-LINES:]
    having = {each.path: sum(each.path in one.setting for one, _ in pairs) for each in axis}
    shown = sorted(axis[:MOST], key=lambda each: -having[each.path])  # gaps at the end
    if len(shown) < 2 or len(pairs) < FEWEST_MARKS:
        return None
    names = cells.short_names([each.path for each in axis])
    canvas = layout(430, "")
    canvas["showlegend"] = True
    canvas["margin"] |= {"t": 28, "b": 40}
    columns = [html.escape(names[each.path]) for each in shown] + ["score"]
    canvas["xaxis"] |= {
        "tickvals": list(range(len(columns))),
        "ticktext": columns,
        "range": [-0.45, len(columns) - 0.55],
        "showgrid": False,
        "side": "bottom",
        "title": {"text": "numbers, and the score", "font": {"size": 13}},
    }
    canvas["yaxis"] |= {"visible": False, "range": [-0.09, 1.09]}
    canvas["shapes"] = [_rail(i) for i in range(len(columns))]
    ends = _ends([x for _, x in pairs], metric, greater_is_better)
    canvas["annotations"] = [
        _mark(i, y, words) for i, each in enumerate(shown) for y, words in _words(each)
    ] + [_mark(len(shown), y, words) for y, words in ends]
    return Figure(
        key="parallel",
        title=f"{tuning.name}: all numbers side by side",
        caption=f"Each line is one of the {len(pairs)} candidates; the best fifth is in strong "
        "colour. Where strong lines gather, a number matters; a line has a gap where a number "
        "does not exist for it.",
        data=_lines(pairs, shown),
        layout=canvas,
    )


def _lines(pairs: Pairs, shown: Sequence[Axis]) -> list[dict[str, Any]]:
    """Two traces: the best fifth, and the others behind it. ``pairs``: from the worst."""
    best = max(len(pairs) // 5, 1)
    heights = np.linspace(0.0, 1.0, len(pairs))
    looks = (
        ("others", slice(0, len(pairs) - best), clear(MUTED, 0.45), 1.0),
        ("best fifth", slice(len(pairs) - best, None), clear(COLOURS[0], 0.9), 1.75),
    )
    data = []
    for name, part, colour, width in looks:
        x: list[float | None] = []
        y: list[float | None] = []
        for (one, _), height in zip(pairs[part], heights[part], strict=True):
            x += [*range(len(shown) + 1), None]
            y += [share(each, one) if each.path in one.setting else None for each in shown]
            y += [float(height), None]
        data.append(
            {
                "type": "scatter",
                "mode": "lines+markers",
                "name": name,
                "line": {"color": colour, "width": width},
                "marker": {"size": 3, "color": colour},
                "x": x,
                "y": short(y),
                "hoverinfo": "skip",
            }
        )
    return data


def _rail(i: int) -> dict[str, Any]:
    style = {"color": MUTED, "width": 1}
    return {"type": "line", "layer": "below", "line": style, "x0": i, "x1": i, "y0": 0, "y1": 1}


def _words(axis: Axis) -> list[tuple[float, str]]:
    """What stands at an axis: its ends, or its options."""
    if axis.scale == "options":
        _, words = ticks(axis)
        last = max(len(words) - 1, 1)
        return [(i / last, word) for i, word in enumerate(words)]
    return [(0.0, f"{axis.low:.3g}"), (1.0, f"{axis.high:.3g}")]


def _ends(scores: Sequence[float], metric: str, greater: bool) -> list[tuple[float, str]]:
    worst, best = sorted((min(scores), max(scores)), reverse=not greater)
    return [(0.0, cells.score(worst, metric)), (1.0, cells.score(best, metric))]


def _mark(i: int, y: float, words: str) -> dict[str, Any]:
    """Words at an axis: ends beyond it, options beside it."""
    below, above = y == 0, y == 1
    return {
        "x": i,
        "y": y,
        "text": words,
        "showarrow": False,
        "font": {"size": 11},
        "xanchor": "center" if below or above else "left",
        "xshift": 0 if below or above else 4,
        "yanchor": "top" if below else "bottom" if above else "middle",
        "yshift": -3 if below else 3 if above else 0,
    }
