import numpy as np
import pytest

from methodic.metrics import numbers


def one(function, truth, guess, weights=None):
    truth, guess = np.array(truth, float), np.array(guess, float)
    weights = np.ones((len(truth), 1)) if weights is None else np.array(weights)[:, None]
    with np.errstate(all="ignore"):
        return float(function(truth, guess[:, None])(weights)[0])


def test_by_hand():
    truth, guess = [1.0, 2.0, 3.0, 10.0], [1.0, 3.0, 5.0, 0.0]
    assert one(numbers.rmse, truth, guess) == pytest.approx(np.sqrt((0 + 1 + 4 + 100) / 4))
    assert one(numbers.mae, truth, guess) == pytest.approx(13 / 4)
    assert one(numbers.medae, truth, guess) == 1.5
    assert one(numbers.r2, truth, guess) == pytest.approx(1 - 105 / 50)


def test_pinball_weighs_both_sides():
    def loss(quantile, guess):
        return numbers.pinball(quantile, np.array([0.0]), np.array([[guess]]))(np.ones((1, 1)))[0]

    assert loss(0.9, -2.0) == pytest.approx(1.8)  # too low is worse for a high quantile
    assert loss(0.9, 2.0) == pytest.approx(0.2)
    assert loss(0.1, -2.0) == pytest.approx(0.2)
    assert loss(0.5, 3.0) == loss(0.5, -3.0) == 1.5


def test_the_quantile_has_the_least_pinball_loss():
    truth = np.arange(101.0)
    for quantile in (0.1, 0.5, 0.9):
        losses = [
            numbers.pinball(quantile, truth, np.full((101, 1), g))(np.ones((101, 1)))[0]
            for g in truth
        ]
        assert np.argmin(losses) == round(100 * quantile)


def test_r2_needs_a_truth_that_varies():
    assert np.isnan(one(numbers.r2, [5.0, 5.0], [1.0, 2.0]))
    # It varies, but not among the rows that count.
    assert np.isnan(one(numbers.r2, [5.1, 5.1, 7.0], [1.0, 2.0, 3.0], [1.0, 2.0, 0.0]))
    large = [1e9 + 1, 1e9 + 2, 1e9 + 3]
    assert one(numbers.r2, large, large) == 1.0
    assert one(numbers.r2, large, [1e9 + 2] * 3) == pytest.approx(0.0)
