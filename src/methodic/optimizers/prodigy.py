"""Adam that finds its own learning rate: Prodigy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from methodic.optimizers.coefficients import FloatArray, power, spread
from methodic.types import Rule, Scope


@dataclass(frozen=True)
class Prodigy(Rule):
    """Adam with the estimated distance d to the solution as its rate; the estimate only grows.

    r = lr, or lr · √(1 − beta2ᵗ) / (1 − beta1ᵗ) where corrected;
    n ← √beta2 · n + r d² / d0 · ⟨g, w₀ − w⟩;  a ← √beta2 · a + r d² / d0 · g;
    m ← beta1 · m + (1 − beta1) · d g;  s ← beta2 · s + (1 − beta2) · d² g²;
    d⁺ = max(d, d_coef · n / ‖a‖₁);  w ← w − r d · (m / (√s + d⁺ · epsilon) + weight_decay · w).

    lr is 1 or the schedule's factor. It sees all parameters of a member as one vector.

    Args:
        decay: use the number ``weight_decay`` ≥ 0.
        corrected: divide out the bias of both means, which slows the first steps.
        safeguarded: leave r out of a, so that a warm-up doesn't blow up the estimate.

    Numbers: ``d0`` > 0, the first estimate, far too small on purpose; ``d_coef`` > 0, a factor on
    all later ones.

    State, [M, P]: ``mean`` (m), ``mean_square`` (s), ``sum`` (a), ``start`` (w₀); [M, 1]:
    ``numerator`` (n) and ``growth``, which is d / d0.

    Source: Mishchenko and Defazio 2024 (arXiv 2306.06101), in the form of the authors' code.
    """

    scope: ClassVar[Scope] = "whole"

    decay: bool = False
    corrected: bool = False
    safeguarded: bool = False

    def initial(self, parameter: Tensor) -> dict[str, Tensor]:
        """Zeros, the parameters themselves, and a growth of 1."""
        state = {name: torch.zeros_like(parameter) for name in ("mean", "mean_square", "sum")}
        one = parameter.new_zeros(parameter.shape[0], 1)
        return {**state, "start": parameter.clone(), "numerator": one, "growth": one + 1.0}

    def coefficients(
        self, step: FloatArray, numbers: Mapping[str, FloatArray]
    ) -> dict[str, FloatArray]:
        """``rate`` is r; ``beta3`` = √beta2; fresh = 1 − beta; the others as they are."""
        beta1, beta2 = numbers["beta1"], numbers["beta2"]
        rate = numbers["lr"]
        if self.corrected:
            rate = rate * np.sqrt(1.0 - power(beta2, step)) / (1.0 - power(beta1, step))
        columns = {
            "rate": rate,
            "d0": numbers["d0"],
            "d_coef": numbers["d_coef"],
            "epsilon": numbers["epsilon"],
            "beta1": beta1,
            "fresh1": 1.0 - beta1,
            "beta2": beta2,
            "fresh2": 1.0 - beta2,
            "beta3": np.sqrt(beta2),
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
        growth = state["growth"]
        d = growth * c["d0"]
        rate = d * c["rate"]
        away = ((state["start"] - parameter) * gradient).sum(1, keepdim=True)
        numerator = state["numerator"] * c["beta3"] + growth * rate * away
        total = (state["sum"] * c["beta3"]).addcmul_(
            gradient, growth * (d if self.safeguarded else rate)
        )
        mean = (state["mean"] * c["beta1"]).addcmul_(gradient, d * c["fresh1"])
        square = (state["mean_square"] * c["beta2"]).addcmul_(
            gradient * gradient, d * d * c["fresh2"]
        )
        length = total.abs().sum(1, keepdim=True)
        # Without any gradient so far there is nothing to estimate from, and 0 / 0 must not stay.
        estimate = c["d_coef"] * numerator / torch.where(length > 0, length, 1.0)
        following = torch.maximum(growth, estimate / c["d0"])
        change = mean / square.sqrt().add_(following * c["d0"] * c["epsilon"])
        if self.decay:
            change.addcmul_(parameter, c["weight_decay"])
        return change.mul_(-rate), {
            "mean": mean,
            "mean_square": square,
            "sum": total,
            "start": state["start"].clone(),
            "numerator": numerator,
            "growth": following,
        }
