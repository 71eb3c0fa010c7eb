"""Objectives that foretell the other view's projection, without comparing rows with each other.

Shapes: M members, B rows, D numbers of a projection.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

from torch import Tensor

from methodic.models.around import encoder
from methodic.objectives.contrast import TwoViews
from methodic.objectives.unlabelled import Perceptron, directions
from methodic.types import Batch, Model, ParameterSpec, Pass


@dataclass(frozen=True, eq=False)
class _Foretelling(TwoViews):
    """A predictor behind the projector; hidden units of both are standardised.

    Args:
        predictor: units of its hidden layers.
    """

    hidden: tuple[int, ...]

    shifts: ClassVar[bool] = False  # the predictor takes it away, and targets give no gradient

    @cached_property
    def predictor(self) -> Perceptron:
        """From one projection to the other one."""
        ends = (encoder(self.network).features, *self.projection)[-1]
        sizes = (ends, *self.hidden, ends)
        return Perceptron(f"{self.owner}.predictor", sizes, standardised=True)

    def parameters(self) -> dict[str, ParameterSpec]:
        return self.projector.parameters() | self.predictor.parameters()


@dataclass(frozen=True, eq=False)
class BYOL(_Foretelling):
    """2 − 2·cos(prediction, the average's projection of the other view), the mean of both ways.

    Source: Grill et al. 2020 (arXiv 2006.07733).
    """

    name: ClassVar[str] = "byol"
    taught: ClassVar[bool] = True

    def __call__(self, model: Model, run: Pass, batch: Batch) -> dict[str, Tensor]:
        inputs = self.rows(batch).inputs
        assert run.teacher is not None
        taught = Pass(run.teacher, {}, {}, run.numbers, training=True)
        found, wanted = [], []
        for side in self.sides:
            own = self.projector(run, side.features(model, run, inputs))
            found.append(self.predictor(run, own))
            other = self.projector(taught, side.taught_features(model, run, inputs))
            wanted.append(other.detach())
        both = away(found[0], wanted[1]) + away(found[1], wanted[0])
        return {self.name: both}


@dataclass(frozen=True, eq=False)
class SimSiam(_Foretelling):
    """1 − cos(prediction, other view's projection), the mean of both ways; that gets no gradient.

    Source: Chen and He 2020 (arXiv 2011.10566), plus 1.
    """

    name: ClassVar[str] = "simsiam"

    def __call__(self, model: Model, run: Pass, batch: Batch) -> dict[str, Tensor]:
        first, second = self.projected(model, run, batch)
        found = self.predictor(run, first), self.predictor(run, second)
        both = away(found[0], second.detach()) + away(found[1], first.detach())
        return {self.name: 0.5 * both}


def away(found: Tensor, wanted: Tensor) -> Tensor:
    """1 − the mean cosine of rows: [M, B, D] twice → [M]."""
    return 1 - (directions(found) * directions(wanted)).sum(2).mean(1)
