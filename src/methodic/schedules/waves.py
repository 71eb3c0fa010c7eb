"""Schedules that rise again.

Shapes: T steps, M members.
"""

from __future__ import annotations

import math
from typing import Literal

import numpy as np

from methodic.schedules.falling import half_cosine
from methodic.schedules.phases import Curve, FloatArray, Numbers, Total, each, phases

Mode = Literal["triangular", "triangular2", "exp_range"]
Shape = Literal["cosine", "linear"]


def cosine_restarts(cycles: int) -> Curve:
    """Half a cosine from 1 to ``final`` in each cycle; their lengths grow by equal ratios.

    A cycle starts at a whole step.

    Args:
        cycles: ≥ 1; all of them fit into the steps after the warm-up.

    Returns:
        a schedule of the numbers ``growth`` ≥ 1 (the ratio), ``final`` in [0, 1] and ``warmup`` in
        [0, 1).

    Source: Loshchilov and Hutter 2017 (arXiv 1608.03983).
    """

    def schedule(step: FloatArray, total: Total, numbers: Numbers) -> FloatArray:
        where = phases(step, total, numbers)
        lengths = [each(math.pow, numbers["growth"], np.array(float(i))) for i in range(cycles)]
        whole = sum(lengths[1:], lengths[0])
        start, passed = np.zeros_like(where.after), np.zeros_like(lengths[0])
        u = np.zeros_like(where.after)
        for length in lengths:
            passed = passed + length
            end = np.rint(where.rest * (passed / whole))
            inside = (where.after - start) / np.maximum(end - start, 1.0)
            u = np.where(where.after >= start, inside, u)
            start = end
        # Progress 1 is the end of the last cycle; a cycle without a step of its own is passed over.
        fall = half_cosine(np.where(where.after >= where.rest, 1.0, u))
        final = numbers["final"]
        return where.then(final + (1.0 - final) * fall)

    return schedule


def log_cosine(cycles: int) -> Curve:
    """(1 − cos(2π · log₂(1 + (2^cycles − 1) · progress))) / 2 after the warm-up.

    Waves from 0 to 1 and back to 0, each twice as long as the one before.

    Args:
        cycles: ≥ 1.

    Returns:
        a schedule of the number ``warmup`` in [0, 1).

    Source: with 4 cycles, Holzmüller et al. 2024 (arXiv 2407.04491).
    """
    most = 2.0**cycles - 1.0

    def schedule(step: FloatArray, total: Total, numbers: Numbers) -> FloatArray:
        where = phases(step, total, numbers)
        waves = each(math.log2, 1.0 + most * where.progress)
        return where.then(0.5 - 0.5 * each(math.cos, 2.0 * math.pi * waves))

    return schedule


def one_cycle(shape: Shape) -> Curve:
    """From ``start`` up to 1 at the ``peak``, then down to ``final``.

    Args:
        shape: of both ways, half cosines or straight lines.

    Returns:
        a schedule of the numbers ``start`` in [0, 1], ``peak`` in (0, 1), ``final`` in [0, 1],
        ``warmup`` in [0, 1).

    Source: Smith and Topin 2018 (arXiv 1708.07120).
    """

    def schedule(step: FloatArray, total: Total, numbers: Numbers) -> FloatArray:
        where = phases(step, total, numbers)
        peak, start, final = numbers["peak"], numbers["start"], numbers["final"]
        up = np.minimum(where.progress / peak, 1.0)
        down = np.maximum((where.progress - peak) / (1.0 - peak), 0.0)
        if shape == "cosine":
            risen, left = half_cosine(1.0 - up), half_cosine(down)
        else:
            risen, left = up, 1.0 - down
        rise, fall = start + (1.0 - start) * risen, final + (1.0 - final) * left
        return where.then(np.where(where.progress < peak, rise, fall))

    return schedule


def cyclic(mode: Mode, cycles: int) -> Curve:
    """Straight lines from ``low`` up to 1 and back, ``cycles`` times.

    Args:
        mode: "triangular": all cycles alike; "triangular2": each swings half as far above ``low``
            as the one before; "exp_range": the swing shrinks with every step, to ``fade`` of it
            at the end.
        cycles: ≥ 1.

    Returns:
        a schedule of the numbers ``low`` in [0, 1), ``fade`` in (0, 1], ``warmup`` in [0, 1).

    Source: Smith 2017 (arXiv 1506.01186).
    """

    def schedule(step: FloatArray, total: Total, numbers: Numbers) -> FloatArray:
        where = phases(step, total, numbers)
        at = where.after * cycles / where.rest
        number = np.minimum(np.floor(at), cycles - 1.0)
        swing = 1.0 - np.abs(2.0 * (at - number) - 1.0)
        if mode == "triangular2":
            swing = swing * each(math.pow, np.array(0.5), number)
        elif mode == "exp_range":
            swing = swing * each(math.pow, numbers["fade"], where.progress)
        low = numbers["low"]
        return where.then(low + (1.0 - low) * swing)

    return schedule
