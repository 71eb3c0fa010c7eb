"""Contrastive objectives: two views of a row belong together, other rows don't.

Shapes: M members, B rows, V = 2·B views, D numbers of a projection.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from methodic.models.around import encoder
from methodic.objectives.sides import Side
from methodic.objectives.unlabelled import Perceptron, Unlabelled, directions
from methodic.types import Batch, Mixing, Model, ParameterSpec, Pass


@dataclass(frozen=True, eq=False)
class TwoViews(Unlabelled):
    """Base: two views of each row, encoded and projected.

    Args:
        first, second: what changes the rows for either view.
        projection: units of each layer behind the encoder; hidden ones are standardised. ():
            features are compared as they are.
    """

    first: tuple[Mixing, ...]
    second: tuple[Mixing, ...]
    projection: tuple[int, ...]

    shifts: ClassVar[bool] = True
    """The loss changes where all projections are shifted alike."""

    @cached_property
    def sides(self) -> tuple[Side, ...]:
        return (
            Side(f"{self.path}/first", self.network, self.first),
            Side(f"{self.path}/second", self.network, self.second),
        )

    @cached_property
    def projector(self) -> Perceptron:
        """Behind the encoder."""
        sizes = (encoder(self.network).features, *self.projection)
        return Perceptron(f"{self.owner}.projector", sizes, standardised=True, shifts=self.shifts)

    def parameters(self) -> dict[str, ParameterSpec]:
        return self.projector.parameters()

    def projected(self, model: Model, run: Pass, batch: Batch) -> tuple[Tensor, Tensor]:
        """Both views' projections, [M, B, D] each."""
        inputs = self.rows(batch).inputs
        first, second = (
            self.projector(run, side.features(model, run, inputs)) for side in self.sides
        )
        return first, second


@dataclass(frozen=True, eq=False)
class SimCLR(TwoViews):
    """−log of the softmax over all other views, at a view's partner, of cosines / temperature.

    Args:
        path: ``path + ".temperature"`` > 0.

    Source: Chen et al. 2020 (arXiv 2002.05709); for tables, with one view left as it is: Bahri et
    al. 2021 (arXiv 2106.15147).
    """

    name: ClassVar[str] = "contrast"

    def __call__(self, model: Model, run: Pass, batch: Batch) -> dict[str, Tensor]:
        first, second = self.projected(model, run, batch)
        return {self.name: nt_xent(first, second, run.numbers[f"{self.path}.temperature"])}


def nt_xent(first: Tensor, second: Tensor, temperature: Tensor) -> Tensor:
    """The normalized temperature-scaled cross-entropy of two views, [M, B, D] each → [M].

    temperature: [M].
    """
    logs = _log_shares(first, second, temperature)
    rows = first.shape[1]
    own = torch.arange(2 * rows, device=first.device)
    partners = (own.unsqueeze(0) - own.unsqueeze(1)).abs() == rows
    return -logs.masked_fill(~partners, 0.0).sum(2).mean(1)


def _log_shares(first: Tensor, second: Tensor, temperature: Tensor) -> Tensor:
    """Logarithms of each view's softmax over all others: [M, V, V], −∞ for itself."""
    views = directions(torch.cat([first, second], 1))
    cosines = torch.bmm(views, views.mT) / temperature.view(-1, 1, 1)
    itself = torch.eye(views.shape[1], dtype=torch.bool, device=views.device)
    return F.log_softmax(cosines.masked_fill(itself, -torch.inf), -1)


@dataclass(frozen=True, eq=False)
class SupervisedContrast(TwoViews):
    """Like SimCLR, but all views of all rows of the same class are partners.

    −1/|P(i)| · Σ over partners p of i of the log softmax at p, and of that the mean over views i,
    weighted where rows are. It reads classes, so it reads the labelled batch.

    Source: Khosla et al. 2020 (arXiv 2004.11362), the loss with the sum outside.
    """

    name: ClassVar[str] = "supervised_contrast"

    def __call__(self, model: Model, run: Pass, batch: Batch) -> dict[str, Tensor]:
        first, second = self.projected(model, run, batch)
        temperature = run.numbers[f"{self.path}.temperature"]
        loss = supervised_contrast(first, second, batch.target, temperature, batch.weight)
        return {self.name: loss}


def supervised_contrast(
    first: Tensor,
    second: Tensor,
    target: Tensor,
    temperature: Tensor,
    weight: Tensor | None = None,
) -> Tensor:
    """The supervised contrastive loss of two views, [M, B, D] each, and classes [M, B] → [M].

    ``weight``: of the rows, [M, B]; None: all count alike.
    """
    logs = _log_shares(first, second, temperature)
    classes = torch.cat([target, target], 1)
    itself = torch.eye(classes.shape[1], dtype=torch.bool, device=classes.device)
    partners = (classes.unsqueeze(2) == classes.unsqueeze(1)) & ~itself
    total = logs.masked_fill(~partners, 0.0).sum(2)
    cost = -(total / partners.sum(2))
    if weight is None:
        return cost.mean(1)
    # A batch of rows that all weigh nothing costs nothing.
    whole = 2 * weight.sum(1).clamp(min=torch.finfo(weight.dtype).tiny)
    return (cost * torch.cat([weight, weight], 1)).sum(1) / whole
