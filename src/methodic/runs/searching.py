"""A search at work: jobs that studies ask for become units of work, whose results they are told.

Studies (`search.study`) say which settings are trained how far, and never see a network. A study's
next jobs depend on what it was told and on nothing else, so a run that was stopped goes on by
telling the same again: units that have their record aren't done a second time.

Jobs of one shape train together. Where somebody goes on from an earlier rung, the unit finds the
member's weights, moments and curve in the files of the unit that trained it until then; so a member
may go on in any company and any worker, with the same bits.
"""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

from methodic.errors import InputError
from methodic.evidence import design
from methodic.files import read_json, write_text
from methodic.plan import Contender, Member, Origin, Status, Unit, UnitRecord
from methodic.recipes import numbers, spaces
from methodic.recipes.types import Recipe
from methodic.runs.cohorts import with_setting
from methodic.runs.crew import Crew
from methodic.runs.machine.speed import batches
from methodic.runs.order import ASKED, CUT, TOLD, Order
from methodic.runs.paths import WORK, record_path
from methodic.runs.plans.hunting import studies
from methodic.runs.plans.units import EVALUATIONS, evaluations, halt
from methodic.runs.sharing import Sharing
from methodic.search.jobs import Job, Outcome
from methodic.search.study import Study
from methodic.tuning import NAME, Found, SearchPlan, SearchRecord, Segment

_Shape = tuple[tuple[int, ...], str, str, float, float]
"""Steps, recipe, structure, where it halts, where it starts."""

WIDTH = 8  # members of an asynchronous search that each idle worker begins with
_PAUSE = 0.5  # seconds until other processes' candidates are asked for again


@dataclass
class _Under:
    """A study at work."""

    number: int
    study: Study
    places: dict[int, int] = field(default_factory=dict)  # candidate → place among its recipe's
    asked: Counter[str] = field(default_factory=Counter)  # candidates by recipe
    stands: dict[int, Origin] = field(default_factory=dict)  # candidate → where its weights are
    jobs: dict[str, tuple[Job, ...]] = field(default_factory=dict)  # unit → by member

    def place(self, job: Job) -> int:
        """A candidate's place among the settings of its recipe, in the order of asking."""
        if job.candidate not in self.places:
            self.places[job.candidate] = self.asked[job.recipe]
            self.asked[job.recipe] += 1
        return self.places[job.candidate]


