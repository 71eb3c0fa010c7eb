"""Batches whose rows are mixed with each other: mixup and CutMix.

A row's partner is the next row of its batch, and the last row's the first; so batches come in a
shuffled order, also where each of them is all rows (``partnered``). Shapes: M members, B rows,
D columns; images are [C, H, W].
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar

import torch
from torch import Tensor

from methodic.models.parts.activations import aligned
from methodic.rng import Noise
from methodic.types import Batch

Shape = tuple[int, int, int]


def symmetric_beta(uniform: Tensor, normals: Tensor, alpha: Tensor) -> Tensor:
    """Draws from Beta(alpha, alpha), exactly and without rejection.

    With U uniform and C the cosine of a uniform angle, t = √(U^(−1/α) − 1) · C is distributed like
    √(1/2α) times Student's t with 2α degrees of freedom, and ½ + t / (2√(1 + t²)) like
    Beta(α, α). Multiplying by q = U^(1/α) keeps everything finite, and the smaller of the two
    shares is computed as such, so that it isn't rounded to 0.

    Args:
        uniform: in [0, 1), [M, 1].
        normals: two of them give the angle, [M, 2].
        alpha: > 0, [M].

    Returns:
        In [0, 1], [M, 1].

    Source: Bailey 1994 (t); Devroye 1996 (symmetric beta).
    """
    q = aligned(torch.exp, aligned(torch.log, 1 - uniform) / alpha.unsqueeze(-1))
    q = q.clamp(min=torch.finfo(q.dtype).tiny)
    squares = normals * normals
    cosine = squares[:, :1] / (squares[:, :1] + squares[:, 1:] + 1e-30)  # its square
    along = (1 - q) * cosine
    whole = q + along
    smaller = 0.5 * (q / whole) / (1 + torch.sqrt(along / whole))
    return torch.where(normals[:, :1] < 0, smaller, 1 - smaller)


def partners(x: Tensor) -> Tensor:
    """Each row's partner: [M, B, …], one row on."""
    return torch.cat([x[:, 1:], x[:, :1]], 1)


def box(center: Tensor, side: Tensor, length: int) -> Tensor:
    """1 for the pixels of an axis whose centres lie in a box, else 0: […, length].

    Args:
        center: in [0, 1], […].
        side: of the box, in [0, 1], […].
        length: pixels of the axis.
    """
    pixel = (torch.arange(length, device=center.device, dtype=center.dtype) + 0.5) / length
    away = (pixel - center.unsqueeze(-1)).abs()
    return (away < 0.5 * side.unsqueeze(-1)).to(center.dtype)


def _mixed(batch: Batch, inputs: dict[str, Tensor], share: Tensor) -> Batch:
    """The batch with other inputs, and its own targets counting ``share``.

    Where rows weigh, each target counts by its own row's weight: w = share·r + (1 − share)·r' of
    the mixed row, of which its first target has share·r / w.
    """
    weight = batch.weight
    if weight is not None:
        own, weight = share * weight, _blend(weight, partners(weight), share)
        share = (own / weight.clamp(min=torch.finfo(weight.dtype).tiny)).clamp(max=1.0)
    return replace(batch, inputs=inputs, other=partners(batch.target), share=share, weight=weight)


def _blend(own: Tensor, other: Tensor, share: Tensor) -> Tensor:
    return torch.addcmul(other, own - other, share)


