"""Noise on gradients. Shapes: M members, P parameters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from methodic.models.parts.activations import aligned
from methodic.rng import Noise


@dataclass(frozen=True)
class GradientNoise:
    """g ← g + σ_t · N(0, 1), with σ_t² = eta / (1 + t)^gamma; t counts steps from 1.

    Args:
        path: of the regularizer in the recipe; ``path + ".eta"`` > 0 is the variance, and
            ``path + ".gamma"`` ≥ 0 how fast it falls.
        falls: gamma isn't 0.

    Source: Neelakantan et al. 2015.
    """

    path: str
    falls: bool = True

    def noise(self, parameters: int) -> dict[str, Noise]:
        """The random numbers of a step over so many parameters."""
        return {self.path: Noise((parameters,), "normal")}

    def __call__(
        self,
        gradient: Tensor,
        noise: Mapping[str, Tensor],
        numbers: Mapping[str, Tensor],
        steps: float | Tensor,
    ) -> Tensor:
        """The noisy gradient, [M, P].

        Args:
            gradient: [M, P]; not written to.
            noise: site → what was drawn there, [M, P].
            numbers: path → [M].
            steps: taken with this one; one for all members, or each member's own, [M].
        """
        deviation = torch.sqrt(numbers[self.path + ".eta"])
        if self.falls:
            gamma = numbers[self.path + ".gamma"]
            t = steps.to(gamma) if isinstance(steps, Tensor) else torch.full_like(gamma, steps)
            power = aligned(torch.log1p, t.unsqueeze(-1)) * (-0.5 * gamma).unsqueeze(-1)
            deviation = deviation * aligned(torch.exp, power).squeeze(-1)
        return torch.addcmul(gradient, noise[self.path], deviation.unsqueeze(-1))
