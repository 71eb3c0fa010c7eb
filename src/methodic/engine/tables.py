"""Coefficients for many steps at once: scalar arithmetic in float64, one transfer to the device.

Shapes: T steps, K coefficients, M members.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from methodic.engine.parts import Turn


def coefficients(
    turn: Turn, taken: int, count: int, total: int, device: torch.device
) -> Iterator[dict[str, Tensor]]:
    """The coefficients of ``count`` steps of a turn, a dict of [M, 1] for each.

    Args:
        turn: whose rule and schedule.
        taken: steps of this turn that lie behind.
        count: how many steps to prepare.
        total: steps of this turn in the whole stage, for the schedule.
        device: where they are wanted.
    """
    ahead = np.arange(taken, taken + count, dtype=np.float64)[:, None]
    factor = turn.schedule(ahead, total, turn.schedule_numbers)
    lr = turn.lr[None, :] * factor
    table = turn.rule.coefficients(ahead + 1.0, {**turn.rule_numbers, "lr": lr})
    table = {"lr": lr, **table}
    members = turn.lr.shape[0]
    stacked = np.stack([np.broadcast_to(x, (count, members)) for x in table.values()], axis=1)
    tensor = torch.from_numpy(stacked.astype(np.float32)).to(device).unsqueeze(-1)
    names = tuple(table)
    for row in tensor.unbind(0):
        c = dict(zip(names, row.unbind(0), strict=True))
        if turn.decay_mask is not None:
            c["weight_decay"] = c["weight_decay"] * turn.decay_mask
        yield c
