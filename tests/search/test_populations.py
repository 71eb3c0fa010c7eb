import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from methodic.errors import InputError
from methodic.recipes.ranges import LogUniform, Options, Uniform
from methodic.recipes.spaces import Dimension
from methodic.search.jobs import Candidate, Outcome
from methodic.search.populations import FACTORS, Population, check, perturbed
from tests.search.spaces import BATCH, DROPOUT, LR

BETA = Dimension("beta", Options(choice=(0.8, 0.9, 0.95)))
SPACE = (LR, DROPOUT, BETA)


class Pool:
    """Makes candidates, and knows all of them."""

    def __init__(self):
        self.made = []

    def fresh(self, n):
        for i in range(n):
            setting = {"lr": 1e-3 * (i + 1), "dropout": 0.1, "beta": 0.9}
            self.made.append(Candidate(len(self.made), "a", setting))
        return self.made[-n:]

    def copy(self, parent, setting):
        self.made.append(Candidate(len(self.made), "a", setting, parent=parent))
        return self.made[-1]


def play(members, rounds, judge, seed=0):
    pool = Pool()
    strategy = Population(
        members, rounds, SPACE, seed=seed, fresh=pool.fresh, copy=pool.copy, greater_is_better=True
    )
    found = []
    while not strategy.over:
        jobs = strategy.ask(1)
        assert jobs
        found.append([(job, judge(job)) for job in jobs])
        for job, outcome in reversed(found[-1]):
            strategy.tell(job, outcome)
    return pool, found


def good(job):
    return Outcome(score=-job.setting["lr"], loss=None, step=1, seconds=0.0)


def test_the_worst_fifth_takes_over_the_best_fifth():
    pool, rounds = play(10, 4, good)
    assert [len(each) for each in rounds] == [10] * 4
    for before, after in itertools.pairwise(rounds):
        order = sorted(before, key=lambda each: -each[1].score)
        best = {job.candidate for job, _ in order[:2]}
        worst = {job.candidate for job, _ in order[-2:]}
        born = [job for job, _ in after if job.parent is not None]
        assert len(born) == 2
        assert {job.parent for job in born} <= best
        assert not worst & {job.candidate for job, _ in after}
        assert all(pool.made[number].replaced for number in worst)
        stayed = {job.candidate for job, _ in after} - {job.candidate for job in born}
        assert len(stayed) == 8
    assert [rounds[0][0][0].until, rounds[-1][0][0].until] == [0.25, 1.0]
    assert [job.since for job, _ in rounds[2]] == [2] * 10


def test_it_is_a_function_of_the_seed():
    def jobs(seed):
        return [[job for job, _ in each] for each in play(10, 4, good, seed)[1]]

    assert jobs(0) == jobs(0)
    assert jobs(0) != jobs(1)


def test_the_diverged_are_replaced_first():
    def judge(job):
        bad = job.parent is None and job.candidate >= 6
        return Outcome(
            score=None if bad else 1.0,
            loss=None,
            step=1,
            seconds=0.0,
            status="diverged" if bad else "trained",
        )

    _, rounds = play(10, 2, judge)
    parents = [job.parent for job, _ in rounds[1]]
    assert sum(parent is not None for parent in parents) == 4
    assert {parent for parent in parents if parent is not None} <= {0, 1}


def test_who_collapsed_is_replaced_and_never_copied():
    """What a member, or whom it was copied from, scored once says nothing about its weights."""

    def judge(job):
        fallen = job.candidate in (0, 1)
        return Outcome(
            score=0.95 if fallen else job.candidate / 100,
            loss=None,
            step=1,
            seconds=0.0,
            now={0: (0.0, 9.0), 1: (None, None)}.get(job.candidate),
        )

    pool, rounds = play(10, 2, judge)
    assert {each.number for each in pool.made if each.replaced} == {0, 1}
    assert {job.parent for job, _ in rounds[1] if job.parent is not None} <= {8, 9}


@pytest.mark.parametrize("members", [2, 3, 4, 5, 9])
def test_a_small_population_copies_too(members):
    _, rounds = play(members, 4, good)
    assert [sum(job.parent is not None for job, _ in each) for each in rounds] == [0, 1, 1, 1]


def test_all_diverged_is_the_end():
    _, rounds = play(
        5, 3, lambda job: Outcome(score=None, loss=None, step=1, seconds=0.0, status="diverged")
    )
    assert len(rounds) == 1


def test_who_ended_early_is_left_alone():
    def judge(job):
        status = "ended" if job.candidate == 0 else "trained"
        return Outcome(score=-job.setting["lr"], loss=None, step=1, seconds=0.0, status=status)

    pool, rounds = play(10, 3, judge)
    assert [len(each) for each in rounds] == [10, 9, 9]
    assert not pool.made[0].replaced
    assert all(job.parent != 0 for job, _ in rounds[1])


def test_a_population_of_one_just_trains():
    pool, rounds = play(1, 3, good)
    assert [len(each) for each in rounds] == [1, 1, 1]
    assert len(pool.made) == 1


@given(
    lr=st.floats(1e-4, 1e-1),
    dropout=st.floats(0.05, 0.5),
    beta=st.sampled_from([0.8, 0.9, 0.95]),
    seed=st.integers(0, 10**6),
)
def test_numbers_stay_in_their_ranges(lr, dropout, beta, seed):
    setting = {"lr": lr, "dropout": dropout, "beta": beta}
    found = perturbed(SPACE, setting, seed, "round", 1)
    assert set(found) == set(setting)
    assert 1e-4 <= found["lr"] <= 1e-1
    assert 0.05 <= found["dropout"] <= 0.5
    assert found["beta"] in (0.8, 0.9, 0.95)


def test_numbers_move_by_the_papers_factors_or_are_drawn_anew():
    factors, low, beta = [], 0, []
    for seed in range(2000):
        found = perturbed(SPACE, {"lr": 3e-3, "dropout": 0.2, "beta": 0.9}, seed)
        factors.append(found["lr"] / 3e-3)
        beta.append(found["beta"])
    near = [each for each in factors if any(math.isclose(each, f) for f in FACTORS)]
    assert 0.71 < len(near) / 2000 < 0.79
    assert 0.45 < sum(each < 1 for each in near) / len(near) < 0.55
    anew = sorted(math.log10(each * 3e-3) for each in factors if each not in near)
    low = sum(each < -2.5 for each in anew)
    assert 0.4 < low / len(anew) < 0.6, "drawn evenly over the logarithm"
    assert beta.count(0.9) < 2000 * 0.15, "a choice moves to its neighbour, or anywhere"
    assert 0.6 < beta.count(0.8) / beta.count(0.95) < 1.6


def test_structure_is_refused_with_a_way_out():
    check(SPACE, (), "recipe a")
    with pytest.raises(InputError) as error:
        check((*SPACE, BATCH), ("batch",), "recipe a")
    assert error.value.found == "batch"
    assert "halving" in str(error.value)
    switch = Dimension("model.dropout", Options(choice=(0.0, 0.1)))
    with pytest.raises(InputError, match="can't change the network") as error:
        check((LR, switch), (), "recipe a")
    assert error.value.found == "model.dropout"
    momentum = Dimension("optimizer.momentum", Uniform(uniform=(0, 0.9)))
    with pytest.raises(InputError, match="can't change the network") as error:
        check((LR, momentum), (), "recipe a")
    assert error.value.found == "optimizer.momentum", "without momentum there is no velocity"
    with pytest.raises(InputError, match="nothing to search for"):
        check((), (), "recipe a")
    assert isinstance(LR.range, LogUniform)
    assert isinstance(DROPOUT.range, Uniform)
