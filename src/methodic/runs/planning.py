"""From a budget in seconds to a frozen plan: what will run, measured before it is fixed.

Every method gets equal measured seconds for each of its cohorts. Full-batch steps cost more than
mini-batch steps, so equal seconds mean different numbers of steps, and the plan says how many.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch

from methodic import build
from methodic.baselines import plan_baselines
from methodic.data.dataset import DataSet
from methodic.data.schema import ASKED
from methodic.engine.workers import Pool
from methodic.errors import InputError
from methodic.evidence import design
from methodic.evidence.simplicity import parts
from methodic.plan import (
    Asked,
    ConfirmPlan,
    Contender,
    DataFacts,
    Machine,
    Plan,
    Tried,
)
from methodic.recipes.types import Auto, Recipe
from methodic.runs import placement
from methodic.runs.choosing import asked_for
from methodic.runs.choosing import choose as choose_speed
from methodic.runs.compiling import choose
from methodic.runs.networks import Network, described
from methodic.runs.placement import Placement
from methodic.runs.preparation import Prepared
from methodic.runs.speed import (
    EPOCHS,
    LEAST_CAP,
    WIDTH,
    Survey,
    Timed,
    cap,
    looks,
    steps_within,
    too_short,
)
from methodic.runs.units import SCREEN_SEEDS, screen_units

CONFIRM_SEEDS = 10
MOST_SEEDS = 20
BLOCK = WIDTH  # seeds of confirmation that train in one cohort, and are dropped together
TAIL = 0.05  # share of the budget for predictions, report and bundle
TAIL_SECONDS = 3.0
BASELINE_SHARE = 0.08
SLACK = (
    0.75  # share of the remaining time that is planned: a machine in use is slower than measured
)


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
    named: bool = False  # the user named the recipes, so none may be left out
    compile: bool | None = None  # None: where it pays
    asked: Asked = field(default_factory=Asked)
    shared_batches: bool = False


@dataclass(frozen=True)
class _Shape:
    """How large a comparison is, and the least training for which it is chosen."""

    points: int  # settings of a method
    finalists: int  # besides the simplest method
    epochs: float
    steps: float


_SHAPES = (_Shape(5, 3, epochs=3.0, steps=300.0), _Shape(3, 2, epochs=1.0, steps=30.0))
_SHARED = (
    "Shared batches: all members see the rows in one order, whatever their seeds, so intervals are "
    "about other initial weights and noise, and not about another order of rows."
)
_LONGER = 3.0  # confirmation trains at most so much longer, when time is short


@dataclass(frozen=True)
class _Fit:
    """A comparison that fits the time."""

    shape: _Shape
    methods: list[Timed]  # with their screening cohorts
    share: float  # seconds of a screening cohort
    scale: float  # seconds of a confirmation cohort ÷ share
    capped: bool  # more time than training can use
    looks: int
    steps: list[list[int]]
    confirm_steps: list[list[int]]
    short: list[tuple[str, float]]  # methods that get too little, with the seconds that they need
    cohorts: float  # in units of a screening cohort
    spare: float  # worker-seconds that are left


def facts(data: DataSet, prepared: Prepared, seed: int) -> DataFacts:
    """What a plan records about the data."""
    return DataFacts(
        name=data.name,
        **place(data),
        fingerprint=data.fingerprint,
        task=data.schema.task,
        target=data.schema.target,
        classes=data.schema.classes,
        rows=prepared.counts,
        numeric=prepared.encoders.width,
        categorical=prepared.encoders.columns,
        split_seed=seed,
        drop=tuple(each.name for each in data.schema.dropped if each.why == ASKED),
    )


def place(data: DataSet) -> dict[str, str | None]:
    """Where data can be read again, as fields of `DataFacts`."""
    whole = data.test is None or data.test_source is not None
    return {"source": data.source if whole else None, "test": data.test_source}


def machine(wishes: Wishes) -> Machine:
    """One worker per core with one thread each, unless the user says otherwise.

    Measuring begins so; for large networks `placement` may choose fewer workers with more threads.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return Machine(
        device=wishes.device,
        capability=torch.backends.cpu.get_cpu_capability(),
        torch=torch.__version__,
        workers=wishes.workers if wishes.workers is not None else (cores or 1),
        threads=wishes.threads or 1,
    )


