"""One image file: every kind of it ends in the pixels that a viewer would show, or is named."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pictures
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps

from methodic.data.images.decoding import (
    FRAMES,
    GREYED,
    RESIZED,
    WHITE,
    Broken,
    decode,
    header,
    is_encoded,
    resized,
    without_warnings,
)
from methodic.data.schemas.schema import Resize

COLOUR = pictures.pixels()


def size(channels: int = 3, height: int = 12, width: int = 10) -> tuple[int, int, int]:
    return channels, height, width


@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF", "PPM"])
def test_kinds_that_lose_nothing(kind: str) -> None:
    cell = pictures.encoded(COLOUR, kind)
    found, remarks = decode(cell, size())
    assert is_encoded(cell)
    assert np.array_equal(found, COLOUR)
    assert found.dtype == np.uint8
    assert not remarks


@pytest.mark.parametrize("kind", ["JPEG", "WEBP"])
def test_kinds_that_lose_a_little(kind: str) -> None:
    cell = pictures.encoded(COLOUR, kind, quality=95)
    found, _ = decode(cell, size())
    assert is_encoded(cell)
    assert np.abs(found.astype(int) - COLOUR).mean() < 4


def test_from_a_file(tmp_path: Path) -> None:
    file = pictures.write(tmp_path / "a.png", COLOUR)
    assert np.array_equal(decode(str(file), size())[0], COLOUR)
    assert header(str(file)).width == 10


GREY = pictures.pixels(1, channels=1)


def test_grey() -> None:
    cell = pictures.encoded(GREY)
    assert header(cell).channels == 1
    assert np.array_equal(decode(cell, size(1))[0], GREY)
    assert np.array_equal(decode(cell, size(3))[0], np.repeat(GREY, 3, axis=0))


def test_colour_where_grey_is_wanted() -> None:
    found, remarks = decode(pictures.encoded(COLOUR), size(1))
    expected = np.asarray(pictures.image(COLOUR).convert("L"))[None]
    assert np.array_equal(found, expected)
    assert remarks == (GREYED,)


def test_palettes() -> None:
    few = pictures.image(COLOUR).quantize(8)
    cell = pictures.encoded(few)
    assert header(cell).channels == 3
    assert np.array_equal(
        decode(cell, size())[0], np.asarray(few.convert("RGB")).transpose(2, 0, 1)
    )
    greys = pictures.image(GREY).convert("P")
    assert header(pictures.encoded(greys)).channels == 1
    assert np.array_equal(decode(pictures.encoded(greys), size(1))[0], GREY)


def test_black_and_white() -> None:
    bits = pictures.image(GREY).convert("1")
    found, _ = decode(pictures.encoded(bits), size(1))
    assert set(np.unique(found)) <= {0, 255}
    assert header(pictures.encoded(bits)).channels == 1


def test_alpha_stands_on_white() -> None:
    seen = Image.new("RGBA", (10, 12), (200, 0, 0, 255))
    assert decode(pictures.encoded(seen), size())[1] == ()
    seen.putpixel((0, 0), (0, 0, 0, 0))
    found, remarks = decode(pictures.encoded(seen), size())
    assert found[:, 0, 0].tolist() == [255, 255, 255]
    assert found[:, 1, 1].tolist() == [200, 0, 0]
    assert remarks == (WHITE,)
    kept, _ = decode(pictures.encoded(seen), size(4))
    assert kept.shape == (4, 12, 10)
    assert kept[3, 0, 0] == 0


def test_a_see_through_colour_of_a_palette() -> None:
    image = Image.new("P", (10, 12), 0)
    image.putpalette([10, 20, 30, 40, 50, 60])
    image.putpixel((3, 3), 1)
    cell = pictures.encoded(image, transparency=0)
    found, _ = decode(cell, size())
    assert found[:, 0, 0].tolist() == [255, 255, 255]
    assert found[:, 3, 3].tolist() == [40, 50, 60]


def test_sixteen_bits() -> None:
    wide = np.linspace(0, 65535, 120).astype(np.uint16).reshape(12, 10)
    for kind in ("PNG", "TIFF", "PPM"):
        cell = pictures.encoded(Image.fromarray(wide), kind)
        found, _ = decode(cell, size(1))
        assert np.array_equal(found[0], np.round(wide / 257).astype(np.uint8)), kind
        assert header(cell).channels == 1


def test_thirty_two_bits_are_refused() -> None:
    wide = Image.fromarray(np.full((12, 10), 1.5, dtype=np.float32))
    with pytest.raises(Broken, match="32 bits"):
        decode(pictures.encoded(wide, "TIFF"), size(1))


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "WEBP"])
def test_exif_turns(orientation: int, kind: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    cell = pictures.encoded(pictures.pixels(3, 40, 24), kind, exif=exif)
    turned = ImageOps.exif_transpose(Image.open(io.BytesIO(cell))).convert("RGB")
    seen = header(cell)
    assert (seen.width, seen.height) == turned.size
    found, remarks = decode(cell, size(3, turned.height, turned.width))
    assert np.array_equal(found, np.asarray(turned).transpose(2, 0, 1))
    assert not remarks


def test_an_exif_note_behind_the_pixels() -> None:
    cell = pictures.encoded(pictures.pixels(3, 40, 24))
    exif = Image.Exif()
    exif[0x0112] = 6
    body = b"eXIf" + exif.tobytes().removeprefix(b"Exif\0\0")
    chunk = struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))
    end = cell.rindex(b"IEND") - 4
    found, _ = decode(cell[:end] + chunk + cell[end:], size(3, 24, 40))
    plain, _ = decode(cell, size(3, 40, 24))
    assert np.array_equal(found, np.rot90(plain, k=-1, axes=(1, 2)))


def test_a_damaged_exif_note_is_no_damage() -> None:
    cell = pictures.encoded(COLOUR, "JPEG", exif=b"Exif\0\0MM\0*\xff\xff\xff\xff nonsense")
    with without_warnings():
        assert decode(cell, size())[0].shape == (3, 12, 10)


def test_the_first_of_several_frames() -> None:
    frames = [Image.new("L", (10, 12), shade) for shade in (10, 200)]
    cell = pictures.encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])
    found, remarks = decode(cell, size(1))
    assert (found == 10).all()
    assert FRAMES in remarks


def halves(height: int, width: int) -> Image.Image:
    """A picture whose middle third is white and whose sides are black, along the longer side."""
    array = np.zeros((1, height, width), dtype=np.uint8)
    if width > height:
        array[:, :, width // 3 : 2 * width // 3] = 255
    else:
        array[:, height // 3 : 2 * height // 3] = 255
    return pictures.image(array)


@pytest.mark.parametrize("sides", [(30, 90), (90, 30), (9, 3)])
def test_crop_takes_the_middle(sides: tuple[int, int]) -> None:
    found, remarks = decode(pictures.encoded(halves(*sides)), size(1, 12, 12))
    assert remarks == (RESIZED,)
    assert found[0, 3:9, 3:9].min() > 200
    assert found.mean() > 200


def test_pad_keeps_everything_and_adds_black() -> None:
    cell = pictures.encoded(Image.new("L", (90, 30), 255))
    found, _ = decode(cell, size(1, 12, 12), "pad")
    rows = found[0].mean(axis=1)
    assert (rows[4:8] == 255).all()
    assert (rows[:4] == 0).all()
    assert (rows[8:] == 0).all()


def test_stretch_distorts() -> None:
    cell = pictures.encoded(Image.new("L", (90, 30), 255))
    assert (decode(cell, size(1, 12, 12), "stretch")[0] == 255).all()
    stretched, _ = decode(pictures.encoded(halves(30, 90)), size(1, 12, 12), "stretch")
    assert (stretched[0, :, [0, 11]] < 30).all()


@settings(deadline=None, max_examples=100)
@given(
    st.tuples(*[st.integers(1, 300)] * 2),
    st.tuples(*[st.integers(1, 60)] * 2),
    st.sampled_from(["crop", "pad", "stretch"]),
)
def test_any_size_becomes_any_other(
    sides: tuple[int, int], wanted: tuple[int, int], how: Resize
) -> None:
    cell = pictures.encoded(Image.new("L", sides, 200))
    found, _ = decode(cell, size(1, *wanted), how)
    assert found.shape == (1, *wanted)
    assert found.max() == 200
    if how != "pad":
        assert found.min() == 200


def test_large_photographs_are_decoded_small_and_look_alike() -> None:
    large = pictures.pixels(5, 640, 480)
    cell = pictures.encoded(large, "JPEG", quality=95)
    found, _ = decode(cell, size(3, 40, 30))
    exact = np.asarray(pictures.image(large).resize((30, 40), Image.Resampling.BICUBIC))
    assert np.abs(found.astype(int) - exact.transpose(2, 0, 1)).mean() < 3


def test_pixels_are_resized_like_files() -> None:
    large = pictures.pixels(6, 30, 50)
    assert np.array_equal(resized(large, size()), decode(pictures.encoded(large), size())[0])
    assert resized(COLOUR, size()) is COLOUR
    assert resized(COLOUR, size(1)).shape == (1, 12, 10)


WHOLE = pictures.encoded(pictures.pixels(7, 60, 60))
PHOTO = pictures.encoded(pictures.pixels(7, 60, 60), "JPEG")
BROKEN = {
    "nothing": (b"", "no bytes"),
    "text": (b"this is a letter, not a picture", "not PNG"),
    "cut png": (WHOLE[: len(WHOLE) // 2], "cut off"),
    "cut jpeg": (PHOTO[: len(PHOTO) // 2], "cut off"),
    "only a beginning": (WHOLE[:10], "damaged|cut off"),
    "header": (WHOLE[:20] + b"\xff\xff" + WHOLE[22:], "damaged|broken|pixels"),
    "svg": (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "not PNG"),
    "pickle": (b"\x80\x04\x95 something", "not PNG"),
}


@pytest.mark.parametrize("what", BROKEN)
def test_broken_files_say_why(what: str) -> None:
    cell, why = BROKEN[what]
    with pytest.raises(Broken, match=why):
        decode(cell, size())


def test_files_that_are_not_there_or_empty(tmp_path: Path) -> None:
    with pytest.raises(Broken, match="no such file"):
        decode(str(tmp_path / "a.png"), size())
    (tmp_path / "b.png").touch()
    with pytest.raises(Broken, match="empty"):
        decode(str(tmp_path / "b.png"), size())


@pytest.mark.parametrize("side", [20_000, 100_000])
def test_a_few_bytes_that_claim_gigabytes(side: int) -> None:
    body = b"IHDR" + struct.pack(">II", side, side) + b"\x08\x02\0\0\0"
    cell = WHOLE[:8] + struct.pack(">I", 13) + body + struct.pack(">I", zlib.crc32(body))
    cell += WHOLE[33:]
    with pytest.raises(Broken, match="pixels"):
        decode(cell, size())
    with pytest.raises(Broken, match="pixels"):
        header(cell)


KINDS = ("PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF", "PPM")
SOUND = {kind: pictures.encoded(pictures.pixels(8, 20, 24), kind) for kind in KINDS}


@settings(deadline=None, max_examples=200)
@given(
    kind=st.sampled_from(KINDS),
    cut=st.floats(0, 1),
    changes=st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), max_size=6),
)
def test_damage_never_ends_in_anything_but_pixels_or_broken(
    kind: str, cut: float, changes: list[tuple[float, int]]
) -> None:
    damaged = bytearray(SOUND[kind])
    for place, value in changes:
        # Most of what can go wrong is in the first bytes.
        damaged[int(place**3 * (len(damaged) - 1))] = value
    cell = bytes(damaged[: len(damaged) - int(cut**4 * len(damaged))])
    with without_warnings():
        try:
            assert decode(cell, size())[0].shape == size()
            assert header(cell).width > 0
        except Broken as error:
            why = str(error)
        else:
            why = "nothing is wrong"
    assert 0 < len(why) < 200
