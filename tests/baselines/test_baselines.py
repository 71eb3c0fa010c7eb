import math
import warnings

import numpy as np
import pytest

from methodic.baselines import Rows, fit, plan_baselines
from methodic.errors import InputError
from methodic.metrics import METRICS, default_metric
from methodic.plan import BaselinePlan

CONSTANT = BaselinePlan(kind="constant")
LINEAR = BaselinePlan(kind="linear")
BOOSTING = BaselinePlan(kind="gradient_boosting", iterations=100)
DATA = [("iris", "multiclass", 3), ("breast_cancer", "binary", 2), ("diabetes", "regression", 1)]


@pytest.mark.parametrize(("name", "task", "classes"), DATA)
def test_every_baseline_learns_and_repeats_itself(bundled, name, task, classes):
    rows, metric = bundled(name), default_metric(task)
    scores = {}
    for plan in (CONSTANT, LINEAR, BOOSTING):
        first, second = (fit(plan, task, *rows, metric, classes) for _ in range(2))
        assert np.array_equal(first.predictions, second.predictions)
        assert first.validation == second.validation
        assert first.predictions.shape == (len(rows[2].target), classes)
        assert set(first.validation) == {metric.name, "loss"}
        assert first.seconds > 0
        assert "\n" not in first.about
        assert first.model.bytes == second.model.bytes > 0
        if task != "regression":
            assert np.allclose(first.predictions.sum(axis=1), 1)
        scores[plan.kind] = metric.score(rows[2].target, first.predictions)
    assert metric.better(scores["linear"], scores["constant"])
    assert metric.better(scores["gradient_boosting"], scores["constant"])
    floor = {"iris": 0.9, "breast_cancer": 0.92, "diabetes": 60.0}[name]
    assert metric.better(scores["linear"], floor)
    assert metric.better(scores["gradient_boosting"], floor)


def test_test_targets_are_not_read(bundled):
    train, validation, test = bundled("diabetes")
    hidden = Rows(test.numeric, None, np.full(len(test.target), np.nan))
    for plan in (CONSTANT, LINEAR, BOOSTING):
        a, b = (
            fit(plan, "regression", train, validation, rows, METRICS["rmse"], 1)
            for rows in (test, hidden)
        )
        assert np.array_equal(a.predictions, b.predictions)


def test_constants():
    train = Rows(np.zeros((4, 1)), None, np.array([0, 2, 2, 2]))
    found = fit(CONSTANT, "multiclass", train, train, train, METRICS["accuracy"], 4)
    assert found.predictions[0].tolist() == [0.25, 0.0, 0.75, 0.0]
    assert found.validation["accuracy"] == 0.75
    train = Rows(np.zeros((4, 1)), None, np.array([0.0, 0.0, 3.0, 9.0]))
    for name, answer in (("rmse", 3.0), ("mae", 1.5)):
        found = fit(CONSTANT, "regression", train, train, train, METRICS[name], 1)
        assert found.predictions[0, 0] == answer
    for name, answer in (
        ("medae", 1.5),
        ("pinball_50", 1.5),
        ("pinball_90", 9.0),
        ("pinball_10", 0.0),
    ):
        found = fit(CONSTANT, "regression", train, train, train, METRICS[name], 1)
        assert found.predictions[0, 0] == answer
        others = [np.full((4, 1), x) for x in np.linspace(-1, 10, 23)]
        best = min(METRICS[name].score(train.target, each) for each in others)
        assert found.validation[name] <= best + 1e-9
    # The loss is on the scale of the training target, whose variance the mean leaves unexplained.
    found = fit(CONSTANT, "regression", train, train, train, METRICS["rmse"], 1)
    assert found.validation["loss"] == pytest.approx(1.0)


def test_sizes_and_parameters(bundled):
    train, validation, test = bundled("iris")
    metric = METRICS["accuracy"]
    sizes = {}
    for plan in (CONSTANT, LINEAR, BOOSTING, BaselinePlan(kind="gradient_boosting", iterations=10)):
        model = fit(plan, "multiclass", train, validation, test, metric, 3).model
        sizes[plan.kind, plan.iterations] = model.bytes, model.parameters
    assert sizes["constant", 0][1] == 3
    assert sizes["linear", 0][1] == 3 * (4 + 1)
    assert sizes["gradient_boosting", 100][1] == 0  # the word has no meaning for trees
    # A model grows with its trees, and with none of the rows that it was fitted on.
    assert sizes["gradient_boosting", 100][0] > sizes["gradient_boosting", 10][0] > 10_000
    twice = Rows(np.tile(train.numeric, (50, 1)), None, np.tile(train.target, 50))
    large = fit(LINEAR, "multiclass", twice, validation, test, metric, 3).model
    assert large.bytes == pytest.approx(sizes["linear", 0][0], rel=0.05)


