"""A rate for each parameter from its past gradients: Adagrad and Adadelta."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from methodic.optimizers.coefficients import FloatArray, spread
from methodic.types import Rule


@dataclass(frozen=True)
class Adagrad(Rule):
    """Gradients divided by the root of the sum of all their squares so far.

    g ← g + weight_decay · w;  s ← s + g²;
    w ← w − lr / (1 + (t − 1) · lr_decay) · g / (√(s + initial_accumulator) + epsilon).

    The sum never forgets, so steps shrink like 1/√t by themselves.

    Args:
        started: the sum begins at the number ``initial_accumulator`` ≥ 0 instead of 0, which bounds
            the first steps.
        decay: add ``weight_decay`` ≥ 0 times the parameter to the gradient.

    State: ``sum_square`` (s), without what it begins at.

    Source: Duchi, Hazan, Singer 2011; ``lr_decay`` and ``initial_accumulator`` as in torch.optim.
    """

    started: bool = False
    decay: bool = False

    def initial(self, parameter: Tensor) -> dict[str, Tensor]:
        """Zeros."""
        return {"sum_square": torch.zeros_like(parameter)}

    def coefficients(
        self, step: FloatArray, numbers: Mapping[str, FloatArray]
    ) -> dict[str, FloatArray]:
        """``scale`` = −lr / (1 + (t − 1) · lr_decay); the other numbers as they are."""
        columns = {
            "scale": -numbers["lr"] / (1.0 + (step - 1.0) * numbers["lr_decay"]),
            "epsilon": numbers["epsilon"],
        }
        if self.started:
            columns["start"] = numbers["initial_accumulator"]
        if self.decay:
            columns["weight_decay"] = numbers["weight_decay"]
        return spread(step, columns)

    def update(
        self,
        gradient: Tensor,
        parameter: Tensor,
        state: Mapping[str, Tensor],
        c: Mapping[str, Tensor],
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """What to add to the parameter, and the next state."""
        if self.decay:
            gradient = torch.addcmul(gradient, parameter, c["weight_decay"])
        total = torch.addcmul(state["sum_square"], gradient, gradient)
        root = (total + c["start"]).sqrt_() if self.started else total.sqrt()
        change = (gradient / root.add_(c["epsilon"])).mul_(c["scale"])
        return change, {"sum_square": total}


@dataclass(frozen=True)
class Adadelta(Rule):
    """Gradients scaled so that changes have the size of earlier changes: no rate to choose.

    g ← g + weight_decay · w;  s ← rho · s + (1 − rho) · g²;
    d = √(u + epsilon) / √(s + epsilon) · g;  u ← rho · u + (1 − rho) · d²;  w ← w − lr · d.

    Both averages start at 0, so the first steps have about the size √epsilon, and it takes some
    hundred steps until changes have found theirs.

    Args:
        decay: add ``weight_decay`` ≥ 0 times the parameter to the gradient.

    State: ``mean_square`` (s, of gradients) and ``mean_square_change`` (u).

    Source: Zeiler 2012, where lr is 1.
    """

    decay: bool = False

    def initial(self, parameter: Tensor) -> dict[str, Tensor]:
        """Zeros."""
        return {
            "mean_square": torch.zeros_like(parameter),
            "mean_square_change": torch.zeros_like(parameter),
        }

    def coefficients(
        self, step: FloatArray, numbers: Mapping[str, FloatArray]
    ) -> dict[str, FloatArray]:
        """``scale`` = −lr, ``fresh`` = 1 − rho; the other numbers as they are."""
        columns = {
            "scale": -numbers["lr"],
            "rho": numbers["rho"],
            "fresh": 1.0 - numbers["rho"],
            "epsilon": numbers["epsilon"],
        }
        if self.decay:
            columns["weight_decay"] = numbers["weight_decay"]
        return spread(step, columns)

    def update(
        self,
        gradient: Tensor,
        parameter: Tensor,
        state: Mapping[str, Tensor],
        c: Mapping[str, Tensor],
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """What to add to the parameter, and the next state."""
        if self.decay:
            gradient = torch.addcmul(gradient, parameter, c["weight_decay"])
        mean_square = (state["mean_square"] * c["rho"]).addcmul_(gradient * gradient, c["fresh"])
        earlier = state["mean_square_change"]
        size = (earlier + c["epsilon"]).sqrt_()
        direction = size.div_((mean_square + c["epsilon"]).sqrt_()).mul_(gradient)
        changed = (earlier * c["rho"]).addcmul_(direction * direction, c["fresh"])
        following = {"mean_square": mean_square, "mean_square_change": changed}
        return direction.mul_(c["scale"]), following
