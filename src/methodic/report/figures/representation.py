"""The features of the network that is kept, as a plane."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from methodic.evidence.closer.representation import Look, Sketch
from methodic.plan import DataFacts
from methodic.report import cells
from methodic.report.drawing import COLOURS, SQUARE, Figure, label, layout, legend_below, styles

MOST_CLASSES = 20
"""More of them can't be told apart by colours and marks; then their order is a shade."""


def features(look: Look, data: DataFacts) -> Figure | None:
    """Validation rows along the two directions in which their features vary most."""
    found, seen = look.sketch, look.quality
    if not found.points:
        return None
    first, second = (cells.share(x) for x in found.shares)
    canvas = layout(480, f"first component ({first})", f"second component ({second})")
    for axis in ("xaxis", "yaxis"):
        canvas[axis] |= {"showticklabels": False}
    of_classes = data.task in ("binary", "multiclass") and len(data.classes) <= MOST_CLASSES
    if of_classes:
        traces, by = _by_class(found, data.classes), "by class"
        canvas["legend"] = legend_below()
    else:
        traces, by = [_shaded(found)], f"shaded by {_subject(data)}"
        canvas["showlegend"] = False
    return Figure(
        key="features",
        title=f"The features of {seen.method}",
        caption=f"{len(found.points):,} validation rows along the first two principal components "
        f"of the {seen.features:,} features, which hold {first} and {second} of their variance; "
        f"{by}. Classes or numbers that lie apart here can be told apart by simple means; those "
        "that don’t may still be apart in other directions.",
        data=traces,
        layout=canvas,
        widest=SQUARE,
    )


def _subject(data: DataFacts) -> str:
    if data.task == "multilabel":
        return "the number of labels"
    return "the class" if data.classes else data.target


def _by_class(found: Sketch, classes: Sequence[str]) -> list[dict[str, Any]]:
    look = styles(classes)
    traces = []
    for code, name in enumerate(classes):
        mine = [p for p, value in zip(found.points, found.values, strict=True) if value == code]
        if mine:
            marker = {"color": look[name].colour, "symbol": look[name].symbol}
            traces.append(_trace(mine, marker) | {"name": label(name)})
    return traces


def _shaded(found: Sketch) -> dict[str, Any]:
    scale = [[0.0, COLOURS[0]], [0.5, COLOURS[5]], [1.0, COLOURS[1]]]
    bar = {"thickness": 12, "outlinewidth": 0}
    colours = {"color": list(found.values), "colorscale": scale, "colorbar": bar, "showscale": True}
    text = [cells.number(x, 4) for x in found.values]
    return _trace(found.points, colours) | {"text": text, "hovertemplate": "%{text}<extra></extra>"}


def _trace(points: Sequence[tuple[float, float]], marker: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "scatter",
        "mode": "markers",
        "marker": {"size": 6, "opacity": 0.7, **marker},
        "x": [x for x, _ in points],
        "y": [y for _, y in points],
        "hovertemplate": "%{fullData.name}<extra></extra>",
    }
