import math
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from methodic.evidence.numbers.statistics import (
    corrected,
    corrected_paired,
    holm,
    letters,
    one_sample,
    paired,
    t_interval,
    welch,
)


def test_interval_by_hand():
    # n = 4, mean 2.5, s = 1.2910, s/√n = 0.6455, t(3; 0.975) = 3.1824
    interval = t_interval([1.0, 2.0, 3.0, 4.0])
    assert interval.mean == 2.5
    assert interval.low == pytest.approx(2.5 - 3.1824 * 0.6455, abs=1e-3)
    assert interval.high == pytest.approx(2.5 + 3.1824 * 0.6455, abs=1e-3)
    assert interval.n == 4


@pytest.mark.parametrize("level", [0.5, 0.95, 0.99])
def test_interval_agrees_with_scipy(level):
    x = np.random.default_rng(1).normal(size=7)
    low, high = stats.t.interval(level, 6, x.mean(), stats.sem(x))
    interval = t_interval(x.tolist(), level)
    assert (interval.low, interval.high) == pytest.approx((low, high))


def test_one_value_has_no_interval_and_none_is_an_error():
    interval = t_interval([0.5])
    assert (interval.mean, interval.low, interval.high, interval.n) == (0.5, None, None, 1)
    for bad in ([], [math.nan, 1.0], [math.inf]):
        with pytest.raises(ValueError, match="at least one value"):
            t_interval(bad)


def covered(n: int, trials: int, interval) -> float:
    random = np.random.default_rng(0)
    inside = 0
    for _ in range(trials):
        found = interval(random.normal(3.0, 2.0, n).tolist())
        inside += found[0] <= 3.0 <= found[1]
    return inside / trials


def ends(values):
    interval = t_interval(values)
    return interval.low, interval.high


def normal_ends(values):
    # A mutation: the normal distribution in place of Student's.
    half = 1.96 * np.std(values, ddof=1) / math.sqrt(len(values))
    return np.mean(values) - half, np.mean(values) + half


@pytest.mark.parametrize("n", [3, 10])
def test_intervals_cover_as_often_as_they_say(n):
    assert covered(n, 4000, ends) == pytest.approx(0.95, abs=0.012)


def test_the_test_of_coverage_rejects_normal_intervals():
    assert covered(3, 4000, normal_ends) < 0.93


def test_paired_and_one_sample_agree_with_scipy():
    random = np.random.default_rng(2)
    a, b = random.normal(size=9), random.normal(0.5, size=9)
    interval, p = paired(a.tolist(), b.tolist())
    found = stats.ttest_rel(a, b)
    assert p == pytest.approx(found.pvalue)
    assert (interval.low, interval.high) == pytest.approx(tuple(found.confidence_interval()))
    assert interval.mean == pytest.approx((a - b).mean())
    interval, p = one_sample(a.tolist(), 0.25)
    found = stats.ttest_1samp(a - 0.25, 0.0)
    assert p == pytest.approx(found.pvalue)
    assert (interval.low, interval.high) == pytest.approx(tuple(found.confidence_interval()))


def test_equal_differences_have_no_spread():
    assert paired([0.9] * 10, [0.9] * 10)[1] == 1.0
    interval, p = paired([0.9] * 10, [0.8] * 10)
    assert p == 2.0**-9
    assert interval.low == interval.high == interval.mean == pytest.approx(0.1)
    # The same, with the rounding of 0.1 + 0.2.
    assert paired([0.1 + 0.2, 0.3], [0.3, 0.3])[1] == 1.0
    assert one_sample([0.1 + 0.2, 0.3, 0.3], 0.2)[1] == 0.25
    # A real spread of a tiny size isn't rounding.
    tiny = [1e-9, 2e-9, 4e-9]
    assert paired(tiny, [0.0] * 3)[1] == pytest.approx(stats.ttest_1samp(tiny, 0.0).pvalue)


