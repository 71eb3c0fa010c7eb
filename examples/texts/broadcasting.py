"""Five errors times five inputs are 25 products, in the code of the text on large networks.

Errors of shape (5,) and inputs of shape (5, 1) broadcast to (5, 5): every error meets every
input. The minus is missing as well, so each round climbs, by the sum over all pairs.

Run: python examples/texts/broadcasting.py
"""

from __future__ import annotations

from functools import cache

import _draw
import torch
from five_points import RATE, ROUNDS, START, X, Y, visited
from torch import Tensor

COLUMN = X[:, None]


def printed(w: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """The steps that are subtracted, as the code computes them; w and b have shape (1,)."""
    difference = Y - (COLUMN @ w + b)
    to_w = (2 / len(COLUMN)) * (difference * COLUMN).sum()
    return to_w, difference.mean()


@cache
def climb() -> list[float]:
    """Size of w after each round."""
    w, b = (torch.tensor([value], dtype=torch.float64) for value in START)
    sizes = [w.abs().item()]
    for _ in range(ROUNDS):
        to_w, to_b = printed(w, b)
        w, b = w - RATE * to_w, b - RATE * to_b
        sizes.append(w.abs().item())
    return sizes


def numbers() -> dict[str, float]:
    """Both ends."""
    errors = Y - COLUMN @ torch.ones(1, dtype=torch.float64)  # (5,) − (5, 1) @ (1,): shape (5,)
    return {
        "errors": errors.numel(),
        "products of errors and inputs": (errors * COLUMN).numel(),
        "as printed: size of w": climb()[-1],
        "standard: w": visited()[-1, 0].item(),
    }


def picture() -> str:
    """Up and away."""
    curves = [
        _draw.Line("as printed", range(ROUNDS + 1), climb()),
        _draw.Line("standard", range(ROUNDS + 1), visited()[:, 0].abs().tolist()),
    ]
    return _draw.lines("Size of w by rounds", curves, x="rounds", y="size of w", log_y=True)


if __name__ == "__main__":
    _draw.command(__doc__, numbers, picture)
