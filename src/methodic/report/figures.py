"""The figures of the report: plotly documents as plain values, each with its summary in words."""

from __future__ import annotations

import html
import itertools
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from methodic.evidence.leaderboard import Leaderboard, Row
from methodic.plan import CurvePoint, MemberRecord
from methodic.report import tables
from methodic.report.drawing import (
    COLOURS,
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

POINTS = 200
"""A curve keeps at most so many points."""

Curves = Sequence[tuple[MemberRecord, tuple[CurvePoint, ...]]]


# --- the ranking ------------------------------------------------------------------------------


def ranking(leaderboard: Leaderboard) -> Figure | None:
    """Test scores with their intervals, best on top; None when no row was confirmed.

    A row that would squeeze the others together is drawn at the edge, with its score beside it.
    """
    metric = leaderboard.metric
    rows = [row for row in leaderboard.rows if row.test is not None]
    if not rows:
        return None
    ends = [x for row in rows for x in _ends(row)]
    low, high, _ = window(ends, leaderboard.greater_is_better)
    data = []
    for kind, name, colour, symbol in (
        ("method", "networks", COLOURS[0], "circle"),
        ("baseline", "baselines", COLOURS[1], "diamond"),
    ):
        chosen = [row for row in rows if row.kind == kind]
        inside = [row for row in chosen if low <= _mean(row) <= high]
        if inside:
            data.append(_dots(inside, name, colour, symbol, metric))
        outside = [row for row in chosen if row not in inside]
        if outside:
            data.append(_edge(outside, low, high, colour, metric))
    names = [tables.name(row) for row in rows]
    canvas = layout(80 + 38 * len(rows), f"{tables.title(metric)} on test rows")
    canvas["xaxis"] |= score_axis(metric, low, high)
    canvas["yaxis"] |= {
        "type": "category",
        "categoryorder": "array",
        "categoryarray": [html.escape(name) for name in names[::-1]],
        "tickvals": [html.escape(name) for name in names],
        "ticktext": [label(name) for name in names],
        "range": [-0.6, len(names) - 0.4],
        "fixedrange": True,
    }
    better = "higher" if leaderboard.greater_is_better else "lower"
    words = "; ".join(f"{tables.name(row)} {tables.interval(row.test, metric)}" for row in rows)
    return Figure(
        key="ranking",
        title=f"Ranking by {tables.title(metric)} on test rows",
        caption=f"Best first ({better} is better): {words}. Lines are 95% intervals; an arrow "
        "marks a score beyond the axis.",
        data=data,
        layout=canvas,
    )


def _mean(row: Row) -> float:
    return math.nan if row.test is None else row.test.mean


def _ends(row: Row) -> list[float]:
    test = row.test
    return [] if test is None else [x for x in (test.low, test.mean, test.high) if x is not None]


def _dots(rows: list[Row], name: str, colour: str, symbol: str, metric: str) -> dict[str, Any]:
    half = [tables.half_width(row.test) if row.test else None for row in rows]
    return {
        "type": "scatter",
        "mode": "markers",
        "name": name,
        "x": short(_mean(row) for row in rows),
        "y": [html.escape(tables.name(row)) for row in rows],
        "error_x": {"type": "data", "array": short(x or 0 for x in half), "thickness": 2.5}
        | {"width": 0, "color": colour},
        "marker": {"color": colour, "symbol": symbol, "size": 11},
        "text": [tables.interval(row.test, metric) for row in rows],
        "hovertemplate": "%{y}: %{text}<extra></extra>",
    }


def _edge(rows: list[Row], low: float, high: float, colour: str, metric: str) -> dict[str, Any]:
    left = [_mean(row) < low for row in rows]
    inset = 0.015 * (high - low)
    return {
        "type": "scatter",
        "mode": "markers+text",
        "showlegend": False,
        "cliponaxis": False,
        "x": short(low + inset if each else high - inset for each in left),
        "y": [html.escape(tables.name(row)) for row in rows],
        "marker": {
            "color": colour,
            "symbol": ["triangle-left" if each else "triangle-right" for each in left],
            "size": 11,
        },
        "text": [f" {tables.score(_mean(row), metric)} " for row in rows],
        "textposition": ["middle right" if each else "middle left" for each in left],
        "hovertemplate": "%{y}: %{text}<extra></extra>",
    }


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
        subject: whose curves these are, for the title.
        runs: by method, in the order of the legend: members with their curves.
        metric: what the scores are.
        greater_is_better: its direction.
        look: by method.

    Returns:
        The figure; None without a single finite score.
    """
    data: list[dict[str, Any]] = []
    scores: list[float] = []
    words = []
    for method, seeds in runs.items():
        drawn = [thin(curve) for _, curve in seeds]
        scores += [p.score for curve in drawn for p in curve if p.score is not None]
        data.append(_seeds(method, drawn, look[method]))
        average = mean_curve([curve for record, curve in seeds if record.status != "diverged"])
        if average:
            data.append(_average(method, average, look[method], metric))
            words.append(f"{method} ends at {tables.score(average[-1][1], metric)}")
    if not scores:
        return None
    low, high, beyond = window(scores, greater_is_better)
    canvas = layout(430, "optimizer steps", f"{tables.title(metric)} on validation rows")
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
    tables_ = [{p.step: p.score for p in curve if p.score is not None} for curve in seeds]
    if not tables_:
        return []
    steps = sorted(set.intersection(*(set(table) for table in tables_)))
    if len(steps) > POINTS:
        steps = [steps[i * (len(steps) - 1) // (POINTS - 1)] for i in range(POINTS)]
    return [(step, float(np.mean([table[step] for table in tables_]))) for step in steps]


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


# --- the response to the learning rate --------------------------------------------------------


def response(
    settings: Sequence[Tried], metric: str, greater_is_better: bool, look: Mapping[str, Style]
) -> Figure | None:
    """Validation score by learning rate, from the screening; None when no rate was searched.

    A setting of which at least one member diverged has a cross at the bad end of the axis.
    """
    tuned = [(each, rate) for each in settings if (rate := _rate(each)) is not None]
    scores = [x for each, _ in tuned for x in each.scores]
    if not scores:
        return None
    low, high, beyond = window(scores, greater_is_better)
    bad = low if greater_is_better else high
    data: list[dict[str, Any]] = []
    words = []
    for method, group in itertools.groupby(tuned, key=lambda pair: pair[0].method):
        points = sorted(group, key=lambda pair: pair[1])
        data += _responses(method, points, look[method], metric, bad)
        known = [(each.mean, rate) for each, rate in points if each.mean is not None]
        if known:
            mean, rate = (max if greater_is_better else min)(known)
            words.append(f"{method} is best at {rate:.3g} ({tables.score(mean, metric)})")
        lost = [f"{rate:.3g}" for each, rate in points if each.diverged]
        if lost:
            words.append(f"{method} diverged at {', '.join(lost)}")
    rates = [rate for _, rate in tuned]
    canvas = layout(430, "learning rate", f"{tables.title(metric)} on validation rows")
    canvas["xaxis"] |= {
        "type": "log",
        "dtick": 1 if math.log10(max(rates) / min(rates)) >= 1 else "D2",
        "exponentformat": "power",
    }
    canvas["yaxis"] |= score_axis(metric, low, high)
    cut = " The axis leaves out the worst scores." if beyond else ""
    return Figure(
        key="response",
        title="Response to the learning rate, from the screening",
        caption=f"{_sentence('; '.join(words))} Lines join the means over seeds, faint marks are "
        f"single seeds, a cross marks a setting that diverged.{cut}",
        data=data,
        layout=canvas,
    )


def _rate(each: Tried) -> float | None:
    """The learning rate that the setting chose: of several optimizers, the first one's."""
    return next((x for path, x in each.numbers.items() if path.endswith("optimizer.lr")), None)


def _responses(
    method: str, points: list[tuple[Tried, float]], look: Style, metric: str, bad: float
) -> list[dict[str, Any]]:
    known = [(rate, each.mean) for each, rate in points if each.mean is not None]
    single = [(rate, x) for each, rate in points for x in each.scores]
    lost = [rate for each, rate in points if each.diverged]
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
            "hovertemplate": f"%{{x:.3~g}}: %{{y:{hover_format(metric)}}}",
        },
        shared
        | {
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
        },
    ]


def _sentence(words: str) -> str:
    return f"{words[:1]}{words[1:]}." if words else ""
