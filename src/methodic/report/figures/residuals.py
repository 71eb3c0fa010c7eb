"""Where a regression errs: residuals against predictions, and how they are spread."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from methodic.evidence.closer.residuals import Residuals
from methodic.report import cells
from methodic.report.drawing import COLOURS, Figure, clear, layout, line, short


def scatter(found: Residuals) -> Figure | None:
    """Residuals against predictions, with the band that holds most of them; None without rows."""
    if not found.points:
        return None
    canvas = layout(430, "predicted", "residual: true − predicted")
    canvas["showlegend"] = False
    canvas["shapes"] = [line(x0=0, x1=1, y0=0, y1=0, xref="paper"), *_band(found, "y")]
    return Figure(
        key="residuals",
        title="Where the predictions err",
        caption=f"Residuals of {len(found.points):,} test rows; above zero the truth is larger "
        f"than the prediction. Mean {cells.number(found.bias)}, standard deviation "
        f"{cells.number(found.deviation)}, in units of the target. {_promise(found)}",
        data=[
            {
                "type": "scatter",
                "mode": "markers",
                "marker": {"color": clear(COLOURS[0], 0.5), "size": 5},
                "x": short(x for x, _ in found.points),
                "y": short(y for _, y in found.points),
                "hovertemplate": "predicted %{x:.4~g}, residual %{y:.4~g}<extra></extra>",
            }
        ],
        layout=canvas,
    )


def histogram(found: Residuals) -> Figure | None:
    """How many test rows have which residual; None without rows."""
    if not any(found.counts):
        return None
    edges = found.edges
    canvas = layout(340, "residual: true − predicted", "test rows")
    canvas |= {"showlegend": False, "bargap": 0.04}
    canvas["shapes"] = [line(x0=0, x1=0, y0=0, y1=1, yref="paper"), *_band(found, "x")]
    most = max(range(len(found.counts)), key=lambda i: found.counts[i])
    return Figure(
        key="residual-histogram",
        title="How the errors are spread",
        caption=f"{sum(found.counts):,} test rows by their residual; most rows, "
        f"{found.counts[most]:,}, lie between {cells.number(edges[most])} and "
        f"{cells.number(edges[most + 1])}. {_promise(found)}",
        data=[
            {
                "type": "bar",
                "marker": {"color": COLOURS[0], "line": {"width": 0}},
                "x": short((a + b) / 2 for a, b in pairwise(edges)),
                "width": short(b - a for a, b in pairwise(edges)),
                "y": list(found.counts),
                "text": [f"{cells.number(a)} to {cells.number(b)}" for a, b in pairwise(edges)],
                "textposition": "none",
                "hovertemplate": "%{text}: %{y:,} rows<extra></extra>",
            }
        ],
        layout=canvas,
    )


def _band(found: Residuals, axis: str) -> list[dict[str, Any]]:
    """The conformal band across the whole figure, around a residual of 0."""
    if found.half_width is None:
        return []
    other = "x" if axis == "y" else "y"
    return [
        {
            "type": "rect",
            "layer": "below",
            f"{axis}0": -found.half_width,
            f"{axis}1": found.half_width,
            f"{other}0": 0,
            f"{other}1": 1,
            f"{other}ref": "paper",
            "fillcolor": clear(COLOURS[2], 0.16),
            "line": {"color": clear(COLOURS[2], 0.7), "width": 1, "dash": "dot"},
        }
    ]


def _promise(found: Residuals) -> str:
    if found.half_width is None:
        return ""
    held = (
        "" if found.coverage is None else f"; it holds {100 * found.coverage:.1f}% of the test rows"
    )
    return (
        f"The shaded band, prediction ± {cells.number(found.half_width)}, is made from validation "
        f"rows to hold {100 * found.level:.0f}% of new rows{held}."
    )
