"""An autoencoder of 784-64-32-784, from the text on methods: how well do 32 numbers keep an image?

ReLU inside, sigmoid at the end, binary cross-entropy, Adam at its usual rate, 50 epochs of
batches of 256. Beside it two linear rivals: the mean image, and the 32 principal components.

Run: python examples/texts/autoencoder.py [FOLDER with Fashion-MNIST, else digits are used]
"""

from __future__ import annotations

import argparse
from functools import cache
from pathlib import Path

import _draw
import torch
import torch.nn.functional as F
from _images import folder, images
from torch import Tensor, nn

import methodic as mt

EPOCHS, BATCH, RATE, CODE = 50, 256, 1e-3, 32


def network(pixels: int) -> nn.Sequential:
    """Three layers; the last one answers with logits, whose sigmoid is the image."""
    return nn.Sequential(
        nn.Linear(pixels, 64), nn.ReLU(), nn.Linear(64, CODE), nn.ReLU(), nn.Linear(CODE, pixels)
    )


@cache
def train(
    source: Path | None, epochs: int = EPOCHS, rows: int | None = None
) -> tuple[nn.Sequential, list[float], list[float]]:
    """The network, and the cross-entropy a pixel after each epoch, on training and on test rows."""
    _, training, test = images(source)
    training = training[:rows]
    with torch.random.fork_rng():
        torch.manual_seed(0)
        net = network(training.shape[1])
    optimizer = mt.optimizers.Adam(net.parameters(), lr=RATE)
    random = torch.Generator().manual_seed(0)
    losses: tuple[list[float], list[float]] = ([], [])
    for _ in range(epochs):
        for batch in torch.randperm(len(training), generator=random).split(BATCH):
            optimizer.zero_grad()
            F.binary_cross_entropy_with_logits(net(training[batch]), training[batch]).backward()
            optimizer.step()
        with torch.no_grad():
            for x, found in zip((training, test), losses, strict=True):
                found.append(F.binary_cross_entropy_with_logits(net(x), x).item())
    return net, *losses


def components(training: Tensor, test: Tensor) -> Tensor:
    """Test rows from their 32 principal components."""
    mean = training.mean(0)
    _, directions = torch.linalg.eigh((training - mean).T @ (training - mean))
    axes = directions[:, -CODE:]
    return mean + (test - mean) @ axes @ axes.T


def numbers(
    source: Path | None = None, epochs: int = EPOCHS, rows: int | None = None
) -> dict[str, float]:
    """Errors on test rows."""
    _, training, test = images(source)
    net, on_training, on_test = train(source, epochs, rows)
    with torch.no_grad():
        again = torch.sigmoid(net(test))
    mean = training[:rows].mean(0)
    return {
        "training rows": len(training[:rows]),
        "test rows": len(test),
        "pixels": test.shape[1],
        "cross-entropy a pixel, first epoch": on_test[0],
        "cross-entropy a pixel, last epoch": on_test[-1],
        "the same on training rows": on_training[-1],
        "least that any image could have": F.binary_cross_entropy(test, test).item(),
        "squared error a pixel": F.mse_loss(again, test).item(),
        "squared error of 32 principal components": F.mse_loss(
            components(training[:rows], test), test
        ).item(),
        "squared error of the mean image": (test - mean).square().mean().item(),
    }


def picture(source: Path | None = None, epochs: int = EPOCHS) -> str:
    """Both losses by epochs."""
    _, on_training, on_test = train(source, epochs, None)  # as `numbers` does, so trained once
    passed = range(1, epochs + 1)
    drawn = [_draw.Line("training rows", passed, on_training)]
    drawn.append(_draw.Line("test rows", passed, on_test))
    return _draw.lines("Loss by epochs", drawn, x="epochs", y="cross-entropy a pixel")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=folder())
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    parser.add_argument("--picture", metavar="FILE", type=Path)
    arguments = parser.parse_args()
    print(images(arguments.folder)[0])
    _draw.report(numbers(arguments.folder, arguments.epochs))
    if arguments.picture:
        arguments.picture.write_text(picture(arguments.folder, arguments.epochs), encoding="utf-8")
