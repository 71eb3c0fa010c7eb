"""Training a unit's members in cohorts that fit: at once, in halves, or one by one.

A member of a recipe's own network trains alike in any company, so how a unit is parted changes its
time and not its results.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch

from methodic.data.batches import Rows
from methodic.engine import loop
from methodic.engine.evaluation import Judge
from methodic.engine.keeper import Keeper
from methodic.engine.loop import Trained
from methodic.engine.parts import Cohort
from methodic.errors import InputError

Make = Callable[[Sequence[int]], Cohort]
"""A cohort of the unit's members at these places."""


def train(
    make: Make,
    places: Sequence[int],
    rows: Rows,
    judge: Judge,
    evaluate: Sequence[int],
    keeper: Keeper,
) -> Trained:
    """Train members together; where memory runs out, one half after the other.

    Args:
        make: see `Make`.
        places: of the members.
        rows, judge, evaluate, keeper: as for `loop.train`.

    Raises:
        InputError: not even one member fits into memory.
    """
    try:
        return loop.train(make(places), rows, judge, evaluate, keeper)
    except (MemoryError, RuntimeError) as error:
        if not out_of_memory(error):
            raise
        if len(places) == 1:
            raise InputError(
                "training a single network needs more memory than there is",
                found=str(error).partition("\n")[0] or type(error).__name__,
                advice="Choose a smaller network or batch, or fewer workers (--workers 1).",
            ) from None
    # Outside of the handler: the error holds on to the memory of the cohort that didn't fit.
    keeper.notes.append(f"memory ran out with {len(places)} members at once: trained in halves")
    half = len(places) // 2
    return in_parts(make, [places[:half], places[half:]], rows, judge, evaluate, keeper)


def in_parts(
    make: Make,
    parts: Sequence[Sequence[int]],
    rows: Rows,
    judge: Judge,
    evaluate: Sequence[int],
    keeper: Keeper,
) -> Trained:
    """Train parts of a unit's members one after the other, each with checkpoints of its own."""
    done = []
    for places in parts:
        with keeper.part(f"members-{places[0]}-{places[-1]}") as own:
            done.append(train(make, places, rows, judge, evaluate, own))
        keeper.seconds += own.seconds
        keeper.notes += own.notes
    return Trained(
        torch.cat([each.flat for each in done]),
        {name: torch.cat([each.buffers[name] for each in done]) for name in done[0].buffers},
        [fate for each in done for fate in each.fates],
        [curve for each in done for curve in each.curves],
        max(each.steps_taken for each in done),
        max(each.batches_seen for each in done),
    )


def out_of_memory(error: BaseException) -> bool:
    """Whether ``error`` says that memory ran out, on whatever device."""
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or (
        "can't allocate memory" in str(error)  # the processor's allocator has no error of its own
    )
