"""Scores that only look at how probabilities order the rows.

Shapes: N rows, C classes, B sets of weights, K different probabilities.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from methodic.metrics.weighing import Array, GroupSums, Scorer, mean_of_defined


def auc(truth: Array, prediction: Array) -> Scorer:
    """Area under the ROC curve: of class 1, or each class against the rest, averaged.

    With more than two classes the mean is over those that occur in ``truth``, equally weighted: the
    curve of an absent class is undefined. With one class only, everything is: NaN.
    """
    return _by_class(_area, truth, prediction)


def average_precision(truth: Array, prediction: Array) -> Scorer:
    """Mean of the precision at each row found, in the order of the probabilities.

    Σ (recall_k − recall_k−1) · precision_k over the different probabilities, highest first. Of
    class 1, or the mean over the classes that occur in ``truth``, each against the rest.
    """
    return _by_class(_precision, truth, prediction)


def _by_class(one: Callable[[Array, Array], Scorer], truth: Array, prediction: Array) -> Scorer:
    if prediction.shape[1] == 2:
        return one(truth == 1, prediction[:, 1])
    scorers = [one(truth == c, prediction[:, c]) for c in np.unique(truth)]
    return lambda weights: mean_of_defined(np.array([each(weights) for each in scorers]))


def _area(positive: Array, score: Array) -> Scorer:
    """The probability that a positive row stands above a negative one, ties half.

    Levels are the different scores of the rarer class. Each row of the other one counts for all
    levels above it, and half for a level that it is on.
    """
    inside, outside = np.flatnonzero(positive), np.flatnonzero(~positive)
    few, many = (inside, outside) if len(inside) <= len(outside) else (outside, inside)
    levels, level = np.unique(score[few], return_inverse=True)
    first = np.searchsorted(levels, score[many], side="right")  # the lowest level above the row
    on = np.flatnonzero(first > np.searchsorted(levels, score[many]))
    k = padded(len(levels) + 1)
    own, others = GroupSums(level, k, few), GroupSums(first, k, many)
    level_of = GroupSums(first[on] - 1, k, many[on])

    def area(weights: Array) -> Array:
        mine, theirs = own(weights), others(weights)
        pairs = mine.sum(axis=0) * theirs.sum(axis=0)
        won = np.zeros(weights.shape[1])
        if len(on):
            won += np.einsum("kb,kb->b", mine, level_of(weights)) / 2
        here = in_blocks(mine)
        for i, below in enumerate(running_sums(in_blocks(theirs))):
            won += np.einsum("gb,gb->b", here[:, i], below)
        share = won / pairs
        return np.asarray(share if few is inside else 1 - share)

    return area


def _precision(positive: Array, score: Array) -> Scorer:
    inside, outside = np.flatnonzero(positive), np.flatnonzero(~positive)
    levels, level = np.unique(-score[inside], return_inverse=True)  # highest score first
    k = padded(len(levels) + 1)
    own = GroupSums(level, k, inside)
    # The first level that a negative row reaches; behind the last one it disturbs nobody.
    others = GroupSums(np.searchsorted(levels, -score[outside]), k, outside)

    def precision(weights: Array) -> Array:
        mine = in_blocks(own(weights))
        hits, misses = running_sums(mine), running_sums(in_blocks(others(weights)))
        area = np.zeros(weights.shape[1])
        for i, (right, wrong) in enumerate(zip(hits, misses, strict=True)):
            share = right / np.maximum(right + wrong, _TINY)  # 0 of 0 rows adds nothing
            area += np.einsum("gb,gb->b", mine[:, i], share)
        return np.asarray(area / mine.sum(axis=(0, 1)))

    return precision


# --- running sums -----------------------------------------------------------------------------
# NumPy's own goes through one column after the other, which takes ten times as long as reading all.

_LENGTH = 32
"""Rows of a block."""
_TINY = np.finfo(np.float64).tiny


def padded(k: int) -> int:
    """``k`` rounded up to whole blocks."""
    return k + -k % _LENGTH


def in_blocks(sums: Array) -> Array:
    """[K, B] in blocks [G, L, B], K a multiple of the length; one column needs no blocks."""
    columns = sums.shape[1]
    return sums.reshape(-1, 1 if columns == 1 else _LENGTH, columns)


def running_sums(blocks: Array) -> Iterator[Array]:
    """Sums of [G, L, B] up to the i-th row of each block, for each i in turn: [G, B].

    What it gives is overwritten by the next.
    """
    whole = blocks.sum(axis=1)
    run = np.zeros_like(whole)
    np.cumsum(whole[:-1], axis=0, out=run[1:])
    for i in range(blocks.shape[1]):
        run += blocks[:, i]
        yield run
