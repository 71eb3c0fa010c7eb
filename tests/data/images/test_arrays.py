"""Images that are arrays: layouts, columns without copies, equal ones by one number."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from methodic.data.images.arrays import as_images, channels_first, column_of, hashable, layout
from methodic.errors import InputError

RNG = np.random.default_rng(0)

LAYOUTS = {
    (3, 32, 32): (3, 32, 32),
    (32, 32, 3): (3, 32, 32),
    (1, 8, 9): (1, 8, 9),
    (8, 9, 1): (1, 8, 9),
    (8, 9): (1, 8, 9),
    (16, 9, 4): (4, 16, 9),
    (3, 32, 3): None,
    (3, 3): None,
    (9,): None,
    (8, 9, 7): None,
    (2, 3, 8, 8): None,
}


@pytest.mark.parametrize("shape", LAYOUTS)
def test_layouts(shape: tuple[int, ...]) -> None:
    assert layout(shape) == LAYOUTS[shape]


def test_channels_come_first() -> None:
    last = RNG.integers(0, 256, (5, 8, 9, 3), dtype=np.uint8)
    assert np.array_equal(channels_first(last), np.moveaxis(last, 3, 1))
    first = np.moveaxis(last, 3, 1).copy()
    assert np.shares_memory(channels_first(first), first)
    with pytest.raises(InputError, match="aren't images"):
        channels_first(RNG.integers(0, 256, (5, 8, 9, 7), dtype=np.uint8))


def test_columns_share_the_arrays_memory() -> None:
    pixels = RNG.integers(0, 256, (50, 3, 8, 8), dtype=np.uint8)
    column = as_images(pixels, "x")
    assert column.dtype == pl.Array(pl.UInt8, (3, 8, 8))
    assert np.array_equal(column.to_numpy(), pixels)
    assert np.shares_memory(column.to_numpy(), pixels)
    assert column_of(pixels[:0], "x").dtype == column.dtype


def test_equal_images_have_one_number() -> None:
    pixels = RNG.integers(0, 256, (6, 1, 8, 8), dtype=np.uint8)
    pixels[4] = pixels[1]
    pixels[5] = pixels[1]
    pixels[5, 0, 7, 7] ^= 1
    frame = pl.DataFrame({"y": [0, 1, 0, 0, 1, 1]}).with_columns(as_images(pixels, "x"))
    found = hashable(frame)
    assert found.columns == frame.columns
    assert found["y"].equals(frame["y"])
    assert found["x"].n_unique() == 5
    assert found["x"][1] == found["x"][4]
    assert hashable(frame[3:])["x"].equals(found["x"][3:])


def test_missing_arrays_stay_missing() -> None:
    cells = pl.Series("x", [[1.5, 2.5], None, [1.5, 2.5]], dtype=pl.Array(pl.Float32, 2))
    found = hashable(cells.to_frame())["x"]
    assert found[0] == found[2]
    assert found[1] is None
