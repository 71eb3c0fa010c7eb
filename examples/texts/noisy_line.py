"""A line through noisy points, y = 3x + 2 + noise, from the text on core techniques.

The noise is uniform on [0, 1], so its mean, ½, belongs to the intercept: it is near 2.5.

Run: python examples/texts/noisy_line.py
"""

from __future__ import annotations

from functools import cache

import _draw
import numpy as np
import torch
from _descent import path
from torch import Tensor

import methodic as mt

ROUNDS, RATE = 1000, 0.3


@cache
def points(seed: int = 0) -> tuple[Tensor, Tensor]:
    """100 inputs and targets."""
    draws = np.random.default_rng(seed)
    x = draws.random(100)
    return torch.tensor(x), torch.tensor(3 * x + 2 + draws.random(100))


@cache
def line(seed: int = 0) -> Tensor:
    """Slope and intercept by gradient descent on the mean squared error."""
    x, y = points(seed)
    return path(
        lambda w, _: (y - w[0] * x - w[1]).square().mean(),
        [0.0, 0.0],
        lambda p: mt.optimizers.SGD(p, lr=RATE),
        ROUNDS,
    )[-1]


def numbers() -> dict[str, float]:
    """Descent beside the closed form."""
    x, y = points()
    slope, intercept = np.polyfit(x.numpy(), y.numpy(), 1)
    found = line()
    return {
        "slope": found[0].item(),
        "intercept": found[1].item(),
        "slope of the least-squares line": float(slope),
        "intercept of the least-squares line": float(intercept),
    }


def picture() -> str:
    """Points and line."""
    x, y = points()
    slope, intercept = line().tolist()
    curves = [
        _draw.Line("100 points", x.tolist(), y.tolist(), dots=True),
        _draw.Line("least squares", [0.0, 1.0], [intercept, intercept + slope]),
    ]
    return _draw.lines("Points and the line found", curves, x="x", y="y")


if __name__ == "__main__":
    _draw.command(__doc__, numbers, picture)
