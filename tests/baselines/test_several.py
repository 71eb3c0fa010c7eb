"""Baselines of several labels or numbers, and of weighted rows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression, Ridge

from methodic.baselines import Rows, boosting, fit, plan_baselines
from methodic.baselines.several import Each, of_labels
from methodic.metrics import METRICS
from methodic.plan import BaselinePlan

KINDS = ("constant", "linear", "gradient_boosting")
N = 240


def plan(kind: str) -> BaselinePlan:
    return BaselinePlan.model_validate({"kind": kind, "iterations": 30})


def rows(task: str, seed: int = 0, weighted: bool = False) -> Rows:
    random = np.random.default_rng(seed)
    x = random.normal(size=(N, 4))
    weight = random.uniform(0.2, 3, N) if weighted else None
    if task == "multilabel":
        target = (x[:, :3] + 0.5 * random.normal(size=(N, 3)) > [0, 1, -1]).astype(np.int64)
    elif task == "regression":
        target = np.stack([50 * x[:, 0], 0.01 * x[:, 1] ** 2], 1)
    else:
        target = (x[:, 0] > 0).astype(np.int64)
    return Rows(x, random.integers(0, 3, (N, 1)), target, weight)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("task", ["multilabel", "regression"])
@pytest.mark.parametrize("kind", KINDS)
def test_several_targets_at_once(kind: str, task: str, weighted: bool) -> None:
    train, validation, test = (rows(task, seed, weighted) for seed in range(3))
    metric = METRICS["average_precision" if task == "multilabel" else "r2"]
    outputs = train.target.shape[1]
    found = fit(plan(kind), task, train, validation, test, metric, outputs)
    assert found.predictions.shape == (N, outputs)
    score = metric.score(test.target, found.predictions)
    if kind == "constant":
        weight = train.weight
        np.testing.assert_allclose(
            found.predictions[0], np.average(train.target, axis=0, weights=weight)
        )
    elif task == "multilabel":
        assert score > 0.85
        assert found.predictions.min() >= 0
        assert found.predictions.max() <= 1
    elif kind == "gradient_boosting":  # a line sees nothing of the square
        assert score > 0.8
    on_validation = found.model.predict(validation)
    assert found.validation[metric.name] == pytest.approx(
        metric.score(validation.target, on_validation, validation.weight)
    )
    loss = found.validation["loss"]
    if task == "regression":
        squares = ((on_validation - validation.target) / train.target.std(axis=0)) ** 2
        assert loss == pytest.approx(np.average(squares.mean(1), weights=validation.weight))
    again = fit(plan(kind), task, train, validation, test, metric, outputs)
    assert np.array_equal(found.predictions, again.predictions)


def test_each_label_as_by_itself() -> None:
    """The side-by-side models are those of the labels alone."""
    train, validation, test = (rows("multilabel", seed) for seed in range(3))
    metric = METRICS["average_precision"]
    both = fit(plan("gradient_boosting"), "multilabel", train, validation, test, metric, 3)
    for c in range(3):
        one = [replace(each, target=each.target[:, c]) for each in (train, validation, test)]
        alone = fit(plan("gradient_boosting"), "binary", *one, METRICS["accuracy"], 2)
        np.testing.assert_allclose(both.predictions[:, c], alone.predictions[:, 1])


def test_a_label_that_never_varies_is_answered_as_it_is() -> None:
    train, validation, test = (rows("multilabel", seed) for seed in range(3))
    always = train.target.copy()
    always[:, 1] = 1
    train = replace(train, target=always)
    for kind in ("linear", "gradient_boosting"):
        metric = METRICS["log_loss"]
        found = fit(plan(kind), "multilabel", train, validation, test, metric, 3)
        assert (found.predictions[:, 1] == 1).all()


def test_weights_change_what_is_fitted() -> None:
    """Rows of weight 0⁺ are as good as left out, in each kind of baseline."""
    for task, metric in (
        ("binary", "log_loss"),
        ("regression", "rmse"),
        ("multilabel", "log_loss"),
    ):
        train, validation, test = (rows(task, seed) for seed in range(3))
        first = np.arange(N) < N // 2
        # The other half says the opposite.
        turned = 1 - train.target if task != "regression" else -train.target
        mixed = np.where(first if train.target.ndim == 1 else first[:, None], train.target, turned)
        light = replace(train, target=mixed, weight=np.where(first, 1.0, 1e-9))
        outputs = 1 if task == "regression" else 2
        outputs = train.target.shape[1] if train.target.ndim == 2 else outputs
        for kind in ("linear", "gradient_boosting"):
            told = fit(plan(kind), task, light, validation, test, METRICS[metric], outputs)
            deaf = fit(
                plan(kind),
                task,
                replace(light, weight=None),
                validation,
                test,
                METRICS[metric],
                outputs,
            )
            better = METRICS[metric].score(test.target, told.predictions)
            assert better < METRICS[metric].score(test.target, deaf.predictions), (kind, task)


def test_weighted_linear_models_are_scikit_learns() -> None:
    random = np.random.default_rng(0)
    x, weight = random.normal(size=(N, 3)), random.uniform(0.1, 4, N)
    y = x @ [1.0, -2.0, 0.5] + random.normal(size=N)
    some = Rows(x, None, y, weight)
    found = fit(plan("linear"), "regression", some, some, some, METRICS["rmse"], 1)
    alpha = float(found.about.split("=")[1])
    scaled = (x - x.mean(0)) / x.std(0)
    model = Ridge(alpha=alpha).fit(scaled, (y - y.mean()) / y.std(), weight)
    expected = model.predict(scaled) * y.std() + y.mean()
    np.testing.assert_allclose(found.predictions[:, 0], expected, rtol=1e-6, atol=1e-6)
    plain = Ridge(alpha=alpha).fit(scaled, (y - y.mean()) / y.std())
    other = plain.predict(scaled) * y.std() + y.mean()
    assert not np.allclose(found.predictions[:, 0], other, rtol=1e-4)


def test_quantiles_of_weighted_rows() -> None:
    y = np.arange(10.0)
    weight = np.where(y < 2, 100.0, 1.0)
    some = Rows(np.zeros((10, 1)), None, y, weight)
    found = fit(plan("constant"), "regression", some, some, some, METRICS["mae"], 1)
    assert found.predictions[0, 0] == 0.0 or found.predictions[0, 0] == 1.0
    two = replace(some, target=np.stack([y, 10 * y], 1), weight=None)
    found = fit(plan("constant"), "regression", two, two, two, METRICS["mae"], 2)
    assert found.predictions[0].tolist() == [4.5, 45.0]


def test_models_of_labels() -> None:
    x = np.random.default_rng(0).normal(size=(50, 2))
    y = np.stack([(x[:, 0] > 0), np.zeros(50)], 1).astype(np.int64)
    each = of_labels(y, lambda i, column: LogisticRegression().fit(x, column))
    assert isinstance(each, Each)
    assert len(each.fitted) == 1
    assert each.probabilities(x)[:, 1].tolist() == [0.0] * 50


def test_more_targets_cost_more_trees(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(boosting, "_probe", lambda rows, columns: 0.001)
    one, many = (
        plan_baselines("multilabel", 200, 5, count, 1.0)[2].iterations for count in (2, 60)
    )
    assert (one, many) == (500, 16)
