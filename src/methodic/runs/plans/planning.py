"""From a budget in seconds to a frozen plan: what will run, measured before it is fixed.

Every method gets equal measured seconds for each of its cohorts, unless the user wants another
equality (`sizing`). Full-batch steps cost more than mini-batch steps, so equal seconds mean
different numbers of steps, and the plan says how many.
"""

from __future__ import annotations

import math
import time
from dataclasses import replace
from pathlib import Path

import torch

from methodic import build
from methodic.baselines import plan_baselines
from methodic.data.dataset import DataSet
from methodic.data.parallel import processors
from methodic.data.splits import FOLDS, uncrossable
from methodic.engine.workers import Pool
from methodic.errors import InputError
from methodic.evidence import design
from methodic.evidence.simplicity import parts
from methodic.plan import ConfirmPlan, Contender, DataFacts, Machine, Plan, Splits, Task, Tried
from methodic.recipes import spaces
from methodic.recipes.types import Auto, Recipe
from methodic.runs.given import NOTHING, Given
from methodic.runs.machine import placement
from methodic.runs.machine.choosing import asked_for
from methodic.runs.machine.choosing import choose as choose_speed
from methodic.runs.machine.compiling import choose
from methodic.runs.machine.placement import Placement
from methodic.runs.machine.speed import Survey
from methodic.runs.networks import described
from methodic.runs.plans import hunting
from methodic.runs.plans.candidates import buildable, dear
from methodic.runs.plans.hunting import Hunt
from methodic.runs.plans.sizing import (
    BLOCK,
    CONFIRM_SEEDS,
    MOST_DETECTING,
    MOST_SEEDS,
    Fit,
    Wanted,
    flops,
)
from methodic.runs.plans.sizing import fit as fitted
from methodic.runs.plans.units import screen_units
from methodic.runs.plans.wishes import Wishes
from methodic.runs.plans.words import notes_of
from methodic.runs.rows.preparation import Prepared
from methodic.tuning import SearchPlan

TAIL = 0.05  # share of the budget for predictions, report and bundle
TAIL_SECONDS = 3.0
BASELINE_SHARE = 0.08
_FEWEST = 2  # methods of a comparison
FEW_TEST_ROWS = 200  # fewer, and a score's standard error is above three points
SLACK = (
    0.75  # share of the remaining time that is planned: a machine in use is slower than measured
)


_SHARED = (
    "Shared batches: all members see the rows in one order, whatever their seeds, so intervals are "
    "about other initial weights and noise, and not about another order of rows."
)


def facts(data: DataSet, prepared: Prepared, seed: int) -> DataFacts:
    """What a plan records about the data."""
    return DataFacts(
        name=data.name,
        source=place(data),
        fingerprint=data.fingerprint,
        task=data.schema.task,
        target=data.schema.target,
        classes=data.schema.classes,
        rows=prepared.counts,
        numeric=prepared.encoders.width,
        categorical=prepared.encoders.columns,
        split_seed=seed,
        others=data.schema.others,
        reading=data.reading,
        unlabelled=prepared.unlabelled,
    )


def place(data: DataSet) -> str | None:
    """Where data can be read again; None where test rows live in memory."""
    return data.source if data.test is None or data.reading.test is not None else None


def machine(wishes: Wishes) -> Machine:
    """One worker per core with one thread each, unless the user says otherwise.

    Measuring begins so; for large networks `placement` may choose fewer workers with more threads.
    """
    return Machine(
        device=wishes.device,
        capability=torch.backends.cpu.get_cpu_capability(),
        torch=torch.__version__,
        workers=processors() if wishes.workers is None else wishes.workers,
        threads=wishes.threads or 1,
    )


def methods(
    task: Task, prepared: Prepared, wishes: Wishes, given: Given
) -> tuple[list[Recipe], Hunt | None]:
    """The recipes as they suit the data, with ranges where a search was asked for; and the search.

    Raises:
        InputError: there is nothing to search for.
    """
    rows = prepared.counts[0]
    recipes = [
        spaces.mapped(recipe, lambda each: build.resolve(each, task, rows, prepared.inputs))
        for recipe in wishes.recipes
    ]
    if given.network is not None:
        recipes = [spaces.with_model(recipe, Auto()) for recipe in recipes]
    if wishes.search is None:
        return recipes, None
    recipes = hunting.opened(recipes, wishes.search)
    workers = processors() if wishes.workers is None else wishes.workers
    timed = math.isfinite(wishes.budget)
    hunt = hunting.hunt(wishes.search, wishes.seed, workers, len(recipes), timed=timed)
    if given.network is None:
        fits = buildable(prepared, given.own)
        hunt = replace(hunt, dear=dear(recipes, prepared, fits))
    return recipes, hunt


