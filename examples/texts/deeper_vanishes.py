"""Gradients by depth: a deeper network makes vanishing worse, and what does help.

The text on large networks says that depth eases vanishing gradients. Each layer multiplies the
gradient by its weights and by its activation's slope; the product of fifty factors below 1 is
nothing, of fifty above 1 too much. Initialization that keeps the product near 1 helps, and so
does batch normalization.

Run: python examples/texts/deeper_vanishes.py
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

import _draw
import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits

from methodic.models.mlp import MLP, Inputs
from methodic.models.parts.initialization import initial_buffers, initial_parameters
from methodic.types import Pass

WIDTH, ROWS, SEEDS = 64, 256, 5
DEPTHS = (2, 5, 10, 20, 30, 50)


class Network(NamedTuple):
    """What decides the product of factors."""

    activation: str
    initialization: str
    normalization: str = "none"
    scale: float = 1.0  # of all initial weights


NETWORKS = {
    "sigmoid, Xavier": Network("sigmoid", "xavier_normal"),
    "ReLU, deviation 0.01": Network("relu", "normal"),
    "tanh, Xavier": Network("tanh", "xavier_normal"),
    "ReLU, Kaiming": Network("relu", "kaiming_normal"),
    "ReLU, 1.5 × Kaiming": Network("relu", "kaiming_normal", scale=1.5),
    "sigmoid, batch norm": Network("sigmoid", "xavier_normal", "batch"),
}


def first_gradient(network: Network, depth: int, seeds: Sequence[int] = range(SEEDS)) -> float:
    """Norm of the loss's gradient by the first hidden layer's weights; the median of the seeds."""
    model = MLP(
        Inputs(numeric=64),
        outputs=10,
        width=WIDTH,
        depth=depth,
        activation=network.activation,
        normalization=network.normalization,
        initialization=network.initialization,
    )
    inputs, classes = load_digits(return_X_y=True)
    x = torch.tensor((inputs[:ROWS] - inputs.mean()) / inputs.std(), dtype=torch.float64)
    weights = {
        # Wide numbers: fifty small factors leave the range of float32.
        name: (value * (network.scale if value.ndim == 3 else 1.0)).double().requires_grad_()
        for name, value in initial_parameters(model.parameters(), seeds).items()
    }
    buffers = {
        name: value.double() for name, value in initial_buffers(model.buffers(), len(seeds)).items()
    }
    run = Pass(weights, buffers, {}, {}, training=True)
    logits = model(run, {"numeric": x.expand(len(seeds), -1, -1)})
    y = torch.tensor(classes[:ROWS]).repeat(len(seeds))
    loss = F.cross_entropy(logits.flatten(0, 1), y, reduction="sum") / ROWS
    (gradient,) = torch.autograd.grad(loss, [weights["hidden.0.weight"]])
    return gradient.flatten(1).norm(dim=1).median().item()


@cache
def curves() -> dict[str, list[float]]:
    """Network → the norm at each depth."""
    return {
        name: [first_gradient(network, depth) for depth in DEPTHS]
        for name, network in NETWORKS.items()
    }


def numbers() -> dict[str, float]:
    """Gradients at both ends of the depths."""
    found: dict[str, float] = {}
    for name, norms in curves().items():
        found[f"{name}: {DEPTHS[0]} layers"] = norms[0]
        found[f"{name}: {DEPTHS[-1]} layers"] = norms[-1]
    return found


def picture() -> str:
    """The norm by depth."""
    drawn = [_draw.Line(name, DEPTHS, norms) for name, norms in curves().items()]
    return _draw.lines(
        "Gradients by depth",
        drawn,
        x="hidden layers",
        y="gradient at the first layer",
        log_y=True,
        floor=1e-20,
    )


if __name__ == "__main__":
    _draw.command(__doc__, numbers, picture)
