import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from methodic.errors import InputError
from methodic.evidence.ranks import Ranks, critical_difference, friedman, ranks


def table(values, methods="abcdefgh"):
    return {
        f"data {i}": dict(zip(methods, map(float, row), strict=False))
        for i, row in enumerate(values)
    }


def test_by_hand():
    found = ranks(
        {
            "one": {"x": 0.9, "y": 0.8, "z": 0.7},
            "two": {"x": 0.6, "y": 0.8, "z": 0.6},
            "three": {"x": 0.5, "y": 0.4, "z": 0.1},
            "four": {"x": 0.9, "y": 0.6, "z": 0.8},
        },
        greater_is_better=True,
    )
    assert [each.name for each in found.methods] == ["x", "y", "z"]
    x, y, z = found.methods
    assert x.ranks == (1, 2.5, 1, 1)
    assert (x.mean_rank, y.mean_rank, z.mean_rank) == (1.375, 2.0, 2.625)
    assert (x.best, y.best, z.best) == (3, 1, 0)
    assert x.groups == y.groups == z.groups == ("a",)
    assert not found.told_apart
    # Errors of x ÷ the smallest: 1, 0.4/0.2, 1, 1.
    assert [(s.factor, s.share) for s in x.profile] == [(1.0, 0.75), (pytest.approx(2.0), 1.0)]
    assert Ranks.model_validate_json(found.model_dump_json()) == found


def test_smaller_errors_are_better():
    errors = table([[1.0, 2.0], [1.0, 3.0]])
    assert [each.name for each in ranks(errors, greater_is_better=False).methods] == ["a", "b"]
    last = ranks(errors, greater_is_better=False).methods[1]
    assert [(s.factor, s.share) for s in last.profile] == [(1, 0), (2, 0.5), (3, 1)]


@pytest.mark.parametrize(
    ("methods", "q"), [(2, 1.960), (3, 2.343), (4, 2.569), (5, 2.728), (8, 3.031), (10, 3.164)]
)
def test_critical_differences_of_the_published_table(methods, q):
    # The quantiles of Demšar's table 5a, for any number of data sets.
    for data in (10, 30):
        wanted = q * math.sqrt(methods * (methods + 1) / (6 * data))
        assert critical_difference(methods, data) == pytest.approx(wanted, rel=1e-3)


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 2**32 - 1), st.integers(3, 6), st.integers(2, 9))
def test_friedman_agrees_with_scipy_whatever_the_ties(seed, methods, data):
    values = np.random.default_rng(seed).integers(0, 6, (data, methods))
    ranked = [stats.rankdata(row).tolist() for row in values]
    found = friedman(ranked)
    if all(len({*row}) == 1 for row in ranked):
        assert (found.statistic, found.p) == (0.0, 1.0)
        return
    wanted = stats.friedmanchisquare(*values.T)
    assert found.statistic == pytest.approx(wanted.statistic, abs=1e-9)
    assert found.p == pytest.approx(wanted.pvalue, abs=1e-9)


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 2**32 - 1), st.integers(2, 6), st.integers(2, 12))
def test_groups_and_profiles(seed, methods, data):
    random = np.random.default_rng(seed)
    values = np.round(random.uniform(size=(data, methods)) + np.linspace(-1, 0, methods), 1)
    found = ranks(table(np.minimum(values, 1)), greater_is_better=True)
    for i, a in enumerate(found.methods):
        wanted = [
            float(stats.rankdata(-np.minimum(row, 1))["abcdef".index(a.name)]) for row in values
        ]
        assert list(a.ranks) == wanted
        shares = [step.share for step in a.profile]
        assert shares == sorted(shares)
        assert a.profile[0].factor == 1
        assert a.profile[0].share == pytest.approx(a.best / data)
        for b in found.methods[i + 1 :]:
            apart = b.mean_rank - a.mean_rank >= found.critical_difference
            assert apart == (not set(a.groups) & set(b.groups))
    assert sum(each.mean_rank for each in found.methods) == pytest.approx(
        methods * (methods + 1) / 2
    )
    assert found.told_apart == any(
        not set(a.groups) & set(b.groups) for a in found.methods for b in found.methods
    )


def alarms(methods=4, data=10, trials=400, factor=1.0):
    """How often equal methods are told apart."""
    random = np.random.default_rng(3)
    critical = critical_difference(methods, data) * factor
    count = 0
    for _ in range(trials):
        means = random.uniform(size=(data, methods)).argsort(axis=1).mean(axis=0)
        count += np.ptp(means) >= critical
    return count / trials


def test_equal_methods_are_rarely_told_apart():
    assert alarms() <= 0.07
    assert alarms(factor=0.75) > 0.1  # the check sees a critical difference that is too small


def test_no_error_at_all():
    found = ranks(table([[1.0, 1.0, 0.5], [1.0, 0.9, 0.8]]), greater_is_better=True)
    profiles = {each.name: {s.factor: s.share for s in each.profile} for each in found.methods}
    assert profiles == {"a": {1.0: 1.0}, "b": {1.0: 0.5}, "c": {1.0: 0.0}}


def test_few_data_sets_show_nothing_and_that_is_said():
    found = ranks(table([[0.9, 0.1]] * 3), greater_is_better=True)
    assert not found.told_apart
    assert "no difference could be shown" in found.notes[-1]
    four = ranks(table([[0.9, 0.1]] * 4), greater_is_better=True, notes=["kept"])
    assert four.told_apart
    assert four.notes == ("kept",)


@pytest.mark.parametrize(
    ("scores", "message", "found"),
    [
        ({}, "at least two data sets", "none"),
        ({"one": {"a": 1.0, "b": 1.0}}, "at least two data sets", "one"),
        ({"one": {"a": 1.0}, "two": {"a": 1.0}}, "at least two methods", "a"),
        ({"one": {"a": 1.0, "b": 0.5}, "two": {"a": 1.0}}, "two: no score of b", "a"),
        ({"one": {"a": 1.0, "b": 1.5}, "two": {"a": 1.0, "b": 0.1}}, "score of b", "1.5"),
        ({"one": {"a": math.nan, "b": 1}, "two": {"a": 1, "b": 0}}, "score of a", "nan"),
    ],
)
def test_what_can_not_be_ranked(scores, message, found):
    with pytest.raises(InputError, match=message) as caught:
        ranks(scores, greater_is_better=True)
    assert caught.value.found.startswith(found)