class Searching:
    """The search phase of one execution of a plan.

    Args:
        crew: the workers.
        counts: training rows with a target, and all training rows.
        study: URL of the storage that other processes share, if it isn't the plan's to the letter.
        fits: refuses recipes that can't be built for the data; None: all can.
        price: what a row of training costs; None: all settings cost the same.
    """

    def __init__(
        self,
        crew: Crew,
        counts: tuple[int, int],
        study: str | None = None,
        fits: Callable[[Recipe], None] | None = None,
        price: Callable[[Recipe], float] | None = None,
    ) -> None:
        assert crew.plan.search is not None
        self.crew = crew
        self.counts = counts
        self._price = price
        self.plan: SearchPlan = crew.plan.search
        self._contenders = {each.recipe.name: each for each in crew.plan.contenders}
        matters = self.plan.strategy == "asha"
        self._order = Order(crew.folder / WORK / "order.json" if matters else None)
        # One seed for all: candidates begin alike, so that they differ in their settings only.
        (self._seed,) = design.seeds(self.plan.seed, "screen", 1)
        greater = crew.metric.greater_is_better
        self._resting = False  # and the user knows
        self._sharing = None
        if self.plan.shared is not None:
            self._sharing = Sharing(crew.folder, crew.plan, study, greater_is_better=greater)
        self._under = [
            _Under(number, study)
            for number, study in enumerate(
                studies(
                    self.plan,
                    [each.recipe for each in crew.plan.contenders],
                    {each.recipe.name: sum(each.steps) for each in crew.plan.contenders},
                    greater,
                    None if self._sharing is None else self._sharing.study,
                    fits,
                )
            )
        ]

    def run(self) -> tuple[SearchRecord, tuple[Found, ...]]:
        """Search to the end, or go on with a search; returns what was tried and what was found."""
        try:
            waiting = self._again()
            while True:
                waiting |= self._begin(len(waiting))
                if not waiting:
                    if self._sharing is None or all(under.study.over for under in self._under):
                        break
                    self._rest()
                    continue
                records, waiting = self.crew.soon(waiting)
                for record in records:
                    self._hear(record)
            over = [under.study.over for under in self._under]  # closes shared candidates, too
            assert all(over)
            if self._sharing is not None and not any(under.places for under in self._under):
                raise InputError(
                    "--study: other runs have tried all settings of the search, or have them now",
                    found=f"{self.plan.settings} settings, none of them left for this run",
                    advice=f"Ask for more of them (--settings {2 * self.plan.settings}), name "
                    "another study, or look at what the other runs found.",
                )
            self._clear()
        finally:
            if self._sharing is not None:
                self._sharing.close()
            write_text(self.crew.folder / NAME, self.record().model_dump_json(indent=1))
        return self.record(), self._found()

    def _rest(self) -> None:
        """Others train what is left of a shared search; what they leave behind is for this run."""
        others = sum(under.study.waiting for under in self._under)
        if others and not self._resting:
            self._resting = True
            self.crew.progress.say(
                f"search: {others} settings are with other processes; waiting for these to end"
            )
        left = self.crew.left
        if left is not None and left <= self.crew.pace.confirmation():
            self._end()  # they are none of this run's, so nothing is cut short
        else:
            time.sleep(_PAUSE)

    def _clear(self) -> None:
        """Remove records of units that nobody asked for this time; see `_done`."""
        asked = {record_path(self.crew.folder, name) for each in self._under for name in each.jobs}
        if asked:
            for path in next(iter(asked)).parent.glob("screen-*.json"):
                if path not in asked:
                    path.unlink()

    def record(self) -> SearchRecord:
        """What was tried by now."""
        metric = self.crew.metric
        return SearchRecord(
            plan=self.plan,
            metric=metric.name,
            greater_is_better=metric.greater_is_better,
            studies=tuple(each.study.record() for each in self._under),
        )

    def _begin(self, under_way: int) -> set[Future[str]]:
        """Ask all studies for jobs until none has any; what was done before is told at once."""
        begun: set[Future[str]] = set()
        asking = True
        while asking:
            asking = False
            for under in self._under:
                self._shorten()
                idle = max(self.crew.pool.workers, 1) - under_way - len(begun)
                free = max(idle, 0) * WIDTH
                jobs = under.study.ask(free)
                units = self._units(under, jobs)
                if units:
                    # So many, and not more that came free later where others search along.
                    self._order.note(ASKED, str(under.number), len(jobs))
                self.crew.pace.announce(units)
                given = self._given(units)
                asking = asking or len(given) < len(units)
                begun |= given
        return begun

    def _again(self) -> set[Future[str]]:
        """Ask and tell what an earlier execution asked and told, where the order matters."""
        waiting: dict[str, Unit] = {}
        for number, (kind, what, free) in enumerate(list(self._order.events)):
            if kind == CUT:
                self._end()
            elif kind == ASKED:
                under = self._under[int(what)]
                waiting |= {unit.id: unit for unit in self._units(under, under.study.ask(free))}
            elif (unit := waiting.get(what)) is not None and self._done(unit):
                del waiting[what]
                self._tell(self.crew.record(what))
            else:  # somebody deleted it, so that it is done again; what came after it, too
                self._order.events = self._order.events[:number]
                break
        return self._given(waiting.values())

    def _given(self, units: Iterable[Unit]) -> set[Future[str]]:
        """Give units to the workers; those that are done are told at once."""
        begun = set()
        for unit in units:
            if self._done(unit):
                self._hear(self.crew.record(unit.id))
            else:
                begun.add(self.crew.begin(unit))
        return begun

    def _done(self, unit: Unit) -> bool:
        """Whether there is a record of just this unit.

        Its id names its first candidate only. Where something came in another order than before,
        since a record was deleted or other processes had more time, others may be in its company.
        """
        path = record_path(self.crew.folder, unit.id)
        if not path.exists():
            return False
        return UnitRecord.model_validate(read_json(path, "record")).unit == unit

    def _hear(self, record: UnitRecord) -> None:
        """Tell a study what came out of a unit."""
        self._order.note(TOLD, record.unit.id)
        self._tell(record)

    def _shorten(self) -> None:
        """Ask for nothing new where the confirmation needs the time that is left.

        All studies end together, whatever they were about to ask; what was decided is written
        down, and holds when the run goes on later.
        """
        amended = next((a for a in self.crew.state.amendments if a.phase == "search"), None)
        if amended is not None:
            for under, most in zip(self._under, amended.blocks, strict=True):
                if len(under.places) >= most:
                    under.study.shorten()
            return
        left = self.crew.left
        asked = [len(under.places) for under in self._under]
        if left is None or not all(asked) or left > self.crew.pace.confirmation():
            return
        if not any(under.study.asking for under in self._under):
            return
        self.crew.cut(tuple(asked))
        self._order.note(CUT, "")
        self._end()

    def _end(self) -> None:
        for under in self._under:
            under.study.shorten()

    def _units(self, under: _Under, jobs: Sequence[Job]) -> list[Unit]:
        """Jobs as units of work: those of one shape together, in parts for all workers."""
        groups: dict[_Shape, list[Job]] = {}
        for job in sorted(jobs, key=lambda each: each.candidate):
            under.place(job)
            contender = self._contenders[job.recipe]
            recipe = with_setting(contender.recipe, job.setting)
            count = steps_of(contender, recipe, self.counts)
            shape = count, job.recipe, numbers.split(recipe)[0], job.until, job.since
            groups.setdefault(shape, []).append(job)
        # As they stand before this rung: in a population, one may take over from another.
        stands = dict(under.stands)
        parts = max(1, math.ceil(self.plan.parts / max(len(groups), 1)))
        units = []
        for (steps, *_), members in groups.items():
            size = math.ceil(len(members) / parts)
            for first in range(0, len(members), size):
                some = members[first : first + size]
                units.append(self._unit(under, stands, some, steps))
        return units

    def _unit(
        self,
        under: _Under,
        stands: Mapping[int, Origin],
        jobs: Sequence[Job],
        steps: tuple[int, ...],
    ) -> Unit:
        total, first = sum(steps), jobs[0]
        until = halt(first.until, steps)
        name = f"screen-{under.number:02d}-{first.rung:02d}-{first.candidate:05d}"
        origins = []
        for place, job in enumerate(jobs):
            under.stands[job.candidate] = Origin(unit=name, place=place)
            if job.since:
                origins.append(stands[job.candidate if job.parent is None else job.parent])
        under.jobs[name] = tuple(jobs)
        confirm = self.crew.plan.confirm
        looks = evaluations(total, EVALUATIONS if confirm is None else confirm.evaluations)
        return Unit(
            id=name,
            phase="screen",
            block=0,
            members=tuple(
                Member(recipe=job.recipe, setting=under.place(job), seed=self._seed) for job in jobs
            ),
            steps=steps,
            evaluate=tuple(sorted({*looks, until})),
            origins=tuple(origins),
            segments=(Segment(until=until, settings=tuple(job.setting for job in jobs)),),
        )

    def _tell(self, record: UnitRecord) -> None:
        under = next(each for each in self._under if record.unit.id in each.jobs)
        jobs = under.jobs[record.unit.id]
        for job, member, curve in zip(jobs, record.members, record.curves, strict=True):
            outcome = Outcome(
                score=member.validation.get(self.crew.metric.name),
                loss=member.validation.get("loss"),
                step=record.unit.until,
                seconds=member.seconds,
                status=_STATUS[member.status],
                now=(curve[-1].score, curve[-1].validation_loss) if curve else None,
            )
            under.study.tell(job, outcome)

    def _found(self) -> tuple[Found, ...]:
        """Each method at the setting that did best, among those that trained to the end."""
        found = []
        for under in self._under:
            for name in under.study.record().recipes:
                best = under.study.best(name)
                if best is not None:
                    found.append(self._found_for(under, name, best))
        return tuple(found)

    def _found_for(self, under: _Under, name: str, candidate: int) -> Found:
        contender = self._contenders[name]
        course = under.study.stretches(candidate)
        recipe = with_setting(contender.recipe, course[-1][1])
        confirmed = contender.model_copy(update={"steps": contender.confirm_steps})
        return Found(
            recipe=name,
            setting=under.places[candidate],
            segments=course,
            batch=batches(recipe, *self.counts),
            steps=self._affordable(contender, confirmed, recipe),
        )

    def _affordable(
        self, contender: Contender, confirmed: Contender, recipe: Recipe
    ) -> tuple[int, ...]:
        """Steps of a confirmation that was planned for the untuned setting; where this one is
        dearer, fewer of them, but no fewer than in the search."""
        most = steps_of(confirmed, recipe, self.counts)
        if self._price is None or not self.plan.timed:
            return most
        untuned = with_setting(contender.recipe, spaces.untuned(contender.recipe))
        dearer = max(self._price(recipe) / self._price(untuned), 1.0)
        least = steps_of(contender, recipe, self.counts)
        return tuple(max(a, round(b / dearer)) for a, b in zip(least, most, strict=True))


_STATUS: Mapping[Status, Literal["trained", "ended", "diverged"]] = MappingProxyType(
    {"finished": "trained", "stopped": "ended", "diverged": "diverged"}
)


def steps_of(contender: Contender, recipe: Recipe, counts: tuple[int, int]) -> tuple[int, ...]:
    """Optimizer steps by stage with which a recipe sees as many rows as its contender is given.

    Args:
        contender: has steps for its own batch.
        recipe: the contender's with a setting put in, which may hold another batch.
        counts: training rows with a target, and all training rows.
    """
    own = batches(recipe, *counts)
    return tuple(
        max(1, round(steps * rows / mine))
        for steps, rows, mine in zip(contender.steps, contender.batch, own, strict=True)
    )
