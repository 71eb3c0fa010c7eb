"""g / √(1 + β·g²), from the text on strategies, isn't RMSprop: no average, and a 1 under the root.

For small gradients the root is 1 and the step is plain gradient descent, so flat directions stay
slow; RMSprop divides by the gradient's own running size and moves in all directions alike.

Run: python examples/texts/rmsprop_as_printed.py
"""

from __future__ import annotations

from functools import cache

import _draw
import torch
from _descent import path
from torch import Tensor

import methodic as mt

CURVATURE = torch.tensor([1.0, 1e-4], dtype=torch.float64)  # one steep direction, one flat
STEPS, RATE, BETA = 1000, 0.01, 0.9


@cache
def printed() -> Tensor:
    """Both coordinates after each step: [steps + 1, 2]."""
    visited = [torch.ones(2, dtype=torch.float64)]
    for _ in range(STEPS):
        g = CURVATURE * visited[-1]
        visited.append(visited[-1] - RATE * g / (1 + BETA * g.square()).sqrt())
    return torch.stack(visited)


@cache
def paths() -> dict[str, Tensor]:
    """Method → both coordinates after each step; RMSprop needs a falling rate to come to rest."""

    def loss(w: Tensor, step: int) -> Tensor:  # noqa: ARG001
        return 0.5 * (CURVATURE * w.square()).sum()

    start = [1.0, 1.0]
    return {
        "as printed": printed(),
        "gradient descent": path(loss, start, lambda p: mt.optimizers.SGD(p, lr=RATE), STEPS),
        "RMSprop": path(
            loss,
            start,
            lambda p: mt.optimizers.RMSprop(p, lr=RATE, alpha=0.9),
            STEPS,
            rate=lambda t: 1 - t / STEPS,
        ),
    }


def numbers() -> dict[str, float]:
    """What is left of 1 in the flat direction, and of a huge gradient in one step."""
    found = {f"{name}: left in the flat direction": w[-1, 1].item() for name, w in paths().items()}
    for size in (1e-3, 1e3):
        step = size / (1 + BETA * size**2) ** 0.5
        found[f"as printed: step ÷ rate at a gradient of {size:g}"] = step
    return found


def picture() -> str:
    """The flat direction."""
    curves = [
        _draw.Line(name, range(STEPS + 1), visited[:, 1].abs().tolist())
        for name, visited in paths().items()
    ]
    return _draw.lines("Flat direction", curves, x="steps", y="distance in the flat direction")


if __name__ == "__main__":
    _draw.command(__doc__, numbers, picture)
