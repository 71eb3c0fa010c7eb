"""Crops, mirror images and affine motions, against slow literal versions."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from methodic.regularizers.augmentation import Affine, Crop, Flip, affine
from methodic.rng import Draws, keys
from methodic.types import Batch

M, B, SHAPE = 2, 6, (3, 8, 10)
AT = "stages.0.regularizers.0"


def batch(shape: tuple[int, int, int] = SHAPE) -> Batch:
    pixels = torch.rand(M, B, *shape, generator=torch.Generator().manual_seed(3))
    return Batch({"array": pixels}, torch.zeros(M, B, dtype=torch.int64))


def drawn(part: Crop | Flip | Affine, seed: int = 0) -> dict[str, Tensor]:
    return Draws(part.noise(B))(keys([seed, seed + 1], "noise"))


@settings(deadline=None, max_examples=10)
@given(st.integers(1, 6), st.sampled_from(["reflect", "constant"]), st.integers(0, 99))
def test_crops_are_windows_of_a_padded_image(padding: int, mode: str, seed: int) -> None:
    part = Crop(AT, SHAPE, padding, "reflect" if mode == "reflect" else "zeros")
    rows, noise = batch(), drawn(part, seed)
    got = part(rows, noise, {}).inputs["array"]
    steps = 2 * padding + 1
    for m in range(M):
        for b in range(B):
            padded = F.pad(rows.inputs["array"][m, b : b + 1], (padding,) * 4, mode=mode)[0]
            down, across = (noise[f"{AT}/moves"][m, b] * steps).int().tolist()
            window = padded[:, down : down + SHAPE[1], across : across + SHAPE[2]]
            assert torch.equal(got[m, b], window)


def test_all_moves_are_drawn() -> None:
    part = Crop(AT, (1, 5, 5), 1)
    noise = Draws(part.noise(500))(keys([0], "noise"))
    pixels = torch.arange(25.0).view(1, 1, 1, 5, 5).expand(1, 500, -1, -1, -1)
    rows = Batch({"array": pixels}, torch.zeros(1, 500))
    centres = part(rows, noise, {}).inputs["array"][0, :, 0, 2, 2]
    assert sorted(set(centres.tolist())) == [6, 7, 8, 11, 12, 13, 16, 17, 18]
    assert min(torch.bincount(centres.long())[[6, 12, 18]]) > 30


def test_flips() -> None:
    part, rows = Flip(AT, SHAPE), batch()
    x = rows.inputs["array"]
    noise = {f"{AT}/flips": torch.tensor([[0.1, 0.9, 0.3, 0.3, 0.7, 0.0]] * 2)}
    numbers = {f"{AT}.probability": torch.tensor([0.5, 0.2])}
    got = part(rows, noise, numbers).inputs["array"]
    for m, flipped in enumerate(([0, 2, 3, 5], [0, 5])):
        for b in range(B):
            assert torch.equal(got[m, b], x[m, b].flip(-1) if b in flipped else x[m, b])


def still(**changed: float) -> dict[str, Tensor]:
    names = ("degrees", "down", "across", "shear_across", "shear_down")
    found = {name: torch.full((M, B), changed.get(name, 0.0)) for name in names}
    return {**found, "zoom": torch.full((M, B), changed.get("zoom", 1.0))}


def test_motions_of_known_outcome() -> None:
    x = batch((3, 8, 8)).inputs["array"]
    close = {"rtol": 0.0, "atol": 1e-5}
    torch.testing.assert_close(affine(x, **still()), x, **close)
    torch.testing.assert_close(affine(x, **still(degrees=90.0)), x.rot90(1, (-2, -1)), **close)
    moved = affine(x, **still(down=0.25, across=-0.125))
    torch.testing.assert_close(moved[..., 2:, :-1], x[..., :-2, 1:], **close)
    torch.testing.assert_close(moved[..., 0, :], moved[..., 2, :], **close)  # repeats the edge
    assert not torch.allclose(affine(x, **still(degrees=88.0)), x.rot90(1, (-2, -1)), atol=1e-3)


def test_zoom_and_shear() -> None:
    lines = torch.linspace(-3.5, 3.5, 8)
    x = lines.view(1, 1, 1, 1, 8).expand(M, B, 1, 8, 8).contiguous()  # grows to the right by 1
    middle = (..., slice(2, 6), slice(2, 6))
    torch.testing.assert_close(affine(x, **still(zoom=2.0))[middle], x[middle] / 2)
    tilted = affine(x, **still(shear_across=0.25))[middle]
    want = (x + 0.25 * lines.view(8, 1))[middle]
    torch.testing.assert_close(tilted, want)


def test_turns_keep_wide_images_square_pixels() -> None:
    """A turn by 90° about the middle of an image twice as wide as high is no stretch."""
    x = batch((1, 4, 8)).inputs["array"]
    turned = affine(x, **still(degrees=90.0))
    torch.testing.assert_close(
        turned[..., 2:6], x[..., 2:6].rot90(1, (-2, -1)), rtol=0.0, atol=1e-5
    )


def test_amounts_keep_their_limits() -> None:
    part = Affine(AT, SHAPE, ("shift",))
    numbers = {f"{AT}.shift": torch.tensor([0.25, 0.0])}
    rows, noise = batch(), drawn(part)
    got, x = part(rows, noise, numbers).inputs["array"], rows.inputs["array"]
    assert not torch.allclose(got[0], x[0], atol=1e-3)
    torch.testing.assert_close(got[1], x[1], rtol=0.0, atol=1e-5)


@pytest.mark.parametrize("angle", [10.0, 45.0])
def test_turning_back(angle: float) -> None:
    grid = torch.linspace(-math.pi, math.pi, 32)
    smooth = 0.5 + 0.25 * (grid.sin().view(-1, 1) + grid.cos())
    x = smooth.expand(M, B, 1, 32, 32).contiguous()
    back = affine(affine(x, **still(degrees=angle)), **still(degrees=-angle))
    middle = (..., slice(10, 22), slice(10, 22))
    torch.testing.assert_close(back[middle], x[middle], rtol=0.0, atol=0.02)
