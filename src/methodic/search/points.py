"""Finite spaces: how many points they have, and all of them in order; grids.

A space is a list of dimensions; one that hangs on others (``given``) stands behind them and exists
only where they have these values, so the points are the leaves of a tree.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

from methodic.errors import InputError
from methodic.recipes.ranges import Integer, LogUniform, Uniform
from methodic.recipes.spaces import Dimension
from methodic.tuning import Scalar, Setting

LARGEST_GRID = 10_000
"""Points of a grid; each is a training."""

Axes = Mapping[str, Sequence[Scalar]]
"""Path → the values that it may have."""


def values(dimension: Dimension, points: int | None = None) -> Sequence[Scalar] | None:
    """What a dimension may be; None where that is any number between two.

    Args:
        dimension: any.
        points: at most so many whole numbers, and exactly so many of a range of real ones. None:
            all of them; as a range, since nobody can write down a billion.
    """
    each = dimension.range
    if isinstance(each, LogUniform | Uniform):
        if points is None:
            return None
        low, high = each.log_uniform if isinstance(each, LogUniform) else each.uniform
        # Grids are rounded, so their ends may lie outside.
        return tuple(dict.fromkeys(min(max(x, low), high) for x in each.grid(points)))
    if isinstance(each, Integer):
        low, high = each.integer
        n = high - low + 1
        if points is None:
            return range(low, high + 1)
        if n <= points:
            return tuple(range(low, high + 1))
        return tuple(low + round(i * (n - 1) / max(points - 1, 1)) for i in range(points))
    return each.labels


def count(dimensions: Sequence[Dimension], axes: Axes) -> int:
    """How many points a space has.

    Args:
        dimensions: conditions before what hangs on them.
        axes: the values of each.
    """
    return _count(tuple(dimensions), axes)


def _count(dimensions: tuple[Dimension, ...], axes: Axes) -> int:
    if not dimensions:
        return 1
    first, rest = dimensions[0], dimensions[1:]
    options = axes[first.path]
    if not any(path == first.path for each in rest for path, _ in each.given):
        return len(options) * _count(rest, axes)
    return sum(_count(_after(rest, first.path, value), axes) for value in options)


def _after(rest: tuple[Dimension, ...], path: str, value: Scalar) -> tuple[Dimension, ...]:
    """What is left of a space once a dimension has a value; also what hung on what is gone."""
    left: list[Dimension] = []
    gone: set[str] = set()
    for each in rest:
        if any(p in gone or (p == path and v != value) for p, v in each.given):
            gone.add(each.path)
        else:
            left.append(each)
    return tuple(left)


def points(dimensions: Sequence[Dimension], axes: Axes) -> Iterator[Setting]:
    """All points of a space, the last dimension varying fastest."""
    return _points(tuple(dimensions), axes, {})


def _points(dimensions: tuple[Dimension, ...], axes: Axes, so_far: Setting) -> Iterator[Setting]:
    if not dimensions:
        yield dict(so_far)
        return
    first, rest = dimensions[0], dimensions[1:]
    if not first.holds(so_far):
        yield from _points(rest, axes, so_far)
        return
    for value in axes[first.path]:
        yield from _points(rest, axes, {**so_far, first.path: value})


def finite(dimensions: Sequence[Dimension]) -> dict[str, Sequence[Scalar]] | None:
    """The values of each dimension, or None where one has endlessly many."""
    axes = {each.path: values(each) for each in dimensions}
    return None if None in axes.values() else {p: v for p, v in axes.items() if v is not None}


def grid(
    dimensions: Sequence[Dimension], settings: int, beside: Sequence[Setting] = ()
) -> dict[str, Sequence[Scalar]]:
    """The axes of the finest grid of at most ``settings`` points.

    Choices have all of their options; ranges of numbers have at least two points each, and gain
    more one after the other.

    Args:
        dimensions: of the space.
        settings: points, at most.
        beside: settings that are tried in any case; those that are no points of the grid count as
            one more each.

    Raises:
        InputError: the coarsest such grid has more points than that, or than `LARGEST_GRID`.

    Example:
        >>> grid([Dimension("lr", LogUniform(log_uniform=(0.001, 0.1)))], 3)
        {'lr': (0.001, 0.01, 0.1)}
    """
    limit = min(settings, LARGEST_GRID)
    axes = _axes(dimensions, 2)
    coarsest = count(dimensions, axes)
    more = _outside(beside, axes)
    if coarsest + more > limit:
        untuned = f" and {more:,} untuned beside them" if more else ""
        raise InputError(
            f"a grid over these {len(dimensions)} ranges has at least {coarsest:,} points{untuned}",
            found=_sizes(axes),
            accepted=f"at most {limit:,}"
            + (" settings, as asked for" if limit == settings else " trainings in a grid"),
            advice="Search fewer fields or give shorter choices, or take another sampler: random, "
            "sobol and tpe try as many settings as you say, wherever they are."
            + (
                f" For all of them: --settings {coarsest + more}."
                if coarsest + more <= LARGEST_GRID
                else ""
            ),
        )
    sizes = {each.path: 2 for each in dimensions if len(axes[each.path]) < _most(each)}
    # Learning rates gain a point first, since the result depends on them most.
    growing = sorted(sizes, key=lambda path: not path.endswith(".lr"))
    by_path = {each.path: each for each in dimensions}
    while growing:
        for path in list(growing):
            finer = {**axes, path: values(by_path[path], sizes[path] + 1) or ()}
            if count(dimensions, finer) + _outside(beside, finer) > limit or finer == axes:
                growing.remove(path)
            else:
                axes, sizes[path] = finer, sizes[path] + 1
    return axes


def _outside(settings: Sequence[Setting], axes: Axes) -> int:
    """How many of some settings of the space aren't points of its grid."""
    return sum(any(value not in axes[path] for path, value in each.items()) for each in settings)


def _most(dimension: Dimension) -> float:
    every = values(dimension)
    return math.inf if every is None else len(every)


def _axes(dimensions: Sequence[Dimension], n: int) -> dict[str, Sequence[Scalar]]:
    return {each.path: values(each, n) or () for each in dimensions}


def _sizes(axes: Axes) -> str:
    shown = [f"{path}: {len(each)}" for path, each in axes.items()]
    more = f", … ({len(shown)} in all)" if len(shown) > 8 else ""
    return ", ".join(shown[:8]) + more
