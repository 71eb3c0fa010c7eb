"""From a budget in seconds to a frozen plan: what will run, measured before it is fixed.

Every method gets equal measured seconds for each of its cohorts. Full-batch steps cost more than
mini-batch steps, so equal seconds mean different numbers of steps, and the plan says how many.
"""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from methodic import build
from methodic.baselines import plan_baselines
from methodic.data.dataset import DataSet
from methodic.engine.workers import Pool
from methodic.errors import InputError
from methodic.evidence import design
from methodic.plan import (
    BaselinePlan,
    ConfirmPlan,
    Contender,
    DataFacts,
    Machine,
    Member,
    Plan,
    Unit,
)
from methodic.recipes.numbers import replace
from methodic.recipes.types import SGD, Recipe
from methodic.runs.preparation import Prepared
from methodic.runs.speed import EPOCHS, LEAST_CAP, Speed, cap, measured, steps_within, too_short
from methodic.runs.tasks import measure
from methodic.runs.units import SCREEN_SEEDS, evaluations, screen_units

CONFIRM_SEEDS = 10
MOST_SEEDS = 20
BLOCK = 5  # seeds of confirmation that train in one cohort, and are dropped together
TAIL = 0.05  # share of the budget for predictions, report and bundle
TAIL_SECONDS = 3.0
BASELINE_SHARE = 0.08
SLACK = 0.85  # share of the remaining time that is planned; both cores are never busy throughout


@dataclass(frozen=True)
class Wishes:
    """What the user asked for."""

    recipes: tuple[Recipe, ...]
    metric: str
    budget: float
    seed: int = 0
    seeds: int | None = None
    workers: int | None = None
    threads: int | None = None
    device: str = "cpu"
    command: str = ""


@dataclass(frozen=True)
class _Shape:
    """How large a comparison is: settings a method, finalists besides the simplest method."""

    points: int
    finalists: int


_SHAPES = (_Shape(5, 3), _Shape(3, 2))


def facts(data: DataSet, prepared: Prepared, seed: int) -> DataFacts:
    """What a plan records about the data."""
    return DataFacts(
        name=data.name,
        source=data.source,
        fingerprint=data.fingerprint,
        task=data.schema.task,
        target=data.schema.target,
        classes=data.schema.classes,
        rows=prepared.counts,
        numeric=prepared.encoders.width,
        categorical=prepared.encoders.columns,
        split_seed=seed,
    )


