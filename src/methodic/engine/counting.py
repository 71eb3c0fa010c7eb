"""How many floating-point operations a step takes, counted and not timed."""

from __future__ import annotations

import torch
from torch.utils.flop_counter import FlopCounterMode

from methodic.data.batches import Rows
from methodic.engine import loop
from methodic.engine.parts import Cohort
from methodic.models.inputs import Inputs

ROWS = 256
"""Rows of a counted step, at most: enough for what doesn't grow with them to be little."""


def rows_like(inputs: Inputs, count: int, target: torch.Tensor) -> Rows:
    """Rows without meaning, of the right shapes.

    Args:
        inputs: what enters the network.
        count: rows.
        target: of some row, [1, …]: which kind of target it is.
    """
    found: dict[str, torch.Tensor] = {}
    if inputs.numeric:
        found["numeric"] = torch.zeros(count, inputs.numeric)
    if inputs.categorical:
        found["categorical"] = torch.zeros(count, inputs.categorical, dtype=torch.int64)
    if inputs.array:
        found["array"] = torch.zeros(count, *(inputs.shape or (inputs.array,)))
    return Rows(found, torch.zeros(count, *target.shape[1:], dtype=target.dtype))


def operations(cohort: Cohort, rows: Rows) -> float:
    """Operations of the cohort's first step for each row of its batch.

    Products of matrices and convolutions are counted, in the gradients and in the update rule;
    pointwise operations aren't, which beside them are few.

    Args:
        cohort: one member, not compiled.
        rows: at least as many as its batch has.
    """
    stage = cohort.stages[0]
    state = loop.begin(stage, loop.adapted(cohort, loop.initial_state(cohort), rows))
    with FlopCounterMode(display=False) as counter:
        loop.advance(cohort, stage, state, rows, 1, lambda _: None)
    total: int = counter.get_total_flops()
    return total / stage.batch