def test_one_pair_shows_nothing():
    interval, p = paired([0.9], [0.1])
    assert p == 1.0
    assert (interval.low, interval.n) == (None, 1)
    with pytest.raises(ValueError, match="equal lengths"):
        paired([1.0, 2.0], [1.0])
    with pytest.raises(ValueError, match="finite"):
        one_sample([1.0, 2.0], math.nan)


def literal_corrected(a, b, ratio):
    """The corrected resampled t-test, term by term."""
    differences = [x - y for x, y in zip(a, b, strict=True)]
    n = len(differences)
    mean = sum(differences) / n
    variance = sum((d - mean) ** 2 for d in differences) / (n - 1)
    error = math.sqrt((1 / n + ratio) * variance)
    half = stats.t.ppf(0.975, n - 1) * error
    return (mean - half, mean + half), 2 * stats.t.sf(abs(mean / error), n - 1)


def test_overlapping_splits_widen_the_interval():
    random = np.random.default_rng(5)
    a, b = random.normal(size=10).tolist(), random.normal(0.5, size=10).tolist()
    ends, p = literal_corrected(a, b, 0.25)
    interval, found = corrected_paired(a, b, 0.25)
    assert (interval.low, interval.high) == pytest.approx(ends)
    assert found == pytest.approx(p)
    # Where the overlap counts nothing it is the ordinary t-test, which scipy knows.
    almost, plain = corrected_paired(a, b, 1e-12), stats.ttest_rel(a, b)
    assert almost[1] == pytest.approx(plain.pvalue)
    assert corrected(a, 1e-12).low == pytest.approx(t_interval(a).low)
    wide, usual = corrected(a, 0.25), t_interval(a)
    ratio = (wide.high - wide.low) / (usual.high - usual.low)
    assert ratio == pytest.approx(math.sqrt(1 + 10 * 0.25))
    assert wide.mean == usual.mean


def test_overlapping_splits_without_spread_or_with_one_value():
    assert corrected([0.5], 0.25).low is None
    assert corrected_paired([0.9] * 8, [0.9] * 8, 0.25)[1] == 1.0
    # 8 splits with this overlap are worth 1 / (1/8 + 1/4) = 2⅔ independent ones.
    assert corrected_paired([0.9] * 8, [0.8] * 8, 0.25)[1] == pytest.approx(2 ** (1 - 8 / 3))
    assert corrected_paired([0.9], [0.8], 0.25)[1] == 1.0
    for bad in (0.0, -1.0, math.nan):
        with pytest.raises(ValueError, match="above 0"):
            corrected([1.0, 2.0], bad)
    with pytest.raises(ValueError, match="equal lengths"):
        corrected_paired([1.0], [1.0, 2.0], 0.1)


def repeated_cross_validation(test, trials=300) -> float:
    """How often two equal rules are called different over 5 × 5 folds of the same 100 rows.

    The rules predict a mean, each from every other column of noise; a row costs its squared error.
    """
    random = np.random.default_rng(11)
    alarms = 0
    for _ in range(trials):
        noise = random.normal(size=(100, 2))
        gaps: list[list[float]] = [[], []]
        for _ in range(5):
            for fold in np.array_split(random.permutation(100), 5):
                rest = np.setdiff1d(np.arange(100), fold)
                for rule in (0, 1):
                    guess = noise[rest, rule].mean()
                    gaps[rule].append(float(np.mean((noise[fold, rule] - guess) ** 2)))
        alarms += test(*gaps)[1] <= 0.05
    return alarms / trials


def test_the_correction_keeps_the_level_where_the_usual_test_does_not():
    assert repeated_cross_validation(lambda a, b: corrected_paired(a, b, 0.25)) <= 0.08
    assert repeated_cross_validation(paired) > 0.2


