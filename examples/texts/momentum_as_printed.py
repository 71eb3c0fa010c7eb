"""θ − α∇J(θt) + β∇J(θt−1), from the text on strategies, isn't momentum: it adds the last gradient.

On J = x²/2 with α = 0.1 and β = 0.9 it is x(t+1) = 0.9·x(t) + 0.9·x(t−1), which grows 1.5-fold a
step. The text's step by step version adds β times the *same* gradient, and grows 1.8-fold.

Run: python examples/texts/momentum_as_printed.py
"""

from __future__ import annotations

from functools import cache

import _draw
from _descent import path

import methodic as mt

STEPS, RATE, BETA = 200, 0.1, 0.9


@cache
def printed() -> list[float]:
    """x after each step; the gradient of x²/2 is x."""
    visited, before = [1.0], 0.0
    for _ in range(STEPS):
        gradient = visited[-1]
        visited.append(visited[-1] - RATE * gradient + BETA * before)
        before = gradient
    return visited


@cache
def same_gradient() -> list[float]:
    """The same with this step's gradient in both places."""
    visited = [1.0]
    for _ in range(STEPS):
        visited.append(visited[-1] - RATE * visited[-1] + BETA * visited[-1])
    return visited


@cache
def heavy_ball() -> list[float]:
    """Momentum: a velocity that decays, v ← β·v + g; x ← x − α·v."""
    visited = path(
        lambda x, _: 0.5 * x.square().sum(),
        [1.0],
        lambda p: mt.optimizers.SGD(p, lr=RATE, momentum=BETA),
        STEPS,
    )
    return visited[:, 0].tolist()


def numbers() -> dict[str, float]:
    """Distance from the minimum, 0, after the last step."""
    return {
        "as printed: distance": abs(printed()[-1]),
        "as printed: growth a step": printed()[-1] / printed()[-2],
        "same gradient twice: distance": abs(same_gradient()[-1]),
        "momentum: distance": abs(heavy_ball()[-1]),
        "momentum: largest distance in the last 20 steps": max(map(abs, heavy_ball()[-20:])),
    }


def picture() -> str:
    """Three ways from 1."""
    curves = [
        _draw.Line(name, range(STEPS + 1), [abs(x) for x in visited])
        for name, visited in (
            ("as printed", printed()),
            ("same gradient twice", same_gradient()),
            ("momentum", heavy_ball()),
        )
    ]
    return _draw.lines("Distance", curves, x="steps", y="distance from the minimum", log_y=True)


if __name__ == "__main__":
    _draw.command(__doc__, numbers, picture)
