"""Adam's steps, made as long for each parameter as the parameter itself: LAMB."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from methodic.optimizers.clipping import global_norm
from methodic.optimizers.coefficients import FloatArray, power, spread
from methodic.types import Rule, Scope


@dataclass(frozen=True)
class LAMB(Rule):
    """Adam whose step in each parameter is as long as the parameter, times the rate.

    m ← beta1 · m + (1 − beta1) · g;  s ← beta2 · s + (1 − beta2) · g²;
    u = m̂ / (√ŝ + epsilon) + weight_decay · w;
    w ← w − lr · min(‖w‖, norm_limit) / (‖u‖ + epsilon) · u,

    with m̂ = m / (1 − beta1ᵗ) and ŝ = s / (1 − beta2ᵗ). Where ‖w‖ or ‖u‖ is 0, as for biases that
    start at 0, the factor is 1. The rate is thus a relative change, about alike for all layers,
    which lets it grow with large batches.

    Args:
        decay: use the number ``weight_decay`` ≥ 0.
        corrected: divide out the bias of both means; without, the first steps are longer.

    Numbers: ``norm_limit`` > 0 bounds the norm that a step follows.

    State: ``mean`` (m) and ``mean_square`` (s), without bias correction.

    Source: You et al. 2020 (arXiv 1904.00962), algorithm 2. The epsilon beside ‖u‖, and the limit
    of 10, are what most implementations have.
    """

    scope: ClassVar[Scope] = "parameter"

    decay: bool = True
    corrected: bool = True

    def initial(self, parameter: Tensor) -> dict[str, Tensor]:
        """Zeros."""
        return {"mean": torch.zeros_like(parameter), "mean_square": torch.zeros_like(parameter)}

    def coefficients(
        self, step: FloatArray, numbers: Mapping[str, FloatArray]
    ) -> dict[str, FloatArray]:
        """``inner`` and ``offset`` make u from m and s; the others as they are."""
        beta1, beta2 = numbers["beta1"], numbers["beta2"]
        first, second = 1.0 - power(beta1, step), np.sqrt(1.0 - power(beta2, step))
        if not self.corrected:
            first, second = np.ones_like(first), np.ones_like(second)
        columns = {
            "scale": -numbers["lr"],
            "inner": second / first,
            "offset": numbers["epsilon"] * second,
            "epsilon": numbers["epsilon"],
            "norm_limit": numbers["norm_limit"],
            "beta1": beta1,
            "fresh1": 1.0 - beta1,
            "beta2": beta2,
            "fresh2": 1.0 - beta2,
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
        mean = (state["mean"] * c["beta1"]).addcmul_(gradient, c["fresh1"])
        square = (state["mean_square"] * c["beta2"]).addcmul_(gradient * gradient, c["fresh2"])
        update = (mean / square.sqrt().add_(c["offset"])).mul_(c["inner"])
        if self.decay:
            update = torch.addcmul(update, parameter, c["weight_decay"])
        length, long = _norm(parameter), _norm(update)
        ratio = torch.minimum(length, c["norm_limit"]) / (long + c["epsilon"])
        ratio = torch.where((length > 0) & (long > 0), ratio, torch.ones_like(ratio))
        return update * (ratio * c["scale"]), {"mean": mean, "mean_square": square}


def _norm(x: Tensor) -> Tensor:
    """[M, …] → [M, 1, …]."""
    return global_norm(x.flatten(1)).view(-1, *[1] * (x.ndim - 1))
