"""Tasks that a worker does: measure a step, train a cohort, fit a baseline.

Each is a function of a run's folder and plain values, and leaves its results in files; whichever
worker does it, the files are the same (clock columns excepted).
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file

from methodic import baselines, build
from methodic.baselines import BaselineResult
from methodic.engine import loop
from methodic.engine.compilation import Search
from methodic.engine.evaluation import outputs
from methodic.engine.keeper import INTERVAL, Keeper
from methodic.engine.parts import Cohort
from methodic.engine.workers import stoppable
from methodic.evidence import predictions
from methodic.files import fingerprint, write_text, write_with
from methodic.metrics import get_metric
from methodic.plan import (
    BaselinePlan,
    BaselineRecord,
    Contender,
    MemberRecord,
    Plan,
    Unit,
    UnitRecord,
)
from methodic.recipes.numbers import replace, walk
from methodic.recipes.types import Recipe
from methodic.runs import fitting
from methodic.runs.networks import Network
from methodic.runs.preparation import Prepared, load

_MEASURING = 0.6  # seconds

WORK = "work"  # RUN/work: what only a running run needs


def record_path(folder: Path, name: str) -> Path:
    """Where a unit's or baseline's record lies."""
    return folder / "records" / f"{name}.json"


def predictions_path(folder: Path, unit: str) -> Path:
    """Where a confirmed unit's predictions of the test rows lie."""
    return folder / "records" / f"{unit}.predictions.parquet"


def weights_path(folder: Path, unit: str) -> Path:
    """Where a confirmed unit's kept weights lie until the best are bundled."""
    return folder / WORK / f"{unit}.safetensors"


def checkpoints_path(folder: Path, unit: str) -> Path:
    """The folder of a unit's checkpoints, until it has its record."""
    return folder / WORK / "checkpoints" / unit


def cohort_of(
    prepared: Prepared,
    recipes: Sequence[Recipe],
    seeds: Sequence[int],
    steps: Sequence[int],
    device: str,
    network: Network | None = None,
    compiled: bool = False,
) -> Cohort:
    """A cohort on prepared data; ``network`` is the user's own, in place of the recipes'."""
    return build.cohort(
        recipes,
        seeds,
        steps=steps,
        inputs=prepared.inputs,
        outputs=prepared.outputs,
        rows=len(prepared.rows["train"]),
        class_counts=prepared.encoders.class_counts,
        device=torch.device(device),
        module=None if network is None else network.model(seeds, prepared.outputs),
        compiled=compiled,
    )


def concrete(contender: Contender, setting: int) -> Recipe:
    """A contender's recipe with one of its settings put in."""
    return replace(contender.recipe, contender.settings[setting])


