"""How fast each method's cohort is on this machine, and how many steps a share of time pays."""

from __future__ import annotations

import math
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path

from methodic import build
from methodic.engine.workers import Pool
from methodic.errors import InputError
from methodic.evidence import design
from methodic.plan import Machine
from methodic.recipes import spaces
from methodic.recipes.numbers import replace
from methodic.recipes.types import Recipe
from methodic.runs.given import NOTHING, Given
from methodic.runs.machine.measuring import Measured, losses, measure, uncompiled
from methodic.runs.plans.units import EVALUATIONS

EPOCHS = 200  # more don't help a table; a budget isn't used up for its own sake
LEAST_CAP = 2000  # steps, so that a tiny data set still gets enough of them
LEAST_LOOKS = 4
WIDTH = 5  # members of a cohort of confirmation
LOOKING = 0.1  # share of a cohort's time that evaluations may take


@dataclass(frozen=True)
class Speed:
    """Seconds of one step and of one evaluation of one cohort, and of what it predicts at last.

    Args:
        step: of all stages, on average.
        evaluation, ending: as said.
        stages: of a step of each stage; () where they are alike.
    """

    step: float
    evaluation: float
    ending: float = 0.0
    stages: tuple[float, ...] = ()


@dataclass(frozen=True)
class Timed:
    """A method with what a step of one of its cohorts costs."""

    recipe: Recipe
    batch: tuple[int, ...]  # rows, by stage
    speed: Speed
    width: int = 1  # members
    epoch: float = 0.0  # steps in which every stage sees its rows once; 0: by the last batch
    reads: tuple[int, ...] = ()  # rows of a batch and beside it, by stage; (): as ``batch``

    def steps_of_epoch(self, rows: int) -> float:
        """Steps of an epoch, where ``rows`` have a target."""
        return self.epoch or rows / self.batch[-1]

    def full(self, rows: int) -> bool:
        """Whether a step sees all rows that there are to learn from."""
        return self.steps_of_epoch(rows) <= 1

    @property
    def weights(self) -> list[float]:
        """The share of the steps that each stage has: of equally dear ones as the recipe says, of
        dearer ones as many fewer."""
        dear = self.speed.stages or (self.speed.step,) * len(self.recipe.stages)
        parts = [each.share / step for each, step in zip(self.recipe.stages, dear, strict=True)]
        return [part / sum(parts) for part in parts]

    def mean(self, stages: Sequence[float]) -> float:
        """Of a step, what it is for a step of each stage."""
        return math.fsum(w * each for w, each in zip(self.weights, stages, strict=True))


