"""How models trained: learning curves by step, budget curves by seconds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from methodic.evidence.anytime import Anytime, Point
from methodic.plan import CurvePoint, MemberRecord
from methodic.report import cells
from methodic.report.drawing import (
    Figure,
    Style,
    hover_format,
    label,
    layout,
    score_axis,
    short,
    window,
)

POINTS = 200
"""A curve keeps at most so many points."""
ALTOGETHER = 12_000
"""So many points the thin lines of a figure share."""

Trained = tuple[MemberRecord, tuple[CurvePoint, ...]]
Curves = Sequence[Trained]


# --- learning curves --------------------------------------------------------------------------


def curves(
    runs: Mapping[str, Curves],
    metric: str,
    greater_is_better: bool,
    look: Mapping[str, Style],
    subject: str = "the finalists",
) -> Figure | None:
    """Validation score by optimizer step: a thin line per seed, the mean in bold.

    Args:
        runs: by method, in the order of the legend: members with their curves.
        metric: what the scores are.
        greater_is_better: its direction.
        look: by method.
        subject: whose curves these are, for the title.

    Returns:
        The figure; None without a single finite score.
    """
    data: list[dict[str, Any]] = []
    scores: list[float] = []
    words = []
    share = ALTOGETHER // max(sum(map(len, runs.values())), 1)
    for method, seeds in runs.items():
        drawn = [thin(curve, max(min(share, POINTS), 10)) for _, curve in seeds]
        scores += [p.score for curve in drawn for p in curve if p.score is not None]
        data.append(_seeds(method, drawn, look[method]))
        average = mean_curve([curve for record, curve in seeds if record.status != "diverged"])
        if average:
            data.append(_average(method, average, look[method], metric))
            words.append(f"{method} ends at {cells.score(average[-1][1], metric)}")
    if not scores:
        return None
    low, high, beyond = window(scores, greater_is_better)
    canvas = layout(430, "optimizer steps", f"{cells.title(metric)} on validation rows")
    canvas["xaxis"] |= {"rangemode": "tozero"}
    canvas["yaxis"] |= score_axis(metric, low, high)
    cut = " The axis leaves out the worst scores of the start." if beyond else ""
    return Figure(
        key="curves",
        title=f"Learning curves of {subject}",
        caption=f"Mean over seeds: {'; '.join(words) or 'every member diverged'}. Thin lines are "
        f"single seeds; a mean ends where its first seed stopped.{cut}",
        data=data,
        layout=canvas,
    )


def thin(curve: Sequence[CurvePoint], points: int = POINTS) -> list[CurvePoint]:
    """At most ``points`` of the curve, evenly picked, both ends among them."""
    if len(curve) <= points:
        return list(curve)
    return [curve[i * (len(curve) - 1) // (points - 1)] for i in range(points)]


def mean_curve(seeds: Sequence[Sequence[CurvePoint]]) -> list[tuple[int, float]]:
    """The mean score at each step that every seed reached with a finite score, thinned."""
    scores = [{p.step: p.score for p in curve if p.score is not None} for curve in seeds]
    if not scores:
        return []
    steps = sorted(set.intersection(*(set(each) for each in scores)))
    if len(steps) > POINTS:
        steps = [steps[i * (len(steps) - 1) // (POINTS - 1)] for i in range(POINTS)]
    return [(step, float(np.mean([each[step] for each in scores]))) for step in steps]


def _seeds(method: str, drawn: list[list[CurvePoint]], look: Style) -> dict[str, Any]:
    x: list[int | None] = []
    y: list[float | None] = []
    for curve in drawn:  # one trace for all seeds; an empty point lifts the pen between two
        x += [point.step for point in curve] + [None]
        y += [point.score for point in curve] + [None]
    return {
        "type": "scatter",
        "mode": "lines",
        "legendgroup": method,
        "showlegend": False,
        "hoverinfo": "skip",
        "opacity": 0.3,
        "line": {"color": look.colour, "width": 1},
        "x": x,
        "y": short(y),
    }


def _average(
    method: str, average: list[tuple[int, float]], look: Style, metric: str
) -> dict[str, Any]:
    return {
        "type": "scatter",
        "mode": "lines" if len(average) > 1 else "markers",
        "name": label(method),
        "legendgroup": method,
        "line": {"color": look.colour, "width": 2.75, "dash": look.dash},
        "x": [step for step, _ in average],
        "y": short(mean for _, mean in average),
        "hovertemplate": f"step %{{x}}: %{{y:{hover_format(metric)}}}",
    }


# --- budget curves ----------------------------------------------------------------------------


def budget(
    runs: Mapping[str, Curves],
    marks: Mapping[str, Anytime],
    metric: str,
    greater_is_better: bool,
    look: Mapping[str, Style],
) -> Figure | None:
    """Mean validation score by the seconds that one model has trained, marked at parts of them.

    Args:
        runs: by method, in the order of the legend: members with their curves.
        marks: by method: where the marks stand, and how long a step took.
        metric: what the scores are.
        greater_is_better: its direction.
        look: by method.

    Returns:
        The figure; None where no method has both a curve and marks.
    """
    data: list[dict[str, Any]] = []
    scores: list[float] = []
    words = []
    for method, seeds in runs.items():
        points = marks[method].points if method in marks else ()
        line = spent_curve([pair for pair in seeds if pair[0].status != "diverged"])
        if not points or not line:
            continue
        scores += [mean for _, mean in line]
        data += _spent(method, line, points, look, metric)
        end = points[-1]
        told = f"{cells.score(end.score.mean, metric)} after {cells.seconds(end.seconds)}"
        words.append(f"{method} {told}")
    if not data:
        return None
    low, high, beyond = window(scores, greater_is_better)
    canvas = layout(
        430, "seconds of training one model", f"{cells.title(metric)} on validation rows"
    )
    canvas["xaxis"] |= {"rangemode": "tozero"}
    canvas["yaxis"] |= score_axis(metric, low, high)
    shares = " / ".join(
        f"{100 * fraction:.0f}%"
        for fraction in sorted({p.fraction for each in marks.values() for p in each.points})
    )
    cut = " The axis leaves out the worst scores of the start." if beyond else ""
    return Figure(
        key="budget",
        title="What a budget buys",
        caption=f"Means over seeds; marks stand at {shares} of the training: {'; '.join(words)}."
        f"{cut}",
        data=data,
        layout=canvas,
    )


def spent_curve(seeds: Curves) -> list[tuple[float, float]]:
    """Mean seconds and mean score at each step from which on every seed has a score, thinned.

    A seed that stopped early keeps its last score, and costs nothing more.
    """
    found = [(record, [p for p in curve if p.score is not None]) for record, curve in seeds]
    found = [(record, known) for record, known in found if known]
    if not found:
        return []
    first = max(known[0].step for _, known in found)
    steps = sorted({p.step for _, known in found for p in known if p.step >= first})
    if len(steps) > POINTS:
        steps = [steps[i * (len(steps) - 1) // (POINTS - 1)] for i in range(POINTS)]
    places = np.asarray(steps)
    seconds, scores = [], []
    for record, known in found:
        last = np.searchsorted([p.step for p in known], places, side="right") - 1
        scores.append(np.asarray([p.score for p in known], dtype=np.float64)[last])
        seconds.append(record.seconds * np.minimum(1.0, places / max(record.steps_taken, 1)))
    means = (np.mean(seconds, axis=0).tolist(), np.mean(scores, axis=0).tolist())
    return list(zip(*means, strict=True))


def _spent(
    method: str,
    line: list[tuple[float, float]],
    points: Sequence[Point],
    look: Mapping[str, Style],
    metric: str,
) -> list[dict[str, Any]]:
    style = look[method]
    hover = f"%{{x:.3~g}} s: %{{y:{hover_format(metric)}}}"
    shared = {"type": "scatter", "legendgroup": method, "hovertemplate": hover}
    return [
        shared
        | {
            "mode": "lines",
            "name": label(method),
            "line": {"color": style.colour, "width": 2.25, "dash": style.dash},
            "x": short(x for x, _ in line),
            "y": short(y for _, y in line),
        },
        shared
        | {
            "mode": "markers",
            "name": label(method),
            "showlegend": False,
            "marker": {"color": style.colour, "size": 9, "symbol": style.symbol},
            "x": short(point.seconds for point in points),
            "y": short(point.score.mean for point in points),
        },
    ]
