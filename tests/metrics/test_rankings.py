import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from methodic.metrics import rankings


def two(p):
    return np.stack([1 - p, p], axis=1)


def literal_area(truth, p, w):
    """Over all pairs of a positive and a negative row."""
    won = all_pairs = 0.0
    for i in np.flatnonzero(truth == 1):
        for j in np.flatnonzero(truth == 0):
            won += w[i] * w[j] * (1.0 if p[i] > p[j] else 0.5 if p[i] == p[j] else 0.0)
            all_pairs += w[i] * w[j]
    return won / all_pairs if all_pairs else np.nan


def literal_precision(truth, p, w):
    """Over all thresholds, from the highest probability to the lowest."""
    total, before, area = w[truth == 1].sum(), 0.0, 0.0
    if not total:
        return np.nan
    for threshold in np.unique(p)[::-1]:
        said = p >= threshold
        right = w[said & (truth == 1)].sum()
        if right:
            area += (right - before) / total * right / w[said].sum()
        before = right
    return area


@settings(deadline=None, max_examples=150)
@given(st.integers(0, 2**32 - 1), st.integers(1, 25), st.sampled_from([3, 1000]), st.floats(0, 1))
def test_curves_agree_with_their_definitions(seed, rows, levels, share):
    random = np.random.default_rng(seed)
    truth = (random.uniform(size=rows) < share).astype(int)
    p = random.integers(0, levels, rows) / levels  # few levels: many ties
    weights = random.integers(0, 3, (rows, 3)).astype(float)
    with np.errstate(all="ignore"):
        area = rankings.auc(truth, two(p))(weights)
        precision = rankings.average_precision(truth, two(p))(weights)
    columns = list(weights.T)
    assert area == pytest.approx([literal_area(truth, p, w) for w in columns], nan_ok=True)
    wanted = [literal_precision(truth, p, w) for w in columns]
    assert precision == pytest.approx(wanted, nan_ok=True)


def test_ties_count_half():
    truth, p = np.array([1, 0]), np.array([0.5, 0.5])
    assert rankings.auc(truth, two(p))(np.ones((2, 1))).tolist() == [0.5]
    assert rankings.average_precision(truth, two(p))(np.ones((2, 1))).tolist() == [0.5]


@pytest.mark.parametrize("columns", [1, 3])
@pytest.mark.parametrize("k", [32, 96])
def test_running_sums(k, columns):
    values = np.random.default_rng(0).integers(0, 9, (k, columns)).astype(float)
    blocks = rankings.in_blocks(values)
    found = np.stack([each.copy() for each in rankings.running_sums(blocks)], axis=1)
    assert np.array_equal(found.reshape(k, columns), np.cumsum(values, axis=0))
    assert [rankings.padded(k) for k in (1, 32, 33)] == [32, 32, 64]
