"""Batches whose rows are damaged: parts cut out, noise on inputs, wrong labels.

Shapes: M members, B rows, D columns, T targets; images are [C, H, W].
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from methodic.regularizers.mixing import Shape, box, partners
from methodic.rng import Noise
from methodic.types import Batch


@dataclass(frozen=True)
class Cutout:
    """Sets a part of each row to the middle: 0 of standardised inputs, an image's means otherwise.

    Of an image, a box with the sides √share of the image's, its centre anywhere, so that it may
    reach over the edge; of a table, each number with probability ``share``. Categories stay.

    Args:
        path: of the regularizer in the recipe; ``path + ".share"`` is in (0, 1).
        columns: name of an input of numbers → its columns; arrays without a shape count by
            elements.
        shape: of the images that the input "array" holds.
        means: of their channels, where these aren't standardised yet.

    Source: DeVries and Taylor 2017.
    """

    path: str
    columns: Mapping[str, int]
    shape: Shape | None = None
    means: tuple[float, ...] = ()

    def noise(self, rows: int) -> dict[str, Noise]:
        """The random numbers of a batch of ``rows`` rows."""
        found = {f"{self.path}/{n}": Noise((rows, d), "short") for n, d in self.columns.items()}
        if self.shape is not None:
            found[f"{self.path}/center"] = Noise((rows, 2))
        return found

    def __call__(
        self, batch: Batch, noise: Mapping[str, Tensor], numbers: Mapping[str, Tensor]
    ) -> Batch:
        """The batch with holes."""
        share, inputs = numbers[f"{self.path}.share"], dict(batch.inputs)
        for name in self.columns:
            x = batch.inputs[name]
            # 16 random bits: a share that rounds up to 1 would leave them.
            least = (share * 65536.0 - 32768.0).round().clamp(max=32767.0).view(-1, 1, 1)
            kept = noise[f"{self.path}/{name}"].to(torch.float32) >= least
            inputs[name] = x * kept.reshape(x.shape).to(x.dtype)
        if self.shape is not None:
            x, (_, height, width) = batch.inputs["array"], self.shape
            center, side = noise[f"{self.path}/center"], torch.sqrt(share).unsqueeze(-1)
            down, across = box(center[..., 0], side, height), box(center[..., 1], side, width)
            kept = 1 - (down.unsqueeze(-1) * across.unsqueeze(-2)).unsqueeze(2)
            holed = x.reshape(*x.shape[:2], *self.shape) * kept
            if self.means:
                middle = torch.tensor(self.means, device=x.device).view(-1, 1, 1)
                holed = torch.addcmul(holed, 1 - kept, middle)
            inputs["array"] = holed.reshape(x.shape)
        return replace(batch, inputs=inputs)


@dataclass(frozen=True)
class InputNoise:
    """x ← x + deviation · N(0, 1), for numeric inputs.

    Args:
        path: of the regularizer in the recipe; ``path + ".deviation"`` > 0.
        columns: name of an input of numbers → its columns.
        spread: of each channel of images that aren't standardised yet: the noise is in these units.

    Source: Bishop 1995.
    """

    path: str
    columns: Mapping[str, int]
    spread: tuple[float, ...] = ()

    def noise(self, rows: int) -> dict[str, Noise]:
        """The random numbers of a batch of ``rows`` rows."""
        return {f"{self.path}/{n}": Noise((rows, d), "normal") for n, d in self.columns.items()}

    def __call__(
        self, batch: Batch, noise: Mapping[str, Tensor], numbers: Mapping[str, Tensor]
    ) -> Batch:
        """The noisy batch."""
        deviation, inputs = numbers[f"{self.path}.deviation"], dict(batch.inputs)
        for name in self.columns:
            x = batch.inputs[name]
            wide = deviation.reshape(-1, *[1] * (x.ndim - 1))
            if name == "array" and self.spread:
                wide = wide * torch.tensor(self.spread, device=x.device).view(-1, 1, 1)
            inputs[name] = torch.addcmul(x, noise[f"{self.path}/{name}"].reshape(x.shape), wide)
        return replace(batch, inputs=inputs)


@dataclass(frozen=True)
class Swap:
    """Each cell of a row comes from another row of its batch with probability ``share``.

    So a damaged row has values that occur, each column by itself. Arrays count by elements.

    Args:
        path: of the regularizer in the recipe, or of the objective; ``number`` is in (0, 1].
        columns: cells of a row.
        number: path of the Number that holds the share.

    Source: Bahri et al. 2021 (arXiv 2106.15147); "swap noise": Jahrer 2017.
    """

    path: str
    columns: int
    number: str

    def noise(self, rows: int) -> dict[str, Noise]:
        """The random numbers of a batch of ``rows`` rows."""
        shape = (rows, self.columns)
        return {f"{self.path}/whether": Noise(shape), f"{self.path}/which": Noise(shape)}

    def __call__(
        self, batch: Batch, noise: Mapping[str, Tensor], numbers: Mapping[str, Tensor]
    ) -> Batch:
        """The batch with exchanged cells."""
        whether, which = noise[f"{self.path}/whether"], noise[f"{self.path}/which"]
        inputs, _ = exchanged(batch.inputs, whether, which, numbers[self.number])
        return replace(batch, inputs=inputs)


def exchanged(
    inputs: Mapping[str, Tensor], whether: Tensor, which: Tensor, share: Tensor
) -> tuple[dict[str, Tensor], Tensor]:
    """Rows some of whose cells come from other rows.

    Args:
        inputs: name → [M, B, …]; cells are numeric columns, the array's elements, categorical
            columns, in this order.
        whether, which: uniform in [0, 1), [M, B, cells].
        share: of the cells that are exchanged, [M].

    Returns:
        The inputs, and 1 where a cell now holds something else, float32 [M, B, cells]: in a
        column of few values, the other row's may be the same.
    """
    rows = whether.shape[1]
    source = (which * rows).to(torch.int64).clamp(max=rows - 1)
    mask, found, start = whether < share.view(-1, 1, 1), dict(inputs), 0
    changed = []
    for name in ("numeric", "array", "categorical"):
        if name in inputs:
            flat = inputs[name].flatten(2)
            here = slice(start, start + flat.shape[2])
            moved = torch.where(mask[..., here], flat.gather(1, source[..., here]), flat)
            found[name] = moved.reshape(inputs[name].shape)
            changed.append((moved != flat).to(torch.float32))
            start = here.stop
    return found, changed[0] if len(changed) == 1 else torch.cat(changed, -1)


@dataclass(frozen=True)
class LabelNoise:
    """Wrong targets: another class with probability ``amount``; or numbers with that much noise.

    All other classes are equally likely. Of numbers, ``amount`` is the noise's standard deviation,
    in those of the target. Where rows are mixed already, both their targets become noisy, just as
    if the noise had come first.

    Args:
        path: of the regularizer in the recipe; ``path + ".amount"`` is in (0, 1).
        outputs: classes, or predicted numbers.

    Source: Xie et al. 2016 (classes).
    """

    path: str
    outputs: int

    def noise(self, rows: int) -> dict[str, Noise]:
        """The random numbers of a batch of ``rows`` rows."""
        return {
            f"{self.path}/classes": Noise((rows, 2)),
            f"{self.path}/numbers": Noise((rows, self.outputs), "normal"),
        }

    def __call__(
        self, batch: Batch, noise: Mapping[str, Tensor], numbers: Mapping[str, Tensor]
    ) -> Batch:
        """The batch with noisy targets."""
        classes, normal = noise[f"{self.path}/classes"], noise[f"{self.path}/numbers"]
        amount = numbers[f"{self.path}.amount"]
        target = self._noisy(batch.target, classes, normal, amount)
        other = batch.other
        if other is not None:
            other = self._noisy(other, partners(classes), partners(normal), amount)
        return replace(batch, target=target, other=other)

    def _noisy(self, target: Tensor, classes: Tensor, normal: Tensor, amount: Tensor) -> Tensor:
        if target.is_floating_point():
            shift = normal[..., : target.shape[-1]]
            return torch.addcmul(target, shift, amount.view(-1, 1, 1))
        away = 1 + (classes[..., 1] * (self.outputs - 1)).to(torch.int64)  # 1 … C − 1
        moved = target + away
        moved = torch.where(moved >= self.outputs, moved - self.outputs, moved)
        return torch.where(classes[..., 0] < amount.unsqueeze(-1), moved, target)
