"""A network that learns more numbers than it predicts.

Shapes: M members, B rows, C outputs.
"""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from methodic.rng import Noise
from methodic.types import BufferSpec, Model, ParameterSpec, Pass


class FirstOutputs:
    """A network of which only the first outputs are predictions; the others serve its loss.

    A mean and a variance are learnt, for example, and the mean is predicted.

    Args:
        model: the network with all outputs.
        outputs: how many of them are predictions.
    """

    native = True

    def __init__(self, model: Model, outputs: int) -> None:
        self.model = model
        self.outputs = outputs

    def parameters(self) -> dict[str, ParameterSpec]:
        """Those of the network."""
        return self.model.parameters()

    def buffers(self) -> dict[str, BufferSpec]:
        """Those of the network."""
        return self.model.buffers()

    def noise(self, rows: int) -> dict[str, Noise]:
        """What the network draws."""
        return self.model.noise(rows)

    def adapted(
        self,
        parameters: Mapping[str, Tensor],
        buffers: Mapping[str, Tensor],
        inputs: Mapping[str, Tensor],
    ) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """What the network learns from training rows before the first step."""
        adapt = getattr(self.model, "adapted", None)
        if adapt is None:
            return dict(parameters), dict(buffers)
        found: tuple[dict[str, Tensor], dict[str, Tensor]] = adapt(parameters, buffers, inputs)
        return found

    def __call__(self, run: Pass, inputs: Mapping[str, Tensor]) -> Tensor:
        """In training all outputs, else the predictions."""
        found = self.model(run, inputs)
        return found if run.training else found[..., : self.outputs]
