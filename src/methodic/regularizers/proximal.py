"""Proximal steps and projections, taken after the update. Shapes: M members."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from methodic.errors import InputError
from methodic.optimizers.clipping import unit_norms
from methodic.types import Proximal


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
        _check_names(self.path, self.names)

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


@dataclass(frozen=True)
class ProximalElasticNet:
    """w ← soft threshold(w, lr · weight · ratio) / (1 + lr · weight · (1 − ratio)).

    The minimizer of ½‖x − w‖² + lr · weight · (ratio · Σ|x| + (1 − ratio)/2 · Σx²).

    Args:
        path: of the regularizer in the recipe; ``path + ".weight"`` is ≥ 0 and
            ``path + ".l1_ratio"`` in [0, 1].
        names: the parameters that are thresholded.
        lasso: the ratio isn't 0.

    Source: Zou and Hastie 2005; Parikh and Boyd 2014 (its proximal step).
    """

    path: str
    names: tuple[str, ...]
    lasso: bool = True

    def __post_init__(self) -> None:
        _check_names(self.path, self.names)

    def __call__(
        self, parameters: Mapping[str, Tensor], run_numbers: Mapping[str, Tensor], lr: Tensor
    ) -> dict[str, Tensor]:
        """The parameters that change; the arguments are those of `ProximalL1`."""
        strength = lr * run_numbers[self.path + ".weight"]
        if not self.lasso:
            return {n: parameters[n] / _wide(1 + strength, parameters[n]) for n in self.names}
        ratio = run_numbers[self.path + ".l1_ratio"]
        threshold, shrinking = strength * ratio, 1 + strength * (1 - ratio)
        found = {}
        for name in self.names:
            w = soft_threshold(parameters[name], threshold)
            found[name] = w / _wide(shrinking, w)
        return found


@dataclass(frozen=True)
class MaxNorm:
    """Projects the weights that enter a unit onto a ball: w ← w · limit / max(‖w‖, limit).

    Args:
        path: of the regularizer in the recipe; ``path + ".limit"`` is > 0.
        names: weights [inputs, outputs], or [outputs, inputs, …] of convolutions.

    Source: Srebro and Shraibman 2005; Srivastava et al. 2014 (with dropout).
    """

    path: str
    names: tuple[str, ...]

    def __post_init__(self) -> None:
        _check_names(self.path, self.names)

    def __call__(
        self,
        parameters: Mapping[str, Tensor],
        run_numbers: Mapping[str, Tensor],
        lr: Tensor,  # noqa: ARG002
    ) -> dict[str, Tensor]:
        """The parameters that change; the arguments are those of `ProximalL1`."""
        limit = run_numbers[self.path + ".limit"]
        found = {}
        for name in self.names:
            w = parameters[name]
            bound = _wide(limit, w)
            found[name] = w * (bound / torch.maximum(unit_norms(w), bound))
        return found


@dataclass(frozen=True)
class Slowed:
    """A proximal step on parameters whose learning rate is the turn's times a factor.

    The step minimizes ½‖x − w‖² + lr · penalty(x) with the rate at which these parameters move, so
    that both end where the penalized loss is least.

    Args:
        step: on these parameters alone.
        factor: on the learning rate, ≥ 0.
    """

    step: Proximal
    factor: float

    def __call__(
        self, parameters: Mapping[str, Tensor], run_numbers: Mapping[str, Tensor], lr: Tensor
    ) -> dict[str, Tensor]:
        """The parameters that change; the arguments are those of `ProximalL1`."""
        return self.step(parameters, run_numbers, lr * self.factor)


def _check_names(path: str, names: tuple[str, ...]) -> None:
    if not names:
        raise InputError(
            f"{path}: there is no parameter that it could act on",
            advice="Train parameters that decay (weights), or leave this regularizer out.",
        )


def _wide(x: Tensor, like: Tensor) -> Tensor:
    """[M] as [M, 1, …], to be multiplied with ``like``."""
    return x.reshape(-1, *[1] * (like.ndim - 1))


def soft_threshold(w: Tensor, threshold: Tensor) -> Tensor:
    """w minus its projection onto [−threshold, threshold]: exactly 0 inside, NaN stays NaN.

    Args:
        w: [M, …].
        threshold: [M], ≥ 0.
    """
    bound = _wide(threshold, w)
    return w - w.clamp(min=-bound, max=bound)
