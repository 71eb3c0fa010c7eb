"""Layers with a native member axis: pure functions of named parameters.

A layer knows its name, the shapes of its parameters and what it draws; `__call__` reads all of it
from a `Pass`. Shapes: M members, B rows, I inputs, O outputs, D features.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from methodic.rng import Noise
from methodic.types import BufferSpec, ParameterSpec, Pass


class Layer:
    """Base: a layer without parameters, buffers or randomness that returns its input."""

    def parameters(self) -> dict[str, ParameterSpec]:
        """Full name → specification."""
        return {}

    def buffers(self) -> dict[str, BufferSpec]:
        """Full name → specification."""
        return {}

    def noise(self, rows: int) -> dict[str, Noise]:  # noqa: ARG002
        """Site → what a training pass over ``rows`` rows draws."""
        return {}

    def __call__(self, run: Pass, x: Tensor) -> Tensor:  # noqa: ARG002
        """[M, B, …] → [M, B, …]."""
        return x


@dataclass(frozen=True)
class Linear(Layer):
    """x·W + b for each member: [M, B, I] → [M, B, O].

    Args:
        name: prefix of the parameters' names.
        inputs, outputs: I and O.
        bias: leave it out in front of batch norm, where its true gradient is 0.
        initialization, gain: of the weights; biases start at 0.
    """

    name: str
    inputs: int
    outputs: int
    bias: bool = True
    initialization: str = "kaiming_normal"
    gain: float = 1.0

    def parameters(self) -> dict[str, ParameterSpec]:
        weight = ParameterSpec(
            (self.inputs, self.outputs),
            self.initialization,
            fan_in=self.inputs,
            fan_out=self.outputs,
            gain=self.gain,
        )
        specs = {f"{self.name}.weight": weight}
        if self.bias:
            specs[f"{self.name}.bias"] = ParameterSpec((self.outputs,), "zeros", decays=False)
        return specs

    def __call__(self, run: Pass, x: Tensor) -> Tensor:
        weight = run.parameters[f"{self.name}.weight"]
        bias = run.parameters[f"{self.name}.bias"] if self.bias else None
        return linear(x, weight, bias)


def linear(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """Batched x·W + b: [M, B, I], [M, I, O], [M, O] → [M, B, O].

    Sizes of 1 would reach other kernels at width 1 than in company, so they are padded to 2.
    """
    outputs = weight.shape[-1]
    if x.shape[-1] == 1:
        x, weight = F.pad(x, (0, 1)), F.pad(weight, (0, 0, 0, 1))
    if outputs == 1:
        weight = F.pad(weight, (0, 1))
        bias = None if bias is None else F.pad(bias, (0, 1))
    out = torch.bmm(x, weight) if bias is None else torch.baddbmm(bias.unsqueeze(1), x, weight)
    # Slicing all of it would cost a copy on the way back.
    return out[..., :1] if outputs == 1 else out


@dataclass(frozen=True)
class Embedding(Layer):
    """One table for all categorical columns: codes [M, B, columns] → [M, B, columns·dimension]."""

    name: str
    codes: int
    columns: int
    dimension: int

    def parameters(self) -> dict[str, ParameterSpec]:
        spec = ParameterSpec(
            (self.codes, self.dimension),
            "kaiming_normal",
            fan_in=self.dimension,
            fan_out=self.dimension,
        )
        return {f"{self.name}.table": spec}

    def __call__(self, run: Pass, x: Tensor) -> Tensor:
        table = run.parameters[f"{self.name}.table"]
        members, rows, columns = x.shape
        offsets = torch.arange(members, device=x.device).view(-1, 1, 1) * self.codes
        flat = table.reshape(members * self.codes, self.dimension)
        return F.embedding(x + offsets, flat).reshape(members, rows, columns * self.dimension)


@dataclass(frozen=True)
class Dropout(Layer):
    """Sets a fraction p of the inputs to 0 and scales the rest by 1/(1−p), in training only.

    ``number`` names the Number that holds p in [0, 1). Source: Srivastava et al. 2014.
    """

    name: str
    features: int
    number: str

    def noise(self, rows: int) -> dict[str, Noise]:
        return {self.name: Noise((rows, self.features), "short")}

    def __call__(self, run: Pass, x: Tensor) -> Tensor:
        if not run.training:
            return x
        p = run.numbers[self.number].view(-1, 1, 1)
        # A p that rounds up to 1 would leave the 16 bits and drop everything.
        threshold = (p * 65536.0 - 32768.0).round().clamp(max=32767.0)
        # Comparing in floats, in place, takes a fifth of the time of a mask of booleans.
        kept = run.noise[self.name].to(torch.float32, copy=True).ge_(threshold)
        return x * kept.mul_(1.0 / (1.0 - p))


@dataclass(frozen=True)
class BatchNorm(Layer):
    """Normalizes each feature over the batch, then scales and shifts: [M, B, D] → [M, B, D].

    Running statistics serve evaluation: r ← 0.9·r + 0.1·s, with the unbiased variance.
    Source: Ioffe and Szegedy 2015.
    """

    name: str
    features: int
    momentum: float = 0.1
    epsilon: float = 1e-5

    def parameters(self) -> dict[str, ParameterSpec]:
        return _scale_and_shift(self.name, self.features)

    def buffers(self) -> dict[str, BufferSpec]:
        return {
            f"{self.name}.mean": BufferSpec((self.features,), 0.0),
            f"{self.name}.variance": BufferSpec((self.features,), 1.0),
        }

    def __call__(self, run: Pass, x: Tensor) -> Tensor:
        mean_name, variance_name = f"{self.name}.mean", f"{self.name}.variance"
        if run.training or run.collect:
            rows = x.shape[1]
            mean = x.mean(1, keepdim=True)
            centered = x - mean
            variance = (centered * centered).mean(1, keepdim=True)
            unbiased = variance.detach() * (rows / max(rows - 1, 1))
            for name, seen in ((mean_name, mean.detach()), (variance_name, unbiased)):
                old = run.buffers[name]
                share = 1.0 if run.collect else self.momentum
                run.new_buffers[name] = old + share * (seen.squeeze(1) - old)
        else:
            centered = x - run.buffers[mean_name].unsqueeze(1)
            variance = run.buffers[variance_name].unsqueeze(1)
        scale = run.parameters[f"{self.name}.scale"].unsqueeze(1)
        shift = run.parameters[f"{self.name}.shift"].unsqueeze(1)
        # The square root and the division are exact in any kernel; rsqrt is not.
        return centered * (scale / torch.sqrt(variance + self.epsilon)) + shift


@dataclass(frozen=True)
class LayerNorm(Layer):
    """Normalizes each row over its features, then scales and shifts (Ba, Kiros, Hinton 2016)."""

    name: str
    features: int
    epsilon: float = 1e-5

    def parameters(self) -> dict[str, ParameterSpec]:
        return _scale_and_shift(self.name, self.features)

    def __call__(self, run: Pass, x: Tensor) -> Tensor:
        scale = run.parameters[f"{self.name}.scale"].unsqueeze(1)
        shift = run.parameters[f"{self.name}.shift"].unsqueeze(1)
        return F.layer_norm(x, (self.features,), eps=self.epsilon) * scale + shift


def _scale_and_shift(name: str, features: int) -> dict[str, ParameterSpec]:
    return {
        f"{name}.scale": ParameterSpec((features,), "constant", decays=False, value=1.0),
        f"{name}.shift": ParameterSpec((features,), "zeros", decays=False),
    }
