"""What mattered: the effect of each ingredient with its interval."""

from __future__ import annotations

import html
from typing import Any

from methodic.evidence.ablation import Ablation, Effect
from methodic.metrics import METRICS
from methodic.report import cells
from methodic.report.drawing import COLOURS, MUTED, Figure, digits, label, layout, line, short


def effects(found: Ablation) -> Figure | None:
    """Effects from the most helpful to the most harmful; the undetected ones are muted.

    None when no ingredient has an effect in numbers.
    """
    chosen = sorted(found.effects, key=lambda each: -each.effect.mean)
    if not chosen:
        return None
    percent = METRICS[found.metric].percent
    unit = "points" if percent else cells.title(found.metric)
    names = [each.words for each in chosen]
    canvas = layout(90 + 38 * len(chosen), f"{unit} gained")
    canvas["yaxis"] |= {
        "type": "category",
        "categoryorder": "array",
        "categoryarray": [html.escape(name) for name in names[::-1]],
        "tickvals": [html.escape(name) for name in names],
        "ticktext": [label(name) for name in names],
        "range": [-0.6, len(names) - 0.4],
        "fixedrange": True,
    }
    canvas["xaxis"] |= {"range": _range(chosen, 100 if percent else 1)}
    canvas["shapes"] = [line(x0=0, x1=0, y0=0, y1=1, yref="paper")]
    data = [
        _bars(group, name, colour, 100 if percent else 1, found.metric)
        for name, colour, detected in (
            ("detected", COLOURS[2], True),
            ("no detectable effect", MUTED, False),
        )
        if (group := [each for each in chosen if each.detected is detected])
    ]
    words = "; ".join(
        f"{each.words} {cells.difference(each.effect.mean, found.metric)} "
        f"({cells.spread(each.effect, found.metric)})"
        for each in chosen
    )
    difference = (
        "with the ingredient minus without it"
        if METRICS[found.metric].greater_is_better
        else "without the ingredient minus with it"
    )
    return Figure(
        key="ablation",
        title=f"What each ingredient of {found.recipe} added",
        caption=f"Mean {cells.title(found.metric)} on validation rows {difference}, the "
        f"same seeds; right of zero it helps: {words}. Lines are 95% intervals "
        "of the mean over seeds.",
        data=data,
        layout=canvas,
    )


def _range(chosen: list[Effect], scale: int) -> list[float]:
    """From end to end of the intervals, with zero inside and some air."""
    ends = [0.0]
    for each in chosen:
        ends += [
            scale * x
            for x in (each.effect.low, each.effect.mean, each.effect.high)
            if x is not None
        ]
    low, high = min(ends), max(ends)
    air = 0.06 * (high - low) or 1e-6
    return [digits(low - air), digits(high + air)]


def _bars(group: list[Effect], name: str, colour: str, scale: int, metric: str) -> dict[str, Any]:
    half = [cells.half_width(each.effect) or 0.0 for each in group]
    return {
        "type": "scatter",
        "mode": "markers",
        "name": name,
        "x": short(scale * each.effect.mean for each in group),
        "y": [html.escape(each.words) for each in group],
        "error_x": {"type": "data", "array": short(scale * x for x in half), "thickness": 2.5}
        | {"width": 0, "color": colour},
        "marker": {"color": colour, "size": 11},
        "text": [cells.difference(each.effect.mean, metric) for each in group],
        "hovertemplate": "%{y}: %{text}<extra></extra>",
    }
