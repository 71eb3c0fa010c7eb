import math

import pytest
from optuna.trial import TrialState

from methodic.search.backend import Axis
from methodic.search.memory import Memory
from tests.search.spaces import LR


def memory(scores, greater=True, learns=True):
    """Told one after the other; the values that Optuna has."""
    each = Memory({"lr": Axis(LR)}, greater_is_better=greater, learns=learns)
    for i, score in enumerate(scores):
        setting = {"lr": 0.001 * (i + 1)}
        each.add(setting, each.take(setting))
        each.hear(i, score)
    each.tell()
    return each


def values(each):
    return [t.value for t in each.study.trials if t.state == TrialState.COMPLETE]


def test_scores_are_told_as_they_are():
    assert values(memory([0.1, 0.3, 0.2])) == [0.1, 0.3, 0.2]
    assert values(memory([0.1, 0.3, 0.2], greater=False)) == [-0.1, -0.3, -0.2]
    assert values(memory([0.1, 0.3], learns=False)) == []


@pytest.mark.parametrize("bad", [None, math.nan, math.inf, -math.inf])
def test_the_diverged_are_worse_than_the_worst(bad):
    found = values(memory([0.1, bad, 0.3, 0.2]))
    assert found[1] == pytest.approx(0.1 - (0.3 - 0.2))


def test_equal_scores_and_a_single_one_leave_room_below():
    assert values(memory([0.5, None, 0.5])) == [0.5, -0.5, 0.5]
    assert values(memory([2.0, None])) == [2.0, 0.0]
    assert values(memory([0.0, None])) == [0.0, -1.0]


def test_an_outlier_is_lifted():
    found = values(memory([0.1, 0.2, 0.3, -1e9, None]))
    middle, best = 0.15, 0.3
    floor = middle - 3 * (best - middle)
    assert found[3] == pytest.approx(floor)
    assert found[4] < floor


def test_the_diverged_wait_for_a_score():
    each = memory([None, None])
    assert values(each) == []
    each.add({"lr": 0.05}, each.take({"lr": 0.05}))
    each.hear(2, 1.0)
    each.tell()
    assert values(each) == [0.0, 0.0, 1.0]


def test_a_second_score_is_a_second_observation():
    each = memory([0.1, 0.2])
    each.hear(0, 0.4)
    each.tell()
    assert values(each) == [0.1, 0.2, 0.4]
    assert each.study.trials[-1].params == each.study.trials[0].params


def test_what_is_forgotten_says_nothing():
    each = memory([0.1])
    each.add({"lr": 0.05}, each.take({"lr": 0.05}))
    each.add({"lr": 0.06}, None)
    each.forget(1)
    each.forget(1)
    each.forget(0)
    each.forget(2)
    assert [t.state for t in each.study.trials] == [TrialState.COMPLETE, TrialState.FAIL]


def test_refused_settings_are_as_bad_as_diverged_ones():
    each = memory([0.1, 0.2])
    each.refuse(each.take({"lr": 0.09}))
    each.tell()
    assert values(each) == [0.1, 0.2, pytest.approx(0.1 - 0.05)]
