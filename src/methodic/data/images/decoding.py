"""One encoded image → its pixels, at the size that a network needs.

Pillow decodes. What a picture means is decided here, in one place: turned as its EXIF note says,
first frame, 16 bits a channel brought to 8, see-through parts on white, colour to grey or back by
what the network was trained on.

Shapes: C channels (1 grey, 3 red-green-blue, 4 with alpha), H height, W width.
"""

from __future__ import annotations

import io
import logging
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from methodic.data.images.jpeg import quick

if TYPE_CHECKING:
    from PIL import Image

    from methodic.data.schemas.schema import Resize

Pixels = npt.NDArray[np.uint8]
SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".ppm", ".pgm")
ACCEPTED = "PNG, JPEG, WebP, BMP, GIF, TIFF or PPM"
MOST_PIXELS = 2**26
"""A file that claims more is refused: a few bytes can claim gigabytes."""

_FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF", "PPM")
_MAGIC = (b"\x89PNG", b"\xff\xd8\xff", b"BM", b"GIF8", b"II*\0", b"MM\0*", b"P5", b"P6")
_ORIENTATION = 0x0112
_GREY = ("1", "L", "LA", "La", "I", "F")
_MODES = {1: "L", 3: "RGB", 4: "RGBA"}

RESIZED = "of another size"
GREYED = "in colour, made grey"
FRAMES = "of several frames, of which the first is used"
WHITE = "with see-through parts, which are white now"


class Broken(Exception):  # noqa: N818 - a remark on one of many files, collected and counted
    """A cell that is no usable image; says why."""


@dataclass(frozen=True)
class Header:
    """What a file claims to hold: C is 1 or 3."""

    channels: int
    height: int
    width: int


def is_encoded(cell: bytes) -> bool:
    """Whether these bytes begin like an image."""
    return cell.startswith(_MAGIC) or (cell[:4] == b"RIFF" and cell[8:12] == b"WEBP")


def is_file(cell: str) -> bool:
    """Whether there is such a file; any text may be asked about."""
    return os.path.isfile(cell)  # noqa: PTH113 - Path.is_file raises where a name is too long


def header(cell: bytes | str) -> Header:
    """Size and colour of an image, turned as it will be; its pixels aren't read.

    Args:
        cell: the bytes of a file, or its path.

    Raises:
        Broken: it can't be opened.
    """
    with _opened(cell) as image:
        width, height = image.size
        if _orientation(image) > 4:
            width, height = height, width
        return Header(3 if _has_colour(image) else 1, height, width)


def decode(
    cell: bytes | str, shape: tuple[int, ...], resize: Resize = "crop"
) -> tuple[Pixels, tuple[str, ...]]:
    """The pixels of an image.

    Args:
        cell: the bytes of a file, or its path.
        shape: [C, H, W] to give it, with 1, 3 or 4 channels.
        resize: how; see `schema.Column`.

    Returns:
        uint8 [C, H, W]; and what was done to it: some of `RESIZED`, `GREYED`, `FRAMES`, `WHITE`.

    Raises:
        Broken: it can't be read whole.
    """
    channels, height, width = shape
    plain = quick(cell)
    if plain is not None and plain.size == (width, height) and plain.mode == _MODES[channels]:
        return _channels_first(np.asarray(plain)), ()
    remarks = []
    with _opened(cell) as image:
        turned = _orientation(image)
        if getattr(image, "is_animated", False):
            remarks.append(FRAMES)
        # A JPEG is decoded at 1/2, 1/4 or 1/8 of its size where that is still twice what is needed.
        scale = _scale(image.size, (height, width) if turned > 4 else (width, height), resize)
        across, down = (max(1, round(2 * scale * side)) for side in image.size)
        image.draft(None, (across, down))
        image.load()
        # PNG may carry its EXIF note behind the pixels.
        turned = max(turned, _orientation(image))
        if channels == 1 and _has_colour(image):
            remarks.append(GREYED)
        plain, see_through = _plain(image, channels)
        if see_through:
            remarks.append(WHITE)
        plain = _turned(plain, turned)
        if plain.size != (width, height):
            remarks.append(RESIZED)
            plain = _resized(plain, width, height, resize)
        return _channels_first(np.asarray(plain)), tuple(remarks)


def resized(pixels: Pixels, shape: tuple[int, ...], resize: Resize = "crop") -> Pixels:
    """Pixels [c, h, w] in another shape [C, H, W]; see `decode`."""
    from PIL import Image

    channels, height, width = shape
    if pixels.shape == shape:
        return pixels
    last = np.ascontiguousarray(pixels.transpose(1, 2, 0))
    image = Image.fromarray(last[..., 0] if last.shape[2] == 1 else last)
    plain, _ = _plain(image, channels)
    if plain.size != (width, height):
        plain = _resized(plain, width, height, resize)
    return _channels_first(np.asarray(plain))


@contextmanager
def without_warnings() -> Iterator[None]:
    """Around many calls of `header` and `decode`: Pillow's warnings are of no use here.

    It warns of damaged notes, while the pixels are what counts, and of large images, which
    `MOST_PIXELS` refuses. Not around each image: filters belong to the whole process, threads
    included.
    """
    silent, pillow = logging.NullHandler(), logging.getLogger("PIL")
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module="PIL")
        pillow.addHandler(silent)  # without one, Python prints errors to the terminal
        try:
            yield
        finally:
            pillow.removeHandler(silent)


