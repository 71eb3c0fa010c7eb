"""Batches of images in other light, and RandAugment.

Both take numbers from 0 to 1 and give such back. What happens to a row is drawn at its member's own
sites, and no row knows of another.

Shapes: M members, B rows, C channels, H × W places, R rows of one operation.

Sources: RandAugment: Cubuk et al. 2019 (arXiv 1909.13719).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

import torch
import torch.nn.functional as F
from torch import Tensor

from methodic.regularizers.augmentation import affine, images_of, with_images
from methodic.regularizers.mixing import Shape
from methodic.rng import Noise
from methodic.types import Batch

_GREY = (0.299, 0.587, 0.114)  # how bright red, green and blue look


def grey(x: Tensor) -> Tensor:
    """How bright each place looks, the mean where there aren't three channels: [R, 1, H, W]."""
    parts = torch.split(x, 1, 1)
    shares = _GREY if len(parts) == 3 else (1 / len(parts),) * len(parts)
    total: Tensor = parts[0] * shares[0]
    for part, share in zip(parts[1:], shares[1:], strict=True):
        total = total + part * share
    return total


def brightness(x: Tensor, factor: Tensor) -> Tensor:
    """Every number times a row's factor: [R, C, H, W], [R]."""
    return (x * factor.view(-1, 1, 1, 1)).clamp(0, 1)


def contrast(x: Tensor, factor: Tensor) -> Tensor:
    """Away from the image's mean brightness, or towards it: [R, C, H, W], [R]."""
    mean = grey(x).flatten(1).mean(1).view(-1, 1, 1, 1)
    return _away(x, mean, factor)


def saturation(x: Tensor, factor: Tensor) -> Tensor:
    """Away from grey, or towards it: [R, C, H, W], [R]."""
    return _away(x, grey(x), factor)


def _away(x: Tensor, origin: Tensor, factor: Tensor) -> Tensor:
    return (origin + (x - origin) * factor.view(-1, 1, 1, 1)).clamp(0, 1)


@dataclass(frozen=True)
class Colour:
    """Each image brighter or darker, with more contrast or less, more colourful or less.

    Three factors from 1 − strength to 1 + strength, in this order.

    Args:
        path: of the regularizer in the recipe; ``path + ".strength"`` is in (0, 1).
        shape: of the images.
    """

    path: str
    shape: Shape

    def noise(self, rows: int) -> dict[str, Noise]:
        """The random numbers of a batch of ``rows`` rows."""
        return {f"{self.path}/factors": Noise((rows, 3))}

    def __call__(
        self, batch: Batch, noise: Mapping[str, Tensor], numbers: Mapping[str, Tensor]
    ) -> Batch:
        """The batch with images in other light."""
        x = images_of(batch, self.shape)
        strength = numbers[f"{self.path}.strength"].view(-1, 1, 1)
        factors = (1 + (2 * noise[f"{self.path}/factors"] - 1) * strength).flatten(0, 1)
        flat = brightness(x.flatten(0, 1), factors[:, 0])
        flat = contrast(flat, factors[:, 1])
        if self.shape[0] == 3:
            flat = saturation(flat, factors[:, 2])
        return with_images(batch, flat.view(x.shape))


def autocontrast(x: Tensor, _: Tensor) -> Tensor:
    """Each channel stretched to reach from 0 to 1; one that is all alike stays."""
    flat = x.flatten(2)
    low, high = flat.amin(2)[..., None, None], flat.amax(2)[..., None, None]
    wide = high > low
    return torch.where(wide, (x - low) / torch.where(wide, high - low, 1.0), x)


def equalize(x: Tensor, _: Tensor) -> Tensor:
    """Each channel with all of 256 levels about equally frequent."""
    levels = (x * 255).round().to(torch.int64).flatten(2)
    counts = torch.zeros(*levels.shape[:2], 256, dtype=torch.int64, device=x.device)
    counts.scatter_add_(2, levels, torch.ones_like(levels))
    below = counts.cumsum(2) - counts
    most = levels.shape[2] - counts.gather(2, levels.amax(2, keepdim=True))
    spread = below.to(x.dtype) / most.clamp(min=1).to(x.dtype)
    return torch.where(most.unsqueeze(-1) > 0, spread.gather(2, levels).view(x.shape), x)


