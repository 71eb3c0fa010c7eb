"""Weights as distributions: IVON, the variational online Newton method.

Shapes: M members, P parameters.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from methodic.optimizers.coefficients import FloatArray, power, spread
from methodic.rng import Noise
from methodic.types import Rule

_SITE = "rule/ivon"


@dataclass(frozen=True)
class IVON(Rule):
    """Learn a normal distribution over weights: its mean w, the parameter, and its width σ.

    θ = w + σ · ε,  σ = 1 / √(ess · (h + δ)),  ε standard normal;  g = gradient at θ;
    k = g · (θ − w) / σ²;
    m ← beta1 · m + (1 − beta1) · g;
    h ← beta2 · h + (1 − beta2) · k + (1 − beta2)² / 2 · (h − k)² / (h + δ);
    w ← w − lr · (hess_init + δ) · (m / (1 − beta1ᵗ) + δ · w) / (h + δ).

    δ is the number ``weight_decay``: here a Gaussian prior, which narrows the distribution and
    pulls the mean to 0. k estimates the loss's curvature from the gradient alone; the square keeps
    h + δ above 0 whatever k is: it at most halves in a step. Steps start as long as those of
    gradient descent with the same rate.

    The mean is evaluated. How wide the distribution got around it is 1 / √(ess · (h + δ)).

    Args:
        decay: use ``weight_decay`` ≥ 0; without, δ is 0.

    Numbers: ``ess`` > 0, the effective sample size: the number of training rows, or less for a
    wider distribution; ``hess_init`` > 0, what h starts at.

    State: ``mean`` (m) and ``curvature`` (h), which is 0 before the first step and is read as
    ``hess_init`` there.

    Source: Shen et al. 2024 (arXiv 2402.17641), algorithm 1, with one draw a step.
    """

    probes: ClassVar[bool] = True

    decay: bool = True

    def initial(self, parameter: Tensor) -> dict[str, Tensor]:
        """Zeros."""
        return {"mean": torch.zeros_like(parameter), "curvature": torch.zeros_like(parameter)}

    def coefficients(
        self, step: FloatArray, numbers: Mapping[str, FloatArray]
    ) -> dict[str, FloatArray]:
        """``start`` is ``hess_init`` at the first step and then 0; ``fresh`` = 1 − beta.

        ``unbiased`` = 1 / (1 − beta1ᵗ); ``swing`` = (1 − beta2)² / 2.
        """
        beta1, beta2 = numbers["beta1"], numbers["beta2"]
        columns = {
            "scale": -numbers["lr"],
            "ess": numbers["ess"],
            "hess_init": numbers["hess_init"],
            "start": np.where(step == 1, numbers["hess_init"], 0.0),
            "unbiased": 1.0 / (1.0 - power(beta1, step)),
            "beta1": beta1,
            "fresh1": 1.0 - beta1,
            "fresh2": 1.0 - beta2,
            "swing": 0.5 * (1.0 - beta2) ** 2,
        }
        if self.decay:
            columns["weight_decay"] = numbers["weight_decay"]
        return spread(step, columns)

    def noise(self, parameters: int) -> dict[str, Noise]:
        """One ε for each parameter."""
        return {_SITE: Noise((parameters,), "normal")}

    def point(
        self,
        parameter: Tensor,
        state: Mapping[str, Tensor],
        c: Mapping[str, Tensor],
        noise: Mapping[str, Tensor],
    ) -> Tensor:
        """θ, drawn from the distribution."""
        precision = self._precise(state["curvature"] + c["start"], c)
        return parameter + noise[_SITE].view_as(parameter) / (precision * c["ess"]).sqrt_()

    def update(
        self,
        gradient: Tensor,
        parameter: Tensor,
        state: Mapping[str, Tensor],
        c: Mapping[str, Tensor],
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """What to add to the parameter, and the next state; ``c["point"]`` is θ."""
        before = state["curvature"] + c["start"]
        precision = self._precise(before, c)
        # h + the change that a running mean would make, + what keeps it positive.
        away = (c["point"] - parameter).mul_(gradient).mul_(precision).mul_(c["ess"]).sub_(before)
        mean = (state["mean"] * c["beta1"]).addcmul_(gradient, c["fresh1"])
        curvature = torch.addcmul(before, away, c["fresh2"])
        curvature.addcmul_(away.square_().div_(precision), c["swing"])
        direction = mean * c["unbiased"]
        if self.decay:
            direction.addcmul_(parameter, c["weight_decay"])
            direction.mul_(c["hess_init"] + c["weight_decay"])
        else:
            direction.mul_(c["hess_init"])
        change = direction.div_(self._precise(curvature, c)).mul_(c["scale"])
        return change, {"mean": mean, "curvature": curvature}

    def _precise(self, curvature: Tensor, c: Mapping[str, Tensor]) -> Tensor:
        """h + δ: the distribution's precision, but for the factor ess."""
        return curvature + c["weight_decay"] if self.decay else curvature
