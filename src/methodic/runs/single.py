"""The plan of `methodic train`: one method, trained once, beside the constant baseline."""

from __future__ import annotations

import math
from pathlib import Path

from methodic import build
from methodic.data.dataset import DataSet
from methodic.evidence import design
from methodic.plan import BaselinePlan, Contender, Member, Plan, Unit
from methodic.recipes.numbers import replace
from methodic.runs.given import Given
from methodic.runs.measuring import measure
from methodic.runs.planning import SLACK, facts, machine
from methodic.runs.preparation import Prepared
from methodic.runs.speed import EPOCHS, LEAST_CAP, Speed, Timed, steps_within
from methodic.runs.units import EVALUATIONS, evaluations
from methodic.runs.wishes import Wishes


def make(
    data: DataSet, prepared: Prepared, work: Path, wishes: Wishes, steps: int | None, given: Given
) -> Plan:
    """One method, one member, the middle of each range; as many steps as asked for, or as fit."""
    rows = prepared.counts[0]
    recipe = build.resolve(wishes.recipes[0], data.schema.task, rows)
    batch = [build.batch_rows(stage, rows) for stage in recipe.stages]
    settings = design.grid(recipe, 1)
    middle = replace(recipe, settings[0]).model_dump_json()
    chosen = machine(wishes).model_copy(update={"workers": 0})
    speed = Speed(*measure(work, [middle], wishes.metric, chosen, given))
    method = Timed(recipe, tuple(batch), speed)
    if steps is None:
        count = steps_within(method, wishes.budget * SLACK, EVALUATIONS, rows)
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
        confirm_steps=(),
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
        machine=chosen,
        contenders=(contender,),
        baselines=(BaselinePlan(kind="constant"),),
        screen=(),
        confirm=None,
        train=(unit,),
        notes=notes,
    )
