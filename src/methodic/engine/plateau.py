"""Plateau schedules: the learning rate falls when the validation loss no longer does.

The only schedule with a state. It lives in `State.pace` and changes at the plan's evaluations only,
so looking at a run more often changes nothing.

Shapes: M members.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from methodic.engine.parts import Plateau, Stage, State
from methodic.types import FloatArray


def initial(stage: Stage, members: int, device: torch.device) -> dict[str, Tensor]:
    """Turn by turn: the factor on the rate, the best loss and the evaluations since, [M] each."""
    found = {}
    for i, turn in enumerate(stage.turns):
        if turn.plateau is not None:
            found[f"{i}/factor"] = torch.ones(members, dtype=torch.float64, device=device)
            found[f"{i}/best"] = torch.full_like(found[f"{i}/factor"], torch.inf)
            found[f"{i}/waited"] = torch.zeros(members, dtype=torch.int64, device=device)
    return found


def pace(state: State, turn: int) -> Tensor | None:
    """The factor on the learning rate of a turn, [M]; None without a plateau schedule."""
    return state.pace.get(f"{turn}/factor")


def looked(stage: Stage, state: State, losses: FloatArray) -> State:
    """The state after an evaluation whose validation losses are ``losses``, [M].

    As in torch's ReduceLROnPlateau with a relative threshold and no cooldown: after more than
    ``patience`` evaluations without a loss below best × (1 − threshold), the rate is multiplied by
    ``factor``, and the count begins anew. A loss that isn't finite is no improvement.
    """
    if not state.pace:
        return state
    loss = torch.from_numpy(np.asarray(losses, dtype=np.float64)).to(state.flat.device)
    after = dict(state.pace)
    for i, turn in enumerate(stage.turns):
        if turn.plateau is not None:
            parts = (after[f"{i}/{name}"] for name in ("factor", "best", "waited"))
            new = _after(turn.plateau, loss, *parts)
            after.update(zip((f"{i}/factor", f"{i}/best", f"{i}/waited"), new, strict=True))
    return replace(state, pace=after)


def _after(
    plateau: Plateau, loss: Tensor, factor: Tensor, best: Tensor, waited: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    bar = best - plateau.threshold * best.abs()
    better = loss < torch.where(best.isfinite(), bar, best)
    waited = torch.where(better, 0, waited + 1)
    falls = waited > plateau.patience
    lower = torch.maximum(factor * plateau.factor, plateau.minimum)
    return (
        torch.where(falls, lower, factor),
        torch.where(better, loss, best),
        torch.where(falls, 0, waited),
    )
