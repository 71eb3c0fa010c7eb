"""Objectives that give a row back: autoencoders, plain, denoising and variational; hidden parts.

Shapes: M members, B rows, F features, Z latent numbers, D outputs of a decoder, T patches.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from methodic.models.around import encoder, inmost
from methodic.models.autoencoder import Autoencoder
from methodic.models.parts.activations import aligned
from methodic.models.parts.layers import Linear
from methodic.objectives.cells import Cells
from methodic.objectives.sides import Side
from methodic.objectives.unlabelled import Perceptron, Unlabelled, number
from methodic.regularizers.corruption import exchanged
from methodic.regularizers.mixing import Shape
from methodic.rng import Noise
from methodic.types import Batch, Half, Mixing, Model, ParameterSpec, Pass

_WIDEST = 10.0  # of a logarithm of a variance


@dataclass(frozen=True, eq=False)
class Reconstruction(Unlabelled):
    """The mean over cells of what giving a row back costs, out of a view of it.

    With Z > 0 latent numbers z = μ + σ·ε, a linear layer each for μ and log σ², and beta times the
    divergence −½ Σ (1 + log σ² − μ² − σ²), by the number of cells like the rest.

    Args:
        cells: what a row holds.
        changes: what damages the row that enters.
        decoder: hidden units on the way back; unused where the network has a decoder.
        binary: numbers from 0 to 1 by their cross-entropy, and not by the squared error.
        latent: Z; 0: not variational.

    Source: denoising: Vincent et al. 2010; variational: Kingma and Welling 2013 (arXiv 1312.6114);
    beta: Higgins et al. 2017.
    """

    cells: Cells
    changes: tuple[Mixing, ...]
    decoder: tuple[int, ...]
    binary: bool = False
    latent: int = 0

    name: ClassVar[str] = "reconstruction"

    @property
    def trains(self) -> tuple[Half, ...]:
        return ("encoder", "decoder") if self.own is not None else ("encoder",)

    @cached_property
    def sides(self) -> tuple[Side, ...]:
        return (Side(f"{self.path}/damaged", self.network, self.changes),)

    @property
    def own(self) -> Autoencoder | None:
        """The network, where it has a decoder that fits."""
        network = inmost(self.network)
        return network if isinstance(network, Autoencoder) and not self.latent else None

    @cached_property
    def _back(self) -> Perceptron:
        begin = self.latent or encoder(self.network).features
        return Perceptron(f"{self.owner}.decoder", (begin, *self.decoder, self.cells.outputs))

    @cached_property
    def _drawn(self) -> tuple[Linear, Linear]:
        features = encoder(self.network).features
        mean, spread = (
            Linear(f"{self.owner}.{name}", features, self.latent, initialization="xavier_uniform")
            for name in ("mean", "spread")
        )
        return mean, spread

    def parameters(self) -> dict[str, ParameterSpec]:
        if self.own is not None:
            return {}
        layers = self._drawn if self.latent else ()
        found = {k: v for layer in layers for k, v in layer.parameters().items()}
        return found | self._back.parameters()

    def noise(self, rows: int) -> dict[str, Noise]:
        found = super().noise(rows)
        if self.latent:
            found[f"{self.path}/latent"] = Noise((rows, self.latent), "normal")
        return found

    def __call__(self, model: Model, run: Pass, batch: Batch) -> dict[str, Tensor]:
        inputs = self.rows(batch).inputs
        features = self.sides[0].features(model, run, inputs)
        divergence = None
        if self.latent:
            features, divergence = self._latent(run, features)
        costs = self.cells.costs(self.decoded(run, features), inputs, self.binary)
        total = costs.flatten(1).mean(1)
        if divergence is not None:
            total = total + divergence
        return {self.name: total}

    def code(self, run: Pass, features: Tensor) -> Tensor:
        """What the decoder gets where nothing is drawn: the means, or the features themselves."""
        return self._drawn[0](run, features) if self.latent else features

    def decoded(self, run: Pass, features: Tensor) -> Tensor:
        """The way back: [M, B, F or Z] → [M, B, D]; logits where the loss wants them."""
        if self.own is not None:
            return self.own.decoded(run, features, activated=not self.binary)
        return self._back(run, features)

    def _latent(self, run: Pass, features: Tensor) -> tuple[Tensor, Tensor | None]:
        """Draws around the means, [M, B, Z], and what their divergence costs, [M]."""
        mean, spread = (layer(run, features) for layer in self._drawn)
        spread = spread.clamp(-_WIDEST, _WIDEST)
        deviation = aligned(torch.exp, 0.5 * spread)
        drawn = torch.addcmul(mean, deviation, run.noise[f"{self.path}/latent"])
        beta = number(run, f"{self.path}.beta")
        if beta is None:
            return drawn, None
        each = -0.5 * (1 + spread - mean * mean - deviation * deviation)
        share = each.sum(2).mean(1) / self.cells.columns
        return drawn, beta.squeeze(1) * share


@dataclass(frozen=True, eq=False)
class _Masked(Unlabelled):
    """Base: a row of which a part is hidden, and a decoder that gives it back.

    Args:
        cells: what a row holds.
        decoder: hidden units on the way back.
    """

    cells: Cells
    decoder: tuple[int, ...]

    name: ClassVar[str] = "masked"

    @property
    def _answers(self) -> int:
        """Numbers that the decoder gives."""
        return self.cells.outputs

    @cached_property
    def sides(self) -> tuple[Side, ...]:
        return (Side(f"{self.path}/masked", self.network),)

    @cached_property
    def _back(self) -> Perceptron:
        sizes = (encoder(self.network).features, *self.decoder, self._answers)
        return Perceptron(f"{self.owner}.decoder", sizes)

    def parameters(self) -> dict[str, ParameterSpec]:
        return self._back.parameters()

    def decoded(self, run: Pass, features: Tensor) -> Tensor:
        """The way back: [M, B, F] → [M, B, D]."""
        return self._back(run, features)


@dataclass(frozen=True, eq=False)
class MaskedCells(_Masked):
    """Cells that hold another row's: what was there, and which ones they are.

    The mean cost of all cells, given back, plus mask_weight times the mean binary cross-entropy of
    which were changed: an exchange for the same value can't be seen.

    Args:
        path: ``path + ".share"`` in (0, 1], ``path + ".mask_weight"`` ≥ 0.

    Source: VIME: Yoon et al. 2020; its masks, with both answers from one decoder.
    """

    @property
    def _answers(self) -> int:
        return self.cells.outputs + self.cells.columns

    def noise(self, rows: int) -> dict[str, Noise]:
        shape = (rows, self.cells.columns)
        own = {f"{self.path}/whether": Noise(shape), f"{self.path}/which": Noise(shape)}
        return super().noise(rows) | own

    def __call__(self, model: Model, run: Pass, batch: Batch) -> dict[str, Tensor]:
        inputs = self.rows(batch).inputs
        whether, which = run.noise[f"{self.path}/whether"], run.noise[f"{self.path}/which"]
        masked, mask = exchanged(inputs, whether, which, run.numbers[f"{self.path}.share"])
        found = self.decoded(run, self.sides[0].features(model, run, masked))
        back, told = torch.split(found, [self.cells.outputs, self.cells.columns], -1)
        total = self.cells.costs(back, inputs).flatten(1).mean(1)
        weight = number(run, f"{self.path}.mask_weight")
        if weight is not None:
            cost = aligned(F.softplus, told) - mask * told
            total = total + weight.squeeze(1) * cost.flatten(1).mean(1)
        return {self.name: total}


@dataclass(frozen=True, eq=False)
class MaskedPatches(_Masked):
    """Square patches of an image hold the mean; the mean squared error of what was there.

    Args:
        path: ``path + ".share"`` in (0, 1].
        cells: of the image; other columns of a row aren't hidden.
        shape: of the images.
        patch: side of a patch; those at the edge may be smaller.

    Source: He et al. 2021 (arXiv 2111.06377) and Xie et al. 2021 (arXiv 2111.09886), for any
    encoder: hidden patches enter as the mean.
    """

    shape: Shape
    patch: int

    @property
    def _grid(self) -> tuple[int, int]:
        _, height, width = self.shape
        return -(-height // self.patch), -(-width // self.patch)

    def noise(self, rows: int) -> dict[str, Noise]:
        return super().noise(rows) | {f"{self.path}/whether": Noise((rows, *self._grid))}

    def __call__(self, model: Model, run: Pass, batch: Batch) -> dict[str, Tensor]:
        inputs = self.rows(batch).inputs
        masked, hidden = self.holed(run, inputs)
        found = self.decoded(run, self.sides[0].features(model, run, masked))
        costs = self.cells.costs(found, {"array": inputs["array"]})
        counted = hidden.expand(*hidden.shape[:2], *self.shape).flatten(2).to(costs.dtype)
        total = (costs * counted).flatten(1).sum(1) / counted.flatten(1).sum(1).clamp(min=1.0)
        return {self.name: total}

    def holed(self, run: Pass, inputs: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], Tensor]:
        """Rows with hidden patches, and which pixels these are: bool [M, B, 1, H, W]."""
        image, hidden = inputs["array"], self._hidden(run)
        means = [mean for mean, _ in self.cells.inputs.scaling] or [0.0] * self.shape[0]
        middle = torch.tensor(means, device=image.device).view(-1, 1, 1)
        holed = torch.where(hidden, middle, image.reshape(*image.shape[:2], *self.shape))
        return {**inputs, "array": holed.reshape(image.shape)}, hidden

    def _hidden(self, run: Pass) -> Tensor:
        """Which pixels are hidden: bool [M, B, 1, H, W]."""
        _, height, width = self.shape
        share = run.numbers[f"{self.path}.share"].view(-1, 1, 1, 1)
        grid = run.noise[f"{self.path}/whether"] < share
        wide = grid.repeat_interleave(self.patch, 2).repeat_interleave(self.patch, 3)
        return wide[:, :, :height, :width].unsqueeze(2)
