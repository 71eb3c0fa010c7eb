"""Scalar arithmetic of the update rules: in float64, on the host, for many steps at once.

Shapes: T steps, M members.

A coefficient must not depend on the members or steps it is computed beside. NumPy's vectorised
powers may round the last elements of an array differently from the others; products don't.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]


def power(base: FloatArray, exponent: FloatArray) -> FloatArray:
    """base**exponent by repeated squaring, for whole exponents ≥ 0.

    Args:
        base, exponent: arrays that broadcast together.

    Returns:
        The power, in the common shape; the relative error is about exponent · 10⁻¹⁶.
    """
    base, exponent = np.broadcast_arrays(base, exponent)
    left = exponent.astype(np.int64)
    square = base.astype(np.float64)
    result = np.ones_like(square)
    while left.any():
        result = np.where(left & 1, result * square, result)
        square = square * square
        left = left >> 1
    return result


def spread(step: FloatArray, columns: Mapping[str, FloatArray]) -> dict[str, FloatArray]:
    """Every column in full, [T, M], in memory of its own.

    Args:
        step: [T, 1].
        columns: name → array that broadcasts to [T, M].
    """
    shape = np.broadcast_shapes(step.shape, *(column.shape for column in columns.values()))
    return {
        name: np.array(np.broadcast_to(column, shape), dtype=np.float64, order="C")
        for name, column in columns.items()
    }
