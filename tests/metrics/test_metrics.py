import math

import numpy as np
import pytest
import sklearn.metrics as reference
from hypothesis import given, settings
from hypothesis import strategies as st

from methodic.errors import InputError
from methodic.metrics import METRICS, Metric, default_metric, get_metric

CLASSIFICATION = [name for name, metric in METRICS.items() if "binary" in metric.tasks]
REGRESSION = [name for name, metric in METRICS.items() if "regression" in metric.tasks]


def rows_and_probabilities(seed: int, classes: int, absent: tuple[int, ...] = ()):
    random = np.random.default_rng(seed)
    present = [c for c in range(classes) if c not in absent]
    truth = np.concatenate([present, random.choice(present, 60)])
    probabilities = random.dirichlet(np.ones(classes), len(truth))
    return truth, probabilities


def expected(name: str, truth, p, weights=None):
    """scikit-learn's number, of classes; averages over classes are written out."""
    guess, classes, w = p.argmax(1), p.shape[1], weights
    kept = {"sample_weight": w}
    if name == "accuracy":
        return reference.accuracy_score(truth, guess, **kept)
    if name == "balanced_accuracy":
        present = np.unique(truth)
        return reference.recall_score(truth, guess, labels=present, average="macro", **kept)
    if name == "log_loss":
        return reference.log_loss(truth, p, labels=range(classes), **kept)
    if name == "brier":
        told = p[:, 1] if classes == 2 else p
        return reference.brier_score_loss(truth, told, labels=range(classes), **kept)
    if name == "mcc":
        return reference.matthews_corrcoef(truth, guess, **kept)
    if name == "f1":
        average = "binary" if classes == 2 else "macro"
        return reference.f1_score(truth, guess, average=average, zero_division=0, **kept)
    one = {"auc": reference.roc_auc_score, "average_precision": reference.average_precision_score}
    if classes == 2:
        return one[name](truth, p[:, 1], **kept)
    return np.mean([one[name](truth == c, p[:, c], **kept) for c in np.unique(truth)])


def expected_number(name: str, truth, guess, weights=None):
    kept = {"sample_weight": weights}
    if name.startswith("pinball"):
        alpha = int(name.split("_")[1]) / 100
        return reference.mean_pinball_loss(truth, guess, alpha=alpha, **kept)
    one = {
        "rmse": reference.root_mean_squared_error,
        "mae": reference.mean_absolute_error,
        "medae": reference.median_absolute_error,
        "r2": reference.r2_score,
    }
    return one[name](truth, guess, **kept)


def some_weights(seed: int, sets: int, rows: int):
    return np.random.default_rng(seed).uniform(0.1, 3.0, (sets, rows))


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


@pytest.mark.parametrize("name", REGRESSION)
@pytest.mark.parametrize("column", [False, True])
def test_scores_of_numbers_agree_with_a_reference(name, column):
    random = np.random.default_rng(0)
    for rows in (40, 41):
        truth, guess = random.normal(size=rows), random.normal(size=(rows, 1))
        shaped = truth[:, None] if column else truth
        wanted = expected_number(name, truth, guess[:, 0])
        assert METRICS[name].score(shaped, guess) == pytest.approx(wanted, abs=1e-12)


@pytest.mark.parametrize("name", CLASSIFICATION)
@pytest.mark.parametrize(("classes", "absent"), [(2, ()), (4, ()), (5, (1, 4))])
def test_weighted_scores_of_classes_agree_with_a_reference(name, classes, absent):
    truth, p = rows_and_probabilities(3, classes, absent)
    p = (p * 8).round() / 8  # ties, as they are between trees
    p = (p + 0.01) / (p + 0.01).sum(1, keepdims=True)
    weights = some_weights(0, 3, len(truth))
    found = METRICS[name].weighted(truth, p, weights)
    wanted = [expected(name, truth, p, w) for w in weights]
    assert found == pytest.approx(wanted, abs=1e-12)
    assert found != pytest.approx([expected(name, truth, p)] * 3, abs=1e-4)  # weights count


@pytest.mark.parametrize("name", REGRESSION)
def test_weighted_scores_of_numbers_agree_with_a_reference(name):
    random = np.random.default_rng(1)
    truth, guess = random.normal(3.0, 1.0, 57), random.normal(3.0, 1.0, (57, 1))
    weights = some_weights(1, 4, 57)
    found = METRICS[name].weighted(truth, guess, weights)
    wanted = [expected_number(name, truth, guess[:, 0], w) for w in weights]
    assert found == pytest.approx(wanted, abs=1e-12)
    assert found != pytest.approx([expected_number(name, truth, guess[:, 0])] * 4, abs=1e-4)


