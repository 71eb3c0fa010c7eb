import numpy as np
import pytest

from methodic.evidence.closer import calibration
from methodic.evidence.closer.calibration import Calibration, best_temperature, calibrate, scaled


def softmax(logits):
    odds = np.exp(logits - logits.max(axis=1, keepdims=True))
    return odds / odds.sum(axis=1, keepdims=True)


def honest(rows=20_000, count=4, seed=0, sharpness=1.0):
    """Truth drawn from softmax(logits), and what a model says whose logits are ``sharpness`` ×."""
    random = np.random.default_rng(seed)
    logits = 1.5 * random.normal(size=(rows, count))
    cumulated = softmax(logits).cumsum(axis=1)
    truth = (random.random((rows, 1)) > cumulated).sum(axis=1).clip(max=count - 1)
    return truth, softmax(sharpness * logits).astype(np.float32)


@pytest.mark.parametrize("k", [0.4, 1.0, 2.5, 10.0])
def test_a_known_miscalibration_is_found_and_undone(k):
    truth, prediction = honest(seed=1, sharpness=k)
    validation = honest(seed=2, sharpness=k)
    found = calibrate(truth, prediction, *validation)
    assert found.temperature == pytest.approx(k, rel=0.04)
    assert found.ece_scaled < 0.015
    if k != 1.0:
        assert found.ece > 0.05
        assert found.log_loss_scaled < found.log_loss - 0.01
    assert Calibration.model_validate_json(found.model_dump_json()) == found


def test_the_temperature_is_where_a_fine_grid_finds_it():
    truth, prediction = honest(400, 3, seed=3, sharpness=3.0)

    def loss(temperature):
        chosen = [row[c] for row, c in zip(scaled(prediction, temperature), truth, strict=True)]
        return -np.mean(np.log(chosen))

    grid = np.linspace(0.5, 6.0, 2201)
    best = grid[np.argmin([loss(t) for t in grid])]
    assert best_temperature(truth, prediction) == pytest.approx(best, abs=0.003)
    # Half or twice of it are worse, so the comparison can fail.
    assert loss(best) < min(loss(best / 2), loss(best * 2)) - 0.01


def test_scaling_divides_logits_and_keeps_the_ranking():
    _, prediction = honest(50)
    twice = scaled(prediction, 2.0)
    expected = np.sqrt(prediction) / np.sqrt(prediction).sum(axis=1, keepdims=True)
    assert twice == pytest.approx(expected)
    assert np.array_equal(twice.argmax(axis=1), prediction.argmax(axis=1))
    assert scaled(prediction, 1.0) == pytest.approx(prediction, abs=1e-6)


def literal_error(truth, prediction, bins=15):
    """Rows sorted by confidence and cut into equal parts (no ties)."""
    order = sorted(range(len(truth)), key=lambda i: prediction[i].max())
    total = 0.0
    for part in np.array_split(order, bins):
        right = np.mean([prediction[i].argmax() == truth[i] for i in part])
        sure = np.mean([prediction[i].max() for i in part])
        total += len(part) / len(truth) * abs(right - sure)
    return total


def test_the_error_agrees_with_a_literal_one():
    truth, prediction = honest(15 * 40)
    found = calibrate(truth, prediction, truth, prediction)
    assert found.ece == pytest.approx(literal_error(truth, prediction))
    assert found.ece != pytest.approx(literal_error(truth, prediction, 10), abs=1e-4)
    assert [each.rows for each in found.bins] == [40] * 15
    assert [each.confidence for each in found.bins] == sorted(b.confidence for b in found.bins)
    assert sum(each.accuracy for each in found.bins) * 40 == pytest.approx(
        (prediction.argmax(axis=1) == truth).sum()
    )


def test_equal_confidences_share_a_bin_so_that_order_does_not_matter():
    prediction = np.tile([0.7, 0.3], (100, 1))
    truth = np.repeat([0, 1], [70, 30])
    found = calibrate(truth, prediction, truth, prediction)
    assert [each.rows for each in found.bins] == [100]
    assert found.ece == pytest.approx(0.0)  # cut by order, it would be 0.42
    shuffled = np.random.default_rng(0).permutation(truth)
    assert calibrate(shuffled, prediction, truth, prediction).ece == pytest.approx(0.0)


def test_rows_that_do_not_tell_a_temperature():
    sure = np.array([[0.9, 0.1], [0.2, 0.8]])
    right, flat = np.array([0, 1]), np.full((2, 2), 0.5)
    assert best_temperature(right, sure) is None  # all right: the loss falls until 0
    assert best_temperature(right, flat) is None
    assert best_temperature(np.array([], int), np.zeros((0, 2))) is None
    found = calibrate(np.array([1, 1]), sure, right, sure)
    assert found.temperature == 1.0
    assert found.log_loss == pytest.approx(found.log_loss_scaled)
    # All wrong: nothing is known, and the end of the range says so.
    assert best_temperature(1 - right, sure) == pytest.approx(50.0, rel=0.01)


def test_probabilities_of_zero_and_one_row():
    prediction = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]])
    truth = np.array([0, 1, 1])
    found = calibrate(truth[2:], prediction[2:], truth, prediction)
    assert found.temperature > 10
    assert 0.5 < found.log_loss_scaled < found.log_loss
    assert [each.rows for each in found.bins] == [1]


def test_the_docstring_on_chance_is_right():
    """At an accuracy of 0.8, honest groups of n rows are apart by about 0.3/√n."""
    random = np.random.default_rng(0)
    n = 100
    apart = [abs((random.random(n) < 0.8).mean() - 0.8) for _ in range(4000)]
    assert np.mean(apart) == pytest.approx(0.32 / n**0.5, rel=0.1)
    assert "0.3/√n" in calibration.__doc__
