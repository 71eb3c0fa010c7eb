"""Steps of one length in every direction: Lion."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from methodic.optimizers.coefficients import FloatArray, spread
from methodic.types import Rule


@dataclass(frozen=True)
class Lion(Rule):
    """The sign of a mean that counts the latest gradient more than its memory does.

    w ← w − lr · (sign(beta1 · m + (1 − beta1) · g) + weight_decay · w);
    m ← beta2 · m + (1 − beta2) · g.

    Every weight moves by lr, so the rate is a third to a tenth of Adam's, the decay as much larger,
    and near a minimum only a falling rate brings rest. A gradient that was always 0 moves nothing.

    Args:
        decay: shrink the parameters; the number ``weight_decay`` is ≥ 0.

    State: ``mean`` (m).

    Source: Chen et al. 2023 (arXiv 2302.06675).
    """

    decay: bool = True

    def initial(self, parameter: Tensor) -> dict[str, Tensor]:
        """Zeros."""
        return {"mean": torch.zeros_like(parameter)}

    def coefficients(
        self, step: FloatArray, numbers: Mapping[str, FloatArray]
    ) -> dict[str, FloatArray]:
        """``scale`` = −lr, ``fresh1`` = 1 − beta1, ``fresh2``; ``weight_decay`` with lr in it."""
        columns = {
            "scale": -numbers["lr"],
            "beta1": numbers["beta1"],
            "fresh1": 1.0 - numbers["beta1"],
            "beta2": numbers["beta2"],
            "fresh2": 1.0 - numbers["beta2"],
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
        mean = state["mean"]
        change = (mean * c["beta1"]).addcmul_(gradient, c["fresh1"]).sign_().mul_(c["scale"])
        if self.decay:
            change.addcmul_(parameter, c["weight_decay"], value=-1)
        return change, {"mean": (mean * c["beta2"]).addcmul_(gradient, c["fresh2"])}
