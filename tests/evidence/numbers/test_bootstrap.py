import numpy as np
import pytest

from methodic.evidence.numbers.bootstrap import (
    FEWEST,
    _samples,
    _weights,
    difference_over_rows,
    over_rows,
)
from methodic.metrics import METRICS

NUMBERS = [name for name, metric in METRICS.items() if "regression" in metric.tasks]


def rows(name, seed=0, n=60, models=3, classes=3):
    random = np.random.default_rng(seed)
    if name in NUMBERS:
        truth = random.normal(size=n)
        return truth, truth[None, :, None] + random.normal(size=(models, n, 1))
    truth = random.integers(0, classes, n)
    logits = random.normal(size=(models, n, classes)) + 1.5 * np.eye(classes)[truth]
    p = np.exp(logits)
    return truth, p / p.sum(-1, keepdims=True)


def literal(metric, truth, predictions, n, seed):
    """Rows drawn and scored again, one sample after the other."""
    random = np.random.Generator(np.random.PCG64(seed))
    means = []
    for _ in range(n):
        drawn = random.integers(0, len(truth), len(truth), dtype=np.int32)
        means.append(np.mean([metric.score(truth[drawn], each[drawn]) for each in predictions]))
    return np.quantile(means, [0.025, 0.975])


@pytest.mark.parametrize("name", list(METRICS))
def test_every_score_agrees_with_drawing_rows(name):
    metric = METRICS[name]
    truth, predictions = rows(name)
    found = over_rows(metric, truth, predictions, n=200, seed=3)
    low, high = literal(metric, truth, predictions, 200, 3)
    assert (found.low, found.high) == pytest.approx((low, high))
    assert found.mean == pytest.approx(np.mean([metric.score(truth, x) for x in predictions]))
    assert found.n == 60
    assert found.low < found.mean < found.high


def test_samples_are_a_function_of_the_seed():
    truth, predictions = rows("accuracy")
    first, again, other = (
        over_rows(METRICS["accuracy"], truth, predictions, seed=seed) for seed in (0, 0, 1)
    )
    assert first == again != other


def test_each_sample_has_as_many_rows_as_there_are():
    weights = np.concatenate(list(_weights(np.arange(70_000), 9, 0)), axis=1)  # in several pieces
    assert weights.shape == (70_000, 9)
    assert (weights.sum(axis=0) == 70_000).all()
    assert weights.var() == pytest.approx(1.0, abs=0.02)
    assert len({tuple(column[:50]) for column in weights.T}) == 9


def test_the_interval_of_an_accuracy_is_the_binomial_one():
    random = np.random.default_rng(1)
    truth, right = np.zeros(400, int), random.uniform(size=400) < 0.8
    found = over_rows(METRICS["accuracy"], truth, np.stack([right, ~right], -1)[None] * 1.0)
    half = 1.96 * np.sqrt(right.mean() * (1 - right.mean()) / 400)
    assert (found.high - found.low) / 2 == pytest.approx(half, rel=0.1)


def test_intervals_cover_the_score_on_all_rows():
    """Of samples of 80 rows of a population, 95% of the intervals hold the population's score."""
    random = np.random.default_rng(2)
    inside = 0
    for _ in range(300):
        error = random.normal(size=80)
        found = over_rows(METRICS["rmse"], np.zeros(80), error[None, :, None], n=200)
        inside += found.low <= 1.0 <= found.high
    assert 0.90 <= inside / 300 <= 0.98


def test_differences_pair_the_rows():
    metric = METRICS["rmse"]
    truth, predictions = rows("rmse", n=200)
    worse = truth[None, :, None] + 1.1 * (predictions - truth[None, :, None])
    found = difference_over_rows(metric, truth, worse, predictions[:2], seed=5)
    means = [np.mean([metric.score(truth, x) for x in each]) for each in (worse, predictions[:2])]
    assert found.mean == pytest.approx(means[0] - means[1])
    same = difference_over_rows(metric, truth, worse, predictions)
    assert same.low > 0  # a tenth more error on each row: no doubt
    alone = over_rows(metric, truth, worse)
    assert same.high - same.low < (alone.high - alone.low) / 3
    nothing = difference_over_rows(metric, truth, predictions, predictions)
    assert (nothing.low, nothing.mean, nothing.high) == (0.0, 0.0, 0.0)


