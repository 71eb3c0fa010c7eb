"""Running averages of weights, for evaluation and the shipped model.

Shapes: M members, P parameters.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class EMA:
    """Exponential moving average: a ← a + (1 − d) · (w − a), d = min(decay, (1 + t) / (10 + t)).

    t counts optimizer steps from 1. The second term is the warm-up: the average starts at the
    initial weights, and without it these would fill it for about 1/(1 − decay) steps. It ends where
    (1 + t) / (10 + t) reaches ``decay``: after about 9/(1 − decay) steps.

    Args:
        path: of the regularizer in the recipe; ``path + ".decay"`` is in (0, 1).

    State: ``ema``, [M, P].

    Source: Polyak and Juditsky 1992 (averaging).
    """

    path: str

    def initial(self, flat: Tensor) -> dict[str, Tensor]:
        """The initial weights."""
        return {"ema": flat.clone()}

    def update(
        self,
        flat: Tensor,
        state: Mapping[str, Tensor],
        numbers: Mapping[str, Tensor],
        step: int | Tensor,
    ) -> dict[str, Tensor]:
        """State after the ``step``-th optimizer step (from 1).

        Args:
            flat: weights after that step, [M, P].
            state: of the step before; not written to.
            numbers: path → [M].
            step: one for all members, or each member's own, [M].
        """
        decay, bound = numbers[self.path + ".decay"], (1 + step) / (10 + step)
        decay = decay.clamp(max=bound.to(decay) if isinstance(bound, Tensor) else bound)
        ema = state["ema"]
        # Not torch.lerp: its vectorised and its scalar kernel may round differently.
        return {"ema": torch.addcmul(ema, flat - ema, (1 - decay).unsqueeze(-1))}

    def evaluation_weights(self, flat: Tensor, state: Mapping[str, Tensor]) -> Tensor:  # noqa: ARG002
        """The average, [M, P]."""
        return state["ema"]
