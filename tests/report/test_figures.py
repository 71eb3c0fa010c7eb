from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from report.runs import METHODS, make_leaderboard

from methodic.plan import CurvePoint
from methodic.report import figures
from methodic.report.drawing import Figure, styles, window
from methodic.report.folder import Tried, load, members, tried

LR = "stages.0.turns.0.optimizer.lr"


@settings(deadline=None, max_examples=50)
@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=40), st.booleans())
def test_the_window_holds_the_best_score_and_most_others(scores: list[float], up: bool) -> None:
    low, high, beyond = window(scores, up)
    best = max(scores) if up else min(scores)
    inside = [x for x in scores if low <= x <= high]
    assert low < high
    assert best in inside
    assert len(inside) >= len(scores) / 2
    assert beyond == (len(inside) < len(scores))


def test_a_hopeless_row_does_not_squeeze_the_others() -> None:
    figure = figures.ranking(make_leaderboard())
    assert figure is not None
    low, high = figure.layout["xaxis"]["range"]
    assert 0.9 < low < 0.95 < 0.975 < high < 1
    edge = figure.data[-1]
    assert edge["y"] == ["constant"]
    assert edge["text"] == [" 9.9% "]
    assert edge["marker"]["symbol"] == ["triangle-left"]


def test_for_errors_the_hopeless_row_stands_at_the_right() -> None:
    figure = figures.ranking(make_leaderboard("rmse"))
    assert figure is not None
    assert figure.data[-1]["marker"]["symbol"] == ["triangle-right"]


def test_ranking_without_confirmation_is_no_figure() -> None:
    board = make_leaderboard()
    rows = tuple(row.model_copy(update={"test": None}) for row in board.rows)
    assert figures.ranking(board.model_copy(update={"rows": rows})) is None


def test_intervals_are_drawn_to_scale() -> None:
    board = make_leaderboard()
    figure = figures.ranking(board)
    assert figure is not None
    dots = figure.data[0]
    tested = [row.test for row in board.rows if row.kind == "method" and row.test]
    assert dots["x"] == pytest.approx([each.mean for each in tested], abs=1e-5)
    halves = [(each.high - each.low) / 2 for each in tested if each.high and each.low]
    assert dots["error_x"]["array"] == pytest.approx(halves, rel=1e-4)


def _points(n: int, score: float = 0.5) -> tuple[CurvePoint, ...]:
    return tuple(
        CurvePoint(step=i + 1, train_loss=1.0, validation_loss=1.0, score=score) for i in range(n)
    )


@pytest.mark.parametrize("n", [1, 2, 199, 200, 201, 5000])
def test_thinned_curves_keep_their_ends(n: int) -> None:
    curve = _points(n)
    thinned = figures.thin(curve)
    assert len(thinned) == min(n, figures.POINTS)
    assert (thinned[0], thinned[-1]) == (curve[0], curve[-1])
    steps = [point.step for point in thinned]
    assert steps == sorted(set(steps))


def test_the_mean_is_over_all_seeds_or_not_there() -> None:
    long, short = _points(10, 0.2), _points(6, 0.8)
    assert figures.mean_curve([long, short]) == [(i, 0.5) for i in range(1, 7)]
    broken = (*_points(2), CurvePoint(step=3, train_loss=None, validation_loss=None, score=None))
    assert [step for step, _ in figures.mean_curve([broken, long])] == [1, 2]
    assert figures.mean_curve([]) == []


def test_curves_have_a_line_per_seed_and_a_mean(make_run: Any) -> None:
    folder = load(make_run())
    pairs = members(folder.confirmed)
    runs = {
        name: [pair for pair in pairs if pair[0].member.recipe == name] for name in ("adam", "sgd")
    }
    figure = figures.curves(runs, "accuracy", True, styles(runs))
    assert figure is not None
    seeds, mean = figure.data[:2]
    assert sum(x is None for x in seeds["x"]) == 10
    assert mean["name"] == "adam"
    assert len(mean["x"]) == 30
    assert "adam ends at 97" in figure.caption


def test_the_response_marks_what_diverged(make_run: Any) -> None:
    folder = load(make_run(until="screen"))
    figure = figures.response(tried(folder), "accuracy", True, styles(METHODS))
    assert figure is not None
    assert figure.layout["xaxis"]["type"] == "log"
    crosses = [trace for trace in figure.data if trace["marker"].get("symbol") == "x-thin"]
    lost = {trace["legendgroup"]: trace["x"] for trace in crosses if trace["x"]}
    assert lost == {"sgd": pytest.approx([0.5])}
    assert "sgd diverged at 0.5" in figure.caption


def test_without_a_learning_rate_there_is_no_response() -> None:
    look = styles(["a"])
    fixed = Tried("a", 0, {"model.dropout": 0.1}, (0.9,), 0)
    assert figures.response([fixed], "accuracy", True, look) is None
    lost = Tried("a", 0, {LR: 0.1}, (), 3)
    assert figures.response([lost], "accuracy", True, look) is None
    single = figures.response([Tried("a", 0, {LR: 0.1}, (0.9,), 0)], "accuracy", True, look)
    assert single is not None


def test_no_text_in_a_figure_ends_its_script() -> None:
    title = "</script><script>alert(1)</script>"
    figure = Figure("a", title, "", [{"name": title}], {"title": {"text": title}})
    assert "<" not in figure.json()
    assert json.loads(figure.json())["data"] == [{"name": title}]


def test_many_methods_look_different() -> None:
    looks = styles(f"m{i}" for i in range(30))
    assert len({(each.colour, each.dash) for each in looks.values()}) == 30
