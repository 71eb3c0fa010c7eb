"""RealMLP: a multilayer perceptron with the tricks that tables ask for.

Shapes: M members, N training rows, B rows of a batch, I inputs, O outputs, D features.

Source: Holzmüller, Grinsztajn, Steinwart 2024 (arXiv 2407.04491), its tuned defaults ("TD"). Robust
scaling and smooth clipping of numeric columns are the encoders' work.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from methodic.models.inputs import Inputs
from methodic.models.network import TwoHalves, through
from methodic.models.parts.activations import activate, aligned
from methodic.models.parts.front import Front
from methodic.models.parts.layers import Dropout, Layer, linear
from methodic.models.parts.numeric import NumericEmbedding
from methodic.rng import counters, hashed, to_uniform
from methodic.types import ParameterSpec, Pass, Role

ONE_HOT = 8  # most categories of a one-hot column
_CORNERS = 5  # training rows that a bias is mixed from


@dataclass(frozen=True)
class ScaledLinear(Layer):
    """x·W/√I + b with W of size 1, the "neural tangent" parametrization: [M, B, I] → [M, B, O].

    Training rows set the start ("std" and "he+5"): each unit's weights are scaled so that x·W/√I
    has variance 1, and its bias is minus a random convex combination of five values of that on
    training rows, so that its kink lies among the data.

    Args:
        name: prefix of the names.
        inputs, outputs: I and O.
        role, first: see `ParameterSpec`.
        bias_rate: factor on updates of the bias.
    """

    name: str
    inputs: int
    outputs: int
    role: Role = "hidden"
    first: bool = False
    bias_rate: float = 0.1

    @property
    def adapts(self) -> bool:
        """Weights and biases start by training rows."""
        return True

    def parameters(self) -> dict[str, ParameterSpec]:
        return {
            f"{self.name}.weight": ParameterSpec(
                (self.inputs, self.outputs),
                "gaussian",
                fan_in=self.inputs,
                fan_out=self.outputs,
                role=self.role,
                first=self.first,
            ),
            f"{self.name}.bias": ParameterSpec(
                (self.outputs,), "zeros", decays=False, role=self.role, lr_scale=self.bias_rate
            ),
        }

    def fitted(self, run: Pass, x: Tensor) -> dict[str, Tensor]:
        drawn = run.parameters[f"{self.name}.weight"]
        out = linear(x, drawn / math.sqrt(self.inputs), None)
        deviation = out.double().std(1, correction=0, keepdim=True).to(out.dtype)
        scale = torch.where(deviation > 0, deviation, 1.0)  # [M, 1, O]
        return {
            f"{self.name}.weight": drawn / scale,
            f"{self.name}.bias": -_mixed(out / scale, _keys(drawn), self.name),
        }

    def __call__(self, run: Pass, x: Tensor) -> Tensor:
        weight = run.parameters[f"{self.name}.weight"] * (1 / math.sqrt(self.inputs))
        return linear(x, weight, run.parameters[f"{self.name}.bias"])


def _keys(drawn: Tensor) -> Tensor:
    """Two keys of each member from the bits of what it drew already: int32 [2, M, 1]."""
    ends = drawn.flatten(1)[:, [0, -1]].to(torch.float32).contiguous()
    return ends.view(torch.int32).T.unsqueeze(-1).contiguous()


def _mixed(values: Tensor, keys: Tensor, name: str) -> Tensor:
    """For each unit, a random convex combination of five rows' values: [M, N, O] → [M, O]."""
    members, rows, units = values.shape
    count = _CORNERS * units
    bits = hashed(counters(f"{name}/corners", 2 * count, values.device), keys)
    which, size = to_uniform(bits).view(members, 2, _CORNERS, units).unbind(1)
    # Exponential numbers, divided by their sum, are uniform on the simplex.
    size = -aligned(torch.log1p, -size).to(values.dtype)
    corners = values.gather(1, (which * rows).long())
    return (corners * size).sum(1) / size.sum(1)


@dataclass(frozen=True)
class Scale(Layer):
    """A trained factor for each feature: x·s."""

    name: str
    features: int
    lr_scale: float = 6.0

    def parameters(self) -> dict[str, ParameterSpec]:
        spec = ParameterSpec((self.features,), "constant", value=1.0, lr_scale=self.lr_scale)
        return {self.name: spec}

    def __call__(self, run: Pass, x: Tensor) -> Tensor:
        return x * run.parameters[self.name].unsqueeze(1)


