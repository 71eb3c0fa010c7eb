"""Asynchronous successive halving: who is among the best so far goes on at once.

Source: Li et al. 2020, "A System for Massively Parallel Hyperparameter Tuning" (arXiv 1810.05934).
"""

from __future__ import annotations

import bisect
from collections.abc import Collection

from methodic.search.chance import uniform
from methodic.search.jobs import Candidate, Fresh, Job, More, Outcome, Place, never, place
from methodic.search.rungs import shares


class Asynchronous:
    """ASHA: a worker that is free takes whoever may go on, from the highest rung down; else a fresh
    candidate.

    Who goes on depends on who came first, so a run isn't a function of its seed, and going on with
    an interrupted one needs the outcomes in the order in which they came.

    Args:
        settings: fresh candidates in all.
        reduction: η: the best 1/η of those looked at in a rung go on.
        rungs: at most so many.
        fresh: where candidates come from.
        greater_is_better: of the scores.
        more: whether there may be other candidates later, where none comes.
    """

    def __init__(
        self,
        settings: int,
        reduction: int,
        rungs: int,
        fresh: Fresh,
        *,
        greater_is_better: bool,
        more: More = never,
    ) -> None:
        self._left, self._reduction, self._more = settings, reduction, more
        self._shares = shares(reduction, rungs)
        self._fresh, self._greater = fresh, greater_is_better
        self._members: dict[int, Candidate] = {}
        self._looked = [0] * rungs
        self._best: list[list[Place]] = [[] for _ in self._shares]  # of each rung, in order
        self._done: list[set[int]] = [set() for _ in self._shares]  # gone on, or ended
        self._ended: set[int] = set()  # trained as long as they ever will
        self._ready: list[Job] = []
        self._running = 0
        self._waiting = False  # for candidates that others may give back

    @property
    def over(self) -> bool:
        """Whether there will be no more jobs."""
        if self._running or self._ready:
            return False
        job = self._next()
        if job is not None:
            self._ready.append(job)
        return job is None and not self._waiting

    @property
    def alive(self) -> Collection[int]:
        """Candidates that may train on: standings change, so all of them."""
        return self._members

    def ask(self, free: int) -> list[Job]:
        """At most ``free`` jobs."""
        jobs: list[Job] = []
        while len(jobs) < free:
            job = self._ready.pop() if self._ready else self._next()
            if job is None:
                break
            self._running += 1
            jobs.append(job)
        return jobs

    def tell(self, job: Job, outcome: Outcome) -> None:
        """The outcome of a job, in the order in which they come."""
        self._running -= 1
        rung = job.rung - 1
        self._looked[rung] += 1
        if outcome.able:
            bisect.insort(self._best[rung], place(job.candidate, outcome, self._greater))
        if outcome.status == "ended":
            self._done[rung].add(job.candidate)
            self._ended.add(job.candidate)

    def shorten(self) -> None:
        """Nothing but promotions."""
        self._left, self._waiting = 0, False
        self._ready = [job for job in self._ready if job.since]

    def _next(self) -> Job | None:
        return self._promotion() or self._beginning() or self._last()

    def _promotion(self) -> Job | None:
        """Of the highest rung where somebody among the best 1/η hasn't gone on yet."""
        for rung in reversed(range(len(self._shares) - 1)):
            for _, _, number in self._best[rung][: self._looked[rung] // self._reduction]:
                if number not in self._done[rung]:
                    return self._promote(number, rung)
        return None

    def _promote(self, number: int, rung: int) -> Job:
        self._done[rung].add(number)
        return self._job(self._members[number], rung + 1)

    def _beginning(self) -> Job | None:
        if not self._left:
            return None
        found = self._fresh(1)
        self._waiting = not found and self._more()
        if not found:
            if not self._waiting:  # the space is exhausted
                self._left = 0
            return None
        self._left -= 1
        self._members[found[0].number] = found[0]
        return self._job(found[0], 0)

    def _last(self) -> Job | None:
        """At least one trains to the end, however few there were, and whoever diverged late."""
        if self._running or self._waiting:
            return None
        if self._best[-1]:
            return None
        for rung in reversed(range(len(self._shares) - 1)):
            for _, _, number in self._best[rung]:
                if number in self._ended:
                    return None
                if number not in self._done[rung]:  # else it diverged further up
                    return self._promote(number, rung)
        return None

    def _job(self, candidate: Candidate, rung: int) -> Job:
        return Job(
            candidate=candidate.number,
            recipe=candidate.recipe,
            setting=candidate.setting,
            since=rung,
            rung=rung + 1,
            until=self._shares[rung],
        )


def cost(settings: int, reduction: int, rungs: int) -> float:
    """Whole trainings that ASHA takes, about: where scores come in random order, one at a time.

    Some go on that are among the best for a while only, so it is more than halving takes.

    Args:
        settings, reduction, rungs: of `Asynchronous`.
    """
    numbers = iter(range(settings))

    def fresh(n: int) -> list[Candidate]:
        return [Candidate(number, "", {}) for _, number in zip(range(n), numbers, strict=False)]

    strategy = Asynchronous(settings, reduction, rungs, fresh, greater_is_better=True)
    spent = 0.0
    while jobs := strategy.ask(1):
        for job in jobs:
            before = strategy._shares[job.since - 1] if job.since else 0.0
            spent += job.until - before
            score = uniform(0, "score", job.candidate)
            strategy.tell(job, Outcome(score=score, loss=None, step=0, seconds=0.0))
    return spent
