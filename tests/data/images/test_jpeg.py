"""The short way through small JPEG files gives what the long way gives, or nothing."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pictures
import pytest
from PIL import Image

from methodic.data.images.jpeg import quick


def reference(cell: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(cell)))


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("progressive", [True, False])
@pytest.mark.parametrize("subsampling", [0, 2])
def test_the_same_pixels(channels: int, progressive: bool, subsampling: int) -> None:
    for seed, sides in enumerate([(12, 10), (7, 33), (64, 64)]):
        cell = pictures.encoded(
            pictures.pixels(seed, *sides, channels),
            "JPEG",
            progressive=progressive,
            subsampling=subsampling,
            comment="hello",
        )
        found = quick(cell)
        assert found is not None
        assert np.array_equal(np.asarray(found), reference(cell))


def test_from_a_file(tmp_path: Path) -> None:
    file = pictures.write(tmp_path / "a.jpg")
    found = quick(str(file))
    assert found is not None
    assert np.array_equal(np.asarray(found), reference(file.read_bytes()))
    assert quick(str(tmp_path / "b.jpg")) is None
    assert quick(str(pictures.write(tmp_path / "a.png"))) is None


def test_anything_else_takes_the_long_way() -> None:
    plain = pictures.pixels()
    exif = Image.Exif()
    exif[0x0112] = 6
    for cell in (
        b"",
        b"\xff\xd8",
        pictures.encoded(plain),
        pictures.encoded(plain, "JPEG", exif=exif),
        pictures.encoded(pictures.image(plain).convert("CMYK"), "JPEG"),
        pictures.encoded(pictures.pixels(0, 300, 300), "JPEG"),
    ):
        assert quick(cell) is None


def test_damage_is_left_to_the_long_way() -> None:
    cell = pictures.encoded(pictures.pixels(0, 40, 40), "JPEG")
    for cut in range(0, len(cell) - 2, 7):
        assert quick(cell[:cut]) is None, cut
    zero = bytearray(cell)
    at = cell.index(b"\xff\xc0")
    zero[at + 5 : at + 7] = b"\0\0"
    assert quick(bytes(zero)) is None
