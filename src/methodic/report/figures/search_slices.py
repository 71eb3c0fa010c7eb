"""How scores answer to each searched number, one below the other."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from typing import Any

from methodic.evidence.axes import Axis
from methodic.evidence.searched import Tuning
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
from methodic.report.figures.search_scales import crosses, scale, stacked
from methodic.tuning import CandidateRecord

MOST = 6
"""So many numbers are drawn, the most important ones."""
_ROW = 190
_GAP = 62
_SPREAD = 0.18  # of the room of an option, in which its candidates stand beside each other


def slices(
    found: Sequence[Tuning],
    axis: Sequence[Axis],
    metric: str,
    greater_is_better: bool,
    look: Mapping[str, Style],
) -> Figure | None:
    """Score against each number: a mark for each candidate, after equally much training.

    Args:
        found: the methods to draw.
        axis: the numbers, the most important first.
        metric: what the scores are.
        greater_is_better: its direction.
        look: by method.

    Returns:
        The figure; None without a number or without a score.
    """
    shown = axis[:MOST]
    scored = {each.name: _scored(each) for each in found}
    scores = [x for pairs in scored.values() for _, x in pairs]
    if not shown or not scores:
        return None
    low, high, beyond = window(scores, greater_is_better)
    names = cells.short_names([each.path for each in axis])
    canvas = layout(_ROW, "", cells.title(metric))
    canvas["yaxis"] |= score_axis(metric, low, high)
    stacked(canvas, _ROW, _GAP, [html.escape(names[each.path]) for each in shown])
    bad = low if greater_is_better else high
    data: list[dict[str, Any]] = []
    named: set[str] = set()
    for i, each in enumerate(shown):
        row = "" if i == 0 else str(i + 1)
        canvas[f"xaxis{row}"] |= scale(each)
        for tuning in found:
            pairs = [pair for pair in scored[tuning.name] if each.path in pair[0].setting]
            trace = _marks(each, pairs, tuning.name, look[tuning.name], metric)
            trace |= {"xaxis": f"x{row}", "yaxis": f"y{row}"}
            if pairs:
                data.append(trace | {"showlegend": tuning.name not in named})
                named.add(tuning.name)
        lost = [one for tuning in found for one in _diverged(tuning) if each.path in one.setting]
        if lost:
            trace = {"xaxis": f"x{row}", "yaxis": f"y{row}"}
            words = [cells.value(one.setting[each.path]) for one in lost]
            data.append(crosses(places(each, lost), bad, words) | trace)
    left = len(axis) - len(shown)
    more = f" {left} less important ones are not drawn." if left else ""
    cut = " The axes leave out the worst scores." if beyond else ""
    shares = {each.common for each in found}
    when = "at the end of training" if shares == {1.0} else f"after {_percents(shares)} of training"
    return Figure(
        key="slices",
        title="Score against each number",
        caption=f"Each mark is a candidate, {when}, where most of them can be compared; the other "
        f"numbers differ, too. Crosses diverged.{more}{cut}",
        data=data,
        layout=canvas,
    )


def _percents(shares: set[float]) -> str:
    return " or ".join(f"{100 * share:.0f}%" for share in sorted(shares))


def _scored(tuning: Tuning) -> list[tuple[CandidateRecord, float]]:
    pairs = ((one, tuning.reached(one, tuning.common)) for one in tuning.candidates)
    return [(one, score) for one, score in pairs if score is not None]


def _diverged(tuning: Tuning) -> list[CandidateRecord]:
    return [one for one in tuning.candidates if one.status == "diverged"]


def places(axis: Axis, candidates: Sequence[CandidateRecord]) -> list[float]:
    """Where candidates stand on an axis; those of one option a little beside each other."""
    return [
        digits(axis.place(one.setting[axis.path]) + (_beside(i) if axis.scale == "options" else 0))
        for i, one in enumerate(candidates)
    ]


def _beside(i: int) -> float:
    """Evenly spread and always the same: multiples of the golden ratio."""
    return _SPREAD * (2 * (i * 0.6180339887 % 1) - 1)


def _marks(
    axis: Axis,
    pairs: Sequence[tuple[CandidateRecord, float]],
    name: str,
    look: Style,
    metric: str,
) -> dict[str, Any]:
    return {
        "type": "scatter",
        "mode": "markers",
        "name": label(name),
        "legendgroup": name,
        "marker": {"color": look.colour, "size": 6, "symbol": look.symbol, "opacity": 0.75},
        "x": places(axis, [one for one, _ in pairs]),
        "y": short(x for _, x in pairs),
        "text": [html.escape(cells.value(one.setting[axis.path])) for one, _ in pairs],
        "hovertemplate": f"%{{text}}: %{{y:{hover_format(metric)}}}",
    }
