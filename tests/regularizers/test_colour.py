"""Images in other light, and RandAugment, against Pillow and by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image, ImageEnhance, ImageOps
from torch import Tensor

from methodic.regularizers import colour
from methodic.regularizers.colour import OPERATIONS, Colour, RandAugment
from methodic.rng import Draws, keys
from methodic.types import Batch

AT = "stages.0.regularizers.0"


def pixels(rows: int = 4, channels: int = 3) -> Tensor:
    generator = torch.Generator().manual_seed(5)
    return torch.randint(0, 256, (rows, channels, 12, 10), generator=generator).float() / 255


def picture(x: Tensor) -> Image.Image:
    return Image.fromarray((x * 255).round().byte().permute(1, 2, 0).numpy())


def close_to(got: Tensor, want: Image.Image, off: float = 1.5) -> bool:
    """Pillow rounds to whole numbers on its way."""
    expected = torch.from_numpy(np.asarray(want).copy()).permute(2, 0, 1).float()
    return bool(((got * 255 - expected).abs() <= off).all())


FACTORS = {
    "brightness": (colour.brightness, ImageEnhance.Brightness),
    "contrast": (colour.contrast, ImageEnhance.Contrast),
    "saturation": (colour.saturation, ImageEnhance.Color),
}


@pytest.mark.parametrize("name", FACTORS)
@pytest.mark.parametrize("factor", [0.4, 1.0, 1.7])
def test_factors(name: str, factor: float) -> None:
    x = pixels()
    ours, theirs = FACTORS[name]
    got = ours(x, torch.full((4,), factor))
    for one, image in zip(got, x, strict=True):
        assert close_to(one, theirs(picture(image)).enhance(factor), 2.5)
    wrong = ours(x, torch.full((4,), factor + 0.2))
    assert not all(
        close_to(one, theirs(picture(image)).enhance(factor), 2.5)
        for one, image in zip(wrong, x, strict=True)
    )


def test_levels() -> None:
    x = 0.2 + 0.5 * pixels()
    x = (x * 255).round() / 255
    none = torch.zeros(4)
    for i, image in enumerate(x):
        whole = picture(image)
        assert close_to(colour.autocontrast(x, none)[i], ImageOps.autocontrast(whole))
        for amount, bits in ((0.0, 8), (0.5, 6), (-1.0, 4)):
            got = colour.posterize(x, torch.full((4,), amount))[i]
            assert close_to(got, ImageOps.posterize(whole, bits), 0.01)
        got = colour.solarize(x, torch.full((4,), 0.5))[i]
        assert close_to(got, ImageOps.solarize(whole, 128), 0.01)
    assert not torch.allclose(colour.posterize(x, torch.ones(4)), x, atol=0.02)


def test_equalize() -> None:
    """A large image, in which the whole numbers that Pillow reckons with hardly matter."""
    dark = torch.rand(1, 3, 256, 256, generator=torch.Generator().manual_seed(0)) ** 2 * 0.5
    x = (dark * 255).round() / 255
    (got,) = colour.equalize(x, torch.zeros(1))
    assert close_to(got, ImageOps.equalize(picture(x[0])), 3)
    assert not close_to(x[0], ImageOps.equalize(picture(x[0])), 3)


def test_sharpness() -> None:
    x = pixels()
    for amount in (-1.0, 0.5):
        got = colour.sharpness(x, torch.full((4,), amount))
        for one, image in zip(got, x, strict=True):
            want = ImageEnhance.Sharpness(picture(image)).enhance(1 + 0.9 * amount)
            assert close_to(one, want, 2.5)


def test_images_of_one_level_stay() -> None:
    flat = torch.full((2, 3, 5, 5), 0.4)
    for name in ("autocontrast", "equalize", "sharpness", "colour", "contrast"):
        torch.testing.assert_close(OPERATIONS[name](flat, torch.full((2,), 0.5)), flat)


@pytest.mark.parametrize("channels", [1, 3])
def test_all_operations_keep_the_range_and_each_row_to_itself(channels: int) -> None:
    x, amount = pixels(5, channels), torch.tensor([-1.0, -0.3, 0.0, 0.4, 1.0])
    for name, operation in OPERATIONS.items():
        got = operation(x, amount)
        assert got.shape == x.shape, name
        assert float(got.min()) >= -1e-6, name
        assert float(got.max()) <= 1 + 1e-6, name
        assert torch.equal(got[2:4], operation(x[2:4], amount[2:4])), name
        if name not in ("identity", "colour") or (name == "colour" and channels == 3):
            assert not torch.allclose(got[4], x[4], atol=1e-3), name


def test_colour_of_a_batch() -> None:
    part = Colour(AT, (3, 12, 10))
    rows = Batch({"array": pixels(6).view(2, 3, 3, 12, 10)}, torch.zeros(2, 3))
    noise = Draws(part.noise(3))(keys([0, 1], "noise"))
    got = part(rows, noise, {f"{AT}.strength": torch.tensor([0.5, 0.0])}).inputs["array"]
    x = rows.inputs["array"]
    assert not torch.allclose(got[0], x[0], atol=1e-3)
    torch.testing.assert_close(got[1], x[1], rtol=0.0, atol=1e-6)
    factor = 1 + (2 * noise[f"{AT}/factors"] - 1) * 0.5
    want = colour.brightness(x[0, :1], factor[0, :1, 0])
    want = colour.saturation(colour.contrast(want, factor[0, :1, 1]), factor[0, :1, 2])
    torch.testing.assert_close(got[0, :1], want)


def test_randaugment_takes_every_operation_equally_often() -> None:
    """An image and its choices: what is applied is what was drawn, in that order."""
    part = RandAugment(AT, (3, 12, 10), count=2)
    x = pixels(200)
    rows = Batch({"array": x.unsqueeze(0)}, torch.zeros(1, 200))
    noise = Draws(part.noise(200))(keys([3], "noise"))
    got = part(rows, noise, {f"{AT}.strength": torch.tensor([0.6])}).inputs["array"][0]
    drawn = noise[f"{AT}/choices"][0]
    operations = list(OPERATIONS.values())
    seen = set()
    for i in range(200):
        want = x[i : i + 1]
        for n in (0, 1):
            which = int(drawn[i, 2 * n] * len(operations))
            amount = 0.6 * (-1 if drawn[i, 2 * n + 1] < 0.5 else 1)
            want = operations[which](want, torch.tensor([amount]))
            seen.add(which)
        torch.testing.assert_close(got[i : i + 1], want)
    assert len(seen) == len(operations) == 14
