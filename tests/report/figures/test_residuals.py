from __future__ import annotations

import pytest
from report.whole import residuals

from methodic.report.figures.residuals import histogram, scatter


def test_points_and_the_band_that_should_hold_them() -> None:
    found = residuals()
    figure = scatter(found)
    assert figure is not None
    assert len(figure.data[0]["x"]) == 360
    zero, band = figure.layout["shapes"]
    assert (zero["y0"], zero["y1"]) == (0, 0)
    assert (band["y0"], band["y1"]) == (-0.41, 0.41)
    assert "90% of new rows; it holds 90.8% of the test rows" in figure.caption


def test_bars_stand_on_their_bins() -> None:
    found = residuals()
    figure = histogram(found)
    assert figure is not None
    bars = figure.data[0]
    assert sum(bars["y"]) == 360
    assert bars["x"][0] == pytest.approx((found.edges[0] + found.edges[1]) / 2, rel=1e-4)
    assert sum(bars["width"]) == pytest.approx(found.edges[-1] - found.edges[0], rel=1e-3)
    band = figure.layout["shapes"][1]
    assert (band["x0"], band["x1"], band["yref"]) == (-0.41, 0.41, "paper")


def test_without_a_band_nothing_is_promised() -> None:
    found = residuals().model_copy(update={"half_width": None, "coverage": None})
    figure = scatter(found)
    assert figure is not None
    assert len(figure.layout["shapes"]) == 1
    assert "band" not in figure.caption


def test_without_rows_there_is_no_figure() -> None:
    empty = residuals().model_copy(update={"points": (), "counts": (), "edges": ()})
    assert scatter(empty) is None
    assert histogram(empty) is None
