"""A few numbers, a loss and an optimizer: every point on the way."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor


def path(
    loss: Callable[[Tensor, int], Tensor],
    start: Tensor | Sequence[float],
    optimizer: Callable[[list[Tensor]], torch.optim.Optimizer],
    steps: int,
    rate: Callable[[int], float] | None = None,
) -> Tensor:
    """Weights before the first step and after each: [steps + 1, …], in float64.

    Args:
        loss: (weights, number of the step) → the loss to go down.
        start: the first weights.
        optimizer: makes one for a list of parameters.
        steps: how many.
        rate: number of the step → factor on the learning rate; none: 1.
    """
    weights = torch.as_tensor(start, dtype=torch.float64).clone().requires_grad_()
    rule = optimizer([weights])
    base = rule.param_groups[0]["lr"]
    visited = [weights.detach().clone()]
    for step in range(steps):
        if rate is not None:
            rule.param_groups[0]["lr"] = base * rate(step)

        def closure(step: int = step) -> Tensor:
            rule.zero_grad()
            value = loss(weights, step)
            value.backward()
            return value

        rule.step(closure)
        visited.append(weights.detach().clone())
    return torch.stack(visited)
