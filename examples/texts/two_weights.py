"""y = w1·x1 + w2·x2 + b on two rows, from the text on strategies, by the five optimizers it names.

In both rows x1 is 1, so w1 and b do the same: only their sum is determined. All five go to w1 + b
= 0, w2 = 2; from this start, w1 = 0.05 and b = −0.05.

Run: python examples/texts/two_weights.py
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import _draw
import torch
from _descent import path
from torch import Tensor

import methodic as mt

X = torch.tensor([[1.0, 1.0], [1.0, -1.0]], dtype=torch.float64)
Y = torch.tensor([2.0, -2.0], dtype=torch.float64)
START = (0.1, -0.1, 0.0)  # w1, w2, b
ROUNDS, RATE = 1000, 0.01


def loss(w: Tensor, rows: slice = slice(None)) -> Tensor:
    """Half the sum of squares."""
    return 0.5 * (Y[rows] - (X[rows] @ w[:2] + w[2])).square().sum()


def everything(w: Tensor, step: int) -> Tensor:  # noqa: ARG001
    """Both rows at every step."""
    return loss(w)


def in_turn(w: Tensor, step: int) -> Tensor:
    """One row at a time."""
    return loss(w, slice(step % 2, step % 2 + 1))


Optimizer = Callable[[list[Tensor]], torch.optim.Optimizer]
METHODS: dict[str, tuple[Callable[[Tensor, int], Tensor], Optimizer, int]] = {
    "gradient descent": (everything, lambda p: mt.optimizers.SGD(p, lr=RATE), ROUNDS),
    "one row at a time": (in_turn, lambda p: mt.optimizers.SGD(p, lr=RATE), 2 * ROUNDS),
    "momentum": (everything, lambda p: mt.optimizers.SGD(p, lr=RATE, momentum=0.9), ROUNDS),
    "RMSprop": (everything, lambda p: mt.optimizers.RMSprop(p, lr=RATE), ROUNDS),
    "Adam": (everything, lambda p: mt.optimizers.Adam(p, lr=RATE), ROUNDS),
}


@cache
def paths() -> dict[str, Tensor]:
    """Method → w1, w2, b after each round: [rounds + 1, 3]."""
    found = {}
    for name, (aim, optimizer, steps) in METHODS.items():
        found[name] = path(aim, START, optimizer, steps)[:: steps // ROUNDS]
    return found


def numbers() -> dict[str, float]:
    """Where each method ends."""
    found = {}
    for name, visited in paths().items():
        for symbol, value in zip(("w1", "w2", "b"), visited[-1].tolist(), strict=True):
            found[f"{name}: {symbol}"] = value
    return found


def picture() -> str:
    """The loss of each method."""
    curves = [
        _draw.Line(name, range(ROUNDS + 1), [loss(w).item() for w in visited])
        for name, visited in paths().items()
    ]
    return _draw.lines("Loss by rounds", curves, x="rounds", y="loss", log_y=True, floor=1e-12)


if __name__ == "__main__":
    _draw.command(__doc__, numbers, picture)
