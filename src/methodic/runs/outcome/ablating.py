"""Units of an ablation: a method without each of its ingredients, on the seeds of its confirmation.

In a run they are done when time is left; `runs.outcome.ablation` does them for a finished run.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from methodic.evidence.ablation import ingredients
from methodic.plan import Plan, Unit, UnitRecord
from methodic.recipes.types import Recipe
from methodic.runs.cohorts import concrete
from methodic.runs.machine.compiling import COLD, TRACE
from methodic.runs.plans.units import evaluations


def units(plan: Plan, complete: Sequence[Unit]) -> list[Unit]:
    """A unit for each ingredient and each unit of the complete method, block after block.

    Same seeds, split, number of steps and evaluations; validation rows only. The complete method
    isn't trained again: its records are those of ``complete``.

    Args:
        plan: the run's.
        complete: units of one method at one setting, as its confirmation has them.
    """
    return [
        unit
        for whole in sorted(complete, key=lambda unit: unit.block)
        for unit in _without_each(plan, whole)
    ]


def _without_each(plan: Plan, whole: Unit) -> list[Unit]:
    assert plan.confirm is not None  # whose units these are
    first = whole.members[0]
    contender = next(c for c in plan.contenders if c.recipe.name == first.recipe)
    recipe = concrete(contender, first.setting)
    found = []
    for each in ingredients(recipe, network=plan.network is None):
        steps = _steps(recipe, concrete(contender, first.setting, each.key), whole.steps)
        looks = evaluations(sum(steps), plan.confirm.evaluations)
        found.append(
            whole.model_copy(
                update={
                    "id": f"{name_of(whole)}-{each.key}",
                    "phase": "ablate",
                    "members": tuple(
                        member.model_copy(update={"off": each.key}) for member in whole.members
                    ),
                    "steps": steps,
                    "evaluate": tuple(sorted({*looks, *(each.until for each in whole.segments)})),
                    "predict_test": False,
                }
            )
        )
    return found


def name_of(whole: Unit) -> str:
    """What the ids of units begin with that ablate a unit of the complete method."""
    return f"ablate{whole.id.removeprefix(whole.phase)}"


def _steps(recipe: Recipe, without: Recipe, steps: Sequence[int]) -> tuple[int, ...]:
    """As many steps in all; where a stage is gone, the others have taken over its steps."""
    left = [stage.name for stage in without.stages]
    kept = [n for stage, n in zip(recipe.stages, steps, strict=True) if stage.name in left]
    ends = [round(sum(steps) * sum(kept[: i + 1]) / sum(kept)) for i in range(len(kept))]
    return tuple(end - start for start, end in zip([0, *ends], ends, strict=False))


def affordable(
    plan: Plan, todo: Sequence[Unit], confirmed: Sequence[UnitRecord], seconds: float
) -> int:
    """How many whole blocks of an ablation can be done in some seconds.

    A unit takes as long as the slowest one of the confirmation of the same method, and where steps
    are compiled, so does each ingredient once.

    Args:
        plan: the run's.
        todo: from `units`.
        confirmed: records of the complete method.
        seconds: of wall time.
    """
    if not todo or not confirmed:
        return 0
    each = max(record.seconds for record in confirmed)
    blocks = sorted({unit.block for unit in todo})
    done, workers = 0, max(plan.machine.workers, 1)
    for count, block in enumerate(blocks, 1):
        done += sum(unit.block == block for unit in todo)
        needed = each * math.ceil(done / workers)
        if plan.machine.compiled:
            different = len({unit.members[0].off for unit in todo})
            needed += (COLD + TRACE) * math.ceil(different / workers) + TRACE * different
        if needed > seconds:
            return count - 1
    return len(blocks)
