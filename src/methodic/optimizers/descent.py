"""Gradient descent: plain, with momentum, with Nesterov's momentum or a dampened one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
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
    takes effect at once. Dampened, v ← momentum · v + (1 − dampening) · g; the first gradient
    enters in full, as in torch.optim.

    Args:
        momentum: keep a velocity; the number ``momentum`` is in [0, 1).
        nesterov: look ahead along the velocity; needs ``momentum``.
        decay: add ``weight_decay`` ≥ 0 times the parameter to the gradient.
        dampened: the number ``dampening`` is in [0, 1); needs ``momentum``, and not ``nesterov``.

    State: ``velocity`` where there is momentum.

    Source: Polyak 1964; Nesterov 1983, in the form of Sutskever et al. 2013.
    """

    momentum: bool = False
    nesterov: bool = False
    decay: bool = False
    dampened: bool = False

    def __post_init__(self) -> None:
        if self.nesterov and not self.momentum:
            raise InputError(
                "'nesterov' needs momentum",
                found="momentum 0",
                advice="Set momentum to 0.9, or leave nesterov out.",
            )
        if self.dampened and (self.nesterov or not self.momentum):
            raise InputError(
                "'dampening' needs momentum, and not Nesterov's",
                found="nesterov" if self.nesterov else "momentum 0",
                advice="Leave dampening out, or set momentum to 0.9 without nesterov.",
            )

    def initial(self, parameter: Tensor) -> dict[str, Tensor]:
        """No velocity yet."""
        return {"velocity": torch.zeros_like(parameter)} if self.momentum else {}

    def coefficients(
        self, step: FloatArray, numbers: Mapping[str, FloatArray]
    ) -> dict[str, FloatArray]:
        """``scale`` = −lr, ``fresh`` = 1 − dampening; the other numbers as they are."""
        columns = {"scale": -numbers["lr"]}
        if self.momentum:
            columns["momentum"] = numbers["momentum"]
        if self.dampened:
            columns["fresh"] = np.where(step == 1, 1.0, 1.0 - numbers["dampening"])
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
        fresh = gradient * c["fresh"] if self.dampened else gradient
        velocity = torch.addcmul(fresh, state["velocity"], c["momentum"])
        if self.nesterov:
            ahead = torch.addcmul(gradient, velocity, c["momentum"])
            return ahead.mul_(c["scale"]), {"velocity": velocity}
        return velocity * c["scale"], {"velocity": velocity}
