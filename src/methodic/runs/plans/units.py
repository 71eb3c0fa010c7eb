"""Units of work: which members train together, for how long, and when they are looked at."""

from __future__ import annotations

import math
from collections.abc import Sequence

from methodic.evidence import design
from methodic.plan import ConfirmPlan, Contender, Member, Plan, Unit
from methodic.tuning import Found, Segment, Setting

SCREEN_SEEDS = 3
EVALUATIONS = 20  # at most


def screen_units(contenders: Sequence[Contender], seed: int, looks: int) -> tuple[Unit, ...]:
    """One cohort for each method and seed, with all its settings; a block is one seed.

    Args:
        contenders: the methods.
        seed: the run's.
        looks: evaluations of each cohort.
    """
    return tuple(
        Unit(
            id=f"screen-{block:03d}-{contender.recipe.name}",
            phase="screen",
            block=block,
            members=tuple(
                Member(recipe=contender.recipe.name, setting=setting, seed=member_seed)
                for setting in range(len(contender.settings))
            ),
            steps=contender.steps,
            evaluate=evaluations(sum(contender.steps), looks),
        )
        for block, member_seed in enumerate(design.seeds(seed, "screen", SCREEN_SEEDS))
        for contender in contenders
    )


def confirm_units(
    plan: Plan,
    finalists: Sequence[tuple[str, int]],
    found: Sequence[Found] = (),
    blocks: int | None = None,
) -> list[Unit]:
    """The units that confirm ``finalists`` (recipe, index of its setting), block after block.

    What a search ``found`` may change its numbers on the way; it is confirmed with the same course.

    In cross-validation each seed has a split of its own, and a unit is on one of them; a block is a
    repetition, since a part of one tests some rows and not others.
    """
    assert plan.confirm is not None
    crossed = plan.confirm.splits == "cv"
    by_name = {contender.recipe.name: contender for contender in plan.contenders}
    courses = {each.recipe: each.segments for each in found if len(each.segments) > 1}
    seeds, size = plan.confirm.seeds, plan.confirm.block
    units = []
    for number, start in enumerate(range(0, len(seeds), size)):
        block = start // block_of(plan.confirm)
        if blocks is not None and block >= blocks:
            break
        for name, setting in finalists:
            steps = by_name[name].confirm_steps
            some = seeds[start : start + size]
            segments = course(courses.get(name, ()), steps, len(some))
            looks = evaluations(sum(steps), plan.confirm.evaluations)
            units.append(
                Unit(
                    id=f"confirm-{number:03d}-{name}",
                    phase="confirm",
                    block=block,
                    members=tuple(Member(recipe=name, setting=setting, seed=seed) for seed in some),
                    steps=steps,
                    evaluate=tuple(sorted({*looks, *(each.until for each in segments)})),
                    predict_test=True,
                    split=start + 1 if crossed else 0,
                    segments=segments,
                )
            )
    return units


def halt(share: float, steps: Sequence[int]) -> int:
    """The step of the whole run at which a share of a training is over.

    A share is one of the last stage: before it, a network may not have been shown a target yet, so
    that its score would say nothing. Less than all is over before the last step, as long as there
    is one to go on with.

    Args:
        share: above 0, at most 1.
        steps: by stage.

    Example:
        >>> halt(1 / 3, (90,)), halt(1 / 3, (100, 90)), halt(1.0, (100, 90)), halt(0.9, (2,))
        (30, 130, 190, 1)
    """
    *before, last = steps
    if share >= 1:
        return sum(steps)
    return sum(before) + max(1, min(math.ceil(share * last), last - 1))


def course(
    shares: Sequence[tuple[float, Setting]], steps: Sequence[int], members: int
) -> tuple[Segment, ...]:
    """Settings that change on the way, as segments of a training of so many steps by stage."""
    return tuple(
        Segment(until=halt(share, steps), settings=(setting,) * members)
        for share, setting in shares
    )


def block_of(confirm: ConfirmPlan) -> int:
    """Seeds that are dropped together, of every method alike."""
    return max(confirm.block, confirm.folds)


def evaluations(total: int, looks: int = EVALUATIONS) -> tuple[int, ...]:
    """``looks`` evenly spread optimizer steps out of ``total``, the last one included."""
    return tuple(sorted({math.ceil(total * i / looks) for i in range(1, looks + 1)}))
