"""A search's candidates by method.

Everything here reads `tuning.SearchRecord`. A candidate's score is that of the last time it was
looked at: one that was dropped counts with the score it had by then. Shares of a training are
shares of its last stage, which alone a search cuts short: stages before it (pretraining) are
trained in full by every candidate, and stand in no share and in no number of whole trainings.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

from methodic.tuning import CandidateRecord, Rung, SearchRecord, StudyRecord


@dataclass(frozen=True)
class Tuning:
    """What a search tried for one method.

    Args:
        name: of the method.
        steps: optimizer steps of a whole training.
        candidates: in the order of asking.
        untuned: the candidate with the middle of all ranges, which the recipe's own numbers are
            (but for a weight decay of 0), where it was tried: of several processes that search
            along with each other, one tries it.
        greater_is_better: the direction of the scores.
    """

    name: str
    steps: int
    candidates: tuple[CandidateRecord, ...]
    untuned: CandidateRecord | None
    greater_is_better: bool

    @cached_property
    def best(self) -> CandidateRecord | None:
        """The best of those that trained furthest; the first of equals, None without a score.

        A dropped candidate's early score doesn't compete with one after a whole training.
        """
        known = [each for each in self.candidates if sound(each)]
        whole = [each for each in known if each.status == "finished"]
        if not whole:
            furthest = max((each.rungs[-1].until for each in known), default=0.0)
            whole = [each for each in known if each.rungs[-1].until == furthest]
        sign = 1.0 if self.greater_is_better else -1.0

        def place(each: CandidateRecord) -> tuple[float, float]:
            loss = each.rungs[-1].loss
            return sign * (last(each) or 0.0), -math.inf if loss is None else -loss

        return max(whole, key=place, default=None)

    @cached_property
    def trainings(self) -> float:
        """How many whole trainings all candidates took together."""
        return math.fsum(self._share(each) for each in self.candidates)

    @cached_property
    def seconds(self) -> float:
        """Shares of their cohorts' time, altogether."""
        return math.fsum(each.seconds for each in self.candidates)

    def count(self, *statuses: str) -> int:
        """How many candidates ended so."""
        return sum(each.status in statuses for each in self.candidates)

    def start(self, each: CandidateRecord) -> float:
        """The share of a training at which it began: 0, or where it took over another's weights."""
        known = {one.number: one for one in self.candidates}
        if each.parent not in known or not each.rungs:
            return 0.0
        first = self.shares(each)[0]
        return max((share for share in self.shares(known[each.parent]) if share < first), default=0)

    def _share(self, each: CandidateRecord) -> float:
        if not each.rungs:
            return 0.0
        return each.rungs[-1].until - self.start(each)

    def shares(self, each: CandidateRecord) -> list[float]:
        """After which shares of a whole training it was looked at, to the hundredth."""
        return [round(rung.until, 2) for rung in each.rungs]

    def curve(self, each: CandidateRecord) -> list[tuple[float, float]]:
        """(share of a whole training, score) wherever it was looked at and had a finite score."""
        looks = zip(self.shares(each), each.rungs, strict=True)
        return [(share, score) for share, rung in looks if (score := _finite(rung)) is not None]

    def reached(self, each: CandidateRecord, share: float) -> float | None:
        """The score after this share, or at its own earlier end; None where it never got there."""
        if each.status == "diverged":
            return None
        looks = list(zip(self.shares(each), each.rungs, strict=True))
        before = [rung for at, rung in looks if at <= share]
        if not before or (looks[-1][0] < share and each.status != "finished"):
            return None
        return _finite(before[-1])

    @cached_property
    def common(self) -> float:
        """The last share of a training after which most candidates were looked at.

        Scores after different amounts of training can't be compared; this is where the most can
        be, and among equally many, the latest.
        """
        seen = {share for each in self.candidates for share in self.shares(each)}
        counts = {
            share: sum(self.reached(each, share) is not None for each in self.candidates)
            for share in seen
        }
        return max(seen, key=lambda share: (counts[share], share), default=0.0)


def tunings(record: SearchRecord) -> tuple[Tuning, ...]:
    """The candidates of each method, methods in the order of the studies."""
    return tuple(
        _tuning(study, name, record.greater_is_better)
        for study in record.studies
        for name in study.recipes
    )


def _tuning(study: StudyRecord, name: str, greater_is_better: bool) -> Tuning:
    mine = [each for each in study.candidates if each.recipe == name]
    mine.sort(key=lambda each: each.number)
    return Tuning(
        name=name,
        steps=study.steps[name],
        candidates=tuple(mine),
        untuned=next((each for each in mine if each.untuned), None),
        greater_is_better=greater_is_better,
    )


# --- scores -----------------------------------------------------------------------------------


def last(each: CandidateRecord) -> float | None:
    """The score when it was last looked at; None where it diverged or had none."""
    if each.status == "diverged" or not each.rungs:
        return None
    return _finite(each.rungs[-1])


def sound(each: CandidateRecord) -> bool:
    """Whether it has a score."""
    return last(each) is not None


def _finite(rung: Rung) -> float | None:
    return rung.score if rung.score is not None and math.isfinite(rung.score) else None
