"""A rule's coefficients as tensors, computed for many steps at once while its numbers stay."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from methodic.types import Rule

_MOST = 256  # steps at once


class Ahead:
    """The coefficients of one rule at consecutive steps; numbers without an axis.

    While the numbers stay, twice as many steps are prepared each time. Under a schedule of torch
    they change at each step, and then nothing is prepared in vain.

    Args:
        rule: whose coefficients.
        like: the type and device that they take.
    """

    def __init__(self, rule: Rule, like: Tensor) -> None:
        self._rule = rule
        self._dtype, self._device = like.dtype, like.device
        self._numbers: Mapping[str, float] | None = None
        self._first, self._count = 0, 0
        self._constant: dict[str, Tensor] = {}
        self._changing: list[dict[str, Tensor]] = []

    def at(self, step: int, numbers: Mapping[str, float]) -> dict[str, Tensor]:
        """Name → coefficient at a step, from 1."""
        if numbers is not self._numbers:
            self._prepare(step, 1, numbers)
        elif not self._first <= step < self._first + self._count:
            self._prepare(step, min(2 * self._count, _MOST), numbers)
        if not self._changing:
            return self._constant
        return {**self._constant, **self._changing[step - self._first]}

    def _prepare(self, step: int, count: int, numbers: Mapping[str, float]) -> None:
        self._numbers, self._first, self._count = numbers, step, count
        steps = np.arange(step, step + count, dtype=np.float64)[:, None]
        table = self._rule.coefficients(steps, {k: np.array([v]) for k, v in numbers.items()})
        columns = np.concatenate([np.broadcast_to(x, (count, 1)) for x in table.values()], 1)
        values = torch.from_numpy(columns).to(self._device, self._dtype)
        stays = (columns == columns[0]).all(0)
        names = tuple(table)
        first = dict(zip(names, values[0].unbind(0), strict=True))
        self._constant = {n: first[n] for n, same in zip(names, stays, strict=True) if same}
        moving = [i for i, same in enumerate(stays) if not same]
        self._changing = []
        if moving:
            rest = tuple(names[i] for i in moving)
            self._changing = [
                dict(zip(rest, row.unbind(0), strict=True)) for row in values[:, moving].unbind(0)
            ]
