"""Images that are arrays already: their layout, and what they weigh.

Shapes: N images, C channels, H height, W width.
"""

from __future__ import annotations

import hashlib
import math
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from methodic.data.images.decoding import Pixels
from methodic.errors import InputError

if TYPE_CHECKING:
    import polars as pl

CHANNELS = (1, 3, 4)
SMALLEST = 4
"""Bytes of fewer rows or columns are no picture."""


def layout(shape: tuple[int, ...]) -> tuple[int, int, int] | None:
    """The shape [C, H, W] of cells of bytes that can be images; None: they are something else.

    Channels may stand first or last, or be left out; where both could be, first is taken.

    Example:
        >>> layout((3, 32, 32)), layout((32, 32, 3)), layout((28, 28)), layout((7, 2))
        ((3, 32, 32), (3, 32, 32), (1, 28, 28), None)
    """
    if len(shape) == 2:
        shape = (1, *shape)
    if len(shape) != 3:
        return None
    if shape[0] not in CHANNELS:
        shape = (shape[2], shape[0], shape[1])
    if shape[0] not in CHANNELS or min(shape[1:]) < SMALLEST:
        return None
    return shape[0], shape[1], shape[2]


def channels_first(pixels: Pixels, where: str = "data") -> Pixels:
    """Images of any `layout` as [N, C, H, W]; a copy only where the channels stand last.

    Raises:
        InputError: these can't be images.
    """
    shape = layout(pixels.shape[1:])
    if shape is None:
        raise InputError(
            f"{where}: arrays of this shape aren't images",
            found=f"shape {pixels.shape}",
            accepted="[N, H, W], [N, H, W, C] or [N, C, H, W] with 1, 3 or 4 channels",
        )
    if pixels.ndim == 4 and pixels.shape[1] not in CHANNELS:
        pixels = pixels.transpose(0, 3, 1, 2)
    return np.ascontiguousarray(pixels).reshape(len(pixels), *shape)


def as_images(pixels: Pixels, name: str, where: str = "data") -> pl.Series:
    """Bytes as a column of images [C, H, W]; see `channels_first`."""
    return column_of(channels_first(pixels, where), name)


def column_of(array: npt.NDArray[Any], name: str) -> pl.Series:
    """An array [N, …] as a column of arrays, without a copy: images of a data set are large."""
    import polars as pl

    flat = pl.Series(name, np.ascontiguousarray(array).reshape(-1))
    return flat.reshape(array.shape) if array.size else pl.Series(name, array)


def hashable(frame: pl.DataFrame) -> pl.DataFrame:
    """The table with a number in place of each array: equal where the arrays are, UInt64.

    polars hashes arrays value by value, which takes five times as long.
    """
    import polars as pl

    kinds = {each.name: each.dtype for each in frame}
    wide = [name for name, kind in kinds.items() if isinstance(kind, pl.Array)]
    return frame.with_columns([_digests(frame[name]) for name in wide])


def _digests(cells: pl.Series) -> pl.Series:
    import polars as pl

    values = cells.to_numpy()
    if values.dtype.kind == "f":
        values = values + 0.0  # there is one zero
    rows = np.ascontiguousarray(values).reshape(len(values), math.prod(values.shape[1:]))
    hashed = [hashlib.blake2b(row.data, digest_size=8).digest() for row in rows]
    numbers = pl.Series(cells.name, np.frombuffer(b"".join(hashed), dtype=np.uint64))
    return numbers.set(cells.is_null(), None) if cells.null_count() else numbers
