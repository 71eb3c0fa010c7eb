"""What a user wants of a search, checked, and made the plan of one."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from methodic.errors import InputError
from methodic.recipes import spaces
from methodic.recipes.ranges import Integer, Options
from methodic.recipes.searching import WORDS, searchable, searched
from methodic.recipes.types import Recipe
from methodic.search import storage
from methodic.search.shared import Shared
from methodic.search.study import Study
from methodic.tuning import METHOD, Sampler, Search, SearchPlan, Strategy

SAMPLER: Sampler = "random"
STRATEGY: Strategy = "halving"


_COUNTS = (64, 32, 16, 8)  # settings, where nobody says how many


@dataclass(frozen=True)
class Hunt:
    """A search in place of the screening's grid.

    Args:
        plan: how; with a number of settings only where the user gave one.
        dear: how many times as long a setting takes as a recipe without a search, on average.
    """

    plan: SearchPlan
    dear: float = 1.0

    @property
    def counts(self) -> tuple[int, ...]:
        """Settings that may be tried, in the order of preference."""
        return (self.plan.settings,) if self.plan.settings else _COUNTS

    def of(self, settings: int) -> SearchPlan:
        """The search with so many settings."""
        return self.plan.model_copy(update={"settings": settings})

    def structures(self, settings: int, recipes: Sequence[Recipe]) -> int:
        """How many shapes of network or batch it may come to, beside each recipe's own."""
        return sum(min(_shapes(recipe), settings) - 1 for recipe in recipes)

    def trainings(self, settings: int, recipes: Sequence[Recipe]) -> float:
        """What it costs, in whole trainings of one member as it is without a search.

        Rungs lie in a recipe's last stage; what comes before is paid for every setting.
        """
        endless = {recipe.name: 10**6 for recipe in recipes}
        found = 0.0
        for study in studies(self.of(settings), recipes, endless, True):
            mine = [each for each in recipes if each.name in study.record().recipes]
            before = math.fsum(1 - each.stages[-1].share for each in mine) / len(mine)
            found += before * settings + (1 - before) * study.cost
        return found * self.dear


def _shapes(recipe: Recipe) -> int:
    """Combinations of a recipe's choices of structure, those that exclude each other included."""
    sizes = []
    for each in spaces.dimensions(recipe):
        if each.path not in recipe.open:
            continue
        if isinstance(each.range, Integer):
            low, high = each.range.integer
            sizes.append(high - low + 1)
        elif isinstance(each.range, Options):
            sizes.append(len(each.range.choice))
    return math.prod(sizes)


Share = Callable[[str, Sequence[Recipe]], Shared]
"""Name of a study and its recipes → the study as other processes see it."""


def studies(
    plan: SearchPlan,
    recipes: Sequence[Recipe],
    steps: Mapping[str, int],
    greater_is_better: bool,
    share: Share | None = None,
    fits: Callable[[Recipe], None] | None = None,
) -> list[Study]:
    """The studies of a search: one of all methods together, or one of each.

    Args:
        plan: how they search.
        recipes: the methods, with ranges.
        steps: optimizer steps of a whole training, by recipe.
        greater_is_better: of the scores.
        share: makes a study one that other processes search along in.
        fits: as for `Study`.

    Raises:
        InputError: the sampler or the strategy doesn't suit a method's ranges.
    """
    groups = [("methods", recipes)] if plan.together else [(one.name, [one]) for one in recipes]
    return [
        Study(
            name,
            group,
            plan,
            steps=steps,
            greater_is_better=greater_is_better,
            shared=None if share is None else share(name, group),
            fits=fits,
        )
        for name, group in groups
    ]


def check(search: Search, recipes: Sequence[Recipe]) -> None:
    """Refuse what makes no sense for these recipes.

    Raises:
        InputError: a choice among one method, a grid of nobody knows how many points, or a study
            that can't be reached.
    """
    if search.sampler == "grid" and search.settings is None:
        raise InputError(
            "--sampler grid divides the ranges into points, and needs to know how many",
            accepted="--settings, such as --settings 64",
        )
    if search.study is not None:
        storage.Storage(search.study).close()  # now, and not when all else is ready
    if METHOD in search.fields and len(recipes) < 2:
        raise InputError(
            "--search method chooses among methods, and there is one",
            found=recipes[0].name,
            advice="Name some more (--recipes A,B), or search for its numbers (--search nuisance).",
        )


def opened(recipes: Sequence[Recipe], search: Search) -> list[Recipe]:
    """The recipes with ranges on the fields that are searched for, where they have none yet.

    Raises:
        InputError: an unknown field, or a recipe in which nothing is left to search for.
    """
    fields = [field for field in search.fields if field != METHOD]
    for field in fields:
        known = [searchable(recipe) for recipe in recipes]
        if field in WORDS and not any(field in each for each in known):
            listed = dict.fromkeys(word for each in known for word in each)
            raise InputError(
                f"--search {field}: no method of this run has such a field",
                found=", ".join(recipe.name for recipe in recipes),
                accepted=", ".join(listed),
            )
    found = [searched(recipe, fields) if fields else recipe for recipe in recipes]
    if METHOD not in search.fields and not any(spaces.dimensions(each) for each in found):
        recipe = found[0]
        raise InputError(
            f"recipe {recipe.name} has no range, so there is nothing to search for",
            accepted="a range in the recipe, such as lr: {log_uniform: [0.0001, 0.1]}, "
            "or fields to search for: --search lr,weight_decay",
            advice=f"See what can be searched: methodic recipes {recipe.name} --space",
        )
    return found


def hunt(search: Search, seed: int, workers: int, methods: int, *, timed: bool) -> Hunt:
    """The plan of a search; how many settings it may try is left to the budget, if nobody says.

    Args:
        search: what the user wants.
        seed: of the run.
        workers: processes, between which a study divides a rung.
        methods: how many are searched for.
        timed: the run has a budget in seconds.
    """
    together = METHOD in search.fields
    count = 1 if together else methods
    plan = SearchPlan(
        sampler=search.sampler or SAMPLER,
        settings=search.settings or 0,
        strategy=search.strategy or STRATEGY,
        together=together,
        seed=seed,
        parts=max(1, -(-max(workers, 1) // count)),
        shared=None if search.study is None else storage.place(search.study),
        timed=timed,
    )
    return Hunt(plan)


def words(plan: SearchPlan, methods: int) -> str:
    """The search, for the plan's notes."""
    whose = "in all" if plan.together or methods == 1 else "of each method"
    how = {
        "full": "all trained to the end",
        "halving": f"of which one in {plan.reduction} goes on from rung to rung",
        "hyperband": "in brackets that are halved more or less eagerly (Hyperband)",
        "asha": "of which the best go on as soon as they can (ASHA; what comes out depends on "
        "which training ends first, so running the plan again may find something else)",
        "population": "trained as a population: the worst take over weights and numbers of the "
        "best, which are changed a little",
    }[plan.strategy]
    return (
        f"Search ({plan.sampler}): {plan.settings} settings {whose}, {how}; one seed, validation "
        "rows only."
    )
