"""y = 2x on five points, from the text on large networks: w → 2, b → 0.

Run: python examples/texts/five_points.py
"""

from __future__ import annotations

from functools import cache

import _draw
import torch
from _descent import path
from torch import Tensor

import methodic as mt

X = torch.tensor([1.0, 2.0, 3.0, 4.0, 5.0], dtype=torch.float64)
Y = 2 * X
ROUNDS, RATE = 1000, 0.01
START = (0.5, -0.5)  # w, b: the text draws them


@cache
def visited() -> Tensor:
    """w and b after each round, on the mean squared error: [rounds + 1, 2]."""
    return path(
        lambda w, _: (Y - w[0] * X - w[1]).square().mean(),
        START,
        lambda p: mt.optimizers.SGD(p, lr=RATE),
        ROUNDS,
    )


def numbers() -> dict[str, float]:
    """The end."""
    w, b = visited()[-1].tolist()
    return {"w": w, "b": b}


def picture() -> str:
    """How far both are from their ends: fast in w, slow along the valley."""
    curves = [
        _draw.Line("w − 2", range(ROUNDS + 1), (visited()[:, 0] - 2).abs().tolist()),
        _draw.Line("b", range(ROUNDS + 1), visited()[:, 1].abs().tolist()),
    ]
    return _draw.lines("Distance", curves, x="rounds", y="distance from the end", log_y=True)


if __name__ == "__main__":
    _draw.command(__doc__, numbers, picture)
