"""Sums over rows under many sets of weights at once: what every weighted score is made of.

Shapes: N rows, B sets of weights, K groups of rows. Weights come as columns, float64 [N, B]: the B
weights of a row lie side by side in memory, so adding a row is one pass over neighbours. Nothing
here calls a matrix product of NumPy's, whose last bits depend on the number of threads.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Scorer = Callable[[Array], Array]
"""Weights of the rows [N, B] → a number for each set of them [B]; NaN where undefined."""


def weighted_mean(values: Array) -> Scorer:
    """Σ w·x ÷ Σ w over the rows, of ``values`` [N]."""
    values = values.astype(np.float64, copy=False)  # of two types, einsum is four times as slow

    def mean(weights: Array) -> Array:
        if weights.shape[1] == 1:  # NumPy's sum of one row is pairwise, and keeps more digits
            one = weights[:, 0]
            return np.array([np.sum(values * one) / np.sum(one)])
        return np.asarray(np.einsum("n,nb->b", values, weights) / weights.sum(axis=0))

    return mean


def mean_of_defined(values: Array) -> Array:
    """Means over the first axis of [K, B], without NaNs; NaN where there is nothing else."""
    there = ~np.isnan(values)
    return np.asarray(np.where(there, values, 0.0).sum(axis=0) / there.sum(axis=0))


class GroupSums:
    """Sums of weights by group: weights [N, B] → [K, B].

    Args:
        groups: of each row, int, 0 to ``k`` − 1.
        k: number of groups.
        rows: the rows that ``groups`` speaks of; by default all, in their order.

    Example:
        >>> GroupSums(np.array([0, 1, 0]), 2)(np.array([[1.0], [2.0], [4.0]])).tolist()
        [[5.0], [2.0]]
    """

    def __init__(self, groups: Array, k: int, rows: Array | None = None) -> None:
        self._groups = groups
        self._k = k
        self._rows = rows

    def __call__(self, weights: Array) -> Array:
        if weights.shape[1] == 1:
            one = weights[:, 0] if self._rows is None else weights[self._rows, 0]
            sums = np.bincount(self._groups, weights=one, minlength=self._k)
            return sums.astype(np.float64, copy=False)[:, None]  # whole numbers if there is no row
        return np.asarray(self._matrix(len(weights)) @ weights)

    def _matrix(self, n: int) -> Any:
        """A sparse [K, N] of ones: its product adds whole rows of weights, nothing else."""
        from scipy.sparse import csr_array

        columns, starts = self._places
        return csr_array((np.ones(len(columns)), columns, starts), shape=(self._k, n))

    @cached_property
    def _places(self) -> tuple[Array, Array]:
        order = np.argsort(self._groups, kind="stable")
        starts = np.zeros(self._k + 1, dtype=np.int64)
        np.cumsum(np.bincount(self._groups, minlength=self._k), out=starts[1:])
        return (order if self._rows is None else self._rows[order]), starts


def weighted_median(values: Array) -> Scorer:
    """The median of ``values`` [N], each as often as its weight says.

    The mean of the smallest value up to which at least half of the weight lies, and the smallest
    one up to which more than half of it lies: for weights of 1, the ordinary median.
    """
    order = np.argsort(values, kind="stable")
    ranked = values[order]
    # In two looks, at whole blocks and then into one, so that not all weights are put in order.
    size = max(1, math.isqrt(len(values)))
    blocks = -(-len(values) // size)
    sums = GroupSums(np.arange(len(values)) // size, blocks, order)

    def median(weights: Array) -> Array:
        reached = np.cumsum(sums(weights), axis=0)
        half = reached[-1] / 2
        low = _crossing(weights, order, size, reached, reached >= half, half, strictly=False)
        high = _crossing(weights, order, size, reached, reached > half, half, strictly=True)
        return np.where(half > 0, (ranked[low] + ranked[high]) / 2, np.nan)

    return median


def _crossing(
    weights: Array,
    order: Array,
    size: int,
    reached: Array,
    beyond: Array,
    half: Array,
    *,
    strictly: bool,
) -> Array:
    """The place in ``order`` where the sum of the weights gets to ``half``: int [B]."""
    sets = np.arange(weights.shape[1])
    block = beyond.argmax(axis=0)
    before = np.where(block > 0, reached[block - 1, sets], 0.0)
    places = np.minimum(block * size + np.arange(size)[:, None], len(order) - 1)
    inside = before + np.cumsum(weights[order[places], sets], axis=0)
    there = inside > half if strictly else inside >= half
    # Rounding may let the sum inside a block end just short of what the whole block says.
    step = np.where(there.any(axis=0), there.argmax(axis=0), size - 1)
    return np.asarray(places[step, sets])
