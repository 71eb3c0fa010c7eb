import math

import numpy as np
import pytest
import sklearn.metrics as reference
from hypothesis import given, settings
from hypothesis import strategies as st

from methodic.errors import InputError
from methodic.metrics import METRICS, Metric, default_metric, get_metric

CLASSIFICATION = ["accuracy", "balanced_accuracy", "auc", "log_loss", "f1"]


def rows_and_probabilities(seed: int, classes: int, absent: tuple[int, ...] = ()):
    random = np.random.default_rng(seed)
    present = [c for c in range(classes) if c not in absent]
    truth = np.concatenate([present, random.choice(present, 60)])
    probabilities = random.dirichlet(np.ones(classes), len(truth))
    return truth, probabilities


def expected(name: str, truth, p):
    guess, classes = p.argmax(1), p.shape[1]
    if name == "accuracy":
        return reference.accuracy_score(truth, guess)
    if name == "balanced_accuracy":
        return np.mean([np.mean(guess[truth == c] == c) for c in np.unique(truth)])
    if name == "log_loss":
        return reference.log_loss(truth, p, labels=range(classes))
    if name == "f1":
        average = "binary" if classes == 2 else "macro"
        return reference.f1_score(truth, guess, average=average, zero_division=0)
    if classes == 2:
        return reference.roc_auc_score(truth, p[:, 1])
    areas = []
    for c in np.unique(truth):  # the probability that a row of the class is ranked above another
        inside, outside = p[truth == c, c], p[truth != c, c]
        areas.append(np.mean(inside[:, None] > outside[None, :]))
    return np.mean(areas)


@pytest.mark.parametrize("name", CLASSIFICATION)
@pytest.mark.parametrize(("classes", "absent"), [(2, ()), (3, ()), (5, ()), (5, (1, 4))])
def test_scores_of_classes_agree_with_a_reference(name, classes, absent):
    for seed in range(3):
        truth, p = rows_and_probabilities(seed, classes, absent)
        assert METRICS[name].score(truth, p) == pytest.approx(expected(name, truth, p), abs=1e-12)


def test_multiclass_auc_is_scikit_learns_when_every_class_occurs():
    truth, p = rows_and_probabilities(7, 4)
    area = reference.roc_auc_score(truth, p, multi_class="ovr", average="macro")
    assert METRICS["auc"].score(truth, p) == pytest.approx(area)


@pytest.mark.parametrize("column", [False, True])
def test_scores_of_numbers_agree_with_a_reference(column):
    random = np.random.default_rng(0)
    truth, guess = random.normal(size=40), random.normal(size=(40, 1))
    shaped = truth[:, None] if column else truth
    for name, function in (
        ("rmse", reference.root_mean_squared_error),
        ("mae", reference.mean_absolute_error),
        ("r2", reference.r2_score),
    ):
        assert METRICS[name].score(shaped, guess) == pytest.approx(function(truth, guess[:, 0]))


@pytest.mark.parametrize("name", list(METRICS))
@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_predictions_that_are_not_finite_have_no_score(name, bad):
    truth = np.array([0, 1, 0, 1])
    width = 1 if name in ("rmse", "mae", "r2") else 2
    p = np.full((4, width), 0.5)
    assert math.isfinite(METRICS[name].score(truth, p))
    p[2, 0] = bad
    assert math.isnan(METRICS[name].score(truth, p))


def test_undefined_scores_are_nan_without_a_warning():
    assert math.isnan(METRICS["auc"].score(np.zeros(5, int), np.full((5, 2), 0.5)))
    assert math.isnan(METRICS["auc"].score(np.zeros(5, int), np.full((5, 3), 1 / 3)))
    assert math.isnan(METRICS["r2"].score(np.ones(5), np.arange(5.0)[:, None]))
    assert math.isnan(METRICS["r2"].score(np.ones(1), np.ones((1, 1))))
    assert math.isnan(METRICS["accuracy"].score(np.empty(0, int), np.empty((0, 2))))
    assert math.isnan(METRICS["rmse"].score(np.zeros(2), np.full((2, 1), 1e300)))


def test_f1_without_anything_to_find_is_zero():
    assert METRICS["f1"].score(np.zeros(3, int), np.tile([0.9, 0.1], (3, 1))) == 0.0


def test_certain_mistakes_have_a_finite_log_loss():
    worst = METRICS["log_loss"].score(np.array([0]), np.array([[0.0, 1.0]], dtype=np.float32))
    assert worst == pytest.approx(-math.log(np.finfo(float).eps))


def test_shapes_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="don't fit"):
        METRICS["accuracy"].score(np.zeros(3, int), np.zeros((4, 2)))


def test_better_knows_the_direction_and_ranks_nan_last():
    accuracy, rmse = METRICS["accuracy"], METRICS["rmse"]
    assert accuracy.better(0.9, 0.8)
    assert not accuracy.better(0.8, 0.9)
    assert rmse.better(1.0, 2.0)
    assert not rmse.better(2.0, 1.0)
    for metric in (accuracy, rmse):
        assert metric.better(0.5, math.nan)
        assert not metric.better(math.nan, 0.5)
        assert not metric.better(math.nan, math.nan)
        assert not metric.better(0.5, 0.5)


def test_direction_of_every_metric():
    assert {name for name, m in METRICS.items() if not m.greater_is_better} == {
        "log_loss",
        "rmse",
        "mae",
    }


@pytest.mark.parametrize(
    ("name", "x", "shown"),
    [
        ("accuracy", 0.9731, "97.3%"),
        ("rmse", 0.45123, "0.4512"),
        ("rmse", 54.1249, "54.12"),
        ("rmse", 9.9996, "10.00"),
        ("rmse", 48123.4, "48123"),
        ("rmse", 0.0, "0"),
        ("r2", -0.31, "-0.3100"),
        ("mae", 0.0000123, "1.230e-05"),
        ("auc", math.nan, "–"),
        ("auc", None, "–"),
    ],
)
def test_scores_for_people(name, x, shown):
    assert METRICS[name].format(x) == shown


def test_differences_for_people():
    assert METRICS["accuracy"].format_difference(-0.00421) == "0.42 points"
    assert METRICS["rmse"].format_difference(-12.34) == "12"
    assert METRICS["auc"].format_difference(0.00421) == "0.0042"


@settings(deadline=None, max_examples=100)
@given(st.floats(1e-4, 1e9), st.integers(2, 4))
def test_shown_numbers_keep_their_digits(x, significant):
    from methodic.metrics import _digits

    assert float(_digits(x, significant)) == pytest.approx(x, rel=0.5 * 10 ** (1 - significant))


def test_names():
    assert default_metric("regression").name == "rmse"
    assert default_metric("binary").name == default_metric("multiclass").name == "accuracy"
    assert isinstance(get_metric("auc", "multiclass"), Metric)
    with pytest.raises(InputError, match="there is no metric 'acuracy'") as caught:
        get_metric("acuracy", "binary")
    assert "'accuracy'" in str(caught.value.advice)
    with pytest.raises(InputError, match="doesn't fit a regression task") as caught:
        get_metric("accuracy", "regression")
    assert caught.value.accepted == "rmse, mae, r2"