def machine(wishes: Wishes) -> Machine:
    """One worker per core with one thread each, unless the user says otherwise."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return Machine(
        device=wishes.device,
        capability=torch.backends.cpu.get_cpu_capability(),
        torch=torch.__version__,
        workers=wishes.workers if wishes.workers is not None else (cores or 1),
        threads=wishes.threads or 1,
    )


def make(
    data: DataSet, prepared: Prepared, work: Path, pool: Pool, wishes: Wishes, elapsed: float
) -> Plan:
    """Measure, then fix what will run.

    Args:
        data, prepared: the data, and the same encoded; saved in ``work`` for the workers.
        work: folder of the prepared data.
        pool: started workers.
        wishes: what the user asked for.
        elapsed: seconds of the budget that are gone by now.

    Raises:
        InputError: the budget is too small for these data.
    """
    task, rows = data.schema.task, prepared.counts[0]
    recipes = [build.resolve(recipe, task, rows) for recipe in wishes.recipes]
    batches = [[build.batch_rows(stage, rows) for stage in r.stages] for r in recipes]
    grids = [design.grid(recipe, _SHAPES[0].points) for recipe in recipes]
    speeds, gone = measured(pool, work, recipes, grids, wishes.metric, wishes.device)
    elapsed += gone
    rivals = plan_baselines(
        task,
        rows,
        prepared.encoders.width + prepared.encoders.columns,
        prepared.outputs,
        wishes.budget * BASELINE_SHARE,
    )
    chosen_machine = machine(wishes)
    workers = max(chosen_machine.workers, 1)
    tail = max(TAIL * wishes.budget, TAIL_SECONDS)
    core_seconds = (wishes.budget - elapsed - tail) * workers * SLACK
    core_seconds -= wishes.budget * BASELINE_SHARE
    longest = cap(batches, speeds, rows)
    for shape in _SHAPES:
        finalists = min(len(recipes), shape.finalists + 1)
        blocks = math.ceil((wishes.seeds or CONFIRM_SEEDS) / BLOCK)
        units = len(recipes) * SCREEN_SEEDS + finalists * blocks
        share = min(core_seconds / units, longest)
        steps = [
            steps_within(recipe, batch, speed, share, rows)
            for recipe, batch, speed in zip(recipes, batches, speeds, strict=True)
        ]
        short = too_short(recipes, batches, steps, speeds, rows)
        if not short:
            break
    if short:
        raise _too_small(wishes, data, short, elapsed, units, workers)
    spare = core_seconds - units * share
    seeds = wishes.seeds or CONFIRM_SEEDS + BLOCK * min(
        int(spare / (finalists * share)), (MOST_SEEDS - CONFIRM_SEEDS) // BLOCK
    )
    contenders = tuple(
        Contender(
            recipe=recipe,
            settings=design.grid(recipe, shape.points),
            batch=tuple(batch),
            steps=tuple(count),
            milliseconds=round(speed.step * 1000, 4),
        )
        for recipe, batch, count, speed in zip(recipes, batches, steps, speeds, strict=True)
    )
    return Plan(
        command=wishes.command,
        data=facts(data, prepared, wishes.seed),
        metric=wishes.metric,
        budget=wishes.budget,
        machine=chosen_machine,
        contenders=contenders,
        baselines=rivals,
        screen=screen_units(contenders, wishes.seed),
        confirm=ConfirmPlan(
            finalists=shape.finalists,
            simplest=_simplest(recipes),
            seeds=design.seeds(wishes.seed, "confirm", seeds),
            block=BLOCK,
        ),
        notes=_notes(share, longest, shape, seeds, data),
    )


def make_single(
    data: DataSet, prepared: Prepared, work: Path, wishes: Wishes, steps: int | None
) -> Plan:
    """The plan of `methodic train`: one method, one member, the middle of each range."""
    rows = prepared.counts[0]
    recipe = build.resolve(wishes.recipes[0], data.schema.task, rows)
    batch = [build.batch_rows(stage, rows) for stage in recipe.stages]
    settings = design.grid(recipe, 1)
    middle = replace(recipe, settings[0]).model_dump_json()
    speed = Speed(*measure(work, [middle], wishes.metric, wishes.device))
    if steps is None:
        count = steps_within(recipe, batch, speed, wishes.budget * SLACK, rows)
        most = max(LEAST_CAP, math.ceil(EPOCHS * rows / batch[-1]))
        count = [
            min(each, max(1, round(most * s.share)))
            for each, s in zip(count, recipe.stages, strict=True)
        ]
    else:
        count = [max(1, round(steps * stage.share)) for stage in recipe.stages]
    contender = Contender(
        recipe=recipe,
        settings=settings,
        batch=tuple(batch),
        steps=tuple(count),
        milliseconds=round(speed.step * 1000, 4),
    )
    unit = Unit(
        id=f"train-{recipe.name}",
        phase="train",
        block=0,
        members=(Member(recipe=recipe.name, setting=0, seed=wishes.seed),),
        steps=tuple(count),
        evaluate=evaluations(sum(count)),
        predict_test=True,
    )
    notes = tuple(
        f"{path} = {value:g}: the middle of the recipe's range"
        for path, value in settings[0].items()
    )
    return Plan(
        command=wishes.command,
        data=facts(data, prepared, wishes.seed),
        metric=wishes.metric,
        budget=None if steps is not None else wishes.budget,
        machine=machine(wishes).model_copy(update={"workers": 0}),
        contenders=(contender,),
        baselines=(BaselinePlan(kind="constant"),),
        screen=(),
        confirm=None,
        train=(unit,),
        notes=notes,
    )


def _too_small(
    wishes: Wishes,
    data: DataSet,
    short: list[tuple[str, float]],
    elapsed: float,
    units: int,
    workers: int,
) -> InputError:
    name, share = max(short, key=lambda pair: pair[1])
    # The budget b with (b − elapsed − tail) · workers · SLACK − b · BASELINE_SHARE = units · share.
    planned = workers * SLACK
    needed = units * share + (elapsed + TAIL_SECONDS) * planned
    enough = math.ceil(needed / (planned * (1 - TAIL) - BASELINE_SHARE) * 1.1 / 10) * 10
    return InputError(
        f"a budget of {wishes.budget:g}s is too small to compare {len(wishes.recipes)} methods on "
        f"'{data.name}' ({units} cohorts; {name} would get less than an epoch or 30 steps)",
        advice=f"Try --budget {enough}s, or fewer methods (--recipes A,B).",
    )


def _simplest(recipes: Sequence[Recipe]) -> str:
    """The method with the fewest non-default parts; ties go to the one listed first."""

    def parts(recipe: Recipe) -> int:
        count = 2 * len(recipe.stages)
        for stage in recipe.stages:
            count += len(stage.regularizers) + 2 * len(stage.turns)
            count += stage.batch == "full"  # rarely a method that anyone would use as it is
            for turn in stage.turns:
                match turn.optimizer:
                    case SGD(momentum=0.0):
                        pass
                    case SGD():
                        count += 1
                    case _:
                        count += 2
                count += turn.schedule.kind != "constant"
        return count

    return min(recipes, key=parts).name


def _notes(share: float, cap: float, shape: _Shape, seeds: int, data: DataSet) -> tuple[str, ...]:
    notes = [
        f"Equal budgets: every cohort gets {share:.3g} s of one worker, whatever its method.",
        f"Screening: at most {shape.points} settings × {SCREEN_SEEDS} seeds of each method, "
        "validation rows only.",
        f"Confirmation: the best {shape.finalists} methods and the simplest one on {seeds} fresh "
        "seeds; intervals are about training again on this split.",
    ]
    if share >= cap:
        notes.append(
            f"The budget allows more than {EPOCHS} epochs (or {LEAST_CAP} steps); training ends "
            "there."
        )
    if seeds < CONFIRM_SEEDS:
        notes.append(f"Only {seeds} seeds were asked for; a claim should rest on at least 10.")
    return (*notes, *data.notes)
