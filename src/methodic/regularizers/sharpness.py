"""Flat minima: the gradient is taken where the loss nearby is worst.

Shapes: M members, P parameters.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor

from methodic.optimizers.clipping import global_norm

_TINY = 1e-12  # a gradient of 0 has no direction; its point is where the weights are
_SHIFT = 0.01  # so that a weight of 0 can still be moved by the adaptive form


@dataclass(frozen=True)
class SAM:
    """Sharpness-aware minimization: the step uses the gradient at w + rho · g / ‖g‖.

    The adaptive form measures distance in units of the weights: with T = |w| + 0.01 it goes to
    w + rho · T²·g / ‖T·g‖, so that rescaling a layer's weights doesn't change what is near. Each
    step takes two gradients.

    Args:
        path: of the regularizer in the recipe; ``path + ".rho"`` > 0.
        adaptive: the adaptive form.

    Source: Foret et al. 2021; Kwon et al. 2021 (adaptive).
    """

    path: str
    adaptive: bool = False

    def point(
        self, gradient: Tensor, norm: Tensor, flat: Tensor, numbers: Mapping[str, Tensor]
    ) -> Tensor:
        """Where the step's gradient is to be taken, [M, P].

        Args:
            gradient: at the weights, [M, P]; 0 for what isn't trained, which then stays.
            norm: of the gradient, [M].
            flat: weights, [M, P].
            numbers: path → [M].
        """
        rho = numbers[self.path + ".rho"]
        if self.adaptive:
            scale = flat.abs() + _SHIFT
            scaled = gradient * scale
            return flat + scaled * scale * (rho / (global_norm(scaled) + _TINY)).unsqueeze(-1)
        return flat + gradient * (rho / (norm + _TINY)).unsqueeze(-1)
