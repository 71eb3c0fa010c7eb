"""Adaptive Nesterov momentum: Adan."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from methodic.optimizers.coefficients import FloatArray, power, spread
from methodic.types import Rule


@dataclass(frozen=True)
class Adan(Rule):
    """Adaptive moments of gradients and of their differences, which look ahead.

    d = g − previous g, and 0 at the first step;
    m ← beta1 · m + (1 − beta1) · g;  v ← beta2 · v + (1 − beta2) · d;
    s ← beta3 · s + (1 − beta3) · (g + beta2 · d)²;
    w ← (w − lr · (m̂ + beta2 · v̂) / (√ŝ + epsilon)) / (1 + lr · weight_decay),
    where m̂, v̂ and ŝ are divided by 1 − betaᵗ, each by its own.

    The betas are how much is kept, as in Adam; the paper's are 1 minus these.

    Args:
        decay: shrink the parameters; the number ``weight_decay`` is ≥ 0.

    State: ``mean`` (m), ``mean_difference`` (v), ``mean_square`` (s) and ``previous`` (g).

    Source: Xie et al. 2022 (arXiv 2208.06677), algorithm 1 without restarts; the bias corrections
    are those of the authors' code.
    """

    decay: bool = True

    def initial(self, parameter: Tensor) -> dict[str, Tensor]:
        """Zeros."""
        slots = ("mean", "mean_difference", "mean_square", "previous")
        return {slot: torch.zeros_like(parameter) for slot in slots}

    def coefficients(
        self, step: FloatArray, numbers: Mapping[str, FloatArray]
    ) -> dict[str, FloatArray]:
        """The factors on m and on v, with their corrections and that of s; the means' decays.

        ``begun`` is 0 at the first step, which knows no previous gradient, and then 1.
        """
        beta1, beta2, beta3 = (numbers[f"beta{i}"] for i in (1, 2, 3))
        correction = np.sqrt(1.0 - power(beta3, step))
        scale = -numbers["lr"] * correction
        columns = {
            "scale": scale / (1.0 - power(beta1, step)),
            "ahead": scale * beta2 / (1.0 - power(beta2, step)),
            "begun": np.where(step == 1, 0.0, 1.0),
            "epsilon": numbers["epsilon"] * correction,
            "beta1": beta1,
            "fresh1": 1.0 - beta1,
            "beta2": beta2,
            "fresh2": 1.0 - beta2,
            "beta3": beta3,
            "fresh3": 1.0 - beta3,
        }
        if self.decay:
            columns["weight_decay"] = numbers["lr"] * numbers["weight_decay"]
        return spread(step, columns)

    def update(
        self,
        gradient: Tensor,
        parameter: Tensor,
        state: Mapping[str, Tensor],
        c: Mapping[str, Tensor],
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """What to add to the parameter, and the next state."""
        difference = (gradient - state["previous"]).mul_(c["begun"])
        mean = (state["mean"] * c["beta1"]).addcmul_(gradient, c["fresh1"])
        turn = (state["mean_difference"] * c["beta2"]).addcmul_(difference, c["fresh2"])
        ahead = torch.addcmul(gradient, difference, c["beta2"])
        square = (state["mean_square"] * c["beta3"]).addcmul_(ahead.mul_(ahead), c["fresh3"])
        change = (mean * c["scale"]).addcmul_(turn, c["ahead"])
        change.div_(square.sqrt().add_(c["epsilon"]))
        if self.decay:
            change.addcmul_(parameter, c["weight_decay"], value=-1).div_(1.0 + c["weight_decay"])
        following = {
            "mean": mean,
            "mean_difference": turn,
            "mean_square": square,
            "previous": gradient.clone(),
        }
        return change, following
