"""A network with the parameters that objectives add to it.

Shapes: M members, B rows, O outputs.
"""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from methodic.models.around import Around
from methodic.types import Model, ParameterSpec, Pass


class Extended(Around):
    """``model`` with further parameters, which it doesn't read and no bundle ships.

    Args:
        model: the network.
        more: full name → specification, none of them the network's.
    """

    def __init__(self, model: Model, more: Mapping[str, ParameterSpec]) -> None:
        super().__init__(model)
        self.more = dict(more)

    def parameters(self) -> dict[str, ParameterSpec]:
        """The model's, then the others."""
        return {**self.model.parameters(), **self.more}

    def __call__(self, run: Pass, inputs: Mapping[str, Tensor]) -> Tensor:
        """[M, B, …] by name → [M, B, O]."""
        return self.model(run, inputs)
