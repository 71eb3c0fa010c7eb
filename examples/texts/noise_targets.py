"""A network of 10-10-1 on targets that are pure noise, from the text on best practice.

1000 rounds of Adam on 1000 rows: the training loss falls, since the network learns its own rows
by heart; on other rows it gets worse than the constant ½, whose error is the variance of the
noise, 1/12.

Run: python examples/texts/noise_targets.py
"""

from __future__ import annotations

from functools import cache

import _draw
import torch
from torch import nn

import methodic as mt

ROWS, ROUNDS, RATE, EVERY = 1000, 1000, 0.01, 20


@cache
def curves(seed: int = 0) -> dict[str, list[float]]:
    """Mean squared error on both halves, every 20 rounds."""
    random = torch.Generator().manual_seed(seed)
    x = torch.rand(2 * ROWS, 10, generator=random)
    y = torch.rand(2 * ROWS, 1, generator=random)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        net = nn.Sequential(nn.Linear(10, 10), nn.ReLU(), nn.Linear(10, 1))
    optimizer = mt.optimizers.Adam(net.parameters(), lr=RATE)
    found: dict[str, list[float]] = {"training rows": [], "other rows": []}
    for step in range(ROUNDS + 1):
        errors = (net(x) - y).square()
        if step % EVERY == 0:
            found["training rows"].append(errors[:ROWS].mean().item())
            found["other rows"].append(errors[ROWS:].mean().item())
        optimizer.zero_grad()
        errors[:ROWS].mean().backward()
        optimizer.step()
    return found


def numbers() -> dict[str, float]:
    """Both ends beside the best that anybody can do."""
    train, other = curves().values()
    return {
        "variance of the targets, 1/12": 1 / 12,
        "training rows: best error": min(train),
        "training rows: error at the end": train[-1],
        "other rows: best error": min(other),
        "other rows: error at the end": other[-1],
    }


def picture() -> str:
    """One falls, the other rises; without the first rounds, which leave a random start."""
    skipped = 3
    rounds = [EVERY * i for i in range(skipped, ROUNDS // EVERY + 1)]
    drawn = [_draw.Line(name, rounds, errors[skipped:]) for name, errors in curves().items()]
    drawn.append(_draw.Line("constant ½", [rounds[0], rounds[-1]], [1 / 12, 1 / 12]))
    return _draw.lines("Error by rounds", drawn, x="rounds", y="mean squared error")


if __name__ == "__main__":
    _draw.command(__doc__, numbers, picture)
