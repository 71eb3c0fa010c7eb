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


@dataclass(frozen=True)
class SWA:
    """Stochastic weight averaging: the plain mean of the weights of the last part of a stage.

    The weights after steps start + 1, start + 1 + every, start + 1 + 2·every, … count alike: the
    n-th of them moves the mean by (w − mean) / n. Until then the average is the weights themselves.

    Args:
        start: steps before the first weights that count, ≥ 0.
        every: steps between them, ≥ 1.

    State: ``swa``, [M, P]; ``start``, [M, 1]: not a constant, so that machine code doesn't depend
    on how long a stage is.

    Source: Izmailov et al. 2018.
    """

    start: int
    every: int = 1

    def initial(self, flat: Tensor) -> dict[str, Tensor]:
        """The initial weights."""
        start = torch.full((flat.shape[0], 1), float(self.start), device=flat.device)
        return {"swa": flat.clone(), "start": start}

    def update(
        self,
        flat: Tensor,
        state: Mapping[str, Tensor],
        numbers: Mapping[str, Tensor],  # noqa: ARG002
        step: int | Tensor,
    ) -> dict[str, Tensor]:
        """State after the ``step``-th optimizer step (from 1): one for all, or of each member."""
        start, mean = state["start"], state["swa"]
        now = step.to(start).unsqueeze(-1) if isinstance(step, Tensor) else float(step)
        late = now - start - 1.0  # steps since the first weights that count
        rounds = torch.floor(late / self.every)
        share = torch.where(late == rounds * self.every, 1.0 / (rounds + 1.0).clamp(min=1.0), 0.0)
        moved = torch.addcmul(mean, flat - mean, share.to(flat))
        return {"swa": torch.where(late <= 0, flat, moved), "start": start.clone()}

    def evaluation_weights(self, flat: Tensor, state: Mapping[str, Tensor]) -> Tensor:  # noqa: ARG002
        """The mean, [M, P]."""
        return state["swa"]
