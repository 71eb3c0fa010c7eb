"""Objectives that learn from rows without targets: what they share.

Shapes: M members, B rows, D numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from methodic.models.parts.layers import Linear
from methodic.objectives.sides import Side
from methodic.rng import Noise
from methodic.types import Batch, Half, Model, ParameterSpec, Pass

_EPSILON = 1e-5  # is added to variances


class Perceptron:
    """Linear layers with relu between them, for what an objective puts behind an encoder.

    Args:
        name: prefix of the parameters' names.
        sizes: of what enters, of each hidden layer, and of what leaves; a single one: no layers.
        standardised: hidden units are standardised over the batch in front of their relu, as by a
            batch norm without a scale and a shift of its own.
        shifts: the last layer has a bias. Where the loss can't tell a shift, its true gradient is
            0, and rules such as Adam would amplify rounding.
    """

    def __init__(
        self, name: str, sizes: Sequence[int], standardised: bool = False, shifts: bool = True
    ) -> None:
        last = len(sizes) - 2
        self.standardised = standardised
        self.layers = [
            Linear(
                f"{name}.{i}",
                before,
                after,
                bias=shifts if i == last else not standardised,
                gain=1.0 if i == last else 2.0**0.5,
            )
            for i, (before, after) in enumerate(pairwise(sizes))
        ]

    def parameters(self) -> dict[str, ParameterSpec]:
        """Full name → specification."""
        return {name: spec for layer in self.layers for name, spec in layer.parameters().items()}

    def __call__(self, run: Pass, x: Tensor) -> Tensor:
        """[M, B, first size] → [M, B, last size]."""
        if not self.layers:
            return x
        *hidden, last = self.layers
        for layer in hidden:
            x = layer(run, x)
            x = torch.relu(standardised(x) if self.standardised else x)
        return last(run, x)


def standardised(x: Tensor) -> Tensor:
    """Each number with mean 0 and variance 1 over the rows of its batch: [M, B, D], same shape."""
    centered = x - x.mean(1, keepdim=True)
    return centered / torch.sqrt((centered * centered).mean(1, keepdim=True) + _EPSILON)


def directions(x: Tensor) -> Tensor:
    """Rows scaled to length 1: [M, B, D], same shape."""
    return F.normalize(x, dim=-1)


def number(run: Pass, path: str) -> Tensor | None:
    """A Number of the recipe, [M, 1]; None where it is 0."""
    found = run.numbers.get(path)
    return None if found is None else found.unsqueeze(1)


@dataclass(frozen=True, eq=False)
class Unlabelled:
    """Base: an objective that reads rows and no target of theirs.

    Args:
        path: of the objective in the recipe, where its Numbers are.
        owner: prefix of the names of its own parameters.
        network: to be trained.
        beside: it reads the rows beside the batch, and not the batch.
    """

    path: str
    owner: str
    network: Model
    beside: bool

    taught: ClassVar[bool] = False
    """It asks what the averaged weights say."""

    @property
    def trains(self) -> tuple[Half, ...]:
        """Parts of the network that it trains."""
        return ("encoder",)

    @property
    def sides(self) -> tuple[Side, ...]:
        """Its looks at the rows."""
        return ()

    def noise(self, rows: int) -> dict[str, Noise]:
        """The random numbers of all looks at ``rows`` rows."""
        return {site: each for side in self.sides for site, each in side.noise(rows).items()}

    def parameters(self) -> dict[str, ParameterSpec]:
        """Full name → specification, of what it adds to the network."""
        return {}

    def trained(self) -> tuple[str, ...]:
        """Names of its own parameters that it trains."""
        return tuple(self.parameters())

    def rows(self, batch: Batch) -> Batch:
        """The rows that it reads."""
        if not self.beside:
            return batch
        assert batch.beside is not None, "its stage has rows beside each batch"
        return batch.beside

    def __call__(self, model: Model, run: Pass, batch: Batch) -> dict[str, Tensor]:
        """The loss by its name: [M]."""
        raise NotImplementedError
