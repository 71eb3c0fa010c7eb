"""Intervals over test rows: how a score would change with other rows of the same kind.

The models stay as they are and rows are drawn again, with replacement. What other training rows
would change, or other seeds, is not in these intervals.

Rows that belong together, such as those of one patient, are drawn together: more rows of the same
patients tell less than rows of other patients.

Shapes: S models, N test rows, C classes (1 for numbers), B sets of weights.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from methodic.evidence.numbers.statistics import Interval
from methodic.metrics import Metric
from methodic.metrics.weighing import Array, Scorer

LEVEL = 0.95
FEWEST = 200
"""Samples are never fewer than these, however many rows there are."""

_CELLS = 2**20
"""Weights that are in memory at a time, about: they stay in the processor's cache."""
_WORK = 2 * 10**8
"""Weights × models from which fewer samples are drawn than asked for: seconds of work."""


def over_rows(
    metric: Metric,
    truth: Array,
    predictions: Array,
    n: int = 1000,
    seed: int = 0,
    weights: Array | None = None,
    groups: Array | None = None,
) -> Interval:
    """The mean score of S models on test rows, and the interval of a percentile bootstrap.

    A sample draws N rows with replacement, the same ones for all models, and takes the mean of
    their scores; the interval holds the middle 95% of the samples' values. A sample on which the
    score is undefined (no row of a class, for instance) is left out; where these are more than a
    tenth, too few rows bear the score for an interval.

    Args:
        metric: the score.
        truth: [N]; classes, or numbers; of labels and several targets [N, C].
        predictions: [S, N, C]; a model whose predictions aren't finite must be left out before.
        n: samples. With more than about 20,000 rows × 10 models fewer are drawn, at least 200.
        seed: of the samples.
        weights: of the rows [N]: a row that is drawn k times counts k times its weight.
        groups: of the rows, as numbers from 0 on [N]: as many groups as there are get drawn, with
            all of their rows. None: each row is a group.

    Returns:
        the interval, about other rows (or groups) of this kind, with n the number of rows; without
        ends where there is one group or too few bear the score.

    Raises:
        ValueError: shapes that don't fit, or a score that is undefined on all rows.

    Source: Efron, "Bootstrap methods: another look at the jackknife", Annals of Statistics 7, 1979;
    of groups: Davison and Hinkley, "Bootstrap methods and their application", 1997, section 3.8.
    """
    scorers = _scorers(metric, truth, predictions, weights)
    owners = _owners(groups, len(truth))
    samples = _samples(scorers, owners, len(scorers), n, seed)
    return _interval(_mean(scorers, np.ones((len(truth), 1)))[0], samples, owners)


def difference_over_rows(
    metric: Metric,
    truth: Array,
    a: Array,
    b: Array,
    n: int = 1000,
    seed: int = 0,
    weights: Array | None = None,
    groups: Array | None = None,
) -> Interval:
    """Mean score of ``a`` − mean score of ``b``, and its interval over test rows.

    Both are scored on the same drawn rows, so what makes rows hard for both doesn't count.

    Args:
        metric, truth, n, seed, weights, groups: as for `over_rows`.
        a, b: predictions [S, N, C]; the number of models may differ.

    Raises:
        ValueError: as for `over_rows`.
    """
    first, second = (_scorers(metric, truth, each, weights) for each in (a, b))

    def gap(weights: Array) -> Array:
        return np.asarray(_mean(first, weights) - _mean(second, weights))

    owners = _owners(groups, len(truth))
    samples = _samples([gap], owners, len(first) + len(second), n, seed)
    return _interval(gap(np.ones((len(truth), 1)))[0], samples, owners)


def _owners(groups: Array | None, rows: int) -> Array:
    """The group of each row, from 0 on."""
    if groups is None:
        return np.arange(rows)
    if groups.shape != (rows,):
        raise ValueError(f"groups {groups.shape} don't fit {rows} rows")
    return groups


def _scorers(
    metric: Metric, truth: Array, predictions: Array, weights: Array | None
) -> list[Scorer]:
    if predictions.ndim != 3 or 0 in predictions.shape or predictions.shape[1] != len(truth):
        raise ValueError(f"predictions {predictions.shape} don't fit {len(truth)} rows")
    scorers = [metric.scorer(truth, each) for each in predictions]
    if weights is None:
        return scorers
    return [_weighing(scorer, weights.reshape(-1, 1)) for scorer in scorers]


def _weighing(scorer: Scorer, each: Array) -> Scorer:
    return lambda drawn: scorer(drawn * each)


def _mean(scorers: list[Scorer], weights: Array) -> Array:
    total = scorers[0](weights)
    for each in scorers[1:]:
        total = total + each(weights)
    return total / len(scorers)


def _samples(scorers: list[Scorer], owners: Array, models: int, n: int, seed: int) -> Array:
    """The mean score on each sample; NaN where it is undefined."""
    if n < 2:
        raise ValueError(f"an interval needs at least 2 samples, found {n}")
    n = max(min(n, _WORK // (len(owners) * models)), min(n, FEWEST))
    return np.concatenate([_mean(scorers, weights) for weights in _weights(owners, n, seed)])


def _weights(owners: Array, n: int, seed: int) -> Iterator[Array]:
    """How often each row is in each sample, [N, B] at a time."""
    random = np.random.Generator(np.random.PCG64(seed))
    rows, groups = len(owners), _count(owners)
    width = max(2, min(n, _CELLS // rows))
    for first in range(0, n, width):
        counts = np.empty((min(width, n - first), groups))
        for each in counts:
            drawn = random.integers(0, groups, groups, dtype=np.int32)
            each[:] = np.bincount(drawn, minlength=groups)
        by_row = counts if groups == rows else counts[:, owners]
        yield np.ascontiguousarray(by_row.T)


def _count(owners: Array) -> int:
    return int(owners.max()) + 1 if len(owners) else 0


def _interval(score: float, samples: Array, owners: Array) -> Interval:
    if not np.isfinite(score):
        raise ValueError("the score is undefined on these rows")
    known, rows = samples[np.isfinite(samples)], len(owners)
    if _count(owners) < 2 or len(known) < 0.9 * len(samples):
        return Interval(mean=float(score), low=None, high=None, n=rows)
    low, high = np.quantile(known, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Interval(mean=float(score), low=float(low), high=float(high), n=rows)
