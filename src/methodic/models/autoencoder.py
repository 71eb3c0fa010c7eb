"""An autoencoder: a network that is to return what entered, through a bottleneck.

Shapes: M members, B rows, D numbers of a row.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

import torch
from torch import Tensor

from methodic.errors import InputError
from methodic.models.inputs import Inputs
from methodic.models.network import Network, through
from methodic.models.parts.activations import activate, gain
from methodic.models.parts.layers import Layer, Linear, TiedLinear
from methodic.types import Pass, Role


class Autoencoder(Network):
    """Linear layers with an activation behind each but the last; outputs are D numbers.

    Args:
        inputs: what enters: numeric columns, an array, or both.
        encoder: units of each layer down to the bottleneck.
        decoder: units of each hidden layer on the way back; None: the encoder's, mirrored.
        tied: the decoder's weights are the encoder's, turned; biases are its own.
        activation: one of `activations.ACTIVATIONS`.
        output_activation: "none", or "sigmoid" for numbers between 0 and 1.
        initialization: of the weights.

    Raises:
        InputError: the data have categorical columns, or tied layers don't fit each other.

    Source: Hinton and Salakhutdinov 2006; tied: Vincent et al. 2010.

    Example:
        >>> model = Autoencoder(Inputs(array=784), encoder=(64, 32), tied=True)
        >>> [name for name in model.parameters() if "decoder" in name]
        ['decoder.0.bias', 'decoder.1.bias']
    """

    def __init__(
        self,
        inputs: Inputs,
        *,
        encoder: Sequence[int] = (64, 32),
        decoder: Sequence[int] | None = None,
        tied: bool = False,
        activation: str = "relu",
        output_activation: str = "none",
        initialization: str = "kaiming_normal",
    ) -> None:
        self.outputs = inputs.numeric + inputs.array
        if inputs.categorical or not self.outputs:
            raise InputError(
                "an autoencoder gives numbers back",
                found=f"{inputs.categorical} categorical columns",
                accepted="data with numeric columns or arrays",
                advice="Leave the categorical columns out: --drop.",
            )
        self.activation, self.output_activation = activation, output_activation
        back = tuple(reversed(encoder[:-1])) if decoder is None else tuple(decoder)
        there = (self.outputs, *encoder)
        again = (encoder[-1], *back, self.outputs)

        def linear(name: str, before: int, after: int, last: bool = False) -> Linear:
            return Linear(
                name,
                before,
                after,
                initialization=initialization,
                gain=1.0 if last else gain(activation),
                role="head" if last else "hidden",
                first=name == "encoder.0",
            )

        self.encoder = [linear(f"encoder.{i}", a, b) for i, (a, b) in enumerate(pairwise(there))]
        self.decoder: list[Linear | TiedLinear] = []
        if tied and len(again) != len(there):
            raise InputError(
                "tied layers of different shapes: the decoder can't reuse the encoder's weights",
                found=f"{len(there) - 1} layers of the encoder, {len(again) - 1} of the decoder",
                accepted="as many layers, of mirrored sizes",
                advice="Leave the decoder's sizes out, or the layers untied.",
            )
        for i, (a, b) in enumerate(pairwise(again)):
            last = i == len(again) - 2
            if tied:
                other = self.encoder[-1 - i]
                shape = (other.inputs, other.outputs)
                role: Role = "head" if last else "hidden"
                layer = TiedLinear(f"decoder.{i}", f"{other.name}.weight", shape, a, b, role)
                self.decoder.append(layer)
            else:
                self.decoder.append(linear(f"decoder.{i}", a, b, last))

    def layers(self) -> Sequence[Layer]:
        """The encoder's, then the decoder's."""
        return [*self.encoder, *self.decoder]

    def encoded(self, run: Pass, inputs: Mapping[str, Tensor]) -> Tensor:
        """What the bottleneck holds: [M, B, units]."""
        x = rows_of(inputs)
        for layer in self.encoder:
            x = activate(self.activation, through(layer, run, x))
        return x

    def __call__(self, run: Pass, inputs: Mapping[str, Tensor]) -> Tensor:
        """[M, B, …] by name → [M, B, D]."""
        x = self.encoded(run, inputs)
        for layer in self.decoder[:-1]:
            x = activate(self.activation, through(layer, run, x))
        x = through(self.decoder[-1], run, x)
        return x if self.output_activation == "none" else activate(self.output_activation, x)


def rows_of(inputs: Mapping[str, Tensor]) -> Tensor:
    """Numeric columns, then the array, flattened: [M, B, D]; what an autoencoder has to return."""
    parts = [inputs[name].flatten(2) for name in ("numeric", "array") if name in inputs]
    return parts[0] if len(parts) == 1 else torch.cat(parts, -1)
