"""Layers with a native member axis: pure functions of named parameters.

A layer knows its name, the shapes of its parameters and what it draws; `__call__` reads all of it
from a `Pass`. Shapes: M members, B rows, I inputs, O outputs, D features.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from methodic.errors import InputError
from methodic.rng import Noise
from methodic.types import BufferSpec, ParameterSpec, Pass, Role


class Layer:
    """Base: a layer without parameters, buffers or randomness that returns its input."""

    @property
    def adapts(self) -> bool:
        """It sets some of its parameters or buffers by training rows; see `fitted`."""
        return False

    def parameters(self) -> dict[str, ParameterSpec]:
        """Full name → specification."""
        return {}

    def buffers(self) -> dict[str, BufferSpec]:
        """Full name → specification."""
        return {}

    def noise(self, rows: int) -> dict[str, Noise]:  # noqa: ARG002
        """Site → what a training pass over ``rows`` rows draws."""
        return {}

    def fitted(self, run: Pass, x: Tensor) -> dict[str, Tensor]:  # noqa: ARG002
        """Parameters and buffers that depend on the training rows which reach it, by name."""
        return {}

    def __call__(self, run: Pass, x: Tensor) -> Tensor:  # noqa: ARG002
        """[M, B, …] → [M, B, …]."""
        return x


def members(*several: Tensor) -> list[tuple[Tensor, ...]]:
    """Tensors [M, …] apart: what belongs to each member, without the leading axis.

    One member keeps its layout in memory on the way back, too: a selection's gradient is a new
    tensor, with the channels no longer last.
    """
    if len(several[0]) == 1:
        return [tuple(each.squeeze(0) for each in several)]
    return list(zip(*(each.unbind(0) for each in several), strict=True))


def together(parts: Sequence[Tensor]) -> Tensor:
    """What `members` took apart: [M, …]."""
    return parts[0].unsqueeze(0) if len(parts) == 1 else torch.stack(list(parts))


@dataclass(frozen=True)
class Linear(Layer):
    """x·W + b for each member: [M, B, I] → [M, B, O].

    Args:
        name: prefix of the parameters' names.
        inputs, outputs: I and O.
        bias: leave it out in front of batch norm, where its true gradient is 0.
        initialization, gain: of the weights; biases start at 0. With "lsuv", training rows scale
            them so that the outputs have variance 1.
        role, first: see `ParameterSpec`.
        dropconnect: path of the Number that holds the share of weights which are 0 in a training
            step, the others being scaled by 1/(1−p); None: none. Evaluation takes all weights.

    Source: DropConnect: Wan et al. 2013; LSUV: Mishkin and Matas 2016 (arXiv 1511.06422).
    """

    name: str
    inputs: int
    outputs: int
    bias: bool = True
    initialization: str = "kaiming_normal"
    gain: float = 1.0
    role: Role = "hidden"
    first: bool = False
    dropconnect: str | None = None

    @property
    def adapts(self) -> bool:
        return self.initialization == "lsuv"

    def parameters(self) -> dict[str, ParameterSpec]:
        weight = ParameterSpec(
            (self.inputs, self.outputs),
            self.initialization,
            fan_in=self.inputs,
            fan_out=self.outputs,
            gain=self.gain,
            role=self.role,
            first=self.first,
        )
        specs = {f"{self.name}.weight": weight}
        if self.bias:
            specs[f"{self.name}.bias"] = ParameterSpec(
                (self.outputs,), "zeros", decays=False, role=self.role
            )
        return specs

    def noise(self, rows: int) -> dict[str, Noise]:  # noqa: ARG002
        if self.dropconnect is None:
            return {}
        return {f"{self.name}.weight": Noise((self.inputs, self.outputs), "short")}

    def fitted(self, run: Pass, x: Tensor) -> dict[str, Tensor]:
        if not self.adapts:
            return {}
        weight = run.parameters[f"{self.name}.weight"]
        out = linear(x, weight, None).double().flatten(1)
        deviation = out.std(1, correction=0)
        # Outputs that are all alike have no scale to set.
        scale = torch.where(deviation > 0, deviation, 1.0).to(weight.dtype)
        return {f"{self.name}.weight": weight / scale.view(-1, 1, 1)}

    def __call__(self, run: Pass, x: Tensor) -> Tensor:
        weight = run.parameters[f"{self.name}.weight"]
        if self.dropconnect is not None and run.training:
            p = run.numbers[self.dropconnect].view(-1, 1, 1)
            weight = weight * kept(run.noise[f"{self.name}.weight"], p)
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


def linear_each(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """A product of its own for each of D: [M, B, D, I], [M, D, I, O], [M, D, O] → [M, B, D, O]."""
    members, rows, several, _ = x.shape
    flat = x.transpose(1, 2).flatten(0, 1)
    out = linear(flat, weight.flatten(0, 1), None if bias is None else bias.flatten(0, 1))
    return out.reshape(members, several, rows, -1).transpose(1, 2)


@dataclass(frozen=True)
class Embedding(Layer):
    """One table for all categorical columns: codes [M, B, columns] → [M, B, columns·dimension]."""

    name: str
    codes: int
    columns: int
    dimension: int
    initialization: str = "kaiming_normal"

    def parameters(self) -> dict[str, ParameterSpec]:
        spec = ParameterSpec(
            (self.codes, self.dimension),
            self.initialization,
            fan_in=self.dimension,
            fan_out=self.dimension,
            role="embedding",
        )
        return {f"{self.name}.table": spec}

    def __call__(self, run: Pass, x: Tensor) -> Tensor:
        table = run.parameters[f"{self.name}.table"]
        members, rows, columns = x.shape
        offsets = torch.arange(members, device=x.device).view(-1, 1, 1) * self.codes
        flat = table.reshape(members * self.codes, self.dimension)
        return F.embedding(x + offsets, flat).reshape(members, rows, columns * self.dimension)


@dataclass(frozen=True)
class TiedLinear(Layer):
    """x·Wᵀ + b with the weights of another layer, [O, I]: [M, B, I] → [M, B, O].

    A decoder that mirrors its encoder, or a head that scores each row of an embedding's table.

    Args:
        name: prefix of the bias's name; the weights are the other layer's.
        weight: full name of the parameter that is shared.
        shape: of that parameter, (O, I).
        inputs, outputs: what this layer takes and returns.
        role: see `ParameterSpec`.

    Raises:
        InputError: the shapes don't fit.

    Source: for embeddings, Press and Wolf 2017 (arXiv 1608.05859).
    """

    name: str
    weight: str
    shape: tuple[int, ...]
    inputs: int
    outputs: int
    role: Role = "hidden"

    def __post_init__(self) -> None:
        if self.shape != (self.outputs, self.inputs):
            raise InputError(
                f"tied layers of different shapes: {self.name} can't reuse {self.weight}, turned",
                found=f"{self.name} turns {self.inputs} features into {self.outputs}; "
                f"{self.weight} has the shape {self.shape[0]} × {self.shape[1]}",
                accepted=f"a weight of the shape {self.outputs} × {self.inputs}",
                advice="Let the sizes mirror each other, or leave the layers untied.",
            )

    def parameters(self) -> dict[str, ParameterSpec]:
        bias = ParameterSpec((self.outputs,), "zeros", decays=False, role=self.role)
        return {f"{self.name}.bias": bias}

    def __call__(self, run: Pass, x: Tensor) -> Tensor:
        turned = run.parameters[self.weight].transpose(1, 2)
        return linear(x, turned, run.parameters[f"{self.name}.bias"])


def tied_head(name: str, embedding: Embedding, inputs: int) -> TiedLinear:
    """A head that shares the table of ``embedding``: a logit for each of its codes.

    Raises:
        InputError: ``inputs`` features don't fit the table.
    """
    shape = (embedding.codes, embedding.dimension)
    return TiedLinear(name, f"{embedding.name}.table", shape, inputs, embedding.codes, "head")


def kept(noise: Tensor, p: Tensor) -> Tensor:
    """Short noise → 0 with probability p in [0, 1), else 1/(1−p); p is shaped to broadcast."""
    # A p that rounds up to 1 would leave the 16 bits and drop everything.
    threshold = (p * 65536.0 - 32768.0).round().clamp(max=32767.0)
    # Comparing in floats, in place, takes a fifth of the time of a mask of booleans.
    return noise.to(torch.float32, copy=True).ge_(threshold).mul_(1.0 / (1.0 - p))


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
        mask = kept(run.noise[self.name], run.numbers[self.number].view(-1, 1, 1))
        return x * mask.to(x.dtype)


@dataclass(frozen=True)
class StochasticDepth(Layer):
    """Leaves a residual branch out for some rows of a training step: all of its features, or none.

    The branch is left out with probability ``share``·p and otherwise scaled, as by dropout. In
    evaluation it stays as it is. ``number`` names the Number that holds p.

    Source: Huang et al. 2016 (arXiv 1603.09382), row by row.
    """

    name: str
    number: str
    share: float = 1.0

    def noise(self, rows: int) -> dict[str, Noise]:
        return {self.name: Noise((rows, 1), "short")}

    def __call__(self, run: Pass, x: Tensor) -> Tensor:
        if not run.training:
            return x
        p = run.numbers[self.number].view(-1, 1, 1) * self.share
        mask = kept(run.noise[self.name], p)
        return x * mask.view(*mask.shape[:2], *[1] * (x.ndim - 2))
