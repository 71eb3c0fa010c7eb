"""Networks for images: a small convolutional net, and a small residual net.

Shapes: M members, B rows, C channels, H × W places, O outputs.

Convolutions go through torch one member at a time: a cohort's members as groups of one convolution
are slower on a processor, and would round otherwise than alone. The networks take their members one
by one as a whole (`models.single`), with the channels last in memory.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from methodic.errors import InputError
from methodic.models.inputs import Inputs
from methodic.models.parts.activations import alone, gain
from methodic.models.parts.layers import Dropout, Layer, Linear, members, together
from methodic.models.parts.normalization import BatchNorm
from methodic.models.parts.normalization import normalization as normalizing
from methodic.models.single import OneByOne, channels_last
from methodic.types import ParameterSpec, Pass


@dataclass(frozen=True)
class Conv(Layer):
    """A convolution of each member with its own filters: [M, B, C, H, W] → [M, B, O, H', W'].

    Args:
        name: prefix of the names.
        inputs, outputs: C and O channels.
        kernel: side of a filter, odd; places around an image count as 0, so that stride 1 keeps
            H and W.
        stride: step from place to place.
        bias: leave it out in front of batch norm, where its true gradient is 0.
        gain, initialization: of the weights (He et al. 2015).
    """

    name: str
    inputs: int
    outputs: int
    kernel: int = 3
    stride: int = 1
    bias: bool = True
    gain: float = 2.0**0.5
    initialization: str = "kaiming_normal"

    def parameters(self) -> dict[str, ParameterSpec]:
        area = self.kernel**2
        specs = {
            f"{self.name}.weight": ParameterSpec(
                (self.outputs, self.inputs, self.kernel, self.kernel),
                self.initialization,
                fan_in=self.inputs * area,
                fan_out=self.outputs * area,
                gain=self.gain,
            )
        }
        if self.bias:
            specs[f"{self.name}.bias"] = ParameterSpec((self.outputs,), "zeros", decays=False)
        return specs

    def __call__(self, run: Pass, x: Tensor) -> Tensor:
        several = [run.parameters[name] for name in self.parameters()]
        parts = [
            F.conv2d(
                each[0], each[1], each[2] if self.bias else None, self.stride, self.kernel // 2
            )
            for each in members(x, *several)
        ]
        return together(parts)


SMALL = 3**-0.5
"""Gain of kaiming_uniform that is torch's own start of layers: outputs begin near 0."""
MONOTONE = ("relu", "leaky_relu")
"""Activations that take the larger of two numbers to the larger one, exactly."""


def pooled(x: Tensor, side: int = 2) -> Tensor:
    """The maximum of each square of places: [1, B, C, H, W] → [1, B, C, H/side, W/side]."""
    return F.max_pool2d(x.squeeze(0), side).unsqueeze(0)


def image_shape(inputs: Inputs, name: str) -> tuple[int, int, int]:
    """(C, H, W) of the images that enter.

    Raises:
        InputError: the data have no images, or columns besides.
    """
    shape = inputs.shape
    if len(shape) != 3 or inputs.numeric or inputs.categorical:
        shown = " × ".join(str(size) for size in shape)
        beside = f"columns beside arrays of shape {shown}" if shape else "columns"
        raise InputError(
            f"the network {name} takes images",
            found=f"arrays of shape {shown}" if shape and len(shape) != 3 else beside,
            accepted="arrays of shape channels × height × width, and nothing else",
            advice="Choose another network for tables, such as mlp.",
        )
    return shape[0], shape[1], shape[2]


