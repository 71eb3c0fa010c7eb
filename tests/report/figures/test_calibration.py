from __future__ import annotations

import pytest
from report.whole import calibration

from methodic.report.figures.calibration import reliability


def test_both_sides_of_the_temperature_with_their_errors() -> None:
    found = calibration()
    figure = reliability(found)
    assert figure is not None
    before, after = figure.data
    assert before["x"] == pytest.approx([each.confidence for each in found.bins], rel=1e-4)
    assert before["y"] == pytest.approx([each.accuracy for each in found.bins], rel=1e-4)
    assert after["y"] == pytest.approx([each.accuracy for each in found.bins_scaled], rel=1e-4)
    assert "3.1 points" in before["name"]
    assert "1.38" in after["name"]
    assert "0.8 points" in after["name"]
    assert "0.1123 and 0.1017" in figure.caption


def test_the_axes_begin_where_the_rows_do() -> None:
    figure = reliability(calibration())
    assert figure is not None
    low = min(y for trace in figure.data for y in trace["y"])
    start, end = figure.layout["xaxis"]["range"]
    assert 0 < start < low == pytest.approx(start + 0.07, abs=1e-4)
    assert 1 < end < 1.03
    assert figure.layout["yaxis"]["range"] == [start, end]
    (diagonal,) = figure.layout["shapes"]
    assert diagonal["x0"] == diagonal["y0"] == start


def test_without_rows_there_is_no_figure() -> None:
    assert reliability(calibration().model_copy(update={"bins": ()})) is None
