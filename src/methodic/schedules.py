"""Schedules: pure functions of the step that drive a number, usually the learning rate.

All have one signature: (step, total, numbers) → factor on the base value.

Args:
    step: float64 [T, 1], optimizer steps from 0.
    total: steps in all, ≥ 1.
    numbers: name → float64 [M] (or anything that broadcasts to [T, M]).

Returns:
    The factors, float64 [T, M].

Each starts with a linear warm-up: of w = round(warmup · total) steps, step i has the factor
(i + 1) / w, so that the first step already moves and the last one of the warm-up has the factor 1.
The rest of the schedule then goes by progress = (i − w) / (total − w): 0 at the first step after
the warm-up, 1 just after the last step. Later steps keep the factor of progress 1.

Shapes: T steps, M members.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]


def constant(step: FloatArray, total: int, numbers: Mapping[str, FloatArray]) -> FloatArray:
    """1 after the warm-up.

    Args:
        numbers: ``warmup`` in [0, 1).

    Example:
        >>> constant(np.array([[0.0], [1.0], [2.0]]), 4, {"warmup": np.array([0.0, 0.5])})
        array([[1. , 0.5],
               [1. , 1. ],
               [1. , 1. ]])
    """
    rise, progress = _phases(step, total, numbers)
    return np.where(progress < 0, rise, 1.0)


def exponential(step: FloatArray, total: int, numbers: Mapping[str, FloatArray]) -> FloatArray:
    """final^progress after the warm-up: every step multiplies by the same factor.

    Args:
        numbers: ``final`` in (0, 1], ``warmup`` in [0, 1).
    """
    rise, progress = _phases(step, total, numbers)
    exponent = _each(math.log, np.asarray(numbers["final"], dtype=np.float64)) * progress
    return np.where(progress < 0, rise, _each(math.exp, exponent))


def cosine(step: FloatArray, total: int, numbers: Mapping[str, FloatArray]) -> FloatArray:
    """final + (1 − final) · (1 + cos(π · progress)) / 2 after the warm-up.

    Args:
        numbers: ``final`` in [0, 1], ``warmup`` in [0, 1).

    Source: Loshchilov and Hutter 2017, one period.
    """
    rise, progress = _phases(step, total, numbers)
    final = numbers["final"]
    fall = final + (1.0 - final) * (0.5 + 0.5 * _each(math.cos, math.pi * progress))
    return np.where(progress < 0, rise, fall)


def _phases(
    step: FloatArray, total: int, numbers: Mapping[str, FloatArray]
) -> tuple[FloatArray, FloatArray]:
    """Factor of the warm-up, and progress after it (below 0 during it), both [T, M]."""
    shape = np.broadcast_shapes(step.shape, *(np.shape(number) for number in numbers.values()))
    warm = np.broadcast_to(np.rint(numbers["warmup"] * total), shape)
    rise = (step + 1.0) / np.maximum(warm, 1.0)
    progress = (step - warm) / np.maximum(total - warm, 1.0)
    return rise, np.minimum(progress, 1.0)


def _each(function: Callable[[float], float], x: FloatArray) -> FloatArray:
    """``function`` of each element by itself.

    NumPy's vectorised kernels may round an element differently depending on its place in the array,
    and a member's schedule must not depend on its neighbours.
    """
    return np.array([function(value) for value in x.ravel().tolist()]).reshape(x.shape)