class CNN(OneByOne):
    """[convolution → normalization → activation → 2 × 2 maximum] for each of ``channels``; dense.

    Then a hidden layer of ``width`` units, dropout, and the head.

    Args:
        inputs: what enters: images.
        outputs: O, classes or predicted numbers.
        channels: of each convolution; the image's sides are halved behind each.
        width: hidden units behind the convolutions.
        kernel: side of a filter.
        activation: one of `activations.ACTIVATIONS`.
        normalization: "none"; "batch", behind the hidden layer, too; or "group", of convolutions.
        groups: of group norm.
        dropout: path of the Number that holds the rate in front of the head; None.

    Raises:
        InputError: the data aren't images, or too small ones.

    Source: the pattern is LeCun et al. 1998.
    """

    def __init__(
        self,
        inputs: Inputs,
        outputs: int,
        *,
        channels: Sequence[int] = (32, 64),
        width: int = 128,
        kernel: int = 3,
        activation: str = "relu",
        normalization: str = "none",
        groups: int = 8,
        dropout: str | None = None,
    ) -> None:
        before, height, wide = image_shape(inputs, "cnn")
        if min(height, wide) < 2 ** len(channels):
            raise InputError(
                f"the network cnn halves the sides of an image {len(channels)} times",
                found=f"images of {height} × {wide}",
                accepted=f"at least {2 ** len(channels)} × {2 ** len(channels)}",
                advice="Give it fewer channels: one number for each halving.",
            )
        self.outputs, self.activation = outputs, activation
        self.convolutions: list[Conv] = []
        self.norms: list[Layer | None] = []
        for i, after in enumerate(channels):
            plain = normalization != "batch"
            name = f"convolution.{i}"
            # In front of batch norm only the direction counts, which short weights change faster.
            start = (gain(activation), "kaiming_normal") if plain else (SMALL, "kaiming_uniform")
            self.convolutions.append(Conv(name, before, after, kernel, 1, plain, *start))
            self.norms.append(normalizing(normalization, f"{name}.norm", after, groups))
            before, height, wide = after, height // 2, wide // 2
        uniform = "kaiming_uniform"
        plain = normalization != "batch"
        self.hidden = Linear("hidden", before * height * wide, width, plain, uniform, SMALL)
        # Its many inputs are all positive: most units would die behind a reconstruction.
        self.norm = Layer() if plain else BatchNorm("hidden.norm", width)
        self.dropout = Dropout("dropout", width, dropout) if dropout else Layer()
        self.features = width
        self.head = Linear("head", width, outputs, True, uniform, SMALL, "head")

    def layers(self) -> Sequence[Layer]:
        """Convolutions with their norms, the hidden layer, dropout, the head."""
        pairs = zip(self.convolutions, self.norms, strict=True)
        front = [each for pair in pairs for each in pair if each is not None]
        return [*front, self.hidden, self.norm, self.dropout, self.head]

    def one_encoded(self, run: Pass, inputs: Mapping[str, Tensor]) -> Tensor:
        """[1, B, C, H, W] → [1, B, width]."""
        x = channels_last(inputs["array"])
        for convolution, norm in zip(self.convolutions, self.norms, strict=True):
            x = convolution(run, x)
            x = x if norm is None else norm(run, x)
            if self.activation in MONOTONE:  # commute, and a quarter is less
                x = alone(self.activation, pooled(x))
            else:
                x = pooled(alone(self.activation, x))
        x = alone(self.activation, self.norm(run, self.hidden(run, x.flatten(2))))
        return self.dropout(run, x)

    def one_answered(self, run: Pass, features: Tensor) -> Tensor:
        """[1, B, width] → [1, B, O]."""
        return self.head(run, features)


class ResNet(OneByOne):
    """A 3 × 3 convolution, residual blocks in groups, the mean over all places, a linear head.

    A block is relu(x' + norm(conv(relu(norm(conv(x)))))). The first block of each group but the
    first halves the sides; where the shape changes, x' is a 1 × 1 convolution of x, normalized.

    Args:
        inputs: what enters: images.
        outputs: O, classes or predicted numbers.
        channels: of each group of blocks.
        blocks: in each group.
        normalization: "batch" or "group".
        groups: of group norm.

    Raises:
        InputError: the data aren't images.

    Source: He et al. 2015 (arXiv 1512.03385): (16, 32, 64) with 3 blocks each is its ResNet-20.
    """

    def __init__(
        self,
        inputs: Inputs,
        outputs: int,
        *,
        channels: Sequence[int] = (16, 32, 64),
        blocks: int = 1,
        normalization: str = "batch",
        groups: int = 8,
    ) -> None:
        before, _, _ = image_shape(inputs, "resnet")
        self.outputs = outputs
        self.normalization, self.groups = normalization, groups
        self.stem = self._normed("stem", before, channels[0])
        self.blocks: list[tuple[_Normed, _Normed, _Normed | None]] = []
        before = channels[0]
        for g, after in enumerate(channels):
            for b in range(blocks):
                stride = 2 if g and b == 0 else 1
                name = f"group.{g}.{b}"
                turned = stride != 1 or before != after
                self.blocks.append(
                    (
                        self._normed(f"{name}.0", before, after, stride=stride),
                        self._normed(f"{name}.1", after, after),
                        self._normed(f"{name}.past", before, after, 1, stride) if turned else None,
                    )
                )
                before = after
        self.features = before
        self.head = Linear("head", before, outputs, initialization="xavier_uniform", role="head")

    def _normed(
        self, name: str, before: int, after: int, kernel: int = 3, stride: int = 1
    ) -> _Normed:
        norm = normalizing(self.normalization, f"{name}.norm", after, self.groups)
        assert norm is not None, "recipes ask for batch or group norm"
        return _Normed(Conv(name, before, after, kernel, stride, bias=False), norm)

    def layers(self) -> Sequence[Layer]:
        """The first convolution, the blocks', the head."""
        every = [self.stem, *(each for block in self.blocks for each in block)]
        inner = [layer for each in every if each for layer in (each.convolution, each.norm)]
        return [*inner, self.head]

    def one_encoded(self, run: Pass, inputs: Mapping[str, Tensor]) -> Tensor:
        """[1, B, C, H, W] → [1, B, channels of the last group]."""
        x = torch.relu(self.stem(run, channels_last(inputs["array"])))
        for first, second, past in self.blocks:
            inside = second(run, torch.relu(first(run, x)))
            x = torch.relu(inside + (x if past is None else past(run, x)))
        return x.mean((3, 4))

    def one_answered(self, run: Pass, features: Tensor) -> Tensor:
        """[1, B, channels] → [1, B, O]."""
        return self.head(run, features)


@dataclass(frozen=True)
class _Normed:
    convolution: Conv
    norm: Layer

    def __call__(self, run: Pass, x: Tensor) -> Tensor:
        return self.norm(run, self.convolution(run, x))
