import math

import numpy as np
import pytest
from scipy import stats

from methodic.evidence.numbers.effects import effect_between, effect_size, superiority


def correction(freedom):
    half = freedom / 2
    return math.gamma(half) / (math.sqrt(half) * math.gamma(half - 0.5))


def test_by_hand():
    # Mean 2, s 1, J(2) = Γ(1) / (√1 · Γ(½)) = 1 / √π.
    assert effect_size([1.0, 2.0, 3.0]) == pytest.approx(2 / math.sqrt(math.pi))
    assert effect_size([-1.0, -2.0, -3.0]) == pytest.approx(-2 / math.sqrt(math.pi))


def test_it_is_the_t_statistic_in_other_units():
    x = np.random.default_rng(0).normal(0.5, 1.0, 9)
    t = stats.ttest_1samp(x, 0.0).statistic
    assert effect_size(x.tolist()) == pytest.approx(correction(8) * t / math.sqrt(9))
    a, b = x[:5], x[5:] + 1
    t = stats.ttest_ind(a, b).statistic
    wanted = correction(7) * t * math.sqrt(1 / 5 + 1 / 4)
    assert effect_between(a.tolist(), b.tolist()) == pytest.approx(wanted)


def mean_of(function, n, trials=4000):
    random = np.random.default_rng(1)
    return np.mean([function(random.normal(0.8, 1.0, n).tolist()) for _ in range(trials)])


def uncorrected(x):
    return np.mean(x) / np.std(x, ddof=1)


def test_the_correction_takes_off_what_small_samples_add():
    assert mean_of(effect_size, 5) == pytest.approx(0.8, abs=0.03)
    assert mean_of(uncorrected, 5) > 0.95  # a mutation that the line above rejects


def test_where_there_is_no_effect_size():
    for values in ([1.0], [1.0, 2.0], [0.1 + 0.2, 0.3, 0.3], [0.0, 0.0, 0.0]):
        assert effect_size(values) is None
    assert effect_between([1.0], [1.0, 2.0]) is None
    assert effect_between([1.0, 1.0], [2.0, 2.0]) is None
    assert effect_between([1.0, 1.0], [2.0, 3.0]) is not None
    for bad in ([], [math.nan, 1.0, 2.0]):
        with pytest.raises(ValueError, match="at least one value"):
            effect_size(bad)


def literal_superiority(a, b, greater):
    wins = 0.0
    for x in a:
        for y in b:
            wins += 0.5 if x == y else float((x > y) == greater)
    return wins / (len(a) * len(b))


@pytest.mark.parametrize("greater", [True, False])
def test_superiority_counts_all_pairs(greater):
    random = np.random.default_rng(2)
    a, b = random.integers(0, 6, 8).tolist(), random.integers(2, 8, 5).tolist()
    found = superiority(a, b, greater)
    assert found == pytest.approx(literal_superiority(a, b, greater))
    u = stats.mannwhitneyu(a, b).statistic / 40
    assert found == pytest.approx(u if greater else 1 - u)
    assert superiority(b, a, greater) == pytest.approx(1 - found)
    assert superiority(a, a, greater) == 0.5
