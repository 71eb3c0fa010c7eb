"""Proximal steps, taken after the update. Shapes: M members."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor

from methodic.errors import InputError


@dataclass(frozen=True)
class ProximalL1:
    """Soft threshold: w ← sign(w) · max(|w| − lr · weight, 0).

    The minimizer of ½‖x − w‖² + lr · weight · Σ|x|: weights below the threshold become exactly 0,
    so the inputs that a model uses can be read off. With plain gradient descent this converges to
    a minimum of loss + weight · Σ|w| (ISTA). Adaptive rules scale the gradient of each weight, but
    the threshold is the same for all, so they end at another point.

    Args:
        path: of the regularizer in the recipe; ``path + ".weight"`` is ≥ 0.
        names: the parameters that are thresholded.

    Source: Daubechies, Defrise, De Mol 2004.
    """

    path: str
    names: tuple[str, ...]

    def __post_init__(self) -> None:
        if not self.names:
            raise InputError(
                f"{self.path}: there is no parameter to threshold",
                advice="Train parameters that decay (weights), or leave this regularizer out.",
            )

    def __call__(
        self, parameters: Mapping[str, Tensor], run_numbers: Mapping[str, Tensor], lr: Tensor
    ) -> dict[str, Tensor]:
        """The parameters that change.

        Args:
            parameters: name → [M, …], after the update.
            run_numbers: path → [M].
            lr: learning rate of this step, [M].

        Returns:
            New values of the named parameters, and of no others.
        """
        threshold = lr * run_numbers[self.path + ".weight"]
        return {name: soft_threshold(parameters[name], threshold) for name in self.names}


def soft_threshold(w: Tensor, threshold: Tensor) -> Tensor:
    """w minus its projection onto [−threshold, threshold]: exactly 0 inside, NaN stays NaN.

    Args:
        w: [M, …].
        threshold: [M], ≥ 0.
    """
    bound = threshold.reshape(-1, *[1] * (w.ndim - 1))
    return w - w.clamp(min=-bound, max=bound)
