"""Not convex: where descent ends depends on where it starts.

A curve with two minima, (w² − 1)² + 0.3·w: the deeper one lies on the left, and each start slides
into its own valley. And a small network, 2-2-1 on exclusive or: some starts solve it, others end
on plateaus and in poor minima, with the same method and as much time.

Run: python examples/texts/two_minima.py
"""

from __future__ import annotations

from functools import cache

import _draw
import torch
from _descent import path
from torch import Tensor

import methodic as mt

CURVE_STEPS, CURVE_RATE = 200, 0.05
NETS, STEPS, RATE = 200, 1500, 2.0
X = torch.tensor([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]], dtype=torch.float64)
Y = torch.tensor([0.0, 1.0, 1.0, 0.0], dtype=torch.float64)


def curve(w: Tensor) -> Tensor:
    """Two valleys."""
    return (w.square() - 1).square() + 0.3 * w


@cache
def valleys() -> Tensor:
    """100 starts side by side, and all that follows: [steps + 1, 100]."""
    starts = torch.linspace(-2, 2, 100, dtype=torch.float64)
    return path(
        lambda w, _: curve(w).sum(),  # each start has a gradient of its own
        starts,
        lambda p: mt.optimizers.SGD(p, lr=CURVE_RATE),
        CURVE_STEPS,
    )


def exclusive_or(w: Tensor) -> Tensor:
    """Loss of each network: tanh, two hidden units, cross-entropy; w is [networks, 9]."""
    hidden = torch.tanh(X @ w[:, :4].unflatten(1, (2, 2)) + w[:, None, 4:6])
    logits = (hidden * w[:, None, 6:8]).sum(2) + w[:, 8:]
    return torch.nn.functional.softplus(logits * (1 - 2 * Y)).mean(1)


@cache
def losses() -> Tensor:
    """The loss of 200 networks after training, from normal starts."""
    random = torch.Generator().manual_seed(0)
    starts = torch.randn(NETS, 9, generator=random, dtype=torch.float64)
    visited = path(
        lambda w, _: exclusive_or(w).sum(),
        starts,
        lambda p: mt.optimizers.SGD(p, lr=RATE),
        STEPS,
    )
    return exclusive_or(visited[-1])


def numbers() -> dict[str, float]:
    """How many end where."""
    ends = valleys()[-1]
    return {
        "curve: starts that end in the deeper minimum, of 100": int((ends < 0).sum()),
        "curve: starts that end in the other one": int((ends > 0).sum()),
        "curve: height of the deeper minimum": curve(ends).min().item(),
        "curve: height of the other one": curve(ends).max().item(),
        "networks that solve exclusive or, of 200": int((losses() < 0.1).sum()),
        "networks that don't": int((losses() >= 0.1).sum()),
    }


def picture() -> str:
    """The curve, with starts and ends."""
    across = torch.linspace(-1.6, 1.6, 129, dtype=torch.float64)
    inside = valleys()[0].abs() <= 1.6
    starts, ends = valleys()[0][inside][::6], valleys()[-1]
    low = torch.stack([ends.min(), ends.max()])
    drawn = [
        _draw.Line("two valleys", across.tolist(), curve(across).tolist()),
        _draw.Line("starts", starts.tolist(), curve(starts).tolist(), dots=True),
        _draw.Line("ends", low.tolist(), curve(low).tolist(), dots=True),
    ]
    return _draw.lines("Starts and ends", drawn, x="w", y="height")


if __name__ == "__main__":
    _draw.command(__doc__, numbers, picture)
