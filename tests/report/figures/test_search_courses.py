from __future__ import annotations

import pytest
from report.searched import Search

from methodic.evidence.axes import axes
from methodic.evidence.searched import Tuning, tunings
from methodic.report.drawing import Figure, styles
from methodic.report.figures.search_courses import courses, schedules

LOOK = styles(["adamw", "momentum", "sgd"])
POPULATION = Search(methods=("adamw",), strategy="population", settings=20)


def course(search: Search) -> Figure | None:
    record = search.make()
    return courses(tunings(record), record.metric, record.greater_is_better, LOOK)


def changed(found: Tuning) -> Figure | None:
    return schedules(found, axes((one.setting for one in found.candidates), {}))


def test_dropped_ones_are_pale() -> None:
    figure = course(Search(methods=("adamw",), settings=27, strategy="halving"))
    assert figure is not None
    early, whole = figure.data
    assert early["line"]["color"].startswith("rgba")
    assert early["x"].count(None) == 24
    assert whole["x"].count(None) == 3
    assert whole["line"]["color"] == LOOK["adamw"].colour
    assert max(x for x in whole["x"] if x is not None) == 1
    assert {x for x in early["x"] if x is not None} == {0.11, 0.33}
    assert "adamw: 3 of 27 candidates" in figure.caption


def test_nobody_was_dropped() -> None:
    assert course(Search(strategy="full")) is None
    assert courses([], "accuracy", True, LOOK) is None


def test_a_population() -> None:
    (found,) = tunings(POPULATION.make())
    figure = changed(found)
    assert figure is not None
    everybody, best = figure.data
    assert everybody["x"].count(None) == 24
    assert best["line"]["width"] > everybody["line"]["width"]
    assert figure.layout["yaxis"]["title"]["text"] == "lr", "nothing else was perturbed"


def test_the_line_of_descent() -> None:
    """A copy's line begins with its parent's, and its number jumps where it took over."""
    (found,) = tunings(POPULATION.make())
    copy = found.candidates[-1]
    better = copy.rungs[-1].model_copy(update={"score": 0.999})
    copy = copy.model_copy(update={"rungs": (*copy.rungs[:-1], better)})
    found = Tuning("adamw", found.steps, (*found.candidates[:-1], copy), found.untuned, True)
    figure = changed(found)
    assert figure is not None
    x, y = figure.data[1]["x"], figure.data[1]["y"]
    assert x[0] == 0
    assert x[-2] == 1
    known = [(a, b) for a, b in zip(x, y, strict=True) if a is not None]
    assert [a for a, _ in known] == sorted(a for a, _ in known)
    assert len({b for _, b in known}) == 2
    start = found.start(copy)
    assert {b for a, b in known if a < start} != {b for a, b in known if a > start}


@pytest.mark.parametrize("strategy", ["full", "halving"])
def test_numbers_that_stay_are_not_drawn(strategy: str) -> None:
    (found,) = tunings(Search(methods=("adamw",), strategy=strategy).make())
    assert changed(found) is None
