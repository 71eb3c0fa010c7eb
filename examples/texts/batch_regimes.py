"""Full batch, mini-batch, one row at a time: what a step brings, and what a row brings.

The text on best practice calls batch gradient descent both all data at once and many batches, and
says that it is faster than one row at a time. Per step, it is: its gradient is exact. Per row
that is looked at, it is the slowest by far. Softmax regression on 500 of the digits; each regime
has the best of the learning rates 0.01, 0.02, 0.05, … 5, once for the loss after five steps, once
after five epochs.

Run: python examples/texts/batch_regimes.py
"""

from __future__ import annotations

from functools import cache

import _draw
import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch import Tensor

import methodic as mt

ROWS, EPOCHS = 500, 5
# Rows of a batch, best rate for five steps, best rate for five epochs.
REGIMES = {"all rows": (500, 2.0, 2.0), "32 rows": (32, 1.0, 5.0), "one row": (1, 0.05, 0.5)}


def descend(batch: int, rate: float, epochs: int = EPOCHS) -> tuple[list[int], list[float]]:
    """Steps taken, and the loss over all rows after each of them (some, where there are many)."""
    inputs, classes = load_digits(return_X_y=True)
    x, y = torch.tensor(inputs[:ROWS] / 16), torch.tensor(classes[:ROWS])
    w = torch.zeros(64, 10, dtype=torch.float64, requires_grad=True)
    optimizer = mt.optimizers.SGD([w], lr=rate)
    random = torch.Generator().manual_seed(0)
    steps, losses, taken = [0], [_loss(w, x, y)], 0
    for _ in range(epochs):
        for rows in torch.randperm(ROWS, generator=random).split(batch):
            optimizer.zero_grad()
            F.cross_entropy(x[rows] @ w, y[rows]).backward()
            optimizer.step()
            taken += 1
            if batch > 1 or taken <= 20 or taken % 20 == 0:
                steps.append(taken)
                losses.append(_loss(w, x, y))
    return steps, losses


def _loss(w: Tensor, x: Tensor, y: Tensor) -> float:
    return F.cross_entropy(x @ w.detach(), y).item()


@cache
def curves() -> dict[str, tuple[list[int], list[float]]]:
    """Five epochs of each regime at its rate."""
    return {name: descend(batch, rate) for name, (batch, _, rate) in REGIMES.items()}


def numbers() -> dict[str, float]:
    """The loss after as many steps, and after as many rows."""
    found: dict[str, float] = {}
    for name, (batch, rate, _) in REGIMES.items():
        epochs = EPOCHS if batch == ROWS else 1
        found[f"{name}: loss after 5 steps"] = descend(batch, rate, epochs)[1][5]
    for name, (steps, losses) in curves().items():
        found[f"{name}: loss after 5 epochs"] = losses[-1]
        found[f"{name}: steps in 5 epochs"] = steps[-1]
    return found


def picture() -> str:
    """Loss by rows looked at."""
    drawn = [
        _draw.Line(name, [REGIMES[name][0] * s for s in steps], losses)
        for name, (steps, losses) in curves().items()
    ]
    return _draw.lines(
        "Loss by rows", drawn, x="rows looked at", y="training loss", log_x=True, log_y=True
    )


if __name__ == "__main__":
    _draw.command(__doc__, numbers, picture)
