"""Networks for tables: a linear model and a multilayer perceptron, with embedded categories."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from methodic.models.activations import activate, gain
from methodic.models.layers import BatchNorm, Dropout, Embedding, Layer, LayerNorm, Linear
from methodic.rng import Noise
from methodic.types import BufferSpec, ParameterSpec, Pass


@dataclass(frozen=True)
class Inputs:
    """What enters a network for tables.

    Args:
        numeric: D, encoded numeric columns.
        categorical: number of categorical columns.
        codes: rows of the embedding table that all categorical columns share.
        array: elements of an array input, flattened; 0 without one.
    """

    numeric: int = 0
    categorical: int = 0
    codes: int = 0
    array: int = 0


class MLP:
    """Embeddings, then ``depth`` × [linear → normalization → activation → dropout], then linear.

    ``depth=0`` is the linear model: softmax, logistic or linear regression.

    Args:
        inputs: what enters.
        outputs: C, classes or predicted numbers.
        width, depth: hidden units a layer, hidden layers.
        activation: one of `activations.ACTIVATIONS`.
        normalization: "none", "batch" or "layer", in front of each activation.
        dropout: path of the Number that holds the rate; None for no dropout.
        initialization: of the hidden weights; one of `initialization.INITIALIZATIONS`.
        embedding: numbers that stand for one category.

    Example:
        >>> mlp = MLP(Inputs(numeric=4), outputs=3, width=8, depth=1)
        >>> mlp.parameters()["hidden.0.weight"].shape
        (4, 8)
    """

    native = True

    def __init__(
        self,
        inputs: Inputs,
        outputs: int,
        *,
        width: int = 128,
        depth: int = 2,
        activation: str = "relu",
        normalization: str = "none",
        dropout: str | None = None,
        initialization: str = "kaiming_normal",
        embedding: int = 8,
    ) -> None:
        self.outputs = outputs
        self.embedding = (
            Embedding("embedding", inputs.codes, inputs.categorical, embedding)
            if inputs.categorical
            else None
        )
        self.activation = activation
        features = inputs.numeric + inputs.array + embedding * inputs.categorical
        self.blocks: list[list[Layer]] = []
        for i in range(depth):
            name = f"hidden.{i}"
            block: list[Layer] = [
                Linear(
                    name,
                    features,
                    width,
                    bias=normalization != "batch",
                    initialization=initialization,
                    gain=gain(activation),
                )
            ]
            if normalization == "batch":
                block.append(BatchNorm(f"{name}.norm", width))
            elif normalization == "layer":
                block.append(LayerNorm(f"{name}.norm", width))
            self.blocks.append(block)
            features = width
        self.dropouts = [
            Dropout(f"dropout/{i}", width, dropout) if dropout else Layer() for i in range(depth)
        ]
        # The head starts without an activation behind it; a linear model starts where told.
        head = "xavier_uniform" if depth else initialization
        self.head = Linear("head", features, outputs, initialization=head)

    def _layers(self) -> Sequence[Layer]:
        first = [self.embedding] if self.embedding else []
        inner = [layer for block in self.blocks for layer in block]
        return [*first, *inner, *self.dropouts, self.head]

    def parameters(self) -> dict[str, ParameterSpec]:
        """Full name → specification."""
        return {k: v for layer in self._layers() for k, v in layer.parameters().items()}

    def buffers(self) -> dict[str, BufferSpec]:
        """Full name → specification."""
        return {k: v for layer in self._layers() for k, v in layer.buffers().items()}

    def noise(self, rows: int) -> dict[str, Noise]:
        """Site → what a training pass over ``rows`` rows draws."""
        return {k: v for layer in self._layers() for k, v in layer.noise(rows).items()}

    def __call__(self, run: Pass, inputs: Mapping[str, Tensor]) -> Tensor:
        """[M, B, …] by name → [M, B, C]."""
        x = self._joined(run, inputs)
        for block, dropout in zip(self.blocks, self.dropouts, strict=True):
            for layer in block:
                x = layer(run, x)
            x = dropout(run, activate(self.activation, x))
        return self.head(run, x)

    def _joined(self, run: Pass, inputs: Mapping[str, Tensor]) -> Tensor:
        parts = []
        if "numeric" in inputs:
            parts.append(inputs["numeric"])
        if "array" in inputs:
            parts.append(inputs["array"].flatten(2))
        if self.embedding:
            parts.append(self.embedding(run, inputs["categorical"]))
        return parts[0] if len(parts) == 1 else torch.cat(parts, dim=-1)
