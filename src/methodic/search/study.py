"""A search for one method's numbers, or for a method among several: jobs out, outcomes in."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from methodic.errors import InputError
from methodic.recipes.ranges import Options
from methodic.recipes.spaces import Dimension, concrete, dimensions, untuned
from methodic.recipes.types import Recipe
from methodic.search import asynchronous
from methodic.search.asynchronous import Asynchronous
from methodic.search.chance import seed_of
from methodic.search.jobs import Candidate, Job, Outcome, Scheduler, ranked
from methodic.search.populations import Population, check
from methodic.search.rungs import Bracket, Halving, chunks_of, halving, hyperband
from methodic.search.samplers import WIDTH, Sampler
from methodic.tuning import SearchPlan, Setting, StudyRecord

METHOD = "method"
"""The dimension that says which of several methods."""

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

    Raises:
        InputError: the sampler or the strategy doesn't suit the space; see `Sampler`, `check`.

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
    ) -> None:
        _check(name, recipes, plan)
        self.name, self.plan = name, plan
        self._recipes = {each.name: each for each in recipes}
        self._steps, self._greater = dict(steps), greater_is_better
        self._seed = seed_of(plan.seed, "search", name)
        self._space = space(recipes)
        width = _width(plan)
        self._sampler = Sampler(
            plan.sampler,
            self._space,
            seed=self._seed,
            greater_is_better=greater_is_better,
            settings=plan.settings,
            first=[_joined(each, untuned(each), recipes) for each in recipes],
            width=width or WIDTH,
            accepts=self._accepts if any(each.open for each in recipes) else None,
        )
        most = self._sampler.most
        self._settings = plan.settings if most is None else min(plan.settings, most)
        self._brackets = _brackets(plan, self._settings, width)
        self._candidates: list[Candidate] = []
        self._asked: dict[int, int] = {}  # candidate → number of its setting
        self._running: list[Job] = []
        self._scheduler = self._strategy()

    @property
    def over(self) -> bool:
        """Whether there will be no more jobs, and all are told."""
        return not self._running and self._scheduler.over

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
        self._running += jobs
        return jobs

    def tell(self, job: Job, outcome: Outcome) -> None:
        """What came out of a job.

        Raises:
            ValueError: it wasn't asked for, or is told already.
        """
        if job not in self._running:
            raise ValueError(f"job {job} isn't under way")
        self._running.remove(job)
        self._candidates[job.candidate].looks.append((job, outcome))
        if job.candidate in self._asked:
            score = outcome.score if outcome.able else None
            self._sampler.tell(self._asked[job.candidate], score)
        self._scheduler.tell(job, outcome)

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
        name, own = self._own(setting)
        concrete(self._recipes[name], own)

    def _own(self, setting: Setting) -> tuple[str, Setting]:
        """Which method, and its own setting."""
        if len(self._recipes) == 1:
            return next(iter(self._recipes)), setting
        name = str(setting[METHOD])
        return name, {path.partition("/")[2]: v for path, v in setting.items() if path != METHOD}

    def _fresh(self, n: int) -> list[Candidate]:
        n = min(n, self._settings - len(self._asked))
        found = []
        for setting in self._sampler.ask(n) if n > 0 else ():
            recipe, own = self._own(setting)
            number = len(self._candidates)
            self._asked[number] = len(self._asked)
            found.append(Candidate(number, recipe, own))
            self._candidates.append(found[-1])
        return found

    def _copy(self, parent: int, setting: Setting) -> Candidate:
        recipe = self._candidates[parent].recipe
        self._candidates.append(Candidate(len(self._candidates), recipe, setting, parent=parent))
        return self._candidates[-1]

    def _strategy(self) -> Scheduler:
        plan, greater = self.plan, self._greater
        if plan.strategy == "population":
            return Population(
                self._settings,
                plan.rungs,
                self._space,
                seed=self._seed,
                fresh=self._fresh,
                copy=self._copy,
                greater_is_better=greater,
            )
        if plan.strategy == "asha":
            n, reduction, rungs = self._settings, plan.reduction, plan.rungs
            return Asynchronous(n, reduction, rungs, self._fresh, greater_is_better=greater)
        return Halving(self._brackets, self._fresh, greater_is_better=greater)


def space(recipes: Sequence[Recipe]) -> tuple[Dimension, ...]:
    """The dimensions of one method's space; or of several together, where the method comes first.

    Paths have the method's name before them then: "adamw_cosine/stages.0.batch".
    """
    if len(recipes) == 1:
        return dimensions(recipes[0])
    found = [Dimension(METHOD, Options(choice=tuple(each.name for each in recipes)))]
    for recipe in recipes:
        mine = (METHOD, recipe.name)
        for each in dimensions(recipe):
            given = tuple((f"{recipe.name}/{path}", value) for path, value in each.given)
            path = f"{recipe.name}/{each.path}"
            found.append(Dimension(path, each.range, (mine, *given)))
    return tuple(found)


def _joined(recipe: Recipe, setting: Setting, recipes: Sequence[Recipe]) -> Setting:
    if len(recipes) == 1:
        return setting
    return {METHOD: recipe.name, **{f"{recipe.name}/{path}": v for path, v in setting.items()}}


def _check(name: str, recipes: Sequence[Recipe], plan: SearchPlan) -> None:
    if plan.settings < 1:
        raise InputError(
            "a search needs settings", found=plan.settings, accepted="at least 1, such as 64"
        )
    if plan.reduction < 2 or plan.rungs < 1:
        raise InputError(
            "a search drops candidates from rung to rung",
            found=f"one in {plan.reduction} goes on, {plan.rungs} rungs",
            accepted="one in 2 or more, and at least 1 rung",
        )
    if plan.strategy != "population":
        return
    if len(recipes) > 1:
        raise InputError(
            "population-based training can't choose among methods: one has no use for another's "
            "weights",
            found=", ".join(each.name for each in recipes),
            advice="Leave 'method' out of the search, so that each has a population of its own; or "
            "take --strategy halving.",
        )
    check(dimensions(recipes[0]), tuple(recipes[0].open), f"recipe {name}")


def _width(plan: SearchPlan) -> int | None:
    """Candidates that are asked for together; None where a sampler has nothing to learn."""
    if plan.sampler in ("random", "sobol", "grid"):
        return None
    if plan.strategy in ("halving", "hyperband"):
        smallest: int = plan.reduction ** (plan.rungs - 1)  # of which one reaches the last rung
        return max(_BRACKET, smallest)
    return WIDTH


def _brackets(plan: SearchPlan, settings: int, width: int | None) -> tuple[Bracket, ...]:
    if plan.strategy == "full":
        return halving(settings, plan.reduction, 1, chunks_of(settings, width))
    if plan.strategy == "halving":
        chunks = chunks_of(settings, width)
        return halving(settings, plan.reduction, plan.rungs, chunks)
    if plan.strategy == "hyperband":
        return hyperband(settings, plan.reduction, plan.rungs, width)
    return ()
