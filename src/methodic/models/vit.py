"""A small vision transformer: patches of an image are tokens that attend to each other.

Shapes: B rows of a batch, C channels, T patches, W width, S heads, O outputs; one member at a time.

Source: Dosovitskiy et al. 2020 (arXiv 2010.11929); the mean over patches in place of a token of its
own: Beyer, Zhai, Kolesnikov 2022 (arXiv 2205.01580).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor

from methodic.errors import InputError
from methodic.models.convolution import image_shape
from methodic.models.inputs import Inputs
from methodic.models.parts.layers import Layer, Linear, StochasticDepth
from methodic.models.parts.normalization import LayerNorm
from methodic.models.single import OneByOne
from methodic.types import ParameterSpec, Pass


@dataclass(frozen=True)
class Positions(Layer):
    """A trained vector for each place is added: [1, B, T, W], same shape."""

    name: str
    tokens: int
    width: int

    def parameters(self) -> dict[str, ParameterSpec]:
        shape = (self.tokens, self.width)
        spec = ParameterSpec(shape, "truncated", gain=0.02, decays=False, role="embedding")
        return {f"{self.name}.table": spec}

    def __call__(self, run: Pass, x: Tensor) -> Tensor:
        return x + run.parameters[f"{self.name}.table"].unsqueeze(1)


@dataclass(frozen=True)
class _Block:
    """x ← x + attention(norm(x)); x ← x + W₂·gelu(W₁·norm(x)); each branch left out at random."""

    heads: int
    norms: tuple[LayerNorm, LayerNorm]
    mixed: Linear  # queries, keys and values
    joined: Linear
    wide: Linear
    narrow: Linear
    drops: tuple[Layer, Layer]

    def layers(self) -> tuple[Layer, ...]:
        front = self.norms[0], self.mixed, self.joined, self.drops[0]
        return *front, self.norms[1], self.wide, self.narrow, self.drops[1]

    def __call__(self, run: Pass, x: Tensor) -> Tensor:
        branch = self._attended(run, self.norms[0](run, x))
        x = x + self.drops[0](run, branch)
        inner = F.gelu(_each(self.wide, run, self.norms[1](run, x)))
        return x + self.drops[1](run, _each(self.narrow, run, inner))

    def _attended(self, run: Pass, x: Tensor) -> Tensor:
        _, rows, tokens, width = x.shape
        mixed = _each(self.mixed, run, x).view(rows, tokens, 3, self.heads, width // self.heads)
        query, key, value = mixed.permute(2, 0, 3, 1, 4)
        seen = F.scaled_dot_product_attention(query, key, value)
        return _each(self.joined, run, seen.transpose(1, 2).reshape(1, rows, tokens, width))


class ViT(OneByOne):
    """Square patches as tokens, pre-norm blocks of attention and a gelu layer, mean, linear head.

    Args:
        inputs: what enters: images.
        outputs: O, classes or predicted numbers.
        patch: side of a patch; divides both sides of the image.
        width: W, numbers for each patch.
        depth: blocks.
        heads: S, which divides the width.
        expansion: units of a block's inner layer, as a multiple of the width.
        stochastic_depth: path of the Number with the probability that the last block is left out,
            earlier ones less often; None.

    Raises:
        InputError: the data aren't images, or the patches don't fill them.
    """

    def __init__(
        self,
        inputs: Inputs,
        outputs: int,
        *,
        patch: int = 4,
        width: int = 192,
        depth: int = 6,
        heads: int = 3,
        expansion: float = 2.0,
        stochastic_depth: str | None = None,
    ) -> None:
        channels, height, wide = image_shape(inputs, "vit")
        if height % patch or wide % patch:
            raise InputError(
                f"the network vit cuts images into patches of {patch} × {patch}",
                found=f"images of {height} × {wide}",
                accepted="sides that are multiples of the patch's",
                advice="Set model.patch to a number that divides both sides.",
            )
        self.outputs, self.patch = outputs, patch
        tokens, inner = (height // patch) * (wide // patch), int(width * expansion)
        self.front = Linear("patches", channels * patch**2, width, True, "xavier_uniform")
        self.positions = Positions("positions", tokens, width)

        def linear(name: str, before: int, after: int) -> Linear:
            return Linear(name, before, after, True, "xavier_uniform")

        self.blocks = []
        for i in range(depth):
            name, share = f"block.{i}", (i + 1) / depth
            self.blocks.append(
                _Block(
                    heads,
                    (LayerNorm(f"{name}.0.norm", width), LayerNorm(f"{name}.1.norm", width)),
                    linear(f"{name}.mixed", width, 3 * width),
                    linear(f"{name}.joined", width, width),
                    linear(f"{name}.wide", width, inner),
                    linear(f"{name}.narrow", inner, width),
                    (
                        _drop(f"{name}.drop/0", stochastic_depth, share),
                        _drop(f"{name}.drop/1", stochastic_depth, share),
                    ),
                )
            )
        self.features = width
        self.norm = LayerNorm("head.norm", width)
        self.head = Linear("head", width, outputs, True, "xavier_uniform", role="head")

    def layers(self) -> Sequence[Layer]:
        """Patches, positions, the blocks', the head with its norm."""
        inner = [layer for block in self.blocks for layer in block.layers()]
        return [self.front, self.positions, *inner, self.norm, self.head]

    def one_encoded(self, run: Pass, inputs: Mapping[str, Tensor]) -> Tensor:
        """[1, B, C, H, W] → [1, B, W]."""
        x = self.positions(run, _each(self.front, run, patches(inputs["array"], self.patch)))
        for block in self.blocks:
            x = block(run, x)
        return self.norm(run, x).mean(2)

    def one_answered(self, run: Pass, features: Tensor) -> Tensor:
        """[1, B, W] → [1, B, O]."""
        return self.head(run, features)


def patches(x: Tensor, side: int) -> Tensor:
    """Images as patches, row by row: [1, B, C, H, W] → [1, B, T, C·side²]."""
    _, rows, channels, height, width = x.shape
    cut = x.reshape(rows, channels, height // side, side, width // side, side)
    return cut.permute(0, 2, 4, 1, 3, 5).reshape(1, rows, -1, channels * side**2)


def _each(layer: Linear, run: Pass, x: Tensor) -> Tensor:
    """A linear layer for each token: [1, B, T, I] → [1, B, T, O]."""
    return layer(run, x.flatten(1, 2)).view(*x.shape[:3], -1)


def _drop(name: str, path: str | None, share: float) -> Layer:
    return StochasticDepth(name, path, share) if path else Layer()
