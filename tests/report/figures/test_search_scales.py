from __future__ import annotations

import itertools
import math

import pytest

from methodic.evidence.axes import Axis
from methodic.report.drawing import layout
from methodic.report.figures.search_scales import MOST_TICKS, crosses, scale, stacked, ticks, word


@pytest.mark.parametrize(
    ("low", "high"), [(1e-4, 1e-1), (1e-12, 1.0), (0.002, 0.007), (0.01, 0.1), (3e-4, 0.02)]
)
def test_logarithmic_ticks(low: float, high: float) -> None:
    places, words = ticks(Axis("lr", "log", low=low, high=high))
    assert 2 <= len(places) <= MOST_TICKS + 1
    for place, text in zip(places, words, strict=True):
        assert low * 0.99 <= 10**place <= high * 1.01
        assert float(text) == pytest.approx(10**place, rel=0.05)


@pytest.mark.parametrize(("low", "high"), [(0.0, 0.5), (0.0111, 0.941), (1, 4), (-3, 7000)])
def test_even_ticks_are_round(low: float, high: float) -> None:
    places, words = ticks(Axis("x", "linear", low=low, high=high))
    assert 2 <= len(places) <= MOST_TICKS
    assert all(low - 1e-9 <= place <= high + 1e-9 for place in places)
    assert all(len(text) <= 5 for text in words)


def test_options_stand_beside_each_other() -> None:
    axis = Axis("x", "options", options=(True, "<b>", 0.5))
    assert ticks(axis) == ([0.0, 1.0, 2.0], ["true", "&lt;b&gt;", "0.5"])
    low, high = scale(axis)["range"]
    assert low < 0
    assert high > 2
    assert word(False) == "false"


def test_rows_below_each_other() -> None:
    canvas = layout(100, "x", "y")
    stacked(canvas, 100, 50, ["a", "b", "c"])
    assert [canvas[f"xaxis{i}"]["title"]["text"] for i in ("", 2, 3)] == ["a", "b", "c"]
    domains = [canvas[f"yaxis{i}"]["domain"] for i in ("", 2, 3)]
    assert domains[0][1] == 1
    assert domains[2][0] == pytest.approx(0, abs=1e-3)
    for above, below in itertools.pairwise(domains):
        assert above[0] - below[1] == pytest.approx(50 / 400, abs=1e-3)
    assert canvas["height"] >= 400
    assert canvas["xaxis2"]["anchor"] == "y2"
    assert canvas["yaxis2"]["anchor"] == "x2"


def test_crosses_are_text() -> None:
    trace = crosses([1.0, 2.0], 0.5, ["<i>", "b"])
    assert trace["text"] == ["&lt;i&gt;", "b"]
    assert trace["y"] == [0.5, 0.5]
    assert math.isfinite(trace["marker"]["size"])
