"""A gradient without its factor x, and a model without its bias, from the text on core techniques.

Descent with mean(ŷ − y) stops where the means agree: at θ = mean(y)/mean(x), near 8, and not at
3.

Run: python examples/texts/missing_factor.py
"""

from __future__ import annotations

from functools import cache

import _draw
from noisy_line import line, points
from torch import Tensor

ROUNDS, RATE = 1000, 0.01


@cache
def printed() -> list[float]:
    """θ after each round."""
    x, y = points()
    theta, visited = 0.5, [0.5]
    for _ in range(ROUNDS):
        theta -= RATE * (theta * x - y).mean().item()
        visited.append(theta)
    return visited


def _error(prediction: Tensor) -> float:
    return (prediction - points()[1]).square().mean().item()


def numbers() -> dict[str, float]:
    """Where θ goes, and how well it predicts."""
    x, y = points()
    theta, (slope, intercept) = printed()[-1], line().tolist()
    return {
        "as printed: θ": theta,
        "mean(y) / mean(x)": (y.mean() / x.mean()).item(),
        "as printed: mean squared error": _error(theta * x),
        "least squares: slope": slope,
        "least squares: mean squared error": _error(slope * x + intercept),
    }


def picture() -> str:
    """Both lines among the points."""
    x, y = points()
    theta, (slope, intercept) = printed()[-1], line().tolist()
    curves = [
        _draw.Line("100 points", x.tolist(), y.tolist(), dots=True),
        _draw.Line("least squares", [0.0, 1.0], [intercept, intercept + slope]),
        _draw.Line("as printed", [0.0, 1.0], [0.0, theta]),
    ]
    return _draw.lines("Two lines among the points", curves, x="x", y="y")


if __name__ == "__main__":
    _draw.command(__doc__, numbers, picture)
