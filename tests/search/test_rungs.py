import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from methodic.search.jobs import Candidate, Outcome, ranked
from methodic.search.rungs import (
    Bracket,
    Halving,
    chunks_of,
    divided,
    halving,
    hyperband,
    shares,
)

# Li et al. 2018, Algorithm 1 for R = 81, η = 3: n candidates, each with so many of 81 units.
PAPER = [
    [(81, 1), (27, 3), (9, 9), (3, 27), (1, 81)],
    [(34, 3), (11, 9), (3, 27), (1, 81)],
    [(15, 9), (5, 27), (1, 81)],
    [(8, 27), (2, 81)],
    [(5, 81)],
]


def test_hyperband_is_the_papers():
    brackets = hyperband(81 + 34 + 15 + 8 + 5, 3, 5)
    found = [
        [(n, round(81 * share)) for n, share in zip(each.sizes, each.shares, strict=True)]
        for each in brackets
    ]
    assert found == PAPER


def test_hyperbands_numbers_by_the_papers_formula():
    """n = ⌈B/R · η^s / (s + 1)⌉ with B = (s_max + 1)·R."""
    for reduction, rungs in ((2, 4), (3, 3), (4, 3)):
        formula = [math.ceil(rungs * reduction**s / (s + 1)) for s in reversed(range(rungs))]
        found = [each.sizes[0] for each in hyperband(sum(formula), reduction, rungs)]
        assert all(abs(a - b) <= 1 for a, b in zip(found, formula, strict=True))


def test_halving_keeps_one_in_eta():
    (bracket,) = halving(81, 3, 5)
    assert bracket.sizes == (81, 27, 9, 3, 1)
    assert bracket.shares == pytest.approx([1 / 81, 1 / 27, 1 / 9, 1 / 3, 1])
    assert halving(2, 3, 3)[0].sizes == (2, 1, 1), "at least one trains to the end"
    assert halving(5, 3, 1) == (Bracket((5,), (1.0,)),)


def test_the_cost_counts_only_what_is_added():
    (bracket,) = halving(9, 3, 3)
    assert bracket.cost == pytest.approx(9 / 9 + 3 * (1 / 3 - 1 / 9) + 1 * (1 - 1 / 3))
    assert Bracket((4,), (1.0,)).cost == 4


@given(
    settings=st.integers(1, 300),
    reduction=st.integers(2, 5),
    rungs=st.integers(1, 5),
    chunks=st.integers(1, 12),
)
def test_brackets_together_are_one_large_bracket(settings, reduction, rungs, chunks):
    (one,) = halving(settings, reduction, rungs)
    several = halving(settings, reduction, rungs, chunks)
    for rung in range(rungs):
        assert sum(each.sizes[rung] for each in several) == one.sizes[rung]
    for each in several:
        assert list(each.sizes) == sorted(each.sizes, reverse=True)
        assert all(n > 0 for n in each.sizes)
        assert each.shares == shares(reduction, rungs)
    assert math.fsum(each.cost for each in several) == pytest.approx(one.cost)
    assert max(each.sizes[0] for each in several) - min(each.sizes[0] for each in several) <= 1


@given(settings=st.integers(1, 300), reduction=st.integers(2, 4), rungs=st.integers(1, 5))
def test_hyperband_divides_all_settings(settings, reduction, rungs):
    for width in (None, 16):
        brackets = hyperband(settings, reduction, rungs, width)
        assert sum(each.sizes[0] for each in brackets) == settings
        assert any(each.shares[-1] == 1 for each in brackets)


@given(n=st.integers(0, 500), weights=st.lists(st.floats(0.01, 100), min_size=1, max_size=8))
def test_parts_are_as_their_weights(n, weights):
    parts = divided(n, weights)
    assert sum(parts) == n
    for part, weight in zip(parts, weights, strict=True):
        assert abs(part - n * weight / sum(weights)) < 1 + 1e-9


