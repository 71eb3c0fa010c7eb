"""How fast each method's cohort is on this machine, and how many steps a share of time pays."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from methodic.engine.workers import Pool
from methodic.recipes.numbers import replace
from methodic.recipes.types import Recipe
from methodic.runs.tasks import measure
from methodic.runs.units import EVALUATIONS

EPOCHS = 200  # more don't help a table; a budget isn't used up for its own sake
LEAST_CAP = 2000  # steps, so that a tiny data set still gets enough of them
LEAST_LOOKS = 4
LOOKING = 0.15  # share of a cohort's time that evaluations may take


@dataclass(frozen=True)
class Speed:
    """Seconds of one step and of one evaluation of one cohort."""

    step: float
    evaluation: float


@dataclass(frozen=True)
class Timed:
    """A method with what a step of its screening cohort costs."""

    recipe: Recipe
    batch: tuple[int, ...]  # rows, by stage
    speed: Speed


def measured(
    pool: Pool,
    work: Path,
    recipes: Sequence[Recipe],
    grids: Sequence[Sequence[dict[str, float]]],
    metric: str,
    device: str,
) -> list[Speed]:
    """The speed of each recipe's screening cohort, measured where it will run."""
    futures = [
        pool.submit(measure, work, [replace(r, s).model_dump_json() for s in grid], metric, device)
        for r, grid in zip(recipes, grids, strict=True)
    ]
    return [Speed(*future.result()) for future in futures]


def cap(timed: Sequence[Timed], rows: int) -> float:
    """Seconds a cohort may take: what the slowest mini-batch method needs for `EPOCHS` epochs."""
    times = [
        max(LEAST_CAP, EPOCHS * rows / method.batch[-1]) * method.speed.step
        + EVALUATIONS * method.speed.evaluation
        for method in timed
        if method.batch[-1] < rows
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
    recipe = method.recipe
    seconds = max(share - count * method.speed.evaluation, share / 2)
    total = seconds / method.speed.step
    if recipe.stop.steps is not None:
        total = min(total, recipe.stop.steps)
    if recipe.stop.epochs is not None:
        total = min(total, recipe.stop.epochs * rows / method.batch[-1])
    return [max(1, math.floor(total * stage.share)) for stage in recipe.stages]


def too_short(
    timed: Sequence[Timed], steps: Sequence[Sequence[int]], rows: int, epochs: float, least: float
) -> list[tuple[str, float]]:
    """Methods with less than ``epochs`` epochs and ``least`` steps, and the seconds these take.

    Full-batch descent learns little from each of its epochs, so it needs five in any case. A recipe
    that ends earlier by itself needs no more than that.
    """
    short = []
    for method, count in zip(timed, steps, strict=True):
        full = method.batch[-1] >= rows
        needed = 5.0 if full else min(least, epochs * rows / method.batch[-1])
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
