"""Two searched numbers against each other."""

from __future__ import annotations

import html
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from methodic.evidence.axes import Axis
from methodic.evidence.searched import Tuning
from methodic.report import cells
from methodic.report.drawing import (
    COLOURS,
    MUTED,
    Figure,
    digits,
    hover_format,
    layout,
    short,
    window,
)
from methodic.report.figures.search_scales import scale
from methodic.report.figures.search_slices import places
from methodic.tuning import CandidateRecord

FEWEST_MARKS = 5
FEWEST = 12
"""Below so many candidates nothing is drawn between the marks."""
_CELLS = 28
_NEAR = 0.14  # of an axis; what has no candidate so near stays empty
_WIDTH = 0.09  # of the kernel
_SCALE = ([0.0, COLOURS[5]], [0.5, MUTED], [1.0, COLOURS[0]])

Pairs = list[tuple[CandidateRecord, float]]


def contour(
    tuning: Tuning, axis: Sequence[Axis], metric: str, greater_is_better: bool
) -> Figure | None:
    """Candidates by their two most important numbers, coloured by score.

    Between them stand means of the scores nearby, weighted by a Gaussian, and only where there are
    candidates: what was not tried stays empty.

    Args:
        tuning: of one method.
        axis: its numbers, the most important first.
        metric: what the scores are.
        greater_is_better: its direction.

    Returns:
        The figure; None where no two numbers have five candidates.
    """
    together = next(_together(tuning, axis), None)
    if together is None:
        return None
    first, second, pairs = together
    low, high, beyond = window([x for _, x in pairs], greater_is_better)
    names = cells.short_names([each.path for each in axis])
    one, two = html.escape(names[first.path]), html.escape(names[second.path])
    canvas = layout(460, one, two)
    canvas["xaxis"] |= scale(first)
    canvas["yaxis"] |= scale(second)
    canvas["showlegend"] = False
    canvas["coloraxis"] = _colours(metric, low, high, greater_is_better)
    surface = _surface(first, second, pairs) if len(pairs) >= FEWEST else None
    words = "Marks are candidates"
    if surface is not None:
        words += "; the pale colour behind them is the mean of scores nearby"
    cut = " Colours leave out the worst scores." if beyond else ""
    return Figure(
        key="contour",
        title=f"{tuning.name}: the two numbers that matter most",
        caption=f"The colour is {cells.title(metric)}, by {names[first.path]} and "
        f"{names[second.path]}. {words}. "
        f"Where nothing was tried it is empty; the other numbers differ, too.{cut}",
        data=[each for each in (surface, _points(first, second, pairs, metric)) if each],
        layout=canvas,
        widest=760,
    )


def _together(tuning: Tuning, axis: Sequence[Axis]) -> Iterator[tuple[Axis, Axis, Pairs]]:
    """Pairs of numbers that enough candidates have both of: conditions can exclude each other."""
    for i, second in enumerate(axis):
        for first in axis[:i]:
            pairs = scored(tuning, (first, second))
            if len(pairs) >= FEWEST_MARKS:
                yield first, second, pairs


def scored(tuning: Tuning, axis: Sequence[Axis]) -> Pairs:
    """Candidates that have all of these numbers, with their scores after equal training."""
    pairs = ((one, tuning.reached(one, tuning.common)) for one in tuning.candidates)
    paths = {each.path for each in axis}
    return [(one, x) for one, x in pairs if x is not None and paths <= set(one.setting)]


def _colours(metric: str, low: float, high: float, greater: bool) -> dict[str, Any]:
    return {
        "cmin": digits(low),
        "cmax": digits(high),
        "colorscale": [list(each) for each in _SCALE],
        "reversescale": not greater,
        "colorbar": {
            "orientation": "h",
            "x": 0,
            "xanchor": "left",
            "y": 1.02,
            "yanchor": "bottom",
            "len": 0.6,
            "thickness": 8,
            "nticks": 4,
            "outlinewidth": 0,
            "tickfont": {"size": 12},
            "tickformat": hover_format(metric),
        },
    }


def _points(first: Axis, second: Axis, pairs: Pairs, metric: str) -> dict[str, Any]:
    chosen = [one for one, _ in pairs]
    return {
        "type": "scatter",
        "mode": "markers",
        "marker": {
            "size": 9,
            "color": short(x for _, x in pairs),
            "coloraxis": "coloraxis",
            "line": {"width": 1, "color": MUTED},
        },
        "x": places(first, chosen),
        "y": places(second, chosen),
        "text": [
            html.escape(f"{cells.setting(one.setting)}: {cells.score(x, metric)}")
            for one, x in pairs
        ],
        "hovertemplate": "%{text}<extra></extra>",
    }


def _surface(first: Axis, second: Axis, pairs: Pairs) -> dict[str, Any] | None:
    """Means of the scores nearby; nothing between options, which have no between."""
    if "options" in (first.scale, second.scale):
        return None
    where = np.asarray(
        [[share(each, one) for each in (first, second)] for one, _ in pairs], dtype=np.float64
    )
    scores = np.asarray([x for _, x in pairs])
    centres = (np.arange(_CELLS) + 0.5) / _CELLS
    grid = np.stack(np.meshgrid(centres, centres), axis=-1)  # [y, x, 2]
    apart = np.linalg.norm(grid[:, :, None, :] - where, axis=-1)  # [y, x, candidate]
    weight = np.exp(-0.5 * (apart / _WIDTH) ** 2)
    weight /= np.maximum(weight.sum(-1, keepdims=True), 1e-300)
    mean = np.where(apart.min(-1) <= _NEAR, weight @ scores, np.nan)
    return {
        "type": "heatmap",
        "x": short(_along(first, centres)),
        "y": short(_along(second, centres)),
        "z": [short(row) for row in mean],
        "coloraxis": "coloraxis",
        "opacity": 0.35,
        "hoverinfo": "skip",
        "hoverongaps": False,
    }


def share(axis: Axis, one: CandidateRecord) -> float:
    """Where a candidate stands between the ends of an axis, from 0 to 1."""
    low, high = axis.ends
    return (axis.place(one.setting[axis.path]) - low) / ((high - low) or 1.0)


def _along(axis: Axis, shares: Any) -> Any:
    low, high = axis.ends
    return low + (high - low) * shares
