from __future__ import annotations

from report.represented import quality, sketch
from report.runs import make_plan

from methodic.evidence.closer.representation import Look
from methodic.report.figures.representation import MOST_CLASSES, features

LOOK = Look(quality=quality("byol", "u"), sketch=sketch())
DATA = make_plan().data


def test_a_colour_for_each_class() -> None:
    figure = features(LOOK, DATA)
    assert figure is not None
    assert [trace["name"] for trace in figure.data] == list("0123456789")
    assert sum(len(trace["x"]) for trace in figure.data) == 200
    looks = {(t["marker"]["color"], t["marker"]["symbol"]) for t in figure.data}
    assert len(looks) == 10
    assert figure.layout["xaxis"]["title"]["text"] == "first component (52%)"
    for words in ("200 validation rows", "64 features", "52% and 18%", "by class"):
        assert words in figure.caption
    at = [i for i, value in enumerate(LOOK.sketch.values) if value == 3]
    assert figure.data[3]["x"] == [LOOK.sketch.points[i][0] for i in at]
    assert figure.json()


def test_classes_without_a_row_aren_t_named() -> None:
    few = LOOK.sketch.model_copy(update={"values": (4.0,) * 200})
    figure = features(LOOK.model_copy(update={"sketch": few}), DATA)
    assert figure is not None
    assert [trace["name"] for trace in figure.data] == ["4"]


def test_numbers_and_many_classes_are_shades() -> None:
    numbers = DATA.model_copy(update={"task": "regression", "classes": (), "target": "price"})
    many = DATA.model_copy(update={"classes": tuple(map(str, range(MOST_CLASSES + 1)))})
    labels = DATA.model_copy(update={"task": "multilabel"})
    for data, words in ((numbers, "price"), (many, "class"), (labels, "number of labels")):
        figure = features(LOOK, data)
        assert figure is not None
        (trace,) = figure.data
        assert trace["marker"]["color"] == list(LOOK.sketch.values)
        assert f"shaded by {'the ' if words != 'price' else ''}{words}" in figure.caption
        assert len(trace["text"]) == 200


def test_without_rows_there_is_no_figure() -> None:
    empty = LOOK.sketch.model_copy(update={"points": (), "values": ()})
    assert features(LOOK.model_copy(update={"sketch": empty}), DATA) is None
