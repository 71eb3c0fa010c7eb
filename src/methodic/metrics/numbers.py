"""Scores of predicted numbers; predictions are [N, 1], the truth float [N]."""

from __future__ import annotations

import numpy as np

from methodic.metrics.weighing import Array, Scorer, weighted_mean, weighted_median


def rmse(truth: Array, prediction: Array) -> Scorer:
    """Root of the mean squared error."""
    difference = prediction[:, 0] - truth
    mean = weighted_mean(difference * difference)
    return lambda weights: np.sqrt(mean(weights))


def mae(truth: Array, prediction: Array) -> Scorer:
    """Mean absolute error."""
    return weighted_mean(np.abs(prediction[:, 0] - truth))


def medae(truth: Array, prediction: Array) -> Scorer:
    """Median absolute error: half of the rows are nearer."""
    return weighted_median(np.abs(prediction[:, 0] - truth))


def r2(truth: Array, prediction: Array) -> Scorer:
    """1 − residual ÷ total sum of squares; NaN where the truth doesn't vary."""
    difference = prediction[:, 0] - truth
    residual = weighted_mean(difference * difference)
    # Around the mean of all rows, so that little is lost when that of some rows is taken off.
    centred = truth - truth.mean()
    first, second = weighted_mean(centred), weighted_mean(centred * centred)
    varies = np.ptp(truth) > 0

    def score(weights: Array) -> Array:
        square = second(weights)
        total = square - first(weights) ** 2
        sound = varies & (total > 1e-10 * square)
        return np.where(sound, 1 - residual(weights) / np.where(sound, total, 1.0), np.nan)

    return score


def pinball(quantile: float, truth: Array, prediction: Array) -> Scorer:
    """Mean pinball loss: q · (y − ŷ) where the prediction is too low, (1 − q) · (ŷ − y) else.

    It is least for the q-quantile of what may come.

    Source: Koenker and Bassett, "Regression quantiles", Econometrica 46, 1978.
    """
    missing = truth - prediction[:, 0]
    return weighted_mean(np.maximum(quantile * missing, (quantile - 1) * missing))
