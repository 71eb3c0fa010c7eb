"""Losses for numbers.

Shapes: M members, B rows, T targets.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from methodic.models.parts.activations import aligned
from methodic.objectives.rowwise import Rowwise, misshapen
from methodic.types import Pass


@dataclass(frozen=True)
class _ByNumber(Rowwise):
    """A loss whose target is T numbers of each row; the mean over them is the row's loss."""

    path: str

    def check(self, output: Tensor, target: Tensor) -> None:
        needed = [*target.shape[:-1], self.outputs(target.shape[-1])]
        if list(output.shape) != needed:
            raise misshapen("numbers", target.shape, output.shape, needed)

    def each(self, run: Pass, output: Tensor, target: Tensor) -> Tensor:
        """The loss of each number, [M, B, T]."""
        raise NotImplementedError

    def rowwise(self, run: Pass, prepared: Tensor, target: Tensor) -> Tensor:
        loss = self.each(run, prepared, target)
        return loss.squeeze(-1) if loss.shape[-1] == 1 else loss.mean(-1)


@dataclass(frozen=True)
class MeanSquaredError(_ByNumber):
    """Mean of the squared differences, over rows and outputs.

    Args:
        path: of the objective in the recipe.
    """

    name: ClassVar[str] = "mean_squared_error"

    def each(self, run: Pass, output: Tensor, target: Tensor) -> Tensor:  # noqa: ARG002
        difference = output - target
        return difference * difference


@dataclass(frozen=True)
class MeanAbsoluteError(_ByNumber):
    """Mean of the absolute differences; its optimum is the median.

    Args:
        path: of the objective in the recipe.
    """

    name: ClassVar[str] = "mean_absolute_error"

    def each(self, run: Pass, output: Tensor, target: Tensor) -> Tensor:  # noqa: ARG002
        return (output - target).abs()


@dataclass(frozen=True)
class Huber(_ByNumber):
    """½d² where |d| ≤ δ, and δ · (|d| − ½δ) beyond; d is the difference.

    Args:
        path: of the objective in the recipe; ``path + ".delta"`` is > 0, in units of the target as
            it is trained: standard deviations.

    Source: Huber 1964.
    """

    name: ClassVar[str] = "huber"

    def each(self, run: Pass, output: Tensor, target: Tensor) -> Tensor:
        delta = run.numbers[self.path + ".delta"].view(-1, 1, 1)
        difference = output - target
        near = difference.clamp(min=-delta, max=delta)
        return near * (difference - 0.5 * near)


@dataclass(frozen=True)
class Quantile(_ByNumber):
    """max(τd, (τ − 1)d) with d = target − output; its optimum is the τ-quantile.

    Args:
        path: of the objective in the recipe; ``path + ".quantile"`` is τ, in (0, 1).

    Source: Koenker and Bassett 1978.
    """

    name: ClassVar[str] = "quantile"

    def each(self, run: Pass, output: Tensor, target: Tensor) -> Tensor:
        tau = run.numbers[self.path + ".quantile"].view(-1, 1, 1)
        above = target - output
        return torch.maximum(tau * above, (tau - 1) * above)


@dataclass(frozen=True)
class GaussianNLL(_ByNumber):
    """½ (s + (target − mean)² / exp(s)); s is the logarithm of a variance that the network gives.

    The first T outputs are means, the next T logarithms of variances, at least log 10⁻⁶. The
    constant ½ log 2π is left out.

    Args:
        path: of the objective in the recipe.

    Source: Nix and Weigend 1994.
    """

    name: ClassVar[str] = "gaussian_nll"

    def outputs(self, targets: int) -> int:
        """A mean and a variance for each."""
        return 2 * targets

    def each(self, run: Pass, output: Tensor, target: Tensor) -> Tensor:  # noqa: ARG002
        count = target.shape[-1]
        mean, log_variance = output[..., :count], output[..., count:].clamp(min=math.log(1e-6))
        difference = target - mean
        return 0.5 * (log_variance + difference * difference * aligned(torch.exp, -log_variance))


@dataclass(frozen=True)
class Poisson(_ByNumber):
    """exp(output) − target · output: counts, whose expectation is exp(output).

    The negative log-likelihood without log(target!). Targets are counts ≥ 0, or rates, in their own
    units: a standardised target is none.

    Args:
        path: of the objective in the recipe.
    """

    name: ClassVar[str] = "poisson"

    def each(self, run: Pass, output: Tensor, target: Tensor) -> Tensor:  # noqa: ARG002
        return aligned(torch.exp, output) - target * output