@dataclass(frozen=True)
class Mixup:
    """x ← λ·x + (1 − λ)·x', and the loss is λ·loss(y) + (1 − λ)·loss(y'), with a row's partner.

    One λ ~ Beta(alpha, alpha) for each batch and member. A category can't be mixed: each is the
    row's own with probability λ and else its partner's.

    Args:
        path: of the regularizer in the recipe; ``path + ".alpha"`` > 0.
        categorical: number of categorical columns.

    Source: Zhang et al. 2018.
    """

    partnered: ClassVar[bool] = True

    path: str
    categorical: int = 0

    def noise(self, rows: int) -> dict[str, Noise]:
        """The random numbers of a batch of ``rows`` rows."""
        found = _share_noise(self.path)
        if self.categorical:
            found[f"{self.path}/categories"] = Noise((rows, self.categorical))
        return found

    def __call__(
        self, batch: Batch, noise: Mapping[str, Tensor], numbers: Mapping[str, Tensor]
    ) -> Batch:
        """The mixed batch."""
        share = _share(self.path, noise, numbers)
        inputs = {}
        for name, x in batch.inputs.items():
            wide = share.reshape(-1, *[1] * (x.ndim - 1))
            if x.is_floating_point():
                inputs[name] = _blend(x, partners(x), wide)
            else:
                own = noise[f"{self.path}/categories"] < wide
                inputs[name] = torch.where(own, x, partners(x))
        return _mixed(batch, inputs, share)


@dataclass(frozen=True)
class CutMix:
    """A part of each row comes from its partner, and the targets count by what each one gave.

    λ ~ Beta(alpha, alpha) for each batch and member. Of an image, a box with the sides √(1 − λ) of
    the image's is replaced, its centre anywhere; of a table, each column with probability 1 − λ.
    The share of a row's own target is the share of pixels and columns that are its own.

    Args:
        path: of the regularizer in the recipe; ``path + ".alpha"`` > 0.
        columns: name of an input → its columns; arrays without a shape count by elements.
        shape: of the images that the input "array" holds.

    Source: Yun et al. 2019; columns: Kadra et al. 2021 (tables).
    """

    partnered: ClassVar[bool] = True

    path: str
    columns: Mapping[str, int]
    shape: Shape | None = None

    def noise(self, rows: int) -> dict[str, Noise]:  # noqa: ARG002
        """The random numbers of a batch."""
        found = _share_noise(self.path)
        for name, count in self.columns.items():
            found[f"{self.path}/{name}"] = Noise((count,))
        if self.shape is not None:
            found[f"{self.path}/center"] = Noise((2,))
        return found

    def __call__(
        self, batch: Batch, noise: Mapping[str, Tensor], numbers: Mapping[str, Tensor]
    ) -> Batch:
        """The mixed batch."""
        share = _share(self.path, noise, numbers)
        inputs, own, total = dict(batch.inputs), torch.zeros_like(share), 0
        for name, count in self.columns.items():
            x = batch.inputs[name]
            kept = noise[f"{self.path}/{name}"] < share
            whole = kept.reshape(-1, 1, *x.shape[2:])
            inputs[name] = torch.where(whole, x, partners(x))
            own, total = own + kept.to(share.dtype).sum(1, keepdim=True), total + count
        if self.shape is not None:
            x, (_, height, width) = batch.inputs["array"], self.shape
            images = x.reshape(*x.shape[:2], *self.shape)
            side = torch.sqrt(1 - share).squeeze(-1)
            center = noise[f"{self.path}/center"]
            down, across = box(center[:, 0], side, height), box(center[:, 1], side, width)
            cut = (down.unsqueeze(-1) * across.unsqueeze(-2)).reshape(-1, 1, 1, height, width)
            inputs["array"] = torch.where(cut > 0, partners(images), images).reshape(x.shape)
            area = down.sum(1, keepdim=True) * across.sum(1, keepdim=True)
            own, total = own + (height * width - area), total + height * width
        return _mixed(batch, inputs, own / total)


def _share_noise(path: str) -> dict[str, Noise]:
    return {f"{path}/share": Noise((1,)), f"{path}/sides": Noise((2,), "normal")}


def _share(path: str, noise: Mapping[str, Tensor], numbers: Mapping[str, Tensor]) -> Tensor:
    return symmetric_beta(noise[f"{path}/share"], noise[f"{path}/sides"], numbers[f"{path}.alpha"])
