from __future__ import annotations

from typing import Any

import pytest
from report.many import many
from report.whole import FIGURES, TASKS, TRAINING

from methodic.report.folder import load
from methodic.report.gallery import MOST, figures


@pytest.mark.parametrize("task", TASKS)
def test_every_figure_that_a_run_has_numbers_for(make_whole: Any, task: str) -> None:
    found = figures(load(make_whole(task)))
    assert set(found) == TRAINING | FIGURES[task]
    for key, figure in found.items():
        assert figure.key == key
        assert figure.title
        assert len(figure.caption) > 60
        for axis in ("xaxis", "yaxis"):
            if key not in ("ranking", "ablation") or axis == "xaxis":  # their rows are names
                assert figure.layout[axis]["title"]["text"], (key, axis)


def test_a_method_looks_alike_everywhere(make_whole: Any) -> None:
    found = figures(load(make_whole()))
    colours = {
        key: {
            trace["name"]: trace["line"]["color"]
            for trace in found[key].data
            if trace.get("showlegend", True)
        }
        for key in ("curves", "budget", "response")
    }
    assert set(colours["curves"]) == set(colours["budget"]) < set(colours["response"])
    for name, colour in colours["curves"].items():
        assert colours["budget"][name] == colours["response"][name] == colour


def test_many_methods_are_not_all_drawn(make_run: Any, tmp_path: Any) -> None:
    found = figures(load(many(tmp_path / "many", methods=14, seeds=2, points=12)))
    for key in ("curves", "budget", "response"):
        named = {trace["name"] for trace in found[key].data if trace.get("showlegend", True)}
        assert len(named) == MOST, key
    assert "the 10 best of 14 finalists" in found["curves"].title
    assert "method-00" in found["curves"].caption
    assert "4 methods" in found["response"].caption
