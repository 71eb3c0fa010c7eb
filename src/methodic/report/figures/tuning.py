"""How scores answer to the learning rate."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from typing import Any

from methodic.evidence.axes import is_number
from methodic.report import cells
from methodic.report.drawing import (
    Figure,
    Style,
    digits,
    hover_format,
    label,
    layout,
    score_axis,
    short,
    window,
)
from methodic.report.folder import Tried


def response(
    settings: Sequence[Tried],
    metric: str,
    greater_is_better: bool,
    look: Mapping[str, Style],
    others: int = 0,
) -> Figure | None:
    """Validation score by learning rate, from the screening; None when no rate was searched.

    A setting of which at least one member diverged has a cross at the bad end of the axis. Where
    other numbers were searched too, the line joins the best of them at each rate.

    Args:
        settings: what the screening measured, a method's settings one after the other.
        metric: what the scores are.
        greater_is_better: its direction.
        look: by method.
        others: so many methods were screened that are not among ``settings``.
    """
    tuned = [(each, rate) for each in settings if (rate := _rate(each)) is not None]
    scores = [x for each, _ in tuned for x in each.scores]
    if not scores:
        return None
    low, high, beyond = window(scores, greater_is_better)
    bad = low if greater_is_better else high
    hover = f"%{{x:.3~g}}: %{{y:{hover_format(metric)}}}"
    data: list[dict[str, Any]] = []
    words = []
    for method, group in itertools.groupby(tuned, key=lambda pair: pair[0].method):
        points = sorted(group, key=lambda pair: pair[1])
        known = _line(points, greater_is_better)
        data += _responses(method, points, known, look[method], hover)
        data += _lost(method, points, look[method], bad)
        if known:
            mean, rate = (max if greater_is_better else min)((y, x) for x, y in known)
            words.append(f"{method} is best at {rate:.3g} ({cells.score(mean, metric)})")
        lost = [f"{rate:.3g}" for each, rate in points if each.diverged]
        if lost:
            words.append(f"{method} diverged at {', '.join(lost)}")
    rates = [rate for _, rate in tuned]
    canvas = layout(430, "learning rate", f"{cells.title(metric)} on validation rows")
    canvas["xaxis"] |= {
        "type": "log",
        "dtick": 1 if math.log10(max(rates) / min(rates)) >= 1 else "D2",
        "exponentformat": "power",
    }
    canvas["yaxis"] |= score_axis(metric, low, high)
    cut = " The axis leaves out the worst scores." if beyond else ""
    diverged = any(each.diverged for each, _ in tuned)
    crosses = ", a cross marks a setting that diverged" if diverged else ""
    cut += f" {others} methods that did worse are not drawn." if others else ""
    return Figure(
        key="response",
        title="Response to the learning rate, from the screening",
        caption=f"{_sentence('; '.join(words))} Lines join the means over seeds, faint marks are "
        f"single seeds{crosses}.{cut}",
        data=data,
        layout=canvas,
    )


def _rate(each: Tried) -> float | None:
    """The learning rate that the setting chose: of several optimizers, the first one's."""
    rates = (x for path, x in each.numbers.items() if path.endswith("optimizer.lr"))
    return next((float(x) for x in rates if is_number(x)), None)


def _line(points: list[tuple[Tried, float]], greater_is_better: bool) -> list[tuple[float, float]]:
    """The best mean at each rate, in the order of the rates."""
    better = max if greater_is_better else min
    found: dict[float, float] = {}
    for each, rate in points:
        if each.mean is not None:
            found[rate] = better(found.get(rate, each.mean), each.mean)
    return list(found.items())


def _responses(
    method: str,
    points: list[tuple[Tried, float]],
    known: list[tuple[float, float]],
    look: Style,
    hover: str,
) -> list[dict[str, Any]]:
    single = [(rate, x) for each, rate in points for x in each.scores]
    shared = {"type": "scatter", "legendgroup": method}
    return [
        shared
        | {
            "mode": "markers",
            "showlegend": False,
            "hoverinfo": "skip",
            "opacity": 0.35,
            "marker": {"color": look.colour, "size": 5},
            "x": [rate for rate, _ in single],
            "y": short(x for _, x in single),
        },
        shared
        | {
            "mode": "lines+markers",
            "name": label(method),
            "line": {"color": look.colour, "width": 2.25, "dash": look.dash},
            "marker": {"color": look.colour, "size": 8, "symbol": look.symbol},
            "x": [rate for rate, _ in known],
            "y": short(mean for _, mean in known),
            "hovertemplate": hover,
        },
    ]


def _lost(
    method: str, points: list[tuple[Tried, float]], look: Style, bad: float
) -> list[dict[str, Any]]:
    """Crosses where something diverged."""
    lost = [rate for each, rate in points if each.diverged]
    if not lost:
        return []
    return [
        {
            "type": "scatter",
            "legendgroup": method,
            "mode": "markers",
            "showlegend": False,
            "cliponaxis": False,
            "marker": {
                "color": look.colour,
                "size": 10,
                "symbol": "x-thin",
                "line": {"width": 2.5, "color": look.colour},
            },
            "x": lost,
            "y": [digits(bad)] * len(lost),
            "hovertemplate": "%{x:.3~g}: diverged<extra></extra>",
        }
    ]


def _sentence(words: str) -> str:
    return f"{words}." if words else ""
