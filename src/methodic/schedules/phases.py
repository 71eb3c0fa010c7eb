"""What all schedules share: the warm-up, progress after it, and exact arithmetic."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
Numbers = Mapping[str, FloatArray]
Total = int | FloatArray
Curve = Callable[[FloatArray, Total, Numbers], FloatArray]
"""A schedule; its ``total`` may be each member's own, [M], where it is one part of several."""


@dataclass(frozen=True)
class Phases:
    """Where each step stands; everything [T, M].

    Args:
        warming: whether the step belongs to the warm-up.
        rise: the factor there.
        after: steps since the warm-up, from 0 to ``rest``.
        rest: steps that follow the warm-up, ≥ 1.
    """

    warming: npt.NDArray[np.bool_]
    rise: FloatArray
    after: FloatArray
    rest: FloatArray

    @property
    def progress(self) -> FloatArray:
        """0 at the first step after the warm-up, 1 just after the last step and from then on."""
        return self.after / self.rest

    def then(self, factor: FloatArray | float) -> FloatArray:
        """The warm-up's factor during the warm-up, ``factor`` from then on."""
        return np.where(self.warming, self.rise, factor)


def phases(step: FloatArray, total: Total, numbers: Numbers) -> Phases:
    """The phases of ``step`` [T, 1] or [T, M], for members that differ in ``numbers``.

    With a ``length`` among the numbers, the run is taken to have that share of its steps.
    """
    if "length" in numbers:
        total = np.maximum(np.rint(numbers["length"] * total), 1.0)
    shapes = (np.shape(number) for number in numbers.values())
    shape = np.broadcast_shapes(step.shape, np.shape(total), *shapes)
    warm = np.broadcast_to(np.rint(numbers["warmup"] * total), shape)
    rest = np.maximum(total - warm, 1.0)
    return Phases(
        warming=step < warm,
        rise=(step + 1.0) / np.maximum(warm, 1.0),
        after=np.clip(step - warm, 0.0, rest),
        rest=rest,
    )


def each(function: Callable[..., float], *arrays: FloatArray) -> FloatArray:
    """``function`` of each element by itself.

    NumPy's vectorised kernels may round an element differently depending on its place in the array,
    and a member's schedule must not depend on its neighbours.
    """
    together = np.broadcast_arrays(*(np.asarray(array, dtype=np.float64) for array in arrays))
    values = zip(*(array.ravel().tolist() for array in together), strict=True)
    return np.array([function(*one) for one in values], dtype=np.float64).reshape(together[0].shape)
