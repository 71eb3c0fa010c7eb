"""Backpropagation by hand, checked against autograd and against finite differences.

A network of 5-4-3 with tanh and cross-entropy. The chain rule, layer by layer from the loss back:

    δ2 = (softmax(z2) − onehot(y)) / rows     ∂W2 = hᵀ·δ2     ∂b2 = Σ δ2
    δ1 = (δ2·W2ᵀ) ⊙ (1 − h²)                  ∂W1 = xᵀ·δ1     ∂b1 = Σ δ1

Run: python examples/texts/finite_differences.py
"""

from __future__ import annotations

import math

import _draw
import torch
import torch.nn.functional as F
from torch import Tensor

STEPS = [10.0 ** (-k / 2) for k in range(2, 25)]


def network(seed: int = 0) -> tuple[list[Tensor], Tensor, Tensor]:
    """Weights W1, b1, W2, b2; 20 rows and their classes."""
    random = torch.Generator().manual_seed(seed)
    shapes = (5, 4), (4,), (4, 3), (3,), (20, 5)
    *weights, x = (torch.randn(s, generator=random, dtype=torch.float64) for s in shapes)
    return weights, x, torch.randint(3, (20,), generator=random)


def loss(weights: list[Tensor], x: Tensor, y: Tensor) -> Tensor:
    """Mean cross-entropy."""
    w1, b1, w2, b2 = weights
    return F.cross_entropy(torch.tanh(x @ w1 + b1) @ w2 + b2, y)


def by_hand(weights: list[Tensor], x: Tensor, y: Tensor, slope: bool = True) -> list[Tensor]:
    """The gradient by the chain rule; ``slope=False`` forgets the activation's derivative."""
    w1, b1, w2, b2 = weights
    h = torch.tanh(x @ w1 + b1)
    d2 = (torch.softmax(h @ w2 + b2, 1) - F.one_hot(y, 3)) / len(y)
    d1 = d2 @ w2.T * (1 - h.square() if slope else 1.0)
    return [x.T @ d1, d1.sum(0), h.T @ d2, d2.sum(0)]


def by_autograd(weights: list[Tensor], x: Tensor, y: Tensor) -> list[Tensor]:
    """The same by torch."""
    leaves = [w.clone().requires_grad_() for w in weights]
    return list(torch.autograd.grad(loss(leaves, x, y), leaves))


def by_differences(weights: list[Tensor], x: Tensor, y: Tensor, h: float = 1e-6) -> list[Tensor]:
    """(J(w + h) − J(w − h)) / 2h, one weight after the other."""
    found = []
    for i, w in enumerate(weights):
        slopes = torch.zeros_like(w)
        for k in range(w.numel()):
            ends = []
            for shift in (h, -h):
                moved = w.clone()
                moved.view(-1)[k] += shift
                ends.append(loss([*weights[:i], moved, *weights[i + 1 :]], x, y))
            slopes.view(-1)[k] = (ends[0] - ends[1]) / (2 * h)
        found.append(slopes)
    return found


def apart(a: list[Tensor], b: list[Tensor]) -> float:
    """‖a − b‖ ÷ ‖b‖ over all weights."""
    one, other = (torch.cat([each.flatten() for each in parts]) for parts in (a, b))
    return ((one - other).norm() / other.norm()).item()


def _digits(a: list[Tensor], b: list[Tensor], most: int) -> int:
    """Decimal digits in which they agree; beyond ``most`` it is rounding that decides."""
    return min(most, math.floor(-math.log10(max(apart(a, b), 1e-300))))


def numbers() -> dict[str, float]:
    """How far the gradients are from each other."""
    weights, x, y = network()
    hand, differences = by_hand(weights, x, y), by_differences(weights, x, y)
    exact = by_autograd(weights, x, y)
    forgotten = by_hand(weights, x, y, slope=False)
    return {
        "weights": sum(w.numel() for w in weights),
        "digits in which hand and autograd agree, at least": _digits(hand, exact, 14),
        "digits in which hand and differences agree, at least": _digits(hand, differences, 8),
        "without the slope of tanh: off by": apart(forgotten, differences),
    }


def picture() -> str:
    """The differences' own error: too wide a step bends, too narrow a one rounds."""
    weights, x, y = network()
    exact = by_autograd(weights, x, y)
    errors = [apart(by_differences(weights, x, y, h), exact) for h in STEPS]
    wrong = apart(by_hand(weights, x, y, slope=False), exact)
    drawn = [
        _draw.Line("finite differences", STEPS, errors),
        _draw.Line("slope of tanh forgotten", [STEPS[0], STEPS[-1]], [wrong, wrong]),
    ]
    return _draw.lines(
        "Error of the gradient", drawn, x="step h", y="relative error", log_x=True, log_y=True
    )


if __name__ == "__main__":
    _draw.command(__doc__, numbers, picture)
