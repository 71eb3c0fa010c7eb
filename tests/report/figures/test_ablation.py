from __future__ import annotations

import pytest
from report.whole import ablation

from methodic.report.drawing import MUTED
from methodic.report.figures.ablation import effects


def test_effects_are_sorted_and_the_undetected_muted() -> None:
    found = ablation("accuracy")
    figure = effects(found)
    assert figure is not None
    shown, muted = figure.data
    assert shown["y"] == ["cosine schedule", "standardised numbers", "label smoothing"]
    assert shown["x"] == pytest.approx([0.9, 0.6, -0.4])
    assert shown["error_x"]["array"] == pytest.approx([0.3, 0.2, 0.25])
    assert muted["y"] == ["decoupled weight decay", "dropout"]
    assert muted["marker"]["color"] == MUTED != shown["marker"]["color"]
    assert figure.layout["yaxis"]["categoryarray"][-1] == "cosine schedule", "on top"
    low, high = figure.layout["xaxis"]["range"]
    assert low < -0.65 < 1.2 < high
    assert "points" in figure.layout["xaxis"]["title"]["text"]
    assert "with the ingredient minus without it" in figure.caption
    assert "dropout −0.050 points (−0.25 to +0.15 points)" in figure.caption


def test_there_is_a_line_at_zero() -> None:
    figure = effects(ablation("rmse"))
    assert figure is not None
    (zero,) = figure.layout["shapes"]
    assert (zero["x0"], zero["x1"], zero["yref"]) == (0, 0, "paper")
    assert "points" not in figure.layout["xaxis"]["title"]["text"]
    assert "without the ingredient minus with it" in figure.caption, "less is better"


def test_without_effects_there_is_no_figure() -> None:
    assert effects(ablation("accuracy").model_copy(update={"effects": ()})) is None
