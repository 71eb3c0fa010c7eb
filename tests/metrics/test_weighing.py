import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from methodic.metrics.weighing import GroupSums, mean_of_defined, weighted_mean, weighted_median


@settings(deadline=None, max_examples=100)
@given(st.integers(0, 2**32 - 1), st.integers(1, 20), st.integers(1, 5), st.integers(1, 4))
def test_sums_by_group(seed, rows, k, sets):
    random = np.random.default_rng(seed)
    groups, weights = random.integers(0, k, rows), random.uniform(size=(rows, sets))
    literal = np.zeros((k, sets))
    for row, group in enumerate(groups):
        literal[group] += weights[row]
    assert GroupSums(groups, k)(weights) == pytest.approx(literal)
    some = np.flatnonzero(random.integers(0, 2, rows))
    literal = np.zeros((k, sets))
    for row, group in zip(some, groups[some], strict=True):
        literal[group] += weights[row]
    assert GroupSums(groups[some], k, some)(weights) == pytest.approx(literal)


def test_one_set_of_weights_has_the_same_bits_as_many():
    random = np.random.default_rng(0)
    groups, weights = random.integers(0, 7, 500), random.uniform(size=(500, 4))
    sums = GroupSums(groups, 7)
    together = sums(weights)
    for column in range(4):
        assert np.array_equal(sums(weights[:, [column]])[:, 0], together[:, column])


def test_means():
    values = np.array([1.0, 2.0, 6.0])
    weights = np.array([[1.0, 0.0], [1.0, 1.0], [2.0, 3.0]])
    assert weighted_mean(values)(weights).tolist() == [3.75, 5.0]
    assert weighted_mean(values)(weights[:, :1]).tolist() == [3.75]
    gaps = np.array([[1.0, np.nan], [3.0, 5.0]])
    assert mean_of_defined(gaps).tolist() == [2.0, 5.0]


def literal_median(values, weights):
    """Each value as often as its weight says, in order; the middle."""
    return np.median(np.repeat(values, weights)) if weights.sum() else np.nan


@settings(deadline=None, max_examples=200)
@given(st.integers(0, 2**32 - 1), st.integers(1, 40), st.integers(1, 4))
def test_medians_of_repeated_values(seed, rows, sets):
    random = np.random.default_rng(seed)
    values = random.integers(0, 6, rows) / 4
    weights = random.integers(0, 3, (rows, sets))
    found = weighted_median(values)(weights.astype(float))
    wanted = [literal_median(values, each) for each in weights.T]
    assert found == pytest.approx(wanted, nan_ok=True)


def test_a_median_of_one_kind_is_rejected():
    # The lower median in place of the mean of both is a mutation that the test above rejects.
    values, weights = np.array([1.0, 2.0]), np.ones((2, 1))
    assert weighted_median(values)(weights)[0] == 1.5
