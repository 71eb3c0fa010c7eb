"""TabM: many multilayer perceptrons in one, which share most of their weights.

Shapes: M members (of a cohort), K submodels within each, B rows, I inputs, O outputs, C classes.

Source: Gorishniy, Kotelnikov, Babenko 2024 (arXiv 2410.24210); the layers are BatchEnsemble's (Wen,
Tran, Ba 2020, arXiv 2002.06715).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from methodic.models.inputs import Inputs
from methodic.models.network import Network
from methodic.models.parts.activations import activate, aligned
from methodic.models.parts.front import Front
from methodic.models.parts.layers import Dropout, Layer, linear, linear_each
from methodic.models.parts.numeric import NumericEmbedding
from methodic.types import ParameterSpec, Pass

_AT_ONCE = 256  # rows of an evaluation, which K submodels make as many times as large
_LEAST = 1e-37  # a mean of probabilities that is 0 in float32 has no logarithm


@dataclass(frozen=True)
class SharedLinear(Layer):
    """((x·r_k)·W)·s_k + b_k for each of K submodels: [M, B, K, I] → [M, B, K, O].

    Args:
        name: prefix of the names.
        several: K.
        inputs, outputs: I and O.
        adapter: how r starts: at 1 ("ones"), at random signs, or normal.
        parts: lengths of the runs of inputs whose r starts alike, within a submodel; () for none.
        first: see `ParameterSpec`.
    """

    name: str
    several: int
    inputs: int
    outputs: int
    adapter: Literal["ones", "signs", "gaussian"] = "ones"
    parts: tuple[int, ...] = ()
    first: bool = False

    def parameters(self) -> dict[str, ParameterSpec]:
        bound = 1 / math.sqrt(self.inputs)
        k = self.several
        fixed = self.adapter == "ones"
        return {
            f"{self.name}.weight": ParameterSpec(
                (self.inputs, self.outputs),
                "spread",
                fan_in=self.inputs,
                fan_out=self.outputs,
                gain=bound,
                first=self.first,
            ),
            f"{self.name}.inward": ParameterSpec(
                (k, self.inputs),
                "constant" if fixed else self.adapter,
                value=1.0,
                role="embedding",
                alike=((), self.parts) if self.parts and not fixed else (),
            ),
            f"{self.name}.outward": ParameterSpec(
                (k, self.outputs), "constant", value=1.0, role="embedding"
            ),
            # All submodels start with the same bias.
            f"{self.name}.bias": ParameterSpec(
                (k, self.outputs),
                "spread",
                gain=bound,
                decays=False,
                role="embedding",
                alike=((k,), ()),
            ),
        }

    def __call__(self, run: Pass, x: Tensor) -> Tensor:
        inward, outward, bias = (
            run.parameters[f"{self.name}.{each}"].unsqueeze(1).to(x.dtype)
            for each in ("inward", "outward", "bias")
        )
        mixed = x * inward
        out = linear(mixed.flatten(1, 2), run.parameters[f"{self.name}.weight"], None)
        return torch.addcmul(bias, out.reshape(*mixed.shape[:3], self.outputs), outward)


@dataclass(frozen=True)
class LinearOfEach(Layer):
    """x·W_k + b_k, nothing shared: [M, B, K, I] → [M, B, K, O]."""

    name: str
    several: int
    inputs: int
    outputs: int

    def parameters(self) -> dict[str, ParameterSpec]:
        bound = 1 / math.sqrt(self.inputs)
        return {
            f"{self.name}.weight": ParameterSpec(
                (self.several, self.inputs, self.outputs),
                "spread",
                fan_in=self.inputs,
                fan_out=self.outputs,
                gain=bound,
                role="head",
            ),
            f"{self.name}.bias": ParameterSpec(
                (self.several, self.outputs), "spread", gain=bound, decays=False, role="head"
            ),
        }

    def __call__(self, run: Pass, x: Tensor) -> Tensor:
        weight, bias = run.parameters[f"{self.name}.weight"], run.parameters[f"{self.name}.bias"]
        return linear_each(x, weight, bias)


class TabM(Network):
    """K submodels of ``depth`` × [shared linear → activation → dropout], and a head for each.

    In training, the outputs of all submodels are returned, [M, B, K, C], since each learns for
    itself: a loss is to be taken of each, and averaged after. In evaluation it is one output
    [M, B, C]: the mean of the numbers, or the logarithm of the mean of the probabilities.

    Args:
        inputs: what enters.
        outputs: C, classes or predicted numbers.
        width, depth: hidden units a layer, hidden layers.
        submodels: K.
        activation: one of `activations.ACTIVATIONS`.
        dropout: path of the Number that holds the rate; None for no dropout.
        numeric: embeds numeric columns, `numeric.PiecewiseLinear` in TabM†; None: none.
        embedding: numbers that stand for one category that isn't one-hot.
        one_hot: most categories of a one-hot column.
        averages: "probabilities" or "outputs".

    Example:
        >>> model = TabM(Inputs(numeric=4), 3, width=8, depth=1, submodels=2)
        >>> model.parameters()["head.weight"].shape
        (2, 8, 3)
    """

    def __init__(
        self,
        inputs: Inputs,
        outputs: int,
        *,
        width: int = 512,
        depth: int = 3,
        submodels: int = 32,
        activation: str = "relu",
        dropout: str | None = None,
        numeric: NumericEmbedding | None = None,
        embedding: int = 8,
        one_hot: int = 100,
        averages: Literal["probabilities", "outputs"] = "probabilities",
    ) -> None:
        self.outputs = outputs
        self.submodels = submodels
        self.activation = activation
        self.averages = averages
        self.front = Front(inputs, embedding=embedding, numeric=numeric, one_hot=one_hot)
        features, raw = self.front.features, self.front.numeric is None
        self.linears: list[SharedLinear] = []
        for i in range(depth):
            adapter: Literal["ones", "signs", "gaussian"] = "signs" if raw else "gaussian"
            self.linears.append(
                SharedLinear(
                    f"hidden.{i}",
                    submodels,
                    features,
                    width,
                    adapter if i == 0 else "ones",
                    self.front.parts if i == 0 else (),
                    first=self.front.plain and i == 0,
                )
            )
            features = width
        self.dropouts = [
            Dropout(f"dropout/{i}", submodels * width, dropout) if dropout else Layer()
            for i in range(depth)
        ]
        self.head = LinearOfEach("head", submodels, features, outputs)

    def layers(self) -> Sequence[Layer]:
        """The front's, each hidden layer's, dropout, and the heads."""
        return [*self.front.layers(), *self.linears, *self.dropouts, self.head]

    def __call__(self, run: Pass, inputs: Mapping[str, Tensor]) -> Tensor:
        """[M, B, …] by name → [M, B, K, C] in training, [M, B, C] in evaluation."""
        x = self.front(run, inputs)
        if run.training:
            return self._each(run, x)
        return torch.cat([self._averaged(run, part) for part in torch.split(x, _AT_ONCE, 1)], 1)

    def _each(self, run: Pass, x: Tensor) -> Tensor:
        """[M, B, features] → [M, B, K, C]."""
        x = x.unsqueeze(2)  # the same for all submodels
        if torch.is_autocast_enabled(x.device.type):
            # What lies between the products takes longer than they do: it, too, is of 16 bits.
            x = x.to(torch.get_autocast_dtype(x.device.type))
        for layer, dropout in zip(self.linears, self.dropouts, strict=True):
            x = activate(self.activation, layer(run, x))
            x = dropout(run, x.flatten(2)).reshape(x.shape)
        return self.head(run, x)

    def _averaged(self, run: Pass, x: Tensor) -> Tensor:
        """[M, B, features] → [M, B, C]."""
        out = self._each(run, x)
        if self.averages == "outputs":
            return out.mean(2)
        mean = torch.softmax(out, -1).mean(2)
        return aligned(torch.log, mean.clamp_min(_LEAST))