@contextmanager
def _opened(cell: bytes | str) -> Iterator[Image.Image]:
    """The image, open; whatever goes wrong inside of the block is `Broken`."""
    from PIL import Image, UnidentifiedImageError

    if not cell:
        raise Broken("no bytes")
    if isinstance(cell, str) and not is_file(cell):
        raise Broken("no such file")
    try:
        source: Any = io.BytesIO(cell) if isinstance(cell, bytes) else cell
        with Image.open(source, formats=_FORMATS) as image:
            if image.width * image.height > MOST_PIXELS:
                raise Broken(f"too many pixels: {image.width:,} × {image.height:,}")
            yield image
    except Broken:
        raise
    except UnidentifiedImageError:
        raise Broken(_unknown(cell)) from None
    except Image.DecompressionBombError:
        raise Broken("too many pixels") from None
    except MemoryError:
        raise Broken("too large for the memory") from None
    # Decoders of damaged files raise what they like: struct.error, KeyError, zlib.error …
    except Exception as error:
        raise Broken(_reason(error)) from None


def _unknown(cell: bytes | str) -> str:
    """Why Pillow didn't recognise a file."""
    start = cell[:16]
    if isinstance(cell, str):
        with Path(cell).open("rb") as file:
            start = file.read(16)
    if not start:
        return "the file is empty"
    assert isinstance(start, bytes)
    if is_encoded(start):
        return "damaged at its beginning"
    return f"not {ACCEPTED}"


def _reason(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    text = (str(error).splitlines() or [type(error).__name__])[0]
    return "cut off before its end" if "truncated" in text.lower() else f"damaged ({text[:80]})"


def _has_colour(image: Image.Image) -> bool:
    if image.mode in ("P", "PA"):
        colours = image.palette.colors if image.palette else {}
        palette = image.getpalette() or []
        thirds = (palette[0::3], palette[1::3], palette[2::3])
        return bool(colours or palette) and not thirds[0] == thirds[1] == thirds[2]
    return image.mode not in _GREY and not image.mode.startswith("I;16")


def _orientation(image: Image.Image) -> int:
    """The EXIF note on how to hold the image, 1 … 8."""
    if image.format == "TIFF" or not image.info.get("exif"):
        return 1  # Pillow turns TIFF files by itself
    try:
        value = image.getexif().get(_ORIENTATION, 1)
    # A damaged note says nothing, and the pixels are still good.
    except Exception:
        return 1
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def _turned(image: Image.Image, orientation: int) -> Image.Image:
    from PIL.Image import Transpose

    turn = {
        2: Transpose.FLIP_LEFT_RIGHT,
        3: Transpose.ROTATE_180,
        4: Transpose.FLIP_TOP_BOTTOM,
        5: Transpose.TRANSPOSE,
        6: Transpose.ROTATE_270,
        7: Transpose.TRANSVERSE,
        8: Transpose.ROTATE_90,
    }.get(orientation)
    return image if turn is None else image.transpose(turn)


def _plain(image: Image.Image, channels: int) -> tuple[Image.Image, bool]:
    """The image as 8-bit grey, red-green-blue or with alpha; and whether it was put on white."""
    from PIL import Image

    mode = _MODES[channels]
    if image.mode.startswith("I") or image.mode == "F":
        image = _eight_bits(image)
    alpha = image.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in image.info
    if alpha and mode != "RGBA":
        coloured = image.convert("RGBA")
        if coloured.getchannel("A").getextrema() != (255, 255):
            white = Image.new("RGBA", image.size, (255, 255, 255, 255))
            white.alpha_composite(coloured)
            return white.convert("RGB").convert(mode), True
        image = coloured.convert("RGB")
    return (image if image.mode == mode else image.convert(mode)), False


def _eight_bits(image: Image.Image) -> Image.Image:
    """16 bits a pixel as 8, rounded."""
    from PIL import Image

    values = np.asarray(image)
    if image.mode == "F" or values.min(initial=0) < 0 or values.max(initial=0) > 65535:
        raise Broken("numbers of 32 bits a pixel; save it with 8 or 16")
    return Image.fromarray(((values.astype(np.uint32) + 128) // 257).astype(np.uint8))


def _scale(size: tuple[int, int], wanted: tuple[int, int], resize: Resize) -> float:
    """By what to multiply the sides so that the image is as large as ``wanted`` needs it."""
    ratios = [want / side for want, side in zip(wanted, size, strict=True)]
    return min(ratios) if resize == "pad" else max(ratios)


def _resized(image: Image.Image, width: int, height: int, how: Resize) -> Image.Image:
    """The image at another size."""
    from PIL import Image

    smooth = Image.Resampling.BICUBIC
    if how == "stretch":
        return image.resize((width, height), smooth)
    across, down = width / image.width, height / image.height
    if how == "pad":
        scale = min(across, down)
        inner = (
            min(width, max(1, round(image.width * scale))),
            min(height, max(1, round(image.height * scale))),
        )
        framed = Image.new(image.mode, (width, height))
        place = ((width - inner[0]) // 2, (height - inner[1]) // 2)
        framed.paste(image.resize(inner, smooth), place)
        return framed
    scale = max(across, down)
    left = max(0.0, (image.width - width / scale) / 2)  # rounding may say −1e-15
    top = max(0.0, (image.height - height / scale) / 2)
    box = (left, top, image.width - left, image.height - top)
    return image.resize((width, height), smooth, box=box)


def _channels_first(pixels: npt.NDArray[Any]) -> Pixels:
    return pixels[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1)
