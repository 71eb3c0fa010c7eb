"""Adam's kin: another norm (Adamax), Nesterov's momentum (NAdam), a rectified start (RAdam)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from methodic.optimizers.coefficients import FloatArray, power, spread
from methodic.types import Rule


@dataclass(frozen=True)
class Adamax(Rule):
    """Adam with the largest gradient of late in place of the root mean square.

    g ← g + weight_decay · w;
    m ← beta1 · m + (1 − beta1) · g;  u ← max(beta2 · u, |g| + epsilon);
    w ← w − lr / (1 − beta1ᵗ) · m / u.

    Args:
        decay: add ``weight_decay`` ≥ 0 times the parameter to the gradient.

    State: ``mean`` (m) and ``largest`` (u).

    Source: Kingma and Ba 2015, section 7.1; epsilon, as in torch.optim, guards against gradients
    that were 0 from the start.
    """

    decay: bool = False

    def initial(self, parameter: Tensor) -> dict[str, Tensor]:
        """Zeros."""
        return {"mean": torch.zeros_like(parameter), "largest": torch.zeros_like(parameter)}

    def coefficients(
        self, step: FloatArray, numbers: Mapping[str, FloatArray]
    ) -> dict[str, FloatArray]:
        """``scale`` = −lr / (1 − beta1ᵗ), ``fresh1`` = 1 − beta1; the others as they are."""
        beta1 = numbers["beta1"]
        columns = {
            "scale": -numbers["lr"] / (1.0 - power(beta1, step)),
            "beta1": beta1,
            "fresh1": 1.0 - beta1,
            "beta2": numbers["beta2"],
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
        mean = (state["mean"] * c["beta1"]).addcmul_(gradient, c["fresh1"])
        largest = torch.maximum(state["largest"] * c["beta2"], gradient.abs().add_(c["epsilon"]))
        return (mean / largest).mul_(c["scale"]), {"mean": mean, "largest": largest}


@dataclass(frozen=True)
class NAdam(Rule):
    """Adam that looks ahead along its mean, by a momentum that warms up.

    g ← g + weight_decay · w, unless decoupled;  m and s as in Adam;
    μᵢ = beta1 · (1 − 0.96^(i · momentum_decay) / 2),  Πᵗ = μ₁ · … · μₜ,  ŝ = s / (1 − beta2ᵗ);
    w ← w − lr · ((1 − μₜ) / (1 − Πᵗ) · g + μₜ₊₁ / (1 − Πᵗ⁺¹) · m) / (√ŝ + epsilon).

    Args:
        decay: use the number ``weight_decay`` ≥ 0.
        decoupled: w ← w − lr · weight_decay · w beside the step, as in AdamW.

    State: ``mean`` (m) and ``mean_square`` (s), without bias correction. The product of all μ is a
    function of the step, computed on the host.

    Source: Dozat 2016, in the form of torch.optim.
    """

    decay: bool = False
    decoupled: bool = False

    def initial(self, parameter: Tensor) -> dict[str, Tensor]:
        """Zeros."""
        return {"mean": torch.zeros_like(parameter), "mean_square": torch.zeros_like(parameter)}

    def coefficients(
        self, step: FloatArray, numbers: Mapping[str, FloatArray]
    ) -> dict[str, FloatArray]:
        """``ahead`` · m + ``now`` · g is what is divided by √s + ``epsilon``; the means' decays."""
        beta1, beta2, lr = numbers["beta1"], numbers["beta2"], numbers["lr"]
        correction = np.sqrt(1.0 - power(beta2, step))
        # One by one: a vectorised power may round an element by who stands beside it.
        psi = np.atleast_1d(numbers["momentum_decay"])
        base = np.array([0.96 ** float(each) for each in psi.flat]).reshape(psi.shape)
        mu = beta1 * (1.0 - 0.5 * power(base, step))
        following = beta1 * (1.0 - 0.5 * power(base, step + 1.0))
        product = power(beta1, step) * _product(base, step, beta1)
        columns = {
            "now": -lr * correction * (1.0 - mu) / (1.0 - product),
            "ahead": -lr * correction * following / (1.0 - product * following),
            **_means(beta1, beta2),
            "epsilon": numbers["epsilon"] * correction,
        }
        if self.decay:
            columns["weight_decay"] = numbers["weight_decay"] * (lr if self.decoupled else 1.0)
        return spread(step, columns)

    def update(
        self,
        gradient: Tensor,
        parameter: Tensor,
        state: Mapping[str, Tensor],
        c: Mapping[str, Tensor],
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """What to add to the parameter, and the next state."""
        if self.decay and not self.decoupled:
            gradient = torch.addcmul(gradient, parameter, c["weight_decay"])
        following = _averaged(gradient, state, c)
        ahead = (following["mean"] * c["ahead"]).addcmul_(gradient, c["now"])
        change = ahead.div_(following["mean_square"].sqrt().add_(c["epsilon"]))
        if self.decay and self.decoupled:
            change.addcmul_(parameter, c["weight_decay"], value=-1)
        return change, following


@dataclass(frozen=True)
class RAdam(Rule):
    """Adam whose early steps are scaled by how well their mean square is known.

    g ← g + weight_decay · w, unless decoupled;  m, s, m̂ and ŝ as in Adam;
    ρ = 2 / (1 − beta2) − 1,  ρₜ = ρ − 2 t · beta2ᵗ / (1 − beta2ᵗ);
    while ρₜ ≤ 5:  w ← w − lr · m̂;  then  w ← w − lr · r · m̂ · √(1 − beta2ᵗ) / (√s + epsilon)
    with  r = √((ρₜ − 4)(ρₜ − 2) ρ / ((ρ − 4)(ρ − 2) ρₜ)).

    Epsilon stands beside √s, and not beside √ŝ as in Adam. With beta2 ≤ 2/3 the second kind of step
    never comes.

    Args:
        decay: use the number ``weight_decay`` ≥ 0.
        decoupled: w ← w − lr · weight_decay · w beside the step, as in AdamW.

    State: ``mean`` (m) and ``mean_square`` (s), without bias correction.

    Source: Liu et al. 2020, in the form of torch.optim.
    """

    decay: bool = False
    decoupled: bool = False

    def initial(self, parameter: Tensor) -> dict[str, Tensor]:
        """Zeros."""
        return {"mean": torch.zeros_like(parameter), "mean_square": torch.zeros_like(parameter)}

    def coefficients(
        self, step: FloatArray, numbers: Mapping[str, FloatArray]
    ) -> dict[str, FloatArray]:
        """A step is scale · m / (root · √s + offset); root is 0 while ρₜ ≤ 5. The means' decays."""
        beta1, beta2, lr = numbers["beta1"], numbers["beta2"], numbers["lr"]
        past = power(beta2, step)
        whole = 2.0 / (1.0 - beta2) - 1.0
        length = whole - 2.0 * step * past / (1.0 - past)
        known = length > 5.0
        safe = np.where(known, length, 6.0)
        limit = np.where(known, whole, 6.0)  # ρ is above 5 wherever ρₜ is
        ratio = (safe - 4.0) * (safe - 2.0) * limit / ((limit - 4.0) * (limit - 2.0) * safe)
        columns = {
            "scale": -lr / (1.0 - power(beta1, step)) * np.where(known, _roots(ratio, past), 1.0),
            "root": np.where(known, 1.0, 0.0),
            "offset": np.where(known, numbers["epsilon"], 1.0),
            **_means(beta1, beta2),
        }
        if self.decay:
            columns["weight_decay"] = numbers["weight_decay"] * (lr if self.decoupled else 1.0)
        return spread(step, columns)

    def update(
        self,
        gradient: Tensor,
        parameter: Tensor,
        state: Mapping[str, Tensor],
        c: Mapping[str, Tensor],
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """What to add to the parameter, and the next state."""
        if self.decay and not self.decoupled:
            gradient = torch.addcmul(gradient, parameter, c["weight_decay"])
        following = _averaged(gradient, state, c)
        divisor = following["mean_square"].sqrt().mul_(c["root"]).add_(c["offset"])
        change = (following["mean"] / divisor).mul_(c["scale"])
        if self.decay and self.decoupled:
            change.addcmul_(parameter, c["weight_decay"], value=-1)
        return change, following


def _means(beta1: FloatArray, beta2: FloatArray) -> dict[str, FloatArray]:
    """How both means decay."""
    return {"beta1": beta1, "fresh1": 1.0 - beta1, "beta2": beta2, "fresh2": 1.0 - beta2}


def _averaged(
    gradient: Tensor, state: Mapping[str, Tensor], c: Mapping[str, Tensor]
) -> dict[str, Tensor]:
    """Adam's means after this gradient."""
    mean = (state["mean"] * c["beta1"]).addcmul_(gradient, c["fresh1"])
    mean_square = (state["mean_square"] * c["beta2"]).addcmul_(gradient * gradient, c["fresh2"])
    return {"mean": mean, "mean_square": mean_square}


def _roots(ratio: FloatArray, past: FloatArray) -> FloatArray:
    found: FloatArray = np.sqrt(ratio) * np.sqrt(1.0 - past)
    return found


def _product(base: FloatArray, step: FloatArray, beta1: FloatArray) -> FloatArray:
    """Πᵢ (1 − baseⁱ / 2) over i from 1 to the step, in the shape of base and step together.

    Once beta1ᵗ is below 2⁻⁶⁰, further factors are left out: 1 − beta1ᵗ · product is 1 anyway.
    """
    largest = float(beta1.max())
    most = 1 if largest == 0 else math.ceil(60 * math.log(2) / -math.log(largest))
    steps, bases = np.broadcast_arrays(np.minimum(step, most).astype(np.int64), base)
    found = np.ones(steps.shape)
    for each in np.unique(bases):
        here = bases == each
        counts = steps[here]
        factors = 1.0 - 0.5 * power(np.array(each), np.arange(1.0, counts.max() + 1.0))
        found[here] = np.cumprod(factors)[counts - 1]
    return found
