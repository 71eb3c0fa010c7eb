from __future__ import annotations

from report.searched import ACTIVATION, LR, WIDTH, Search, conditional

from methodic.evidence.axes import Axis, axes
from methodic.evidence.searched import tunings
from methodic.report.drawing import Figure, styles
from methodic.report.figures.search_slices import MOST, places, slices

LOOK = styles(["adamw", "momentum", "sgd"])


def drawn(search: Search, more: int = 0) -> Figure:
    record = search.make()
    found = tunings(record)
    axis = axes((one.setting for each in found for one in each.candidates), {})
    axis += [Axis(f"x.{i}", "linear", low=0, high=1) for i in range(more)]
    figure = slices(found, axis, record.metric, record.greater_is_better, LOOK)
    assert figure is not None
    return figure


def test_a_row_for_each_number() -> None:
    figure = drawn(Search(settings=64))
    titles = [figure.layout[f"xaxis{i}"]["title"]["text"] for i in ("", 2, 3, 4)]
    assert titles == ["lr", "weight_decay", "width", "activation"]
    assert [trace["name"] for trace in figure.data if trace.get("showlegend")] == list(LOOK)
    rows = {trace["xaxis"] for trace in figure.data}
    assert rows == {"x", "x2", "x3", "x4"}
    assert "at the end of training" in figure.caption
    first = next(trace for trace in figure.data if trace["xaxis"] == "x")
    assert all(-4.1 < x < -0.9 for x in first["x"]), "logarithms"


def test_halving_is_compared_where_most_were() -> None:
    figure = drawn(Search(settings=27, strategy="halving"))
    assert "after 11% of training" in figure.caption
    first = next(trace for trace in figure.data if trace["xaxis"] == "x")
    assert len(first["x"]) == 27


def test_conditional_numbers_show_those_that_have_them() -> None:
    figure = drawn(Search(methods=("adamw",), draw=conditional, settings=40))
    counts = [len(trace["x"]) for trace in figure.data if trace["name"] == "adamw"]
    assert max(counts) > min(counts) > 5


def test_not_too_many() -> None:
    figure = drawn(Search(), more=4)
    assert f"yaxis{MOST}" in figure.layout
    assert f"yaxis{MOST + 1}" not in figure.layout
    assert "2 less important ones are not drawn" in figure.caption


def test_options_spread_and_stay_apart() -> None:
    (record,) = tunings(Search(methods=("adamw",), settings=40).make())
    axis = next(
        each for each in axes((one.setting for one in record.candidates), {}) if each.path == WIDTH
    )
    found = places(axis, record.candidates)
    assert found == places(axis, record.candidates)
    for place, one in zip(found, record.candidates, strict=True):
        assert abs(place - axis.place(one.setting[WIDTH])) < 0.2
    assert len(set(found)) == 40
    assert {LR, ACTIVATION} <= set(record.candidates[0].setting)


def test_nothing_to_draw() -> None:
    assert slices(tunings(Search().make()), [], "accuracy", True, LOOK) is None
    assert slices([], [Axis("x", "linear", low=0, high=1)], "accuracy", True, LOOK) is None
