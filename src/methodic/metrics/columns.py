"""Scores of several labels or several numbers at once.

Shapes: N rows, C labels or T targets, B sets of weights. A label is said to hold from a probability
of ½ on.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from methodic.metrics.weighing import Array, Scorer, mean_of_defined, weighted_mean

LIKELY = 0.5

_Function = Callable[[Array, Array], Scorer]


def mean_over_targets(one: _Function, truth: Array, prediction: Array) -> Scorer:
    """The mean of a score over the targets on which it is defined, each in its own units.

    Args:
        one: truth [N] and prediction [N, 1] → the score.
        truth, prediction: [N, T].
    """
    count = truth.shape[1]
    return _mean([one(truth[:, t], prediction[:, t : t + 1]) for t in range(count)])


def mean_over_labels(one: _Function, truth: Array, prediction: Array) -> Scorer:
    """The mean of a score of two classes over the labels on which it is defined ("macro").

    Args:
        one: truth int [N] and probabilities [N, 2] → the score.
        truth: int [N, C], 0 or 1.
        prediction: the probability of each label [N, C].
    """
    both = np.stack([1 - prediction, prediction], axis=2)
    # At ½ both classes are as probable, and the label is said to hold.
    both[:, :, 0] = np.where(prediction == LIKELY, np.nextafter(LIKELY, 0), both[:, :, 0])
    return _mean([one(truth[:, c], both[:, c]) for c in range(truth.shape[1])])


def all_right(truth: Array, prediction: Array) -> Scorer:
    """Share of rows of which every label is right ("subset accuracy")."""
    return weighted_mean(((prediction >= LIKELY) == (truth == 1)).all(axis=1))


def micro_f1(truth: Array, prediction: Array) -> Scorer:
    """F1 over all rows and labels together: 2 · right ÷ (labels there + labels said).

    0 where there is nothing to find and nothing is said.
    """
    said, there = prediction >= LIKELY, truth == 1
    right = weighted_mean((said & there).sum(axis=1))
    both = weighted_mean(said.sum(axis=1) + there.sum(axis=1))

    def score(weights: Array) -> Array:
        total = both(weights)
        return np.where(total == 0, 0.0, 2 * right(weights) / np.where(total == 0, 1.0, total))

    return score


def _mean(scorers: Sequence[Scorer]) -> Scorer:
    return lambda weights: mean_of_defined(np.array([each(weights) for each in scorers]))
