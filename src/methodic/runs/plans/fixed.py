"""Plans without a budget: recipes say themselves how long they train, and nothing is measured.

For comparisons with lengths of the user's own. Such a plan depends on no clock, so the same command
gives the same plan, and the same bits, on every machine of a kind.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from methodic.data.dataset import DataSet
from methodic.data.splits import FOLDS
from methodic.engine.workers import Pool
from methodic.errors import InputError
from methodic.evidence import design
from methodic.evidence.simplicity import parts
from methodic.plan import BaselinePlan, ConfirmPlan, Contender, Plan
from methodic.recipes import spaces
from methodic.recipes.types import Recipe
from methodic.runs.given import NOTHING, Given
from methodic.runs.machine.choosing import asked_for
from methodic.runs.machine.compiling import eager, unmeasured
from methodic.runs.machine.speed import Speed, Timed, batches, steps_within
from methodic.runs.plans import hunting, planning
from methodic.runs.plans.candidates import parameters
from methodic.runs.plans.hunting import Hunt
from methodic.runs.plans.sizing import BLOCK, CONFIRM_SEEDS, MOST_DETECTING
from methodic.runs.plans.units import EVALUATIONS, SCREEN_SEEDS, screen_units
from methodic.runs.plans.wishes import Wishes
from methodic.runs.rows.preparation import Prepared

POINTS = 5  # of each range, in the grid of a screening
FINALISTS = 3
SETTINGS = 64  # of a search
ITERATIONS = 1000  # of gradient boosting, at most; it stops where validation rows say so


def make(
    data: DataSet,
    prepared: Prepared,
    work: Path,  # noqa: ARG001 - nothing is measured there
    pool: Pool,  # noqa: ARG001
    wishes: Wishes,
    elapsed: float,  # noqa: ARG001
    given: Given = NOTHING,
) -> Plan:
    """Fix what will run; the arguments are those of `planning.make`.

    Raises:
        InputError: a recipe doesn't say when it ends.
    """
    task = data.schema.task
    recipes, hunt = planning.methods(task, prepared, wishes, given)
    settings = 0 if hunt is None else hunt.plan.settings or SETTINGS
    splits = planning.splitting(data, wishes, prepared)
    seeds = MOST_DETECTING if wishes.detect is not None else wishes.seeds or CONFIRM_SEEDS
    finalists = len(recipes) if wishes.finalists == "all" else wishes.finalists or FINALISTS
    contenders = tuple(_contender(recipe, prepared, hunt is None) for recipe in recipes)
    images = any(x.ndim == 4 for x in prepared.rows["train"].inputs.values())
    own = given.network is not None
    machine = asked_for(wishes.asked, planning.machine(wishes), own, images)
    structures = 0 if hunt is None else hunt.structures(settings, recipes)
    choice = unmeasured(
        machine,
        own,
        len(recipes) + structures,
        _seconds(contenders, prepared, hunt, settings, min(finalists + 1, len(recipes)) * seeds),
        wishes.compile,
    )
    crossed = splits == "cv"
    return Plan(
        command=wishes.command,
        data=planning.facts(data, prepared, wishes.seed),
        metric=wishes.metric,
        budget=None,
        machine=machine.model_copy(update={"compiled": choice.compiled}),
        contenders=contenders,
        baselines=(
            BaselinePlan(kind="constant"),
            BaselinePlan(kind="linear"),
            BaselinePlan(kind="gradient_boosting", iterations=ITERATIONS),
        ),
        screen=() if hunt is not None else screen_units(contenders, wishes.seed, EVALUATIONS),
        search=None if hunt is None else hunt.of(settings),
        confirm=ConfirmPlan(
            finalists=min(finalists, len(recipes)),
            simplest=min(recipes, key=parts).name,
            seeds=design.seeds(wishes.seed, "confirm", seeds),
            block=1 if crossed else BLOCK,
            evaluations=EVALUATIONS,
            splits=splits,
            folds=FOLDS if crossed else 0,
            detect=wishes.detect,
        ),
        notes=(
            *wishes.notes,
            "No budget: each recipe trains as long as it says itself (stop), and nothing was "
            "measured. What one method needs of time, another may not.",
            choice.why,
            hunting.words(hunt.of(settings), len(recipes))
            if hunt is not None
            else f"Screening: at most {POINTS} points of each range × {SCREEN_SEEDS} seeds of each "
            "method, validation rows only.",
            *data.notes,
            *prepared.notes,
        ),
        network=None if given.network is None else given.network.facts,
        batches="shared" if wishes.shared_batches else "own",
        equal=wishes.equal,
    )


def _contender(recipe: Recipe, prepared: Prepared, grid: bool) -> Contender:
    rows, every = prepared.counts[0], prepared.rows["train"].every
    if recipe.stop.steps is None and recipe.stop.epochs is None:
        raise InputError(
            f"without a budget recipe {recipe.name} would never end",
            accepted="stop: {steps: 2000} or stop: {epochs: 20} in the recipe",
            advice="Write a length into it, or give the run a budget (--budget 60s).",
        )
    batch = batches(recipe, rows, every)
    endless = Timed(recipe, batch, Speed(1.0, 0.0))
    steps = tuple(steps_within(endless, math.inf, 0, rows))
    return Contender(
        recipe=recipe,
        settings=design.grid(recipe, POINTS) if grid else (),
        batch=batch,
        steps=steps,
        confirm_steps=steps,
        milliseconds=0.0,
    )


def _seconds(
    contenders: Sequence[Contender],
    prepared: Prepared,
    hunt: Hunt | None,
    settings: int,
    confirmed: int,
) -> float:
    """What all steps of the run take without compilation, about."""
    each = [
        sum(one.steps) * eager(parameters(_plain(one.recipe), prepared), one.batch[-1])
        for one in contenders
    ]
    mean = sum(each) / len(each)
    if hunt is not None:
        screened = hunt.trainings(settings, [one.recipe for one in contenders]) * mean
    else:
        screened = sum(
            seconds * len(one.settings) * SCREEN_SEEDS
            for seconds, one in zip(each, contenders, strict=True)
        )
    return screened + confirmed * mean


def _plain(recipe: Recipe) -> Recipe:
    return spaces.concrete(recipe, spaces.untuned(recipe))
