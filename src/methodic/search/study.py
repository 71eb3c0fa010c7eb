"""A search for one method's numbers, or for a method among several: jobs out, outcomes in."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping, Sequence

from methodic.recipes.spaces import concrete, untuned
from methodic.recipes.types import Recipe
from methodic.search import asynchronous
from methodic.search.asynchronous import Asynchronous
from methodic.search.chance import seed_of
from methodic.search.jobs import Candidate, Job, Outcome, Scheduler, ranked
from methodic.search.methods import joined, parted, space, suits
from methodic.search.populations import Population
from methodic.search.rungs import Bracket, Halving, chunks_of, halving, hyperband
from methodic.search.samplers import WIDTH, Sampler
from methodic.search.shared import Shared
from methodic.tuning import SearchPlan, Setting, StudyRecord

_BRACKET = (
    16  # candidates of a bracket of halving, where the sampler learns from bracket to bracket
)


class Study:
    """What a search does next, as a function of what it was told.

    A driver asks for jobs, trains them, tells what came out, and asks again, until it is over. To
    go on with an interrupted search it makes the same study and tells the outcomes it has: the same
    jobs come again, whatever the order of tells. With ASHA alone that order matters: it needs the
    same calls of `ask` and `tell` in the same order.

    Candidates have numbers, in the order of asking: the untuned setting first, of each method.

    Args:
        name: of the study.
        recipes: the method, or those among which the search chooses.
        plan: how to search.
        steps: optimizer steps of a whole training, by recipe.
        greater_is_better: of the scores.
        shared: where other processes search along; then what is tried depends on them, too.
        fits: refuses recipes without ranges that can't be built for the data, by an InputError.

    Raises:
        InputError: the sampler or the strategy doesn't suit the space; see `Sampler`, `suits`.

    Example:
        >>> recipe = Recipe.model_validate({"name": "sgd", "stages": [{"optimizer": {"kind": "sgd",
        ...     "lr": {"log_uniform": [0.001, 0.1]}}}]})
        >>> plan = SearchPlan(sampler="random", settings=9, strategy="halving")
        >>> study = Study("sgd", [recipe], plan, steps={"sgd": 900}, greater_is_better=True)
        >>> while not study.over:
        ...     for job in study.ask(2):
        ...         score = -job.setting["stages.0.turns.0.optimizer.lr"]
        ...         study.tell(job, Outcome(score, None, int(job.until * 900), 0.1))
        >>> [len(each.rungs) for each in study.record().candidates].count(3)
        1
    """

    def __init__(
        self,
        name: str,
        recipes: Sequence[Recipe],
        plan: SearchPlan,
        *,
        steps: Mapping[str, int],
        greater_is_better: bool,
        shared: Shared | None = None,
        fits: Callable[[Recipe], None] | None = None,
    ) -> None:
        suits(name, recipes, plan, shared=shared is not None)
        self._shared, self._fits = shared, fits
        self._open: set[int] = set()  # candidates that others see as running
        self.name, self.plan = name, plan
        self._recipes = {each.name: each for each in recipes}
        self._steps, self._greater = dict(steps), greater_is_better
        self._seed = seed_of(plan.seed, "search", name)
        self._space = space(recipes)
        width = _width(plan, shared is not None)
        first = [joined(each.name, untuned(each), len(recipes)) for each in recipes]
        self._untuned = first if shared is None else [shared.kept(each) for each in first]
        self._sampler = Sampler(
            plan.sampler,
            self._space,
            seed=self._seed,
            greater_is_better=greater_is_better,
            settings=plan.settings,
            first=first,
            width=_generation(plan, width),
            accepts=self._accepts,
        )
        most = self._sampler.most
        self._settings = plan.settings if most is None else min(plan.settings, most)
        self._brackets = _brackets(plan, self._settings, width)
        self._candidates: list[Candidate] = []
        self._asked: dict[int, int] = {}  # candidate → number of its setting
        self._running: dict[tuple[int, int], Job] = {}  # by candidate and rung
        self._scheduler = self._strategy()

    @property
    def over(self) -> bool:
        """Whether there will be no more jobs, and all are told."""
        over = not self._running and self._scheduler.over
        if over:
            self._settle(())
        return over

    @property
    def waiting(self) -> int:
        """Candidates that others train, who may give them back, where there is nothing else to do;
        then `ask` gives no jobs although it isn't over."""
        others = self._others()
        return others if others and not self._running and not self.over else 0

    @property
    def asking(self) -> bool:
        """Whether it may ask for settings that it hasn't asked for yet."""
        if len(self._asked) >= self._settings or self._sampler.exhausted:
            return False
        return not self.over and not self.waiting

    @property
    def cost(self) -> float:
        """Whole trainings that the study will take, about; of the first steps of a job nothing
        is paid twice."""
        if self.plan.strategy == "population":
            return float(self._settings)
        if self.plan.strategy == "asha":
            return asynchronous.cost(self._settings, self.plan.reduction, self.plan.rungs)
        return math.fsum(each.cost for each in self._brackets)

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader has to know about how it searches."""
        return self._sampler.notes

    def ask(self, free: int) -> list[Job]:
        """Jobs that may begin now.

        Args:
            free: how many can be trained now. Only ASHA minds; the others give all of a rung.
        """
        jobs = self._scheduler.ask(free)
        self._running |= {(job.candidate, job.rung): job for job in jobs}
        if self.waiting:
            self._settle(())  # others mustn't wait for these in turn
        return jobs

    def tell(self, job: Job, outcome: Outcome) -> None:
        """What came out of a job.

        Raises:
            ValueError: it wasn't asked for, or is told already.
        """
        if self._running.pop((job.candidate, job.rung), None) != job:
            raise ValueError(f"job {job} isn't under way")
        self._candidates[job.candidate].looks.append((job, outcome))
        if job.candidate in self._asked:
            score = outcome.score if outcome.able else None
            self._sampler.tell(self._asked[job.candidate], score)
        self._scheduler.tell(job, outcome)
        if self._shared is not None:
            self._shared.look(job.candidate, outcome.step, outcome.score if outcome.able else None)
            self._settle(self._scheduler.alive)

    def shorten(self) -> None:
        """Time is running out: no fresh candidates; who is under way competes to the end."""
        self._scheduler.shorten()

    def best(self, recipe: str | None = None) -> int | None:
        """The candidate that did best, of those trained to the end; or else of those who came
        furthest; None if there is no score at all.

        Args:
            recipe: of this method; None: of all.
        """
        able = [
            each
            for each in self._candidates
            if recipe in (None, each.recipe) and each.outcome is not None and each.outcome.able
        ]
        finished = [each for each in able if each.finished]
        furthest = max((each.share for each in able), default=0.0)
        among = finished or [each for each in able if each.share == furthest]
        found = [(each.number, each.outcome) for each in among if each.outcome is not None]
        return next((number for number, _ in ranked(found, self._greater)), None)

    def stretches(self, candidate: int) -> tuple[tuple[float, Setting], ...]:
        """Until which share of a training which setting held, for weights like a candidate's.

        More than one only where it took over another one's weights. The last holds to the end.
        """
        found = self._lineage(candidate, None)
        merged = [
            (share, setting)
            for i, (share, setting) in enumerate(found)
            if i + 1 == len(found) or found[i + 1][1] != setting
        ]
        return (*merged[:-1], (1.0, merged[-1][1]))

    def record(self) -> StudyRecord:
        """What was tried so far; candidates that were looked at."""
        return StudyRecord(
            name=self.name,
            recipes=tuple(self._recipes),
            steps={name: self._steps[name] for name in self._recipes},
            candidates=tuple(each.record() for each in self._candidates if each.looks),
        )

    def _lineage(self, candidate: int, until: int | None) -> list[tuple[float, Setting]]:
        each = self._candidates[candidate]
        found = [
            (job.until, job.setting) for job, _ in each.looks if until is None or job.rung <= until
        ]
        if each.parent is None:
            return found or [(1.0, each.setting)]
        return self._lineage(each.parent, each.looks[0][0].since) + found

    def _accepts(self, setting: Setting) -> None:
        name, own = parted(setting, self._recipes)
        recipe = concrete(self._recipes[name], own)
        if self._fits is not None:
            self._fits(recipe)

    def _fresh(self, n: int) -> list[Candidate]:
        n = min(n, self._settings - len(self._asked))
        first = self._sampler.count
        if n < 1:
            settings = []
        elif self._shared is not None:
            settings = self._shared.claim(self._sampler, n)
        else:
            settings = [(each, first + i) for i, each in enumerate(self._sampler.ask(n))]
        found = []
        for setting, asked in settings:
            recipe, own = parted(setting, self._recipes)
            number = len(self._candidates)
            self._asked[number] = asked
            plain = setting in self._untuned
            found.append(Candidate(number, recipe, own, untuned=plain))
            self._candidates.append(found[-1])
        self._open |= {each.number for each in found}
        return found

    def _settle(self, alive: Collection[int]) -> None:
        """Tell the others who trains no more."""
        if self._shared is None:
            return
        for number in sorted(self._open):
            each = self._candidates[number]
            status = each.status
            going = number in alive or any(number == running for running, _ in self._running)
            if each.outcome is None or (status == "dropped" and going):
                continue
            assert status != "replaced"
            self._shared.end(number, status, each.outcome.score)
            self._open.discard(number)

    def _others(self) -> int:
        return 0 if self._shared is None else self._shared.others

    def _more(self) -> bool:
        return self._others() > 0

    def _copy(self, parent: int, setting: Setting) -> Candidate:
        recipe = self._candidates[parent].recipe
        self._candidates.append(Candidate(len(self._candidates), recipe, setting, parent=parent))
        return self._candidates[-1]

    def _strategy(self) -> Scheduler:
        plan, greater = self.plan, self._greater
        if plan.strategy == "population":
            return Population(
                self._settings,
                plan.rounds,
                self._space,
                seed=self._seed,
                fresh=self._fresh,
                copy=self._copy,
                greater_is_better=greater,
            )
        if plan.strategy == "asha":
            n, reduction, rungs = self._settings, plan.reduction, plan.rungs
            return Asynchronous(
                n, reduction, rungs, self._fresh, greater_is_better=greater, more=self._more
            )
        return Halving(self._brackets, self._fresh, greater_is_better=greater, more=self._more)


def _width(plan: SearchPlan, shared: bool) -> int | None:
    """Candidates that are asked for together; None: all, where a sampler has nothing to learn and
    nobody may have to stop asking."""
    if plan.sampler in ("random", "sobol", "grid") and not shared and not plan.timed:
        return None
    if plan.strategy in ("halving", "hyperband"):
        smallest: int = plan.reduction ** (plan.rungs - 1)  # of which one reaches the last rung
        return max(_BRACKET, smallest)
    return WIDTH


def _generation(plan: SearchPlan, width: int | None) -> int:
    """Settings that are told together: those of a bracket, so that none of a generation is asked
    for while another one of it is still in training."""
    if width is None:
        return WIDTH
    sizes = [each.sizes[0] for each in _brackets(plan, plan.settings, width)]
    return min(sizes, default=WIDTH)


def _brackets(plan: SearchPlan, settings: int, width: int | None) -> tuple[Bracket, ...]:
    if plan.strategy == "full":
        return halving(settings, plan.reduction, 1, chunks_of(settings, width))
    if plan.strategy == "halving":
        chunks = chunks_of(settings, width)
        return halving(settings, plan.reduction, plan.rungs, chunks)
    if plan.strategy == "hyperband":
        return hyperband(settings, plan.reduction, plan.rungs, width)
    return ()
