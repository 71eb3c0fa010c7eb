"""Adam without its corrections, as two of the texts print it.

Both averages start at 0, so at first they are too small: the mean by 1 − β1ᵗ, the mean square by
1 − β2ᵗ. The text on strategies corrects neither and adds ε under the root; the text on core
techniques corrects the mean alone.

Run: python examples/texts/adam_without_correction.py
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache, partial
from itertools import pairwise

import _draw
import torch
from _descent import path

import methodic as mt

BETA1, BETA2, EPSILON = 0.9, 0.999, 1e-8
STEPS = 3000


def printed(
    gradient: Callable[[float], float], x: float, rate: float, steps: int, mean_corrected: bool
) -> list[float]:
    """x after each step, by one of the two printed rules."""
    visited, m, v = [x], 0.0, 0.0
    for t in range(1, steps + 1):
        g = gradient(visited[-1])
        m, v = BETA1 * m + (1 - BETA1) * g, BETA2 * v + (1 - BETA2) * g * g
        if mean_corrected:
            step = m / (1 - BETA1**t) / (math.sqrt(v) + EPSILON)
        else:
            step = m / math.sqrt(v + EPSILON)
        visited.append(visited[-1] - rate * step)
    return visited


@cache
def standard(slope: float, curvature: float, x: float, rate: float, steps: int) -> list[float]:
    """x after each step by Methodic's Adam, on slope·x + curvature·x²/2."""
    visited = path(
        lambda w, _: (slope * w + 0.5 * curvature * w.square()).sum(),
        [x],
        partial(_adam, rate=rate),
        steps,
    )
    return visited[:, 0].tolist()


def _adam(parameters: list[torch.Tensor], rate: float) -> torch.optim.Optimizer:
    return mt.optimizers.Adam(parameters, rate, beta1=BETA1, beta2=BETA2, epsilon=EPSILON)


def step_sizes(steps: int = STEPS) -> dict[str, list[float]]:
    """Each step's size ÷ learning rate, where the gradient is always 1."""
    runs = {
        "neither corrected": printed(lambda _: 1.0, 0.0, 1.0, steps, False),
        "mean alone corrected": printed(lambda _: 1.0, 0.0, 1.0, steps, True),
        "both: Adam": [-t for t in range(steps + 1)],
    }
    return {name: [a - b for a, b in pairwise(x)] for name, x in runs.items()}


def numbers() -> dict[str, float]:
    """First steps, the worst overshoot of a minimum, and steps at tiny gradients."""
    sizes = step_sizes(1)
    found = {f"{name}: first step ÷ rate": each[0] for name, each in sizes.items()}
    found["both: Adam: first step ÷ rate"] = -standard(1.0, 0.0, 0.0, 1.0, 1)[1]
    valley = {
        "neither corrected": printed(lambda x: x, 1.0, 0.1, 200, False),
        "mean alone corrected": printed(lambda x: x, 1.0, 0.1, 200, True),
        "both: Adam": standard(0.0, 1.0, 1.0, 0.1, 200),
    }
    for name, visited in valley.items():
        found[f"{name}: furthest beyond the minimum of x²/2, from 1"] = -min(visited)
    tiny = 1e-6
    found["neither corrected: way in 200 steps at gradients of 10⁻⁶, ÷ rate"] = -printed(
        lambda _: tiny, 0.0, 1.0, 200, False
    )[-1]
    found["both: Adam: way in 200 steps at gradients of 10⁻⁶, ÷ rate"] = -standard(
        tiny, 0.0, 0.0, 1.0, 200
    )[-1]
    return found


def picture() -> str:
    """Step sizes at a constant gradient."""
    curves = [_draw.Line(name, range(1, STEPS + 1), sizes) for name, sizes in step_sizes().items()]
    return _draw.lines(
        "Step size by step", curves, x="steps", y="step ÷ learning rate", log_x=True, log_y=True
    )


if __name__ == "__main__":
    _draw.command(__doc__, numbers, picture)