def test_welch_agrees_with_scipy():
    random = np.random.default_rng(6)
    a, b = random.normal(size=7), random.normal(0.7, 3.0, size=12)
    interval, p = welch(a.tolist(), b.tolist())
    found = stats.ttest_ind(a, b, equal_var=False)
    assert p == pytest.approx(found.pvalue)
    assert (interval.low, interval.high) == pytest.approx(tuple(found.confidence_interval()))
    assert interval.n == 7
    # Pooling the variances is a mutation.
    assert p != pytest.approx(stats.ttest_ind(a, b).pvalue, rel=0.01)


def test_welch_without_spread_counts_permutations():
    assert welch([0.9] * 3, [0.9] * 4)[1] == 1.0
    interval, p = welch([0.9] * 3, [0.8] * 4)
    assert p == pytest.approx(2 / 35)
    assert interval.low == interval.high == pytest.approx(0.1)
    assert 0 < welch([0.9] * 3, [0.8, 0.81])[1] < 0.2  # one side has some
    with pytest.raises(ValueError, match="two values a side"):
        welch([0.9], [0.8, 0.7])


def test_holm_by_hand():
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([]) == []


@settings(deadline=None, max_examples=100)
@given(st.lists(st.floats(0, 1), max_size=8))
def test_holm_keeps_order_and_lies_between_p_and_bonferroni(p):
    adjusted = holm(p)
    for x, q in zip(p, adjusted, strict=True):
        assert x <= q <= 1
        assert q <= min(1, max(x * len(p), max(adjusted)))
    order = sorted(range(len(p)), key=lambda i: p[i])
    assert [adjusted[i] for i in order] == sorted(adjusted)
    if p:
        assert min(adjusted) == pytest.approx(min(1, len(p) * min(p)))


def false_alarms(adjust, trials=600) -> float:
    """How often any pair of 4 equal methods (10 seeds) is called different."""
    random = np.random.default_rng(3)
    alarms = 0
    for _ in range(trials):
        x = random.normal(size=(4, 10))
        p = [paired(x[i].tolist(), x[j].tolist())[1] for i, j in combinations(range(4), 2)]
        alarms += min(adjust(p)) <= 0.05
    return alarms / trials


def test_holm_controls_the_family_wise_error():
    assert false_alarms(holm) <= 0.05 + 0.02
    assert false_alarms(list) > 0.12  # uncorrected, the test sees the difference


def test_letters_by_hand():
    assert letters(["x", "y", "z"], []) == {"x": ("a",), "y": ("a",), "z": ("a",)}
    assert letters(["x", "y"], [("y", "x")]) == {"x": ("a",), "y": ("b",)}
    chain = letters(["x", "y", "z"], [("x", "z")])
    assert chain == {"x": ("a",), "y": ("a", "b"), "z": ("b",)}
    assert letters([], []) == {}
    with pytest.raises(ValueError, match="itself"):
        letters(["x"], [("x", "x")])


@st.composite
def graphs(draw):
    names = [f"m{i}" for i in range(draw(st.integers(1, 8)))]
    pairs = list(combinations(names, 2))
    return names, draw(st.lists(st.sampled_from(pairs), unique=True) if pairs else st.just([]))


@settings(deadline=None, max_examples=300)
@given(graphs())
def test_a_shared_letter_means_not_significant(graph):
    names, significant = graph
    found = letters(names, significant)
    assert list(found) == names
    for a, b in combinations(names, 2):
        shared = bool(set(found[a]) & set(found[b]))
        assert shared == ((a, b) not in significant)
    assert all(found.values())
    assert found[names[0]][0] == "a"
    used = sorted({letter for own in found.values() for letter in own})
    assert used == [chr(ord("a") + i) for i in range(len(used))]


def test_many_letters_go_on_after_z():
    names = [str(i) for i in range(30)]
    found = letters(names, combinations(names, 2))
    assert [found[n] for n in ("0", "25", "26", "29")] == [("a",), ("z",), ("aa",), ("ad",)]
