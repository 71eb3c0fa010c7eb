from __future__ import annotations

from typing import Any

import pytest
from report.runs import LR, METHODS

from methodic.report.drawing import styles
from methodic.report.figures import tuning
from methodic.report.folder import Tried, load, tried


def test_the_response_marks_what_diverged(make_run: Any) -> None:
    folder = load(make_run(until="screen"))
    figure = tuning.response(tried(folder), "accuracy", True, styles(METHODS))
    assert figure is not None
    assert figure.layout["xaxis"]["type"] == "log"
    crosses = [trace for trace in figure.data if trace["marker"].get("symbol") == "x-thin"]
    lost = {trace["legendgroup"]: trace["x"] for trace in crosses if trace["x"]}
    assert lost == {"sgd": pytest.approx([0.5])}
    assert "sgd diverged at 0.5" in figure.caption


def test_without_a_learning_rate_there_is_no_response() -> None:
    look = styles(["a"])
    fixed = Tried("a", 0, {"model.dropout": 0.1}, (0.9,), 0)
    assert tuning.response([fixed], "accuracy", True, look) is None
    lost = Tried("a", 0, {LR: 0.1}, (), 3)
    assert tuning.response([lost], "accuracy", True, look) is None
    single = tuning.response([Tried("a", 0, {LR: 0.1}, (0.9,), 0)], "accuracy", True, look)
    assert single is not None


def test_the_line_joins_the_best_at_each_rate() -> None:
    settings = [
        Tried("a", i, {LR: rate, "model.dropout": drop}, (score,), 0)
        for i, (rate, drop, score) in enumerate(
            [(0.1, 0.0, 0.7), (0.1, 0.5, 0.8), (0.01, 0.0, 0.9), (0.01, 0.5, 0.6)]
        )
    ]
    line = tuning.response(settings, "accuracy", True, styles("a"))
    assert line is not None
    assert line.data[1]["x"] == [0.01, 0.1]
    assert line.data[1]["y"] == [0.9, 0.8]
    assert "a is best at 0.01 (90.0%)" in line.caption
    errors = tuning.response(settings, "rmse", False, styles("a"), others=7)
    assert errors is not None
    assert errors.data[1]["y"] == [0.6, 0.7]
    assert "7 methods" in errors.caption
