"""Schedules that stay or fall, without stairs and waves.

Shapes: T steps, M members.
"""

from __future__ import annotations

import math
from typing import Literal

import numpy as np

from methodic.schedules.phases import Curve, FloatArray, Numbers, Total, each, phases

Fall = Literal["linear", "cosine", "sqrt"]


def constant(step: FloatArray, total: Total, numbers: Numbers) -> FloatArray:
    """1 after the warm-up.

    Args:
        numbers: ``warmup`` in [0, 1).

    Example:
        >>> constant(np.array([[0.0], [1.0], [2.0]]), 4, {"warmup": np.array([0.0, 0.5])})
        array([[1. , 0.5],
               [1. , 1. ],
               [1. , 1. ]])
    """
    return phases(step, total, numbers).then(1.0)


def exponential(step: FloatArray, total: Total, numbers: Numbers) -> FloatArray:
    """final^progress after the warm-up: every step multiplies by the same factor.

    Args:
        numbers: ``final`` in (0, 1], ``warmup`` in [0, 1).
    """
    where = phases(step, total, numbers)
    exponent = each(math.log, numbers["final"]) * where.progress
    return where.then(each(math.exp, exponent))


def inverse_time(step: FloatArray, total: Total, numbers: Numbers) -> FloatArray:
    """(1 + a · progress)^−power after the warm-up, with the a that leads to ``final``.

    With power 1 the rates sum to infinity and their squares don't, as the convergence of stochastic
    approximation asks; with 0.5 they fall like 1/√step.

    Args:
        numbers: ``final`` in (0, 1], ``power`` > 0, ``warmup`` in [0, 1).

    Source: Robbins and Monro 1951.
    """
    where = phases(step, total, numbers)
    power = numbers["power"]
    a = each(math.pow, numbers["final"], -1.0 / power) - 1.0
    return where.then(each(math.pow, 1.0 + a * where.progress, -power))


def polynomial(step: FloatArray, total: Total, numbers: Numbers) -> FloatArray:
    """final + (1 − final) · (1 − progress)^power after the warm-up.

    Args:
        numbers: ``final`` in [0, 1], ``power`` > 0, ``warmup`` in [0, 1).
    """
    where = phases(step, total, numbers)
    return where.then(_between(numbers, each(math.pow, 1.0 - where.progress, numbers["power"])))


def linear(step: FloatArray, total: Total, numbers: Numbers) -> FloatArray:
    """final + (1 − final) · (1 − progress) after the warm-up.

    Args:
        numbers: ``final`` in [0, 1], ``warmup`` in [0, 1).
    """
    where = phases(step, total, numbers)
    return where.then(_between(numbers, 1.0 - where.progress))


def cosine(step: FloatArray, total: Total, numbers: Numbers) -> FloatArray:
    """final + (1 − final) · (1 + cos(π · progress)) / 2 after the warm-up.

    Args:
        numbers: ``final`` in [0, 1], ``warmup`` in [0, 1).

    Source: Loshchilov and Hutter 2017, one period.
    """
    where = phases(step, total, numbers)
    return where.then(_between(numbers, half_cosine(where.progress)))


def warmup_stable_decay(shape: Fall) -> Curve:
    """1 after the warm-up, until a ``decay`` share of the steps is left; they fall to ``final``.

    Args:
        shape: of the fall: "linear", "cosine" or "sqrt" (1 − √u, which falls steeply at first).

    Returns:
        a schedule of the numbers ``decay`` in (0, 1], ``final`` in [0, 1], ``warmup`` in [0, 1).

    Source: Hu et al. 2024 (arXiv 2404.06395); 1 − √u: Hägele et al. 2024 (arXiv 2405.18392).
    """

    def schedule(step: FloatArray, total: Total, numbers: Numbers) -> FloatArray:
        where = phases(step, total, numbers)
        decay = numbers["decay"]
        u = np.clip((where.progress - (1.0 - decay)) / decay, 0.0, 1.0)
        match shape:
            case "linear":
                left = 1.0 - u
            case "cosine":
                left = half_cosine(u)
            case "sqrt":
                left = 1.0 - np.sqrt(u)
        return where.then(_between(numbers, left))

    return schedule


def flat_cosine(step: FloatArray, total: Total, numbers: Numbers) -> FloatArray:
    """1 for a ``flat`` share of the steps after the warm-up, then half a cosine down to ``final``.

    Args:
        numbers: ``flat`` in [0, 1), ``final`` in [0, 1], ``warmup`` in [0, 1).

    Source: with 0.5 and 0, Holzmüller et al. 2024 (arXiv 2407.04491).
    """
    where = phases(step, total, numbers)
    flat = numbers["flat"]
    u = np.maximum((where.progress - flat) / (1.0 - flat), 0.0)
    return where.then(_between(numbers, half_cosine(u)))


def half_cosine(u: FloatArray) -> FloatArray:
    """From 1 at u = 0 to 0 at u = 1."""
    return 0.5 + 0.5 * each(math.cos, math.pi * u)


def _between(numbers: Numbers, left: FloatArray) -> FloatArray:
    """``final`` where nothing is left of the way, 1 where all of it is."""
    final = numbers["final"]
    return final + (1.0 - final) * left
