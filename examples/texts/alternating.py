"""An epoch of a classifier, an epoch of an autoencoder, in turns; from the text on methods.

There they are two unrelated models, so the second never helps the first: with it or without it,
the classifier ends with the same weights to the bit. They have to share something: here, the
encoder. Fifty labelled digits, 1,197 training rows in all, 600 test rows; each seed draws rows
and weights anew.

Run: python examples/texts/alternating.py
"""

from __future__ import annotations

from functools import cache

import _draw
import torch
from _semi import Networks, drawn, gains, rows

SEEDS, EPOCHS = 20, 40


@cache
def outcomes(seeds: int = SEEDS, epochs: int = EPOCHS) -> tuple[dict[str, list[float]], int]:
    """Accuracy of each way by seed; and how many classifiers the second model left untouched."""
    data = rows(range(seeds))
    alone, unrelated, shared = (Networks(range(seeds)) for _ in range(3))
    second = Networks(range(1000, 1000 + seeds))
    for _ in range(epochs):
        alone.classify(data)
        unrelated.classify(data)
        second.reconstruct(data)
        shared.classify(data)
        shared.reconstruct(data)
    pairs = zip(alone.classifiers(), unrelated.classifiers(), strict=True)
    ways = {"labels alone": alone, "two unrelated models": unrelated, "shared encoder": shared}
    scores = {name: networks.accuracy(data) for name, networks in ways.items()}
    return scores, sum(torch.equal(a, b) for a, b in pairs)


def numbers(seeds: int = SEEDS, epochs: int = EPOCHS) -> dict[str, float]:
    """Accuracies and gains."""
    found, same = outcomes(seeds, epochs)
    counts = {"seeds": seeds, "two unrelated models: classifiers with the same bits": same}
    return counts | gains(found)


def picture() -> str:
    """Means and their intervals."""
    return drawn("Accuracy of three ways", outcomes()[0])


if __name__ == "__main__":
    _draw.command(__doc__, numbers, picture)
