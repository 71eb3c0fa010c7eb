"""How a group of parameters is updated, while options and the parameters with gradients stay."""

from __future__ import annotations

import operator
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import torch
from torch import Tensor

from methodic.optimizers.as_torch.ahead import Ahead
from methodic.optimizers.as_torch.apart import Apart
from methodic.optimizers.as_torch.blocks import Block
from methodic.types import Rule


class Part(NamedTuple):
    """Parameters of a group that one rule updates, and the numbers that it reads."""

    rule: Rule
    numbers: dict[str, float]
    parameters: list[Tensor]


@dataclass
class Work:
    """A part as it lies in memory, with the coefficients of the steps to come."""

    part: Part
    blocks: list[tuple[Block | Apart, Ahead]]


@dataclass
class Plan:
    """How a group is updated while its options and the parameters with gradients stay."""

    options: tuple[Any, ...] = ()
    read: list[tuple[str, Any]] = field(default_factory=list)
    """Options, as the group has them."""
    parameters: list[Tensor] = field(default_factory=list)
    works: list[Work] = field(default_factory=list)

    def stands(self, group: Mapping[str, Any]) -> bool:
        """Nothing has changed, as one loop can tell: in a small network it is most of a step."""
        for name, value in self.read:
            if group[name] is not value or isinstance(value, Tensor):
                return False
        count, known = 0, self.parameters
        for parameter in group["params"]:
            gradient = parameter.grad
            if gradient is None:
                continue
            if count == len(known) or known[count] is not parameter:
                return False
            if gradient.layout is not torch.strided:
                return False
            count += 1
        return count == len(known) and self.intact()

    def intact(self) -> bool:
        """Every state still shows the memory that its block has."""
        return all(block.intact() for work in self.works for block, _ in work.blocks)


def same(before: Sequence[Tensor], now: Sequence[Tensor]) -> bool:
    """The very same tensors, in the same order."""
    return len(before) == len(now) and all(map(operator.is_, before, now))


def alike(before: Sequence[Part], now: Sequence[Part]) -> bool:
    """The same but for numbers."""
    return len(before) == len(now) and all(
        a.rule == b.rule and same(a.parameters, b.parameters)
        for a, b in zip(before, now, strict=True)
    )