def measure(
    work: Path,
    recipes: Sequence[str],
    metric: str,
    device: str,
    network: Network | None = None,
    compiled: bool = False,
) -> tuple[float, float]:
    """Seconds of one step and of one evaluation of a cohort of ``recipes`` (as JSON), seeds 0, 1 …

    The median, not the best: what disturbs the measurement will disturb the run as well. Members
    that train one after the other cost what one of them costs, so many times.
    """
    prepared = load(work)
    parsed = [Recipe.model_validate_json(each) for each in recipes]
    times = 1
    if network is not None and not network.facts.together:
        times, parsed = len(parsed), parsed[:1]
    cohort = cohort_of(
        prepared,
        parsed,
        range(len(parsed)),
        [10**6 for _ in parsed[0].stages],
        device,
        network,
        compiled,
    )
    rows = prepared.rows["train"].to(cohort.device)
    judge = prepared.judge(metric, cohort.device)
    stage = cohort.stages[0]
    state = loop.begin(stage, loop.initial_state(cohort))
    if compiled:  # the first step compiles
        state = loop.advance(cohort, stage, state, rows, 1, lambda _: None)
    rates: list[float] = []
    spent, count = 0.0, 1
    while spent < _MEASURING:
        start = time.perf_counter()
        state = loop.advance(cohort, stage, state, rows, count, lambda _: None)
        seconds = time.perf_counter() - start
        spent += seconds
        rates.append(seconds / count)
        if seconds < _MEASURING / 16:
            count *= 2
    # A fresh process warms up first: the later half counts.
    step = float(np.median(rates[len(rates) // 2 :]))
    looking = float("inf")
    for _ in range(2):  # the first look may have to import what the metric needs
        start = time.perf_counter()
        judge(
            outputs(
                cohort.model, cohort.layout, state.flat, state.buffers, judge.rows, cohort.numbers
            )
        )
        looking = min(looking, time.perf_counter() - start)
    return step * times, looking * times


def uncompiled(work: Path, recipes: Sequence[str], device: str) -> set[str]:
    """Keys of the functions of a cohort's first step that nobody compiled here before."""
    prepared = load(work)
    parsed = [Recipe.model_validate_json(each) for each in recipes]
    search = Search()
    cohort = dataclasses.replace(
        cohort_of(prepared, parsed, range(len(parsed)), [1 for _ in parsed[0].stages], device),
        kernels=search,
    )
    state = loop.begin(cohort.stages[0], loop.initial_state(cohort))
    rows = prepared.rows["train"].to(cohort.device)
    loop.advance(cohort, cohort.stages[0], state, rows, 1, lambda _: None)
    return search.missing


def train_unit(
    folder: Path,
    plan_json: str,
    unit_json: str,
    interval: float = INTERVAL,
    network: Network | None = None,
) -> str:
    """Train one cohort and write its record, its test predictions and its weights.

    Training goes on from the unit's last checkpoint, if there is one.

    Args:
        folder: the run's.
        plan_json, unit_json: what to train.
        interval: seconds between checkpoints.
        network: the user's own, in place of the recipes'.

    Returns:
        The unit's id.

    Raises:
        Interrupted: the process was asked to stop; where training stood is saved.
    """
    unit = Unit.model_validate_json(unit_json)
    training = fingerprint(plan_json, unit_json)
    with (
        stoppable() as asked,
        Keeper(checkpoints_path(folder, unit.id), training, asked, interval) as keeper,
    ):
        _train(folder, Plan.model_validate_json(plan_json), unit, keeper, network)
        keeper.remove()
    return unit.id


def _train(folder: Path, plan: Plan, unit: Unit, keeper: Keeper, network: Network | None) -> None:
    start = time.perf_counter()
    prepared = load(folder / WORK)
    by_name = {contender.recipe.name: contender for contender in plan.contenders}
    recipes = [concrete(by_name[m.recipe], m.setting) for m in unit.members]
    seeds = [m.seed for m in unit.members]
    machine = plan.machine

    def make(places: Sequence[int]) -> Cohort:
        return cohort_of(
            prepared,
            [recipes[i] for i in places],
            [seeds[i] for i in places],
            unit.steps,
            machine.device,
            network,
            machine.compiled,
        )

    everyone = range(len(seeds))
    cohort = make(everyone)
    judge = prepared.judge(plan.metric, cohort.device)
    rows = prepared.rows["train"].to(cohort.device)
    if network is None or network.facts.together or len(seeds) == 1:
        trained = fitting.train(make, everyone, rows, judge, unit.evaluate, keeper)
    else:
        alone = [[place] for place in everyone]
        trained = fitting.in_parts(make, alone, rows, judge, unit.evaluate, keeper)
    if unit.predict_test:
        _predict(folder, prepared, cohort, trained, unit)
    seconds = keeper.seconds + time.perf_counter() - start
    members = tuple(
        MemberRecord(
            member=member,
            numbers={path: value for path, value in walk(recipe) if isinstance(value, float)},
            status=fate.status,
            why=fate.why,
            steps_taken=fate.ended if fate.ended is not None else trained.steps_taken,
            batches_seen=fate.ended if fate.ended is not None else trained.batches_seen,
            best_step=fate.kept_step,
            validation={
                plan.metric: _finite(fate.kept_score),
                "loss": _finite(fate.kept_loss),
            },
            seconds=seconds / cohort.width,
        )
        for member, recipe, fate in zip(unit.members, recipes, trained.fates, strict=True)
    )
    record = UnitRecord(
        unit=unit,
        members=members,
        curves=tuple(tuple(curve) for curve in trained.curves),
        seconds=seconds,
        threads=torch.get_num_threads(),
        notes=tuple(keeper.notes),
    )
    write_text(record_path(folder, unit.id), record.model_dump_json(indent=1))


def _predict(
    folder: Path, prepared: Prepared, cohort: Cohort, trained: loop.Trained, unit: Unit
) -> None:
    out = outputs(
        cohort.model,
        cohort.layout,
        trained.flat,
        trained.buffers,
        prepared.rows["test"].to(cohort.device),
        cohort.numbers,
    )
    predicted = prepared.encoders.predictions(out).cpu().numpy()
    predictions.write(predictions_path(folder, unit.id), predicted)
    tensors = {f"parameters/{k}": v for k, v in cohort.layout.views(trained.flat).items()}
    tensors |= {f"buffers/{k}": v for k, v in trained.buffers.items()}
    contiguous = {name: value.cpu().contiguous().clone() for name, value in tensors.items()}
    write_with(weights_path(folder, unit.id), lambda path: save_file(contiguous, path))


def fit_baseline(folder: Path, plan_json: str, baseline_json: str) -> str:
    """Fit one baseline and write its record and its test predictions."""
    plan = Plan.model_validate_json(plan_json)
    chosen = BaselinePlan.model_validate_json(baseline_json)
    prepared = load(folder / WORK)
    metric = get_metric(plan.metric, plan.data.task)
    result: BaselineResult = baselines.fit(
        chosen,
        plan.data.task,
        prepared.baseline_rows("train"),
        prepared.baseline_rows("validation"),
        prepared.baseline_rows("test"),
        metric,
        prepared.outputs,
    )
    name = f"baseline-{chosen.kind}"
    predictions.write(predictions_path(folder, name), result.predictions[None])
    record = BaselineRecord(
        kind=chosen.kind,
        about=result.about,
        validation={k: _finite(v) for k, v in result.validation.items()},
        seconds=result.seconds,
    )
    write_text(record_path(folder, name), record.model_dump_json(indent=1))
    return name


def _finite(x: float) -> float | None:
    return x if abs(x) < float("inf") else None  # also None for NaN, which compares false
