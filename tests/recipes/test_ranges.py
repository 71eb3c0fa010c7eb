from __future__ import annotations

import itertools
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from methodic.recipes.ranges import Choice, LogUniform, Number, Uniform

QUICK = settings(deadline=None, max_examples=60)
POINTS = st.integers(1, 20)
ENDS = st.tuples(st.floats(1e-9, 1e9), st.floats(1.01, 1e6)).map(lambda t: (t[0], t[0] * t[1]))


@QUICK
@given(ENDS, POINTS)
def test_log_uniform_grid_has_equal_ratios(ends: tuple[float, float], points: int) -> None:
    grid = LogUniform(log_uniform=ends).grid(points)
    assert len(grid) == points
    if points == 1:
        assert grid[0] == pytest.approx(math.sqrt(ends[0] * ends[1]), rel=1e-3)
        return
    assert (grid[0], grid[-1]) == pytest.approx(ends, rel=1e-3)
    ratio = (ends[1] / ends[0]) ** (1 / (points - 1))
    for low, high in itertools.pairwise(grid):
        assert high / low == pytest.approx(ratio, rel=2e-3)


@QUICK
@given(st.floats(-1e6, 1e6), st.floats(0.1, 1e6), POINTS)
def test_uniform_grid_has_equal_distances(low: float, width: float, points: int) -> None:
    high = low + width
    grid = Uniform(uniform=(low, high)).grid(points)
    assert len(grid) == points
    size = max(abs(low), abs(high))
    if points == 1:
        assert grid[0] == pytest.approx((low + high) / 2, abs=1e-3 * size)
        return
    for i, x in enumerate(grid):
        assert x == pytest.approx(low + (high - low) * i / (points - 1), abs=1e-3 * size)


@QUICK
@given(st.lists(st.floats(-10, 10), min_size=2, max_size=12, unique=True), POINTS)
def test_choice_grid_takes_listed_numbers_in_their_order(listed: list[float], points: int) -> None:
    grid = Choice(choice=tuple(listed)).grid(points)
    assert len(grid) == min(points, len(listed))
    places = [listed.index(x) for x in grid]
    assert places == sorted(set(places))
    assert grid[0] == listed[0]
    if points > 1:
        assert grid[-1] == listed[-1]


def test_a_number_or_a_range_stands_for_a_number() -> None:
    adapter: TypeAdapter[float | LogUniform | Uniform | Choice] = TypeAdapter(Number)
    assert adapter.validate_python(1) == 1.0
    assert adapter.validate_python({"uniform": [0, 1]}) == Uniform(uniform=(0, 1))
    assert adapter.validate_python(Choice(choice=(1.0, 2.0))) == Choice(choice=(1.0, 2.0))


@pytest.mark.parametrize(
    "value",
    [
        {"log_uniform": [0, 1]},
        {"log_uniform": [1, 1]},
        {"log_uniform": [-1, 1]},
        {"log_uniform": [1, math.inf]},
        {"log_uniform": [1, math.nan]},
        {"uniform": [1, 0]},
        {"uniform": [-math.inf, 0]},
        {"uniform": [0, 1, 2]},
        {"choice": []},
        {"choice": [1]},
        {"choice": [1, 2, 1.0]},
        {"integer": [1, 2]},
        {"normal": [0, 1]},
        {"uniform": [0, 1], "choice": [1]},
        "x",
        None,
    ],
)
def test_what_is_no_number_is_refused(value: object) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(Number).validate_python(value)
