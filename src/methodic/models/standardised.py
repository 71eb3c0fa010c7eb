"""Images standardised in front of a network.

Shapes: M members, B rows, C channels, H × W places.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

import torch
from torch import Tensor

from methodic.models.around import Around
from methodic.types import Model, Named, Pass, Start


class Standardised(Around):
    """``model`` behind (x − mean) / deviation, by channel: pixels come in as numbers from 0 to 1.

    So augmentations, which stand in front of it, can count on that range.

    Args:
        model: takes images as the input "array".
        scaling: each channel's mean and deviation.
    """

    def __init__(self, model: Model, scaling: tuple[tuple[float, float], ...]) -> None:
        super().__init__(model)
        self.scaling = scaling

    def adapted(
        self,
        parameters: Named,
        buffers: Named,
        inputs: Named,
        only: Collection[str] | None = None,
    ) -> Start:
        """What the model learns, from standardised images."""
        return super().adapted(parameters, buffers, self._standardised(inputs), only)

    def __call__(self, run: Pass, inputs: Mapping[str, Tensor]) -> Tensor:
        """[M, B, …] by name → [M, B, O]."""
        return self.model(run, self._standardised(inputs))

    def encoded(self, run: Pass, inputs: Mapping[str, Tensor]) -> Tensor:
        """[M, B, …] by name → features [M, B, F]."""
        return super().encoded(run, self._standardised(inputs))

    def _standardised(self, inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        # Channel by channel, by plain numbers: constants that every device and machine code have.
        parts = [
            (channel - mean) * (1 / deviation)
            for channel, (mean, deviation) in zip(
                torch.split(inputs["array"], 1, 2), self.scaling, strict=True
            )
        ]
        return {**inputs, "array": parts[0] if len(parts) == 1 else torch.cat(parts, 2)}
