"""Objectives on the statistics of two views' features; no row is compared with another one.

Shapes: M members, B rows, D numbers of a projection.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from methodic.objectives.contrast import TwoViews
from methodic.objectives.unlabelled import number, standardised
from methodic.types import Batch, Model, Pass

_SPREAD = 1.0  # deviation that each feature should have at least
_EPSILON = 1e-4


@dataclass(frozen=True, eq=False)
class VICReg(TwoViews):
    """invariance · mean squared difference + variance · hinge of deviations + covariance · squares.

    Args:
        path: ``path`` + ".invariance", ".variance" and ".covariance" ≥ 0.

    Source: Bardes, Ponce, LeCun 2021 (arXiv 2105.04906).
    """

    name: ClassVar[str] = "vicreg"
    shifts: ClassVar[bool] = False

    def __call__(self, model: Model, run: Pass, batch: Batch) -> dict[str, Tensor]:
        first, second = self.projected(model, run, batch)
        total = first.new_zeros(first.shape[0])
        if (weight := number(run, f"{self.path}.invariance")) is not None:
            away = first - second
            total = total + weight.squeeze(1) * (away * away).flatten(1).mean(1)
        if (weight := number(run, f"{self.path}.variance")) is not None:
            total = total + weight.squeeze(1) * 0.5 * (narrowness(first) + narrowness(second))
        if (weight := number(run, f"{self.path}.covariance")) is not None:
            total = total + weight.squeeze(1) * (covariance(first) + covariance(second))
        return {self.name: total}


def narrowness(x: Tensor) -> Tensor:
    """Mean over features of max(0, 1 − deviation over the batch): [M, B, D] → [M]."""
    centered = x - x.mean(1, keepdim=True)
    variance = (centered * centered).sum(1) / max(x.shape[1] - 1, 1)
    deviation = torch.sqrt(variance + _EPSILON)
    return torch.relu(_SPREAD - deviation).mean(1)


def covariance(x: Tensor) -> Tensor:
    """Sum of the squared covariances of different features, ÷ D: [M, B, D] → [M]."""
    rows, features = x.shape[1:]
    centered = x - x.mean(1, keepdim=True)
    found = torch.bmm(centered.mT, centered) / max(rows - 1, 1)
    return _off_diagonal(found) / features


@dataclass(frozen=True, eq=False)
class BarlowTwins(TwoViews):
    """Σ_i (1 − c_ii)² + redundancy · Σ_{i≠j} c_ij², c the correlations between the two views.

    Args:
        path: ``path + ".redundancy"`` ≥ 0.

    Source: Zbontar et al. 2021 (arXiv 2103.03230).
    """

    name: ClassVar[str] = "barlow_twins"
    shifts: ClassVar[bool] = False

    def __call__(self, model: Model, run: Pass, batch: Batch) -> dict[str, Tensor]:
        first, second = self.projected(model, run, batch)
        redundancy = number(run, f"{self.path}.redundancy")
        return {self.name: barlow(first, second, redundancy)}


def barlow(first: Tensor, second: Tensor, redundancy: Tensor | None) -> Tensor:
    """The loss of two projections [M, B, D]; redundancy [M, 1], None for 0."""
    crossed = torch.bmm(standardised(first).mT, standardised(second)) / first.shape[1]
    itself = torch.eye(crossed.shape[1], dtype=torch.bool, device=crossed.device)
    away = (1 - crossed).masked_fill(~itself, 0.0)
    loss = (away * away).flatten(1).sum(1)
    return loss if redundancy is None else loss + redundancy.squeeze(1) * _off_diagonal(crossed)


def _off_diagonal(x: Tensor) -> Tensor:
    """Sum of the squares beside the diagonal: [M, D, D] → [M]."""
    itself = torch.eye(x.shape[1], dtype=torch.bool, device=x.device)
    rest = x.masked_fill(itself, 0.0)
    return (rest * rest).flatten(1).sum(1)
