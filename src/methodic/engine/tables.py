"""Coefficients for many steps at once: scalar arithmetic in float64, one transfer to the device.

Shapes: T steps, K coefficients, M members.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from methodic.engine.parts import DRIVEN, Turn


def coefficients(
    turn: Turn,
    taken: int,
    count: int,
    total: int,
    device: torch.device,
    born: Sequence[int] = (),
    pace: Tensor | None = None,
) -> Iterator[dict[str, Tensor]]:
    """The coefficients of ``count`` steps of a turn, a dict of [M, 1] for each.

    Args:
        turn: whose rule and schedule.
        taken: steps of this turn that lie behind.
        count: how many steps to prepare.
        total: steps of this turn in the whole stage, for the schedule.
        device: where they are wanted.
        born: steps of this turn after which each member started; () if all did at once.
        pace: factor on the learning rate, [M], of a plateau schedule.
    """
    names, values = table(turn, taken, count, total, born, pace)
    tensor = values.to(device).unsqueeze(-1)
    for row in tensor.unbind(0):
        c = dict(zip(names, row.unbind(0), strict=True))
        if turn.decay_mask is not None:
            c["weight_decay"] = c["weight_decay"] * turn.decay_mask
        yield c


def table(
    turn: Turn,
    taken: int,
    count: int,
    total: int,
    born: Sequence[int] = (),
    pace: Tensor | None = None,
) -> tuple[tuple[str, ...], Tensor]:
    """Names of the coefficients, and their values for each step: [T, K, M], on the host.

    The arguments are those of `coefficients`; weight decay is that of the weights that decay.
    """
    ahead = np.arange(taken, taken + count, dtype=np.float64)[:, None]
    if any(born):
        ahead = ahead - np.array(born, dtype=np.float64)
    factor = turn.schedule(ahead, total, turn.schedule_numbers)
    lr = turn.lr[None, :] * factor
    if pace is not None:
        lr = lr * pace.double().cpu().numpy()
    driven = {
        drive: drive.base[None, :] * drive.schedule(ahead, total, drive.numbers)
        for drive in turn.drives
    }
    numbers = {**turn.rule_numbers, **{d.path: x for d, x in driven.items() if d.rule}, "lr": lr}
    found = {"lr": lr, **turn.rule.coefficients(ahead + 1.0, numbers)}
    found |= {DRIVEN + d.path: x for d, x in driven.items() if not d.rule}
    members = turn.lr.shape[0]
    stacked = np.stack([np.broadcast_to(x, (count, members)) for x in found.values()], axis=1)
    return tuple(found), torch.from_numpy(stacked.astype(np.float32))
