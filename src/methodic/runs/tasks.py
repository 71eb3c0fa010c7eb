"""Tasks that a worker does: train a cohort, fit a baseline. `runs.machine.measuring` has some more.

Each is a function of a run's folder and plain values, and leaves its results in files; whichever
worker does it, the files are the same (clock columns excepted).
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Sequence
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor

from methodic import baselines
from methodic.baselines import BaselineResult
from methodic.data.batches import Rows
from methodic.engine import checkpoint, loop
from methodic.engine.checkpoint import Standing, UnusableError
from methodic.engine.evaluation import outputs, validated
from methodic.engine.keeper import INTERVAL, Count, Keeper
from methodic.engine.native.values import UncompilableError
from methodic.engine.parts import Cohort
from methodic.engine.stopping import stoppable
from methodic.errors import InputError
from methodic.evidence import predictions
from methodic.files import fingerprint, make_folder, write_text, write_with
from methodic.metrics import get_metric
from methodic.models.around import inmost
from methodic.plan import (
    BaselinePlan,
    BaselineRecord,
    Machine,
    MemberRecord,
    Plan,
    Unit,
    UnitRecord,
)
from methodic.recipes.numbers import walk
from methodic.recipes.types import Recipe
from methodic.runs.cohorts import alone, at_once, cohort_of, room, stream, with_setting
from methodic.runs.given import NOTHING, Given
from methodic.runs.machine import fitting
from methodic.runs.machine.fitting import Lap
from methodic.runs.outcome import representing, timing
from methodic.runs.paths import (
    WORK,
    baseline_name,
    checkpoints_path,
    counts_path,
    predictions_path,
    record_path,
    standing_path,
    validation_path,
    weights_path,
)
from methodic.runs.rows.preparation import Prepared, load, place
from methodic.tuning import Segment


def train_unit(
    folder: Path,
    plan_json: str,
    unit_json: str,
    interval: float = INTERVAL,
    given: Given = NOTHING,
) -> str:
    """Train one cohort and write its record, and where asked its predictions and its weights.

    Training goes on from the unit's last checkpoint, if there is one.

    Args:
        folder: the run's.
        plan_json, unit_json: what to train.
        interval: seconds between checkpoints.
        given: what the user brought.

    Returns:
        The unit's id.

    Raises:
        Interrupted: the process was asked to stop; where training stood is saved.
    """
    unit = Unit.model_validate_json(unit_json)
    training = fingerprint(plan_json, unit_json)
    place, count = checkpoints_path(folder, unit.id), Count(counts_path(folder) / unit.id)
    with (
        stoppable() as asked,
        Keeper(place, training, asked, interval, count) as keeper,
    ):
        _train(folder, Plan.model_validate_json(plan_json), unit, keeper, given)
        keeper.remove()
    count.end()
    return unit.id


def _train(folder: Path, plan: Plan, unit: Unit, keeper: Keeper, given: Given) -> None:
    start = time.perf_counter()
    prepared = load(place(folder / WORK, unit.split))
    by_name = {contender.recipe.name: contender for contender in plan.contenders}
    machine = plan.machine
    if by_name[unit.members[0].recipe].eager:
        machine = machine.model_copy(update={"compiled": False})
    seeds = [stream(m) for m in unit.members]
    halted = _origin(folder, unit, torch.device(machine.device))
    segments = unit.segments or (
        Segment(
            until=unit.until,
            settings=tuple(by_name[m.recipe].settings[m.setting] for m in unit.members),
        ),
    )
    waited = prepared.rows["train"].waited
    for number, segment in enumerate(segments):
        recipes = [
            with_setting(by_name[m.recipe].recipe, setting, m.off)
            for m, setting in zip(unit.members, segment.settings, strict=True)
        ]
        # The only step of the last stage may be a rung's end, and somebody may go on from there.
        halts = segment.until < sum(unit.steps) or unit.steps[-1] == 1
        until = segment.until if halts else None
        last = number == len(segments) - 1
        with contextlib.ExitStack() as stack:
            own = keeper if last else stack.enter_context(keeper.part(f"segment-{number}"))
            rest = unit, recipes, seeds, own, given, Lap(halted, until)
            try:
                cohort, rows, trained = _lap(prepared, plan, machine, *rest)
            except UncompilableError:
                if not machine.compiled:
                    raise
                # Not every step was tried before the plan was frozen: a search comes to others.
                machine = machine.model_copy(update={"compiled": False})
                cohort, rows, trained = _lap(prepared, plan, machine, *rest)
        halted = trained.standing
    if trained.standing is not None:
        _halt(folder, unit, trained.standing)
    scores = [(fate.kept_score, fate.kept_loss) for fate in trained.fates]
    if unit.predict_test:
        seen = _predict(folder, prepared, cohort, trained, unit)
        if unit.judged is not None:
            final = prepared.judge(plan.metric, cohort.device)(seen)
            scores = list(zip(final.score.tolist(), final.loss.tolist(), strict=True))
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
            validation={plan.metric: _finite(score), "loss": _finite(loss)},
            seconds=seconds / len(seeds),
        )
        for member, recipe, fate, (score, loss) in zip(
            unit.members, recipes, trained.fates, scores, strict=True
        )
    )
    record = UnitRecord(
        unit=unit,
        members=members,
        curves=tuple(tuple(curve) for curve in trained.curves),
        seconds=seconds,
        threads=torch.get_num_threads(),
        notes=tuple(keeper.notes),
        inference=timing.of_member(
            cohort,
            trained,
            prepared.rows["test"].to(cohort.device),
            prepared.encoders.predictions,
        )
        if unit.predict_test
        else None,
        waited=rows.waited - waited,
    )
    if unit.predict_test:
        representing.look(folder / WORK, plan, prepared, cohort, trained, record, seeds)
    write_text(record_path(folder, unit.id), record.model_dump_json(indent=1))


def _lap(
    prepared: Prepared,
    plan: Plan,
    machine: Machine,
    unit: Unit,
    recipes: Sequence[Recipe],
    seeds: Sequence[int],
    keeper: Keeper,
    given: Given,
    lap: Lap,
) -> tuple[Cohort, Rows, loop.Trained]:
    """Train a unit's members with these recipes, from where they stand to where they halt."""

    def make(places: Sequence[int]) -> Cohort:
        return cohort_of(
            prepared,
            [recipes[i] for i in places],
            [seeds[i] for i in places],
            unit.steps,
            machine,
            given,
            plan.batches,
        )

    everyone = range(len(seeds))
    found = room(prepared, recipes, seeds, machine, given)
    # One member stands for all where only one may train: they share a network and a setting.
    cohort = make(everyone[:1] if alone(recipes[0]) else everyone)
    judge = prepared.judge(plan.metric, cohort.device, unit.judged)
    rows = prepared.rows["train"].to(cohort.device)
    width = at_once(recipes[0], machine, given.network, len(seeds))
    train = judge, unit.evaluate, keeper, found, lap
    if width == len(seeds):
        return cohort, rows, fitting.train(make, everyone, rows, *train)
    parts = [everyone[first : first + width] for first in everyone[::width]]
    return cohort, rows, fitting.in_parts(make, parts, rows, *train)


