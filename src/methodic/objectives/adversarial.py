"""Objectives that work against each other, in two turns: a discriminator and a generator.

Shapes: M members, B rows, F features, Z latent numbers, N numbers of a row.

Source: Goodfellow et al. 2014 (arXiv 1406.2661), with the generator's loss that doesn't saturate;
of features: Makhzani et al. 2015 (arXiv 1511.05644), adversarial autoencoders.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from methodic.models.around import encoder
from methodic.models.inputs import Inputs
from methodic.models.parts.activations import activate, aligned
from methodic.objectives.sides import Side
from methodic.objectives.unlabelled import Perceptron, Unlabelled
from methodic.rng import Noise
from methodic.types import Batch, Half, Model, ParameterSpec, Pass


@dataclass(frozen=True, eq=False)
class _Adversary(Unlabelled):
    """What both turns share: the generator, and the discriminator behind the encoder.

    Args:
        inputs: what a row holds.
        of: what is told apart: rows made from latent numbers, or features.
        latent: Z.
        generator: hidden units between Z numbers and a row.
        hidden: of the discriminator.
        rectified: features are told from the positive parts of normal draws, max(0, ε).
    """

    inputs: Inputs
    of: Literal["rows", "features"]
    latent: int
    generator: tuple[int, ...]
    hidden: tuple[int, ...]
    rectified: bool = False

    def prior(self, drawn: Tensor) -> Tensor:
        """What features should look like, out of normal draws."""
        return torch.relu(drawn) if self.rectified else drawn

    @cached_property
    def _makes(self) -> Perceptron | None:
        if self.of == "features":
            return None
        numbers = self.inputs.numeric + self.inputs.array
        sizes = (self.latent, *self.generator, numbers)
        return Perceptron(f"{self.owner}.generator", sizes, standardised=True)

    @cached_property
    def _tells(self) -> Perceptron:
        sizes = (encoder(self.network).features, *self.hidden, 1)
        return Perceptron(f"{self.owner}.discriminator", sizes)

    def parameters(self) -> dict[str, ParameterSpec]:
        """Of both, whichever turn this is: their parameters are the same."""
        makes = {} if self._makes is None else self._makes.parameters()
        return makes | self._tells.parameters()

    @property
    def _draws(self) -> int:
        """Normal numbers that it draws for each row."""
        return self.latent if self.of == "rows" else encoder(self.network).features

    def noise(self, rows: int) -> dict[str, Noise]:
        found = super().noise(rows)
        if self._draws:
            found[f"{self.path}/latent"] = Noise((rows, self._draws), "normal")
        return found

    def made(self, run: Pass) -> dict[str, Tensor]:
        """Rows out of this step's latent numbers: images from 0 to 1, other numbers as they are."""
        assert self._makes is not None
        latent = run.noise[f"{self.path}/latent"]
        flat = self._makes(run, latent)
        numeric, array = torch.split(flat, [self.inputs.numeric, self.inputs.array], -1)
        found = {"numeric": numeric} if self.inputs.numeric else {}
        if self.inputs.array:
            shaped = array.reshape(*array.shape[:2], *(self.inputs.shape or (self.inputs.array,)))
            found["array"] = activate("sigmoid", shaped) if self.inputs.scaling else shaped
        return found


@dataclass(frozen=True, eq=False)
class Discriminator(_Adversary):
    """−log d(real) − log(1 − d(made)), d = sigmoid of the discriminator's output.

    Of features, "real" are draws of the prior and "made" the encoder's.
    """

    name: ClassVar[str] = "discriminator"

    @property
    def trains(self) -> tuple[Half, ...]:
        """The encoder is the body of a discriminator of rows."""
        return ("encoder",) if self.of == "rows" else ()

    @cached_property
    def sides(self) -> tuple[Side, ...]:
        real = Side(f"{self.path}/real", self.network)
        if self.of == "features":
            return (real,)
        return real, Side(f"{self.path}/made", self.network, made=True)

    def trained(self) -> tuple[str, ...]:
        return tuple(self._tells.parameters())

    def __call__(self, model: Model, run: Pass, batch: Batch) -> dict[str, Tensor]:
        inputs = self.rows(batch).inputs
        found = self.sides[0].features(model, run, inputs)
        if self.of == "rows":
            made = {name: x.detach() for name, x in self.made(run).items()}
            real, false = found, self.sides[1].features(model, run, made)
        else:
            real, false = self.prior(run.noise[f"{self.path}/latent"]), found.detach()
        told = cost(-self._tells(run, real)) + cost(self._tells(run, false))
        return {self.name: told}


@dataclass(frozen=True, eq=False)
class Generator(_Adversary):
    """−log d(made): what is made should be taken for real."""

    name: ClassVar[str] = "generator"

    @property
    def trains(self) -> tuple[Half, ...]:
        """Of features, the encoder is what makes them."""
        return ("encoder",) if self.of == "features" else ()

    @property
    def _draws(self) -> int:
        """Features are made of rows, and of nothing else."""
        return self.latent if self.of == "rows" else 0

    @cached_property
    def sides(self) -> tuple[Side, ...]:
        return (Side(f"{self.path}/made", self.network, made=self.of == "rows"),)

    def trained(self) -> tuple[str, ...]:
        return () if self._makes is None else tuple(self._makes.parameters())

    def __call__(self, model: Model, run: Pass, batch: Batch) -> dict[str, Tensor]:
        inputs = self.made(run) if self.of == "rows" else self.rows(batch).inputs
        features = self.sides[0].features(model, run, inputs)
        return {self.name: cost(-self._tells(run, features))}


def cost(outputs: Tensor) -> Tensor:
    """Mean of log(1 + exp(outputs)): [M, B, 1] → [M]."""
    return aligned(F.softplus, outputs.squeeze(2)).mean(1)
