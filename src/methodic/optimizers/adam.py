"""Adaptive moments: Adam, and AdamW with decoupled weight decay."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from methodic.optimizers.coefficients import FloatArray, power, spread
from methodic.types import Rule


@dataclass(frozen=True)
class Adam(Rule):
    """Adam; ``weight_decay`` is added to the gradient.

    g ← g + weight_decay · w;
    m ← beta1 · m + (1 − beta1) · g;  s ← beta2 · s + (1 − beta2) · g²;
    w ← w − lr · m̂ / (√ŝ + epsilon)  with  m̂ = m / (1 − beta1ᵗ),  ŝ = s / (1 − beta2ᵗ).

    Both bias corrections depend on the step t alone, so they are folded into two coefficients.
    AMSGrad divides by the root of the largest s so far, corrected like s.

    Args:
        decay: add ``weight_decay`` ≥ 0 times the parameter to the gradient.
        amsgrad: divide by the root of the largest running mean square so far.

    State: ``mean`` (m) and ``mean_square`` (s), without bias correction; ``largest`` where AMSGrad.

    Source: Kingma and Ba 2015; AMSGrad: Reddi, Kale, Kumar 2018, who correct no bias; the
    corrections are those of torch.optim.
    """

    decay: bool = False
    amsgrad: bool = False

    def initial(self, parameter: Tensor) -> dict[str, Tensor]:
        """Zeros."""
        return _zeros(parameter, self.amsgrad)

    def coefficients(
        self, step: FloatArray, numbers: Mapping[str, FloatArray]
    ) -> dict[str, FloatArray]:
        """``scale`` and ``epsilon`` with the bias corrections in them; the decays of the means."""
        columns = _moments(step, numbers)
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
        return _adapt(gradient, state, c)


@dataclass(frozen=True)
class AdamW(Rule):
    """Adam, with weight decay beside the gradient instead of in it.

    w ← w − lr · m̂ / (√ŝ + epsilon) − lr · weight_decay · w,  m̂ and ŝ as in Adam.

    Args:
        decay: shrink the parameters; the number ``weight_decay`` is ≥ 0.
        amsgrad: as for Adam.

    State: ``mean`` and ``mean_square``, without bias correction; ``largest`` where AMSGrad.

    Source: Loshchilov and Hutter 2019.
    """

    decay: bool = True
    amsgrad: bool = False

    def initial(self, parameter: Tensor) -> dict[str, Tensor]:
        """Zeros."""
        return _zeros(parameter, self.amsgrad)

    def coefficients(
        self, step: FloatArray, numbers: Mapping[str, FloatArray]
    ) -> dict[str, FloatArray]:
        """As for Adam, but ``weight_decay`` holds lr · weight_decay."""
        columns = _moments(step, numbers)
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
        change, following = _adapt(gradient, state, c)
        if self.decay:
            change.addcmul_(parameter, c["weight_decay"], value=-1)
        return change, following


def _zeros(parameter: Tensor, amsgrad: bool) -> dict[str, Tensor]:
    slots = ("mean", "mean_square", "largest") if amsgrad else ("mean", "mean_square")
    return {slot: torch.zeros_like(parameter) for slot in slots}


def _moments(step: FloatArray, numbers: Mapping[str, FloatArray]) -> dict[str, FloatArray]:
    """lr · m̂ / (√ŝ + epsilon), written for m and s: scale · m / (√s + corrected epsilon)."""
    beta1, beta2 = numbers["beta1"], numbers["beta2"]
    both = np.stack(np.broadcast_arrays(np.atleast_2d(beta1), np.atleast_2d(beta2)))
    correction1, correction2 = 1.0 - power(both, step)
    correction2 = np.sqrt(correction2)
    return {
        "scale": -numbers["lr"] * correction2 / correction1,
        "epsilon": numbers["epsilon"] * correction2,
        "beta1": beta1,
        "fresh1": 1.0 - beta1,
        "beta2": beta2,
        "fresh2": 1.0 - beta2,
    }


def _adapt(
    gradient: Tensor, state: Mapping[str, Tensor], c: Mapping[str, Tensor]
) -> tuple[Tensor, dict[str, Tensor]]:
    """The kernels that both rules share: nine, and one more for AMSGrad."""
    mean = (state["mean"] * c["beta1"]).addcmul_(gradient, c["fresh1"])
    mean_square = (state["mean_square"] * c["beta2"]).addcmul_(gradient * gradient, c["fresh2"])
    following = {"mean": mean, "mean_square": mean_square}
    square = mean_square
    if "largest" in state:
        square = following["largest"] = torch.maximum(state["largest"], mean_square)
    change = (mean / square.sqrt().add_(c["epsilon"])).mul_(c["scale"])
    return change, following
