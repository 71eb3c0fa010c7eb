"""What a network around another one has in common with it.

Shapes: M members, B rows, O outputs.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import cast

from torch import Tensor

from methodic.errors import InputError
from methodic.rng import Noise
from methodic.types import (
    BufferSpec,
    DataDriven,
    Encoder,
    Half,
    Model,
    Named,
    ParameterSpec,
    Pass,
    Start,
)


class Around:
    """Base: the parameters, buffers and noise of ``model``, and what it learns before training.

    Args:
        model: the network inside.
    """

    def __init__(self, model: Model) -> None:
        self.model = model
        self.native = model.native
        self.outputs = model.outputs

    def parameters(self) -> dict[str, ParameterSpec]:
        """The model's."""
        return self.model.parameters()

    def buffers(self) -> dict[str, BufferSpec]:
        """The model's."""
        return self.model.buffers()

    def noise(self, rows: int) -> dict[str, Noise]:
        """The model's."""
        return self.model.noise(rows)

    def adapted(
        self,
        parameters: Named,
        buffers: Named,
        inputs: Named,
        only: Collection[str] | None = None,
    ) -> Start:
        """What the model learns from training rows before the first step; `types.DataDriven`."""
        if not isinstance(self.model, DataDriven):
            return dict(parameters), dict(buffers)
        return self.model.adapted(parameters, buffers, inputs, only)

    @property
    def features(self) -> int:
        """The model's, which has to be an encoder and a head: see `encoder`."""
        return encoder(self.model).features

    def half(self, name: str) -> Half:
        """The model's."""
        return encoder(self.model).half(name)

    def encoded(self, run: Pass, inputs: Mapping[str, Tensor]) -> Tensor:
        """The model's features: [M, B, F]."""
        return encoder(self.model).encoded(run, inputs)

    def answered(self, run: Pass, features: Tensor) -> Tensor:
        """What the model's head makes of features: [M, B, O]."""
        return encoder(self.model).answered(run, features)

    def __call__(self, run: Pass, inputs: Mapping[str, Tensor]) -> Tensor:
        """[M, B, …] by name → [M, B, O]."""
        raise NotImplementedError


def inmost(model: Model) -> Model:
    """The network itself, out of everything that stands around it."""
    while isinstance(model, Around):
        model = model.model
    return model


def encoder(model: Model) -> Encoder:
    """``model`` as an encoder and a head.

    Raises:
        InputError: the network has no such halves.
    """
    network = inmost(model)
    # Asked at each look at rows: `isinstance` of a protocol takes as long as a small network.
    if not hasattr(network, "half"):
        raise InputError(
            "objectives that learn without targets need a network with an encoder and a head",
            found=f"the network {type(network).__name__}",
            accepted="mlp, realmlp, ft_transformer, cnn, resnet, quicknet, vit or autoencoder",
            advice="Choose another model, or leave these objectives out.",
        )
    return cast(Encoder, model)
