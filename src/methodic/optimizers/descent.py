"""Gradient descent: plain, with momentum, with Nesterov's momentum."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from methodic.errors import InputError
from methodic.optimizers.coefficients import FloatArray, spread
from methodic.types import Rule


@dataclass(frozen=True)
class SGD(Rule):
    """Gradient descent, with momentum where asked.

    g ← g + weight_decay · w;  v ← momentum · v + g;
    w ← w − lr · v, or with Nesterov's momentum w ← w − lr · (g + momentum · v).

    The velocity v starts at 0. The learning rate is outside of it, so that a change of the rate
    takes effect at once.

    Args:
        momentum: keep a velocity; the number ``momentum`` is in [0, 1).
        nesterov: look ahead along the velocity; needs ``momentum``.
        decay: add ``weight_decay`` ≥ 0 times the parameter to the gradient.

    State: ``velocity`` where there is momentum.

    Source: Polyak 1964; Nesterov 1983, in the form of Sutskever et al. 2013.
    """

    momentum: bool = False
    nesterov: bool = False
    decay: bool = False

    def __post_init__(self) -> None:
        if self.nesterov and not self.momentum:
            raise InputError(
                "'nesterov' needs momentum",
                found="momentum 0",
                advice="Set momentum to 0.9, or leave nesterov out.",
            )

    def initial(self, parameter: Tensor) -> dict[str, Tensor]:
        """No velocity yet."""
        return {"velocity": torch.zeros_like(parameter)} if self.momentum else {}

    def coefficients(
        self, step: FloatArray, numbers: Mapping[str, FloatArray]
    ) -> dict[str, FloatArray]:
        """``scale`` = −lr; ``momentum`` and ``weight_decay`` as they are."""
        columns = {"scale": -numbers["lr"]}
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
        if not self.momentum:
            return gradient * c["scale"], {}
        velocity = torch.addcmul(gradient, state["velocity"], c["momentum"])
        if self.nesterov:
            ahead = torch.addcmul(gradient, velocity, c["momentum"])
            return ahead.mul_(c["scale"]), {"velocity": velocity}
        return velocity * c["scale"], {"velocity": velocity}
