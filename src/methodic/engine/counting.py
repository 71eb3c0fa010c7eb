"""How many floating-point operations a step takes, counted and not timed."""

from __future__ import annotations

from dataclasses import replace

from torch.utils.flop_counter import FlopCounterMode

from methodic.data.batches import Rows
from methodic.engine import loop
from methodic.engine.parts import Cohort, Stage, State

ROWS = 256
"""Rows of a counted step, at most: enough for what doesn't grow with them to be little."""


def operations(cohort: Cohort, rows: Rows) -> list[float]:
    """Operations of a step of each stage for each row that it reads, with a target or without.

    Products of matrices and convolutions are counted, in the gradients and in the update rule;
    pointwise operations aren't, which beside them are few. Of several turns, the mean.

    Args:
        cohort: one member, not compiled.
        rows: at least as many as its batches have.
    """
    state = loop.adapted(cohort, loop.initial_state(cohort), rows)
    found = []
    for stage in cohort.stages:
        begun = loop.begin(stage, loop.renewed(cohort, stage, state, rows))
        turns = [_counted(cohort, stage, begun, rows, i) for i in range(len(stage.turns))]
        total = sum(n * length for n, length in zip(turns, stage.cycle, strict=True))
        found.append(total / sum(stage.cycle) / (stage.batch + stage.beside))
    return found


def _counted(cohort: Cohort, stage: Stage, state: State, rows: Rows, which: int) -> int:
    """Operations of the first step of a turn."""
    first = sum(stage.cycle[:which])
    with FlopCounterMode(display=False) as counter:
        loop.advance(cohort, stage, replace(state, steps_taken=first), rows, 1, lambda _: None)
    total: int = counter.get_total_flops()
    return total
