from __future__ import annotations

import pytest
from report.runs import make_leaderboard
from report.whole import leaderboard

from methodic.report.figures import ranking


def test_a_hopeless_row_does_not_squeeze_the_others() -> None:
    figure = ranking.ranking(make_leaderboard())
    assert figure is not None
    low, high = figure.layout["xaxis"]["range"]
    assert 0.9 < low < 0.95 < 0.975 < high < 1
    edge = figure.data[-1]
    assert edge["y"] == ["constant"]
    assert edge["text"] == [" 9.9% "]
    assert edge["marker"]["symbol"] == ["triangle-left"]


def test_for_errors_the_hopeless_row_stands_at_the_right() -> None:
    figure = ranking.ranking(make_leaderboard("rmse"))
    assert figure is not None
    assert figure.data[-1]["marker"]["symbol"] == ["triangle-right"]


def test_ranking_without_confirmation_is_no_figure() -> None:
    board = make_leaderboard()
    rows = tuple(row.model_copy(update={"test": None}) for row in board.rows)
    assert ranking.ranking(board.model_copy(update={"rows": rows})) is None


def test_intervals_are_drawn_to_scale() -> None:
    board = make_leaderboard()
    figure = ranking.ranking(board)
    assert figure is not None
    dots = figure.data[0]
    tested = [row.test for row in board.rows if row.kind == "method" and row.test]
    assert dots["x"] == pytest.approx([each.mean for each in tested], abs=1e-5)
    halves = [(each.high - each.low) / 2 for each in tested if each.high and each.low]
    assert dots["error_x"]["array"] == pytest.approx(halves, rel=1e-4)


def test_what_other_rows_would_give_is_a_thin_line() -> None:
    board = leaderboard("accuracy")
    figure = ranking.ranking(board)
    assert figure is not None
    thick, thin = figure.data[:2]
    rows = [row for row in board.rows if row.kind == "method" and row.test]
    assert thin["error_x"]["thickness"] < thick["error_x"]["thickness"]
    for i, row in enumerate(rows):
        assert row.rows is not None
        low = thin["x"][i] - thin["error_x"]["arrayminus"][i]
        high = thin["x"][i] + thin["error_x"]["array"][i]
        assert (low, high) == pytest.approx((row.rows.low, row.rows.high), abs=2e-5)
        assert figure.layout["xaxis"]["range"][0] < low
        assert high < figure.layout["xaxis"]["range"][1]
    assert "thin over test rows" in figure.caption
    alone = ranking.ranking(make_leaderboard())
    assert alone is not None
    assert "thin" not in alone.caption


def test_marks_inside_keep_away_from_the_edge() -> None:
    board = make_leaderboard()
    figure = ranking.ranking(board)
    assert figure is not None
    low, high = figure.layout["xaxis"]["range"]
    inside = [row.test.mean for row in board.rows if row.test and low <= row.test.mean <= high]
    assert len(inside) == 6
    assert min(inside) - low > 0.03 * (high - low) < high - max(inside)


def test_long_captions_are_cut() -> None:
    board = make_leaderboard()
    rows = tuple(board.rows[0].model_copy(update={"name": f"m{i:02d}"}) for i in range(30))
    figure = ranking.ranking(board.model_copy(update={"rows": rows}))
    assert figure is not None
    assert "m11" in figure.caption
    assert "m12" not in figure.caption
    assert "18 more in the table" in figure.caption


def test_the_caption_says_what_the_intervals_are_over() -> None:
    board = leaderboard("accuracy")
    over_splits = ranking.ranking(board.model_copy(update={"about": "data"}))
    assert over_splits is not None
    assert "thick over splits of the data, thin over test rows" in over_splits.caption