def posterize(x: Tensor, amount: Tensor) -> Tensor:
    """Only the upper bits of each number: 8 down to 4 of them."""
    powers = torch.tensor([1.0, 2.0, 4.0, 8.0, 16.0], device=x.device)  # pow would round them
    step = powers[(amount.abs() * 4).round().to(torch.int64)].view(-1, 1, 1, 1)
    return torch.floor((x * 255).round() / step) * step / 255


def solarize(x: Tensor, amount: Tensor) -> Tensor:
    """What is brighter than 1 − amount turned round."""
    limit = (1 - amount.abs()).view(-1, 1, 1, 1)
    return torch.where(x > limit, 1 - x, x)


def sharpness(x: Tensor, amount: Tensor) -> Tensor:
    """Away from a smoothed image, or towards it; the edge stays."""
    if min(x.shape[-2:]) < 3:
        return x
    rows = x[..., :-2, :] + x[..., 1:-1, :] + x[..., 2:, :]
    nine = rows[..., :-2] + rows[..., 1:-1] + rows[..., 2:]
    smooth = (nine + 4 * x[..., 1:-1, 1:-1]) / 13
    inner = F.pad(smooth - x[..., 1:-1, 1:-1], (1, 1, 1, 1))
    return (x - inner * (0.9 * amount).view(-1, 1, 1, 1)).clamp(0, 1)


def _moved(**limits: float) -> Callable[[Tensor, Tensor], Tensor]:
    """An affine motion of one kind; a limit is what an amount of 1 means."""

    def apply(x: Tensor, amount: Tensor) -> Tensor:
        still = torch.zeros_like(amount)
        names = ("degrees", "down", "across", "shear_across", "shear_down")
        amounts = {name: amount * limits[name] if name in limits else still for name in names}
        by_row = {name: value.unsqueeze(0) for name, value in amounts.items()}
        return affine(x.unsqueeze(0), zoom=torch.ones_like(still).unsqueeze(0), **by_row)[0]

    return apply


OPERATIONS: Final[Mapping[str, Callable[[Tensor, Tensor], Tensor]]] = MappingProxyType(
    {
        "identity": lambda x, _: x,
        "autocontrast": autocontrast,
        "equalize": equalize,
        "rotate": _moved(degrees=30.0),
        "solarize": solarize,
        "colour": lambda x, amount: saturation(x, 1 + 0.9 * amount),
        "posterize": posterize,
        "contrast": lambda x, amount: contrast(x, 1 + 0.9 * amount),
        "brightness": lambda x, amount: brightness(x, 1 + 0.9 * amount),
        "sharpness": sharpness,
        "shear across": _moved(shear_across=0.3),
        "shear down": _moved(shear_down=0.3),
        "move across": _moved(across=0.3),
        "move down": _moved(down=0.3),
    }
)
"""Images [R, C, H, W] and amounts from −1 to 1, [R], to images; each row by itself."""


@dataclass(frozen=True)
class RandAugment:
    """``count`` operations on each image, one after the other, drawn from `OPERATIONS`.

    All have one strength, and either direction where there are two.

    Args:
        path: of the regularizer in the recipe; ``path + ".strength"`` is in (0, 1]: 0.3 is 9 of the
            paper's 30.
        shape: of the images.
        count: operations on each image.
    """

    path: str
    shape: Shape
    count: int = 2

    def noise(self, rows: int) -> dict[str, Noise]:
        """The random numbers of a batch of ``rows`` rows."""
        return {f"{self.path}/choices": Noise((rows, 2 * self.count))}

    def __call__(
        self, batch: Batch, noise: Mapping[str, Tensor], numbers: Mapping[str, Tensor]
    ) -> Batch:
        """The batch with changed images."""
        images = images_of(batch, self.shape)
        x = images.flatten(0, 1)
        drawn = noise[f"{self.path}/choices"]
        strength = numbers[f"{self.path}.strength"].unsqueeze(1)
        for i in range(self.count):
            which = (drawn[..., 2 * i] * len(OPERATIONS)).to(torch.int64).flatten()
            sign = torch.where(drawn[..., 2 * i + 1] < 0.5, -1.0, 1.0)
            x = self._applied(x, which, (sign * strength).flatten())
        return with_images(batch, x.view(images.shape))

    def _applied(self, x: Tensor, which: Tensor, amount: Tensor) -> Tensor:
        """Each operation on the rows that drew it, and only on these."""
        found = x.clone()
        for i, operation in enumerate(OPERATIONS.values()):
            rows = (which == i).nonzero().squeeze(1)
            if len(rows) and i:  # the first one changes nothing
                found[rows] = operation(x[rows], amount[rows])
        return found