def make(
    data: DataSet,
    prepared: Prepared,
    work: Path,
    pool: Pool,
    wishes: Wishes,
    elapsed: float,
    network: Network | None = None,
) -> Plan:
    """Measure, then fix what will run.

    Args:
        data, prepared: the data, and the same encoded; saved in ``work`` for the workers.
        work: folder of the prepared data.
        pool: started workers.
        wishes: what the user asked for.
        elapsed: seconds of the budget that are gone by now.
        network: the user's own, which every method trains; None: each recipe's.

    Raises:
        InputError: the budget is too small for these data.
    """
    task, rows = data.schema.task, prepared.counts[0]
    recipes = [build.resolve(recipe, task, rows) for recipe in wishes.recipes]
    if network is not None:
        recipes = [recipe.model_copy(update={"model": Auto()}) for recipe in recipes]
    began = time.monotonic()
    chosen = machine(wishes)
    images = any(x.ndim == 4 for x in prepared.rows["train"].inputs.values())
    started = asked_for(wishes.asked, chosen, network is not None, images)
    survey = Survey(pool, work, rows, wishes.metric, started, network)
    rivals = plan_baselines(
        task,
        rows,
        prepared.encoders.width + prepared.encoders.columns,
        prepared.outputs,
        wishes.budget * BASELINE_SHARE,
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
    fit, notes = _fit(survey, recipes, left, wishes.seeds), []
    if fit.short and not wishes.named and len(fit.short) < len(recipes):
        slow = {name for name, _ in fit.short}
        notes = [f"Left out: {name}, too slow for this budget." for name in sorted(slow)]
        recipes = [recipe for recipe in recipes if recipe.name not in slow]
        fit = _fit(survey, recipes, left, wishes.seeds)
    if not fit.short:
        # What is measured is known; finding out about compilation took its time, which is gone.
        compiling, tried = _compiling(survey, fit, recipes, left, wishes, chosen.workers)
        fit = _fit(survey, recipes, left, wishes.seeds)
        notes += compiling
        choices.tried += tried
    if fit.short:
        gone = elapsed + time.monotonic() - began
        raise _too_small(wishes, data, fit, gone, max(chosen.workers, 1))
    seeds = wishes.seeds or _more_seeds(fit)
    contenders = tuple(
        Contender(
            recipe=method.recipe,
            settings=design.grid(method.recipe, fit.shape.points),
            batch=method.batch,
            steps=tuple(count),
            confirm_steps=tuple(confirm),
            milliseconds=round(method.speed.step * 1000, 4),
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
        screen=screen_units(contenders, wishes.seed, fit.looks),
        confirm=ConfirmPlan(
            finalists=fit.shape.finalists,
            simplest=min(recipes, key=parts).name,
            seeds=design.seeds(wishes.seed, "confirm", seeds),
            block=BLOCK,
            scale=fit.scale,
            evaluations=fit.looks,
        ),
        notes=(
            *notes,
            *placed.notes,
            *choices.notes,
            *_notes(fit, seeds, data),
            *((_SHARED,) if wishes.shared_batches else ()),
            *(described(network) if network else ()),
        ),
        network=None if network is None else network.facts,
        tried=(*placed.tried, *choices.tried),
        batches="shared" if wishes.shared_batches else "own",
    )


def _fit(
    survey: Survey, recipes: Sequence[Recipe], left: Callable[[], float], seeds: int | None
) -> _Fit:
    """The largest shape that leaves each method enough training, or the smallest shape.

    When time is short, confirmation trains longer than screening: the screening only chooses.
    """
    for shape in _SHAPES:
        fit = _fitted(survey, recipes, shape, left, seeds)
        if not fit.short:
            break
    return fit


def _fitted(
    survey: Survey,
    recipes: Sequence[Recipe],
    shape: _Shape,
    left: Callable[[], float],
    seeds: int | None,
) -> _Fit:
    rows = survey.rows
    confirming = survey.cohorts(recipes, [BLOCK] * len(recipes))
    screening = survey.screening(recipes, shape.points)
    worker_seconds = left()
    longest = cap(screening, rows)
    # Confirmation's cohorts are wider; the same steps take so many times as long there.
    wider = cap(confirming, rows) / longest
    screened = len(recipes) * SCREEN_SEEDS
    finalists = min(len(recipes), shape.finalists + 1)
    confirmed = finalists * math.ceil((seeds or CONFIRM_SEEDS) / BLOCK)
    scale = _LONGER * wider
    share = worker_seconds / (screened + scale * confirmed)
    if share * scale > longest * wider:
        share = min((worker_seconds - confirmed * longest * wider) / screened, longest)
        scale = longest * wider / share
    count = looks([*screening, *confirming], share)
    steps = [steps_within(method, share, count, rows) for method in screening]
    return _Fit(
        shape,
        screening,
        share,
        scale,
        share * scale >= longest * wider * 0.999,
        count,
        steps,
        [steps_within(method, share * scale, count, rows) for method in confirming],
        too_short(screening, steps, rows, shape.epochs, shape.steps),
        screened + scale * confirmed,
        worker_seconds - share * (screened + scale * confirmed),
    )


def _compiling(
    survey: Survey,
    fit: _Fit,
    recipes: Sequence[Recipe],
    left: Callable[[], float],
    wishes: Wishes,
    workers: int,
) -> tuple[list[str], list[Tried]]:
    """Let the survey compile its cohorts from now on, where that pays.

    Returns:
        in words why or why not, and what a step of all methods takes in both ways.
    """
    choice = choose(survey, fit.methods, fit.cohorts * fit.share, workers, wishes.compile)
    if not choice.compiled:
        return [choice.why], []
    eager = survey.machine
    survey.machine = eager.model_copy(update={"compiled": True})
    try:
        compiled = _fit(survey, recipes, left, wishes.seeds)
    except InputError as error:
        if wishes.compile:
            raise
        survey.machine = eager
        return [f"Not compiled: {error.problem} ({error.found})."], []
    before = sum(method.speed.step for method in survey.eager(compiled.methods)) * 1000
    after = sum(method.speed.step for method in compiled.methods) * 1000
    tried = [
        Tried(what=f"{without}compilation, all methods", milliseconds=round(milliseconds, 4))
        for without, milliseconds in (("without ", before), ("", after))
    ]
    times = f"A step of all methods takes {after:.3g} ms, and {before:.3g} ms without."
    if not wishes.compile and (after > before or compiled.short):
        survey.machine = eager
        return [f"Not compiled after all. {times}"], tried
    return [choice.why, times], tried


def _more_seeds(fit: _Fit) -> int:
    """Seeds of the confirmation: ten, and more in whole blocks where time is left."""
    block = min(len(fit.methods), fit.shape.finalists + 1) * fit.share * fit.scale
    more = min(int(fit.spare / block), (MOST_SEEDS - CONFIRM_SEEDS) // BLOCK)
    return CONFIRM_SEEDS + BLOCK * more


def _too_small(
    wishes: Wishes, data: DataSet, fit: _Fit, elapsed: float, workers: int
) -> InputError:
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


def _notes(fit: _Fit, seeds: int, data: DataSet) -> tuple[str, ...]:
    notes = [
        f"Equal budgets: every screening cohort gets {fit.share:.3g} s of one worker, every "
        f"confirmation cohort {fit.share * fit.scale:.3g} s, whatever its method.",
        f"Screening: at most {fit.shape.points} settings × {SCREEN_SEEDS} seeds of each method, "
        "validation rows only.",
        f"Confirmation: the best {fit.shape.finalists} methods and the simplest one on {seeds} "
        "fresh seeds; intervals are about training again on this split.",
    ]
    if fit.capped:
        notes.append(
            f"The budget allows more than {EPOCHS} epochs (or {LEAST_CAP} steps); training ends "
            "there."
        )
    if seeds < CONFIRM_SEEDS:
        notes.append(f"Only {seeds} seeds were asked for; a claim should rest on at least 10.")
    return (*notes, *data.notes)
