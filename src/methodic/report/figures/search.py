"""What a search found: the best score of so many settings, and all scores in order of asking."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from methodic.evidence.searched import Tuning, last
from methodic.evidence.tuned import COUNTS, After, Tuned
from methodic.report import cells
from methodic.report.drawing import (
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
from methodic.report.figures.search_scales import crosses
from methodic.tuning import CandidateRecord

UNTUNED = 0.6
"""Where the untuned scores stand on the axis of settings, left of 1."""
BANDS = 3
"""More bands than that cover each other."""


def after(
    found: Sequence[Tuned], metric: str, greater_is_better: bool, look: Mapping[str, Style]
) -> Figure | None:
    """The best validation score of k settings against k, by method, and the untuned scores.

    Args:
        found: the methods to draw, best first.
        metric: what the scores are.
        greater_is_better: its direction.
        look: by method.

    Returns:
        The figure; None where no method has two settings with a score.
    """
    known = [each for each in found if len(each.curve) > 1]
    if not known:
        return None
    plain = [each.untuned for each in known if each.untuned is not None]
    scores = [point.score for each in known for point in each.curve] + plain
    low, high, beyond = window(scores, greater_is_better)
    data: list[dict[str, Any]] = []
    drawn = known[0].drawn
    if drawn and len(known) <= BANDS:
        data += [_band(each, look[each.name]) for each in known]
    for each in known:
        data.append(_line(each, look[each.name], metric))
        if each.untuned is not None:
            data.append(_untuned(each, each.untuned, look[each.name], metric))
    canvas = layout(430, "settings tried", f"best {cells.title(metric)} on validation rows")
    most = max(each.settings for each in known)
    places = [k for k in COUNTS if k <= most] + ([most] if most not in COUNTS else [])
    if len(places) > 1 and places[-1] < 1.3 * places[-2]:
        places.pop(-2)
    canvas["xaxis"] |= {
        "type": "log",
        "tickvals": [UNTUNED, *places],
        "ticktext": ["untuned", *(str(k) for k in places)],
    }
    canvas["yaxis"] |= score_axis(metric, low, high)
    how = (
        "the mean over all choices of so many of the settings tried"
        if drawn
        else "the best so far in the order of asking: one search, seen once"
    )
    bands = ", bands hold the middle half of them" if drawn and len(known) <= BANDS else ""
    cut = " The axis leaves out the worst scores." if beyond else ""
    words = "; ".join(
        f"{each.name} {cells.score(each.curve[-1].score, metric)} with {each.settings}"
        for each in known
    )
    return Figure(
        key="tuning",
        title="Score against tuning",
        caption=f"{words}. Lines are {how}{bands}; diamonds at the left are untuned.{cut}",
        data=data,
        layout=canvas,
    )


def _band(each: Tuned, look: Style) -> dict[str, Any]:
    """The quartiles, there and back."""
    there: list[After] = list(each.curve)
    back = there[::-1]
    return {
        "type": "scatter",
        "mode": "lines",
        "legendgroup": each.name,
        "showlegend": False,
        "hoverinfo": "skip",
        "line": {"width": 0},
        "fill": "toself",
        "fillcolor": clear(look.colour, 0.14),
        "x": [point.settings for point in there + back],
        "y": short([point.low for point in there] + [point.high for point in back]),
    }


def _line(each: Tuned, look: Style, metric: str) -> dict[str, Any]:
    return {
        "type": "scatter",
        "mode": "lines",
        "name": label(each.name),
        "legendgroup": each.name,
        "line": {
            "color": look.colour,
            "width": 2.5,
            "dash": look.dash,
            "shape": "linear" if each.drawn else "hv",
        },
        "x": [point.settings for point in each.curve],
        "y": short(point.score for point in each.curve),
        "hovertemplate": f"%{{x}} settings: %{{y:{hover_format(metric)}}}",
    }


def _untuned(each: Tuned, score: float, look: Style, metric: str) -> dict[str, Any]:
    return {
        "type": "scatter",
        "mode": "markers",
        "name": label(each.name),
        "legendgroup": each.name,
        "showlegend": False,
        "marker": {"color": look.colour, "size": 10, "symbol": "diamond"},
        "x": [UNTUNED],
        "y": [digits(score)],
        "hovertemplate": f"untuned: %{{y:{hover_format(metric)}}}",
    }


# --- history ----------------------------------------------------------------------------------


def history(
    found: Sequence[Tuning], metric: str, greater_is_better: bool, look: Mapping[str, Style]
) -> Figure | None:
    """Each candidate's last score by its number, with the best so far of those trained furthest.

    Args:
        found: the methods to draw.
        metric: what the scores are.
        greater_is_better: its direction.
        look: by method.

    Returns:
        The figure; None without a single score.
    """
    scores = [x for each in found for one in each.candidates if (x := last(one)) is not None]
    if not scores:
        return None
    ends = [x for each in found for one in _whole(each) if (x := last(one)) is not None]
    low, high, beyond = window(ends or scores, greater_is_better)
    beyond |= any(not low <= x <= high for x in scores)
    hover = f"%{{x}}: %{{y:{hover_format(metric)}}}"
    data: list[dict[str, Any]] = []
    for each in found:
        data += _asked(each, look[each.name], hover)
    data += [_lost(found, low if greater_is_better else high)]
    data = [trace for trace in data if trace["x"]]
    canvas = layout(400, "candidate, in the order of asking", cells.title(metric))
    canvas["yaxis"]["title"]["text"] += " on validation rows"
    canvas["yaxis"] |= score_axis(metric, low, high)
    kinds = {one.status for each in found for one in each.candidates}
    words = ["Lines are the best so far of those that trained to the end"]
    if kinds & {"dropped", "replaced"}:
        words.append("open marks were stopped early and show the score they had by then")
    if "diverged" in kinds:
        words.append("crosses diverged")
    cut = " The axis leaves out the worst scores." if beyond else ""
    best = [each for each in found if each.best is not None]
    told = "; ".join(
        f"{each.name} was best at {each.best.number}" for each in best if each.best is not None
    )
    return Figure(
        key="history",
        title="Candidates in the order of asking",
        caption=f"{'; '.join(words)}. {told}{_plain(found)}.{cut}",
        data=data,
        layout=canvas,
    )


def _plain(found: Sequence[Tuning]) -> str:
    """Which candidates are untuned, for a caption: methods often have the same number there."""
    numbers = sorted({each.untuned.number for each in found if each.untuned is not None})
    if not numbers:
        return ""
    *before, last_one = map(str, numbers)
    if not before:
        return f"; {last_one} is untuned"
    return f"; {', '.join(before)} and {last_one} are untuned"


def _whole(each: Tuning) -> list[CandidateRecord]:
    return [one for one in each.candidates if one.status == "finished"]


def _asked(each: Tuning, look: Style, hover: str) -> list[dict[str, Any]]:
    known = [(one.number, x, one) for one in each.candidates if (x := last(one)) is not None]
    whole = [(number, x) for number, x, one in known if one.status == "finished"]
    early = [(number, x) for number, x, one in known if one.status != "finished"]
    choose = max if each.greater_is_better else min
    shared = {"type": "scatter", "legendgroup": each.name, "showlegend": False}
    marks = {"color": look.colour, "size": 6, "symbol": look.symbol}
    ends = [x for _, x in whole]
    return [
        shared
        | {
            "mode": "markers",
            "marker": marks | {"symbol": f"{look.symbol}-open"},
            "opacity": 0.6,
            "name": label(each.name),
            "x": [number for number, _ in early],
            "y": short(x for _, x in early),
            "hovertemplate": hover,
        },
        shared
        | {
            "mode": "markers",
            "marker": marks,
            "name": label(each.name),
            "x": [number for number, _ in whole],
            "y": short(ends),
            "hovertemplate": hover,
        },
        shared
        | {
            "mode": "lines",
            "name": label(each.name),
            "showlegend": True,
            "hoverinfo": "skip",
            "line": {"color": look.colour, "width": 2, "dash": look.dash, "shape": "hv"},
            "x": [number for number, _ in whole],
            "y": short(choose(ends[: i + 1]) for i in range(len(ends))),
        },
    ]


def _lost(found: Sequence[Tuning], bad: float) -> dict[str, Any]:
    lost = [one.number for each in found for one in each.candidates if one.status == "diverged"]
    return crosses(lost, bad, [str(number) for number in lost])
