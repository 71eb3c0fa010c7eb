"""Trainings that were looked at on the way: scores by progress, and numbers that changed."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from typing import Any

from methodic.evidence.axes import Axis
from methodic.evidence.searched import Tuning
from methodic.report import cells
from methodic.report.drawing import (
    COLOURS,
    MUTED,
    Figure,
    Style,
    clear,
    digits,
    hover_format,
    label,
    layout,
    score_axis,
    short,
    window,
)
from methodic.report.figures.search_scales import scale, stacked
from methodic.tuning import CandidateRecord

MOST = 4
"""So many numbers are drawn over time."""
_ROW = 190
_GAP = 56

_Line = tuple[list[float | None], list[float | None]]


def courses(
    found: Sequence[Tuning], metric: str, greater_is_better: bool, look: Mapping[str, Style]
) -> Figure | None:
    """Score by share of a whole training: those that went to the end, and dropped ones, pale.

    Args:
        found: the methods to draw.
        metric: what the scores are.
        greater_is_better: its direction.
        look: by method.

    Returns:
        The figure; None where every candidate was looked at once.
    """
    if not any(len(one.rungs) > 1 for each in found for one in each.candidates):
        return None
    scores = [x for each in found for one in each.candidates for _, x in each.curve(one)]
    if not scores:
        return None
    low, high, beyond = window(scores, greater_is_better)
    data: list[dict[str, Any]] = []
    for each in found:
        data += _courses(each, look[each.name], metric)
    canvas = layout(430, "share of a whole training", f"{cells.title(metric)} on validation rows")
    canvas["xaxis"] |= {"tickformat": ".0%", "range": [0, 1.03]}
    canvas["yaxis"] |= score_axis(metric, low, high)
    words = "; ".join(
        f"{each.name}: {each.count('finished')} of {cells.count(len(each.candidates), 'candidate')}"
        for each in found
    )
    cut = " The axis leaves out the worst scores." if beyond else ""
    return Figure(
        key="courses",
        title="Who went on",
        caption=f"Trained to the end: {words}. Marks stand where candidates were compared; pale "
        f"ones were stopped there.{cut}",
        data=data,
        layout=canvas,
    )


def _courses(each: Tuning, look: Style, metric: str) -> list[dict[str, Any]]:
    whole = [one for one in each.candidates if one.status == "finished"]
    early = [one for one in each.candidates if one.status != "finished"]
    shared = {"type": "scatter", "mode": "lines+markers", "legendgroup": each.name}
    traces = []
    for some, pale in ((early, True), (whole, False)):
        x, y = _joined([each.curve(one) for one in some])
        colour = clear(look.colour, 0.3) if pale else look.colour
        if any(value is not None for value in y):
            traces.append(
                shared
                | {
                    "name": label(each.name),
                    "showlegend": not pale,
                    "line": {"color": colour, "width": 1 if pale else 2, "dash": look.dash},
                    "marker": {"color": colour, "size": 5, "symbol": look.symbol},
                    "x": x,
                    "y": short(y),
                    "hovertemplate": f"%{{x:.0%}}: %{{y:{hover_format(metric)}}}",
                }
            )
    return traces


def _joined(curves: Sequence[Sequence[tuple[float, float]]]) -> _Line:
    """Several curves in one trace; an empty point lifts the pen between two."""
    x: list[float | None] = []
    y: list[float | None] = []
    for curve in curves:
        x += [digits(at) for at, _ in curve] + [None]
        y += [score for _, score in curve] + [None]
    return x, y


# --- numbers over time ------------------------------------------------------------------------


def schedules(tuning: Tuning, axis: Sequence[Axis]) -> Figure | None:
    """How numbers changed while they trained, and the line of descent of the best one.

    Args:
        tuning: of one method, from population-based training.
        axis: its numbers.

    Returns:
        The figure; None where no number changed.
    """
    changed = [each for each in axis if each.scale != "options" and _changed(tuning, each.path)]
    shown = changed[:MOST]
    if not shown or tuning.best is None:
        return None
    names = cells.short_names([each.path for each in axis])
    canvas = layout(_ROW, "")
    stacked(canvas, _ROW, _GAP, ["share of a whole training"] * len(shown))
    canvas["showlegend"] = True
    descent = _descent(tuning, tuning.best)
    data: list[dict[str, Any]] = []
    for i, each in enumerate(shown):
        row = "" if i == 0 else str(i + 1)
        canvas[f"xaxis{row}"] |= {"tickformat": ".0%", "range": [0, 1.03]}
        heading = {"text": html.escape(names[each.path]), "font": {"size": 13}, "standoff": 12}
        canvas[f"yaxis{row}"] |= scale(each) | {"title": heading}
        where = {"xaxis": f"x{row}", "yaxis": f"y{row}", "showlegend": i == 0}
        others = _joined([_numbers(tuning, one, each) for one in tuning.candidates])
        best = _joined([_through(tuning, descent, each)])
        data.append(_course("all", others, clear(MUTED, 0.5), 1.0) | where)
        data.append(_course("the best one’s descent", best, COLOURS[0], 2.5) | where)
    return Figure(
        key="schedules",
        title=f"{tuning.name}: numbers that changed on the way",
        caption="Each thin line is a member of the population; the thick one leads to the best at "
        "its end, through those whose weights it took over.",
        data=data,
        layout=canvas,
    )


def _changed(tuning: Tuning, path: str) -> bool:
    """Whether a copy trained on with another value than the one that it was copied from."""
    known = {one.number: one for one in tuning.candidates}
    ways = [[r.setting.get(path) for r in one.rungs] for one in tuning.candidates]
    copies = [(one, known[one.parent]) for one in tuning.candidates if one.parent in known]
    return any(len(set(way)) > 1 for way in ways) or any(
        one.setting.get(path) != parent.setting.get(path) for one, parent in copies
    )


def _descent(tuning: Tuning, best: CandidateRecord) -> list[CandidateRecord]:
    """From the first ancestor to the best."""
    known = {one.number: one for one in tuning.candidates}
    line = [best]
    while (parent := line[0].parent) is not None and parent in known:
        if known[parent] in line:
            break  # a record that was made up
        line.insert(0, known[parent])
    return line


def _through(
    tuning: Tuning, descent: Sequence[CandidateRecord], axis: Axis
) -> list[tuple[float, float]]:
    """The number from the first ancestor to the last, each until its copy took over."""
    found: list[tuple[float, float]] = []
    for i, one in enumerate(descent):
        end = tuning.start(descent[i + 1]) if i + 1 < len(descent) else 1.0
        found += [pair for pair in _numbers(tuning, one, axis) if pair[0] <= end]
    return found


def _numbers(tuning: Tuning, one: CandidateRecord, axis: Axis) -> list[tuple[float, float]]:
    """Where the number stood: at both ends of each stretch between two looks."""
    found: list[tuple[float, float]] = []
    start = tuning.start(one)
    for share, rung in zip(tuning.shares(one), one.rungs, strict=True):
        if axis.path in rung.setting:
            height = digits(axis.place(rung.setting[axis.path]))
            found += [(start, height), (share, height)]
        start = share
    return found


def _course(name: str, line: _Line, colour: str, width: float) -> dict[str, Any]:
    return {
        "type": "scatter",
        "mode": "lines",
        "name": name,
        "legendgroup": name,
        "hoverinfo": "skip",
        "line": {"color": colour, "width": width},
        "x": line[0],
        "y": line[1],
    }
