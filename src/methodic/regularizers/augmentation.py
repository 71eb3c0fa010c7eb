"""Batches of images, each moved a little: cropped, mirrored, turned.

All of them take numbers from 0 to 1 and work on a whole batch at once. What happens to a row is
drawn at its member's own sites.

Shapes: M members, B rows, C channels, H × W places, R = M·B.

Sources: crops and mirror images: Krizhevsky, Sutskever, Hinton 2012.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from methodic.models.parts.activations import aligned
from methodic.regularizers.mixing import Shape
from methodic.rng import Noise
from methodic.types import Batch

Edge = Literal["reflect", "zeros"]


def images_of(batch: Batch, shape: Shape) -> Tensor:
    """The images of a batch, [M, B, C, H, W]."""
    x = batch.inputs["array"]
    return x.reshape(*x.shape[:2], *shape)


def with_images(batch: Batch, images: Tensor) -> Batch:
    """The batch with other images."""
    shaped = images.reshape(batch.inputs["array"].shape)
    return replace(batch, inputs={**batch.inputs, "array": shaped})


@dataclass(frozen=True)
class Crop:
    """Each image moved by up to ``padding`` whole pixels in both directions, all equally likely.

    That is a crop at random out of an image with a margin.

    Args:
        path: of the regularizer in the recipe.
        shape: of the images.
        padding: width of the margin, less than the image's sides.
        edge: what the margin shows: the image as in a mirror, or zeros.
    """

    path: str
    shape: Shape
    padding: int
    edge: Edge = "reflect"

    def noise(self, rows: int) -> dict[str, Noise]:
        """The random numbers of a batch of ``rows`` rows."""
        return {f"{self.path}/moves": Noise((rows, 2))}

    def __call__(
        self,
        batch: Batch,
        noise: Mapping[str, Tensor],
        numbers: Mapping[str, Tensor],  # noqa: ARG002
    ) -> Batch:
        """The batch with moved images."""
        x = images_of(batch, self.shape)
        members, rows, channels, height, width = x.shape
        steps = 2 * self.padding + 1
        drawn = (noise[f"{self.path}/moves"] * steps).to(torch.int64).clamp(max=steps - 1)
        moves = (drawn - self.padding).flatten(0, 1)  # [R, 2]
        down, outside_down = self._places(moves[:, 0], height)
        across, outside_across = self._places(moves[:, 1], width)
        index = (down.unsqueeze(2) * width + across.unsqueeze(1)).flatten(1).unsqueeze(1)
        flat = x.reshape(members * rows, channels, height * width)
        moved = flat.gather(2, index.expand(-1, channels, -1))
        if self.edge == "zeros":
            outside = outside_down.unsqueeze(2) | outside_across.unsqueeze(1)
            moved = moved.masked_fill(outside.flatten(1).unsqueeze(1), 0.0)
        return with_images(batch, moved.view(x.shape))

    def _places(self, moves: Tensor, length: int) -> tuple[Tensor, Tensor]:
        """Where each pixel of an axis comes from, and whether that lies outside: [R, length]."""
        wanted = torch.arange(length, device=moves.device) + moves.unsqueeze(1)
        last = length - 1
        inside = last - (last - wanted.abs()).abs()  # as in a mirror at either end
        return inside, (wanted < 0) | (wanted > last)


@dataclass(frozen=True)
class Flip:
    """Each image is exchanged for its mirror image with some probability.

    Args:
        path: of the regularizer in the recipe; ``path + ".probability"`` is in (0, 1].
        shape: of the images.
    """

    path: str
    shape: Shape

    def noise(self, rows: int) -> dict[str, Noise]:
        """The random numbers of a batch of ``rows`` rows."""
        return {f"{self.path}/flips": Noise((rows,))}

    def __call__(
        self, batch: Batch, noise: Mapping[str, Tensor], numbers: Mapping[str, Tensor]
    ) -> Batch:
        """The batch with some mirror images."""
        x = images_of(batch, self.shape)
        flips = noise[f"{self.path}/flips"] < numbers[f"{self.path}.probability"].unsqueeze(1)
        return with_images(batch, torch.where(flips[..., None, None, None], x.flip(-1), x))


@dataclass(frozen=True)
class Affine:
    """Each image is turned, moved, zoomed and sheared, by amounts between minus and plus a limit.

    A pixel's value is interpolated between four; what lies outside repeats the edge.

    Args:
        path: of the regularizer in the recipe; ``degrees`` in (0, 180], ``shift`` as a share of the
            side, ``zoom`` as a share of the size, ``shear`` in degrees; those that aren't among the
            numbers are 0.
        shape: of the images.
        has: names of those that aren't 0.
    """

    path: str
    shape: Shape
    has: tuple[str, ...]

    def noise(self, rows: int) -> dict[str, Noise]:
        """The random numbers of a batch of ``rows`` rows."""
        return {f"{self.path}/moves": Noise((rows, 6))}

    def __call__(
        self, batch: Batch, noise: Mapping[str, Tensor], numbers: Mapping[str, Tensor]
    ) -> Batch:
        """The batch with images that were turned, moved, zoomed, sheared."""
        signed = 2 * noise[f"{self.path}/moves"] - 1  # [M, B, 6]

        def amount(name: str, place: int) -> Tensor:
            if name not in self.has:
                return torch.zeros_like(signed[..., place])
            return signed[..., place] * numbers[f"{self.path}.{name}"].unsqueeze(1)

        turned = affine(
            images_of(batch, self.shape),
            degrees=amount("degrees", 0),
            down=amount("shift", 1),
            across=amount("shift", 2),
            zoom=1 + amount("zoom", 3),
            shear_across=aligned(torch.tan, amount("shear", 4) * (math.pi / 180)),
            shear_down=aligned(torch.tan, amount("shear", 5) * (math.pi / 180)),
        )
        return with_images(batch, turned)


def affine(
    x: Tensor,
    *,
    degrees: Tensor,
    down: Tensor,
    across: Tensor,
    zoom: Tensor,
    shear_across: Tensor,
    shear_down: Tensor,
) -> Tensor:
    """Images turned, sheared, zoomed and moved, each by its own amounts.

    Args:
        x: [M, B, C, H, W].
        degrees: counter-clockwise, [M, B] like all others.
        down, across: as shares of the sides.
        zoom: above 1 things get larger.
        shear_across, shear_down: tangents.
    """
    height, width = x.shape[-2:]
    angle = degrees * (math.pi / 180)
    cosine, sine = aligned(torch.cos, angle), aligned(torch.sin, angle)
    inverse = 1 / zoom.clamp(min=0.05)
    tall = height / width
    # From where in the old image each pixel of the new one comes; both from −1 to 1 on each axis.
    first = [
        (cosine + sine * shear_across) * inverse,
        (cosine * shear_across - sine) * inverse * tall,
        -2 * across,
    ]
    second = [
        (cosine * shear_down + sine) * inverse / tall,
        (cosine - sine * shear_down) * inverse,
        -2 * down,
    ]
    theta = torch.stack([torch.stack(first, -1), torch.stack(second, -1)], -2)
    flat, theta = x.flatten(0, 1), theta.flatten(0, 1)
    grid = F.affine_grid(theta, list(flat.shape), align_corners=False)
    moved = F.grid_sample(flat, grid, padding_mode="border", align_corners=False)
    return moved.view(x.shape)
