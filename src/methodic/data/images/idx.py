"""IDX files, the form of MNIST and its family: one of images, one of labels, often gzipped.

A file begins with two zeros, a code of the type, the number of dimensions and their sizes as
big-endian 32-bit integers; the values follow.
"""

from __future__ import annotations

import gzip
import math
import re
import struct
import zlib
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from methodic.data.images.decoding import Pixels
from methodic.errors import InputError

if TYPE_CHECKING:
    import polars as pl

_BYTES = 0x08  # the only type that images and labels of this family have
_MOST = 2**33  # bytes; a header can claim anything
_NAME = re.compile(r"^(?P<part>.*?)[-_]?(?P<what>images|labels)[-_.]?idx(?P<dimensions>\d)", re.I)
_ACCEPTED = "pairs such as train-images-idx3-ubyte.gz and train-labels-idx1-ubyte.gz"


def is_idx(path: Path) -> bool:
    """Whether this is a file of images in this form, by its name."""
    found = _NAME.match(path.name)
    return found is not None and found["what"].lower() == "images"


def images_of(folder: Path) -> list[Path]:
    """The files of images of a folder."""
    return sorted(each for each in folder.iterdir() if is_idx(each) and each.is_file())


def part_of(path: Path) -> str:
    """What the name says of a file of images: "train", "t10k", …"""
    found = _NAME.match(path.name)
    return found["part"].lower() if found else ""


def read_idx(path: Path) -> pl.DataFrame:
    """The images of one file with the labels that stand beside it.

    Args:
        path: of the images.

    Returns:
        "image", uint8 [1, H, W] or [C, H, W], and "label", whole numbers.

    Raises:
        InputError: no labels beside it, damaged, or not as many labels as images.
    """
    import polars as pl

    from methodic.data.images.arrays import as_images

    beside = _labels_of(path)
    images, labels = _values(path), _values(beside)
    if images.ndim not in (3, 4) or labels.ndim != 1:
        raise InputError(
            f"{path}: not images with labels",
            found=f"shapes {images.shape} and {labels.shape}",
            accepted="images [N, height, width] and labels [N]",
        )
    if len(images) != len(labels):
        raise InputError(
            f"{path}: not as many labels as images",
            found=f"{len(images):,} images, and {len(labels):,} labels in {beside.name}",
        )
    return pl.DataFrame([as_images(images, "image", str(path)), pl.Series("label", labels)])


def _labels_of(path: Path) -> Path:
    found = _NAME.match(path.name)
    assert found is not None
    for each in sorted(path.parent.iterdir()):
        other = _NAME.match(each.name)
        if other and other["what"].lower() == "labels" and other["part"] == found["part"]:
            return each
    raise InputError(
        f"{path}: the file of its labels isn't there",
        found=f"the images '{path.name}' alone",
        accepted=_ACCEPTED,
    )


def _values(path: Path) -> Pixels:
    """The array of a file, checked against its own header."""
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            start = file.read(4)
            zeros, kind, dimensions = struct.unpack(">HBB", start)
            if zeros or kind != _BYTES or not 1 <= dimensions <= 4:
                raise _damaged(path, f"it begins with {start.hex(' ')}")
            shape = struct.unpack(f">{dimensions}I", file.read(4 * dimensions))
            size = math.prod(shape)
            if size > _MOST:
                raise _damaged(path, f"it claims {size:,} bytes")
            # One more byte is asked for: a file that goes on is as wrong as one that stops early.
            content = file.read(size + 1)
    except OSError as error:
        raise _damaged(path, error.strerror or str(error)) from None
    except (EOFError, zlib.error, struct.error) as error:
        raise _damaged(path, str(error)) from None
    if len(content) != size:
        raise _damaged(path, f"{len(content):,} bytes or more for the shape {shape}")
    return np.frombuffer(content, dtype=np.uint8).reshape(shape)


def _damaged(path: Path, what: str) -> InputError:
    return InputError(
        f"{path}: this IDX file is damaged, or isn't one",
        found=what,
        accepted=_ACCEPTED,
        advice="Copy it again.",
    )
