"""Small pictures that tests write, in any form that people have them in."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image


def pixels(
    seed: int = 0, height: int = 12, width: int = 10, channels: int = 3
) -> npt.NDArray[np.uint8]:
    """A smooth random picture [C, H, W]: one that JPEG hardly changes."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (2, 2, channels), dtype=np.uint8)
    layers = [
        np.asarray(
            Image.fromarray(coarse[..., c]).resize((width, height), Image.Resampling.BICUBIC)
        )
        for c in range(channels)
    ]
    return np.stack(layers)


def image(array: npt.NDArray[np.uint8]) -> Image.Image:
    """A picture [C, H, W] as Pillow has it."""
    last = np.ascontiguousarray(array.transpose(1, 2, 0))
    return Image.fromarray(last[..., 0] if last.shape[2] == 1 else last)


def encoded(
    array: npt.NDArray[np.uint8] | Image.Image, kind: str = "PNG", **options: object
) -> bytes:
    """The bytes of an image file."""
    stream = io.BytesIO()
    opened = array if isinstance(array, Image.Image) else image(array)
    opened.save(stream, kind, **options)  # type: ignore[arg-type]
    return stream.getvalue()


def write(path: Path, array: npt.NDArray[np.uint8] | None = None, seed: int = 0) -> Path:
    """A picture as a file; the suffix says of which kind. Folders are made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    kinds = {".jpg": "JPEG", ".jpeg": "JPEG", ".tif": "TIFF", ".pgm": "PPM"}
    kind = kinds.get(path.suffix.lower(), path.suffix[1:].upper())
    path.write_bytes(encoded(pixels(seed) if array is None else array, kind))
    return path


def classes(folder: Path, each: int = 12, size: tuple[int, int] = (12, 10)) -> Path:
    """A folder of two classes: cats are dark and dogs are bright."""
    for i in range(each):
        dark, bright = (pixels(2 * i + k, *size) // 2 for k in range(2))
        write(folder / "cats" / f"{i:02}.png", dark)
        write(folder / "dogs" / f"{i:02}.png", 255 - bright)
    return folder