@st.composite
def weighted_rows(draw):
    """A metric, rows for it, and how often each row counts; classes may vanish, scores tie."""
    name = draw(st.sampled_from(list(METRICS)))
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    rows = draw(st.integers(1, 30))
    if name in REGRESSION:
        truth = random.integers(-3, 4, rows) / 2
        prediction = random.integers(-3, 4, (rows, 1)) / 2
    else:
        classes = draw(st.integers(2, 4))
        truth = random.integers(0, classes, rows)
        prediction = random.integers(1, 4, (rows, classes)).astype(float)
        prediction /= prediction.sum(1, keepdims=True)
    counts = random.integers(0, 4, (draw(st.integers(1, 4)), rows))
    return METRICS[name], truth, prediction, counts


@settings(deadline=None, max_examples=400)
@given(weighted_rows())
def test_a_weight_is_a_number_of_rows(drawn):
    metric, truth, prediction, counts = drawn
    found = metric.weighted(truth, prediction, counts)
    for each, times in zip(found, counts, strict=True):
        alone = metric.score(truth.repeat(times), prediction.repeat(times, axis=0))
        assert each == pytest.approx(alone, abs=1e-9, nan_ok=True)


@settings(deadline=None, max_examples=100)
@given(weighted_rows(), st.integers(1, 5))
def test_only_shares_of_weight_matter(drawn, factor):
    metric, truth, prediction, counts = drawn
    once, often = (metric.weighted(truth, prediction, counts * k) for k in (1, factor))
    assert often == pytest.approx(once, abs=1e-9, nan_ok=True)


@pytest.mark.parametrize("name", list(METRICS))
def test_the_best_predictions_have_the_best_score(name):
    metric = METRICS[name]
    truth = np.array([0, 1, 2, 1, 0])
    prediction = truth[:, None] * 1.0 if name in REGRESSION else np.eye(3)[truth]
    assert metric.score(truth, prediction) == pytest.approx(1.0 if metric.greater_is_better else 0)


def test_weights_that_do_not_fit_are_refused():
    accuracy, truth, p = METRICS["accuracy"], np.array([0, 1]), np.eye(2)
    for bad in (np.ones(2), np.ones((1, 3)), np.array([[1.0, -1.0]]), np.array([[1.0, np.nan]])):
        with pytest.raises(ValueError, match="weights must be"):
            accuracy.weighted(truth, p, bad)
    assert np.isnan(accuracy.weighted(truth, p, np.zeros((1, 2)))).all()


@pytest.mark.parametrize("name", list(METRICS))
@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_predictions_that_are_not_finite_have_no_score(name, bad):
    truth = np.array([0, 1, 0, 1])
    width = 1 if name in REGRESSION else 2
    p = np.full((4, width), 0.5)
    assert math.isfinite(METRICS[name].score(truth, p))
    p[2, 0] = bad
    assert math.isnan(METRICS[name].score(truth, p))
    assert np.isnan(METRICS[name].weighted(truth, p, np.ones((3, 4)))).all()


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
        "brier",
        *(name for name in REGRESSION if name != "r2"),
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
    assert caught.value.accepted == ", ".join(REGRESSION)


def test_titles():
    shown = [METRICS[name].title for name in ("accuracy", "log_loss", "auc", "r2", "medae")]
    assert shown == ["accuracy", "log loss", "AUC", "R²", "median absolute error"]


@pytest.mark.parametrize(
    ("task", "counts", "chosen"),
    [
        ("binary", [80, 20], "balanced_accuracy"),
        ("binary", [79, 21], "accuracy"),
        ("binary", [5, 95], "balanced_accuracy"),
        ("multiclass", [85, 10, 5], "balanced_accuracy"),
        ("multiclass", [50, 49, 1], "accuracy"),
        ("multiclass", [0, 0, 0], "accuracy"),
        ("multiclass", None, "accuracy"),
        ("regression", None, "rmse"),
    ],
)
def test_the_default_looks_at_the_commonest_class(task, counts, chosen):
    assert default_metric(task, counts).name == chosen
