"""What the learning-rate finder saw."""

from __future__ import annotations

import math
from typing import Any

from methodic.evidence.rates import Rates
from methodic.metrics import get_metric
from methodic.report import cells
from methodic.report.drawing import (
    COLOURS,
    MUTED,
    Figure,
    clear,
    digits,
    hover_format,
    layout,
    line,
    score_axis,
    short,
    window,
)


def sweep(found: Rates) -> Figure:
    """Loss by learning rate in the range test."""
    seen = found.sweep
    canvas = _canvas(found, "training loss, smoothed")
    canvas["shapes"] = [_band(seen.low, seen.high, COLOURS[0])]
    canvas["showlegend"] = False
    lost = f" It diverged at {seen.diverged:.3g}." if seen.diverged is not None else ""
    return Figure(
        key="sweep",
        title="Range test: the rate rises from step to step",
        caption=f"The loss on the batches of {len(seen.rates)} steps, the mean over seeds. The "
        f"shaded span from {seen.low:.3g} to {seen.high:.3g} is what was tried next.{lost}",
        data=[
            {
                "type": "scatter",
                "mode": "lines",
                "line": {"color": COLOURS[0], "width": 2.25},
                "x": short(seen.rates),
                "y": short(seen.losses),
                "hovertemplate": "%{x:.3~g}: %{y:.4~g}<extra></extra>",
            }
        ],
        layout=canvas,
    )


def confirmation(found: Rates) -> Figure:
    """Scores of the short runs by learning rate."""
    metric = get_metric(found.metric, found.task)
    known = [each for each in found.tried if each.mean is not None]
    lost = [each for each in found.tried if each.mean is None]
    singles = [(t.rate, x) for t in found.tried for x in t.scores if x is not None]
    low, high, beyond = window([x for _, x in singles], metric.greater_is_better)
    canvas = _canvas(found, f"{cells.title(found.metric)} on validation rows")
    canvas["yaxis"] |= score_axis(found.metric, low, high)
    best = line(x0=found.best, x1=found.best, y0=0, y1=1, yref="paper")
    canvas["shapes"] = [_band(found.low, found.high, COLOURS[2]), best]
    canvas["showlegend"] = False
    colour = COLOURS[2]
    hover = f"%{{x:.3~g}}: %{{y:{hover_format(found.metric)}}}<extra></extra>"
    data: list[dict[str, Any]] = [
        {
            "type": "scatter",
            "mode": "markers",
            "opacity": 0.35,
            "marker": {"color": colour, "size": 5},
            "x": [rate for rate, _ in singles],
            "y": short(x for _, x in singles),
            "hoverinfo": "skip",
        },
        {
            "type": "scatter",
            "mode": "lines+markers",
            "line": {"color": colour, "width": 2.25},
            "marker": {"color": colour, "size": 8},
            "x": [each.rate for each in known],
            "y": short(each.mean for each in known),
            "hovertemplate": hover,
        },
    ]
    if lost:
        data.append(
            {
                "type": "scatter",
                "mode": "markers",
                "cliponaxis": False,
                "marker": {
                    "color": MUTED,
                    "size": 10,
                    "symbol": "x-thin",
                    "line": {"width": 2.5, "color": MUTED},
                },
                "x": [each.rate for each in lost],
                "y": [digits(low if metric.greater_is_better else high)] * len(lost),
                "hovertemplate": "%{x:.3~g}: diverged<extra></extra>",
            }
        )
    cut = " The axis leaves out the worst scores." if beyond else ""
    crosses = " A cross marks a rate that diverged for some seed." if lost else ""
    return Figure(
        key="rates",
        title=f"Short runs: {found.steps} steps, {found.seeds} seeds",
        caption=f"The line joins means over seeds, faint marks are single seeds. The best rate is "
        f"{found.best:g} (dashed); shaded rates aren't noticeably worse.{crosses}{cut}",
        data=data,
        layout=canvas,
    )


def _canvas(found: Rates, y: str) -> dict[str, Any]:
    canvas = layout(380, "learning rate", y)
    canvas["xaxis"] |= {"type": "log", "dtick": 1, "exponentformat": "power"}
    ends = [*found.sweep.rates, *(each.rate for each in found.tried)]
    canvas["xaxis"]["range"] = [digits(math.log10(x)) for x in (min(ends), max(ends))]
    return canvas


def _band(low: float, high: float, colour: str) -> dict[str, Any]:
    return {
        "type": "rect",
        "layer": "below",
        "yref": "paper",
        "x0": low,
        "x1": high,
        "y0": 0,
        "y1": 1,
        "fillcolor": clear(colour, 0.14),
        "line": {"width": 0},
    }
