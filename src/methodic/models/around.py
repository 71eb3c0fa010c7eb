"""What a network around another one has in common with it.

Shapes: M members, B rows, O outputs.
"""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from methodic.rng import Noise
from methodic.types import BufferSpec, DataDriven, Model, Named, ParameterSpec, Pass, Start


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

    def adapted(self, parameters: Named, buffers: Named, inputs: Named) -> Start:
        """What the model learns from training rows before the first step; `types.DataDriven`."""
        if not isinstance(self.model, DataDriven):
            return dict(parameters), dict(buffers)
        return self.model.adapted(parameters, buffers, inputs)

    def __call__(self, run: Pass, inputs: Mapping[str, Tensor]) -> Tensor:
        """[M, B, …] by name → [M, B, O]."""
        raise NotImplementedError
