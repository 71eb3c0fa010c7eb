"""An autoencoder: an encoder down to a bottleneck, a decoder back, and a head for the task.

Shapes: M members, B rows, D numbers of a row, F units of the bottleneck, C outputs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

import torch
from torch import Tensor

from methodic.errors import InputError
from methodic.models.inputs import Inputs
from methodic.models.network import TwoHalves, through
from methodic.models.parts.activations import activate, gain
from methodic.models.parts.layers import Layer, Linear, TiedLinear
from methodic.types import Half, Pass, Role


class Autoencoder(TwoHalves):
    """Linear layers with an activation behind each but the last of the decoder; a linear head.

    The decoder, `decoded`, gives D numbers back; the objective "reconstruction" trains it. The head
    reads the bottleneck and answers the task.

    Args:
        inputs: what enters: numeric columns, an array, or both.
        outputs: C, classes or predicted numbers.
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
        >>> model = Autoencoder(Inputs(array=784), 10, encoder=(64, 32), tied=True)
        >>> [name for name in model.parameters() if "decoder" in name]
        ['decoder.0.bias', 'decoder.1.bias']
    """

    def __init__(
        self,
        inputs: Inputs,
        outputs: int,
        *,
        encoder: Sequence[int] = (64, 32),
        decoder: Sequence[int] | None = None,
        tied: bool = False,
        activation: str = "relu",
        output_activation: str = "none",
        initialization: str = "kaiming_normal",
    ) -> None:
        numbers = inputs.numeric + inputs.array
        self.outputs, self.features = outputs, encoder[-1]
        if inputs.categorical or not numbers:
            raise InputError(
                "an autoencoder gives numbers back",
                found=f"{inputs.categorical} categorical columns",
                accepted="data with numeric columns or arrays",
                advice="Leave the categorical columns out: --drop.",
            )
        self.activation, self.output_activation = activation, output_activation
        back = tuple(reversed(encoder[:-1])) if decoder is None else tuple(decoder)
        there = (numbers, *encoder)
        again = (encoder[-1], *back, numbers)

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
        self.head = Linear(
            "head", encoder[-1], outputs, initialization="xavier_uniform", role="head"
        )

    def layers(self) -> Sequence[Layer]:
        """The encoder's, the decoder's, the head."""
        return [*self.encoder, *self.decoder, self.head]

    def half(self, name: str) -> Half:
        """By the name's first word."""
        first = name.partition(".")[0]
        return "head" if first == "head" else "decoder" if first == "decoder" else "encoder"

    def encoded(self, run: Pass, inputs: Mapping[str, Tensor]) -> Tensor:
        """What the bottleneck holds: [M, B, units]."""
        x = rows_of(inputs)
        for layer in self.encoder:
            x = activate(self.activation, through(layer, run, x))
        return x

    def answered(self, run: Pass, features: Tensor) -> Tensor:
        """[M, B, F] → [M, B, C]."""
        return through(self.head, run, features)

    def decoded(self, run: Pass, features: Tensor, activated: bool = True) -> Tensor:
        """What the decoder makes of a bottleneck: [M, B, F] → [M, B, D].

        ``activated``: behind the output activation; otherwise its input.
        """
        x = features
        for layer in self.decoder[:-1]:
            x = activate(self.activation, through(layer, run, x))
        x = through(self.decoder[-1], run, x)
        plain = self.output_activation == "none" or not activated
        return x if plain else activate(self.output_activation, x)


def rows_of(inputs: Mapping[str, Tensor]) -> Tensor:
    """Numeric columns, then the array, flattened: [M, B, D]; what an autoencoder has to return."""
    parts = [inputs[name].flatten(2) for name in ("numeric", "array") if name in inputs]
    return parts[0] if len(parts) == 1 else torch.cat(parts, -1)
