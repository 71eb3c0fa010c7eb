"""The gradient that the text on strategies prints, Σ (y − ŷ)·x, points uphill: it lacks its minus.

Run: python examples/texts/wrong_sign.py
"""

from __future__ import annotations

from functools import cache

import _draw
import torch
from torch import Tensor
from two_weights import RATE, ROUNDS, START, X, Y, loss, paths


def printed(w: Tensor) -> Tensor:
    """∂/∂(w1, w2, b) as printed."""
    error = Y - (X @ w[:2] + w[2])
    return torch.cat([error @ X, error.sum()[None]])


@cache
def climb() -> Tensor:
    """w1, w2, b by θ ← θ − rate · printed gradient: [rounds + 1, 3]."""
    visited = [torch.tensor(START, dtype=torch.float64)]
    for _ in range(ROUNDS):
        visited.append(visited[-1] - RATE * printed(visited[-1]))
    return torch.stack(visited)


def numbers() -> dict[str, float]:
    """Both ends."""
    wrong, right = climb()[-1].abs().tolist(), paths()["gradient descent"][-1].tolist()
    return {
        "as printed: size of w1": wrong[0],
        "as printed: size of w2": wrong[1],
        "as printed: loss": loss(climb()[-1]).item(),
        "with the minus: w1": right[0],
        "with the minus: w2": right[1],
        "with the minus: b": right[2],
    }


def picture() -> str:
    """The loss goes up instead of down."""
    curves = [
        _draw.Line(name, range(ROUNDS + 1), [loss(w).item() for w in visited])
        for name, visited in (
            ("as printed", climb()),
            ("with the minus", paths()["gradient descent"]),
        )
    ]
    return _draw.lines("Loss by rounds", curves, x="rounds", y="loss", log_y=True, floor=1e-12)


if __name__ == "__main__":
    _draw.command(__doc__, numbers, picture)
