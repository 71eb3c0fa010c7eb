"""Several trained networks as one: chosen greedily, or all of the best method; is it worth it?

Validation rows choose. What choosing gains on the very rows that chose is no gain, so a choice is
judged on rows that had no part in it: cross-fitted over five parts of the validation rows.

Shapes: S networks, N validation rows, C outputs.

Sources: Caruana, Niculescu-Mizil, Crew and Ksikes, "Ensemble selection from libraries of models",
ICML 2004. Cross-fitting as in Chernozhukov et al., "Double/debiased machine learning", 2018.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from methodic.evidence.numbers.bootstrap import difference_over_rows
from methodic.evidence.numbers.statistics import Interval
from methodic.metrics import Metric
from methodic.plan import Value

Array = npt.NDArray[Any]

ROUNDS = 50
"""At most so many networks are added to a greedy ensemble, counting repetitions."""

CANDIDATES = 16
"""At most so many networks take part in a greedy choice: the best ones by themselves."""

ROWS = 4000
"""At most so many rows make a greedy choice, evenly spread: more would change little but time."""

PARTS = 5
"""Parts of the validation rows, each of which judges what the others chose."""


class Ensemble(Value):
    """Networks whose predictions are averaged, and what that gains over the best single one."""

    members: tuple[tuple[str, int, float], ...]  # method, seed, weight; heaviest first, sum 1
    kind: Literal["greedy", "mean"]
    gain: Interval  # positive is better; n: validation rows
    validation: float  # score on the rows that chose it
    test: float | None = None  # None until everything is chosen
    shipped: bool = False


def choose(
    metric: Metric,
    truth: Array,
    predictions: Array,
    names: Sequence[tuple[str, int]],
    method: str,
    seed: int = 0,
    weights: Array | None = None,
    groups: Array | None = None,
) -> Ensemble | None:
    """The better of two ensembles, and what it gains over the best single network.

    The two are a greedy one out of all networks, and the mean of all seeds of ``method``. Each is
    predicted for rows that had no part in choosing: the greedy one, and the single network that
    both are compared with, are chosen anew on four of five parts of the rows and predict the fifth.
    The weights that a network kept were themselves chosen on validation rows; that favours neither
    side.

    Args:
        metric: what counts.
        truth: of the validation rows [N], of labels and several targets [N, C].
        predictions: of the networks [S, N, C].
        names: method and seed of each network.
        method: the best one, whose seeds are averaged.
        seed: of the parts and of the bootstrap.
        weights: of the rows [N]; none: all count alike.
        groups: of the rows, as numbers from 0 on [N]; those of one stay in one part.

    Returns:
        None with fewer than two networks, fewer rows (or groups) than parts, or no defined score.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> truth = rng.normal(size=200)
        >>> noisy = (truth + rng.normal(size=(8, 200)))[:, :, None]
        >>> from methodic.metrics import METRICS
        >>> found = choose(METRICS["rmse"], truth, noisy, [("a", s) for s in range(8)], "a")
        >>> found.gain.low > 0
        True
    """
    count, rows = predictions.shape[:2]
    if count < 2 or (rows if groups is None else len(np.unique(groups))) < PARTS:
        return None
    alone = [_score(metric, truth, each, weights) for each in predictions]
    if not np.isfinite(alone).any():
        return None
    part = _parts(truth, rows, seed) if groups is None else _parts_of_groups(groups, seed)
    single, picked = np.empty_like(predictions[0]), np.empty_like(predictions[0])
    for number in range(PARTS):
        held, rest = part == number, part != number
        inner, counted = predictions[:, rest], None if weights is None else weights[rest]
        scores = [_score(metric, truth[rest], each, counted) for each in inner]
        single[held] = predictions[int(np.argmax(scores)), held]
        picked[held] = mean(predictions[:, held], greedy(metric, truth[rest], inner, counted))
    same = np.array([name == method for name, _ in names], dtype=np.float64)
    candidates: list[tuple[Literal["greedy", "mean"], Array, Array]] = []
    if same.sum() > 1:
        shares = same / same.sum()
        candidates.append(("mean", shares, mean(predictions, shares)))
    candidates.append(("greedy", greedy(metric, truth, predictions, weights), picked))
    # Of equally good ones the first: the mean had nothing to choose.
    kind, shares, fitted = max(candidates, key=lambda each: _score(metric, truth, each[2], weights))
    if not all(np.isfinite(_score(metric, truth, each, weights)) for each in (fitted, single)):
        return None
    gain = difference_over_rows(
        metric, truth, fitted[None], single[None], seed=seed, weights=weights, groups=groups
    )
    order = np.argsort(-shares, kind="stable")[: np.count_nonzero(shares)]
    return Ensemble(
        members=tuple((*names[i], float(shares[i])) for i in order),
        kind=kind,
        gain=gain if metric.greater_is_better else _turned(gain),
        validation=metric.score(truth, mean(predictions[order], shares[order]), weights),
    )


def worth_it(ensemble: Ensemble) -> bool:
    """Whether it is better than the best single network by more than noise."""
    return ensemble.gain.low is not None and ensemble.gain.low > 0 and len(ensemble.members) > 1


def mean(predictions: Array, weights: Array) -> Array:
    """Weighted mean of probabilities or numbers: [S, N, C] and [S] → [N, C].

    Summed in float64 in the networks' order, so that a row's mean doesn't depend on other rows.
    """
    total: Array = np.zeros(predictions.shape[1:])
    for i in np.flatnonzero(weights):
        total += weights[i] * predictions[i]
    return total.astype(predictions.dtype)


def greedy(metric: Metric, truth: Array, predictions: Array, weights: Array | None = None) -> Array:
    """Weights [S] of a greedy ensemble, chosen on these rows.

    Sorted initialization: the k best networks together, for the k that scores best. Then that
    network is added, again and again and repeatedly if it helps, which improves the score most;
    until none does.

    Args:
        metric: what counts.
        truth: [N]; of more than `ROWS` rows an evenly spread part is used.
        predictions: [S, N, C].
        weights: of the rows [N].

    Source: Caruana et al., ICML 2004, sections 2.1 and 2.2.
    """
    if len(truth) > ROWS:
        some = np.linspace(0, len(truth) - 1, ROWS).astype(np.int64)
        truth, predictions = truth[some], predictions[:, some]
        weights = None if weights is None else weights[some]
    alone = np.array([_score(metric, truth, each, weights) for each in predictions])
    order = np.argsort(-alone, kind="stable")[:CANDIDATES]
    order = order[np.isfinite(alone[order])]
    counts = np.zeros(len(predictions))
    if not len(order):
        return counts
    running = np.cumsum(predictions[order], axis=0, dtype=np.float64)
    sizes = np.arange(1, len(order) + 1)
    starts = [
        _score(metric, truth, total / k, weights) for total, k in zip(running, sizes, strict=True)
    ]
    first = int(np.argmax(starts))
    best, total = starts[first], running[first]
    counts[order[: first + 1]] = 1
    while counts.sum() < ROUNDS:
        k = counts.sum() + 1
        tried = [_score(metric, truth, (total + predictions[i]) / k, weights) for i in order]
        at = int(np.argmax(tried))
        if not tried[at] > best:
            break
        best, total = tried[at], total + predictions[order[at]]
        counts[order[at]] += 1
    shares: Array = counts / counts.sum()
    return shares


def _score(metric: Metric, truth: Array, prediction: Array, weights: Array | None) -> float:
    """Higher is better; −∞ where undefined."""
    score = metric.score(truth, prediction, weights)
    if np.isnan(score):
        return -np.inf
    return score if metric.greater_is_better else -score


def _parts(truth: Array, rows: int, seed: int) -> npt.NDArray[np.int64]:
    """The part of each row; the rows of a class, or of a range of numbers, are dealt evenly.

    Of several targets by the first one, and by the next where rows are equal in it.
    """
    shuffled = np.random.default_rng(seed).permutation(rows)
    by_truth = shuffled[np.lexsort(truth.reshape(rows, -1)[shuffled].T[::-1])]
    part = np.empty(rows, dtype=np.int64)
    part[by_truth] = np.arange(rows) % PARTS
    return part


def _parts_of_groups(groups: Array, seed: int) -> npt.NDArray[np.int64]:
    """The part of each row: that of its group; large groups are dealt first, to the least part."""
    sizes = np.bincount(groups)
    shuffled = np.random.default_rng(seed).permutation(len(sizes))
    filled = np.zeros(PARTS, dtype=np.int64)
    of_group = np.zeros(len(sizes), dtype=np.int64)
    for group in shuffled[np.argsort(-sizes[shuffled], kind="stable")]:
        of_group[group] = np.argmin(filled)
        filled[of_group[group]] += sizes[group]
    return np.asarray(of_group[groups])


def _turned(interval: Interval) -> Interval:
    low = None if interval.high is None else -interval.high
    high = None if interval.low is None else -interval.low
    return Interval(mean=-interval.mean, low=low, high=high, n=interval.n)
