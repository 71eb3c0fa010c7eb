"""What a search hands out and gets back: jobs, outcomes, and the candidates behind them."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field, replace
from typing import Literal, Protocol

from methodic.tuning import CandidateRecord, Rung, Setting

Status = Literal["finished", "dropped", "diverged", "replaced"]


@dataclass(frozen=True)
class Job:
    """A stretch of one candidate's training.

    Args:
        candidate: its number in the study.
        recipe: the method's name.
        setting: with which it trains here.
        since: the rung it goes on from; 0: it begins at the first step.
        rung: the rung at whose end it is looked at.
        until: share of the whole training at which that is.
        parent: the candidate whose weights it goes on from, as they were at rung ``since``; None:
            its own.
    """

    candidate: int
    recipe: str
    setting: Setting
    since: int
    rung: int
    until: float
    parent: int | None = None


@dataclass(frozen=True)
class Outcome:
    """What came out of a job.

    Args:
        score: of its best weights until then, on validation rows; None: not finite.
        loss: of the same weights.
        step: optimizer steps of the whole run by then.
        seconds: its share of its cohorts' wall time, in this job.
        status: trained as far as asked; ended, since a stop criterion of its recipe held; diverged.
        now: score and loss of its weights at ``step``, where these aren't its best ones.
    """

    score: float | None
    loss: float | None
    step: int
    seconds: float
    status: Literal["trained", "ended", "diverged"] = "trained"
    now: tuple[float | None, float | None] | None = None

    @property
    def able(self) -> bool:
        """Whether there is a score to be ranked by."""
        return self.status != "diverged" and self.score is not None and math.isfinite(self.score)

    @property
    def current(self) -> Outcome:
        """The same by the weights at its step: those that another candidate would take over."""
        if self.now is None:
            return self
        score, loss = self.now
        return replace(self, score=score, loss=loss)


@dataclass
class Candidate:
    """A setting of a method, and how far it came."""

    number: int
    recipe: str
    setting: Setting
    parent: int | None = None
    looks: list[tuple[Job, Outcome]] = field(default_factory=list)
    replaced: bool = False
    untuned: bool = False

    @property
    def outcome(self) -> Outcome | None:
        """The latest."""
        return self.looks[-1][1] if self.looks else None

    @property
    def share(self) -> float:
        """Of the whole training, until the latest look."""
        return self.looks[-1][0].until if self.looks else 0.0

    @property
    def finished(self) -> bool:
        """Whether it trained as long as it ever will, with a score."""
        last = self.outcome
        return last is not None and last.able and (self.share == 1 or last.status == "ended")

    @property
    def status(self) -> Status:
        """For the record; what is under way yet counts as dropped."""
        if self.outcome is not None and not self.outcome.able:
            return "diverged"
        if self.replaced:
            return "replaced"
        return "finished" if self.finished else "dropped"

    def record(self) -> CandidateRecord:
        """What a report reads."""
        return CandidateRecord(
            recipe=self.recipe,
            number=self.number,
            setting=self.setting,
            rungs=tuple(
                Rung(
                    step=outcome.step,
                    until=job.until,
                    score=outcome.score,
                    loss=outcome.loss,
                    setting=job.setting,
                )
                for job, outcome in self.looks
            ),
            status=self.status,
            seconds=math.fsum(outcome.seconds for _, outcome in self.looks),
            parent=self.parent,
            untuned=self.untuned,
        )


Place = tuple[float, float, int]
"""Sorts candidates: by score, then loss, then number; the best first."""


def place(number: int, outcome: Outcome, greater_is_better: bool) -> Place:
    """Where a candidate with a score stands among others after equally long trainings."""
    assert outcome.score is not None
    loss = math.inf if outcome.loss is None or math.isnan(outcome.loss) else outcome.loss
    return (-outcome.score if greater_is_better else outcome.score), loss, number


def ranked(
    found: Iterable[tuple[int, Outcome]], greater_is_better: bool
) -> list[tuple[int, Outcome]]:
    """Candidates that have a score, best first.

    Args:
        found: number and outcome of each.
        greater_is_better: of the scores.
    """
    able = [each for each in found if each[1].able]
    return sorted(able, key=lambda each: place(each[0], each[1], greater_is_better))


class Fresh(Protocol):
    """Asks the sampler."""

    def __call__(self, n: int) -> list[Candidate]:
        """At most ``n`` candidates that nobody has seen yet; fewer where there are no more now."""
        ...


More = Callable[[], bool]
"""After too few fresh candidates: whether others may give some back later."""


def never() -> bool:
    """Nobody gives any back: there are no others."""
    return False


class Scheduler(Protocol):
    """A strategy: who trains, and how far."""

    @property
    def over(self) -> bool:
        """Whether there will be no more jobs."""
        ...

    @property
    def alive(self) -> Collection[int]:
        """Candidates that may train on."""
        ...

    def ask(self, free: int) -> list[Job]:
        """Jobs that may begin now."""
        ...

    def tell(self, job: Job, outcome: Outcome) -> None:
        """The outcome of a job that was asked for."""
        ...

    def shorten(self) -> None:
        """Take no fresh candidates any more."""
        ...
