from types import SimpleNamespace

import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier

from methodic.baselines import Rows, boosting, fit
from methodic.metrics import METRICS
from methodic.plan import BaselinePlan

ACCURACY = METRICS["accuracy"]


def plan(iterations):
    return BaselinePlan(kind="gradient_boosting", iterations=iterations)


def test_our_validation_rows_stop_it(bundled):
    train, validation, test = bundled("breast_cancer")
    flipped = Rows(validation.numeric, None, 1 - validation.target)
    honest = fit(plan(200), "binary", train, validation, test, ACCURACY, 2)
    misled = fit(plan(200), "binary", train, flipped, test, ACCURACY, 2)
    count = [int(r.about.split(", ")[1].split()[0]) for r in (honest, misled)]
    assert count[1] < count[0] < 200


def test_few_iterations_take_larger_steps(bundled):
    rows = bundled("iris")
    assert "rate 0.2" in fit(plan(20), "multiclass", *rows, ACCURACY, 3).about
    assert "20 iterations of at most 20" in fit(plan(20), "multiclass", *rows, ACCURACY, 3).about
    assert "rate 0.1" in fit(plan(300), "multiclass", *rows, ACCURACY, 3).about


class Older(HistGradientBoostingClassifier):
    """As before scikit-learn 1.7: validation rows can't be given."""

    def fit(self, x, y, sample_weight=None):
        return super().fit(x, y, sample_weight)


@pytest.mark.parametrize("rare", [False, True])
def test_without_our_validation_rows_it_holds_out_training_rows(monkeypatch, bundled, rare):
    monkeypatch.setattr("sklearn.ensemble.HistGradientBoostingClassifier", Older)
    train, validation, test = bundled("breast_cancer")
    classes = 2
    if rare:  # one row can't be both trained on and held out
        train.target[0], classes = 2, 3
    task = "multiclass" if rare else "binary"
    found = fit(plan(60), task, train, validation, test, ACCURACY, classes)
    assert ACCURACY.score(test.target, found.predictions) > 0.9
    assert found.predictions.shape == (len(test.target), classes)


def test_columns_as_histograms_take_them():
    n = 600
    numeric = np.stack([np.full(n, np.nan), np.arange(n, dtype=float)], axis=1)
    categorical = np.stack([np.arange(n) % 3 + 40, np.arange(n) % 300, np.arange(n) % 254], axis=1)
    columns = boosting._Histogram(Rows(numeric, categorical, np.zeros(n)))
    x = columns(Rows(numeric, categorical, np.zeros(n)))
    assert x.shape == (n, 4)  # without the column that holds no number
    assert columns.categorical == [1, 3]  # 300 categories are too many
    assert np.array_equal(x[:, 1], np.arange(n) % 3)
    unseen = categorical[:3].copy()
    unseen[:, 0] = [39, 43, 41]
    found = columns(Rows(numeric[:3], unseen, np.zeros(3)))
    assert np.array_equal(found[:, 1], [np.nan, np.nan, 1.0], equal_nan=True)


def test_categories_are_not_taken_for_numbers(split):
    random = np.random.default_rng(0)
    category = random.integers(0, 80, size=(4800, 1))
    y = category[:, 0] % 2  # one split of categories, 80 of numbers

    def score(rows):
        return ACCURACY.score(
            rows[2].target, fit(plan(1), "binary", *rows, ACCURACY, 2).predictions
        )

    assert score(split(None, y, category)) == 1.0
    assert score(split(category.astype(float), y)) < 0.95


def test_more_rows_columns_and_classes_take_longer(monkeypatch):
    monkeypatch.setattr(boosting, "_probe", lambda rows, columns: 1.0 + rows * columns / 1000)
    assert boosting.seconds_per_iteration("binary", 2000, 5, 2) == pytest.approx(11.0)
    assert boosting.seconds_per_iteration("binary", 10_000, 5, 2) == pytest.approx(51.0)
    assert boosting.seconds_per_iteration("regression", 100, 10, 1) == pytest.approx(2.0)
    assert boosting.seconds_per_iteration("multiclass", 2000, 5, 3) == pytest.approx(33.0)


@pytest.mark.parametrize("seed", range(10))
def test_the_cost_of_a_tree_is_found_among_disturbances(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fit costs what fifty trees do before the first one, and others want the core, too."""
    random, clock = np.random.default_rng(seed), [0.0]

    class Model:
        def __init__(self, trees: int) -> None:
            self.trees = trees

        def fit(self, *_: object) -> None:
            clock[0] += 0.015 + 0.0003 * self.trees + random.exponential(0.002)

    monkeypatch.setattr(boosting, "_boosting", lambda task, trees, *_, **__: Model(trees))
    monkeypatch.setattr(boosting, "time", SimpleNamespace(perf_counter=lambda: clock[0]))
    assert 0.0002 < boosting._probe(500, 5) < 0.0005