def make(
    data: DataSet,
    prepared: Prepared,
    work: Path,
    pool: Pool,
    wishes: Wishes,
    elapsed: float,
    given: Given = NOTHING,
) -> Plan:
    """Measure, then fix what will run.

    Args:
        data, prepared: the data, and the same encoded; saved in ``work`` for the workers.
        work: folder of the prepared data.
        pool: started workers.
        wishes: what the user asked for.
        elapsed: seconds of the budget that are gone by now.
        given: what the user brought.

    Raises:
        InputError: the budget is too small for these data.
    """
    task, rows = data.schema.task, prepared.counts[0]
    network = given.network
    recipes, hunt = methods(task, prepared, wishes, given)
    began = time.monotonic()
    chosen = machine(wishes)
    images = any(x.ndim == 4 for x in prepared.rows["train"].inputs.values())
    started = asked_for(wishes.asked, chosen, network is not None, images)
    every = prepared.rows["train"].every
    survey = Survey(pool, work, rows, wishes.metric, started, given, every)
    splits = splitting(data, wishes, prepared)
    most = wishes.seeds or (CONFIRM_SEEDS if splits == "cv" else 0)
    rivals = plan_baselines(
        task,
        rows,
        prepared.encoders.width + prepared.encoders.columns,
        prepared.outputs,
        wishes.budget * BASELINE_SHARE / (1 + most * (splits == "cv")),
    )

    def left() -> float:
        """Worker-seconds for training; measuring takes its time, too."""
        tail = max(TAIL * wishes.budget, TAIL_SECONDS)
        seconds = wishes.budget - elapsed - (time.monotonic() - began) - tail
        return seconds * max(chosen.workers, 1) * SLACK - wishes.budget * BASELINE_SHARE

    placed = Placement(chosen)
    if wishes.workers is None and wishes.threads is None:
        gone = elapsed + time.monotonic() - began
        placed = placement.choose(survey, recipes, wishes.budget - gone)
        placement.move(survey, placed)
        chosen = survey.machine
    choices = choose_speed(survey, recipes, wishes.asked, wishes.budget, images, wishes.compile)
    wanted = Wanted(
        recipes,
        left,
        MOST_SEEDS if wishes.detect is not None else wishes.seeds,
        1 if splits == "cv" else BLOCK,
        wishes.equal,
        [flops(survey, recipe, prepared) for recipe in recipes] if wishes.equal == "flops" else (),
        wishes.finalists,
        hunt,
    )
    fit, notes = fitted(survey, wanted), []
    if fit.short and not wishes.named:
        wanted, fit, slow = _thinned(survey, wanted, fit)
        notes = [f"Left out: {', '.join(sorted(slow))}, too slow for this budget."] if slow else []
        recipes = list(wanted.recipes)
    if not fit.short:
        # What is measured is known; finding out about compilation took its time, which is gone.
        compiling, tried = _compiling(survey, fit, wanted, wishes.compile, chosen.workers)
        fit = fitted(survey, wanted)
        notes += compiling
        choices.tried += tried
    if fit.short:
        gone = elapsed + time.monotonic() - began
        raise _too_small(wishes, data, fit, gone, max(chosen.workers, 1))
    seeds = MOST_DETECTING if wishes.detect is not None else wishes.seeds or fit.seeds
    contenders = tuple(
        Contender(
            recipe=method.recipe,
            settings=design.grid(method.recipe, fit.shape.points) if hunt is None else (),
            batch=method.batch,
            steps=tuple(count),
            confirm_steps=tuple(confirm),
            milliseconds=round(method.speed.step * 1000, 4),
            eager=survey.machine.compiled and method.recipe.name in survey.refused,
        )
        for method, count, confirm in zip(fit.methods, fit.steps, fit.confirm_steps, strict=True)
    )
    return Plan(
        command=wishes.command,
        data=facts(data, prepared, wishes.seed),
        metric=wishes.metric,
        budget=wishes.budget,
        machine=survey.machine,
        contenders=contenders,
        baselines=rivals,
        screen=screen_units(contenders, wishes.seed, fit.looks) if hunt is None else (),
        search=None if hunt is None else searching(hunt, fit),
        confirm=ConfirmPlan(
            finalists=fit.shape.finalists,
            simplest=min(recipes, key=parts).name,
            seeds=design.seeds(wishes.seed, "confirm", seeds),
            block=fit.block,
            scale=fit.scale,
            evaluations=fit.looks,
            splits=splits,
            folds=FOLDS if splits == "cv" else 0,
            detect=wishes.detect,
        ),
        notes=(
            *wishes.notes,
            *notes,
            *placed.notes,
            *choices.notes,
            *notes_of(fit, seeds, data, wishes, splits, hunt),
            *prepared.notes,
            *((_SHARED,) if wishes.shared_batches else ()),
            *(described(network) if network else ()),
        ),
        network=None if network is None else network.facts,
        tried=(*placed.tried, *choices.tried),
        batches="shared" if wishes.shared_batches else "own",
        equal=wishes.equal,
    )