def test_samples_without_a_class_are_left_out():
    # Three rows of class 1 among 20: 4% of the samples have none of them, and no AUC.
    truth = np.array([1, 1, 1, *[0] * 17])
    predictions = np.random.default_rng(0).dirichlet([1, 1], (1, 20))
    found = over_rows(METRICS["auc"], truth, predictions)
    assert found.low is not None
    assert found.low <= found.mean <= found.high
    # With one such row a third has none: that row alone bears the score.
    truth[1:3] = 0
    few = over_rows(METRICS["auc"], truth, predictions)
    assert few.mean == METRICS["auc"].score(truth, predictions[0])
    assert (few.low, few.high) == (None, None)


@pytest.mark.parametrize("name", ["accuracy", "auc", "rmse"])
def test_groups_are_drawn_whole(name):
    metric = METRICS[name]
    truth, predictions = rows(name)
    groups = np.random.default_rng(5).integers(0, 20, len(truth))
    groups = np.unique(groups, return_inverse=True)[1]
    found = over_rows(metric, truth, predictions, n=200, seed=3, groups=groups)
    random, means = np.random.Generator(np.random.PCG64(3)), []
    for _ in range(200):
        drawn = random.integers(0, groups.max() + 1, groups.max() + 1, dtype=np.int32)
        some = np.concatenate([np.flatnonzero(groups == each) for each in drawn])
        means.append(np.mean([metric.score(truth[some], each[some]) for each in predictions]))
    assert (found.low, found.high) == pytest.approx(np.quantile(means, [0.025, 0.975]))
    assert found.n == 60
    gap = difference_over_rows(metric, truth, predictions[:1], predictions[1:], groups=groups)
    alone = difference_over_rows(metric, truth, predictions[:1], predictions[1:])
    assert gap.mean == alone.mean
    assert (gap.low, gap.high) != (alone.low, alone.high)


def test_intervals_over_groups_cover_other_groups():
    """Twenty rows of a group are right or wrong together: rows alone would promise too much."""
    accuracy, random, held = METRICS["accuracy"], np.random.default_rng(0), {True: 0, False: 0}
    groups = np.repeat(np.arange(40), 20)
    for number in range(100):
        chance = np.repeat(random.beta(2, 1, 40), 20)  # 2/3 on average
        truth = np.zeros(800, int)
        right = random.random(800) < chance
        predictions = np.stack([right, ~right], -1)[None].astype(float)
        for together in held:
            some = groups if together else None
            found = over_rows(accuracy, truth, predictions, 200, number, groups=some)
            held[together] += found.low <= 2 / 3 <= found.high
    assert held[True] >= 88
    assert held[False] <= 70


def test_what_has_no_interval():
    accuracy = METRICS["accuracy"]
    one = over_rows(accuracy, np.array([0]), np.array([[[1.0, 0.0]]]))
    assert (one.mean, one.low, one.n) == (1.0, None, 1)
    with pytest.raises(ValueError, match="undefined"):
        over_rows(METRICS["auc"], np.zeros(3, int), np.full((1, 3, 2), 0.5))
    with pytest.raises(ValueError, match="don't fit"):
        over_rows(accuracy, np.zeros(3, int), np.full((3, 2), 0.5))
    whole = over_rows(METRICS["rmse"], *rows("rmse"), groups=np.zeros(60, int))
    assert (whole.low, whole.high, whole.n) == (None, None, 60)
    with pytest.raises(ValueError, match="groups"):
        over_rows(METRICS["rmse"], *rows("rmse"), groups=np.zeros(59, int))
    with pytest.raises(ValueError, match="at least 2 samples"):
        over_rows(accuracy, np.zeros(3, int), np.full((1, 3, 2), 0.5), n=1)


def test_many_rows_get_fewer_samples():
    drawn = _samples([lambda weights: weights[0]], np.arange(3000), 1000, 1000, 0)
    assert len(drawn) == FEWEST
    assert len(_samples([lambda weights: weights[0]], np.arange(3000), 10, 1000, 0)) == 1000
