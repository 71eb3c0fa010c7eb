"""Self-supervision before supervised training, or after it; from the text on methods.

The text trains with labels and then fine-tunes by self-supervision. That moves the encoder under
a head that stays. The usual order first learns from all rows without labels, then fine-tunes with
labels. Same networks, same epochs of each kind, fifty labelled digits; each seed draws rows and
weights anew.

Run: python examples/texts/orders_of_pretraining.py
"""

from __future__ import annotations

from functools import cache

import _draw
from _semi import Networks, drawn, gains, rows

SEEDS, EPOCHS = 20, 40
ORDERS = {
    "labels alone": ("classify",),
    "self-supervised, then labels": ("reconstruct", "classify"),
    "labels, then self-supervised": ("classify", "reconstruct"),
}


@cache
def outcomes(seeds: int = SEEDS, epochs: int = EPOCHS) -> dict[str, list[float]]:
    """Accuracy of each order by seed."""
    data = rows(range(seeds))
    found = {}
    for name, kinds in ORDERS.items():
        networks = Networks(range(seeds))
        for kind in kinds:
            for _ in range(epochs):
                networks.classify(data) if kind == "classify" else networks.reconstruct(data)
        found[name] = networks.accuracy(data)
    return found


def numbers(seeds: int = SEEDS, epochs: int = EPOCHS) -> dict[str, float]:
    """Accuracies and gains."""
    return {"seeds": seeds} | gains(outcomes(seeds, epochs))


def picture() -> str:
    """Means and their intervals."""
    return drawn("Accuracy of three orders", outcomes())


if __name__ == "__main__":
    _draw.command(__doc__, numbers, picture)
