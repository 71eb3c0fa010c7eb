"""Scores of classes that look at the most probable one, and those of the probabilities themselves.

Shapes: N rows, C classes, B sets of weights. Each function prepares what doesn't depend on the
weights, and returns the score as a function of them.
"""

from __future__ import annotations

import numpy as np

from methodic.metrics.weighing import Array, GroupSums, Scorer, mean_of_defined, weighted_mean


def accuracy(truth: Array, prediction: Array) -> Scorer:
    """Share of rows whose most probable class is the true one."""
    return weighted_mean(prediction.argmax(axis=1) == truth)


def balanced_accuracy(truth: Array, prediction: Array) -> Scorer:
    """Mean recall of the classes that occur in ``truth``."""
    k = prediction.shape[1]
    right = np.flatnonzero(prediction.argmax(axis=1) == truth)
    found, there = GroupSums(truth[right], k, right), GroupSums(truth, k)
    return lambda weights: mean_of_defined(found(weights) / there(weights))


def f1(truth: Array, prediction: Array) -> Scorer:
    """F1 of class 1; with more than two classes the mean over those in truth or prediction."""
    k = prediction.shape[1]
    guess = prediction.argmax(axis=1)
    right = np.flatnonzero(guess == truth)
    found = GroupSums(truth[right], k, right)
    there, said = GroupSums(truth, k), GroupSums(guess, k)

    def score(weights: Array) -> Array:
        each = 2 * found(weights) / (there(weights) + said(weights))
        if k > 2:
            return mean_of_defined(each)
        # Nothing to find and nothing said to be found counts as 0, as long as there are rows.
        some = weights.sum(axis=0) > 0
        return np.where(np.isnan(each[1]) & some, 0.0, each[1])

    return score


def mcc(truth: Array, prediction: Array) -> Scorer:
    """Matthews' correlation of true and most probable class; 0 where either doesn't vary.

    Source: Gorodkin, "Comparing two K-category assignments by a K-category correlation
    coefficient", Computational Biology and Chemistry 28, 2004.
    """
    k = prediction.shape[1]
    guess = prediction.argmax(axis=1)
    right = np.flatnonzero(guess == truth)
    found = GroupSums(truth[right], k, right)
    there, said = GroupSums(truth, k), GroupSums(guess, k)

    def score(weights: Array) -> Array:
        a, b = there(weights), said(weights)
        n = a.sum(axis=0)
        together = n * found(weights).sum(axis=0) - (a * b).sum(axis=0)
        alone_a, alone_b = n * n - (a * a).sum(axis=0), n * n - (b * b).sum(axis=0)
        flat = np.minimum(alone_a, alone_b) <= 1e-12 * n * n  # what rounding leaves of 0
        value = together / np.sqrt(np.where(flat, 1.0, alone_a * alone_b))
        return np.where(n > 0, np.where(flat, 0.0, value), np.nan)

    return score


def log_loss(truth: Array, prediction: Array) -> Scorer:
    """− mean log probability of the true class; a probability of 0 counts as 2.2e-16."""
    chosen = prediction[np.arange(len(truth)), truth]
    return weighted_mean(-np.log(np.clip(chosen, np.finfo(np.float64).eps, 1.0)))


def brier(truth: Array, prediction: Array) -> Scorer:
    """Mean squared distance of the probabilities from the truth, summed over the classes.

    Of two classes one is counted, so that 0.25 is what a coin gets; with more the sum is over all.

    Source: Brier, "Verification of forecasts expressed in terms of probability", Monthly Weather
    Review 78, 1950.
    """
    off = prediction.copy()
    off[np.arange(len(truth)), truth] -= 1.0
    losses = (off * off).sum(axis=1)
    return weighted_mean(losses / 2 if prediction.shape[1] == 2 else losses)
