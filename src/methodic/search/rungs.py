"""Synchronous successive halving and Hyperband: brackets, rungs, promotion.

A bracket's candidates train a share of the whole training; one in η of them, the best, goes on to η
times that share, and so on. Where candidates go on from their own weights, only the difference is
paid. A rung is judged when all of it is there, so nothing depends on who was faster.

Source: Jamieson and Talwalkar 2016 (arXiv 1502.07943); Hyperband: Li et al. 2018 (arXiv
1603.06560).
"""

from __future__ import annotations

import itertools
import math
from collections import deque
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from methodic.search.jobs import Candidate, Fresh, Job, More, Outcome, never, ranked


@dataclass(frozen=True)
class Bracket:
    """Candidates that compete with each other.

    Args:
        sizes: how many train in each rung.
        shares: of the whole training, at the end of each rung; the last is 1.
    """

    sizes: tuple[int, ...]
    shares: tuple[float, ...]

    @property
    def cost(self) -> float:
        """In whole trainings, where candidates go on from where they are."""
        paid = zip(self.sizes, self.shares, (0.0, *self.shares), strict=False)
        return math.fsum(n * (share - before) for n, share, before in paid)


def shares(reduction: int, rungs: int) -> tuple[float, ...]:
    """Of the whole training at the end of each rung: (1/η², 1/η, 1) for three.

    Example:
        >>> shares(2, 3)
        (0.25, 0.5, 1.0)
    """
    return tuple(1 / reduction**i for i in reversed(range(rungs)))


