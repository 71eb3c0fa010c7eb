"""The plan of `methodic train`: one method, trained once, beside the constant baseline."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from dataclasses import replace as replaced
from pathlib import Path

from methodic import build
from methodic.data.dataset import DataSet
from methodic.engine.workers import using
from methodic.plan import BaselinePlan, Contender, Machine, Member, Plan, Unit
from methodic.recipes import spaces
from methodic.report import cells
from methodic.runs.given import Given
from methodic.runs.machine import alone, choosing
from methodic.runs.machine.measuring import measure
from methodic.runs.machine.speed import (
    EPOCHS,
    LEAST_CAP,
    LOOKING,
    Speed,
    Timed,
    batches,
    epoch,
    looks,
    steps_within,
)
from methodic.runs.plans.planning import facts, machine
from methodic.runs.plans.units import EVALUATIONS, evaluations
from methodic.runs.plans.wishes import Wishes
from methodic.runs.rows.preparation import Prepared

SLACK = 0.85  # share of the time that is planned: there are no workers to disturb each other
LEAST_JUDGED = 1000  # validation rows of an evaluation, if there are more of them


def make(
    data: DataSet,
    prepared: Prepared,
    work: Path,
    wishes: Wishes,
    steps: int | None,
    given: Given,
    started: float,
) -> Plan:
    """One method, one member, the middle of each range; as many steps as asked for, or as fit.

    ``started``: the monotonic clock when the budget began.
    """
    recipe = build.resolve(wishes.recipes[0], data.schema.task, prepared.counts[0], prepared.inputs)
    settings = (spaces.untuned(recipe),)
    middle = spaces.concrete(recipe, settings[0])

    def timed(on: Machine) -> Timed:
        counts = prepared.counts[0], prepared.rows["train"].every
        with using(on.threads):
            found = measure(work, [middle.model_dump_json()], wishes.metric, on, given)
        return Timed(recipe, batches(recipe, *counts), Speed(*found), 1, epoch(recipe, *counts))

    def training(method: Timed) -> tuple[int, ...]:
        if steps is not None:
            return tuple(max(1, round(steps * stage.share)) for stage in recipe.stages)
        left = wishes.budget - (time.monotonic() - started)
        return _steps(method, prepared, max(left, wishes.budget / 4))

    having = machine(wishes).model_copy(update={"workers": 0})
    plain = choosing.asked_for(wishes.asked, having, own=False, images=False)
    method = timed(plain)
    # A better choice makes what is predicted at last faster, too.
    seconds = sum(training(method)) * method.speed.step + method.speed.ending
    chosen = alone.choose(work, middle, method, plain, given, seconds, wishes)
    if chosen.machine != plain:
        method = timed(chosen.machine)
    contender = Contender(
        recipe=recipe,
        settings=settings,
        batch=method.batch,
        steps=training(method),
        confirm_steps=(),
        milliseconds=round(method.speed.step * 1000, 4),
    )
    total = sum(contender.steps)
    # So many steps with a seed are the same training each time, on a busy machine, too.
    looking = Looking(EVALUATIONS, None)
    if steps is None:
        looking = _looking(method, prepared.counts[1], total * method.speed.step)
    unit = Unit(
        id=f"train-{recipe.name}",
        phase="train",
        block=0,
        members=(Member(recipe=recipe.name, setting=0, seed=wishes.seed),),
        steps=contender.steps,
        evaluate=evaluations(total, looking.count),
        judged=looking.rows,
        predict_test=True,
    )
    notes = tuple(
        f"{path} = {cells.value(value)}: the middle of the recipe's range"
        for path, value in settings[0].items()
    )
    return Plan(
        command=wishes.command,
        data=facts(data, prepared, wishes.seed),
        metric=wishes.metric,
        budget=None if steps is not None else wishes.budget,
        machine=chosen.machine,
        contenders=(contender,),
        baselines=(BaselinePlan(kind="constant"),),
        screen=(),
        confirm=None,
        train=(unit,),
        notes=(*notes, *chosen.notes, *_seen(looking, prepared.counts[1]), *prepared.notes),
        tried=tuple(chosen.tried),
    )


@dataclass(frozen=True)
class Looking:
    """Evaluations on the way."""

    count: int
    rows: int | None  # of the validation rows; None: all


def _looking(method: Timed, validated: int, share: float) -> Looking:
    """A few evaluations at least, of fewer rows where all of them would take too long."""
    count, evaluation = looks([method], share), method.speed.evaluation
    rows = max(LEAST_JUDGED, int(LOOKING * share / count / max(evaluation, 1e-9) * validated))
    return Looking(count, rows if rows < validated else None)


def _seen(looking: Looking, validated: int) -> tuple[str, ...]:
    """What a reader of the curve has to know."""
    if looking.rows is None:
        return ()
    return (
        f"Looks on the way see {looking.rows:,} of the {validated:,} validation rows, so that they "
        "take about a tenth of the training; the validation score of the kept weights is about "
        "all of them.",
    )


def _steps(method: Timed, prepared: Prepared, seconds: float) -> tuple[int, ...]:
    """As many steps as fit beside the evaluations and what is predicted at last."""
    rows, validated, _ = prepared.counts
    share = seconds * SLACK
    share = max(share - method.speed.ending, share / 2)
    looking = _looking(method, validated, share)
    if looking.rows is not None:
        part = method.speed.evaluation * looking.rows / validated
        method = replaced(method, speed=replaced(method.speed, evaluation=part))
    count = steps_within(method, share, looking.count, rows)
    most = max(LEAST_CAP, math.ceil(EPOCHS * method.steps_of_epoch(rows)))
    return tuple(
        min(each, max(1, round(most * stage.share)))
        for each, stage in zip(count, method.recipe.stages, strict=True)
    )
