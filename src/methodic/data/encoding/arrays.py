"""Arrays and images in a column: what they look like as NumPy arrays, and what is learnt of them.

Shapes: N rows, C channels, H × W pixels.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    import polars as pl

_ROWS = 256  # images that are counted at once; more leave the processor's cache


def moments(values: npt.NDArray[Any]) -> tuple[float, float]:
    """Mean and standard deviation in float64; 1 in place of a deviation of 0."""
    deviation = float(values.std(dtype=np.float64))
    return float(values.mean(dtype=np.float64)), deviation if deviation > 0 else 1.0


def channel_moments(images: npt.NDArray[np.uint8]) -> tuple[tuple[float, float], ...]:
    """Mean and standard deviation of each channel, with pixels from 0 to 1; exact, by counting.

    Args:
        images: uint8 [N, C, …].

    Returns:
        C pairs; the deviation of a channel of one colour is 1.

    Example:
        >>> channel_moments(np.array([[[0, 255]], [[0, 255]]], dtype=np.uint8))
        ((0.5, 0.5),)
    """
    pixels = images.reshape(*images.shape[:2], -1)
    counts = np.zeros((pixels.shape[1], 256), dtype=np.int64)
    for start in range(0, len(pixels), _ROWS):
        for channel, count in enumerate(counts):
            some = pixels[start : start + _ROWS, channel]
            count += np.bincount(some.reshape(-1), minlength=256)
    levels = np.arange(256) / 255
    found = []
    for count in counts:
        weights = count / max(int(count.sum()), 1)
        mean = float(weights @ levels)
        deviation = float(np.sqrt(weights @ (levels - mean) ** 2))
        found.append((mean, deviation if deviation > 0 else 1.0))
    return tuple(found)


def cells(column: pl.Series, shape: tuple[int, ...]) -> npt.NDArray[Any]:
    """The cells of an array column as [N, …], writable; of the column's own type."""
    found = column.to_numpy().reshape(len(column), *shape)
    return found if found.flags.writeable else found.copy()
