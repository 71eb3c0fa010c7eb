from __future__ import annotations

from report.searched import Search, conditional

from methodic.evidence.axes import axes
from methodic.evidence.searched import tunings
from methodic.report.drawing import Figure
from methodic.report.figures.search_parallel import LINES, parallel


def drawn(search: Search) -> Figure | None:
    record = search.make()
    (found,) = tunings(record)
    axis = axes((one.setting for one in found.candidates), {})
    return parallel(found, axis, record.metric, record.greater_is_better)


def test_a_line_for_each_candidate() -> None:
    figure = drawn(Search(methods=("adamw",), settings=40))
    assert figure is not None
    others, best = figure.data
    drawn_lines = [trace["x"].count(None) for trace in (others, best)]
    scored = sum(drawn_lines)
    assert scored in (39, 40)
    assert drawn_lines[1] == scored // 5
    assert all(y is None or 0 <= y <= 1 for trace in figure.data for y in trace["y"])
    columns = figure.layout["xaxis"]["ticktext"]
    assert columns == ["lr", "weight_decay", "width", "activation", "score"]
    assert min(best["y"][4::6]) > max(others["y"][4::6]), "the last column is the rank"
    words = [each["text"] for each in figure.layout["annotations"]]
    assert {"relu", "gelu", "64", "128", "256"} <= set(words)


def test_gaps_where_a_number_does_not_exist() -> None:
    figure = drawn(Search(methods=("adamw",), settings=40, draw=conditional))
    assert figure is not None
    columns = figure.layout["xaxis"]["ticktext"]
    assert set(columns[:2]) == {"optimizer", "width"}, "those that all have come first"
    assert any(
        y is None and x is not None
        for t in figure.data
        for x, y in zip(t["x"], t["y"], strict=True)
    )


def test_the_best_of_very_many() -> None:
    figure = drawn(Search(methods=("adamw",), settings=LINES + 60))
    assert figure is not None
    assert f"{LINES} candidates" in figure.caption


def test_too_few() -> None:
    assert drawn(Search(methods=("adamw",), settings=3)) is None
