"""Penalties on weights, as loss terms. Shapes: M members."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from methodic.errors import InputError
from methodic.types import Pass


@dataclass(frozen=True)
class L1:
    """weight · Σ|w|. Its gradient is weight · sign(w), and 0 at 0.

    Weights come near zero, but gradient steps hop over it; `proximal.ProximalL1` reaches it.

    Args:
        path: of the regularizer in the recipe; ``path + ".weight"`` is ≥ 0.
        names: the parameters that are penalized.

    Source: Tibshirani 1996.
    """

    path: str
    names: tuple[str, ...]

    def __post_init__(self) -> None:
        check_names(self.path, self.names)

    def __call__(self, run: Pass) -> dict[str, Tensor]:
        """``l1``: [M]."""
        return {"l1": run.numbers[self.path + ".weight"] * _joined(run, self.names).abs().sum(1)}


@dataclass(frozen=True)
class L2:
    """weight · Σw². Its gradient is 2 · weight · w.

    With plain gradient descent this equals a weight decay of 2 · weight.

    Args:
        path: of the regularizer in the recipe; ``path + ".weight"`` is ≥ 0.
        names: the parameters that are penalized.

    Source: Hoerl and Kennard 1970.
    """

    path: str
    names: tuple[str, ...]

    def __post_init__(self) -> None:
        check_names(self.path, self.names)

    def __call__(self, run: Pass) -> dict[str, Tensor]:
        """``l2``: [M]."""
        joined = _joined(run, self.names)
        return {"l2": run.numbers[self.path + ".weight"] * (joined * joined).sum(1)}


@dataclass(frozen=True)
class ElasticNet:
    """weight · (ratio · Σ|w| + (1 − ratio)/2 · Σw²).

    Args:
        path: of the regularizer in the recipe; ``path + ".weight"`` is ≥ 0 and
            ``path + ".l1_ratio"`` in [0, 1].
        names: the parameters that are penalized.
        lasso: the ratio isn't 0.

    Source: Zou and Hastie 2005.
    """

    path: str
    names: tuple[str, ...]
    lasso: bool = True

    def __post_init__(self) -> None:
        check_names(self.path, self.names)

    def __call__(self, run: Pass) -> dict[str, Tensor]:
        """``elastic_net``: [M]."""
        joined = _joined(run, self.names)
        penalty = 0.5 * (joined * joined).sum(1)
        if self.lasso:
            ratio = run.numbers[self.path + ".l1_ratio"]
            penalty = ratio * joined.abs().sum(1) + (1 - ratio) * penalty
        return {"elastic_net": run.numbers[self.path + ".weight"] * penalty}


def check_names(path: str, names: tuple[str, ...]) -> None:
    """A penalty on nothing is a mistake in the recipe."""
    if not names:
        raise InputError(
            f"{path}: there is no parameter to penalize",
            advice="Train parameters that decay (weights), or leave this regularizer out.",
        )


def _joined(run: Pass, names: tuple[str, ...]) -> Tensor:
    """The named parameters side by side, [M, …]: one sum instead of one for each name."""
    return torch.cat([run.parameters[name].flatten(1) for name in names], dim=1)
