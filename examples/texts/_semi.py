"""Few labels among many digits: an encoder, a classifier on it, an autoencoder around it.

All seeds train side by side: S of them on the first axis of every tensor, each with rows and
weights of its own.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import _draw
import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch import Tensor

import methodic as mt
from methodic.evidence.numbers.statistics import paired, t_interval

LABELS, TEST, BATCH_LABELLED, BATCH_ALL, RATE = 50, 600, 10, 200, 2e-3
SHAPES = {"encoder.0": (64, 64), "encoder.1": (64, 32), "head": (32, 10), "decoder": (32, 64)}


@dataclass(frozen=True)
class Rows:
    """Draws of rows: a few labelled ones, all training rows without labels, test rows."""

    x: Tensor  # [S, labels, 64]
    y: Tensor  # [S, labels]
    unlabelled: Tensor  # [S, training rows, 64]; the labelled ones are among them
    test_x: Tensor
    test_y: Tensor


def rows(seeds: Sequence[int]) -> Rows:
    """The draws of the seeds."""
    inputs, classes = load_digits(return_X_y=True)
    x, y = torch.tensor(inputs / 16, dtype=torch.float32), torch.tensor(classes)
    orders = [torch.randperm(len(x), generator=torch.Generator().manual_seed(s)) for s in seeds]
    order = torch.stack(orders)
    test, training = order[:, :TEST], order[:, TEST:]
    few = training[:, :LABELS]
    return Rows(x[few], y[few], x[training], x[test], y[test])


def _start(seed: int) -> dict[str, Tensor]:
    """Weights and biases uniform within ±1/√inputs."""
    random = torch.Generator().manual_seed(seed)
    return {
        f"{layer}.{kind}": (torch.rand(*shape, generator=random) * 2 - 1) / math.sqrt(inputs)
        for layer, (inputs, outputs) in SHAPES.items()
        for kind, shape in (("weight", (inputs, outputs)), ("bias", (1, outputs)))
    }


class Networks:
    """For each seed an encoder 64-64-32, a head for the classes and a decoder."""

    def __init__(self, seeds: Sequence[int]) -> None:
        starts = [_start(seed) for seed in seeds]
        self.weights = {
            name: torch.stack([each[name] for each in starts]).requires_grad_()
            for name in starts[0]
        }
        self._classify = mt.optimizers.Adam(self._named("encoder", "head"), lr=RATE)
        self._copy = mt.optimizers.Adam(self._named("encoder", "decoder"), lr=RATE)
        self._random = {
            name: torch.Generator().manual_seed(seeds[0]) for name in ("classify", "reconstruct")
        }

    def _named(self, *parts: str) -> list[Tensor]:
        return [value for name, value in self.weights.items() if name.startswith(parts)]

    def _layer(self, name: str, x: Tensor) -> Tensor:
        w = self.weights
        return torch.baddbmm(w[f"{name}.bias"], x, w[f"{name}.weight"])

    def encode(self, x: Tensor) -> Tensor:
        """[S, rows, 64] → [S, rows, 32]."""
        return torch.relu(self._layer("encoder.1", torch.relu(self._layer("encoder.0", x))))

    def classify(self, data: Rows) -> None:
        """An epoch of supervised training, on the labelled rows."""
        for batch in self._order("classify", LABELS, BATCH_LABELLED):
            logits = self._layer("head", self.encode(data.x[:, batch]))
            losses = F.cross_entropy(logits.mT, data.y[:, batch], reduction="none").mean(1)
            _step(self._classify, losses.sum())

    def reconstruct(self, data: Rows) -> None:
        """An epoch of the autoencoder, on all training rows."""
        for batch in self._order("reconstruct", data.unlabelled.shape[1], BATCH_ALL):
            x = data.unlabelled[:, batch]
            logits = self._layer("decoder", self.encode(x))
            losses = F.binary_cross_entropy_with_logits(logits, x, reduction="none").mean((1, 2))
            _step(self._copy, losses.sum())

    def accuracy(self, data: Rows) -> list[float]:
        """Per cent of the test rows, by seed."""
        with torch.no_grad():
            right = self._layer("head", self.encode(data.test_x)).argmax(2) == data.test_y
        return [100 * each for each in right.double().mean(1).tolist()]

    def classifiers(self) -> Tensor:
        """Encoder and head of each seed: [S, weights]."""
        parts = self._named("encoder", "head")
        return torch.cat([each.detach().flatten(1) for each in parts], 1)

    def _order(self, name: str, count: int, batch: int) -> tuple[Tensor, ...]:
        return torch.randperm(count, generator=self._random[name]).split(batch)


def _step(optimizer: torch.optim.Optimizer, loss: Tensor) -> None:
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()


def gains(found: Mapping[str, Sequence[float]]) -> dict[str, float]:
    """Mean accuracies, and what each way has more than the first, with 95% intervals over seeds."""
    first, *others = found
    numbers = {f"{name}: accuracy, %": t_interval(scores).mean for name, scores in found.items()}
    for name in others:
        gain, p = paired(found[name], found[first])
        numbers[f"{name} − {first}, points"] = gain.mean
        if gain.low is not None and gain.high is not None and gain.low < gain.high:
            numbers[f"{name}: from"] = gain.low
            numbers[f"{name}: to"] = gain.high
            numbers[f"{name}: p"] = p
    return numbers


def drawn(title: str, found: Mapping[str, Sequence[float]]) -> str:
    """Means with their intervals over the seeds."""
    shown = []
    for name, scores in found.items():
        each = t_interval(scores)
        assert each.low is not None
        assert each.high is not None
        shown.append(_draw.Span(name, each.mean, each.low, each.high))
    return _draw.spans(title, shown, x="accuracy on test rows, %, and its 95% interval")