class Survey:
    """What cohorts cost where they will run; each width of each method is measured once.

    Args:
        pool: started workers.
        work: folder of the prepared data.
        rows: training rows with a target.
        every: all training rows.
        metric: the run's.
        machine: the choices with which cohorts that are asked for from now on are built.
        given: what the user brought.
    """

    def __init__(
        self,
        pool: Pool,
        work: Path,
        rows: int,
        metric: str,
        machine: Machine,
        given: Given = NOTHING,
        every: int | None = None,
    ) -> None:
        self.given = given
        self.pool = pool
        self.work = work
        self.rows = rows
        self.every = rows if every is None else every
        self.metric = metric
        self.machine = machine
        self.refused: dict[str, InputError] = {}
        """Methods whose steps can't be machine code, and why; they run as they are."""
        self._known: dict[tuple[str, int, Machine], Speed] = {}

    def screening(self, recipes: Sequence[Recipe], points: int) -> list[Timed]:
        """Each method with its screening cohort: a member for each of its settings."""
        return self.cohorts(recipes, [len(design.grid(recipe, points)) for recipe in recipes])

    def cohorts(self, recipes: Sequence[Recipe], widths: Sequence[int]) -> list[Timed]:
        """Each method with a cohort of so many members."""
        pairs = list(zip(recipes, widths, strict=True))
        asked = [(r, w) for r, w in pairs if (r.name, w, self.machine) not in self._known]
        futures = [self._measured(recipe, width, self.machine) for recipe, width in asked]
        for (recipe, width), future in zip(asked, futures, strict=True):
            self._known[recipe.name, width, self.machine] = self._found(recipe, width, future)
        return [
            Timed(
                recipe,
                batches(recipe, self.rows, self.every),
                self._known[recipe.name, width, self.machine],
                width,
                epoch(recipe, self.rows, self.every),
                reads(recipe, self.rows, self.every),
            )
            for recipe, width in pairs
        ]

    def _found(self, recipe: Recipe, width: int, future: Future[Measured]) -> Speed:
        """What was measured; where a step can't be compiled, how fast it is without."""
        try:
            return Speed(*future.result())
        except InputError as error:
            if not self.machine.compiled or recipe.name in self.refused:
                raise
            self.refused[recipe.name] = error
            return Speed(*self._measured(recipe, width, self.machine).result())

    def eager(self, timed: Sequence[Timed]) -> list[Timed]:
        """The same cohorts as they were without compilation; measured now where they weren't."""
        was, self.machine = self.machine, self.machine.model_copy(update={"compiled": False})
        found = self.cohorts([each.recipe for each in timed], [each.width for each in timed])
        self.machine = was
        return found

    def race(self, recipe: Recipe, other: Machine) -> tuple[float, float]:
        """Seconds of a step of confirmation's cohorts, as they are now and as by ``other``.

        Both are measured at the same time where there are two workers: so each has the neighbour
        that it will have in the run.

        Raises:
            InputError: a step isn't possible so.
        """
        futures = [self._measured(recipe, WIDTH, each) for each in (self.machine, other)]
        return futures[0].result()[0], futures[1].result()[0]

    def losses(
        self, recipe: Recipe, seeds: int, machines: Sequence[Machine], steps: int
    ) -> list[tuple[list[float], list[float]]]:
        """By machine: losses of a method's seeds 0, 1 … on training and on validation rows."""
        middle = spaces.concrete(recipe, spaces.untuned(recipe)).model_dump_json()
        futures = [
            self.pool.submit(
                losses, self.work, middle, seeds, self.metric, machine, steps, self.given
            )
            for machine in machines
        ]
        return [future.result() for future in futures]

    def uncompiled(self, recipes: Sequence[Recipe]) -> int:
        """How many functions of confirmation's cohorts aren't in the cache of compiled code."""
        futures = [
            self.pool.submit(uncompiled, self.work, members_of(r, WIDTH), self.machine, self.given)
            for r in recipes
        ]
        texts: set[str] = set()
        for recipe, future in zip(recipes, futures, strict=True):
            try:
                texts |= future.result()
            except InputError as error:
                self.refused[recipe.name] = error
        return len(texts)

    def _measured(self, recipe: Recipe, width: int, machine: Machine) -> Future[Measured]:
        members = members_of(recipe, width)
        if recipe.name in self.refused:
            machine = machine.model_copy(update={"compiled": False})
        return self.pool.submit(measure, self.work, members, self.metric, machine, self.given)


def batches(recipe: Recipe, rows: int, every: int) -> tuple[int, ...]:
    """Rows of a batch of each stage."""
    return tuple(build.batch_rows(stage, rows, every) for stage in recipe.stages)


def reads(recipe: Recipe, rows: int, every: int) -> tuple[int, ...]:
    """Rows that a step of each stage reads: of its batch, and those beside it."""
    beside = [min(stage.unlabelled, every) for stage in recipe.stages]
    return tuple(a + b for a, b in zip(batches(recipe, rows, every), beside, strict=True))


def epoch(recipe: Recipe, rows: int, every: int) -> float:
    """Steps in which the stage that needs most of them sees all of its rows."""
    found = []
    for stage, batch in zip(recipe.stages, batches(recipe, rows, every), strict=True):
        found.append((rows if stage.rows == "labelled" else every) / batch)
        if stage.unlabelled:
            found.append(every / min(stage.unlabelled, every))
    return max(found)