def searching(hunt: Hunt, fit: Fit) -> SearchPlan:
    """The search with as many settings as the time pays, and what they take of it."""
    plan = hunt.of(fit.shape.points)
    return plan.model_copy(update={"seconds": round(fit.screening, 3)})


def _thinned(survey: Survey, wanted: Wanted, fit: Fit) -> tuple[Wanted, Fit, list[str]]:
    """Fewer methods, so that each of them gets enough; nothing changes where two would be too many.

    The slowest leave first, one by one: each leaves its time to the others.

    Returns:
        what is left, how it fits, and who left.
    """
    less, fewer, left = wanted, fit, list[str]()
    while fewer.short and len(less.recipes) > _FEWEST:
        slowest, _ = max(fewer.short, key=lambda pair: pair[1])
        left.append(slowest)
        less = less.without({slowest})
        fewer = fitted(survey, less)
    return (wanted, fit, []) if fewer.short else (less, fewer, left)


def _compiling(
    survey: Survey, fit: Fit, wanted: Wanted, asked: bool | None, workers: int
) -> tuple[list[str], list[Tried]]:
    """Let the survey compile its cohorts from now on, where that pays.

    Returns:
        in words why or why not, and what a step of all methods takes in both ways.
    """
    more = 0 if wanted.hunt is None else wanted.hunt.structures(fit.shape.points, wanted.recipes)
    choice = choose(survey, fit.methods, fit.cohorts * fit.share, workers, asked, more)
    if not choice.compiled:
        return [choice.why], []
    eager = survey.machine
    survey.machine = eager.model_copy(update={"compiled": True})
    compiled = fitted(survey, wanted)
    if len(survey.refused) == len(compiled.methods):
        error = survey.refused[compiled.methods[0].recipe.name]
        if asked:
            raise error
        survey.machine = eager
        return [f"Not compiled: {error.problem} ({error.found})."], []
    before = sum(method.speed.step for method in survey.eager(compiled.methods)) * 1000
    after = sum(method.speed.step for method in compiled.methods) * 1000
    tried = [
        Tried(what=f"{without}compilation, all methods", milliseconds=round(milliseconds, 4))
        for without, milliseconds in (("without ", before), ("", after))
    ]
    times = f"A step of all methods takes {after:.3g} ms, and {before:.3g} ms without."
    if not asked and (after > before or compiled.short):
        survey.machine = eager
        return [f"Not compiled after all. {times}"], tried
    as_they_are = [f"{name} ({why.found})" for name, why in sorted(survey.refused.items())]
    left = [f"Not compiled among them: {', '.join(as_they_are)}."] if as_they_are else []
    return [choice.why, *left, times], tried


def _too_small(wishes: Wishes, data: DataSet, fit: Fit, elapsed: float, workers: int) -> InputError:
    name, share = max(fit.short, key=lambda pair: pair[1])
    # The budget b with (b − elapsed − tail)·workers·SLACK − b·BASELINE_SHARE = cohorts·share.
    planned = workers * SLACK
    needed = fit.cohorts * share + (elapsed + TAIL_SECONDS) * planned
    enough = math.ceil(needed / (planned * (1 - TAIL) - BASELINE_SHARE) * 1.1 / 10) * 10
    return InputError(
        f"a budget of {wishes.budget:g}s is too small to compare {len(fit.methods)} methods on "
        f"'{data.name}' ({name} would get less than an epoch or 30 steps)",
        advice=f"Try --budget {enough}s, or fewer methods (--recipes A,B).",
    )


def splitting(data: DataSet, wishes: Wishes, prepared: Prepared) -> Splits:
    """One split, or cross-validation where the data are so few that one split tells little."""
    if wishes.splits is not None:
        return wishes.splits
    few = prepared.counts[2] < FEW_TEST_ROWS
    asked = uncrossable(data) is not None or data.reading.split is not None
    fixed = asked or wishes.detect is not None or wishes.seeds == 1
    return "cv" if few and not fixed else "one"
