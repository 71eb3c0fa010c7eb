"""How large a comparison fits the time: settings, finalists, seeds, and the steps of each method.

Methods are made equal in what the user chose: seconds of a worker, optimizer steps, rows seen, or
estimated floating-point operations.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from methodic import build
from methodic.engine.counting import ROWS, operations
from methodic.plan import Equal
from methodic.recipes import spaces
from methodic.recipes.types import Recipe
from methodic.runs.machine.speed import (
    WIDTH,
    Survey,
    Timed,
    cap,
    looks,
    steps_of_equal,
    steps_within,
    too_short,
)
from methodic.runs.plans.hunting import Hunt
from methodic.runs.plans.units import SCREEN_SEEDS
from methodic.runs.rows.preparation import Prepared

CONFIRM_SEEDS = 10
MOST_SEEDS = 20
MOST_DETECTING = 200  # where the pilot's deviation chooses the number
BLOCK = WIDTH  # seeds of confirmation that train in one cohort, and are dropped together
_ENDLESS = 1_000_000  # steps, of which one is counted
_LONGER = 3.0  # confirmation trains at most so much longer, when time is short


@dataclass(frozen=True)
class Shape:
    """How large a comparison is, and the least training for which it is chosen."""

    points: int  # settings of a method
    finalists: int  # besides the simplest method
    epochs: float
    steps: float


_SHAPES = (Shape(5, 3, epochs=3.0, steps=300.0), Shape(3, 2, epochs=1.0, steps=30.0))


@dataclass(frozen=True)
class Wanted:
    """What is to be fitted into the time.

    Args:
        recipes: the methods.
        left: worker-seconds for training, by now.
        seeds: of the confirmation; None: `CONFIRM_SEEDS`, and more if time is left.
        block: seeds that train in one cohort.
        equal: what every method gets the same of.
        costs: floating-point operations of a row's gradient, by method and stage; for equal
            "flops".
        finalists: methods to confirm, if the user says how many.
        hunt: the search, where there is one.
    """

    recipes: Sequence[Recipe]
    left: Callable[[], float]
    seeds: int | None = None
    block: int = BLOCK
    equal: Equal = "seconds"
    costs: Sequence[Sequence[float]] = ()
    finalists: int | Literal["all"] | None = None
    hunt: Hunt | None = None

    def without(self, slow: set[str]) -> Wanted:
        """The same without some methods."""
        kept = [i for i, recipe in enumerate(self.recipes) if recipe.name not in slow]
        return replace(
            self,
            recipes=[self.recipes[i] for i in kept],
            costs=[self.costs[i] for i in kept] if self.costs else (),
        )

    def shape(self, shape: Shape) -> Shape:
        """A shape with as many finalists as the user wants."""
        if self.finalists is None:
            return shape
        asked = len(self.recipes) if self.finalists == "all" else self.finalists
        return replace(shape, finalists=min(asked, len(self.recipes)))

    def units(self, methods: Sequence[Timed]) -> list[float]:
        """What a step of each method uses of what all get the same of; [] for seconds."""
        if self.equal == "seconds":
            return []
        if self.equal == "steps":
            return [1.0] * len(methods)
        reads = [method.reads or method.batch for method in methods]
        if self.equal == "samples":
            return [method.mean(rows) for method, rows in zip(methods, reads, strict=True)]
        return [
            method.mean([n * cost for n, cost in zip(rows, costs, strict=True)])
            for method, rows, costs in zip(methods, reads, self.costs, strict=True)
        ]


@dataclass(frozen=True)
class Fit:
    """A comparison that fits the time."""

    shape: Shape
    methods: list[Timed]  # with their screening cohorts
    share: float  # seconds of a screening cohort, on average
    scale: float  # seconds of a confirmation cohort ÷ share
    capped: bool  # more time than training can use
    looks: int
    steps: list[list[int]]
    confirm_steps: list[list[int]]
    short: list[tuple[str, float]]  # methods that get too little, with the seconds that they need
    cohorts: float  # in units of a screening cohort
    spare: float  # worker-seconds that are left
    block: int
    screening: float = 0.0  # worker-seconds of all of it

    @property
    def seeds(self) -> int:
        """Seeds of the confirmation: ten, and more in blocks of five where time is left."""
        finalists = min(len(self.methods), self.shape.finalists + 1)
        five = finalists * self.share * self.scale * math.ceil(BLOCK / self.block)
        more = min(int(self.spare / five), (MOST_SEEDS - CONFIRM_SEEDS) // BLOCK)
        return CONFIRM_SEEDS + BLOCK * more


def fit(survey: Survey, wanted: Wanted) -> Fit:
    """The largest shape that leaves each method enough training, or the smallest shape.

    When time is short, confirmation trains longer than screening: the screening only chooses.
    """
    for shape in _SHAPES if wanted.hunt is None else _searching(wanted.hunt):
        found = _fitted(survey, wanted, wanted.shape(shape))
        if not found.short:
            break
    return found


def _searching(hunt: Hunt) -> tuple[Shape, ...]:
    """As many settings as leave each training long enough."""
    wide = [Shape(n, 3, epochs=3.0, steps=300.0) for n in hunt.counts]
    return (*wide, Shape(hunt.counts[-1], 2, epochs=1.0, steps=30.0))


def _fitted(survey: Survey, wanted: Wanted, shape: Shape) -> Fit:
    rows, recipes = survey.rows, wanted.recipes
    confirming = survey.cohorts(recipes, [wanted.block] * len(recipes))
    if wanted.hunt is None:
        screening = survey.screening(recipes, shape.points)
        screened: float = len(recipes) * SCREEN_SEEDS
    else:
        screening = survey.cohorts(recipes, [WIDTH] * len(recipes))
        screened = wanted.hunt.trainings(shape.points, recipes) / WIDTH
    worker_seconds = wanted.left()
    longest = cap(screening, rows)
    # Confirmation's cohorts have another width; the same steps take so many times as long there.
    wider = cap(confirming, rows) / longest
    finalists = min(len(recipes), shape.finalists + 1)
    confirmed = finalists * math.ceil((wanted.seeds or CONFIRM_SEEDS) / wanted.block)
    scale = _LONGER * wider
    share = worker_seconds / (screened + scale * confirmed)
    if share * scale > longest * wider:
        share = min((worker_seconds - confirmed * longest * wider) / screened, longest)
        scale = longest * wider / share
    count = looks([*screening, *confirming], share)
    steps = _steps(screening, wanted, share, count, rows)
    return Fit(
        shape,
        screening,
        share,
        scale,
        share * scale >= longest * wider * 0.999,
        count,
        steps,
        _steps(confirming, wanted, share * scale, count, rows),
        too_short(screening, steps, rows, shape.epochs, shape.steps),
        screened + scale * confirmed,
        worker_seconds - share * (screened + scale * confirmed),
        wanted.block,
        share * screened,
    )


def _steps(
    methods: Sequence[Timed], wanted: Wanted, share: float, count: int, rows: int
) -> list[list[int]]:
    units = wanted.units(methods)
    if not units:
        return [steps_within(method, share, count, rows) for method in methods]
    return steps_of_equal(methods, units, share, count, rows)


def flops(survey: Survey, recipe: Recipe, prepared: Prepared) -> list[float]:
    """Floating-point operations of a step of each stage for each row that it reads.

    Counted, for a recipe's own network: products of matrices and convolutions in the gradients and
    in the update rule. A user's module has six for each parameter: two for each weight in the
    forward pass, four in the backward one.

    Source of the six: Kaplan et al., "Scaling laws for neural language models", 2020
    (arXiv 2001.08361).
    """
    if survey.given.network is not None:
        return [6.0 * survey.given.network.facts.parameters] * len(recipe.stages)
    concrete = spaces.concrete(recipe, spaces.untuned(recipe))
    rows = prepared.rows["train"].spread(ROWS)
    cohort = build.cohort(
        [concrete],
        [0],
        steps=[_ENDLESS for _ in recipe.stages],
        inputs=prepared.inputs,
        outputs=prepared.outputs,
        rows=len(rows),
        class_counts=prepared.class_counts,
        own=survey.given.own,
    )
    return operations(cohort, rows)
