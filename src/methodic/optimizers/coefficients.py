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
    left = exponent.astype(np.int64)
    square = base
    result = np.ones(np.broadcast_shapes(base.shape, exponent.shape))
    for _ in range(int(left.max(initial=0)).bit_length()):
        result *= np.where(left & 1, square, 1.0)  # a factor of 1 changes no bit
        square = square * square
        left >>= 1
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
