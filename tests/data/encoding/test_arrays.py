"""Arrays and images of a column."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from methodic.data.encoding.arrays import cells, channel_moments, moments

IMAGES = np.random.default_rng(0).integers(0, 256, (600, 3, 4, 5), dtype=np.uint8)


def test_channels_are_counted_exactly() -> None:
    scaled = IMAGES / 255
    found = np.array(channel_moments(IMAGES))
    assert found[:, 0] == pytest.approx(scaled.mean(axis=(0, 2, 3)), rel=1e-12)
    assert found[:, 1] == pytest.approx(scaled.std(axis=(0, 2, 3)), rel=1e-12)
    one = IMAGES.copy()
    one[599, 1, 3, 4] ^= 255  # the last pixel counts, too
    assert channel_moments(one)[1] != channel_moments(IMAGES)[1]
    assert channel_moments(one)[0] == channel_moments(IMAGES)[0]


def test_one_colour_is_divided_by_one() -> None:
    assert channel_moments(np.full((2, 1, 2, 2), 51, dtype=np.uint8)) == (
        (pytest.approx(0.2), 1.0),
    )
    assert moments(np.full(3, 7.0)) == (7.0, 1.0)


def test_cells_keep_their_type_and_can_be_written_to() -> None:
    column = pl.Series("x", IMAGES)
    found = cells(column, (3, 4, 5))
    assert found.dtype == np.uint8
    found[0, 0, 0, 0] ^= 255
    assert (column.to_numpy() == IMAGES).all(), "the table stays as it was"