def halving(settings: int, reduction: int, rungs: int, chunks: int = 1) -> tuple[Bracket, ...]:
    """Successive halving.

    Several brackets, one after the other, let a sampler learn from those before. Together they
    train as many in each rung as one large bracket would, so they cost the same.

    Args:
        settings: of all brackets.
        reduction: η.
        rungs: of each bracket.
        chunks: number of brackets; fewer where they couldn't each send one to the last rung.

    Example:
        >>> [each.sizes for each in halving(64, 3, 3)]
        [(64, 21, 7)]
        >>> [each.sizes for each in halving(64, 3, 3, chunks=4)]
        [(16, 5, 1), (16, 5, 2), (16, 6, 2), (16, 5, 2)]
    """
    chunks = min(chunks, max(settings // reduction ** (rungs - 1), 1))
    ends = [settings * (i + 1) // chunks for i in range(chunks)]
    found = []
    for start, end in itertools.pairwise([0, *ends]):
        sizes = (
            _until(end, settings, reduction**i) - _until(start, settings, reduction**i)
            for i in range(rungs)
        )
        found.append(Bracket(tuple(sizes), shares(reduction, rungs)))
    return tuple(found)


def _until(place: int, settings: int, share: int) -> int:
    """How many of the first ``place`` are one in ``share``; of all, at least one."""
    return max(place // share, 1) if place == settings else place // share


def hyperband(
    settings: int, reduction: int, rungs: int, width: int | None = None
) -> tuple[Bracket, ...]:
    """Hyperband: brackets from ever fewer candidates that are dropped ever later.

    Args:
        settings: of all brackets, divided among them as in the paper.
        reduction: η.
        rungs: of the first bracket; the last has one.
        width: candidates that are asked for together, where the sampler learns: brackets are
            divided into so large ones.

    Example:
        >>> [each.sizes for each in hyperband(17, 3, 3)]
        [(9, 3, 1), (5, 1), (3,)]
    """
    weights = [reduction**s * rungs / (s + 1) for s in reversed(range(rungs))]
    found: list[Bracket] = []
    for n, left in zip(divided(settings, weights), range(rungs, 0, -1), strict=True):
        if n:
            found += halving(n, reduction, left, chunks_of(n, width))
    return tuple(found)


def divided(n: int, weights: Sequence[float]) -> list[int]:
    """``n`` in parts that are as their weights, by largest remainders.

    Example:
        >>> divided(10, [1.0, 1.0, 2.0])
        [3, 2, 5]
    """
    exact = [n * weight / math.fsum(weights) for weight in weights]
    parts = [math.floor(each) for each in exact]
    last = sorted(range(len(parts)), key=lambda i: (parts[i] - exact[i], i))
    for i in last[: n - sum(parts)]:
        parts[i] += 1
    return parts


def chunks_of(n: int, width: int | None) -> int:
    """How many brackets of about ``width`` candidates ``n`` make; None: one."""
    return 1 if width is None else max(1, round(n / width))


class Halving:
    """Brackets one after the other, rung by rung.

    Args:
        brackets: which.
        fresh: where candidates come from.
        greater_is_better: of the scores.
        more: whether there may be others later, where too few come.
    """

    def __init__(
        self,
        brackets: Iterable[Bracket],
        fresh: Fresh,
        *,
        greater_is_better: bool,
        more: More = never,
    ) -> None:
        self._brackets = deque(brackets)
        self._fresh, self._greater, self._more = fresh, greater_is_better, more
        self._bracket: Bracket | None = None
        self._rung = 0
        self._members: dict[int, Candidate] = {}
        self._outcomes: dict[int, Outcome] = {}  # of this rung
        self._waiting: list[Job] = []  # to be handed out

    @property
    def over(self) -> bool:
        """Whether there will be no more jobs."""
        self._begin()
        return self._bracket is None and not self._brackets

    @property
    def alive(self) -> Collection[int]:
        """Candidates that may train on."""
        return () if self._bracket is None else self._members

    def ask(self, free: int) -> list[Job]:  # noqa: ARG002 - a rung belongs together
        """All of a rung as soon as the one before is judged, however many are ``free``."""
        self._begin()
        jobs, self._waiting = self._waiting, []
        return jobs

    def tell(self, job: Job, outcome: Outcome) -> None:
        """The outcome of a job of this rung."""
        self._outcomes[job.candidate] = outcome
        while self._bracket is not None and len(self._outcomes) == len(self._members):
            self._advance(self._bracket)

    def shorten(self) -> None:
        """Nothing but the bracket that is under way."""
        self._brackets.clear()
        if self._rung == 0 and len(self._waiting) == len(self._members):
            self._bracket, self._waiting = None, []

    def _begin(self) -> None:
        """The next bracket, if it is its turn."""
        if self._bracket is not None or not self._brackets:
            return
        bracket = self._brackets.popleft()
        found = self._fresh(bracket.sizes[0])
        if left := bracket.sizes[0] - len(found):
            if self._more():
                self._brackets.appendleft(_smaller(bracket, left))
            else:  # the space is exhausted
                self._brackets.clear()
            bracket = _smaller(bracket, len(found))
        if found:
            self._bracket, self._rung = bracket, 0
            self._enter(bracket, {each.number: each for each in found}, {})

    def _enter(
        self, bracket: Bracket, members: dict[int, Candidate], done: dict[int, Outcome]
    ) -> None:
        """Members of a rung; those who ended before bring the outcome they had."""
        self._members, self._outcomes = members, done
        self._waiting = [
            Job(
                candidate=each.number,
                recipe=each.recipe,
                setting=each.setting,
                since=self._rung,
                rung=self._rung + 1,
                until=bracket.shares[self._rung],
            )
            for each in members.values()
            if each.number not in done
        ]

    def _advance(self, bracket: Bracket) -> None:
        self._rung += 1
        last = self._rung == len(bracket.sizes)
        size = 0 if last else bracket.sizes[self._rung]
        best = ranked(self._outcomes.items(), self._greater)[:size]
        if not best:
            self._bracket = None
            return
        members = {number: self._members[number] for number in sorted(n for n, _ in best)}
        self._enter(bracket, members, {n: o for n, o in best if o.status == "ended"})


def _smaller(bracket: Bracket, n: int) -> Bracket:
    """The same rungs for fewer candidates."""
    sizes = [min(max(size * n // bracket.sizes[0], 1), n) for size in bracket.sizes]
    return Bracket(tuple(sizes), bracket.shares)
