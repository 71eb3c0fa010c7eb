"""How figures are drawn: styles, axes, and text that can't break out."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from methodic.report.drawing import (
    COLOURS,
    Figure,
    clear,
    label,
    line,
    score_axis,
    short,
    styles,
    tag,
    window,
)


def test_json_can_not_end_its_script() -> None:
    figure = Figure("f", "t", "c", [{"name": "</script><b>"}], {"height": 1})
    assert "<" not in figure.json()
    assert json.loads(figure.json())["data"][0]["name"] == "</script><b>"


def test_many_methods_still_look_different() -> None:
    names = [f"m{i}" for i in range(3 * len(COLOURS))]
    drawn = styles(names)
    assert list(drawn) == names
    assert len(set(drawn.values())) == len(names)


@settings(deadline=None, max_examples=50)
@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=40), st.booleans())
def test_the_window_holds_the_best_score_and_most_others(
    scores: list[float], greater: bool
) -> None:
    low, high, beyond = window(scores, greater)
    assert sum(low <= score <= high for score in scores) >= len(scores) / 2
    assert low < high
    best = max(scores) if greater else min(scores)
    assert low <= best <= high
    assert beyond == any(not low <= score <= high for score in scores)


def test_the_window_leaves_an_outlier_out() -> None:
    low, high, beyond = window([0.97, 0.96, 0.965, 0.955, 0.1], True)
    assert (0.9 < low < 0.955, 0.97 < high < 1.0, beyond) == (True, True, True)
    low, high, beyond = window([0.5, 0.52, 0.51, 0.53, 90.0], False)
    assert (low < 0.5, high < 1.0, beyond) == (True, True, True)


def test_axes_in_percent() -> None:
    assert score_axis("accuracy", 0.5, 1.0)["tickformat"] == ".0%"
    assert score_axis("accuracy", 0.96, 0.99)["tickformat"] == ".1%"
    assert "tickformat" not in score_axis("rmse", 0.5, 1.0)


@pytest.mark.parametrize("name", ["adam", "<script>", "x" * 40])
def test_labels_are_short_and_escaped(name: str) -> None:
    assert "<" not in label(name)
    assert len(label("x" * 40)) == 21


def test_short_numbers() -> None:
    assert short([0.123456789, None, float("nan"), float("inf")]) == [0.12346, None, None, None]


def test_colours_let_the_paper_through() -> None:
    assert clear("#3d85c6", 0.5) == "rgba(61,133,198,0.5)"
    assert clear("#000000", 1) == "rgba(0,0,0,1)"


def test_lines_stand_behind_the_data() -> None:
    drawn = line(x0=0, x1=0, y0=0, y1=1, yref="paper")
    assert (drawn["type"], drawn["layer"], drawn["yref"]) == ("line", "below", "paper")


def test_short_names_keep_both_ends() -> None:
    assert tag("class number 19") == "class n…ber 19"
    assert tag("exactly 14 ch.") == "exactly 14 ch."
    assert len({tag(f"a rather long name {i}") for i in range(20)}) == 20
    assert "<" not in tag("<script>alert</script>")
