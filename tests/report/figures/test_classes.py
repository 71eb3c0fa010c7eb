from __future__ import annotations

import pytest
from report.whole import classes

from methodic.evidence.closer.classes import Curve
from methodic.report.figures.classes import MOST_CELLS, confusion, precision_recall, roc


@pytest.mark.parametrize("n", [2, 10, MOST_CELLS])
def test_every_row_is_in_one_cell(n: int) -> None:
    found = classes(tuple(f"c{i}" for i in range(n)))
    figure = confusion(found)
    assert figure is not None
    right, wrong = (trace["text"] for trace in figure.data)
    for i, row in enumerate(found.confusion):
        for j, count in enumerate(row):
            assert (right if i == j else wrong)[i][j] == (str(count) if count else "")
            assert (wrong if i == j else right)[i][j] == ""
    assert figure.data[0]["z"][0][0] == pytest.approx(
        found.confusion[0][0] / sum(found.confusion[0]), rel=1e-4
    )
    assert figure.layout["yaxis"]["range"] == [n - 0.5, -0.5], "the first class is on top"


def test_mistakes_have_a_scale_of_their_own() -> None:
    figure = confusion(classes(tuple("0123456789")))
    assert figure is not None
    right, wrong = figure.data
    assert right["zmax"] == 1
    shares = [x for row in wrong["z"] for x in row if x is not None]
    assert wrong["zmax"] == max(shares) < 0.5
    assert right["colorscale"] != wrong["colorscale"]


def test_too_many_classes_are_no_picture() -> None:
    assert confusion(classes(tuple(f"c{i}" for i in range(MOST_CELLS + 1)))) is None


def test_names_can_not_break_out() -> None:
    figure = confusion(classes(("<b>", "x" * 60)))
    assert figure is not None
    assert figure.layout["xaxis"]["ticktext"][0] == "&lt;b&gt;"
    assert len(figure.layout["xaxis"]["ticktext"][1]) < 20


def test_curves_name_their_areas() -> None:
    found = classes(tuple("0123456789"))
    first, second = roc(found), precision_recall(found)
    assert first is not None
    assert second is not None
    assert len(first.data) == len(second.data) == 10
    assert first.data[0]["name"] == "0 · 0.999"
    assert "0 0.999" in first.caption
    assert len(first.layout["shapes"]) == 1, "guessing"
    assert first.layout["xaxis"]["title"]["text"] == "false positive rate"
    assert second.layout["yaxis"]["title"]["text"] == "precision"


def test_undefined_curves_are_left_out() -> None:
    found = classes(tuple("012"))
    empty = Curve(name="0", area=None, x=(), y=())
    figure = roc(found.model_copy(update={"roc": (empty, *found.roc[1:])}))
    assert figure is not None
    assert len(figure.data) == 2
    assert roc(found.model_copy(update={"roc": (empty,)})) is None
    assert precision_recall(found.model_copy(update={"precision_recall": ()})) is None
