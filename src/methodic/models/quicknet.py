"""A convolutional net that learns photographs in few epochs.

Shapes: M members, N rows, B rows of a batch, C channels, H × W places, K filters, O outputs.

Source: the ideas are those of the fastest public trainings on CIFAR-10: Page 2018 and 2019 (nine
layers, whitened patches, pooling early), tysam-code 2023, Jordan 2024 (arXiv 2404.00498).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from methodic.errors import InputError
from methodic.models.convolution import SMALL, Conv, image_shape, pooled
from methodic.models.inputs import Inputs
from methodic.models.parts.activations import alone
from methodic.models.parts.layers import Layer, Linear, members
from methodic.models.parts.normalization import BatchNorm
from methodic.models.single import OneByOne, channels_last
from methodic.types import BufferSpec, Named, ParameterSpec, Pass, Start

_FORGETS = 0.4  # share of a batch in the running statistics of batch norm


@dataclass(frozen=True)
class Whitening(Layer):
    """Patches of the images, turned and scaled so that on training rows they are uncorrelated.

    A convolution whose K = 2·C·kernel² filters are fixed: ±v/√(λ + ε) for each eigenvector v and
    eigenvalue λ of the patches' covariance. Only the biases are trained.

    Args:
        name: prefix of the names.
        inputs: C.
        kernel: side of a patch; the image shrinks by kernel − 1.
        epsilon: keeps what hardly varies, which is noise, from being blown up.

    Source: Page 2019, "How to train your ResNet 8"; both signs: tysam-code 2023.
    """

    name: str
    inputs: int
    kernel: int = 2
    epsilon: float = 5e-4

    @property
    def outputs(self) -> int:
        """K."""
        return 2 * self.inputs * self.kernel**2

    def parameters(self) -> dict[str, ParameterSpec]:
        return {f"{self.name}.bias": ParameterSpec((self.outputs,), "zeros", decays=False)}

    def buffers(self) -> dict[str, BufferSpec]:
        shape = (self.outputs, self.inputs, self.kernel, self.kernel)
        return {f"{self.name}.weight": BufferSpec(shape)}

    def filters(self, x: Tensor) -> Tensor:
        """The filters for all patches of some images, [N, C, H, W] → float64 [K, C, k, k]."""
        rows = F.unfold(x, self.kernel).transpose(1, 2).flatten(0, 1).double()
        centered = rows - rows.mean(0)
        values, vectors = torch.linalg.eigh(centered.mT @ centered / len(rows))
        # Eigenvectors have no sign of their own; with both signs none is needed.
        scaled = (vectors / torch.sqrt(values.clamp(min=0) + self.epsilon)).mT.flip(0)
        return torch.cat([scaled, -scaled]).view(-1, self.inputs, self.kernel, self.kernel)

    def __call__(self, run: Pass, x: Tensor) -> Tensor:
        """[1, B, C, H, W] → [1, B, K, H', W']."""
        weight, bias = run.buffers[f"{self.name}.weight"], run.parameters[f"{self.name}.bias"]
        image, filters, biases = members(x, weight, bias)[0]
        return F.conv2d(image, filters, biases).unsqueeze(0)


class QuickNet(OneByOne):
    """Whitened patches, then a block for each of ``channels``, the maximum over places, a head.

    A block: convolution → 2 × 2 maximum → batch norm → activation, then ``depth`` − 1 times
    convolution → batch norm → activation; from depth 3 on, what came out of the first is added to
    what comes out of the last. Batch norm has no scales, and its shifts learn 64 times as fast.
    Convolutions start by passing on what they get. Logits are multiplied by ``scale``.

    Args:
        inputs: what enters: images.
        outputs: O, classes or predicted numbers.
        channels: of each block.
        depth: convolutions of a block.
        activation: one of `activations.ACTIVATIONS`.
        scale: of the logits.
        mirrored: predictions are means over an image and its mirror image.

    Raises:
        InputError: the data aren't images, or too small ones.
    """

    def __init__(
        self,
        inputs: Inputs,
        outputs: int,
        *,
        channels: Sequence[int] = (64, 256, 256),
        depth: int = 2,
        activation: str = "gelu",
        scale: float = 1 / 9,
        mirrored: bool = False,
    ) -> None:
        before, height, wide = image_shape(inputs, "quicknet")
        least = 2 ** len(channels) + 1
        if min(height, wide) < least:
            raise InputError(
                f"the network quicknet halves the sides of an image {len(channels)} times",
                found=f"images of {height} × {wide}",
                accepted=f"at least {least} × {least}",
                advice="Give it fewer channels: one number for each halving.",
            )
        self.outputs, self.activation, self.depth = outputs, activation, depth
        self.scale, self.mirrored = scale, mirrored
        self.whitening = Whitening("whitening", before)
        before = self.whitening.outputs
        self.blocks: list[list[tuple[Conv, BatchNorm]]] = []
        for i, after in enumerate(channels):
            block = []
            for j in range(depth):
                name = f"block.{i}.{j}"
                conv = Conv(name, before, after, 3, 1, False, SMALL, "passing_on")
                norm = BatchNorm(f"{name}.norm", after, _FORGETS, 1e-5, scales=False, rate=64.0)
                block.append((conv, norm))
                before = after
            self.blocks.append(block)
        self.features = before
        self.head = Linear("head", before, outputs, False, "kaiming_uniform", SMALL, "head")

    def layers(self) -> Sequence[Layer]:
        """The whitening, the blocks' convolutions with their norms, the head."""
        inner = [layer for block in self.blocks for pair in block for layer in pair]
        return [self.whitening, *inner, self.head]

    def adapted(
        self,
        parameters: Named,
        buffers: Named,
        inputs: Named,
        only: Collection[str] | None = None,
    ) -> Start:
        """Parameters and buffers before the first step: filters that whiten the training rows."""
        name = f"{self.whitening.name}.weight"
        if only is not None and name not in only:
            return dict(parameters), dict(buffers)
        found = self.whitening.filters(inputs["array"][0]).to(buffers[name])
        return dict(parameters), {**buffers, name: found.expand_as(buffers[name]).contiguous()}

    def one_encoded(self, run: Pass, inputs: Mapping[str, Tensor]) -> Tensor:
        """[1, B, C, H, W] → [1, B, channels of the last block]."""
        x = inputs["array"]
        if self.mirrored and not run.training and not run.collect:
            # The head is linear, so the mean of both features is that of both outputs.
            return 0.5 * (self._features(run, x) + self._features(run, x.flip(-1)))
        return self._features(run, x)

    def one_answered(self, run: Pass, features: Tensor) -> Tensor:
        """[1, B, channels] → [1, B, O]."""
        return self.head(run, features) * self.scale

    def _features(self, run: Pass, x: Tensor) -> Tensor:
        x = alone(self.activation, self.whitening(run, channels_last(x)))
        for block in self.blocks:
            first, *others = block
            x = self._normed(run, first[1], pooled(first[0](run, x)))
            past = x
            for convolution, norm in others:
                x = self._normed(run, norm, convolution(run, x))
            if self.depth > 2:
                x = x + past
        return x.amax((3, 4))

    def _normed(self, run: Pass, norm: BatchNorm, x: Tensor) -> Tensor:
        return alone(self.activation, norm(run, x))
