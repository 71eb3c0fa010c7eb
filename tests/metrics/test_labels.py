import numpy as np
import pytest

from methodic.metrics import labels

ONES = np.ones((4, 1))


def one(function, truth, prediction, weights=ONES):
    with np.errstate(all="ignore"):
        return float(function(np.array(truth), np.array(prediction, dtype=float))(weights)[0])


def hot(guess, classes):
    return np.eye(classes)[guess]


def test_by_hand():
    truth, guess = [0, 0, 1, 2], hot([0, 1, 1, 1], 3)
    assert one(labels.accuracy, truth, guess) == 0.5
    assert one(labels.balanced_accuracy, truth, guess) == pytest.approx((0.5 + 1 + 0) / 3)
    # Class 0: 1 found of 2, 1 said; class 1: 1 of 1, 3 said; class 2: none.
    assert one(labels.f1, truth, guess) == pytest.approx((2 / 3 + 2 / 4 + 0) / 3)


def test_a_class_that_neither_occurs_nor_is_said_has_no_f1():
    truth, guess = [0, 0, 1, 1], hot([0, 0, 1, 1], 3)
    assert one(labels.f1, truth, guess) == 1.0
    assert one(labels.balanced_accuracy, truth, guess) == 1.0


def test_correlation_is_zero_where_nothing_varies():
    # The same guess for all rows, with weights whose sums round.
    weights = np.array([[0.1], [0.2], [0.3], [0.7]])
    assert one(labels.mcc, [0, 1, 0, 1], hot([1, 1, 1, 1], 2), weights) == 0.0
    assert one(labels.mcc, [1, 1, 1, 1], hot([0, 1, 0, 1], 2), weights) == 0.0
    assert one(labels.mcc, [0, 1, 0, 1], hot([1, 0, 1, 0], 2)) == pytest.approx(-1.0)


def test_brier_of_a_coin_is_a_quarter():
    assert one(labels.brier, [0, 1, 0, 1], np.full((4, 2), 0.5)) == 0.25
    three = one(labels.brier, [0, 1, 2, 1], np.full((4, 3), 1 / 3))
    assert three == pytest.approx((2 / 3) ** 2 + 2 * (1 / 3) ** 2)


def test_log_loss_clips_at_the_smallest_probability():
    assert one(labels.log_loss, [0, 0, 0, 0], hot([1, 1, 1, 1], 2)) == pytest.approx(
        36.0437, abs=1e-4
    )
