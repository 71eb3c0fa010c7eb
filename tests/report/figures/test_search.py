from __future__ import annotations

from dataclasses import replace

import pytest
from report.searched import Search

from methodic.evidence.searched import tunings
from methodic.evidence.tuned import tuned
from methodic.report.drawing import Figure, styles
from methodic.report.figures.search import BANDS, UNTUNED, after, history

LOOK = styles(["adamw", "momentum", "sgd", "rmsprop"])


def drawn(search: Search) -> tuple[Figure, Figure]:
    record = search.make()
    rest = (record.metric, record.greater_is_better, LOOK)
    first, second = after(tuned(record), *rest), history(tunings(record), *rest)
    assert first is not None
    assert second is not None
    return first, second


def test_a_curve_for_each_method() -> None:
    figure, _ = drawn(Search(settings=40))
    named = [trace for trace in figure.data if trace.get("showlegend", True)]
    assert [trace["name"] for trace in named] == ["adamw", "momentum", "sgd"]
    for trace in named:
        assert trace["x"][0] == 1
        assert trace["x"][-1] == 40
        assert trace["y"] == sorted(trace["y"])
        assert trace["line"]["color"] == LOOK[trace["name"]].colour
    assert figure.layout["xaxis"]["ticktext"] == ["untuned", "1", "4", "16", "40"]
    assert [trace["x"] for trace in figure.data].count([UNTUNED]) == 3
    assert "adamw 97.6% with 40" in figure.caption
    assert "bands hold the middle half" in figure.caption
    assert sum(trace.get("fill") == "toself" for trace in figure.data) == BANDS


def test_errors_fall() -> None:
    figure, _ = drawn(Search(settings=20, metric="rmse"))
    line = next(trace for trace in figure.data if trace.get("showlegend", True))
    assert line["y"] == sorted(line["y"], reverse=True)


def test_many_methods_have_no_bands() -> None:
    figure, _ = drawn(Search(methods=tuple(LOOK)))
    assert not any(trace.get("fill") for trace in figure.data)
    assert "bands" not in figure.caption


def test_one_search_is_called_so() -> None:
    figure, _ = drawn(Search(sampler="tpe"))
    assert "one search, seen once" in figure.caption
    line = next(trace for trace in figure.data if trace.get("showlegend", True))
    assert line["line"]["shape"] == "hv"


def test_history_in_the_order_of_asking() -> None:
    _, figure = drawn(Search(methods=("adamw",), settings=27, strategy="halving"))
    early, whole, line = figure.data
    assert len(early["x"]) == 24
    assert early["marker"]["symbol"].endswith("-open")
    assert len(whole["x"]) == len(line["x"]) == 3
    assert line["y"] == sorted(line["y"])
    assert "open marks were stopped early" in figure.caption
    assert "; 0 is untuned." in figure.caption
    together = drawn(Search(together=True))[1]
    assert "; 0, 1 and 2 are untuned." in together.caption


def test_a_search_that_never_tried_the_untuned_one_does_not_say_so() -> None:
    found = [replace(each, untuned=None) for each in tunings(Search().make())]
    figure = history(found, "accuracy", True, LOOK)
    assert figure is not None
    assert "untuned" not in figure.caption


def test_what_diverged_has_a_cross() -> None:
    _, figure = drawn(Search(methods=("sgd",), settings=64))
    cross = figure.data[-1]
    assert cross["name"] == "diverged"
    assert cross["x"]
    assert set(cross["y"]) == {figure.layout["yaxis"]["range"][0]}
    _, figure = drawn(Search(methods=("sgd",), settings=64, metric="rmse"))
    assert set(figure.data[-1]["y"]) == {figure.layout["yaxis"]["range"][1]}


@pytest.mark.parametrize("draw", [after, history])
def test_nothing_to_draw(draw: object) -> None:
    assert draw([], "accuracy", True, LOOK) is None  # type: ignore[operator]


def test_one_setting_is_no_curve() -> None:
    record = Search(settings=1).make()
    assert after(tuned(record), "accuracy", True, LOOK) is None
