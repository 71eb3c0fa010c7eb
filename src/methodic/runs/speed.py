"""How fast each method's cohort is on this machine, and how many steps a share of time pays."""

from __future__ import annotations

import math
import time
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


@dataclass(frozen=True)
class Speed:
    step: float  # seconds of one step of one cohort
    evaluation: float


def measured(
    pool: Pool,
    work: Path,
    recipes: Sequence[Recipe],
    grids: Sequence[Sequence[dict[str, float]]],
    metric: str,
    device: str,
) -> tuple[list[Speed], float]:
    """The speed of each recipe's screening cohort, and the seconds that measuring took."""
    start = time.monotonic()
    futures = [
        pool.submit(measure, work, [replace(r, s).model_dump_json() for s in grid], metric, device)
        for r, grid in zip(recipes, grids, strict=True)
    ]
    speeds = [Speed(*future.result()) for future in futures]
    return speeds, time.monotonic() - start


def cap(batches: Sequence[Sequence[int]], speeds: Sequence[Speed], rows: int) -> float:
    """Seconds a cohort may take: what the slowest mini-batch method needs for `EPOCHS` epochs."""
    times = [
        max(LEAST_CAP, EPOCHS * rows / batch[-1]) * speed.step + EVALUATIONS * speed.evaluation
        for batch, speed in zip(batches, speeds, strict=True)
        if batch[-1] < rows
    ]
    return max(times, default=LEAST_CAP * max(speed.step for speed in speeds))


def steps_within(
    recipe: Recipe, batch: Sequence[int], speed: Speed, share: float, rows: int
) -> list[int]:
    """Optimizer steps, by stage, that fit into ``share`` seconds; less where the recipe says so."""
    seconds = max(share - EVALUATIONS * speed.evaluation, share / 2)
    total = seconds / speed.step
    if recipe.stop.steps is not None:
        total = min(total, recipe.stop.steps)
    if recipe.stop.epochs is not None:
        total = min(total, recipe.stop.epochs * rows / batch[-1])
    return [max(1, math.floor(total * stage.share)) for stage in recipe.stages]


def too_short(
    recipes: Sequence[Recipe],
    batches: Sequence[Sequence[int]],
    steps: Sequence[Sequence[int]],
    speeds: Sequence[Speed],
    rows: int,
) -> list[tuple[str, float]]:
    """Methods that would get less than an epoch or 30 steps, with the seconds that these take.

    Full-batch descent learns little from each of its epochs, so it needs a few. A recipe that ends
    earlier by itself needs no more than that.
    """
    short = []
    for recipe, batch, count, speed in zip(recipes, batches, steps, speeds, strict=True):
        needed = min(30.0, max(rows / batch[-1], 5.0))
        if recipe.stop.steps is not None or recipe.stop.epochs is not None:
            whole = steps_within(recipe, batch, Speed(1.0, 0.0), math.inf, rows)
            needed = min(needed, sum(whole))
        if sum(count) < needed:
            # The inverse of `steps_within`; each stage rounds down.
            seconds = (needed + len(recipe.stages)) * speed.step
            short.append((recipe.name, min(seconds + EVALUATIONS * speed.evaluation, 2 * seconds)))
    return short
