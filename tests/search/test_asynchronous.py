import itertools
import random

from hypothesis import given
from hypothesis import strategies as st

from methodic.search.asynchronous import Asynchronous, cost
from methodic.search.rungs import halving
from tests.search.test_rungs import Pool, outcome


def drive(strategy, judge, workers, seed):
    """Workers finish in random order; all jobs, as they were given."""
    choose, running, done = random.Random(seed), [], []
    while not strategy.over:
        jobs = strategy.ask(workers - len(running))
        assert len(jobs) <= workers - len(running)
        running += jobs
        done += jobs
        assert running
        job = running.pop(choose.randrange(len(running)))
        strategy.tell(job, judge(job))
    return done


@given(
    n=st.integers(1, 40),
    reduction=st.integers(2, 4),
    workers=st.integers(1, 9),
    table=st.lists(st.none() | st.floats(-10, 10), min_size=40),
    seed=st.integers(0, 1000),
)
def test_promotions(n, reduction, workers, table, seed):
    def judge(job):
        score = table[job.candidate]
        return outcome(score, "trained" if score is not None else "diverged")

    strategy = Asynchronous(n, reduction, 3, Pool(n), greater_is_better=True)
    done = drive(strategy, judge, workers, seed)
    rungs = [[job.candidate for job in done if job.rung == r] for r in (1, 2, 3)]
    assert sorted(rungs[0]) == list(range(n)), "everybody begins once"
    for below, above in itertools.pairwise(rungs):
        assert len(set(above)) == len(above)
        assert set(above) <= set(below)
        assert all(table[number] is not None for number in above)
    able = [number for number in range(n) if table[number] is not None]
    if able:
        best = max(able, key=lambda number: (table[number], -number))
        assert rungs[2], "somebody trains to the end"
        assert best in rungs[2], "in the end, the best of all is there"


def test_who_is_among_the_best_goes_on_before_anybody_new_begins():
    strategy = Asynchronous(9, 3, 3, Pool(9), greater_is_better=True)
    jobs = strategy.ask(3)
    assert [job.candidate for job in jobs] == [0, 1, 2]
    for job in jobs[:2]:
        strategy.tell(job, outcome(float(job.candidate)))
    assert [job.candidate for job in strategy.ask(1)] == [3], "one in three needs three"
    strategy.tell(jobs[2], outcome(0.5))
    (job,) = strategy.ask(1)
    assert (job.candidate, job.since, job.rung) == (1, 1, 2)


def test_who_ended_early_is_not_sent_on():
    done = drive(
        Asynchronous(9, 3, 3, Pool(9), greater_is_better=True),
        lambda job: outcome(float(job.candidate), "ended" if job.candidate == 8 else "trained"),
        1,
        0,
    )
    assert [job.candidate for job in done if job.rung > 1].count(8) == 0


def test_somebody_trains_to_the_end_although_others_diverge_there():
    for bad in ((8,), (6, 7, 8), range(1, 9)):

        def judge(job, bad=bad):
            late = job.candidate in bad and job.rung == 3
            return outcome(None, "diverged") if late else outcome(float(job.candidate))

        strategy = Asynchronous(9, 3, 3, Pool(9), greater_is_better=True)
        last = []
        while jobs := strategy.ask(9):
            for job in jobs:
                strategy.tell(job, judge(job))
            last += [job.candidate for job in jobs if job.rung == 3]
        assert strategy.over
        assert last == sorted({*bad, max({*range(9)} - {*bad})}, reverse=True), "no more than that"


def test_shortened_promotes_only():
    strategy = Asynchronous(30, 3, 3, Pool(30), greater_is_better=True)
    jobs = strategy.ask(9)
    strategy.shorten()
    for job in jobs:
        strategy.tell(job, outcome(float(job.candidate)))
    rest = drive(strategy, lambda job: outcome(float(job.candidate)), 2, 0)
    assert sorted(job.candidate for job in rest if job.rung == 2) == [6, 7, 8]
    assert [job.candidate for job in rest if job.rung == 3] == [8]


def test_an_exhausted_space_ends_it():
    strategy = Asynchronous(30, 3, 3, Pool(4), greater_is_better=True)
    done = drive(strategy, lambda job: outcome(float(job.candidate)), 2, 0)
    assert sum(job.rung == 1 for job in done) == 4


def test_it_costs_somewhat_more_than_halving():
    for n in (27, 64):
        (bracket,) = halving(n, 3, 3)
        assert bracket.cost <= cost(n, 3, 3) <= 1.5 * bracket.cost
