"""Gradients divided by the root of their running mean square."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from methodic.optimizers.coefficients import FloatArray, spread
from methodic.types import Rule


@dataclass(frozen=True)
class RMSprop(Rule):
    """RMSprop, also centered or with momentum.

    g ← g + weight_decay · w;  s ← alpha · s + (1 − alpha) · g²;
    d = g / (√s + epsilon), or centered: √(s − m²) with m ← alpha · m + (1 − alpha) · g;
    w ← w − lr · d, or with momentum: v ← momentum · v + d;  w ← w − lr · v.

    All averages start at 0 and their bias isn't corrected, so the first steps are up to
    1/√(1 − alpha) times as long as later ones.

    Args:
        momentum: keep a velocity; the number ``momentum`` is in [0, 1).
        centered: divide by the standard deviation instead of the root mean square.
        decay: add ``weight_decay`` ≥ 0 times the parameter to the gradient.

    State: ``mean_square``; ``mean`` where centered; ``velocity`` where there is momentum.

    Source: Tieleman and Hinton 2012 (lecture 6.5); centered: Graves 2013.
    """

    momentum: bool = False
    centered: bool = False
    decay: bool = False

    def initial(self, parameter: Tensor) -> dict[str, Tensor]:
        """Zeros."""
        state = {"mean_square": torch.zeros_like(parameter)}
        if self.centered:
            state["mean"] = torch.zeros_like(parameter)
        if self.momentum:
            state["velocity"] = torch.zeros_like(parameter)
        return state

    def coefficients(
        self, step: FloatArray, numbers: Mapping[str, FloatArray]
    ) -> dict[str, FloatArray]:
        """``scale`` = −lr, ``fresh`` = 1 − alpha; the other numbers as they are."""
        columns = {
            "scale": -numbers["lr"],
            "alpha": numbers["alpha"],
            "fresh": 1.0 - numbers["alpha"],
            "epsilon": numbers["epsilon"],
        }
        if self.momentum:
            columns["momentum"] = numbers["momentum"]
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
        mean_square = state["mean_square"] * c["alpha"]
        mean_square.addcmul_(gradient * gradient, c["fresh"])
        following = {"mean_square": mean_square}
        if self.centered:
            mean = (state["mean"] * c["alpha"]).addcmul_(gradient, c["fresh"])
            following["mean"] = mean
            # Rounding can push a variance near 0 below it, and its root would be NaN.
            root = torch.addcmul(mean_square, mean, mean, value=-1).clamp_min_(0).sqrt_()
        else:
            root = mean_square.sqrt()
        direction = gradient / root.add_(c["epsilon"])
        if not self.momentum:
            return direction.mul_(c["scale"]), following
        velocity = direction.addcmul_(state["velocity"], c["momentum"])
        following["velocity"] = velocity
        return velocity * c["scale"], following
