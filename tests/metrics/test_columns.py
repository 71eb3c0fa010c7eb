"""Scores of several labels or numbers: against scikit-learn, weighted and not."""

from __future__ import annotations

import numpy as np
import pytest
import sklearn.metrics as reference

from methodic.errors import InputError
from methodic.metrics import METRICS, columns, default_metric, get_metric

LABELS = [name for name, metric in METRICS.items() if "multilabel" in metric.tasks]
NUMBERS = [name for name, metric in METRICS.items() if "regression" in metric.tasks]
N = 200


def labels(seed: int):
    random = np.random.default_rng(seed)
    truth = (random.random((N, 4)) < [0.5, 0.2, 0.8, 0.05]).astype(np.int64)
    truth[:2] = [[1, 1, 1, 1], [0, 0, 0, 0]]
    noise = random.normal(0, 1.5, (N, 4))
    return truth, 1 / (1 + np.exp(-(3 * truth - 1.5 + noise))), random.uniform(0.1, 3, N)


def expected(name: str, truth, p, weights):
    """scikit-learn's number; means over labels that it lacks are written out."""
    said, kept = (p >= 0.5).astype(int), {"sample_weight": weights}
    every = range(truth.shape[1])
    if name == "exact_match":
        return reference.accuracy_score(truth, said, **kept)
    if name == "label_accuracy":
        return 1 - reference.hamming_loss(truth, said, **kept)
    if name in ("f1", "micro_f1"):
        average = "macro" if name == "f1" else "micro"
        return reference.f1_score(truth, said, average=average, zero_division=0, **kept)
    whole = {"auc": reference.roc_auc_score, "average_precision": reference.average_precision_score}
    if name in whole:
        return whole[name](truth, p, average="macro", **kept)
    single = {
        "balanced_accuracy": (reference.balanced_accuracy_score, said),
        "mcc": (reference.matthews_corrcoef, said),
        "log_loss": (reference.log_loss, p),
        "brier": (reference.brier_score_loss, p),
    }
    one, told = single[name]
    return np.mean([one(truth[:, c], told[:, c], **kept) for c in every])


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("name", LABELS)
def test_scores_of_labels_agree_with_a_reference(name: str, weighted: bool) -> None:
    truth, p, weights = labels(3)
    given = weights if weighted else None
    found = METRICS[name].score(truth, p, given)
    assert found == pytest.approx(expected(name, truth, p, given), rel=1e-9)
    other = expected(name, truth, p[::-1], given)
    assert found != pytest.approx(other, rel=1e-3), "another prediction has another score"
    if weighted:
        assert found != pytest.approx(METRICS[name].score(truth, p), rel=1e-6)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("name", NUMBERS)
def test_scores_of_several_numbers_agree_with_a_reference(name: str, weighted: bool) -> None:
    random = np.random.default_rng(0)
    truth = random.normal(size=(N, 3)) * [1.0, 10.0, 0.1]
    guess = truth + random.normal(size=(N, 3)) * [0.5, 2.0, 0.2]
    weights = random.uniform(0.1, 3, N) if weighted else None
    each = [METRICS[name].score(truth[:, t], guess[:, t : t + 1], weights) for t in range(3)]
    found = METRICS[name].score(truth, guess, weights)
    assert found == pytest.approx(np.mean(each))
    kept = {"sample_weight": weights}
    theirs = {
        "rmse": reference.root_mean_squared_error,
        "mae": reference.mean_absolute_error,
        "r2": reference.r2_score,
    }
    if name in theirs:
        assert found == pytest.approx(theirs[name](truth, guess, **kept))
    if name.startswith("pinball"):
        alpha = int(name.split("_")[1]) / 100
        assert found == pytest.approx(
            reference.mean_pinball_loss(truth, guess, alpha=alpha, **kept)
        )


@pytest.mark.parametrize("name", LABELS)
def test_the_best_and_the_worst(name: str) -> None:
    truth, _, _ = labels(1)
    metric = METRICS[name]
    assert metric.score(truth, truth) == (1.0 if metric.greater_is_better else pytest.approx(0.0))
    assert metric.better(metric.score(truth, truth), metric.score(truth, 1 - truth))


@pytest.mark.parametrize("name", [*LABELS, *NUMBERS])
def test_a_weight_is_a_number_of_rows(name: str) -> None:
    truth, p, _ = labels(5)
    counts = np.random.default_rng(0).integers(1, 4, N)
    if name in NUMBERS:
        truth = truth + np.linspace(0, 1, N)[:, None]
    repeated = METRICS[name].score(np.repeat(truth, counts, 0), np.repeat(p, counts, 0))
    assert METRICS[name].score(truth, p, counts.astype(float)) == pytest.approx(repeated)


def test_a_label_that_no_row_has_is_left_out_where_undefined() -> None:
    truth, p, _ = labels(2)
    truth[:, 1] = 0
    found = METRICS["auc"].score(truth, p)
    others = [reference.roc_auc_score(truth[:, c], p[:, c]) for c in (0, 2, 3)]
    assert found == pytest.approx(np.mean(others))
    assert METRICS["f1"].score(truth, np.zeros_like(p)) == 0.0
    assert METRICS["micro_f1"].score(np.zeros_like(truth), np.zeros_like(p)) == 0.0


def test_a_half_says_yes_everywhere() -> None:
    truth, p = np.array([[1, 0], [1, 0]]), np.full((2, 2), 0.5)
    assert METRICS["label_accuracy"].score(truth, p) == 0.5
    assert METRICS["micro_f1"].score(truth, p) == pytest.approx(2 / 3)
    assert METRICS["f1"].score(truth, p) == 0.5
    both = columns.mean_over_labels(METRICS["accuracy"].function, truth, p)
    assert both(np.ones((2, 1))).tolist() == [0.5]


def test_shapes_that_do_not_fit_are_refused() -> None:
    truth, p, _ = labels(0)
    for wrong in (p[:, :3], p[:-1], p.reshape(-1)):
        with pytest.raises(ValueError, match="don't fit"):
            METRICS["exact_match"].score(truth, wrong)


def test_defaults() -> None:
    assert default_metric("multilabel").name == "average_precision"
    assert default_metric("regression", None, 3).name == "r2"
    assert default_metric("regression").name == "rmse"
    assert get_metric("micro_f1", "multilabel").title == "F1 over all labels"
    with pytest.raises(InputError, match="doesn't fit a multilabel task") as error:
        get_metric("accuracy", "multilabel")
    assert "exact_match" in str(error.value.accepted)
