"""A network that learns more numbers than it predicts.

Shapes: M members, B rows, C outputs.
"""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from methodic.models.around import Around
from methodic.types import Model, Pass


class FirstOutputs(Around):
    """A network of which only the first outputs are predictions; the others serve its loss.

    A mean and a variance are learnt, for example, and the mean is predicted.

    Args:
        model: the network with all outputs.
        outputs: how many of them are predictions.
    """

    def __init__(self, model: Model, outputs: int) -> None:
        super().__init__(model)
        self.outputs = outputs

    def __call__(self, run: Pass, inputs: Mapping[str, Tensor]) -> Tensor:
        """In training all outputs, else the predictions."""
        return self._shown(run, self.model(run, inputs))

    def answered(self, run: Pass, features: Tensor) -> Tensor:
        """In training all outputs for some features, else the predictions."""
        return self._shown(run, super().answered(run, features))

    def _shown(self, run: Pass, found: Tensor) -> Tensor:
        return found if run.training else found[..., : self.outputs]
