"""Linear regression on three rows by stochastic gradient descent, from the text on methods.

Rows (1, 2), (2, 3), (3, 4) with targets 1, 2, 3. Both inputs and the bias depend on each other,
so many planes fit exactly, y = x1 among them; from zeros, descent reaches the one with the
smallest weights. With an exact fit every single row's gradient vanishes, so one row at a time
gets there at a constant rate.

Run: python examples/texts/three_points.py
"""

from __future__ import annotations

from functools import cache

import _draw
import numpy as np
import torch
from _descent import path
from torch import Tensor

import methodic as mt

X = torch.tensor([[1.0, 2.0, 1.0], [2.0, 3.0, 1.0], [3.0, 4.0, 1.0]], dtype=torch.float64)
Y = torch.tensor([1.0, 2.0, 3.0], dtype=torch.float64)
EPOCHS, RATE = 400, 0.06


def one_row(w: Tensor, step: int) -> Tensor:
    """Half the squared error of the rows, each in its turn."""
    row = step % 3
    return 0.5 * (Y[row] - X[row] @ w).square()


@cache
def visited() -> Tensor:
    """w1, w2 and the bias after each epoch: [epochs + 1, 3]."""
    start = [0.0, 0.0, 0.0]
    return path(one_row, start, lambda p: mt.optimizers.SGD(p, lr=RATE), 3 * EPOCHS)[::3]


def numbers() -> dict[str, float]:
    """The weights found, the smallest exact ones, and the errors left."""
    w1, w2, b = visited()[-1].tolist()
    smallest = np.linalg.pinv(X.numpy()) @ Y.numpy()
    worst = (Y - X @ visited()[-1]).abs().max().item()
    return {
        "w1": w1,
        "w2": w2,
        "b": b,
        "w1 of the smallest exact fit": float(smallest[0]),
        "largest error left": worst,
    }


def picture() -> str:
    """The largest error of the three rows."""
    errors = [(Y - X @ w).abs().max().item() for w in visited()]
    curve = _draw.Line("largest error of three rows", range(EPOCHS + 1), errors)
    return _draw.lines("Error by epochs", [curve], x="epochs", y="error", log_y=True, floor=1e-12)


if __name__ == "__main__":
    _draw.command(__doc__, numbers, picture)
