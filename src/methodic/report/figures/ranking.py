"""The ranking as a picture: test scores with their intervals."""

from __future__ import annotations

import html
import math
from typing import Any

from methodic.evidence.leaderboard import Leaderboard, Row
from methodic.report import cells
from methodic.report.drawing import COLOURS, Figure, label, layout, score_axis, short, window

_TOLD = 12
"""The caption tells so many scores, at most."""


def ranking(leaderboard: Leaderboard) -> Figure | None:
    """Test scores with their intervals, best on top; None when no row was confirmed.

    Thick lines are over seeds, thin ones over test rows. A row that would squeeze the others
    together is drawn at the edge, with its score beside it.
    """
    metric = leaderboard.metric
    rows = [row for row in leaderboard.rows if row.test is not None]
    if not rows:
        return None
    ends = [x for row in rows for x in _ends(row)]
    low, high = _axis(ends, [_mean(row) for row in rows], leaderboard.greater_is_better)
    data = []
    for kind, name, colour, symbol in (
        ("method", "networks", COLOURS[0], "circle"),
        ("baseline", "baselines", COLOURS[1], "diamond"),
    ):
        chosen = [row for row in rows if row.kind == kind]
        inside = [row for row in chosen if low <= _mean(row) <= high]
        if inside:
            data.append(_dots(inside, name, colour, symbol, metric))
        if any(row.rows for row in inside):
            data.append(_new_rows(inside, colour))
        outside = [row for row in chosen if row not in inside]
        if outside:
            data.append(_edge(outside, low, high, colour, metric))
    names = [cells.name(row) for row in rows]
    canvas = layout(80 + 38 * len(rows), f"{cells.title(metric)}, test rows")
    canvas["xaxis"] |= score_axis(metric, low, high)
    canvas["yaxis"] |= {
        "type": "category",
        "categoryorder": "array",
        "categoryarray": [html.escape(name) for name in names[::-1]],
        "tickvals": [html.escape(name) for name in names],
        "ticktext": [label(name) for name in names],
        "range": [-0.6, len(names) - 0.4],
        "fixedrange": True,
    }
    better = "higher" if leaderboard.greater_is_better else "lower"
    words = "; ".join(
        f"{cells.name(row)} {cells.interval(row.test, metric)}" for row in rows[:_TOLD]
    )
    words += f"; {len(rows) - _TOLD} more in the table" if len(rows) > _TOLD else ""
    return Figure(
        key="ranking",
        title=f"Ranking by {cells.title(metric)} on test rows",
        caption=f"Best first ({better} is better): {words}. {_lines(rows, leaderboard.about)} "
        "An arrow marks a score beyond the axis.",
        data=data,
        layout=canvas,
    )


def _axis(ends: list[float], means: list[float], greater_is_better: bool) -> tuple[float, float]:
    """The window, with room for every mark whose score lies inside."""
    low, high, _ = window(ends, greater_is_better)
    inside = [x for x in means if low <= x <= high]
    room = 0.04 * (high - low)
    return min(low, min(inside) - room), max(high, max(inside) + room)


def _lines(rows: list[Row], about: str) -> str:
    over = "splits of the data" if about == "data" else "seeds"
    if any(row.rows for row in rows):
        return f"Lines are 95% intervals: thick over {over}, thin over test rows."
    return f"Lines are 95% intervals over {over}."


def _mean(row: Row) -> float:
    return math.nan if row.test is None else row.test.mean


def _ends(row: Row) -> list[float]:
    known = [each for each in (row.test, row.rows) if each is not None]
    return [x for each in known for x in (each.low, each.mean, each.high) if x is not None]


def _dots(rows: list[Row], name: str, colour: str, symbol: str, metric: str) -> dict[str, Any]:
    half = [cells.half_width(row.test) if row.test else None for row in rows]
    return {
        "type": "scatter",
        "mode": "markers",
        "name": name,
        "x": short(_mean(row) for row in rows),
        "y": [html.escape(cells.name(row)) for row in rows],
        "error_x": {"type": "data", "array": short(x or 0 for x in half), "thickness": 2.5}
        | {"width": 0, "color": colour},
        "marker": {"color": colour, "symbol": symbol, "size": 11},
        "text": [cells.interval(row.test, metric) for row in rows],
        "hovertemplate": "%{y}: %{text}<extra></extra>",
    }


def _new_rows(rows: list[Row], colour: str) -> dict[str, Any]:
    """Thin lines behind the dots: what other test rows would have given; uneven about the mean."""
    ends = [
        (row.rows.low, row.rows.high)
        if row.rows and row.rows.low is not None and row.rows.high is not None
        else (_mean(row), _mean(row))
        for row in rows
    ]
    return {
        "type": "scatter",
        "mode": "markers",
        "showlegend": False,
        "hoverinfo": "skip",
        "x": short(_mean(row) for row in rows),
        "y": [html.escape(cells.name(row)) for row in rows],
        "error_x": {
            "type": "data",
            "symmetric": False,
            "array": short(
                max(high - _mean(row), 0) for row, (_, high) in zip(rows, ends, strict=True)
            ),
            "arrayminus": short(
                max(_mean(row) - low, 0) for row, (low, _) in zip(rows, ends, strict=True)
            ),
            "thickness": 1,
            "width": 4,
            "color": colour,
        },
        "marker": {"color": colour, "size": 1},
    }


def _edge(rows: list[Row], low: float, high: float, colour: str, metric: str) -> dict[str, Any]:
    left = [_mean(row) < low for row in rows]
    inset = 0.015 * (high - low)
    return {
        "type": "scatter",
        "mode": "markers+text",
        "showlegend": False,
        "cliponaxis": False,
        "x": short(low + inset if each else high - inset for each in left),
        "y": [html.escape(cells.name(row)) for row in rows],
        "marker": {
            "color": colour,
            "symbol": ["triangle-left" if each else "triangle-right" for each in left],
            "size": 11,
        },
        "text": [f" {cells.score(_mean(row), metric)} " for row in rows],
        "textposition": ["middle right" if each else "middle left" for each in left],
        "hovertemplate": "%{y}: %{text}<extra></extra>",
    }