def test_chunks_fill_a_cohort():
    assert [chunks_of(n, 16) for n in (1, 16, 20, 24, 64, 100)] == [1, 1, 1, 2, 4, 6]
    assert chunks_of(1000, None) == 1


class Pool:
    def __init__(self, n):
        self.made, self.n = [], n

    def __call__(self, n):
        found = [Candidate(len(self.made) + i, "a", {}) for i in range(min(n, self.n))]
        self.made += found
        self.n -= len(found)
        return found


def outcome(score, status="trained"):
    return Outcome(score=score, loss=None, step=1, seconds=0.0, status=status)


def play(strategy, judge):
    """Rung by rung: the numbers that trained in each, and what came out."""
    rungs = []
    while not strategy.over:
        jobs = strategy.ask(1)
        assert jobs
        assert strategy.ask(99) == [], "a rung is given once"
        rungs.append({job.candidate: judge(job) for job in jobs})
        for job in reversed(jobs):
            strategy.tell(job, rungs[-1][job.candidate])
    return rungs


scores = st.none() | st.floats(-10, 10)


@given(n=st.integers(1, 40), reduction=st.integers(2, 4), table=st.lists(scores, min_size=40))
def test_the_best_go_on_and_the_diverged_never(n, reduction, table):
    (bracket,) = halving(n, reduction, 3)

    def judge(job):
        score = table[job.candidate]
        return outcome(score, "trained" if score is not None else "diverged")

    rungs = play(Halving([bracket], Pool(n), greater_is_better=True), judge)
    for rung, (before, after) in enumerate(itertools.pairwise(rungs), 1):
        able = ranked(before.items(), True)
        assert len(after) == min(bracket.sizes[rung], len(able))
        assert set(after) == {number for number, _ in able[: len(after)]}
    able = sum(each is not None for each in table[:n])
    assert len(rungs) == (3 if able else 1)


def test_brackets_come_one_after_the_other():
    pool = Pool(100)
    strategy = Halving(halving(32, 3, 3, 2), pool, greater_is_better=True)
    first = strategy.ask(1)
    assert len(first) == len(pool.made) == 16
    assert [job.until for job in first] == pytest.approx([1 / 9] * 16)
    assert {(job.since, job.rung) for job in first} == {(0, 1)}
    sizes = [
        len(each)
        for each in play(
            Halving(halving(32, 3, 3, 2), Pool(100), greater_is_better=True),
            lambda job: outcome(1.0),
        )
    ]
    assert sizes == [16, 5, 1, 16, 5, 2]


def test_who_ended_early_keeps_its_place_and_trains_no_more():
    def judge(job):
        best = job.candidate == 4
        return outcome(10.0 if best else job.candidate / 10, "ended" if best else "trained")

    rungs = play(Halving(halving(9, 3, 3), Pool(9), greater_is_better=True), judge)
    assert [set(each) for each in rungs] == [set(range(9)), {8, 7}], "the last place is its own"


def test_an_exhausted_space_is_a_smaller_bracket():
    rungs = play(
        Halving(halving(64, 3, 3, 4), Pool(9), greater_is_better=True), lambda job: outcome(0.0)
    )
    assert [len(each) for each in rungs] == [9, 2, 1]
    assert play(Halving(halving(9, 3, 3), Pool(0), greater_is_better=True), None) == []


def test_shortened_ends_with_the_bracket_under_way():
    strategy = Halving(halving(64, 3, 3, 4), Pool(64), greater_is_better=True)
    jobs = strategy.ask(1)
    strategy.shorten()
    for job in jobs:
        strategy.tell(job, outcome(float(job.candidate)))
    rest = play(strategy, lambda job: outcome(float(job.candidate)))
    assert [len(each) for each in rest] == [5, 1]
    untouched = Halving(halving(9, 3, 3), Pool(9), greater_is_better=True)
    assert not untouched.over
    untouched.shorten()
    assert untouched.over
    assert untouched.ask(9) == []
