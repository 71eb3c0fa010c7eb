"""Schedules that fall in stairs.

A position is rounded to a whole step, at least one step after the one before.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from methodic.schedules.phases import Curve, FloatArray, Numbers, Total, each, phases


def step(at: FloatArray, total: Total, numbers: Numbers) -> FloatArray:
    """factor^⌊steps / stair⌋ after the warm-up; a stair has an ``every`` share of the steps.

    Args:
        at: the step.
        numbers: ``every`` in (0, 1), ``factor`` in (0, 1], ``warmup`` in [0, 1).
    """
    where = phases(at, total, numbers)
    stair = np.maximum(np.rint(numbers["every"] * where.rest), 1.0)
    return where.then(each(math.pow, numbers["factor"], np.floor(where.after / stair)))


def multi_step(milestones: Sequence[float]) -> Curve:
    """``factor`` for each milestone that lies behind.

    Args:
        milestones: shares of the steps after the warm-up, in (0, 1).

    Returns:
        a schedule of the numbers ``factor`` in (0, 1] and ``warmup`` in [0, 1).
    """

    def schedule(at: FloatArray, total: Total, numbers: Numbers) -> FloatArray:
        where = phases(at, total, numbers)
        behind = np.zeros_like(where.after)
        for milestone in milestones:
            behind = behind + (where.after >= np.maximum(np.rint(milestone * where.rest), 1.0))
        return where.then(each(math.pow, numbers["factor"], behind))

    return schedule
