import pytest
from hypothesis import given
from hypothesis import strategies as st

from methodic.errors import InputError
from methodic.recipes.ranges import Integer, LogUniform, Options, Uniform
from methodic.recipes.spaces import Dimension
from methodic.search import points
from tests.search.spaces import BETA, DEPTH, FINITE, FLAT, LR, MOMENTUM, OPTIMIZER, TREE


@st.composite
def trees(draw: st.DrawFn) -> tuple[Dimension, ...]:
    """Finite spaces, in which dimensions may hang on earlier ones."""
    found: list[Dimension] = []
    for i in range(draw(st.integers(0, 5))):
        n = draw(st.integers(2, 4))
        given: tuple[tuple[str, str], ...] = ()
        if found and draw(st.booleans()):
            above = draw(st.sampled_from(found))
            label = draw(st.sampled_from(above.range.labels))
            given = (*above.given, (above.path, label))
        options = Options(choice=tuple(f"{i}{j}" for j in range(n)))
        found.append(Dimension(f"d{i}", options, given))
    return tuple(found)


@given(trees())
def test_points_are_all_different_and_as_many_as_counted(space):
    axes = points.finite(space)
    assert axes is not None
    found = [tuple(sorted(each.items())) for each in points.points(space, axes)]
    assert len(set(found)) == len(found) == points.count(space, axes)
    for setting in map(dict, found):
        for each in space:
            assert (each.path in setting) == each.holds(setting)


def test_conditions_count_where_they_hold():
    axes = points.finite(FINITE)
    assert axes is not None
    assert points.count(FINITE, axes) == 4 * (2 + 1)
    first = next(points.points(FINITE, axes))
    assert first == {"depth": 1, "optimizer": "adam", "optimizer[adam].beta": 0.8}


def test_what_hangs_on_what_is_gone_is_gone_too():
    inner = Dimension("c", Options(choice=(1, 2)), (("optimizer[adam].beta", 0.8),))
    space = (OPTIMIZER, BETA, inner)
    axes = points.finite(space)
    assert axes is not None
    assert points.count(space, axes) == 2 + 1 + 1
    assert len(list(points.points(space, axes))) == 4


def test_real_numbers_are_endlessly_many():
    assert points.finite(FLAT) is None
    assert points.values(LR) is None
    assert tuple(points.values(DEPTH)) == (1, 2, 3, 4)
    assert points.values(Dimension("n", Integer(integer=(1, 100))), 3) == (1, 51, 100)


def test_a_grid_is_as_fine_as_fits():
    axes = points.grid([LR], 3)
    assert axes == {"lr": (0.0001, 0.003162, 0.1)}
    two = [LR, Dimension("x", Uniform(uniform=(0, 1)))]
    sizes = [len(each) for each in points.grid(two, 64).values()]
    assert sizes == [8, 8]
    path = "stages.0.turns.0.optimizer.lr"
    both = [two[1], Dimension(path, LogUniform(log_uniform=(1e-3, 1)))]
    assert len(points.grid(both, 6)[path]) == 3, "learning rates gain a point first"
    with_conditions = points.grid(TREE, 200)
    assert points.count(TREE, with_conditions) <= 200
    assert with_conditions["optimizer"] == ("adam", "sgd")
    assert len(with_conditions[MOMENTUM.path]) > 2


def test_a_billion_whole_numbers_are_not_written_down():
    huge = Dimension("batch", Integer(integer=(16, 10**15)))
    every = points.values(huge)
    assert every is not None
    assert (every[0], every[-1], len(every)) == (16, 10**15, 10**15 - 15)
    axes = points.finite([huge, BETA])
    assert axes is not None
    assert points.count([huge], axes) == 10**15 - 15
    assert points.grid([huge], 3) == {"batch": (16, 500000000000008, 10**15)}


def test_rounded_ends_stay_inside_the_range():
    ends = (1.23456e-4, 9.87654e-2)
    axes = points.grid([Dimension("lr", LogUniform(log_uniform=ends))], 5)
    assert all(ends[0] <= float(each) <= ends[1] for each in axes["lr"])


def test_a_grid_of_a_million_points_says_how_many():
    space = [Dimension(f"n{i}", Integer(integer=(1, 10))) for i in range(20)]
    with pytest.raises(InputError) as error:
        points.grid(space, 64)
    assert f"{2**20:,} points" in error.value.problem
    assert "at most 64 settings" in str(error.value)
    assert "random" in str(error.value)
    choices = [Dimension(f"c{i}", Options(choice=tuple(range(10)))) for i in range(6)]
    with pytest.raises(InputError, match="1,000,000 points"):
        points.grid(choices, 10_000_000)
    with pytest.raises(InputError) as error:
        points.grid(choices[:2], 64)
    assert "--settings 100" in str(error.value), "what it takes, where that is possible"
