"""Tasks that a worker does: train a cohort, fit a baseline. `runs.machine.measuring` has some more.

Each is a function of a run's folder and plain values, and leaves its results in files; whichever
worker does it, the files are the same (clock columns excepted).
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor

from methodic import baselines, build
from methodic.baselines import BaselineResult
from methodic.engine import loop, memory
from methodic.engine.evaluation import outputs, validated
from methodic.engine.keeper import INTERVAL, Count, Keeper
from methodic.engine.memory import Need
from methodic.engine.parts import Cohort
from methodic.engine.workers import company, stoppable
from methodic.evidence import ablation, predictions
from methodic.files import fingerprint, write_text, write_with
from methodic.metrics import get_metric
from methodic.models.around import inmost
from methodic.plan import (
    BaselinePlan,
    BaselineRecord,
    Batches,
    Contender,
    Machine,
    Member,
    MemberRecord,
    Plan,
    Unit,
    UnitRecord,
)
from methodic.recipes import catalogue
from methodic.recipes.kinds.optimizers import LBFGS
from methodic.recipes.numbers import replace, walk
from methodic.recipes.types import Recipe
from methodic.rng import key
from methodic.runs.given import NOTHING, Given
from methodic.runs.machine import fitting
from methodic.runs.networks import Network
from methodic.runs.outcome import representing, timing
from methodic.runs.rows.preparation import Prepared, load, place

WORK = "work"  # RUN/work: what only a running run needs


def record_path(folder: Path, name: str) -> Path:
    """Where a unit's or baseline's record lies."""
    return folder / "records" / f"{name}.json"


def predictions_path(folder: Path, unit: str) -> Path:
    """Where a confirmed unit's predictions of the test rows lie."""
    return folder / "records" / f"{unit}.predictions.parquet"


def validation_path(folder: Path, unit: str) -> Path:
    """Where a confirmed unit's predictions of the validation rows lie until the verdict."""
    return folder / WORK / f"{unit}.validation.parquet"


def weights_path(folder: Path, unit: str) -> Path:
    """Where a confirmed unit's kept weights lie until the best are bundled."""
    return folder / WORK / f"{unit}.safetensors"


def checkpoints_path(folder: Path, unit: str) -> Path:
    """The folder of a unit's checkpoints, until it has its record."""
    return folder / WORK / "checkpoints" / unit


def counts_path(folder: Path) -> Path:
    """The folder of a run in which units under way say how many steps they have taken."""
    return folder / WORK / "steps"


def cohort_of(
    prepared: Prepared,
    recipes: Sequence[Recipe],
    seeds: Sequence[int],
    steps: Sequence[int],
    machine: Machine,
    given: Given = NOTHING,
    batches: Batches = "own",
) -> Cohort:
    """A cohort on prepared data, with what the user brought."""
    network = given.network
    last = machine.memory_format == "channels_last"
    return build.cohort(
        recipes,
        seeds,
        steps=steps,
        inputs=prepared.inputs,
        outputs=prepared.outputs,
        rows=len(prepared.rows["train"]),
        every=prepared.rows["train"].every,
        class_counts=prepared.class_counts,
        device=torch.device(machine.device),
        module=None if network is None else network.model(seeds, prepared.outputs, last),
        compiled=machine.compiled and not alone(recipes[0]),
        precision=machine.precision,
        shared_batches=batches == "shared" or prepared.block > 0,
        block=prepared.block,
        own=given.own,
    )


def alone(recipe: Recipe) -> bool:
    """Whether a rule of the recipe asks for gradients itself: for one member, and in torch."""
    return any(isinstance(t.optimizer, LBFGS) for stage in recipe.stages for t in stage.turns)


def at_once(recipe: Recipe, machine: Machine, network: Network | None, members: int) -> int:
    """How many of a unit's members train in one cohort; the others follow in further cohorts.

    As few parts as the machine's width allows, and all about equally large. Networks for images
    take members one by one in any case.
    """
    if alone(recipe) or (network is not None and not network.facts.together):
        return 1
    if network is None and catalogue.takes_images(recipe):
        return 1
    parts = math.ceil(members / (machine.width or members))
    return math.ceil(members / parts)


def needed(
    prepared: Prepared,
    recipes: Sequence[Recipe],
    seeds: Sequence[int],
    machine: Machine,
    given: Given,
    free: int,
) -> Need:
    """What training these members needs; an estimate that is only a bound if more than ``free``."""
    network = given.network
    once = [1 for _ in recipes[0].stages]

    def make(places: Sequence[int]) -> Cohort:
        some = [recipes[i] for i in places], [seeds[i] for i in places]
        return cohort_of(prepared, *some, once, machine, given)

    if network is None:
        model = build.network(recipes[0], prepared.inputs, prepared.outputs)
        parameters = sum(math.prod(spec.shape) for spec in model.parameters().values())
    else:
        parameters = network.facts.parameters
    return fitting.estimated(
        make,
        parameters,
        prepared.rows["train"].to(torch.device(machine.device)),
        len(prepared.rows["validation"]),
        free,
        probes=1
        if network is None
        else min(2, at_once(recipes[0], machine, network, len(recipes))),
    )


def room(
    prepared: Prepared,
    recipes: Sequence[Recipe],
    seeds: Sequence[int],
    machine: Machine,
    given: Given = NOTHING,
) -> fitting.Room:
    """What training these members at once needs, and the memory that this worker may take.

    Raises:
        InputError: not even one of them fits.
    """
    free = memory.share(machine.device, company())
    need = needed(prepared, recipes, seeds, machine, given, free)
    return fitting.room(need, free, recipes[0].name)


def concrete(contender: Contender, setting: int, off: str = "") -> Recipe:
    """A contender's recipe with one of its settings put in, and an ingredient left out if asked."""
    chosen = replace(contender.recipe, contender.settings[setting])
    return ablation.without(chosen, off) if off else chosen


def stream(member: Member) -> int:
    """The seed of a member's random numbers: its own, and another one in each method.

    Methods that share a seed share the split, and nothing else. With common initial weights and
    orders a method and its copy under another name would train to the same bits, and a difference
    between two methods would be about these weights and orders only.
    """
    return key(member.seed, "method", member.recipe) & (2**63 - 1)


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
    recipes = [concrete(by_name[m.recipe], m.setting, m.off) for m in unit.members]
    seeds = [stream(m) for m in unit.members]
    machine = plan.machine
    if by_name[unit.members[0].recipe].eager:
        machine = machine.model_copy(update={"compiled": False})

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
    waited = rows.waited
    if width == len(seeds):
        trained = fitting.train(make, everyone, rows, judge, unit.evaluate, keeper, found)
    else:
        parts = [everyone[first : first + width] for first in everyone[::width]]
        trained = fitting.in_parts(make, parts, rows, judge, unit.evaluate, keeper, found)
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


def baseline_name(kind: str, split: int = 0) -> str:
    """What the files of a baseline are called, as a unit's by its id."""
    return f"baseline-{kind}-{split:03d}" if split else f"baseline-{kind}"


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