def _origin(folder: Path, unit: Unit, device: torch.device) -> Standing | None:
    """Where a unit's members stand before it, out of the units that trained them until then.

    Raises:
        InputError: a file of theirs is missing or damaged.
    """
    if not unit.origins:
        return None
    names = list(dict.fromkeys(origin.unit for origin in unit.origins))
    standings, first, before = [], {}, 0
    for name in names:
        path = standing_path(folder, name)
        try:
            standing, _ = checkpoint.read(path, 1, name, device)
        except UnusableError as error:
            raise InputError(
                f"{path}: a member can't go on from here ({error})",
                advice=f"Delete {record_path(folder, name)}, and its unit of work is done again: "
                f"methodic resume {folder}",
            ) from None
        standings.append(standing)
        first[name] = before
        before += len(standing.memory.fates)
    return checkpoint.joined(
        standings, [first[origin.unit] + origin.place for origin in unit.origins]
    )


def _halt(folder: Path, unit: Unit, standing: Standing) -> None:
    """Write where a unit halted."""
    path = standing_path(folder, unit.id)
    make_folder(path)
    checkpoint.save(path, 1, unit.id, standing, 0.0)


def _predict(
    folder: Path, prepared: Prepared, cohort: Cohort, trained: loop.Trained, unit: Unit
) -> Tensor:
    """Write what the kept weights predict, and themselves; returns outputs on validation rows."""
    flat, buffers = trained.flat, trained.buffers
    rows = {part: prepared.rows[part].to(cohort.device) for part in ("validation", "test")}
    seen = validated(cohort, flat, buffers, rows["validation"])
    tested = outputs(cohort.model, cohort.layout, flat, buffers, rows["test"], cohort.numbers)
    for out, path in (
        (seen, validation_path(folder, unit.id)),
        (tested, predictions_path(folder, unit.id)),
    ):
        predicted = prepared.encoders.predictions(out).cpu().numpy()
        predictions.write(path, predicted, prepared.encoders.schema.task == "regression")
    shipped = inmost(cohort.model).parameters()  # what objectives added isn't of use to anyone
    views = cohort.layout.views(trained.flat)
    tensors = {f"parameters/{name}": views[name] for name in shipped}
    tensors |= {f"buffers/{k}": v for k, v in trained.buffers.items()}
    contiguous = {name: value.cpu().contiguous().clone() for name, value in tensors.items()}
    write_with(weights_path(folder, unit.id), lambda path: save_file(contiguous, path))
    return seen


def fit_baseline(folder: Path, plan_json: str, baseline_json: str, split: int = 0) -> str:
    """Fit one baseline on one split, and write its record and its test predictions."""
    plan = Plan.model_validate_json(plan_json)
    chosen = BaselinePlan.model_validate_json(baseline_json)
    prepared = load(place(folder / WORK, split))
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
    name = baseline_name(chosen.kind, split)
    numbers = plan.data.task == "regression"
    predictions.write(predictions_path(folder, name), result.predictions[None], numbers)
    record = BaselineRecord(
        kind=chosen.kind,
        about=result.about,
        validation={k: _finite(v) for k, v in result.validation.items()},
        seconds=result.seconds,
        inference=timing.of_baseline(result, prepared.baseline_rows("test")),
        split=split,
    )
    write_text(record_path(folder, name), record.model_dump_json(indent=1))
    return name


def _finite(x: float) -> float | None:
    return x if abs(x) < float("inf") else None  # also None for NaN, which compares false