def test_the_loss_is_the_log_loss(bundled):
    rows = bundled("iris")
    as_metric = fit(LINEAR, "multiclass", *rows, METRICS["log_loss"], 3)
    assert as_metric.validation["loss"] == as_metric.validation["log_loss"]


@pytest.mark.parametrize("plan", [LINEAR, BOOSTING])
@pytest.mark.parametrize("task", ["binary", "regression"])
def test_missing_numbers_and_unseen_categories(split, plan, task):
    random = np.random.default_rng(0)
    n = 300
    x = random.normal(size=(n, 3))
    x[:, 1] = np.nan  # no number at all
    category = random.integers(0, 4, size=(n, 2)) + np.array([500, 1000])
    y = (category[:, 0] % 2 == 0) * 2.0 + x[:, 0]
    x[random.random((n, 3)) < 0.2] = np.nan
    if task == "binary":
        y = (y > 1).astype(int)
    train, validation, test = split(x, y, category)
    test.categorical[:5] = -7
    metric = default_metric(task)
    found = fit(plan, task, train, validation, test, metric, 2)
    constant = fit(CONSTANT, task, train, validation, test, metric, 2)
    assert np.isfinite(found.predictions).all()
    score = metric.score(test.target, found.predictions)
    assert metric.better(score, metric.score(test.target, constant.predictions))
    # Two columns' codes are unrelated, and so is what a code is called.
    renamed = [
        Rows(r.numeric, r.categorical + 100_000, r.target) for r in (train, validation, test)
    ]
    again = fit(plan, task, *renamed, metric, 2)
    assert np.allclose(again.predictions, found.predictions)


@pytest.mark.parametrize("plan", [CONSTANT, LINEAR, BOOSTING])
def test_categories_alone_or_nothing_at_all(split, plan):
    y = np.tile([0, 1], 50)
    for categorical in (y[:, None] + 3, np.zeros((100, 0), int), None):
        rows = split(None, y, categorical)
        found = fit(plan, "binary", *rows, METRICS["accuracy"], 2)
        assert found.predictions.shape == (20, 2)
        if categorical is not None and categorical.size and plan is not CONSTANT:
            assert METRICS["accuracy"].score(rows[2].target, found.predictions) == 1.0


@pytest.mark.parametrize("plan", [LINEAR, BOOSTING])
def test_classes_without_training_rows_have_probability_zero(split, plan):
    x = np.repeat(np.arange(2.0), 50)[:, None]
    rows = split(x, np.repeat([1, 3], 50))
    rows[1].target[0] = 0  # a class that only the validation rows hold
    found = fit(plan, "multiclass", *rows, METRICS["accuracy"], 5)
    assert found.predictions.shape == (20, 5)
    assert not found.predictions[:, [0, 2, 4]].any()
    assert METRICS["accuracy"].score(rows[2].target, found.predictions) == 1.0


@pytest.mark.parametrize("plan", [LINEAR, BOOSTING])
def test_huge_and_constant_numbers(split, plan):
    random = np.random.default_rng(0)
    x = np.stack([random.normal(size=200) * 1e200, np.full(200, 7.0)], axis=1)
    rows = split(x, x[:, 0] * 1e-190)
    found = fit(plan, "regression", *rows, METRICS["r2"], 1)
    assert METRICS["r2"].score(rows[2].target, found.predictions) > 0.9
    constant = split(x, np.full(200, 5.0))
    assert np.allclose(fit(plan, "regression", *constant, METRICS["rmse"], 1).predictions, 5.0)


def test_one_class_only_is_explained():
    rows = Rows(np.zeros((4, 1)), None, np.zeros(4, int))
    for plan in (LINEAR, BOOSTING):
        with pytest.raises(InputError, match="one class only"):
            fit(plan, "binary", rows, rows, rows, METRICS["accuracy"], 2)


def test_warnings_stay_inside_and_filters_outside_do_not_change(bundled):
    before = list(warnings.filters)
    fit(LINEAR, "multiclass", *bundled("iris"), METRICS["accuracy"], 3)
    assert list(warnings.filters) == before


@pytest.mark.parametrize(("_", "task", "classes"), DATA)
def test_plans(_, task, classes):
    plans = plan_baselines(task, 200, 5, classes, 1.0)
    assert [plan.kind for plan in plans] == ["constant", "linear", "gradient_boosting"]
    assert plans[2].iterations > 10
    assert plan_baselines(task, 200, 0, classes, 0.0)[2].iterations == 10
    assert plan_baselines(task, 200, 5, classes, math.inf)[2].iterations == 1000