def members_of(recipe: Recipe, width: int) -> list[str]:
    """So many members of a method with some of its settings, as JSON."""
    if recipe.open:  # other structures would be other cohorts
        middle = spaces.concrete(recipe, spaces.untuned(recipe)).model_dump_json()
        return [middle] * width
    settings = design.grid(recipe, 3)
    return [replace(recipe, settings[i % len(settings)]).model_dump_json() for i in range(width)]


def cap(timed: Sequence[Timed], rows: int) -> float:
    """Seconds a cohort may take: what the slowest mini-batch method needs for `EPOCHS` epochs."""
    times = [
        max(LEAST_CAP, EPOCHS * method.steps_of_epoch(rows)) * method.speed.step
        + EVALUATIONS * method.speed.evaluation
        for method in timed
        if not method.full(rows)
    ]
    return max(times, default=LEAST_CAP * max(method.speed.step for method in timed))


def looks(timed: Sequence[Timed], share: float) -> int:
    """How many evaluations a cohort can afford; the same number for every method."""
    slowest = max(method.speed.evaluation for method in timed)
    affordable = int(LOOKING * share / max(slowest, 1e-9))
    return min(EVALUATIONS, max(LEAST_LOOKS, affordable))


def steps_within(method: Timed, share: float, count: int, rows: int) -> list[int]:
    """Optimizer steps, by stage, that fit into ``share`` seconds; less where the recipe says so.

    Args:
        method: and its speed.
        share: seconds.
        count: evaluations that the share has to pay too.
        rows: training rows.
    """
    seconds = max(share - count * method.speed.evaluation, share / 2)
    return _by_stage(method, seconds / method.speed.step, rows)


def steps_of_equal(
    methods: Sequence[Timed], units: Sequence[float], share: float, count: int, rows: int
) -> list[list[int]]:
    """Optimizer steps, by method and stage, so that all use equally much of something.

    Args:
        methods: and their speeds.
        units: what a step of each method uses: 1, rows, or floating-point operations.
        share: seconds that a cohort may take on average.
        count: evaluations of each cohort, which are paid from the same time.
        rows: training rows.
    """
    looking = count * sum(method.speed.evaluation for method in methods)
    seconds = max(share * len(methods) - looking, share * len(methods) / 2)
    dearest = sum(m.speed.step / unit for m, unit in zip(methods, units, strict=True))
    amount = seconds / dearest
    return [_by_stage(m, amount / unit, rows) for m, unit in zip(methods, units, strict=True)]


def _by_stage(method: Timed, total: float, rows: int) -> list[int]:
    recipe = method.recipe
    if recipe.stop.steps is not None:
        total = min(total, recipe.stop.steps)
    if recipe.stop.epochs is not None:
        total = min(total, recipe.stop.epochs * rows / method.batch[-1])
    return [max(1, math.floor(total * weight)) for weight in method.weights]


def too_short(
    timed: Sequence[Timed], steps: Sequence[Sequence[int]], rows: int, epochs: float, least: float
) -> list[tuple[str, float]]:
    """Methods with less than ``epochs`` epochs and ``least`` steps, and the seconds these take.

    Full-batch descent learns little from each of its epochs, so it needs five in any case. A recipe
    that ends earlier by itself needs no more than that.
    """
    short = []
    for method, count in zip(timed, steps, strict=True):
        needed = 5.0 if method.full(rows) else min(least, epochs * method.steps_of_epoch(rows))
        stop = method.recipe.stop
        if stop.steps is not None or stop.epochs is not None:
            endless = Timed(method.recipe, method.batch, Speed(1.0, 0.0))
            needed = min(needed, sum(steps_within(endless, math.inf, 0, rows)))
        if sum(count) < needed:
            # The inverse of `steps_within`; each stage rounds down.
            seconds = (needed + len(method.recipe.stages)) * method.speed.step
            looking = LEAST_LOOKS * method.speed.evaluation
            short.append((method.recipe.name, min(seconds + looking, 2 * seconds)))
    return short
