"""A classifier seen class by class: the confusion matrix, ROC and precision-recall curves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from methodic.evidence.closer.classes import Classes, Curve
from methodic.report import cells
from methodic.report.drawing import (
    COLOURS,
    SQUARE,
    Figure,
    clear,
    digits,
    label,
    layout,
    legend_below,
    line,
    short,
    styles,
    tag,
)
from methodic.report.tables.model import confused

MOST_CELLS = 20
"""Up to so many classes a confusion matrix can be read."""


# --- the confusion matrix ---------------------------------------------------------------------


def confusion(found: Classes) -> Figure | None:
    """True classes by predicted ones; None where there are too many to be read, or of labels.

    The diagonal and the mistakes have a colour scale each: on one scale of both, mistakes of a good
    model are too pale to be seen.
    """
    names = [row.name for row in found.rows]
    n = len(names)
    if not 2 <= n <= MOST_CELLS or not found.confusion:
        return None
    ticks = {
        "tickmode": "array",
        "tickvals": list(range(n)),
        "ticktext": [tag(name) for name in names],
        "showgrid": False,
        "fixedrange": True,
    }
    canvas = layout(min(150 + 44 * n, 680), "predicted class", "true class")
    canvas["showlegend"] = False
    canvas["xaxis"] |= {**ticks, "side": "bottom", "range": [-0.5, n - 0.5]}
    canvas["yaxis"] |= {**ticks, "range": [n - 0.5, -0.5], "ticklabelstandoff": 6}
    pairs = confused(found, 3).rows
    told = "; ".join(f"{rows} of {true} as {taken}" for true, taken, rows, _ in pairs)
    right = sum(row[i] for i, row in enumerate(found.confusion))
    total = sum(map(sum, found.confusion))
    return Figure(
        key="confusion",
        title="Which classes were taken for which",
        caption=f"Test rows by true class (down) and predicted class (across): {right:,} of "
        f"{total:,} rows lie on the diagonal. The shade is the share of the true class, with a "
        f"scale of its own for mistakes. Most frequent mistakes: {told or 'none'}.",
        data=_heat(found, names),
        layout=canvas,
        widest=max(360, 160 + 72 * n),
    )


def _heat(found: Classes, names: Sequence[str]) -> list[dict[str, Any]]:
    shares = [[x / max(sum(row), 1) for x in row] for row in found.confusion]
    n = len(names)
    worst = max((shares[i][j] for i in range(n) for j in range(n) if i != j), default=0)
    layers = []
    for diagonal, colour, top in ((True, COLOURS[0], 1.0), (False, COLOURS[1], worst or 1.0)):
        mine = [
            [(i == j) is diagonal and x > 0 for j, x in enumerate(row)]
            for i, row in enumerate(found.confusion)
        ]
        layers.append(
            {
                "type": "heatmap",
                "z": [
                    [digits(shares[i][j]) if mine[i][j] else None for j in range(n)]
                    for i in range(n)
                ],
                "text": [
                    [f"{found.confusion[i][j]:,}" if mine[i][j] else "" for j in range(n)]
                    for i in range(n)
                ],
                "texttemplate": "%{text}",
                "customdata": [
                    [f"{label(names[i])} as {label(names[j])}" for j in range(n)] for i in range(n)
                ],
                "hovertemplate": "%{customdata}: %{text} rows, %{z:.1%}<extra></extra>",
                "hoverongaps": False,
                "zmin": 0,
                "zmax": digits(top),
                "colorscale": [[0, clear(colour, 0.06)], [1, clear(colour, 0.7)]],
                "showscale": False,
                "xgap": 1,
                "ygap": 1,
            }
        )
    return layers


# --- curves over all thresholds ---------------------------------------------------------------


def roc(found: Classes) -> Figure | None:
    """True against false positive rate; None where no curve is defined."""
    known = [curve for curve in found.roc if curve.x]
    if not known:
        return None
    chance = line(x0=0, y0=0, x1=1, y1=1)
    return _curves(
        "roc",
        "ROC curves",
        known,
        ("false positive rate", "true positive rate"),
        "area",
        "Each curve passes through all thresholds on the probability of its class; the dashed "
        "diagonal is guessing",
        [chance],
    )


def precision_recall(found: Classes) -> Figure | None:
    """Precision against recall; None where no curve is defined."""
    known = [curve for curve in found.precision_recall if curve.x]
    if not known:
        return None
    return _curves(
        "precision-recall",
        "Precision-recall curves",
        known,
        ("recall", "precision"),
        "average precision",
        "Each curve passes through all thresholds on the probability of its class; guessing would "
        "give the share of the class among the rows",
        [],
    )


def _curves(
    key: str,
    title: str,
    known: Sequence[Curve],
    axes: tuple[str, str],
    area: str,
    how: str,
    shapes: list[dict[str, Any]],
) -> Figure:
    look = styles(curve.name for curve in known)
    canvas = layout(430 + 14 * len(known), *axes)
    canvas |= {"shapes": shapes, "legend": legend_below()}
    for axis in ("xaxis", "yaxis"):
        canvas[axis] |= {"range": [-0.02, 1.02], "tickformat": ".0%"}
    areas = [f"{curve.name} {_area(curve)}" for curve in known]
    return Figure(
        key=key,
        title=title,
        caption=f"{how}. By {area}: {'; '.join(areas)}.",
        data=[
            {
                "type": "scatter",
                "mode": "lines",
                "name": f"{tag(curve.name)} · {_area(curve)}",
                "line": {
                    "color": look[curve.name].colour,
                    "width": 2,
                    "dash": look[curve.name].dash,
                },
                "x": short(curve.x),
                "y": short(curve.y),
                "hovertemplate": f"{axes[0]} %{{x:.1%}}, {axes[1]} %{{y:.1%}}",
            }
            for curve in known
        ],
        layout=canvas,
        widest=SQUARE,
    )


def _area(curve: Curve) -> str:
    return cells.NOTHING if curve.area is None else f"{curve.area:.3f}"
