"""What our own networks have in common: layers in order, and a start from training rows.

Shapes: M members, N rows, B rows of a batch, C outputs.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import torch
from torch import Tensor

from methodic.models.parts.layers import Layer
from methodic.rng import Noise
from methodic.types import BufferSpec, Half, Named, ParameterSpec, Pass, Start


class Fitting(Pass):
    """A pass over training rows in which layers set what depends on data, one after the other."""

    only: Collection[str] | None = None  # names of what may be set; None: all of it

    def fit(self, layer: Layer, x: Tensor) -> None:
        """Let a layer set its parameters and buffers by what reaches it."""
        for name, value in layer.fitted(self, x).items():
            if self.only is not None and name not in self.only:
                continue
            place = self.parameters if name in self.parameters else self.buffers
            assert isinstance(place, dict), "made by `Network.adapted`"
            place[name] = value


def through(layer: Layer, run: Pass, x: Tensor) -> Tensor:
    """``layer(run, x)``; a layer that depends on data sets itself before, where that is asked."""
    if isinstance(run, Fitting):
        run.fit(layer, x)
    return layer(run, x)


class Network:
    """Base: parameters, buffers and noise are those of the layers."""

    native = True
    outputs: int

    def layers(self) -> Sequence[Layer]:
        """All of them, in the order in which their parameters are listed."""
        raise NotImplementedError

    def parameters(self) -> dict[str, ParameterSpec]:
        """Full name → specification."""
        return {k: v for layer in self.layers() for k, v in layer.parameters().items()}

    def buffers(self) -> dict[str, BufferSpec]:
        """Full name → specification."""
        return {k: v for layer in self.layers() for k, v in layer.buffers().items()}

    def noise(self, rows: int) -> dict[str, Noise]:
        """Site → what a training pass over ``rows`` rows draws."""
        return {k: v for layer in self.layers() for k, v in layer.noise(rows).items()}

    def __call__(self, run: Pass, inputs: Mapping[str, Tensor]) -> Tensor:
        """[M, B, …] by name → [M, B, C]."""
        raise NotImplementedError

    def adapted(
        self,
        parameters: Named,
        buffers: Named,
        inputs: Named,
        only: Collection[str] | None = None,
    ) -> Start:
        """Parameters and buffers before the first step; see `types.DataDriven`.

        Rows go through the network once; each layer that depends on data sets itself by what
        reaches it, so that it sees what the layers in front of it have become.
        """
        run = Fitting(dict(parameters), dict(buffers), {}, {}, training=False, collect=True)
        run.only = only
        if any(layer.adapts for layer in self.layers()):
            with torch.no_grad():
                self(run, {name: value.contiguous() for name, value in inputs.items()})
        return dict(run.parameters), dict(run.buffers)


class TwoHalves(Network):
    """Base: an encoder and a head; outputs are what the head makes of the encoder's features."""

    features: int

    def half(self, name: str) -> Half:
        """To which part a parameter belongs: parameters whose role is "head" are the head's."""
        return "head" if self.parameters()[name].role == "head" else "encoder"

    def encoded(self, run: Pass, inputs: Mapping[str, Tensor]) -> Tensor:
        """[M, B, …] by name → features [M, B, F]."""
        raise NotImplementedError

    def answered(self, run: Pass, features: Tensor) -> Tensor:
        """Features [M, B, F] → [M, B, C]."""
        raise NotImplementedError

    def __call__(self, run: Pass, inputs: Mapping[str, Tensor]) -> Tensor:
        """[M, B, …] by name → [M, B, C]."""
        return self.answered(run, self.encoded(run, inputs))