@dataclass(frozen=True)
class ParametricActivation(Layer):
    """x + (f(x) − x)·a with a trained a for each feature, which starts at 1."""

    name: str
    features: int
    activation: str
    lr_scale: float = 0.1

    def parameters(self) -> dict[str, ParameterSpec]:
        spec = ParameterSpec((self.features,), "constant", value=1.0, lr_scale=self.lr_scale)
        return {self.name: spec}

    def __call__(self, run: Pass, x: Tensor) -> Tensor:
        mix = run.parameters[self.name].unsqueeze(1)
        return x + (activate(self.activation, x) - x) * mix


class RealMLP(TwoHalves):
    """Front scale, ``depth`` × [scaled linear → parametric activation → dropout], scaled linear.

    Columns of at most ``one_hot`` categories are one-hot, the others embedded.

    Args:
        inputs: what enters.
        outputs: C, classes or predicted numbers.
        width, depth: hidden units a layer, hidden layers.
        activation: one of `activations.ACTIVATIONS`; "selu" for classes, "mish" for numbers there.
        dropout: path of the Number that holds the rate; None for no dropout.
        numeric: embeds numeric columns; `numeric.PBLD` there.
        embedding: numbers that stand for one category.
        one_hot: most categories of a one-hot column.
        scale: whether there is a front scale.
        parametric: whether activations have a trained mix.
        rate: factor on the updates of all parameters; > 0.

    Example:
        >>> RealMLP(Inputs(numeric=4), 3, width=8, depth=1).parameters()["scale"].lr_scale
        6.0
    """

    def __init__(
        self,
        inputs: Inputs,
        outputs: int,
        *,
        width: int = 256,
        depth: int = 3,
        activation: str = "selu",
        dropout: str | None = None,
        numeric: NumericEmbedding | None = None,
        embedding: int = 8,
        one_hot: int = ONE_HOT,
        scale: bool = True,
        parametric: bool = True,
        rate: float = 1.0,
    ) -> None:
        self.outputs = outputs
        self.rate = rate
        self.front = Front(
            inputs,
            embedding=embedding,
            numeric=numeric,
            one_hot=one_hot,
            signed=True,
            scaled=True,
            initialization="gaussian",
        )
        features = self.front.features
        self.scale = Scale("scale", features) if scale else Layer()
        self.linears: list[ScaledLinear] = []
        self.activations: list[Layer] = []
        for i in range(depth):
            name = f"hidden.{i}"
            first = self.front.plain and i == 0
            self.linears.append(ScaledLinear(name, features, width, first=first))
            self.activations.append(
                ParametricActivation(f"{name}.mix", width, activation)
                if parametric
                else Activation(activation)
            )
            features = width
        self.dropouts = [
            Dropout(f"dropout/{i}", width, dropout) if dropout else Layer() for i in range(depth)
        ]
        self.features = features
        self.head = ScaledLinear("head", features, outputs, "head")

    def layers(self) -> Sequence[Layer]:
        """The front's, the scale, each hidden layer's, dropout, and the head."""
        hidden = [
            each for pair in zip(self.linears, self.activations, strict=True) for each in pair
        ]
        return [*self.front.layers(), self.scale, *hidden, *self.dropouts, self.head]

    def parameters(self) -> dict[str, ParameterSpec]:
        """The layers', at this network's rate."""
        found = super().parameters()
        return {k: replace(v, lr_scale=v.lr_scale * self.rate) for k, v in found.items()}

    def encoded(self, run: Pass, inputs: Mapping[str, Tensor]) -> Tensor:
        """What the head gets: [M, B, width]."""
        x = self.scale(run, self.front(run, inputs))
        for layer, activation, dropout in zip(
            self.linears, self.activations, self.dropouts, strict=True
        ):
            x = dropout(run, activation(run, through(layer, run, x)))
        return x

    def answered(self, run: Pass, features: Tensor) -> Tensor:
        """[M, B, width] → [M, B, C]."""
        return through(self.head, run, features)


@dataclass(frozen=True)
class Activation(Layer):
    """An activation by name, as a layer."""

    activation: str

    def __call__(self, run: Pass, x: Tensor) -> Tensor:  # noqa: ARG002
        return activate(self.activation, x)
