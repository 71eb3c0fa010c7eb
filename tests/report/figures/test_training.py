from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from methodic.plan import CurvePoint, MemberRecord, UnitRecord
from methodic.report.drawing import styles
from methodic.report.figures import training
from methodic.report.folder import Folder, load, members


def _points(n: int, score: float = 0.5) -> tuple[CurvePoint, ...]:
    return tuple(
        CurvePoint(step=i + 1, train_loss=1.0, validation_loss=1.0, score=score) for i in range(n)
    )


@pytest.mark.parametrize("n", [1, 2, 199, 200, 201, 5000])
def test_thinned_curves_keep_their_ends(n: int) -> None:
    curve = _points(n)
    thinned = training.thin(curve)
    assert len(thinned) == min(n, training.POINTS)
    assert (thinned[0], thinned[-1]) == (curve[0], curve[-1])
    steps = [point.step for point in thinned]
    assert steps == sorted(set(steps))


def test_the_mean_is_over_all_seeds_or_not_there() -> None:
    long, short = _points(10, 0.2), _points(6, 0.8)
    assert training.mean_curve([long, short]) == [(i, 0.5) for i in range(1, 7)]
    broken = (*_points(2), CurvePoint(step=3, train_loss=None, validation_loss=None, score=None))
    assert [step for step, _ in training.mean_curve([broken, long])] == [1, 2]
    assert training.mean_curve([]) == []


def test_curves_have_a_line_per_seed_and_a_mean(make_run: Any) -> None:
    folder = load(make_run())
    runs = confirmed(folder, "adam", "sgd")
    figure = training.curves(runs, "accuracy", True, styles(runs))
    assert figure is not None
    seeds, mean = figure.data[:2]
    assert sum(x is None for x in seeds["x"]) == 10
    assert mean["name"] == "adam"
    assert len(mean["x"]) == 30
    assert "adam ends at 97" in figure.caption


def confirmed(folder: Folder, *names: str) -> dict[str, training.Curves]:
    pairs = members(folder.confirmed)
    return {name: [pair for pair in pairs if pair[0].member.recipe == name] for name in names}


def test_the_thin_lines_of_many_seeds_stay_few_points(make_run: Any) -> None:
    record, _ = members(load(make_run()).confirmed)[0]
    seeds = [(record, _points(5000))] * 300
    figure = training.curves({"a": seeds}, "accuracy", True, styles("a"))
    assert figure is not None
    thin, mean = figure.data
    assert len(thin["x"]) <= training.ALTOGETHER + 300
    assert len(mean["x"]) == training.POINTS


def test_a_budget_curve_has_marks_at_parts_of_the_seconds(make_run: Any) -> None:
    folder = load(make_run())
    runs = confirmed(folder, "adam", "sgd")
    marks = {each.name: each for each in folder.anytime}
    figure = training.budget(runs, marks, "accuracy", True, styles(runs))
    assert figure is not None
    line, points = figure.data[:2]
    # 1,200 steps in 0.42 s: marks at 10%, 30% and 100% of them.
    assert points["x"] == pytest.approx([0.042, 0.126, 0.42], rel=1e-3)
    assert line["x"][-1] == pytest.approx(0.42, rel=1e-3)
    assert points["y"][-1] == pytest.approx(line["y"][-1], abs=1e-4)
    assert "seconds" in figure.layout["xaxis"]["title"]["text"]
    assert "10% / 30% / 100%" in figure.caption
    assert "after 0.42 s" in figure.caption


def test_without_marks_there_is_no_budget_curve(make_run: Any) -> None:
    runs = confirmed(load(make_run()), "adam")
    assert training.budget(runs, {}, "accuracy", True, styles(runs)) is None


def test_a_seed_that_stopped_keeps_its_score_and_costs_no_more(make_run: Any) -> None:
    record, _ = members(load(make_run()).confirmed)[0]
    long = record.model_copy(update={"seconds": 2.0, "steps_taken": 10})
    short = record.model_copy(update={"seconds": 1.0, "steps_taken": 4})
    line = training.spent_curve([(long, _points(10, 0.2)), (short, _points(4, 0.8))])
    assert [score for _, score in line] == pytest.approx([0.5] * 10)
    expected = [(0.2 * step + min(0.25 * step, 1.0)) / 2 for step in range(1, 11)]
    assert [seconds for seconds, _ in line] == pytest.approx(expected)
    assert training.spent_curve([]) == []
    late = tuple(point for point in _points(10, 0.6) if point.step > 5)
    assert len(training.spent_curve([(long, late), (short, _points(4, 0.8))])) == 5


def test_marks_lie_on_their_line_where_seeds_stop_early(make_run: Any) -> None:
    """Both follow one definition: here the figure's, there `evidence.anytime`'s."""
    folder = load(make_run())
    records = []
    for unit in folder.confirmed:
        cut = [(m, c) if i % 2 else stopped(m, c, 12 + i) for i, (m, c) in enumerate(pairs(unit))]
        changed = {"members": tuple(m for m, _ in cut), "curves": tuple(c for _, c in cut)}
        records.append(unit.model_copy(update=changed))
    folder = replace(folder, confirmed=tuple(records))
    runs = confirmed(folder, "adam")
    marks = {each.name: each for each in folder.anytime}
    figure = training.budget(runs, marks, "accuracy", True, styles(runs))
    assert figure is not None
    line, points = figure.data
    for x, y in zip(points["x"], points["y"], strict=True):
        place = min(range(len(line["x"])), key=lambda i: abs(line["x"][i] - x))
        assert (line["x"][place], line["y"][place]) == pytest.approx((x, y), rel=1e-3)


def pairs(unit: UnitRecord) -> list[training.Trained]:
    return members([unit])


def stopped(
    record: MemberRecord, curve: tuple[CurvePoint, ...], after: int
) -> tuple[MemberRecord, tuple[CurvePoint, ...]]:
    """The same, stopped early."""
    short = {"steps_taken": curve[after].step, "seconds": record.seconds / 2, "status": "stopped"}
    return record.model_copy(update=short), curve[: after + 1]
