from __future__ import annotations

import numpy as np
import pytest
from report.searched import Search, conditional

from methodic.evidence.axes import axes
from methodic.evidence.searched import tunings
from methodic.report.drawing import Figure
from methodic.report.figures.search_pairs import FEWEST, contour


def drawn(search: Search, some: slice = slice(None)) -> Figure | None:
    record = search.make()
    (found,) = tunings(record)
    axis = axes((one.setting for one in found.candidates), {})[some]
    return contour(found, axis, record.metric, record.greater_is_better)


def test_marks_over_what_was_tried() -> None:
    figure = drawn(Search(methods=("adamw",), settings=40))
    assert figure is not None
    surface, marks = figure.data
    assert surface["type"] == "heatmap"
    z = np.array(surface["z"], dtype=float)
    assert np.isnan(z).any(), "what was not tried stays empty"
    colours = [x for x in marks["marker"]["color"] if x is not None]
    assert np.nanmin(z) >= min(colours) - 1e-9, "means of scores, nothing beyond them"
    assert np.nanmax(z) <= max(colours) + 1e-9
    assert "mean of scores nearby" in figure.caption
    assert figure.layout["xaxis"]["title"]["text"] == "lr"
    assert figure.layout["yaxis"]["title"]["text"] == "weight_decay"
    assert all("lr 0.0" in text or "lr 0." in text for text in marks["text"])


def test_few_marks_have_nothing_between_them() -> None:
    figure = drawn(Search(methods=("adamw",), settings=FEWEST - 2))
    assert figure is not None
    assert [trace["type"] for trace in figure.data] == ["scatter"]
    assert drawn(Search(methods=("adamw",), settings=4)) is None


def test_options_have_nothing_between_them() -> None:
    figure = drawn(Search(methods=("adamw",), settings=40), slice(1, 3))
    assert figure is not None
    assert [trace["type"] for trace in figure.data] == ["scatter"]


def test_numbers_that_exclude_each_other_make_no_pair() -> None:
    search = Search(methods=("adamw",), settings=40, draw=conditional)
    figure = drawn(search)
    assert figure is not None
    assert len(figure.data[-1]["x"]) >= 5


@pytest.mark.parametrize("metric", ["accuracy", "rmse"])
def test_the_better_end_has_one_colour(metric: str) -> None:
    figure = drawn(Search(methods=("adamw",), settings=20, metric=metric))
    assert figure is not None
    assert figure.layout["coloraxis"]["reversescale"] == (metric == "rmse")
